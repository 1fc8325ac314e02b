//! One turn of one instance: read what is new, run the code, commit.

use std::collections::BTreeSet;
use std::sync::Arc;

use weft_id::{ExecutionId, InstanceKey};
use weft_orchestration::{
    After, Carries, Event, Failure, Message, NewTask, NewTimer, Payload, Replay, Status, Timestamp,
    Turn, split_at_suspension,
};
use weft_store::{
    Consumed, Error as StoreError, Held, Instance, Lease, Loaded, MessageSeq, RevisionId,
    START_TIMER, Store, TurnCommit,
};

use crate::entity::RunningEntity;
use crate::{Clock, Config, Execution, Open, OpenError, Runner, Stats, TurnError};

/// What all turns of a worker share.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) runner: Arc<dyn Runner>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) stats: Arc<Stats>,
}

/// A turn to run.
pub(crate) struct Job {
    pub(crate) key: InstanceKey,
    pub(crate) lease: Lease,
    /// The parked execution; without it the history is replayed.
    pub(crate) live: Option<Live>,
    pub(crate) arrivals: Vec<Arrival>,
    /// Whether the inbox may hold something that has not been read.
    pub(crate) read_inbox: bool,
    /// What [`weft_store::Work::load`] would give, unless that is out of date.
    pub(crate) created: Option<Arc<Loaded>>,
    /// Why the code cannot be run any more: the instance fails with it.
    pub(crate) give_up: Option<Failure>,
}

/// An execution that stays in memory between turns.
pub(crate) struct Live {
    execution: Box<dyn Execution>,
    id: ExecutionId,
    turn_number: u64,
    revision: Option<RevisionId>,
    suspended: bool,
}

/// Something that reaches an instance without passing through its inbox.
#[derive(Debug, Clone)]
pub(crate) enum Arrival {
    Task {
        execution: ExecutionId,
        task: u32,
        result: Result<Payload, Failure>,
        /// Room for the result, until it is committed.
        #[expect(dead_code, reason = "what counts is when it is dropped")]
        held: Arc<Held>,
    },
    Timer {
        execution: ExecutionId,
        timer: u32,
    },
}

impl Arrival {
    fn execution(&self) -> ExecutionId {
        match self {
            Self::Task { execution, .. } | Self::Timer { execution, .. } => *execution,
        }
    }

    /// What tells it apart from every other arrival of its instance: a task and a timer never have
    /// the same number.
    fn ident(&self) -> (ExecutionId, u32) {
        match self {
            Self::Task {
                execution,
                task: id,
                ..
            }
            | Self::Timer {
                execution,
                timer: id,
            } => (*execution, *id),
        }
    }

    fn to_message(&self) -> Message {
        match self.clone() {
            Self::Task {
                execution,
                task,
                result,
                ..
            } => Message::TaskDone {
                execution,
                task,
                result,
            },
            Self::Timer { execution, timer } => Message::TimerFired { execution, timer },
        }
    }
}

/// How a turn went.
pub(crate) enum Finished {
    Committed(Committed),
    /// There was nothing that the instance takes now.
    Idle {
        live: Option<Live>,
    },
    /// It is to begin later.
    Scheduled(NewTimer),
    /// The instance is absent or has ended.
    Gone,
    /// Nothing was committed; try again after a pause.
    Retry {
        arrivals: Vec<Arrival>,
        cause: RetryCause,
    },
    LeaseLost,
    /// The store cannot go on, so neither can the worker.
    Broken(String),
}

pub(crate) enum RetryCause {
    Store(String),
    /// The code could not be run.
    Code(TurnError),
}

pub(crate) struct Committed {
    /// Absent when the execution is over.
    pub(crate) live: Option<Live>,
    /// Whether the inbox holds more that can be taken at once.
    pub(crate) more: bool,
    /// Whether timers may have been passed over while the instance was suspended.
    pub(crate) resumed: bool,
    /// Whether the store has made tasks and timers of its own for the instance.
    pub(crate) rewound: bool,
    pub(crate) revision: Option<RevisionId>,
    pub(crate) tasks: Vec<NewTask>,
    pub(crate) timers: Vec<NewTimer>,
    pub(crate) canceled_timers: Vec<(ExecutionId, u32)>,
}

pub(crate) async fn run(shared: &Shared, job: Job) -> Finished {
    let (key, lease) = (job.key.clone(), job.lease);
    let mut arrivals = job.arrivals.clone();
    let unread = job.created.is_some();
    let was_at = job.live.as_ref().map(|live| (live.id, live.turn_number));
    let interrupted = match try_run(shared, job, &mut arrivals).await {
        Ok(finished) => return finished,
        Err(interrupted) => interrupted,
    };
    let cause = match interrupted {
        Interrupted::Code(cause) => RetryCause::Code(cause),
        // What was told of the instance may have been old: the store says how it is now.
        Interrupted::Store(StoreError::LeaseLost) if unread => {
            RetryCause::Store("the instance has changed".to_owned())
        }
        Interrupted::Store(StoreError::LeaseLost) => {
            return match shared.store.load(&key).await {
                // Removed with its app while the turn ran. That says nothing of the lease, and
                // giving the shard up would run the activities of everybody else on it a second
                // time.
                Ok(None) => Finished::Gone,
                // Nor does it where another instance has taken its place.
                Ok(Some(loaded)) if was_at.is_some_and(|was| was != place(&loaded.instance)) => {
                    let cause = RetryCause::Store("the instance has changed".to_owned());
                    Finished::Retry { arrivals, cause }
                }
                Ok(Some(_)) | Err(_) => Finished::LeaseLost,
            };
        }
        Interrupted::Store(error @ StoreError::Broken { .. }) => {
            return Finished::Broken(error.to_string());
        }
        Interrupted::Store(error) => {
            tracing::warn!(instance = %key, shard = lease.shard.index(), %error, "turn not committed");
            RetryCause::Store(error.to_string())
        }
    };
    Finished::Retry { arrivals, cause }
}

/// Where an instance stands: its execution and how many turns that has had.
fn place(instance: &Instance) -> (ExecutionId, u64) {
    (instance.execution, instance.turns)
}

/// Why a turn got no further.
enum Interrupted {
    Store(StoreError),
    Code(TurnError),
}

impl From<StoreError> for Interrupted {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Takes out of `unsettled` what the store has been given for later: another try is not to meet it
/// again.
async fn try_run(
    shared: &Shared,
    mut job: Job,
    unsettled: &mut Vec<Arrival>,
) -> Result<Finished, Interrupted> {
    let mut inbox = Vec::new();
    let mut parked = job.live.take();
    if parked.is_some() && job.read_inbox {
        inbox = shared.store.inbox(&job.key).await?;
        // Other code takes over, from the history.
        if moved_to(&inbox).is_some() {
            parked = None;
        }
    }
    let mut live = match parked {
        Some(live) => live,
        None => {
            let loaded = match job.created.take() {
                Some(created) => Some(Arc::unwrap_or_clone(created)),
                None => shared.store.load(&job.key).await?,
            };
            let Some(mut loaded) = loaded else {
                persist(shared, job.lease, &job.key, &job.arrivals, unsettled).await?;
                return Ok(Finished::Gone);
            };
            if let Some(timer) = begins_later(&loaded, shared.clock.now()) {
                return Ok(Finished::Scheduled(timer));
            }
            inbox.clone_from(&loaded.inbox);
            if let Some(revision) = moved_to(&inbox) {
                loaded.instance.revision = Some(revision);
            }
            open_any(shared, &job.key, job.give_up.take(), loaded)
                .await
                .map_err(Interrupted::Code)?
        }
    };
    let (current, foreign): (Vec<_>, Vec<_>) = std::mem::take(&mut job.arrivals)
        .into_iter()
        .partition(|arrival| arrival.execution() == live.id);
    persist(shared, job.lease, &job.key, &foreign, unsettled).await?;
    let batch = Batch::new(live.suspended, inbox, current);
    persist(shared, job.lease, &job.key, &batch.held, unsettled).await?;
    if batch.messages.is_empty() {
        return Ok(Finished::Idle { live: Some(live) });
    }
    let was_suspended = live.suspended;
    let rewind = |message: &Message| matches!(message, Message::Rewind { .. });
    let rewound = batch.messages.iter().any(rewind);
    let turn = live
        .execution
        .turn(batch.messages, shared.clock.now())
        .await
        .map_err(Interrupted::Code)?;
    let after = turn.after.clone();
    let committed = committed(&live, &turn);
    let commit = TurnCommit {
        key: job.key,
        execution: live.id,
        turn_number: live.turn_number,
        consumed: batch.consumed,
        turn,
        revision: live.revision,
        now: shared.clock.now(),
    };
    shared.store.commit_turn(job.lease, commit).await?;
    live.execution.committed();
    Stats::count(&shared.stats.turns);
    live.turn_number += 1;
    live.suspended = matches!(after, After::Suspended);
    let (live, more) = match after {
        // Of an entity that is removed nothing stays, not even the number of its turns.
        After::Entity(record) if record.is_empty() => (None, false),
        After::Waiting | After::Suspended | After::Entity(_) => (Some(live), batch.more),
        After::Ended(_) => (None, false),
        After::ContinuedAsNew { .. } => (None, true),
    };
    let resumed = was_suspended && live.as_ref().is_some_and(|live| !live.suspended);
    let live = live.filter(|live| live.execution.held_bytes() <= PARKED_BYTES_MAX);
    Ok(Finished::Committed(Committed {
        live,
        more,
        resumed,
        rewound,
        ..committed
    }))
}

/// The revision that has the instance's code from the next turn on.
fn moved_to(inbox: &[(MessageSeq, Message)]) -> Option<RevisionId> {
    let messages = inbox.iter().rev();
    messages
        .filter_map(|(_, message)| match message {
            Message::Move { revision } => Some(RevisionId(*revision)),
            _ => None,
        })
        .next()
}

/// The timer of an instance whose time to begin has not come. One that is terminated meanwhile
/// need not wait for it.
fn begins_later(loaded: &Loaded, now: Timestamp) -> Option<NewTimer> {
    let mut messages = loaded.inbox.iter().map(|(_, message)| message);
    if messages.any(|message| matches!(message, Message::Terminate { .. })) {
        return None;
    }
    let Some((_, Message::Start(start))) = loaded.inbox.first() else {
        return None;
    };
    let fire_at = start.scheduled_at.filter(|at| *at > now)?;
    Some(NewTimer {
        execution: start.execution,
        id: START_TIMER,
        fire_at,
    })
}

/// What the turn takes, and what it has to leave.
struct Batch {
    messages: Vec<Message>,
    consumed: Consumed,
    /// Arrivals that a suspended instance does not take.
    held: Vec<Arrival>,
    /// Whether something is left in the inbox that the next turn can take.
    more: bool,
}

impl Batch {
    fn new(suspended: bool, inbox: Vec<(MessageSeq, Message)>, arrivals: Vec<Arrival>) -> Self {
        let arrived: Vec<Message> = arrivals.iter().map(Arrival::to_message).collect();
        let all = inbox.iter().map(|(_, message)| message).chain(&arrived);
        let mut mask = split_at_suspension(suspended, all);
        let all = inbox.iter().map(|(_, message)| message).chain(&arrived);
        bound(&mut mask, all, MESSAGE_BYTES_MAX);
        let (inbox_mask, arrival_mask) = mask.split_at(inbox.len());
        let mut batch = Self {
            messages: Vec::with_capacity(mask.len()),
            consumed: Consumed::default(),
            held: Vec::new(),
            more: inbox_mask.contains(&false),
        };
        for ((seq, message), taken) in inbox.into_iter().zip(inbox_mask) {
            if *taken {
                batch.consumed.messages.push(seq);
                batch.messages.push(message);
            }
        }
        for ((arrival, message), taken) in arrivals.into_iter().zip(arrived).zip(arrival_mask) {
            if !*taken {
                batch.more |= matches!(arrival, Arrival::Task { .. });
                batch.held.push(arrival);
                continue;
            }
            match arrival {
                Arrival::Task { task, .. } => batch.consumed.tasks.push(task),
                Arrival::Timer { timer, .. } => batch.consumed.timers.push(timer),
            }
            batch.messages.push(message);
        }
        batch
    }
}

/// Long payloads that an execution may hold while it is parked: there may be a thousand of those. With
/// more it is opened again from its history for the next turn.
const PARKED_BYTES_MAX: usize = 1 << 20;

/// Payloads that one turn takes in together. One message comes whatever its length.
const MESSAGE_BYTES_MAX: usize = 64 << 20;

/// Leaves messages to the next turn from the first on that would pass `bytes_max`. Timers are taken all
/// the same: they hold nothing, and are not told again of.
fn bound<'a>(mask: &mut [bool], messages: impl Iterator<Item = &'a Message>, bytes_max: usize) {
    let (mut bytes, mut taken, mut full) = (0, 0, false);
    for (takes, message) in mask.iter_mut().zip(messages) {
        if !*takes || matches!(message, Message::TimerFired { .. }) {
            continue;
        }
        message.each(&mut |payload| bytes += payload.len());
        full |= taken > 0 && bytes > bytes_max;
        *takes = !full;
        taken += 1;
    }
}

/// Puts results that no turn takes now where they are found again. Timers that are passed over stay
/// in the store and are read again when the instance resumes.
async fn persist(
    shared: &Shared,
    lease: Lease,
    key: &InstanceKey,
    arrivals: &[Arrival],
    unsettled: &mut Vec<Arrival>,
) -> Result<(), StoreError> {
    for arrival in arrivals {
        match arrival.clone() {
            Arrival::Task {
                execution,
                task,
                result,
                ..
            } => {
                let (store, now) = (&shared.store, shared.clock.now());
                store
                    .finish_task(lease, key, execution, task, result, now)
                    .await?;
                unsettled.retain(|other| other.ident() != arrival.ident());
            }
            // Nobody has it now: a turn that fails hands it back.
            Arrival::Timer { .. } => {}
        }
    }
    Ok(())
}

async fn open_any(
    shared: &Shared,
    key: &InstanceKey,
    give_up: Option<Failure>,
    loaded: Loaded,
) -> Result<Live, TurnError> {
    let Some(entity) = key.id.entity() else {
        return open(shared, key, give_up, loaded).await;
    };
    // An entity has nothing that could fail for good: it is tried for as long as it takes.
    let (id, turn_number) = place(&loaded.instance);
    Ok(Live {
        execution: Box::new(RunningEntity::new(shared, entity, loaded)),
        id,
        turn_number,
        revision: None,
        suspended: false,
    })
}

async fn open(
    shared: &Shared,
    key: &InstanceKey,
    give_up: Option<Failure>,
    loaded: Loaded,
) -> Result<Live, TurnError> {
    let Loaded {
        instance, history, ..
    } = loaded;
    Stats::count(&shared.stats.replays);
    let replay = |history| Replay::new(key.id.clone(), history, shared.config.limits);
    let failed = |failure: Failure, history: Vec<Event>| Live {
        execution: Box::new(CannotRun {
            replay: replay(history),
            failure,
        }),
        id: instance.execution,
        turn_number: instance.turns,
        revision: instance.revision,
        suspended: false,
    };
    if let Some(failure) = give_up {
        return Ok(failed(failure, history));
    }
    // Kept for the case that the code cannot be run; shares the payloads.
    let spare = history.clone();
    let suspended = instance.status == Status::Suspended;
    let opened = shared
        .runner
        .open(Open {
            key: key.clone(),
            name: instance.name.clone(),
            revision: instance.revision,
            history,
            limits: shared.config.limits,
        })
        .await;
    match opened {
        Ok(opened) => Ok(Live {
            execution: opened.execution,
            id: instance.execution,
            turn_number: instance.turns,
            revision: opened.revision,
            suspended,
        }),
        Err(OpenError::Permanent(failure)) => Ok(failed(failure, spare)),
        Err(OpenError::Transient(cause)) => Err(cause),
    }
}

/// Stands for code that is not to be had: its one turn fails the instance.
struct CannotRun {
    replay: Replay,
    failure: Failure,
}

#[async_trait::async_trait]
impl Execution for CannotRun {
    async fn turn(&mut self, messages: Vec<Message>, now: Timestamp) -> Result<Turn, TurnError> {
        match self.replay.deliver(messages, now) {
            weft_orchestration::Next::Run => self.replay.fail(self.failure.clone()),
            weft_orchestration::Next::Stop => {}
        }
        Ok(self.replay.take_turn())
    }
}

/// What the loop learns of a turn once it is committed.
fn committed(live: &Live, turn: &Turn) -> Committed {
    let canceled: BTreeSet<u32> = turn.canceled_timers.iter().copied().collect();
    Committed {
        live: None,
        more: false,
        resumed: false,
        rewound: false,
        revision: live.revision,
        tasks: turn.tasks.clone(),
        timers: turn.timers.clone(),
        canceled_timers: canceled.into_iter().map(|id| (live.id, id)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_takes_in_no_more_than_it_may_and_in_order() {
        let event = |bytes: usize| Message::Event {
            name: "e".to_owned(),
            payload: Payload::from("x".repeat(bytes)),
        };
        let timer = Message::TimerFired {
            execution: ExecutionId::from_u128(1),
            timer: 0,
        };
        let taken = |messages: &[Message], mut mask: Vec<bool>| {
            bound(&mut mask, messages.iter(), 10);
            mask
        };
        // The first comes however long it is; a short one does not overtake a long one.
        let messages = [event(11), event(1), timer.clone(), event(1)];
        assert_eq!(taken(&messages, vec![true; 4]), [true, false, true, false]);
        let messages = [event(5), event(5), event(6), event(0), timer];
        assert_eq!(
            taken(&messages, vec![true; 5]),
            [true, true, false, false, true]
        );
        // What is not taken anyway counts for nothing.
        let messages = [event(50), event(10)];
        assert_eq!(taken(&messages, vec![false, true]), [false, true]);
    }
}
