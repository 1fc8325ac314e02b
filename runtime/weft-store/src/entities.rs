//! Looking at entities.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use weft_id::{AppId, EntityId, InstanceId};
use weft_orchestration::{Payload, Timestamp};

use crate::{Error, PageRequest};

/// The management side of entities; their operations are messages ([`crate::Instances::send`]).
#[async_trait]
pub trait Entities: Send + Sync {
    /// `None` for an entity of which nothing is kept.
    async fn entity(&self, app: &AppId, id: &EntityId) -> Result<Option<EntityView>, Error>;

    /// Entities of an app in the order of their ids, in stable pages.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a page token that no page gave.
    async fn entities(
        &self,
        app: &AppId,
        filter: &EntityFilter,
        page: &PageRequest,
    ) -> Result<EntityPage, Error>;
}

/// An entity as management sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityView {
    pub id: EntityId,
    /// JSON text; `None` for one that only has a lock or work to do.
    pub state: Option<Payload>,
    /// The orchestration that has locked it.
    pub locked_by: Option<InstanceId>,
    /// How many operations wait.
    pub queued: u64,
    /// When it was last sent something or ran an operation.
    pub updated_at: Timestamp,
}

/// All conditions must hold; empty ones always do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntityFilter {
    /// Of the whole id, `@name@key`.
    pub id_prefix: Option<String>,
    /// Inclusive.
    pub updated_from: Option<Timestamp>,
    /// Exclusive.
    pub updated_to: Option<Timestamp>,
    /// Whether those without a state are wanted as well.
    pub transient: bool,
}

impl EntityFilter {
    /// Whether an entity fulfils every condition; stores with indexes must agree with this.
    #[must_use]
    pub fn matches(&self, entity: &EntityView) -> bool {
        let id = entity.id.as_str();
        (self.transient || entity.state.is_some())
            && self.id_prefix.as_ref().is_none_or(|p| id.starts_with(p))
            && self
                .updated_from
                .is_none_or(|from| entity.updated_at >= from)
            && self.updated_to.is_none_or(|to| entity.updated_at < to)
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntityPage {
    pub entities: Vec<EntityView>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<String>,
}

impl EntityPage {
    /// A page of at most `limit` of what was found, which may be one more.
    #[must_use]
    pub fn cut(mut found: Vec<EntityView>, limit: u32) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(|last| token(&last.id));
        Self {
            entities: found,
            next,
        }
    }

    /// The id after which the page begins that a token stands for.
    ///
    /// # Errors
    /// [`Error::NotFound`]: no page gave this token.
    pub fn after(page: &PageRequest) -> Result<Option<EntityId>, Error> {
        let decode = |token: &String| {
            let text = URL_SAFE_NO_PAD.decode(token).ok()?;
            String::from_utf8(text).ok()?.parse().ok()
        };
        let after = page.after.as_ref();
        after.map(|t| decode(t).ok_or(Error::NotFound)).transpose()
    }
}

fn token(id: &EntityId) -> String {
    URL_SAFE_NO_PAD.encode(id.as_str())
}
