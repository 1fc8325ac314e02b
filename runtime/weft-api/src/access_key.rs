//! The keys that URLs of workflows are signed with, for those who have no key of their own.
//!
//! Each workflow begins with the node's key. Another one is derived from it by an id that is drawn at
//! random and kept sealed, so that it outlives revisions: what was refused once stays so, whichever
//! revision is active.

use weft_id::{AppId, Function};
use weft_store::{Sealed, SealedKind};

use crate::{Api, Problem, deploy};

/// Gives a workflow another key, and lets its triggers know.
///
/// # Errors
/// 404 for an absent app or workflow; the store's.
pub(crate) async fn regenerate(api: &Api, app: &AppId, name: &Function) -> Result<(), Problem> {
    let (_, deployment) = deploy::active(api, app).await?;
    if !deployment.workflows().contains_key(name) {
        return Err(Problem::not_found(format!("workflow {name}")));
    }
    let kind = SealedKind::AccessKey;
    let id = format!("{:032x}", rand::random::<u128>());
    let sealed = Sealed {
        name: name.to_string(),
        value: api.host.seal(app, kind, name.as_str(), &id),
        updated_at: api.host.now(),
    };
    api.store.put_sealed(app, kind, sealed).await?;
    api.host.deployed(app).await;
    Ok(())
}
