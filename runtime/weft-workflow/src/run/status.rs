//! The statuses of actions and runs, and how that of a graph comes of its leaves.

use std::fmt;
use std::str::FromStr;

use crate::value::same_name;

/// Where an action or a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Its predecessors have not ended.
    Waiting,
    Running,
    Succeeded,
    Skipped,
    Failed,
    TimedOut,
    Cancelled,
    Aborted,
}

impl Status {
    const ALL: [Self; 8] = [
        Self::Waiting,
        Self::Running,
        Self::Succeeded,
        Self::Skipped,
        Self::Failed,
        Self::TimedOut,
        Self::Cancelled,
        Self::Aborted,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "Waiting",
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Skipped => "Skipped",
            Self::Failed => "Failed",
            Self::TimedOut => "TimedOut",
            Self::Cancelled => "Cancelled",
            Self::Aborted => "Aborted",
        }
    }

    #[must_use]
    pub fn is_terminal(self) -> bool {
        match self {
            Self::Waiting | Self::Running => false,
            Self::Succeeded
            | Self::Skipped
            | Self::Failed
            | Self::TimedOut
            | Self::Cancelled
            | Self::Aborted => true,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is no status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no status")]
pub struct UnknownStatus(String);

impl FromStr for Status {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        let known = Self::ALL.into_iter().find(|s| same_name(s.as_str(), text));
        known.ok_or_else(|| UnknownStatus(text.to_owned()))
    }
}

/// One action of a graph, as its status is judged.
pub(crate) struct Judged<'a> {
    pub(crate) status: Status,
    /// The places of those that it runs after.
    pub(crate) before: &'a [usize],
    /// Whether nothing runs after it.
    pub(crate) leaf: bool,
}

/// The status of a graph whose actions have all ended: a leaf that was skipped counts as those
/// before it, a failure outranks everything, then a timeout.
pub(crate) fn of_graph(actions: &[Judged<'_>]) -> Status {
    let mut seen = vec![false; actions.len()];
    let mut open: Vec<usize> = (0..actions.len()).filter(|at| actions[*at].leaf).collect();
    let mut worst = Status::Succeeded;
    while let Some(at) = open.pop() {
        if std::mem::replace(&mut seen[at], true) {
            continue;
        }
        match actions[at].status {
            Status::Skipped => open.extend(actions[at].before),
            status => {
                if rank(status) > rank(worst) {
                    worst = status;
                }
            }
        }
    }
    worst
}

fn rank(status: Status) -> u8 {
    match status {
        Status::Succeeded | Status::Skipped | Status::Waiting | Status::Running => 0,
        Status::Aborted => 1,
        Status::Cancelled => 2,
        Status::TimedOut => 3,
        Status::Failed => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(actions: &[(Status, &[usize])]) -> Status {
        let judged: Vec<_> = actions
            .iter()
            .enumerate()
            .map(|(at, (status, before))| Judged {
                status: *status,
                before,
                leaf: !actions.iter().any(|(_, before)| before.contains(&at)),
            })
            .collect();
        of_graph(&judged)
    }

    #[test]
    fn a_skipped_leaf_counts_as_its_predecessors() {
        use Status::{Failed, Skipped, Succeeded, TimedOut};
        assert_eq!(graph(&[(Succeeded, &[]), (Skipped, &[0])]), Succeeded);
        let handled: &[(Status, &[usize])] = &[(Failed, &[]), (Succeeded, &[0])];
        assert_eq!(graph(handled), Succeeded);
        let side_by_side: &[(Status, &[usize])] =
            &[(Failed, &[]), (Skipped, &[0]), (Succeeded, &[0])];
        assert_eq!(graph(side_by_side), Failed);
        assert_eq!(graph(&[(TimedOut, &[]), (Failed, &[])]), Failed);
        assert_eq!(graph(&[(TimedOut, &[]), (Succeeded, &[])]), TimedOut);
        assert_eq!(graph(&[]), Succeeded);
    }
}
