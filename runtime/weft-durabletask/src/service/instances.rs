//! Starting, managing and awaiting orchestrations.

use std::time::Duration;

use tokio::time::Instant;
use tonic::Status;
use weft_id::{AppId, ExecutionId, InstanceId, InstanceKey};
use weft_orchestration::{Message, Reserved, Start, check_start, is_reserved};
use weft_store::{Error, Family, IdReuse, Instance, NewInstance, fill_in, until_ended};

use super::{Service, key, refused};
use crate::convert::labels::to_trace;
use crate::convert::state::of_instance;
use crate::convert::{to_instance, to_reason, to_status, to_time};
use crate::proto;

/// The store is asked again after so long, for a client that waits longer.
const WAIT: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(10);
const NAME_BYTES_MAX: usize = 256;
const BATCH_MAX: usize = 500;

impl Service {
    pub(super) async fn start(
        &self,
        app: AppId,
        order: proto::CreateInstanceRequest,
    ) -> Result<proto::CreateInstanceResponse, Status> {
        if order.name.is_empty() || order.name.len() > NAME_BYTES_MAX {
            let text = format!("an orchestrator's name has 1 to {NAME_BYTES_MAX} bytes");
            return Err(Status::invalid_argument(text));
        }
        let input = self.payload(order.input)?;
        check_start(&order.name, &input).map_err(reserved)?;
        let id = match order.instance_id.as_str() {
            "" => InstanceId::of_random(rand::random()),
            text => to_instance(text)?,
        };
        let key = key(app, id.as_str())?;
        let reuse = match order.orchestration_id_reuse_policy {
            Some(policy) => to_reuse(&policy.replaceable_status)?,
            None => IdReuse::never(),
        };
        let served = self.node.has_orchestrator(&key.app, &order.name).await;
        if !served.map_err(refused)? {
            self.workers.mark(&key.app).await.map_err(refused)?;
        }
        let (trace_parent, trace_state) = to_trace(order.parent_trace_context);
        let start = Start {
            version: order.version.filter(|version| !version.is_empty()),
            tags: order.tags.into_iter().collect(),
            trace_parent,
            trace_state,
            scheduled_at: order.scheduled_start_timestamp.map(to_time),
            ..Start::new(random_execution(), order.name, input)
        };
        self.create(&key, start, reuse).await?;
        Ok(proto::CreateInstanceResponse {
            instance_id: key.id.to_string(),
        })
    }

    async fn create(&self, key: &InstanceKey, start: Start, reuse: IdReuse) -> Result<(), Status> {
        let new = NewInstance {
            key: key.clone(),
            start,
            reuse,
            now: self.node.now(),
        };
        self.store.create(new).await.map_err(refused)
    }

    pub(super) async fn get(
        &self,
        app: AppId,
        asked: proto::GetInstanceRequest,
    ) -> Result<proto::GetInstanceResponse, Status> {
        let key = key(app, &asked.instance_id)?;
        let found = self.store.instance(&key).await.map_err(refused)?;
        self.answer(found, &asked).await
    }

    pub(super) async fn until_started(
        &self,
        app: AppId,
        asked: proto::GetInstanceRequest,
    ) -> Result<proto::GetInstanceResponse, Status> {
        let key = key(app, &asked.instance_id)?;
        loop {
            let found = self.store.instance(&key).await.map_err(refused)?;
            let pending = found
                .as_ref()
                .is_some_and(|found| found.status == weft_orchestration::Status::Pending);
            if !pending {
                return self.answer(found, &asked).await;
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = self.workers.closed() => return Err(closing()),
            }
        }
    }

    pub(super) async fn until_completed(
        &self,
        app: AppId,
        asked: proto::GetInstanceRequest,
    ) -> Result<proto::GetInstanceResponse, Status> {
        let key = key(app, &asked.instance_id)?;
        // The client ends the call when it does not want to wait any longer.
        loop {
            let found = tokio::select! {
                found = until_ended(&*self.store, &key, Instant::now() + WAIT) => found,
                () = self.workers.closed() => return Err(closing()),
            };
            let found = found.map_err(refused)?;
            let open = |found: &Instance| !found.status.is_terminal();
            if !found.as_ref().is_some_and(open) {
                return self.answer(found, &asked).await;
            }
        }
    }

    async fn answer(
        &self,
        found: Option<Instance>,
        asked: &proto::GetInstanceRequest,
    ) -> Result<proto::GetInstanceResponse, Status> {
        let Some(mut found) = found else {
            return Ok(proto::GetInstanceResponse {
                exists: false,
                orchestration_state: None,
            });
        };
        let payloads = asked.get_inputs_and_outputs;
        if payloads {
            fill_in(&*self.store, &mut found).await.map_err(refused)?;
        }
        Ok(proto::GetInstanceResponse {
            exists: true,
            orchestration_state: Some(of_instance(&found, payloads)),
        })
    }

    async fn tell(&self, app: AppId, id: &str, message: Message) -> Result<(), Status> {
        let key = key(app, id)?;
        match self.store.send(&key, message, self.node.now()).await {
            // What has ended is left as it is.
            Ok(()) | Err(Error::Ended { .. }) => Ok(()),
            Err(error) => Err(refused(error)),
        }
    }

    pub(super) async fn raise(
        &self,
        app: AppId,
        event: proto::RaiseEventRequest,
    ) -> Result<proto::RaiseEventResponse, Status> {
        if event.name.is_empty() || event.name.len() > NAME_BYTES_MAX {
            let text = format!("an event's name has 1 to {NAME_BYTES_MAX} bytes");
            return Err(Status::invalid_argument(text));
        }
        let message = Message::Event {
            name: event.name,
            payload: self.payload(event.input)?,
        };
        self.tell(app, &event.instance_id, message).await?;
        Ok(proto::RaiseEventResponse {})
    }

    pub(super) async fn terminate(
        &self,
        app: AppId,
        asked: proto::TerminateRequest,
    ) -> Result<proto::TerminateResponse, Status> {
        let message = Message::Terminate {
            reason: to_reason(asked.output),
            recursive: asked.recursive,
        };
        self.tell(app, &asked.instance_id, message).await?;
        Ok(proto::TerminateResponse {})
    }

    pub(super) async fn suspend(
        &self,
        app: AppId,
        asked: proto::SuspendRequest,
    ) -> Result<proto::SuspendResponse, Status> {
        let reason = asked.reason.unwrap_or_default();
        let message = Message::Suspend { reason };
        self.tell(app, &asked.instance_id, message).await?;
        Ok(proto::SuspendResponse {})
    }

    pub(super) async fn resume(
        &self,
        app: AppId,
        asked: proto::ResumeRequest,
    ) -> Result<proto::ResumeResponse, Status> {
        let reason = asked.reason.unwrap_or_default();
        let message = Message::Resume { reason };
        self.tell(app, &asked.instance_id, message).await?;
        Ok(proto::ResumeResponse {})
    }

    pub(super) async fn rewind(
        &self,
        app: AppId,
        asked: proto::RewindInstanceRequest,
    ) -> Result<proto::RewindInstanceResponse, Status> {
        let key = key(app, &asked.instance_id)?;
        let reason = asked.reason.unwrap_or_default();
        let now = self.node.now();
        let rewound = self
            .store
            .rewind(&key, random_execution(), reason, None, now);
        rewound.await.map_err(refused)?;
        Ok(proto::RewindInstanceResponse {})
    }

    pub(super) async fn restart(
        &self,
        app: AppId,
        asked: proto::RestartInstanceRequest,
    ) -> Result<proto::RestartInstanceResponse, Status> {
        let mut key = key(app, &asked.instance_id)?;
        let found = self.store.instance(&key).await.map_err(refused)?;
        let found = found.ok_or_else(|| refused(Error::NotFound))?;
        if asked.restart_with_new_instance_id {
            // The node's own are known by their ids.
            if is_reserved(&found.name) {
                return Err(reserved(Reserved::Name));
            }
            key.id = InstanceId::of_random(rand::random());
        } else if !found.status.is_terminal() {
            let status = found.status;
            return Err(refused(Error::StillOpen { status }));
        }
        let start = Start {
            version: found.version,
            tags: found.tags,
            ..Start::new(random_execution(), found.name, found.input)
        };
        self.create(&key, start, IdReuse::ended()).await?;
        Ok(proto::RestartInstanceResponse {
            instance_id: key.id.to_string(),
        })
    }

    /// Terminates instances without asking their code; answers with those that were not there.
    pub(super) async fn end_all(
        &self,
        app: AppId,
        asked: proto::SkipGracefulOrchestrationTerminationsRequest,
    ) -> Result<proto::SkipGracefulOrchestrationTerminationsResponse, Status> {
        let reason = asked.reason.unwrap_or_default();
        let ids = batch(asked.instance_batch)?;
        let mut left = Vec::new();
        for id in ids {
            let message = Message::Terminate {
                reason: reason.clone(),
                recursive: false,
            };
            let key = key(app.clone(), &id)?;
            if let Err(error) = self.store.send(&key, message, self.node.now()).await {
                match error {
                    Error::NotFound | Error::Ended { .. } => left.push(id),
                    error => return Err(refused(error)),
                }
            }
        }
        Ok(proto::SkipGracefulOrchestrationTerminationsResponse {
            unterminated_instance_ids: left,
        })
    }

    /// How many of these were there, ended, and are gone.
    pub(super) async fn purge_ids(
        &self,
        app: &AppId,
        ids: Vec<String>,
        family: Family,
    ) -> Result<u64, Status> {
        let mut purged = 0;
        for id in ids {
            let id = to_instance(&id)?;
            // Entities go when nothing is left of them.
            if id.is_entity() {
                continue;
            }
            let key = InstanceKey::new(app.clone(), id);
            match self.store.purge(&key, family).await {
                Ok(found) => purged += found.instances,
                Err(Error::NotFound | Error::StillOpen { .. }) => {}
                Err(error) => return Err(refused(error)),
            }
        }
        Ok(purged)
    }
}

pub(super) fn batch(batch: Option<proto::InstanceBatch>) -> Result<Vec<String>, Status> {
    let ids = batch.unwrap_or_default().instance_ids;
    if ids.len() > BATCH_MAX {
        let text = format!("a batch has at most {BATCH_MAX} instances");
        return Err(Status::invalid_argument(text));
    }
    Ok(ids)
}

fn to_reuse(codes: &[i32]) -> Result<IdReuse, Status> {
    let mut statuses = Vec::new();
    for code in codes {
        statuses.extend(to_status(*code)?);
    }
    IdReuse::of(statuses).ok_or_else(|| {
        Status::invalid_argument(
            "Invalid reusable statuses: cannot exclude 'Terminated' while also allowing reuse of \
             running instances",
        )
    })
}

fn reserved(why: Reserved) -> Status {
    Status::invalid_argument(why.to_string())
}

fn closing() -> Status {
    Status::unavailable("the node shuts down")
}

fn random_execution() -> ExecutionId {
    ExecutionId::from_u128(rand::random())
}
