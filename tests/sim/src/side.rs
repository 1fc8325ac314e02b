//! What happens beside the programs that are to complete: trees of orchestrations that are terminated
//! from their root, and ids that are used again and again.

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use weft_id::{AppId, ExecutionId, InstanceKey};
use weft_orchestration::{Message, Outcome, Payload, Start, Status};
use weft_store::{Error, Filter, IdReuse, Instances, MemoryStore, NewInstance, PageRequest};
use weft_worker::Clock;

use crate::faults::FaultyStore;
use crate::program::{Program, Step};
use crate::world::SimClock;

/// A client that speaks to the cluster through a store that fails now and then, but never leaves
/// open whether a call took effect.
pub(crate) struct Client {
    pub(crate) store: Arc<FaultyStore>,
    pub(crate) clock: Arc<SimClock>,
    pub(crate) rng: StdRng,
}

impl Client {
    async fn pause(&mut self, most_ms: u64) {
        let pause = self.rng.random_range(0..most_ms);
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }

    /// What the store says once it answers.
    async fn create(
        &mut self,
        key: &InstanceKey,
        program: &Program,
        reuse: &IdReuse,
    ) -> Result<(), Status> {
        let execution = ExecutionId::from_u128(self.rng.random());
        let input = serde_json::to_string(program).expect("plain data");
        let start = Start::new(execution, "program", Payload::from(input));
        create(&*self.store, &self.clock, key, start, reuse).await
    }
}

/// Creates an instance, however often that takes.
///
/// # Errors
/// What the instance is that has the id.
pub(crate) async fn create(
    store: &impl Instances,
    clock: &SimClock,
    key: &InstanceKey,
    start: Start,
    reuse: &IdReuse,
) -> Result<(), Status> {
    loop {
        let new = NewInstance {
            key: key.clone(),
            start: start.clone(),
            reuse: reuse.clone(),
            now: clock.now(),
        };
        match store.create(new).await {
            Ok(()) => return Ok(()),
            Err(Error::AlreadyExists { status }) => return Err(status),
            Err(_) => {}
        }
    }
}

/// Starts a tree whose members wait for ever, and terminates it from its root. The model: whoever
/// exists in the end is terminated.
pub(crate) async fn doom(mut client: Client, root: InstanceKey) {
    let forever = Step::Forever {
        children: client.rng.random_range(0..4),
        depth: client.rng.random_range(0..3),
    };
    let program = Program {
        steps: vec![forever],
        rounds: 1,
        carried: 0,
    };
    let created = client.create(&root, &program, &IdReuse::never()).await;
    created.expect("nobody else has this id");
    client.pause(20_000).await;
    loop {
        let message = Message::Terminate {
            reason: "doomed".to_owned(),
            recursive: true,
        };
        match client.store.send(&root, message, client.clock.now()).await {
            Ok(()) | Err(Error::Ended { .. }) => return,
            Err(_) => client.pause(500).await,
        }
    }
}

/// Whether nobody of the tree is open any more.
pub(crate) async fn is_over(store: &MemoryStore, root: &InstanceKey) -> bool {
    let family = family(store, root).await;
    !family.is_empty() && family.iter().all(|(_, status)| status.is_terminal())
}

/// # Errors
/// Who of the tree is not terminated.
pub(crate) async fn check_doomed(store: &MemoryStore, root: &InstanceKey) -> Result<(), String> {
    let survived = |(_, status): &(String, Status)| *status != Status::Terminated;
    match family(store, root).await.into_iter().find(survived) {
        None => Ok(()),
        Some((id, status)) => Err(format!("{id} of the doomed {root} is {status:?}")),
    }
}

async fn family(store: &MemoryStore, root: &InstanceKey) -> Vec<(String, Status)> {
    let filter = Filter {
        id_prefix: Some(root.id.to_string()),
        ..Filter::default()
    };
    let page = PageRequest {
        limit: 10_000,
        after: None,
    };
    let found = store.instances(&root.app, &filter, &page).await;
    let found = found.expect("the store itself does not fail").instances;
    let members = found.into_iter();
    members
        .map(|instance| (instance.key.id.to_string(), instance.status))
        .collect()
}

/// An id that was used several times.
#[derive(Debug)]
pub(crate) struct Reused {
    pub(crate) key: InstanceKey,
    /// What the program comes to whose start was accepted last.
    result: u64,
}

/// Starts programs under one id, each with a policy of its own.
///
/// # Errors
/// A refusal over a status that the policy names.
pub(crate) async fn reuse(mut client: Client, key: InstanceKey) -> Result<Reused, String> {
    let mut last = None;
    for _ in 0..client.rng.random_range(2..7) {
        let program = simple(&mut client.rng);
        let mut statuses = Status::ALL.to_vec();
        statuses.retain(|_| client.rng.random_bool(0.5));
        let policy = IdReuse::of(statuses).unwrap_or_else(IdReuse::ended);
        match client.create(&key, &program, &policy).await {
            Ok(()) => last = Some(program.result()),
            Err(status) if policy.allows(status) => {
                return Err(format!("{key} was refused over {status:?}: {policy:?}"));
            }
            Err(_) => {}
        }
        client.pause(6_000).await;
    }
    let result = last.expect("the first start finds the id free");
    Ok(Reused { key, result })
}

/// What takes a while, and nothing that outlives an instance that is replaced in the middle of it.
fn simple(rng: &mut StdRng) -> Program {
    let step = |rng: &mut StdRng| match rng.random_range(0..4) {
        0 => Step::Timer {
            ms: rng.random_range(0..5_000),
        },
        1 => Step::Flaky {
            input: rng.random(),
            failures: rng.random_range(1..3),
        },
        2 => Step::FanOut {
            inputs: (0..rng.random_range(1..6)).map(|_| rng.random()).collect(),
        },
        _ => Step::Activity {
            input: rng.random(),
        },
    };
    Program {
        steps: (0..rng.random_range(1..4)).map(|_| step(rng)).collect(),
        rounds: rng.random_range(1..3),
        carried: 0,
    }
}

impl Reused {
    /// # Errors
    /// What is there in place of the program that was started last.
    pub(crate) async fn check(&self, store: &MemoryStore) -> Result<(), String> {
        let found = store.instance(&self.key).await;
        let found = found.expect("the store itself does not fail");
        let outcome = found.as_ref().and_then(|instance| instance.outcome.clone());
        let expected = Outcome::Completed(Payload::from(self.result.to_string()));
        if outcome.as_ref() == Some(&expected) {
            return Ok(());
        }
        Err(format!("expected {expected:?} of {self:?}, is {found:?}"))
    }
}

/// The ids of a world.
pub(crate) fn keys(rng: &mut StdRng, app: &AppId, name: &str) -> Vec<InstanceKey> {
    let count = rng.random_range(0..3);
    let key = |number| {
        let id = format!("{name}-{number}").parse().expect("a valid id");
        InstanceKey::new(app.clone(), id)
    };
    (0..count).map(key).collect()
}
