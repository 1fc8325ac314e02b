//! Versions, tags and traces of calls.

use std::collections::HashMap;

use weft_orchestration::Labels;

use crate::proto;

/// Labels as messages have them.
#[derive(Debug, Default)]
pub(crate) struct OfLabels {
    pub(crate) version: Option<String>,
    pub(crate) tags: HashMap<String, String>,
    pub(crate) trace: Option<proto::TraceContext>,
}

pub(crate) fn of_labels(labels: Option<&Labels>) -> OfLabels {
    labels.map_or_else(OfLabels::default, |labels| OfLabels {
        version: labels.version.clone(),
        tags: labels.tags.clone().into_iter().collect(),
        trace: of_trace(
            labels.trace_parent.as_deref(),
            labels.trace_state.as_deref(),
        ),
    })
}

pub(crate) fn to_labels(
    version: Option<String>,
    tags: HashMap<String, String>,
    trace: Option<proto::TraceContext>,
) -> Labels {
    let (trace_parent, trace_state) = to_trace(trace);
    Labels {
        version: version.filter(|version| !version.is_empty()),
        tags: tags.into_iter().collect(),
        trace_parent,
        trace_state,
    }
}

/// `traceparent` and `tracestate`.
pub(crate) fn to_trace(trace: Option<proto::TraceContext>) -> (Option<String>, Option<String>) {
    let trace = trace.filter(|trace| !trace.trace_parent.is_empty());
    trace.map_or((None, None), |trace| {
        (Some(trace.trace_parent), trace.trace_state)
    })
}

pub(crate) fn of_trace(parent: Option<&str>, state: Option<&str>) -> Option<proto::TraceContext> {
    let parent = parent?;
    let span = parent.split('-').nth(2).unwrap_or_default();
    Some(proto::TraceContext {
        trace_parent: parent.to_owned(),
        span_id: span.to_owned(),
        trace_state: state.map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_come_back_as_they_went() {
        let trace = proto::TraceContext {
            trace_parent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into(),
            span_id: "00f067aa0ba902b7".into(),
            trace_state: Some("a=b".into()),
        };
        let tags = HashMap::from([("of".to_owned(), "test".to_owned())]);
        let labels = to_labels(Some("1.5".into()), tags.clone(), Some(trace.clone()));
        let back = of_labels(Some(&labels));
        assert_eq!(back.version.as_deref(), Some("1.5"));
        assert_eq!((back.tags, back.trace), (tags, Some(trace)));
        assert_eq!(
            to_labels(Some(String::new()), HashMap::new(), None),
            Labels::default()
        );
    }
}
