//! Long payloads: taken out of whatever is written, and read by their names.
//!
//! A text is written in parts. Short ones go with the write that names them; the parts of a longer
//! one are written before, one by one, so that the writes of others come in between. Whatever is
//! cut off on the way leaves parts that nothing names, and the next start removes them.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::OptionalExtension;
use weft_orchestration::{Carries, Kept, Payload};
use weft_store::{Error, INLINE_BYTES_MAX, LargePayloads, keep_apart};

use crate::SqliteStore;
use crate::fault::{Fault, unreadable};
use crate::write::Tx;
use crate::writer::Writer;

/// Bytes of one part.
pub(crate) const PART_BYTES: usize = 512 << 10;
/// Texts that are longer together are written before.
const AT_ONCE_BYTES: usize = 1 << 20;

#[async_trait]
impl LargePayloads for SqliteStore {
    async fn large(&self, kept: &Kept) -> Result<Payload, Error> {
        let kept = kept.clone();
        self.read(move |tx| {
            let sql = "SELECT number FROM payload WHERE sha256 = ?1";
            let mut statement = tx.prepare_cached(sql)?;
            let number: Option<i64> = statement
                .query_row([kept.sha256], |row| row.get(0))
                .optional()?;
            let number = number.ok_or(Error::NotFound)?;
            let sql = "SELECT body FROM payload_part WHERE number = ?1 ORDER BY part";
            let mut statement = tx.prepare_cached(sql)?;
            let mut rows = statement.query([number])?;
            let mut text = Vec::with_capacity(kept.bytes);
            while let Some(row) = rows.next()? {
                let part = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
                text.extend_from_slice(part);
            }
            if text.len() != kept.bytes {
                return Err(unreadable(format!("{kept} has {} bytes", text.len())).into());
            }
            Ok(Payload::from(String::from_utf8(text).map_err(unreadable)?))
        })
        .await
    }
}

/// What a write names, with the texts that are new.
#[derive(Debug, Default)]
pub(crate) struct Texts(Vec<Text>);

#[derive(Debug)]
pub(crate) struct Text {
    pub(crate) sha256: [u8; 32],
    pub(crate) text: Arc<str>,
    /// Under which number its parts are written already.
    pub(crate) number: Option<i64>,
}

impl Texts {
    fn new(texts: BTreeMap<Kept, Arc<str>>) -> Self {
        let texts = texts.into_iter().map(|(kept, text)| Text {
            sha256: kept.sha256,
            text,
            number: None,
        });
        Self(texts.collect())
    }

    fn bytes(&self) -> usize {
        self.0.iter().map(|text| text.text.len()).sum()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Text> {
        self.0.iter()
    }
}

impl SqliteStore {
    /// Runs a write of something that may have long texts in it. They are taken out of it before
    /// `prepare` makes it ready.
    pub(crate) async fn write_apart<C, R, T>(
        &self,
        mut carrier: C,
        prepare: impl FnOnce(C) -> R + Send + 'static,
        mut run: impl FnMut(&mut Tx<'_>, &R) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Error>
    where
        C: Carries + Send + 'static,
        R: Send + 'static,
        T: Send + 'static,
    {
        let mut longest = 0;
        carrier.each(&mut |payload| longest = longest.max(payload.len()));
        if longest <= INLINE_BYTES_MAX {
            let ready = prepare(carrier);
            return self.write(move |tx| run(tx, &ready)).await;
        }
        // Hashing what is long takes its time.
        let apart = tokio::task::spawn_blocking(move || {
            let texts = keep_apart(&mut carrier, INLINE_BYTES_MAX);
            let named: Vec<_> = carrier.all_kept().into_iter().collect();
            (Texts::new(texts), named, prepare(carrier))
        });
        let (mut texts, named, ready) = apart.await.map_err(|_| Error::Unavailable {
            reason: "the write was not made ready".to_owned(),
        })?;
        let upload = self.upload(&mut texts).await?;
        let written = self
            .write(move |tx| {
                tx.check_texts(&named, &texts)?;
                let written = run(tx, &ready)?;
                tx.keep(&texts)?;
                Ok(written)
            })
            .await;
        if written.is_ok() {
            upload.done();
        }
        written
    }

    /// Gives up numbers of parts that nothing names.
    pub(crate) fn give_up(&self, numbers: Vec<i64>) {
        self.writer.give_up(numbers);
    }

    /// Writes the parts of texts that are too long for one write.
    async fn upload(&self, texts: &mut Texts) -> Result<Upload<'_>, Error> {
        let mut upload = Upload {
            writer: &self.writer,
            numbers: Vec::new(),
        };
        if texts.bytes() <= AT_ONCE_BYTES {
            return Ok(upload);
        }
        for text in &mut texts.0 {
            let sha256 = text.sha256;
            let begun = self.write(move |tx| Ok(tx.begin_text(&sha256)?)).await?;
            let Some(number) = begun else { continue };
            upload.numbers.push(number);
            for part in 0..text.text.len().div_ceil(PART_BYTES) {
                let whole = Arc::clone(&text.text);
                let write = move |tx: &mut Tx<'_>| Ok(tx.insert_part(number, part, &whole)?);
                self.write(write).await?;
            }
            text.number = Some(number);
        }
        Ok(upload)
    }
}

/// Parts that are written and that nothing names yet: they go where it comes to nothing, also when
/// whoever waits for it goes away.
struct Upload<'a> {
    writer: &'a Writer,
    numbers: Vec<i64>,
}

impl Upload<'_> {
    fn done(mut self) {
        self.numbers.clear();
    }
}

impl Drop for Upload<'_> {
    fn drop(&mut self) {
        if self.numbers.is_empty() {
            return;
        }
        self.writer.give_up(std::mem::take(&mut self.numbers));
    }
}
