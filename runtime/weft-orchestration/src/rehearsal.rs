//! Whether other code follows a history that was recorded: the code runs over it, and nothing that
//! it asks for takes effect.

use crate::{After, Event, EventKind, Outcome, Turn, failure_kind};

/// A history to run code over, and how it went on when it was recorded.
#[derive(Debug)]
pub struct Rehearsal {
    /// To make a [`crate::Replay`] of, which is then delivered nothing.
    pub history: Vec<Event>,
    /// How the execution ended; `None` where it is open.
    ended: Option<Outcome>,
}

impl Rehearsal {
    /// `None` for a history that tells nothing of the code: an empty one, and one that ended by
    /// termination or, whatever its code did next, with a failure.
    #[must_use]
    pub fn of(mut history: Vec<Event>) -> Option<Self> {
        let ended = match history.last()?.kind.clone() {
            EventKind::ExecutionCompleted { outcome } => {
                history.pop();
                Some(outcome)
            }
            _ => None,
        };
        match ended {
            None | Some(Outcome::Completed(_)) => Some(Self { history, ended }),
            Some(Outcome::Failed(_) | Outcome::Terminated { .. }) => None,
        }
    }

    /// Judges the turn that followed the delivery of nothing.
    ///
    /// # Errors
    /// What the history has and what the code asks for, for a person.
    pub fn judge(self, turn: &Turn) -> Result<(), String> {
        let asks = match &turn.after {
            After::Ended(Outcome::Failed(failure)) if is_divergence(&failure.kind) => {
                return Err(failure.message.clone());
            }
            After::Ended(Outcome::Failed(failure)) => format!("failure ({})", failure.message),
            After::Ended(Outcome::Terminated { .. }) => "termination".to_owned(),
            After::Ended(Outcome::Completed(_)) => match self.ended {
                Some(_) => return Ok(()),
                None => "completion".to_owned(),
            },
            After::ContinuedAsNew { .. } => "continue-as-new".to_owned(),
            After::Waiting | After::Suspended | After::Entity(_) => match self.ended {
                None => return Ok(()),
                Some(_) => "a wait".to_owned(),
            },
        };
        let has = match self.ended {
            Some(_) => "completion",
            None => "a wait",
        };
        let at = self.history.len();
        Err(format!(
            "the code does not follow its history: after event {at} it has {has}, the code asks \
             for {asks}"
        ))
    }
}

fn is_divergence(kind: &str) -> bool {
    kind == failure_kind::NON_DETERMINISM
}

#[cfg(test)]
mod tests {
    use weft_id::ExecutionId;

    use super::*;
    use crate::{Limits, Message, Payload, Replay, Start, Timestamp};

    /// What the code does: activities, one after another, then its end.
    fn run(replay: &mut Replay, activities: &[&str], ends: bool) -> Turn {
        replay.begin().unwrap();
        for name in activities {
            let Ok(task) = replay.call_activity(name, Payload::null(), None) else {
                return replay.take_turn();
            };
            match replay.wait_any(&[task]) {
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return replay.take_turn(),
            }
        }
        if ends {
            replay.finish(Ok(Payload::null()));
        }
        replay.take_turn()
    }

    fn execution() -> ExecutionId {
        ExecutionId::from_u128(7)
    }

    /// The history of two activities and, where it is asked for, the end.
    fn recorded(ends: bool) -> Vec<Event> {
        let activities = ["a", "b"];
        let mut history = Vec::new();
        let done = |task| Message::TaskDone {
            execution: execution(),
            task,
            result: Ok(Payload::null()),
        };
        let start = Message::Start(Start::new(execution(), "flow", Payload::null()));
        let mut messages = vec![vec![start], vec![done(0)]];
        messages.extend(ends.then(|| vec![done(1)]));
        for messages in messages {
            let mut replay = replay(history.clone());
            replay.deliver(messages, Timestamp::from_millis(1));
            history.extend(run(&mut replay, &activities, true).events);
        }
        history
    }

    fn replay(history: Vec<Event>) -> Replay {
        Replay::new("i".parse().unwrap(), history, Limits::default())
    }

    fn rehearse(history: Vec<Event>, activities: &[&str], ends: bool) -> Result<(), String> {
        let rehearsal = Rehearsal::of(history).unwrap();
        let mut replay = replay(rehearsal.history.clone());
        replay.deliver(Vec::new(), Timestamp::from_millis(9));
        let turn = run(&mut replay, activities, ends);
        rehearsal.judge(&turn)
    }

    #[test]
    fn the_same_code_follows() {
        rehearse(recorded(true), &["a", "b"], true).unwrap();
        rehearse(recorded(false), &["a", "b"], true).unwrap();
        // What comes after the recorded part is free.
        rehearse(recorded(false), &["a", "b", "c"], true).unwrap();
    }

    #[test]
    fn other_code_is_told_where_it_leaves_the_history() {
        let why = rehearse(recorded(false), &["a", "c"], true).unwrap_err();
        assert!(
            why.contains("activity \"b\"") && why.contains("activity \"c\""),
            "{why}"
        );
        let why = rehearse(recorded(false), &["a"], true).unwrap_err();
        assert!(why.contains("activity \"b\""), "{why}");
        let why = rehearse(recorded(true), &["a", "b", "c"], true).unwrap_err();
        assert!(why.contains("activity \"c\""), "{why}");
        let why = rehearse(recorded(true), &["a", "b"], false).unwrap_err();
        assert!(
            why.contains("has completion, the code asks for a wait"),
            "{why}"
        );
    }

    #[test]
    fn failures_and_terminations_tell_nothing() {
        assert!(Rehearsal::of(Vec::new()).is_none());
        let mut history = recorded(false);
        history.push(Event {
            at: Timestamp::from_millis(3),
            kind: EventKind::ExecutionCompleted {
                outcome: Outcome::Terminated {
                    reason: String::new(),
                },
            },
        });
        assert!(Rehearsal::of(history).is_none());
    }
}
