//! What apps keep, as guests of a child reach it: secrets from the node, objects not at all.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use weft_id::AppId;
use weft_orchestration::Timestamp;
use weft_store::{Blob, BlobId, Blobs, Error, NewBlob};

use super::remote::{Remote, unavailable};
use super::wire::{BoxError, ask, collect, message, whole};
use crate::services::Secrets;

/// Above all secrets of an app.
const SECRETS_BYTES_MAX: usize = 64 << 20;

/// Whose secrets are asked for.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SecretsHead {
    #[serde(with = "super::wire::app_id")]
    pub(super) app: AppId,
}

#[async_trait]
impl Secrets for Remote {
    async fn of_app(&self, app: &AppId) -> Result<Arc<BTreeMap<String, String>>, String> {
        let head = SecretsHead { app: app.clone() };
        let asked = async {
            let asked = message("/secrets", &head, whole(Bytes::new()))?;
            let ((), body) = ask::<()>(&self.sender, asked).await?;
            let answer = collect(body, SECRETS_BYTES_MAX).await?;
            Ok::<Result<_, String>, BoxError>(serde_json::from_slice(&answer)?)
        };
        let found = asked.await.unwrap_or_else(|error| Err(error.to_string()));
        found.map(Arc::new)
    }
}

fn none<T>() -> Result<T, Error> {
    Err(unavailable(
        "functions in a process of their tenant's own keep no objects",
    ))
}

#[async_trait]
impl Blobs for Remote {
    async fn create_container(&self, _: &AppId, _: &str, _: Timestamp) -> Result<(), Error> {
        none()
    }

    async fn container_created(&self, _: &AppId, _: &str) -> Result<Option<Timestamp>, Error> {
        none()
    }

    async fn delete_container(&self, _: &AppId, _: &str) -> Result<(), Error> {
        none()
    }

    async fn begin_blob(&self, _: &AppId) -> Result<BlobId, Error> {
        none()
    }

    async fn append_blob(&self, _: &AppId, _: BlobId, _: u32, _: Vec<u8>) -> Result<(), Error> {
        none()
    }

    async fn put_blob(&self, _: &AppId, _: NewBlob) -> Result<(), Error> {
        none()
    }

    fn give_up_blob(&self, _: &AppId, _: BlobId) {}

    async fn blob(&self, _: &AppId, _: &str, _: &str) -> Result<Option<Blob>, Error> {
        none()
    }

    async fn blob_part(&self, _: BlobId, _: u32) -> Result<Vec<u8>, Error> {
        none()
    }

    async fn delete_blobs(&self, _: &AppId, _: &str, _: Option<Vec<String>>) -> Result<(), Error> {
        none()
    }

    async fn blob_names(
        &self,
        _: &AppId,
        _: &str,
        _: Option<&str>,
        _: u32,
    ) -> Result<Vec<String>, Error> {
        none()
    }
}
