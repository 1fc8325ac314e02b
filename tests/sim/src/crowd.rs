//! One tenant with far more slow activities than a node has places, and another with a few quick
//! ones.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;
use weft_id::{App, AppId, ExecutionId, InstanceKey};
use weft_orchestration::{BatchDone, Outcome, Payload, Start};
use weft_store::{IdReuse, Instances, MemoryStore, NewInstance, NodeId};
use weft_worker::{
    ActivityCall, Clock, Config, EntityBatch, Open, OpenError, Opened, Ran, Runner, TurnError,
    Worker,
};

use crate::program::{Program, Step};
use crate::runner::SimRunner;
use crate::world::{SimClock, in_simulated_time};

/// How long an activity of the tenant with many takes.
const SLOW: Duration = Duration::from_secs(60);

/// How long the instances took, in simulated time.
#[derive(Debug, Clone, Copy)]
pub struct Took {
    /// The tenant with `slow` activities in parallel.
    pub heavy: Duration,
    /// The tenant with three in sequence, which came when the other had every place it gets.
    pub light: Duration,
}

struct Slow(SimRunner);

#[async_trait]
impl Runner for Slow {
    async fn open(&self, open: Open) -> Result<Opened, OpenError> {
        self.0.open(open).await
    }

    async fn activity(&self, call: ActivityCall) -> Ran {
        if call.key.app.tenant.as_str() == "heavy" {
            tokio::time::sleep(SLOW).await;
        }
        self.0.activity(call).await
    }

    async fn operate(&self, batch: EntityBatch) -> Result<BatchDone, TurnError> {
        self.0.operate(batch).await
    }
}

/// Runs both on one node.
///
/// # Errors
/// The instance that did not come to its result.
pub fn crowd(slow: u64, config: Config) -> Result<Took, String> {
    in_simulated_time(async {
        let store = Arc::new(MemoryStore::new());
        let clock = Arc::new(SimClock::start());
        let runner = Arc::new(Slow(SimRunner::new(Arc::clone(&store), 1, false)));
        let (node, clock_of_node) = (NodeId(1), Arc::clone(&clock) as _);
        let worker = Worker::start(node, config, Arc::clone(&store) as _, runner, clock_of_node);
        let many = Step::FanOut {
            inputs: (0..slow).collect(),
        };
        let heavy = tokio::spawn(run(
            Arc::clone(&store),
            "heavy",
            vec![many],
            Arc::clone(&clock),
        ));
        tokio::time::sleep(SLOW / 2).await;
        let few = (0..3).map(|input| Step::Activity { input }).collect();
        let light = run(store, "light", few, clock).await?;
        let heavy = heavy.await.map_err(|error| error.to_string())??;
        drop(worker);
        Ok(Took { heavy, light })
    })
}

async fn run(
    store: Arc<MemoryStore>,
    tenant: &str,
    steps: Vec<Step>,
    clock: Arc<SimClock>,
) -> Result<Duration, String> {
    let app = AppId {
        tenant: tenant.parse().unwrap(),
        app: App::default(),
    };
    let key = InstanceKey::new(app, tenant.parse().unwrap());
    let program = Program {
        steps,
        rounds: 1,
        carried: 0,
    };
    let start = Start::new(
        ExecutionId::from_u128(1),
        "program",
        Payload::from(serde_json::to_string(&program).unwrap()),
    );
    let new = NewInstance {
        key: key.clone(),
        start,
        reuse: IdReuse::never(),
        now: clock.now(),
    };
    let began = Instant::now();
    store.create(new).await.map_err(|error| error.to_string())?;
    let expected = Outcome::Completed(Payload::from(program.result().to_string()));
    loop {
        let instance = store.instance(&key).await.unwrap();
        match instance.and_then(|instance| instance.outcome) {
            Some(outcome) if outcome == expected => return Ok(began.elapsed()),
            Some(other) => return Err(format!("{key}: {other:?}")),
            None if began.elapsed() > 1_000 * SLOW => return Err(format!("{key} is stuck")),
            None => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}
