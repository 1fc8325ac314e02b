//! The calls of the service.

mod entities;
mod instances;
mod listing;
mod work;

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use futures::Stream;
use http::HeaderMap;
use tonic::{Request, Response, Status};
use weft_id::{AppId, InstanceKey};
use weft_orchestration::Payload;
use weft_store::{Error, Store};

use crate::convert::{to_instance, to_payload};
use crate::proto;
use crate::proto::task_hub_sidecar_service_server::{
    TaskHubSidecarService, TaskHubSidecarServiceServer,
};
use crate::{Node, Permission, Workers};

/// The largest message that is taken: several long payloads, or a history that comes back in an
/// answer.
const MESSAGE_BYTES_MAX: usize = 256 << 20;
/// Bytes of payloads in one page of a listing; a page ends before it has more.
const SHOWN_BYTES_MAX: usize = 2 << 20;

/// The service as an axum router would mount it: a `tower` service over HTTP/2 requests.
#[must_use]
pub fn router(
    store: Arc<dyn Store>,
    workers: Workers,
    node: Arc<dyn Node>,
) -> TaskHubSidecarServiceServer<impl TaskHubSidecarService> {
    let service = Service {
        store,
        workers,
        node,
        partial: Arc::default(),
    };
    TaskHubSidecarServiceServer::new(service)
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX)
}

struct Service {
    store: Arc<dyn Store>,
    workers: Workers,
    node: Arc<dyn Node>,
    /// Answers that come in several messages, by token.
    partial: Arc<Mutex<HashMap<String, Vec<proto::OrchestratorAction>>>>,
}

impl Service {
    /// The app that a call is for, and what it says.
    async fn open<T>(
        &self,
        request: Request<T>,
        permission: Permission,
    ) -> Result<(AppId, T), Status> {
        let (metadata, _, message) = request.into_parts();
        let headers: HeaderMap = metadata.into_headers();
        let app = self.node.app(&headers, permission).await?;
        Ok((app, message))
    }

    fn partial(
        &self,
    ) -> std::sync::MutexGuard<'_, HashMap<String, Vec<proto::OrchestratorAction>>> {
        self.partial.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The orchestration of that id.
fn key(app: AppId, id: &str) -> Result<InstanceKey, Status> {
    let id = to_instance(id)?;
    let id = id
        .of_orchestration()
        .map_err(|error| Status::invalid_argument(error.to_string()))?;
    Ok(InstanceKey::new(app, id))
}

/// What the store refuses, as the SDKs expect it.
impl Service {
    /// What a client hands over.
    fn payload(&self, text: Option<String>) -> Result<Payload, Status> {
        let payload = to_payload(text);
        let (len, max) = (payload.len(), self.node.payload_bytes_max());
        if len > max {
            let text = format!("a payload has at most {max} bytes, this one has {len}");
            return Err(Status::invalid_argument(text));
        }
        Ok(payload)
    }
}

fn refused(error: Error) -> Status {
    let text = error.to_string();
    match error {
        Error::NotFound => Status::not_found("there is no such instance"),
        Error::AlreadyExists { .. } => Status::already_exists(text),
        Error::StillOpen { .. } | Error::Ended { .. } | Error::NotRewindable(_) => {
            Status::failed_precondition(text)
        }
        Error::TooLarge(_) => Status::invalid_argument(text),
        Error::Conflict => Status::aborted(text),
        Error::QuotaExceeded { .. } | Error::Full => Status::resource_exhausted(text),
        Error::LeaseLost | Error::Unavailable { .. } | Error::Broken { .. } => {
            tracing::warn!(cause = %text, "the store did not answer a call");
            Status::unavailable("the store does not answer now")
        }
    }
}

type Streamed<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;
type Answered<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl TaskHubSidecarService for Service {
    type GetWorkItemsStream = Streamed<proto::WorkItem>;
    type StreamInstanceHistoryStream = Streamed<proto::HistoryChunk>;

    async fn hello(&self, request: Request<()>) -> Answered<()> {
        self.open(request, Permission::Read).await?;
        Ok(Response::new(()))
    }

    async fn start_instance(
        &self,
        request: Request<proto::CreateInstanceRequest>,
    ) -> Answered<proto::CreateInstanceResponse> {
        let (app, order) = self.open(request, Permission::Invoke).await?;
        self.start(app, order).await.map(Response::new)
    }

    async fn get_instance(
        &self,
        request: Request<proto::GetInstanceRequest>,
    ) -> Answered<proto::GetInstanceResponse> {
        let (app, asked) = self.open(request, Permission::Read).await?;
        self.get(app, asked).await.map(Response::new)
    }

    async fn rewind_instance(
        &self,
        request: Request<proto::RewindInstanceRequest>,
    ) -> Answered<proto::RewindInstanceResponse> {
        let (app, asked) = self.open(request, Permission::Invoke).await?;
        self.rewind(app, asked).await.map(Response::new)
    }

    async fn restart_instance(
        &self,
        request: Request<proto::RestartInstanceRequest>,
    ) -> Answered<proto::RestartInstanceResponse> {
        let (app, asked) = self.open(request, Permission::Invoke).await?;
        self.restart(app, asked).await.map(Response::new)
    }

    async fn wait_for_instance_start(
        &self,
        request: Request<proto::GetInstanceRequest>,
    ) -> Answered<proto::GetInstanceResponse> {
        let (app, asked) = self.open(request, Permission::Read).await?;
        self.until_started(app, asked).await.map(Response::new)
    }

    async fn wait_for_instance_completion(
        &self,
        request: Request<proto::GetInstanceRequest>,
    ) -> Answered<proto::GetInstanceResponse> {
        let (app, asked) = self.open(request, Permission::Read).await?;
        self.until_completed(app, asked).await.map(Response::new)
    }

    async fn raise_event(
        &self,
        request: Request<proto::RaiseEventRequest>,
    ) -> Answered<proto::RaiseEventResponse> {
        let (app, event) = self.open(request, Permission::Invoke).await?;
        self.raise(app, event).await.map(Response::new)
    }

    async fn terminate_instance(
        &self,
        request: Request<proto::TerminateRequest>,
    ) -> Answered<proto::TerminateResponse> {
        let (app, asked) = self.open(request, Permission::Invoke).await?;
        self.terminate(app, asked).await.map(Response::new)
    }

    async fn suspend_instance(
        &self,
        request: Request<proto::SuspendRequest>,
    ) -> Answered<proto::SuspendResponse> {
        let (app, asked) = self.open(request, Permission::Invoke).await?;
        self.suspend(app, asked).await.map(Response::new)
    }

    async fn resume_instance(
        &self,
        request: Request<proto::ResumeRequest>,
    ) -> Answered<proto::ResumeResponse> {
        let (app, asked) = self.open(request, Permission::Invoke).await?;
        self.resume(app, asked).await.map(Response::new)
    }

    async fn query_instances(
        &self,
        request: Request<proto::QueryInstancesRequest>,
    ) -> Answered<proto::QueryInstancesResponse> {
        let (app, asked) = self.open(request, Permission::Read).await?;
        self.query(app, asked).await.map(Response::new)
    }

    async fn list_instance_ids(
        &self,
        request: Request<proto::ListInstanceIdsRequest>,
    ) -> Answered<proto::ListInstanceIdsResponse> {
        let (app, asked) = self.open(request, Permission::Read).await?;
        self.list_ids(app, asked).await.map(Response::new)
    }

    async fn purge_instances(
        &self,
        request: Request<proto::PurgeInstancesRequest>,
    ) -> Answered<proto::PurgeInstancesResponse> {
        let (app, asked) = self.open(request, Permission::Invoke).await?;
        self.purge(app, asked).await.map(Response::new)
    }

    async fn get_work_items(
        &self,
        request: Request<proto::GetWorkItemsRequest>,
    ) -> Answered<Self::GetWorkItemsStream> {
        let (app, asked) = self.open(request, Permission::Serve).await?;
        self.workers.mark(&app).await.map_err(refused)?;
        let stream = self.workers.connect(app, &asked);
        Ok(Response::new(Box::pin(stream)))
    }

    async fn complete_activity_task(
        &self,
        request: Request<proto::ActivityResponse>,
    ) -> Answered<proto::CompleteTaskResponse> {
        let (app, answer) = self.open(request, Permission::Serve).await?;
        self.complete_activity(&app, answer);
        Ok(Response::new(proto::CompleteTaskResponse {}))
    }

    async fn complete_orchestrator_task(
        &self,
        request: Request<proto::OrchestratorResponse>,
    ) -> Answered<proto::CompleteTaskResponse> {
        let (app, answer) = self.open(request, Permission::Serve).await?;
        self.complete_orchestration(&app, answer);
        Ok(Response::new(proto::CompleteTaskResponse {}))
    }

    async fn complete_entity_task(
        &self,
        request: Request<proto::EntityBatchResult>,
    ) -> Answered<proto::CompleteTaskResponse> {
        let (app, answer) = self.open(request, Permission::Serve).await?;
        self.complete_entity(&app, answer);
        Ok(Response::new(proto::CompleteTaskResponse {}))
    }

    async fn stream_instance_history(
        &self,
        request: Request<proto::StreamInstanceHistoryRequest>,
    ) -> Answered<Self::StreamInstanceHistoryStream> {
        let (app, asked) = self.open(request, Permission::Read).await?;
        let stream = self.history(app, asked).await?;
        Ok(Response::new(stream))
    }

    async fn create_task_hub(
        &self,
        request: Request<proto::CreateTaskHubRequest>,
    ) -> Answered<proto::CreateTaskHubResponse> {
        // Every hub is there.
        self.open(request, Permission::Serve).await?;
        Ok(Response::new(proto::CreateTaskHubResponse {}))
    }

    async fn delete_task_hub(
        &self,
        request: Request<proto::DeleteTaskHubRequest>,
    ) -> Answered<proto::DeleteTaskHubResponse> {
        self.open(request, Permission::Serve).await?;
        Err(Status::unimplemented(
            "a hub is an app: delete it over the management API",
        ))
    }

    async fn signal_entity(
        &self,
        request: Request<proto::SignalEntityRequest>,
    ) -> Answered<proto::SignalEntityResponse> {
        let (app, signal) = self.open(request, Permission::Invoke).await?;
        self.signal(app, signal).await.map(Response::new)
    }

    async fn get_entity(
        &self,
        request: Request<proto::GetEntityRequest>,
    ) -> Answered<proto::GetEntityResponse> {
        let (app, asked) = self.open(request, Permission::Read).await?;
        self.entity(app, asked).await.map(Response::new)
    }

    async fn query_entities(
        &self,
        request: Request<proto::QueryEntitiesRequest>,
    ) -> Answered<proto::QueryEntitiesResponse> {
        let (app, asked) = self.open(request, Permission::Read).await?;
        self.entities(app, asked).await.map(Response::new)
    }

    async fn clean_entity_storage(
        &self,
        request: Request<proto::CleanEntityStorageRequest>,
    ) -> Answered<proto::CleanEntityStorageResponse> {
        // Entities without anything to keep go by themselves, and so do locks whose holder ended.
        self.open(request, Permission::Invoke).await?;
        Ok(Response::new(proto::CleanEntityStorageResponse::default()))
    }

    async fn abandon_task_activity_work_item(
        &self,
        request: Request<proto::AbandonActivityTaskRequest>,
    ) -> Answered<proto::AbandonActivityTaskResponse> {
        let (app, asked) = self.open(request, Permission::Serve).await?;
        self.workers.abandon(&app, &asked.completion_token);
        Ok(Response::new(proto::AbandonActivityTaskResponse {}))
    }

    async fn abandon_task_orchestrator_work_item(
        &self,
        request: Request<proto::AbandonOrchestrationTaskRequest>,
    ) -> Answered<proto::AbandonOrchestrationTaskResponse> {
        let (app, asked) = self.open(request, Permission::Serve).await?;
        self.workers.abandon(&app, &asked.completion_token);
        Ok(Response::new(proto::AbandonOrchestrationTaskResponse {}))
    }

    async fn abandon_task_entity_work_item(
        &self,
        request: Request<proto::AbandonEntityTaskRequest>,
    ) -> Answered<proto::AbandonEntityTaskResponse> {
        let (app, asked) = self.open(request, Permission::Serve).await?;
        self.workers.abandon(&app, &asked.completion_token);
        Ok(Response::new(proto::AbandonEntityTaskResponse {}))
    }

    async fn skip_graceful_orchestration_terminations(
        &self,
        request: Request<proto::SkipGracefulOrchestrationTerminationsRequest>,
    ) -> Answered<proto::SkipGracefulOrchestrationTerminationsResponse> {
        let (app, asked) = self.open(request, Permission::Invoke).await?;
        self.end_all(app, asked).await.map(Response::new)
    }
}
