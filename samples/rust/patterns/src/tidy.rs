//! An activity that manages other orchestrations, as a job that runs every night might.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use weft_sdk::client::{RuntimeStatus, Status};
use weft_sdk::management::{self, Filter, StartOptions};
use weft_sdk::{Failure, activity};

/// Orchestrations that were started together.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Batch {
    /// The value of their tag `batch`.
    pub name: String,
    /// How many to start.
    #[serde(default)]
    pub size: u32,
}

impl Batch {
    fn tags(&self) -> BTreeMap<String, String> {
        BTreeMap::from([("batch".to_owned(), self.name.clone())])
    }

    fn of(&self, statuses: &[RuntimeStatus]) -> Filter {
        Filter {
            statuses: statuses.to_vec(),
            tags: self.tags(),
            ..Filter::default()
        }
    }
}

/// What was found and done.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    rewound: usize,
    restarted: usize,
    removed: u64,
    counters: usize,
}

/// Starts the orchestrations of a batch, each with an id of its own; those that are open stay.
#[activity]
pub fn start_batch(batch: Batch) -> Result<Vec<String>, Failure> {
    let start = |number| {
        let id = format!("{}-{number}", batch.name);
        let options = StartOptions {
            instance_id: Some(id.clone()),
            tags: batch.tags(),
            ..StartOptions::default()
        };
        management::start("parent", &id, &options).map_err(refused)
    };
    (0..batch.size).map(start).collect()
}

/// Lets what has failed go on, starts what was terminated again, and removes what has completed.
#[activity]
pub fn tidy_batch(batch: Batch) -> Result<Report, Failure> {
    let mut report = Report::default();
    for failed in all(&batch.of(&[RuntimeStatus::Failed]))? {
        management::rewind(&failed.instance_id, "tidied up").map_err(refused)?;
        report.rewound += 1;
    }
    for terminated in all(&batch.of(&[RuntimeStatus::Terminated]))? {
        management::restart(&terminated.instance_id, true).map_err(refused)?;
        report.restarted += 1;
    }
    let completed = batch.of(&[RuntimeStatus::Completed]);
    report.removed = management::purge_matching(&completed, true).map_err(refused)?;
    let counters = management::list_entities(Some("counter"), 100, None);
    report.counters = counters.map_err(refused)?.items.len();
    Ok(report)
}

fn all(filter: &Filter) -> Result<Vec<Status>, Failure> {
    let mut found = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = management::list(filter, 100, after.as_deref()).map_err(refused)?;
        found.extend(page.items);
        after = page.next;
        if after.is_none() {
            return Ok(found);
        }
    }
}

fn refused(error: weft_sdk::client::Error) -> Failure {
    Failure::permanent("management", error.to_string())
}
