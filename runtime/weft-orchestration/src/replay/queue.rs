//! The turns that a replay still has to pass, recorded ones first, the live one last.

use std::collections::VecDeque;

use weft_id::ExecutionId;

use super::Error;
use crate::{Event, EventKind, Payload, Start, Timestamp};

/// Feeds received events one at a time and checks or collects decisions.
#[derive(Debug)]
pub(super) struct TurnQueue {
    recorded: VecDeque<Segment>,
    current: Option<Segment>,
    live: Option<LiveSegment>,
    /// Whether the code has entered the live turn.
    in_live: bool,
    /// The number of events in the history, the live turn's included.
    history_len: usize,
    now: Timestamp,
}

/// A recorded turn.
#[derive(Debug)]
struct Segment {
    now: Timestamp,
    received: VecDeque<EventKind>,
    decisions: VecDeque<EventKind>,
    /// The position in the history of the next decision, from 1.
    decision_at: usize,
}

#[derive(Debug)]
struct LiveSegment {
    now: Timestamp,
    received: Vec<EventKind>,
    /// How many of the received events the code has seen.
    seen: usize,
    decisions: Vec<EventKind>,
}

impl TurnQueue {
    pub(super) fn new(history: Vec<Event>) -> Self {
        let history_len = history.len();
        let mut recorded: VecDeque<Segment> = VecDeque::new();
        for (index, event) in history.into_iter().enumerate() {
            let begins = matches!(event.kind, EventKind::OrchestratorStarted);
            if begins || recorded.is_empty() {
                recorded.push_back(Segment {
                    now: event.at,
                    received: VecDeque::new(),
                    decisions: VecDeque::new(),
                    decision_at: 0,
                });
            }
            let segment = recorded.back_mut().expect("one was pushed");
            if event.kind.is_decision() {
                if segment.decisions.is_empty() {
                    segment.decision_at = index + 1;
                }
                segment.decisions.push_back(event.kind);
            } else if !begins {
                segment.received.push_back(event.kind);
            }
        }
        Self {
            recorded,
            current: None,
            live: None,
            in_live: false,
            history_len,
            now: Timestamp::default(),
        }
    }

    pub(super) fn push_live(&mut self, received: Vec<EventKind>, now: Timestamp) {
        debug_assert!(
            self.live.is_none(),
            "each delivery is followed by take_turn"
        );
        self.history_len += 1 + received.len();
        self.live = Some(LiveSegment {
            now,
            received,
            seen: 0,
            decisions: Vec::new(),
        });
        self.in_live = false;
    }

    /// The next received event with the time of its turn; `None` when all have been passed.
    pub(super) fn next(&mut self) -> Result<Option<(EventKind, Timestamp)>, Error> {
        loop {
            if self.in_live {
                let live = self.live.as_mut().expect("the live turn was entered");
                let event = live.received.get(live.seen).cloned();
                live.seen += usize::from(event.is_some());
                return Ok(event.map(|event| (event, live.now)));
            }
            if let Some(segment) = &mut self.current {
                if let Some(event) = segment.received.pop_front() {
                    return Ok(Some((event, segment.now)));
                }
                segment.check_done("a wait")?;
            }
            self.current = self.recorded.pop_front();
            match (&self.current, &self.live) {
                (Some(segment), _) => self.now = segment.now,
                (None, Some(live)) => {
                    self.now = live.now;
                    self.in_live = true;
                }
                (None, None) => return Ok(None),
            }
        }
    }

    /// Compares a decision with the recorded one, or collects it. True where it is new.
    pub(super) fn decide(&mut self, decision: EventKind) -> Result<bool, Error> {
        if self.in_live {
            let live = self.live.as_mut().expect("the live turn was entered");
            live.decisions.push(decision);
            self.history_len += 1;
            return Ok(true);
        }
        let Some(segment) = &mut self.current else {
            return Err(Error::Misuse("code ran outside of a turn".to_owned()));
        };
        match segment.decisions.pop_front() {
            Some(recorded) if same_decision(&recorded, &decision) => {
                segment.decision_at += 1;
                Ok(false)
            }
            recorded => Err(Error::NonDeterminism {
                at: segment.decision_at.max(1),
                has: recorded.map_or_else(|| "the end of a turn".to_owned(), |r| name(&r)),
                asks: name(&decision),
            }),
        }
    }

    /// That the code has used up the recorded turns. `ending` says what it did instead.
    pub(super) fn check_all_replayed(&self, ending: Option<String>) -> Result<(), Error> {
        let asks = ending.unwrap_or_else(|| "a wait".to_owned());
        if let Some(segment) = &self.current {
            segment.check_done(&asks)?;
        }
        match self.recorded.front() {
            None => Ok(()),
            Some(next) => Err(Error::NonDeterminism {
                at: next.decision_at.max(1),
                has: next
                    .decisions
                    .front()
                    .or(next.received.front())
                    .map_or_else(|| "a further turn".to_owned(), name),
                asks,
            }),
        }
    }

    pub(super) fn is_replaying(&self) -> bool {
        !self.in_live
    }

    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    pub(super) fn history_len(&self) -> usize {
        self.history_len
    }

    /// External events of the live turn that the code has not reached.
    pub(super) fn unread_events(&self) -> Vec<(String, Payload)> {
        let Some(live) = &self.live else {
            return Vec::new();
        };
        live.received[live.seen..]
            .iter()
            .filter_map(|event| match event {
                EventKind::EventRaised { name, payload } => Some((name.clone(), payload.clone())),
                _ => None,
            })
            .collect()
    }

    pub(super) fn recorded_start(&self) -> Option<Start> {
        let recorded = self.recorded.iter().flat_map(|s| s.received.iter());
        let live = self.live.iter().flat_map(|s| s.received.iter());
        recorded.chain(live).find_map(|event| match event {
            EventKind::ExecutionStarted(start) => Some(start.clone()),
            _ => None,
        })
    }

    pub(super) fn recorded_execution(&self) -> Option<ExecutionId> {
        self.recorded_start().map(|start| start.execution)
    }

    /// Ends the live turn and returns its events.
    pub(super) fn take_live(&mut self, closing: Option<EventKind>) -> Vec<Event> {
        self.in_live = false;
        self.current = None;
        let live = self.live.take().expect("a turn follows a delivery");
        std::iter::once(EventKind::OrchestratorStarted)
            .chain(live.received)
            .chain(live.decisions)
            .chain(closing)
            .map(|kind| Event { at: live.now, kind })
            .collect()
    }
}

impl Segment {
    fn check_done(&self, asks: &str) -> Result<(), Error> {
        match self.decisions.front() {
            None => Ok(()),
            Some(recorded) => Err(Error::NonDeterminism {
                at: self.decision_at.max(1),
                has: name(recorded),
                asks: asks.to_owned(),
            }),
        }
    }
}

/// Names and numbers are compared, payloads are not: as with the peers, a changed input alone does
/// not change what comes next.
fn same_decision(recorded: &EventKind, asked: &EventKind) -> bool {
    use EventKind::{
        EntityLockRequested, EntityOperationCalled, EntityOperationSignaled, EntityUnlockSent,
        EventSent, SubOrchestrationCreated, TaskScheduled, TimerCreated,
    };
    match (recorded, asked) {
        (TaskScheduled { id: a, name: n, .. }, TaskScheduled { id: b, name: m, .. })
        | (
            SubOrchestrationCreated { id: a, name: n, .. },
            SubOrchestrationCreated { id: b, name: m, .. },
        )
        | (EventSent { id: a, name: n, .. }, EventSent { id: b, name: m, .. }) => a == b && n == m,
        (
            EntityOperationCalled {
                id: a,
                target: t,
                operation: n,
                ..
            },
            EntityOperationCalled {
                id: b,
                target: u,
                operation: m,
                ..
            },
        )
        | (
            EntityOperationSignaled {
                id: a,
                target: t,
                operation: n,
                ..
            },
            EntityOperationSignaled {
                id: b,
                target: u,
                operation: m,
                ..
            },
        ) => a == b && t == u && n == m,
        (EntityLockRequested { id: a, set: s, .. }, EntityLockRequested { id: b, set: t, .. }) => {
            a == b && s == t
        }
        (
            EntityUnlockSent {
                id: a, target: t, ..
            },
            EntityUnlockSent {
                id: b, target: u, ..
            },
        ) => a == b && t == u,
        (TimerCreated { id: a, .. }, TimerCreated { id: b, .. }) => a == b,
        _ => false,
    }
}

/// A few words that tell a person which event it is.
fn name(event: &EventKind) -> String {
    match event {
        EventKind::OrchestratorStarted => "a turn".to_owned(),
        EventKind::ExecutionStarted(start) => format!("the start of \"{}\"", start.name),
        EventKind::TaskScheduled { id, name, .. } => format!("activity \"{name}\" as number {id}"),
        EventKind::TaskCompleted { task, .. } => format!("the completion of activity {task}"),
        EventKind::TaskFailed { task, .. } => format!("the failure of activity {task}"),
        EventKind::SubOrchestrationCreated { id, name, .. } => {
            format!("sub-orchestration \"{name}\" as number {id}")
        }
        EventKind::SubOrchestrationCompleted { task, .. } => {
            format!("the completion of sub-orchestration {task}")
        }
        EventKind::SubOrchestrationFailed { task, .. } => {
            format!("the failure of sub-orchestration {task}")
        }
        EventKind::TimerCreated { id, .. } => format!("a timer as number {id}"),
        EventKind::TimerFired { timer } => format!("the firing of timer {timer}"),
        EventKind::EventSent { id, name, .. } => {
            format!("the sending of event \"{name}\" as number {id}")
        }
        EventKind::EventRaised { name, .. } => format!("the event \"{name}\""),
        EventKind::ExecutionSuspended { .. } => "a suspension".to_owned(),
        EventKind::ExecutionResumed { .. } => "a resumption".to_owned(),
        EventKind::ExecutionTerminated { .. } => "a termination".to_owned(),
        EventKind::ContinuedAsNew { .. } => "continue-as-new".to_owned(),
        EventKind::ExecutionCompleted { .. } => "completion".to_owned(),
        EventKind::EntityOperationSignaled {
            id,
            target,
            operation,
            ..
        } => {
            format!("signal \"{operation}\" to {target} as number {id}")
        }
        EventKind::EntityOperationCalled {
            id,
            target,
            operation,
            ..
        } => {
            format!("call \"{operation}\" of {target} as number {id}")
        }
        EventKind::EntityOperationCompleted { task, .. } => {
            format!("the completion of the entity's operation {task}")
        }
        EventKind::EntityOperationFailed { task, .. } => {
            format!("the failure of the entity's operation {task}")
        }
        EventKind::EntityLockRequested { id, .. } => format!("a lock as number {id}"),
        EventKind::EntityLockGranted { task } => format!("the granting of lock {task}"),
        EventKind::EntityUnlockSent { target, lock, .. } => {
            format!("the release of {target} from lock {lock}")
        }
        EventKind::ExecutionRewound { .. } => "a rewind".to_owned(),
        EventKind::ExecutionMoved { .. } => "a move to another revision".to_owned(),
    }
}
