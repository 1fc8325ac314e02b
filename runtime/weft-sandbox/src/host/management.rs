//! `weft:functions/management`: what HTTP functions and activities may do with instances and entities
//! beyond `client`.

use std::collections::BTreeMap;
use std::sync::Arc;

use weft_app::Reach;
use weft_id::AppId;
use weft_orchestration::{Status, Timestamp};
use weft_store::{EntityFilter, Family, Filter, IdReuse, PageRequest};

use super::client::{REASON_BYTES_MAX, bounded, check_name, millis, parse, payload};
use super::entities::time;
use crate::bindings::weft::functions::client::{Error, RuntimeStatus};
use crate::bindings::weft::functions::management::{self, EntityPage, EntityStatus, Host, Page};
use crate::services::{Management, StartOptions};
use crate::state::State;

/// As many as the management API gives at once.
const PAGE_MAX: u32 = 1000;

impl State {
    fn management(&self) -> Result<(Arc<dyn Management>, AppId), Error> {
        // The same roles may use it.
        let (_, app) = self.client()?;
        Ok((Arc::clone(&self.services.management), app))
    }
}

impl Host for State {
    async fn start(
        &mut self,
        name: String,
        input: String,
        options: management::StartOptions,
    ) -> wasmtime::Result<Result<String, Error>> {
        let (access, max) = (self.management(), self.bounds.payload_bytes_max);
        let granted = self.may(Reach::Function, &name);
        let input = self.logs.redact(input);
        let start = async {
            let (management, app) = access?;
            granted.map_err(Error::Invalid)?;
            check_name("an orchestrator", &name)?;
            let input = payload(max, input)?;
            let options = start_options(options)?;
            let id = management.start(&app, &name, input, options).await?;
            Ok(id.to_string())
        };
        Ok(start.await)
    }

    async fn list_instances(
        &mut self,
        filter: management::Filter,
        limit: u32,
        after: Option<String>,
    ) -> wasmtime::Result<Result<Page, Error>> {
        let access = self.management();
        let list = async {
            let (management, app) = access?;
            let filter = to_filter(filter)?;
            let page = page_request(limit, after);
            let (instances, next) = management.instances(&app, filter, page).await?;
            let instances = instances.into_iter().map(Into::into).collect();
            Ok(Page { instances, next })
        };
        Ok(list.await)
    }

    async fn rewind(
        &mut self,
        instance: String,
        reason: String,
    ) -> wasmtime::Result<Result<(), Error>> {
        let access = self.management();
        let rewind = async {
            let (management, app) = access?;
            bounded("a reason", REASON_BYTES_MAX, &reason)?;
            Ok(management.rewind(&app, &parse(&instance)?, reason).await?)
        };
        Ok(rewind.await)
    }

    async fn restart(
        &mut self,
        instance: String,
        same_id: bool,
    ) -> wasmtime::Result<Result<String, Error>> {
        let access = self.management();
        let restart = async {
            let (management, app) = access?;
            let id = management
                .restart(&app, &parse(&instance)?, same_id)
                .await?;
            Ok(id.to_string())
        };
        Ok(restart.await)
    }

    async fn purge(
        &mut self,
        instance: String,
        recursive: bool,
    ) -> wasmtime::Result<Result<u32, Error>> {
        let access = self.management();
        let purge = async {
            let (management, app) = access?;
            let family = family(recursive);
            let purged = management.purge(&app, &parse(&instance)?, family).await?;
            Ok(count(purged))
        };
        Ok(purge.await)
    }

    async fn purge_instances(
        &mut self,
        filter: management::Filter,
        recursive: bool,
    ) -> wasmtime::Result<Result<u32, Error>> {
        let access = self.management();
        let purge = async {
            let (management, app) = access?;
            let filter = to_filter(filter)?;
            let purged = management.purge_matching(&app, filter, family(recursive));
            Ok(count(purged.await?))
        };
        Ok(purge.await)
    }

    async fn list_entities(
        &mut self,
        name: Option<String>,
        limit: u32,
        after: Option<String>,
    ) -> wasmtime::Result<Result<EntityPage, Error>> {
        let access = self.management();
        let list = async {
            let (management, app) = access?;
            let filter = EntityFilter {
                id_prefix: name.map(|name| format!("@{}@", name.to_ascii_lowercase())),
                ..EntityFilter::default()
            };
            let page = page_request(limit, after);
            let page = management.entities(&app, filter, page).await?;
            let entities = page.entities.into_iter().map(|entity| EntityStatus {
                entity: entity.id.to_string(),
                state: entity.state.and_then(super::client::text),
                updated_ms: millis(entity.updated_at),
            });
            Ok(EntityPage {
                entities: entities.collect(),
                next: page.next,
            })
        };
        Ok(list.await)
    }
}

fn start_options(options: management::StartOptions) -> Result<StartOptions, Error> {
    let reuse = options.reuse.map(|reuse| {
        let reuse = IdReuse::of(reuse.into_iter().map(to_status));
        reuse.ok_or_else(|| {
            Error::Invalid("open instances make way only where terminated ones do".to_owned())
        })
    });
    Ok(StartOptions {
        instance: options.instance_id.as_deref().map(parse).transpose()?,
        tags: options.tags.into_iter().collect(),
        version: options.version,
        scheduled_at: moment(options.at_ms)?,
        reuse: reuse.transpose()?,
    })
}

fn to_filter(filter: management::Filter) -> Result<Filter, Error> {
    Ok(Filter {
        statuses: filter.statuses.into_iter().map(to_status).collect(),
        id_prefix: filter.id_prefix,
        name: filter.name,
        created_from: moment(filter.created_from_ms)?,
        created_to: moment(filter.created_to_ms)?,
        updated_from: moment(filter.updated_from_ms)?,
        updated_to: moment(filter.updated_to_ms)?,
        tags: filter.tags.into_iter().collect::<BTreeMap<_, _>>(),
    })
}

fn moment(ms: Option<f64>) -> Result<Option<Timestamp>, Error> {
    time(ms).map_err(Error::Invalid)
}

fn page_request(limit: u32, after: Option<String>) -> PageRequest {
    PageRequest {
        limit: limit.clamp(1, PAGE_MAX),
        after,
    }
}

fn family(recursive: bool) -> Family {
    match recursive {
        true => Family::Goes,
        false => Family::Stays,
    }
}

fn count(purged: u64) -> u32 {
    u32::try_from(purged).unwrap_or(u32::MAX)
}

fn to_status(status: RuntimeStatus) -> Status {
    match status {
        RuntimeStatus::Pending => Status::Pending,
        RuntimeStatus::Running => Status::Running,
        RuntimeStatus::Suspended => Status::Suspended,
        RuntimeStatus::Completed => Status::Completed,
        RuntimeStatus::Failed => Status::Failed,
        RuntimeStatus::Terminated => Status::Terminated,
    }
}
