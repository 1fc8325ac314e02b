//! Every row of the tables in `data`. Rows that do not pass are listed with their reasons; one that is
//! listed and passes fails the test, so that the list stays true.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use weft_workflow::expression::{Budget, Context, Template};
use weft_workflow::value::Value;

fn evaluate(text: &str, context: &Context) -> Result<Value, String> {
    let template = Template::compile_string(text).map_err(|faults| faults[0].to_string())?;
    template
        .evaluate(context, &mut Budget::default())
        .map_err(|error| error.to_string())
}

fn context(now: &str) -> Context {
    context_of(now, "")
}

/// The documents that the examples of XPath are about: where the note says one, that.
fn context_of(now: &str, note: &str) -> Context {
    let items = note
        .split_once("context: parameters.items=")
        .map_or_else(|| produce(note), |(_, xml)| xml.to_owned());
    let body = note.split_once("body.Http=").map_or("", |(_, xml)| xml);
    let document = r#"{
        "parameters": {"fullName": "Sophia Owen", "myBirthMonth": "January", "myAge": 42, "items": ITEMS},
        "actions": {"Http": {"outputs": {"body": BODY}}},
        "variables": {"numItems": 20},
        "outputs": {"Compose1": [{"ID": 1, "Name": "James"}, {"ID": 2, "Name": "John"}, {"ID": 3, "Name": "Sam"}]}
    }"#;
    let document = document
        .replace("ITEMS", &Value::from(items).to_string())
        .replace("BODY", &Value::from(body).to_string());
    let document: Value = serde_json::from_str(&document).unwrap();
    Context::new(document, now.parse().unwrap(), 1)
}

/// The produce of the documentation, with the attributes that a note speaks of.
fn produce(note: &str) -> String {
    let (gala, honeycrisp) = match note {
        _ if note.contains("only Gala") => (r#" expired="true""#, ""),
        _ if note.contains("price=") => (r#" price="12""#, r#" price="40""#),
        _ => (r#" expired="true""#, r#" expired="false""#),
    };
    format!(
        "<produce><item><name{gala}>Gala</name><count>20</count></item>\
         <item><name{honeycrisp}>Honeycrisp</name><count>10</count></item></produce>"
    )
}

/// The documentation shows nodes as their text, and a single node bare.
fn same_nodes(found: &Value, expected: &Value) -> bool {
    let Value::Array(nodes) = found else {
        return false;
    };
    let markup: Vec<String> = nodes.iter().map(Value::to_text).collect();
    let bare = |xml: &String| match xml.split_once('>') {
        Some((_, rest)) if rest.contains("</") => rest.split("</").next().unwrap().to_owned(),
        _ => xml.clone(),
    };
    let texts: Vec<String> = markup.iter().map(bare).collect();
    match expected {
        Value::String(one) => markup == [one.to_string()] || texts == [one.to_string()],
        Value::Array(all) => all.iter().map(Value::to_text).eq(texts),
        _ => false,
    }
}

/// Binary results are shown as their content, or as JSON text.
fn same(found: &Value, expected: &Value) -> bool {
    let content = found
        .as_object()
        .and_then(|object| object.get_exact("$content"));
    let shown =
        |text: &str| text == found.to_string() || (content.is_some() && text == found.to_text());
    found == expected || content == Some(expected) || expected.as_str().is_some_and(shown)
}

/// Names of rows that are known not to pass, one a line, with `#` comments.
fn known(list: &str) -> BTreeMap<&str, bool> {
    let lines = list
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.map(|line| (line, false)).collect()
}

fn judge(table: &str, rows: Vec<(&str, Result<(), String>)>, list: &str) {
    let mut known = known(list);
    let (mut passed, mut wrong) = (0, Vec::new());
    let total = rows.len();
    for (row, outcome) in rows {
        match (outcome, known.get_mut(row)) {
            (Ok(()), None) => passed += 1,
            (Err(_), Some(seen)) => *seen = true,
            (Ok(()), Some(_)) => wrong.push(format!("passes, and is listed: {row}")),
            (Err(why), None) => wrong.push(format!("{row}\n    {why}")),
        }
    }
    let absent = known.iter().filter(|(_, seen)| !**seen);
    wrong.extend(absent.map(|(row, _)| format!("listed, and is no row: {row}")));
    println!("figure: {table}: {passed} of {total} rows pass");
    assert!(
        wrong.is_empty(),
        "{} rows:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn every_function_is_known() {
    let context = context("2018-02-01T00:00:00Z");
    let lines = include_str!("data/functions.tsv").lines().skip(1);
    println!(
        "figure: functions.tsv: all {} functions are known",
        lines.clone().count()
    );
    for line in lines {
        let name = line.split('\t').next().unwrap();
        let fault = evaluate(&format!("@{name}()"), &context).err();
        let unknown = fault.is_some_and(|fault| fault.contains("is not defined or not valid"));
        assert!(!unknown, "{name}");
    }
}

#[test]
fn the_examples_of_the_documentation() {
    let mut rows = Vec::new();
    for line in include_str!("data/function-examples.tsv").lines().skip(1) {
        let mut columns = line.split('\t');
        let (text, expected) = (columns.next().unwrap(), columns.next().unwrap());
        let note = columns.nth(1).unwrap_or_default();
        let section = line.split('\t').nth(2).unwrap_or_default();
        let clock = match (section, text) {
            (_, t) if t.starts_with("utcNow") => "2025-09-25T05:18:31.3384797Z",
            (_, t) if t.starts_with("getFutureTime") => "2018-03-01T00:00:00Z",
            _ => "2018-02-01T00:00:00Z",
        };
        let context = context_of(clock, note);
        let expected: Value = serde_json::from_str(expected).unwrap();
        let template = section.to_lowercase().contains("template")
            || (text.contains('@') && section != "xpath")
            || text.contains("array[1]")
            || text == "Sophia Owen";
        let wrapped = format!("@{text}");
        let found = evaluate(if template { text } else { &wrapped }, &context);
        let random =
            note.contains("random") || text.starts_with("rand(") || text.starts_with("guid(");
        let outcome = match found {
            Ok(found) if random => match (&expected, &found) {
                (Value::Array(all), found) if all.contains(found) => Ok(()),
                (Value::String(a), Value::String(b)) if a.len() == b.len() => Ok(()),
                _ => Err(format!("is {found}")),
            },
            Ok(found) if same(&found, &expected) => Ok(()),
            Ok(found) if section == "xpath" && same_nodes(&found, &expected) => Ok(()),
            Ok(found) => Err(format!("is {found}, expected {expected}")),
            Err(error) => Err(error),
        };
        rows.push((text, outcome));
    }
    judge(
        "function-examples.tsv",
        rows,
        include_str!("data/examples-not-passed.txt"),
    );
}

#[test]
fn the_edge_cases() {
    let context = context("2018-02-01T00:00:00Z");
    let mut rows = Vec::new();
    for line in include_str!("data/expression-cases.tsv").lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        let template: String = serde_json::from_str(columns[0]).unwrap();
        let found = evaluate(&template, &context);
        let named: String = match columns[1] {
            "error" => serde_json::from_str(columns[2]).unwrap(),
            _ => String::new(),
        };
        let outcome = match (columns[1], found) {
            ("error", Err(error)) if error.to_lowercase().contains(&named.to_lowercase()) => Ok(()),
            ("error", found) => Err(format!("is {found:?}, expected the error {named:?}")),
            (_, Ok(found)) => {
                let expected: Value = serde_json::from_str(columns[2]).unwrap();
                match same(&found, &expected) {
                    true => Ok(()),
                    false => Err(format!("is {found}, expected {expected}")),
                }
            }
            (_, Err(error)) => Err(error),
        };
        rows.push((columns[0], outcome));
    }
    judge(
        "expression-cases.tsv",
        rows,
        include_str!("data/cases-not-passed.txt"),
    );
}
