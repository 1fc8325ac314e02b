//! Query parameters: names in any case, values as the peers' clients write them.

use std::collections::HashMap;
use std::time::Duration;

use http::Uri;
use weft_orchestration::{Status, Timestamp};

use crate::params::query_pairs;
use crate::{Problem, time};

/// The first value of each parameter, by lower-case name.
pub(super) struct Query(HashMap<String, String>);

impl Query {
    pub(super) fn new(uri: &Uri) -> Self {
        let mut values = HashMap::new();
        for (name, value) in query_pairs(uri) {
            values.entry(name.to_ascii_lowercase()).or_insert(value);
        }
        Self(values)
    }

    /// An empty value counts as none.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let value = self.0.get(&name.to_ascii_lowercase())?;
        (!value.is_empty()).then_some(value.as_str())
    }

    /// # Errors
    /// 400 for what is neither true nor false.
    pub(super) fn flag(&self, name: &str, default: bool) -> Result<bool, Problem> {
        match self.text(name) {
            None => Ok(default),
            Some(text) => text
                .to_ascii_lowercase()
                .parse()
                .map_err(|_| refused(name, "true or false")),
        }
    }

    /// # Errors
    /// 400 for what is no number of seconds.
    pub(super) fn seconds(&self, name: &str) -> Result<Option<Duration>, Problem> {
        let parse = |text: &str| {
            let seconds: f64 = text.parse().ok()?;
            Duration::try_from_secs_f64(seconds).ok()
        };
        self.text(name)
            .map(|text| parse(text).ok_or_else(|| refused(name, "a number of seconds")))
            .transpose()
    }

    /// # Errors
    /// 400 for what is no number above zero.
    pub(super) fn count(&self, name: &str) -> Result<Option<u32>, Problem> {
        let parse = |text: &str| text.parse().ok().filter(|count| *count > 0);
        self.text(name)
            .map(|text| parse(text).ok_or_else(|| refused(name, "a number above zero")))
            .transpose()
    }

    /// # Errors
    /// 400 for what is no time.
    pub(super) fn time(&self, name: &str) -> Result<Option<Timestamp>, Problem> {
        let text = self.text(name);
        text.map(|text| time::parse(name, text)).transpose()
    }

    /// `None` where there is no list. The peers know two more statuses, which no instance has here.
    ///
    /// # Errors
    /// 400 for an unknown status.
    pub(super) fn statuses(&self, name: &str) -> Result<Option<Vec<Status>>, Problem> {
        let Some(list) = self.text(name) else {
            return Ok(None);
        };
        let foreign = |name: &str| {
            name.eq_ignore_ascii_case("ContinuedAsNew") || name.eq_ignore_ascii_case("Canceled")
        };
        let names = list.split(',').map(str::trim);
        let own: Vec<_> = names.filter(|name| !foreign(name)).collect();
        crate::routes::parse_statuses(name, &own.join(",")).map(Some)
    }
}

fn refused(name: &str, what: &str) -> Problem {
    Problem::invalid(format!("{name} must be {what}")).with("parameter", name)
}
