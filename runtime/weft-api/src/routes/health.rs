//! `/healthz`, `/readyz` and `/openapi.json`: no key needed, nothing of a tenant in them.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::{Api, Kind, Problem, openapi};

pub(super) fn router() -> Router<Api> {
    Router::new()
        .route("/healthz", get(healthy))
        .route("/readyz", get(ready))
        .route("/openapi.json", get(document))
}

async fn healthy() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

async fn ready(State(api): State<Api>) -> Result<Json<Value>, Problem> {
    match api.host.readiness() {
        Ok(()) => Ok(Json(json!({"status": "ok"}))),
        Err(reason) => {
            tracing::warn!(%reason, "not ready");
            Err(Problem::new(Kind::Unavailable, "the node takes no requests now").retry_after(1))
        }
    }
}

async fn document() -> Json<Value> {
    Json(openapi::document())
}
