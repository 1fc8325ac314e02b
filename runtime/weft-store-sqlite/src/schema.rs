//! The file's format: connections, and the migrations from every version there has been.
//!
//! `user_version` counts the migrations that a file has seen. A newer file is refused, an older
//! one is brought up to date, one transaction per step.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use weft_store::Error;

use crate::fault;

/// Step `n` brings a file from version `n` to `n + 1`. Never edited once released.
const MIGRATIONS: [&str; 9] = [
    include_str!("schema.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
    include_str!("schema_4.sql"),
    include_str!("schema_5.sql"),
    include_str!("schema_6.sql"),
    include_str!("schema_7.sql"),
    include_str!("schema_8.sql"),
    include_str!("schema_9.sql"),
];

/// More than there are statements, so that each is compiled once per connection.
const STATEMENTS_MAX: usize = 128;

/// Opens the file for the writer and brings it up to date.
pub(crate) fn open_for_writing(path: &Path) -> Result<Connection, Error> {
    let mut conn = Connection::open(path).map_err(fault::of_sql)?;
    prepare(&conn).map_err(fault::of_sql)?;
    // Enough for the ends of the tables, which is what turns touch; the kernel keeps the rest.
    conn.pragma_update(None, "cache_size", -24_576)
        .map_err(fault::of_sql)?;
    migrate(&mut conn, &MIGRATIONS)?;
    Ok(conn)
}

pub(crate) fn open_for_reading(path: &Path) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(fault::of_sql)?;
    prepare(&conn).map_err(fault::of_sql)?;
    conn.pragma_update(None, "query_only", true)
        .map_err(fault::of_sql)?;
    Ok(conn)
}

fn prepare(conn: &Connection) -> rusqlite::Result<()> {
    conn.busy_timeout(Duration::from_secs(10))?;
    conn.pragma_update(None, "journal_mode", "WAL")?;
    // NORMAL may lose acknowledged commits when the power goes.
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "foreign_keys", true)?;
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    // Plans are made once for each statement. Without this, SQLite plans anew whenever a bound
    // value might make another plan better, which is at every run of most statements here.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    Ok(())
}

/// # Errors
/// [`Error::Broken`] for a file of any format but the newest that is known.
pub(crate) fn check_current(conn: &Connection) -> Result<(), Error> {
    let version: usize = conn
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(fault::of_sql)?;
    let known = MIGRATIONS.len();
    if version == known {
        return Ok(());
    }
    let advice = match version > known {
        true => "use the newer program that wrote it",
        false => "start a node of this program over it once, which brings it up to date",
    };
    Err(Error::Broken {
        reason: format!("the data is of format {version}, this program's is {known}: {advice}"),
    })
}

fn migrate(conn: &mut Connection, migrations: &[&str]) -> Result<(), Error> {
    let version: usize = conn
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(fault::of_sql)?;
    let known = migrations.len();
    if version > known {
        return Err(Error::Broken {
            reason: format!(
                "the data is of format {version}, this program knows formats up to {known}: \
                 use the newer program that wrote it"
            ),
        });
    }
    for (step, sql) in migrations.iter().enumerate().skip(version) {
        migrate_by_one(conn, sql, step + 1).map_err(fault::of_sql)?;
    }
    Ok(())
}

fn migrate_by_one(conn: &mut Connection, sql: &str, version: usize) -> rusqlite::Result<()> {
    let tx = conn.transaction()?;
    tx.execute_batch(sql)?;
    tx.pragma_update(None, "user_version", version)?;
    tx.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(conn: &Connection) -> usize {
        conn.pragma_query_value(None, "user_version", |row| row.get(0))
            .unwrap()
    }

    #[test]
    fn every_earlier_version_is_brought_up_to_date() {
        for from in 0..=MIGRATIONS.len() {
            let mut conn = Connection::open_in_memory().unwrap();
            migrate(&mut conn, &MIGRATIONS[..from]).unwrap();
            assert_eq!(version(&conn), from);
            migrate(&mut conn, &MIGRATIONS).unwrap();
            assert_eq!(version(&conn), MIGRATIONS.len());
            conn.execute("INSERT INTO app VALUES (1, 't', 'a')", [])
                .unwrap();
        }
    }

    #[test]
    fn messages_of_earlier_versions_tell_what_they_name() {
        let mut conn = Connection::open_in_memory().unwrap();
        migrate(&mut conn, &MIGRATIONS[..6]).unwrap();
        let name = format!(r#"{{"sha256":"{}","bytes":70000}}"#, "0a".repeat(32));
        let messages = [
            format!(r#"{{"Event":{{"name":"x","payload":{name}}}}}"#),
            format!(r#"{{"Event":{{"name":"x","payload":{name:?}}}}}"#),
            r#"{"Start":{"input":"1","tags":{"sha256":"0b"}}}"#.to_owned(),
        ];
        conn.execute_batch(
            "INSERT INTO app VALUES (1, 't', 'a'); INSERT INTO instance (row, app, id, execution, \
             name, status, created_at, updated_at) VALUES (1, 1, 'i', x'', 'n', 0, 0, 0)",
        )
        .unwrap();
        for (seq, message) in messages.iter().enumerate() {
            let sql = "INSERT INTO inbox VALUES (1, ?1, 0, ?2)";
            conn.execute(sql, rusqlite::params![seq as i64, message])
                .unwrap();
        }
        migrate(&mut conn, &MIGRATIONS).unwrap();
        let mut statement = conn.prepare("SELECT kept FROM inbox ORDER BY seq").unwrap();
        let kept = statement.query_map([], |row| row.get::<_, Option<Vec<u8>>>(0));
        let kept: Result<Vec<_>, _> = kept.unwrap().collect();
        assert_eq!(kept.unwrap(), [Some(vec![0x0a; 32]), None, None]);
    }

    #[test]
    fn histories_of_earlier_versions_are_measured_and_their_keys_stay_unlimited() {
        let mut conn = Connection::open_in_memory().unwrap();
        migrate(&mut conn, &MIGRATIONS[..7]).unwrap();
        conn.execute_batch(
            "INSERT INTO app VALUES (1, 't', 'a'); INSERT INTO instance (row, app, id, execution, \
             name, status, created_at, updated_at) VALUES (1, 1, 'i', x'', 'n', 0, 0, 0), \
             (2, 1, 'j', x'', 'n', 0, 0, 0); \
             INSERT INTO turn VALUES (1, 1, 0, '\u{e4}\u{e4}'), (2, 1, 1, '[]'); \
             INSERT INTO key VALUES ('k', 't', 'owner', x'', '', 0, NULL)",
        )
        .unwrap();
        migrate(&mut conn, &MIGRATIONS).unwrap();
        let sql = "SELECT history_bytes FROM instance ORDER BY row";
        let mut statement = conn.prepare(sql).unwrap();
        let bytes: Result<Vec<i64>, _> =
            statement.query_map([], |row| row.get(0)).unwrap().collect();
        assert_eq!(bytes.unwrap(), [6, 0]);
        let sql = "SELECT apps FROM key";
        let apps: Option<String> = conn.query_row(sql, [], |row| row.get(0)).unwrap();
        assert_eq!(apps, None);
    }

    #[test]
    fn a_newer_file_is_refused_and_a_failed_step_leaves_the_old_version() {
        let mut conn = Connection::open_in_memory().unwrap();
        migrate(&mut conn, &["CREATE TABLE a (x)", "CREATE TABLE b (x)"]).unwrap();
        let error = migrate(&mut conn, &["CREATE TABLE a (x)"]).unwrap_err();
        assert!(error.to_string().contains("format 2"), "{error}");

        let steps = ["", "", "CREATE TABLE c (x); CREATE TABLE a (x)"];
        migrate(&mut conn, &steps).unwrap_err();
        assert_eq!(version(&conn), 2);
        conn.execute("CREATE TABLE c (x)", []).unwrap();
    }
}
