//! Metrics in the OpenMetrics text format.
//!
//! Counting is a few atomic additions on handles that callers keep. Figures that others hold
//! already (worker, pool, queues) are read by closures when somebody asks, so they cost nothing
//! otherwise. Labels come from deployed names only, never from what a caller sends.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeLabelSet, EncodeLabelValue, EncodeMetric,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Upper bounds of the latency buckets, in seconds: from a bare instance to a slow request.
const LATENCY_BUCKETS: [f64; 14] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0,
];

/// The metrics of one node.
#[derive(Debug)]
pub struct Metrics {
    registry: Mutex<Registry>,
    requests: Family<RequestLabels, Counter>,
    durations: Family<FunctionLabels, Histogram, fn() -> Histogram>,
}

/// How a request ended, by the class of its status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Outcome {
    Success,
    Redirect,
    ClientError,
    ServerError,
}

impl Outcome {
    /// Of an HTTP status; informational ones count as success.
    #[must_use]
    pub fn of_status(status: u16) -> Self {
        match status {
            500.. => Self::ServerError,
            400.. => Self::ClientError,
            300.. => Self::Redirect,
            _ => Self::Success,
        }
    }
}

/// Whether a figure only rises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
}

/// The metrics of one function's requests; cheap to clone and to keep beside its route.
#[derive(Debug, Clone)]
pub struct FunctionMetrics {
    success: Counter,
    redirect: Counter,
    client_error: Counter,
    server_error: Counter,
    durations: Histogram,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FunctionLabels {
    tenant: String,
    app: String,
    function: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    tenant: String,
    app: String,
    function: String,
    outcome: Outcome,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("weft");
        let requests = Family::default();
        registry.register(
            "http_requests",
            "Requests of the data plane by function and outcome",
            requests.clone(),
        );
        let histogram: fn() -> Histogram = || Histogram::new(LATENCY_BUCKETS);
        let durations = Family::new_with_constructor(histogram);
        registry.register_with_unit(
            "http_request_duration",
            "Time from the request's head to the response's head",
            Unit::Seconds,
            durations.clone(),
        );
        Self {
            registry: Mutex::new(registry),
            requests,
            durations,
        }
    }
}

impl Metrics {
    /// The handle to count one function's requests on.
    #[must_use]
    pub fn function(&self, tenant: &str, app: &str, function: &str) -> FunctionMetrics {
        let counter = |outcome| {
            self.requests.get_or_create_owned(&RequestLabels {
                tenant: tenant.to_owned(),
                app: app.to_owned(),
                function: function.to_owned(),
                outcome,
            })
        };
        FunctionMetrics {
            success: counter(Outcome::Success),
            redirect: counter(Outcome::Redirect),
            client_error: counter(Outcome::ClientError),
            server_error: counter(Outcome::ServerError),
            durations: self.durations.get_or_create_owned(&FunctionLabels {
                tenant: tenant.to_owned(),
                app: app.to_owned(),
                function: function.to_owned(),
            }),
        }
    }

    /// Adds a figure that somebody else holds. The name is written without the prefix `weft_` and
    /// without the suffix `_total`.
    pub fn read_from(
        &self,
        name: &'static str,
        help: &'static str,
        kind: Kind,
        read: impl Fn() -> u64 + Send + Sync + 'static,
    ) {
        self.registry().register_collector(Box::new(Figure {
            name,
            help,
            kind,
            read: Box::new(read),
        }));
    }

    /// Adds figures that somebody else holds, one for each set of labels. Whoever reads bounds how
    /// many there are.
    pub fn read_labelled(
        &self,
        name: &'static str,
        help: &'static str,
        kind: Kind,
        read: impl Fn() -> Vec<Labelled> + Send + Sync + 'static,
    ) {
        self.registry().register_collector(Box::new(LabelledFigure {
            name,
            help,
            kind,
            read: Box::new(read),
        }));
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All metrics as OpenMetrics text
    /// (`application/openmetrics-text; version=1.0.0; charset=utf-8`).
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry())
            .expect("writing to a string cannot fail");
        text
    }
}

impl FunctionMetrics {
    /// Counts one request.
    pub fn observe(&self, outcome: Outcome, duration: Duration) {
        let counter = match outcome {
            Outcome::Success => &self.success,
            Outcome::Redirect => &self.redirect,
            Outcome::ClientError => &self.client_error,
            Outcome::ServerError => &self.server_error,
        };
        counter.inc();
        self.durations.observe(duration.as_secs_f64());
    }
}

struct Figure {
    name: &'static str,
    help: &'static str,
    kind: Kind,
    read: Box<dyn Fn() -> u64 + Send + Sync>,
}

impl fmt::Debug for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Figure").field("name", &self.name).finish()
    }
}

impl Collector for Figure {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let value = (self.read)();
        match self.kind {
            Kind::Counter => {
                let counter = ConstCounter::new(value);
                let kind = MetricType::Counter;
                counter.encode(encoder.encode_descriptor(self.name, self.help, None, kind)?)
            }
            Kind::Gauge => {
                let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
                let kind = MetricType::Gauge;
                gauge.encode(encoder.encode_descriptor(self.name, self.help, None, kind)?)
            }
        }
    }
}

/// A figure with its labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Labelled {
    pub labels: Vec<(&'static str, String)>,
    pub value: f64,
}

struct LabelledFigure {
    name: &'static str,
    help: &'static str,
    kind: Kind,
    read: Box<dyn Fn() -> Vec<Labelled> + Send + Sync>,
}

impl fmt::Debug for LabelledFigure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LabelledFigure")
            .field("name", &self.name)
            .finish()
    }
}

impl Collector for LabelledFigure {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let figures = (self.read)();
        let kind = match self.kind {
            Kind::Counter => MetricType::Counter,
            Kind::Gauge => MetricType::Gauge,
        };
        let mut family = encoder.encode_descriptor(self.name, self.help, None, kind)?;
        for Labelled { labels, value } in figures {
            let metric = family.encode_family(&labels)?;
            match self.kind {
                Kind::Counter => ConstCounter::new(value).encode(metric)?,
                Kind::Gauge => ConstGauge::new(value).encode(metric)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_requests_and_reads_figures_when_asked() {
        let metrics = Metrics::default();
        metrics.read_from("turns", "Turns run", Kind::Counter, || 7);
        metrics.read_from("live_instances", "Live instances", Kind::Gauge, || 3);
        metrics.read_labelled(
            "tenant_cpu_seconds",
            "Processor time",
            Kind::Counter,
            || {
                let labels = vec![("tenant", "a\"b".to_owned())];
                vec![Labelled { labels, value: 1.5 }]
            },
        );
        let function = metrics.function("default", "shop", "hello");
        function.observe(Outcome::of_status(200), Duration::from_millis(2));
        function.observe(Outcome::of_status(503), Duration::from_millis(2));
        let text = metrics.encode();
        let labels = r#"tenant="default",app="shop",function="hello""#;
        for line in [
            format!(r#"weft_http_requests_total{{{labels},outcome="Success"}} 1"#),
            format!(r#"weft_http_requests_total{{{labels},outcome="ServerError"}} 1"#),
            format!(r#"weft_http_request_duration_seconds_bucket{{le="0.0025",{labels}}} 2"#),
            r#"weft_tenant_cpu_seconds_total{tenant="a\"b"} 1.5"#.to_owned(),
            "weft_turns_total 7".to_owned(),
            "weft_live_instances 3".to_owned(),
            "# EOF".to_owned(),
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
