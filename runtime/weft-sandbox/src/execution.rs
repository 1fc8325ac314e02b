//! Executions of orchestrators: a guest that is parked between turns, together with its replay.
//!
//! A wait that has nothing ready parks: the guest's fiber stays where it is, and the turn is taken.
//! The next delivery wakes the wait. Between turns nothing of an execution is polled.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use weft_orchestration::{
    After, Failure, Message, Next, Payload, Replay, TaskHandle, Timestamp, Turn,
};

use crate::bindings::weft::functions::types;
use crate::config::Invocation;
use crate::loaded::Loaded;
use crate::metering::CallMeter;
use crate::running::{self, Panicked, Share};
use crate::state::{Role, read};
use crate::{CallError, Sandbox};

/// What the guest and its execution share.
pub(crate) struct Durable {
    replay: Mutex<Replay>,
    park: Mutex<Park>,
}

struct Park {
    /// The guest waits for a delivery.
    parked: bool,
    /// The guest was interrupted while it computed.
    yielded: bool,
    wait: Option<Waker>,
}

/// How far a poll of the guest has come.
enum Step {
    Returned(Result<Returned, CallError>),
    Panicked(Panicked),
    Parked,
    Yielded,
}

impl Durable {
    fn new(replay: Replay) -> Self {
        Self {
            replay: Mutex::new(replay),
            park: Mutex::new(Park {
                parked: false,
                yielded: false,
                wait: None,
            }),
        }
    }

    pub(crate) fn replay(&self) -> MutexGuard<'_, Replay> {
        self.replay.lock().expect("the replay does not panic")
    }

    fn park(&self) -> MutexGuard<'_, Park> {
        self.park.lock().expect("no panic while it is held")
    }

    /// Notes that the guest is interrupted while it computes.
    pub(crate) fn interrupted(&self) {
        self.park().yielded = true;
    }

    /// Waits for the first of `tasks`, over as many turns as it takes.
    pub(crate) async fn wait_any(
        &self,
        tasks: &[TaskHandle],
    ) -> Result<usize, weft_orchestration::Error> {
        let wait = poll_fn(|cx| match self.replay().wait_any(tasks) {
            Ok(Some(position)) => Poll::Ready(Ok(position)),
            Ok(None) => {
                let mut park = self.park();
                park.parked = true;
                park.wait = Some(cx.waker().clone());
                Poll::Pending
            }
            Err(error) => Poll::Ready(Err(error)),
        });
        wait.await
    }

    fn start_turn(&self) {
        let wait = {
            let mut park = self.park();
            park.parked = false;
            park.wait.take()
        };
        if let Some(wait) = wait {
            wait.wake();
        }
    }
}

type Guest = Pin<Box<dyn Future<Output = Result<Returned, CallError>> + Send>>;
type Returned = Result<String, types::Failure>;

/// One execution of an orchestrator. It may be dropped at any time: what was committed of it is in
/// its history.
pub struct Execution {
    sandbox: Sandbox,
    call: Invocation,
    loaded: Arc<Loaded>,
    durable: Arc<Durable>,
    meter: CallMeter,
    share: Share,
    stage: Stage,
}

enum Stage {
    /// The code has not been started; the replay may know the start already or not.
    Fresh,
    Parked(Guest),
    Ended,
}

impl Sandbox {
    /// Prepares an execution over `replay`; no code runs before the first turn.
    ///
    /// # Errors
    /// [`CallError::NoComponent`], [`CallError::NoRole`], [`CallError::Internal`].
    pub async fn open(&self, call: Invocation, replay: Replay) -> Result<Execution, CallError> {
        if self.apart(&call.app.tenant).is_some() {
            let role = "orchestrator that runs in a process of its tenant";
            return Err(CallError::NoRole(role));
        }
        let loaded = self.load(&call).await?;
        loaded.orchestrator()?;
        Ok(Execution {
            meter: self.metering().call(&call.app, &call.function.name),
            sandbox: self.clone(),
            share: self.share(&call.app.tenant),
            call,
            loaded,
            durable: Arc::new(Durable::new(replay)),
            stage: Stage::Fresh,
        })
    }
}

impl Execution {
    /// Whether the code has returned or was stopped: no further turn may be run.
    #[must_use]
    pub fn ended(&self) -> bool {
        match self.stage {
            Stage::Ended => true,
            Stage::Fresh | Stage::Parked(_) => false,
        }
    }

    /// Whether only resume and terminate may be delivered.
    #[must_use]
    pub fn is_suspended(&self) -> bool {
        self.durable.replay().is_suspended()
    }

    /// Delivers `messages`, to which [`weft_orchestration::split_at_suspension`] was applied, runs
    /// the code until it waits or returns, and takes the turn. A guest that traps, or computes
    /// longer than a turn may take, fails the instance.
    ///
    /// # Errors
    /// The platform is at fault, never the guest: nothing of this turn counts, and the execution
    /// is over. Open it again from its history.
    pub async fn turn(
        &mut self,
        messages: Vec<Message>,
        now: Timestamp,
    ) -> Result<Turn, CallError> {
        let next = self.durable.replay().deliver(messages, now);
        // While the turn runs, and after it was dropped halfway, there is nothing to go on with.
        let stage = std::mem::replace(&mut self.stage, Stage::Ended);
        match next {
            Next::Stop => {}
            Next::Run => {
                self.durable.start_turn();
                self.run(stage).await?;
            }
        }
        let turn = self.durable.replay().take_turn();
        match turn.after {
            After::Waiting | After::Suspended | After::Entity(_) => {}
            After::Ended(_) | After::ContinuedAsNew { .. } => self.stage = Stage::Ended,
        }
        Ok(turn)
    }

    async fn run(&mut self, stage: Stage) -> Result<(), CallError> {
        self.meter.tenant().admit_cpu()?;
        let mut guest = match stage {
            Stage::Parked(guest) => guest,
            // One that is replayed counts again: that is what it takes.
            Stage::Fresh => match self.start() {
                Some(guest) => guest,
                None => {
                    let failure = Failure::permanent("internal", "the history has no start");
                    self.durable.replay().fail(failure);
                    return Ok(());
                }
            },
            Stage::Ended => {
                let over = "the execution is over: open it again";
                return Err(CallError::Internal(over.to_owned()));
            }
        };
        let turn_max = self.sandbox.config().guest.turn_max;
        let work = until_parked(&self.durable, &mut self.share, &mut guest, turn_max);
        let outcome = self.meter.timed(work).await;
        if matches!(&outcome, Err(_) | Ok(Some(Err(_) | Ok(Err(_))))) {
            self.meter.failed();
        }
        let outcome = outcome.map_err(|panicked| {
            let tenant = &self.call.app.tenant;
            self.sandbox
                .ward()
                .panicked(tenant, self.call.component, panicked)
        });
        match outcome? {
            None => self.stage = Stage::Parked(guest),
            Some(Ok(returned)) => {
                let result = returned.map(Payload::from).map_err(Failure::from);
                self.durable.replay().finish(result);
            }
            Some(Err(error)) if error.is_guest_fault() => {
                // A repetition over the same history would end the same way.
                let failure = Failure {
                    retryable: false,
                    ..error.to_failure()
                };
                self.durable.replay().fail(failure);
            }
            Some(Err(error)) => return Err(error),
        }
        Ok(())
    }

    /// The code, ready to be polled for the first time.
    fn start(&self) -> Option<Guest> {
        let start = self.durable.replay().begin()?;
        drop(self.meter.begin());
        let role = Role::Orchestrator(Arc::clone(&self.durable));
        let name = self.call.function.name.clone();
        let turn_max = self.sandbox.config().guest.turn_max;
        let mut store = self.sandbox.store(self.call.clone(), role, turn_max);
        let loaded = Arc::clone(&self.loaded);
        Some(Box::pin(async move {
            let run = async {
                let orchestrator = loaded.orchestrator().expect("checked when it was opened");
                let instance = loaded.pre.instantiate_async(&mut store).await?;
                let guest = orchestrator.load(&mut store, &instance)?;
                let services = Arc::clone(&store.data().services);
                let input = read(&services, &start.input).await?;
                guest.call_run(&mut store, name.as_str(), &input).await
            };
            let returned = run.await;
            returned.map_err(|error| store.data().explain(&error))
        }))
    }
}

/// Polls the guest until it returns, or waits for a delivery (`None`). Its time is counted as
/// processor time, since a host that is stopped or overloaded is no fault of the guest.
async fn until_parked(
    durable: &Durable,
    share: &mut Share,
    guest: &mut Guest,
    turn_max: Duration,
) -> Result<Option<Result<Returned, CallError>>, Panicked> {
    let spent_before = share.spent();
    // Time in which it waited for something that is no durable task, over the whole turn.
    let mut waited = Duration::ZERO;
    let mut waits_since: Option<Instant> = None;
    loop {
        let left = turn_max.saturating_sub(waited);
        let mut slot = share.wait().await;
        let step = poll_fn(|cx| {
            waited += waits_since
                .take()
                .map_or(Duration::ZERO, |since| since.elapsed());
            let polled = share.measure(|| running::poll(guest.as_mut(), cx));
            drop(slot.take());
            let mut park = durable.park();
            let yielded = std::mem::take(&mut park.yielded);
            match polled {
                Poll::Ready(Ok(returned)) => Poll::Ready(Step::Returned(returned)),
                Poll::Ready(Err(panicked)) => Poll::Ready(Step::Panicked(panicked)),
                Poll::Pending if park.parked => Poll::Ready(Step::Parked),
                Poll::Pending if yielded => Poll::Ready(Step::Yielded),
                Poll::Pending => {
                    waits_since = Some(Instant::now());
                    Poll::Pending
                }
            }
        });
        let step = tokio::time::timeout(left, step).await;
        let spent = share.spent().saturating_sub(spent_before);
        match step {
            Ok(Step::Returned(returned)) => return Ok(Some(returned)),
            Ok(Step::Panicked(panicked)) => return Err(panicked),
            Ok(Step::Parked) => return Ok(None),
            Ok(Step::Yielded) if spent < turn_max && waited < turn_max => {
                tokio::task::yield_now().await;
            }
            // It computes or waits for too long; the timeout passes only while it waits.
            Ok(Step::Yielded) | Err(_) => {
                return Ok(Some(Err(CallError::Timeout(turn_max))));
            }
        }
    }
}

impl std::fmt::Debug for Execution {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ended = self.ended();
        f.debug_struct("Execution")
            .field("ended", &ended)
            .finish_non_exhaustive()
    }
}
