//! Triggers that fire by the clock, and when to poll.

use weft_orchestration::Timestamp;

use crate::value::Value;

use super::plan::Kind;
use super::{Told, Watch, What, moment, recorded};

/// Windows that one turn fires for; those after it have a turn of their own.
const WINDOWS_PER_TURN: u64 = 16;
/// Occurrences that were missed, as far as they are counted.
const MISSED_COUNTED_MAX: usize = 1_000;
/// The code of an entry for occurrences that nobody fired for.
const MISSED: &str = "TriggerOccurrencesMissed";

impl Watch {
    /// The trigger has been deployed: finds when it is due first.
    pub(super) fn activate(&mut self) {
        let Some(plan) = &self.plan else { return };
        let now = moment(self.now);
        self.state.due = match &plan.kind {
            Kind::Recurrence(recurrence) | Kind::Poll { recurrence, .. } => {
                recurrence.first(now).map(recorded)
            }
            Kind::Windows {
                recurrence,
                delay_ms,
            } => recurrence
                .nth(recurrence.anchor(now), 0)
                .map(|end| recorded(end).plus_millis(*delay_ms)),
            Kind::Batch(_) => self.next_release(self.now),
            Kind::Webhook(_) | Kind::Told => None,
        };
    }

    /// Starts the timer for what is due next.
    pub(super) fn set_clock(&mut self) {
        if self.state.ending {
            return;
        }
        let set = self.waiters.values().any(|what| *what == What::Clock);
        if let (Some(due), false) = (self.state.due, set) {
            self.sleep(due.millis_since(self.now), What::Clock);
        }
    }

    /// The timer has fired.
    pub(super) fn due(&mut self) {
        if self.state.ending {
            return;
        }
        let Some(due) = self.state.due.take() else {
            return;
        };
        let Some(plan) = &self.plan else { return };
        match &plan.kind {
            Kind::Recurrence(_) => {
                self.state.due = self.next_after(due);
                self.fire(None, Told::of(Value::Null), Some(due));
                self.record_missed(due);
            }
            Kind::Windows { .. } => self.fire_windows(),
            Kind::Poll { .. } => return self.poll(),
            Kind::Batch(_) => {
                self.release_due(due);
                self.state.due = self.next_release(due.max(self.now));
            }
            Kind::Webhook(_) | Kind::Told => {}
        }
        self.set_clock();
    }

    /// Tells the history of the occurrences after `due` that have passed while nobody watched.
    fn record_missed(&mut self, due: Timestamp) {
        let (Some(activated), Some(plan)) = (self.state.activated, &self.plan) else {
            return;
        };
        let Kind::Recurrence(recurrence) = &plan.kind else {
            return;
        };
        let anchor = recurrence.anchor(moment(activated));
        let next = |after| recurrence.after(anchor, after);
        let passed = std::iter::successors(next(moment(due)), |last| next(*last))
            .take_while(|at| recorded(*at) <= self.now);
        let (count, last) = passed
            .take(MISSED_COUNTED_MAX)
            .fold((0, None), |(count, _), at| (count + 1, Some(at)));
        let Some(last) = last else { return };
        let more = if count == MISSED_COUNTED_MAX {
            " or more"
        } else {
            ""
        };
        let message = format!(
            "{count}{more} occurrences after the one at {} have passed while nobody watched, up to \
             {last}.",
            moment(due)
        );
        self.missed(MISSED, message);
    }

    /// The first occurrence that lies neither in the past nor before what has been: what was missed
    /// while nobody watched is not made up for.
    pub(super) fn next_after(&self, due: Timestamp) -> Option<Timestamp> {
        let recurrence = match &self.plan.as_ref()?.kind {
            Kind::Recurrence(recurrence) | Kind::Poll { recurrence, .. } => recurrence,
            Kind::Windows { .. } | Kind::Webhook(_) | Kind::Batch(_) | Kind::Told => return None,
        };
        let anchor = recurrence.anchor(moment(self.state.activated?));
        let next = recurrence.after(anchor, moment(due.max(self.now)))?;
        Some(recorded(next))
    }

    /// Fires for every window that has ended, in their order, as many as may be under way.
    fn fire_windows(&mut self) {
        let activated = moment(self.state.activated.unwrap_or(self.now));
        for fired in 0.. {
            let Some(plan) = &self.plan else { return };
            let Kind::Windows {
                recurrence,
                delay_ms,
            } = &plan.kind
            else {
                return;
            };
            let Some(end) = recurrence.nth(recurrence.anchor(activated), self.state.windows) else {
                return;
            };
            let due = recorded(end).plus_millis(*delay_ms);
            let full = self.has_no_room();
            if due > self.now || fired == WINDOWS_PER_TURN || full {
                self.state.due = Some(match full {
                    // Nothing is passed over: it comes back for the window.
                    true => due.max(self.now.plus_millis(1_000)),
                    false => due,
                });
                return;
            }
            let begin = recurrence.one_before(end).unwrap_or(end);
            let members = [
                ("windowStartTime", Value::from(begin.to_string())),
                ("windowEndTime", Value::from(end.to_string())),
            ];
            self.state.windows += 1;
            self.fire(None, Told::of(members.into_iter().collect()), Some(due));
        }
    }
}
