//! Long payloads as the writer's thread keeps, counts and removes them.

use std::collections::BTreeSet;

use rusqlite::{Connection, params};
use weft_orchestration::{Carries, Event, Kept};
use weft_store::Error;

use super::Tx;
use crate::column::{payload, to_json};
use crate::fault::Fault;
use crate::payloads::{PART_BYTES, Texts};

/// How much one step of cleaning up looks at, and how much it removes: what others may wait for.
const DOUBTS_AT_ONCE: u32 = 200;
const PARTS_AT_ONCE: u32 = 8;

/// Marks what a process that is gone has left: parts without a text, and texts that nobody names.
/// Returns the last number.
pub(crate) fn recover(conn: &Connection) -> rusqlite::Result<i64> {
    conn.execute("DELETE FROM blob_begun", [])?;
    let sql = "INSERT OR IGNORE INTO payload_garbage SELECT DISTINCT number FROM payload_part \
               WHERE number NOT IN (SELECT number FROM payload) \
               AND number NOT IN (SELECT number FROM blob)";
    conn.execute(sql, [])?;
    let sql = "INSERT OR IGNORE INTO payload_doubt SELECT sha256 FROM payload p \
               WHERE NOT EXISTS (SELECT 1 FROM payload_use u WHERE u.sha256 = p.sha256)";
    conn.execute(sql, [])?;
    last_number(conn)
}

pub(super) fn last_number(conn: &Connection) -> rusqlite::Result<i64> {
    // An object without bytes has no parts.
    let sql = "SELECT max(coalesce((SELECT max(number) FROM payload_part), 0), \
               coalesce((SELECT max(number) FROM payload_garbage), 0), \
               coalesce((SELECT max(number) FROM blob_begun), 0), \
               coalesce((SELECT max(number) FROM blob), 0))";
    conn.query_row(sql, [], |row| row.get(0))
}

impl Tx<'_> {
    /// Whether each text that is named is there or comes along.
    ///
    /// # Errors
    /// [`Error::NotFound`] where whoever named it has read it from an instance that is gone.
    pub(crate) fn check_texts(&self, named: &[Kept], texts: &Texts) -> Result<(), Fault> {
        for kept in named {
            let comes = texts.iter().any(|text| text.sha256 == kept.sha256);
            if !comes && self.number_of(&kept.sha256)?.is_none() {
                return Err(Error::NotFound.into());
            }
        }
        Ok(())
    }

    fn number_of(&self, sha256: &[u8; 32]) -> rusqlite::Result<Option<i64>> {
        self.number("SELECT number FROM payload WHERE sha256 = ?1", [sha256])
    }

    /// A number for the parts of a text, unless it is there already.
    pub(crate) fn begin_text(&mut self, sha256: &[u8; 32]) -> rusqlite::Result<Option<i64>> {
        if self.number_of(sha256)?.is_some() {
            return Ok(None);
        }
        Ok(Some(self.next_number()))
    }

    /// A number that no parts have had.
    pub(crate) fn next_number(&mut self) -> i64 {
        self.state.last_text += 1;
        self.state.last_text
    }

    pub(crate) fn insert_part(&self, number: i64, part: usize, text: &str) -> rusqlite::Result<()> {
        let bytes = text.as_bytes().chunks(PART_BYTES).nth(part);
        let part = u32::try_from(part).unwrap_or(u32::MAX);
        self.insert_bytes(number, part, bytes.unwrap_or_default())
    }

    pub(crate) fn insert_bytes(
        &self,
        number: i64,
        part: u32,
        bytes: &[u8],
    ) -> rusqlite::Result<()> {
        let sql = "INSERT INTO payload_part (number, part, body) VALUES (?1, ?2, ?3)";
        self.execute(sql, params![number, part, bytes])?;
        Ok(())
    }

    /// Makes texts readable by their names. Those that another write has kept meanwhile are. One
    /// that the write has not come to name, in a message that was dropped, goes later.
    pub(crate) fn keep(&mut self, texts: &Texts) -> rusqlite::Result<()> {
        for text in texts.iter() {
            if self.number_of(&text.sha256)?.is_some() {
                self.discard_parts(text.number.as_slice())?;
                continue;
            }
            let number = match text.number {
                Some(number) => number,
                None => {
                    let number = self.next_number();
                    for part in 0..text.text.len().div_ceil(PART_BYTES) {
                        self.insert_part(number, part, &text.text)?;
                    }
                    number
                }
            };
            let sql = "INSERT INTO payload (sha256, number) VALUES (?1, ?2)";
            self.execute(sql, params![text.sha256, number])?;
            let sql = "INSERT OR IGNORE INTO payload_doubt SELECT ?1 \
                       WHERE NOT EXISTS (SELECT 1 FROM payload_use WHERE sha256 = ?1)";
            self.state.litter |= self.execute(sql, [text.sha256])? > 0;
        }
        Ok(())
    }

    /// Gives numbers up, unless a text or an object has become of them.
    pub(crate) fn discard_parts(&mut self, numbers: &[i64]) -> rusqlite::Result<()> {
        for number in numbers {
            self.execute("DELETE FROM blob_begun WHERE number = ?1", [number])?;
            let sql = "INSERT OR IGNORE INTO payload_garbage SELECT ?1 \
                       WHERE NOT EXISTS (SELECT 1 FROM payload WHERE number = ?1) \
                       AND NOT EXISTS (SELECT 1 FROM blob WHERE number = ?1)";
            self.execute(sql, [number])?;
            self.state.litter = true;
        }
        Ok(())
    }

    /// Notes that an instance names texts.
    pub(super) fn name<'k>(
        &self,
        row: i64,
        kept: impl IntoIterator<Item = &'k Kept>,
    ) -> rusqlite::Result<()> {
        for kept in kept {
            let sql = "INSERT OR IGNORE INTO payload_use (instance, sha256) VALUES (?1, ?2)";
            self.execute(sql, params![row, kept.sha256])?;
        }
        Ok(())
    }

    /// Forgets the texts that an instance names no more, where it named any.
    pub(super) fn forget_texts(&mut self, row: i64) -> Result<(), Fault> {
        let used = "SELECT 1 FROM payload_use WHERE instance = ?1 LIMIT 1";
        if self.number(used, [row])?.is_none() {
            return Ok(());
        }
        let named = self.named_by(row)?;
        Ok(self.forget_texts_but(row, &named)?)
    }

    /// Forgets the texts that are neither in `named` nor in the inbox. Reads no row that grows with
    /// what has been sent: an entity does this at every turn.
    pub(super) fn forget_texts_but(
        &mut self,
        row: i64,
        named: &BTreeSet<Kept>,
    ) -> rusqlite::Result<()> {
        let sql = "SELECT sha256 FROM payload_use u WHERE instance = ?1 AND NOT EXISTS \
                   (SELECT 1 FROM inbox WHERE instance = u.instance AND kept = u.sha256)";
        let mut statement = self.statement(sql)?;
        let rows = statement.query_map([row], |row| row.get(0))?;
        let mut forgotten = rows.collect::<Result<BTreeSet<[u8; 32]>, _>>()?;
        for kept in named {
            forgotten.remove(&kept.sha256);
        }
        for sha256 in forgotten {
            let sql = "DELETE FROM payload_use WHERE instance = ?1 AND sha256 = ?2";
            self.execute(sql, params![row, sha256])?;
            self.state.litter = true;
        }
        Ok(())
    }

    /// The names that an orchestration's rows hold, besides its inbox.
    fn named_by(&self, row: i64) -> Result<BTreeSet<Kept>, Fault> {
        let mut named = BTreeSet::new();
        let plain = "SELECT input FROM detail WHERE instance = ?1 \
                     UNION ALL SELECT custom_status FROM detail \
                     WHERE instance = ?1 AND custom_status NOT NULL \
                     UNION ALL SELECT input FROM task WHERE instance = ?1";
        self.texts(plain, row, |text| {
            named.append(&mut payload(text.to_owned())?.all_kept());
            Ok(())
        })?;
        self.texts("SELECT events FROM turn WHERE instance = ?1", row, |text| {
            named.append(&mut to_json::<Vec<Event>>(text)?.all_kept());
            Ok(())
        })?;
        Ok(named)
    }

    fn texts(
        &self,
        sql: &str,
        row: i64,
        mut see: impl FnMut(&str) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let mut statement = self.statement(sql)?;
        let mut rows = statement.query([row])?;
        while let Some(row) = rows.next()? {
            see(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?)?;
        }
        Ok(())
    }

    /// Removes a little of what nothing names any more.
    pub(crate) fn clean_up(&mut self) -> rusqlite::Result<()> {
        let sql = "SELECT sha256 FROM payload_doubt LIMIT ?1";
        let mut statement = self.statement(sql)?;
        let rows = statement.query_map([DOUBTS_AT_ONCE], |row| row.get(0))?;
        let doubts = rows.collect::<Result<Vec<[u8; 32]>, _>>()?;
        for sha256 in &doubts {
            let used = "SELECT 1 FROM payload_use WHERE sha256 = ?1 LIMIT 1";
            if self.number(used, [sha256])?.is_none()
                && let Some(number) = self.number_of(sha256)?
            {
                self.execute("DELETE FROM payload WHERE sha256 = ?1", [sha256])?;
                self.discard_parts(&[number])?;
            }
            self.execute("DELETE FROM payload_doubt WHERE sha256 = ?1", [sha256])?;
        }
        let sql = "SELECT number FROM payload_garbage LIMIT 1";
        let garbage = self.number(sql, [])?;
        if let Some(number) = garbage {
            let sql = "DELETE FROM payload_part WHERE rowid IN \
                       (SELECT rowid FROM payload_part WHERE number = ?1 LIMIT ?2)";
            if self.execute(sql, params![number, PARTS_AT_ONCE])? < PARTS_AT_ONCE as usize {
                self.execute("DELETE FROM payload_garbage WHERE number = ?1", [number])?;
            }
        }
        self.state.litter = garbage.is_some() || !doubts.is_empty();
        Ok(())
    }
}
