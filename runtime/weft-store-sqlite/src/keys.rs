//! API keys.

use async_trait::async_trait;
use rusqlite::{Row, params};
use weft_id::Tenant;
use weft_orchestration::Timestamp;
use weft_store::{Error, KeyId, KeyRecord, Keys, Role};

use crate::SqliteStore;
use crate::column::{json, of_time, to_optional, to_time};
use crate::fault::{Fault, unreadable};
use crate::write::Tx;

const SELECT: &str = "SELECT id, tenant, role, apps, hash, label, created_at, expires_at FROM key";

#[async_trait]
impl Keys for SqliteStore {
    async fn put_key(&self, key: KeyRecord) -> Result<(), Error> {
        self.write(move |tx| put(tx, &key)).await
    }

    async fn key(&self, id: &KeyId) -> Result<Option<KeyRecord>, Error> {
        let era = match self.reports.keys.get(id) {
            Ok(key) => return Ok(Some(key)),
            Err(era) => era,
        };
        let wanted = id.clone();
        let read = self.read(move |tx| {
            let mut statement = tx.prepare_cached(&format!("{SELECT} WHERE id = ?1"))?;
            let mut rows = statement.query([&wanted.0])?;
            rows.next()?.map(to_key).transpose()
        });
        let key = read.await?;
        if let Some(key) = &key {
            self.reports.keys.keep(era, id.clone(), key.clone());
        }
        Ok(key)
    }

    async fn keys(&self, tenant: Option<&Tenant>) -> Result<Vec<KeyRecord>, Error> {
        let tenant = tenant.cloned();
        self.read(move |tx| {
            let sql = format!("{SELECT} WHERE tenant IS ?1 ORDER BY created_at, id");
            let mut statement = tx.prepare_cached(&sql)?;
            let mut rows = statement.query([tenant.as_ref().map(Tenant::as_str)])?;
            let mut keys = Vec::new();
            while let Some(row) = rows.next()? {
                keys.push(to_key(row)?);
            }
            Ok(keys)
        })
        .await
    }

    async fn rotate_key(&self, old: &KeyId, new: KeyRecord, until: Timestamp) -> Result<(), Error> {
        let old = old.clone();
        self.write(move |tx| {
            let sql = "UPDATE key SET expires_at = min(coalesce(expires_at, ?2), ?2) WHERE id = ?1";
            match tx.execute(sql, params![old.0, of_time(until)])? {
                0 => Err(Error::NotFound.into()),
                _ => put(tx, &new),
            }
        })
        .await
    }

    async fn delete_key(&self, id: &KeyId) -> Result<(), Error> {
        let id = id.clone();
        self.write(
            move |tx| match tx.execute("DELETE FROM key WHERE id = ?1", [&id.0])? {
                0 => Err(Error::NotFound.into()),
                _ => {
                    tx.keys_changed();
                    Ok(())
                }
            },
        )
        .await
    }
}

fn put(tx: &mut Tx<'_>, key: &KeyRecord) -> Result<(), Fault> {
    let sql = "INSERT OR REPLACE INTO key \
               (id, tenant, role, apps, hash, label, created_at, expires_at) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    tx.execute(
        sql,
        params![
            key.id.0,
            key.tenant.as_ref().map(Tenant::as_str),
            of_role(key.role),
            key.apps.as_ref().map(json),
            key.hash,
            key.label,
            of_time(key.created_at),
            key.expires_at.map(of_time),
        ],
    )?;
    tx.keys_changed();
    Ok(())
}

fn to_key(row: &Row<'_>) -> Result<KeyRecord, Fault> {
    let tenant: Option<String> = row.get("tenant")?;
    let expires_at: Option<u64> = row.get("expires_at")?;
    Ok(KeyRecord {
        id: KeyId(row.get("id")?),
        tenant: tenant
            .map(|name| name.parse().map_err(unreadable))
            .transpose()?,
        role: to_role(&row.get::<_, String>("role")?)?,
        apps: to_optional(row, "apps")?,
        hash: row.get("hash")?,
        label: row.get("label")?,
        created_at: to_time(row, "created_at")?,
        expires_at: expires_at.map(Timestamp::from_millis),
    })
}

const ROLES: [Role; 5] = [
    Role::Reader,
    Role::Invoker,
    Role::Deployer,
    Role::Owner,
    Role::Operator,
];

pub(crate) fn of_role(role: Role) -> &'static str {
    match role {
        Role::Reader => "reader",
        Role::Invoker => "invoker",
        Role::Deployer => "deployer",
        Role::Owner => "owner",
        Role::Operator => "operator",
    }
}

pub(crate) fn to_role(text: &str) -> Result<Role, Fault> {
    let found = ROLES.into_iter().find(|role| of_role(*role) == text);
    found.ok_or_else(|| unreadable(format!("no role is called {text}")).into())
}
