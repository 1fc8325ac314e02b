//! Table: an array of objects as CSV or HTML.

use std::fmt::Write as _;

use crate::expression::Template;
use crate::program::{ActionId, Column};
use crate::value::{Array, Value};

use super::super::Run;
use super::super::state::{End, FrameId};

impl Run {
    pub(super) fn table(
        &mut self,
        frame: FrameId,
        id: ActionId,
        (from, format): (&Template, &Template),
        columns: Option<&[Column]>,
    ) -> End {
        let items = match self.array(frame, id, from) {
            Ok(items) => items,
            Err(end) => return end,
        };
        self.record_from(frame, id, &items);
        let format = match self.evaluate(format, frame, Some(id)) {
            Ok(format) => format.to_text().to_ascii_lowercase(),
            Err(fault) => return fault.into(),
        };
        let table = match columns {
            Some(columns) => self.chosen(frame, id, &items, columns),
            None => Ok(whole(&items)),
        };
        let (header, rows) = match table {
            Ok(table) => table,
            Err(end) => return end,
        };
        match format.as_str() {
            "csv" => End::body(Value::from(csv(&header, &rows))),
            "html" => End::body(Value::from(html(&header, &rows))),
            other => {
                let message = format!("'{other}' is no format of a table: it is CSV or HTML.");
                End::failed("InvalidTemplate", message)
            }
        }
    }

    fn chosen(
        &mut self,
        frame: FrameId,
        id: ActionId,
        items: &Array,
        columns: &[Column],
    ) -> Result<(Vec<String>, Vec<Vec<String>>), End> {
        let mut header = Vec::new();
        for column in columns {
            let name = self
                .evaluate(&column.header, frame, Some(id))
                .map_err(End::from)?;
            header.push(name.to_text());
        }
        let rows = self.each(frame, id, items, |place, budget| {
            let cells = columns.iter().map(|column| {
                let value = column.value.evaluate(place, budget)?;
                Ok(Value::from(value.to_text()))
            });
            cells.collect::<Result<Value, _>>().map(Some)
        });
        let rows = rows.map_err(End::from)?.into_iter().map(|row| {
            let cells = row
                .as_array()
                .map(|cells| cells.iter().map(Value::to_text).collect());
            cells.unwrap_or_default()
        });
        Ok((header, rows.collect()))
    }
}

/// The columns are the members of the first item, in its order.
fn whole(items: &Array) -> (Vec<String>, Vec<Vec<String>>) {
    let first = items.first().and_then(Value::as_object);
    let header: Vec<String> = first
        .map(|first| first.iter().map(|(name, _)| name.to_string()).collect())
        .unwrap_or_default();
    let rows = items.iter().map(|item| {
        let cells = header.iter().map(|name| match item.get(name) {
            Some(value) => value.to_text(),
            None => String::new(),
        });
        cells.collect()
    });
    let rows = rows.collect();
    (header, rows)
}

/// Lines end in CR LF, as RFC 4180 has it.
fn csv(header: &[String], rows: &[Vec<String>]) -> String {
    let mut text = String::new();
    for row in std::iter::once(header).chain(rows.iter().map(Vec::as_slice)) {
        for (index, cell) in row.iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            if cell.contains([',', '"', '\r', '\n']) {
                let _ = write!(text, "\"{}\"", cell.replace('"', "\"\""));
            } else {
                text.push_str(cell);
            }
        }
        text.push_str("\r\n");
    }
    text
}

fn html(header: &[String], rows: &[Vec<String>]) -> String {
    let mut text = String::from("<table><thead><tr>");
    for cell in header {
        let _ = write!(text, "<th>{}</th>", escaped(cell));
    }
    text.push_str("</tr></thead><tbody>");
    for row in rows {
        text.push_str("<tr>");
        for cell in row {
            let _ = write!(text, "<td>{}</td>", escaped(cell));
        }
        text.push_str("</tr>");
    }
    text.push_str("</tbody></table>");
    text
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables() {
        let items: Value =
            serde_json::from_str(r#"[{"a":1,"b":"x,\"y\""},{"b":"<z>","c":2}]"#).unwrap();
        let (header, rows) = whole(items.as_array().unwrap());
        assert_eq!(csv(&header, &rows), "a,b\r\n1,\"x,\"\"y\"\"\"\r\n,<z>\r\n");
        assert!(html(&header, &rows).contains("<td></td><td>&lt;z&gt;</td>"));
    }
}
