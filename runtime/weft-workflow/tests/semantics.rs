//! What functions do beyond the rows of the tables: cultures, clocks that change, forms, XML.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use weft_workflow::expression::{Budget, Context, Template};
use weft_workflow::value::Value;

const CONTEXT: &str = r#"{
    "trigger": {"outputs": {"body": {"$content-type": "application/x-www-form-urlencoded",
        "$content": "", "$formdata": [{"key": "a", "value": "1"}, {"key": "b", "value": "2"},
        {"key": "A", "value": "3"}]}}},
    "actions": {"Form": {"outputs": {"body": {"$content-type": "multipart/form-data; boundary=x",
        "$content": "", "$multipart": [
            {"headers": {"Content-Disposition": "form-data; name=\"x\""},
             "body": {"$content-type": "application/octet-stream", "$content": "eT16"}},
            {"headers": {"Content-Disposition": "form-data; name=\"f\"; filename=\"t.rs\""},
             "body": "fn main() {}"}]}}},
        "Plain": {"outputs": {"body": "text"}}}
}"#;

fn evaluate(text: &str) -> Result<Value, String> {
    let document: Value = serde_json::from_str(CONTEXT).unwrap();
    let context = Context::new(document, "2026-01-02T03:04:05Z".parse().unwrap(), 1);
    let template = Template::compile_expression(text).map_err(|faults| faults[0].to_string())?;
    template
        .evaluate(&context, &mut Budget::default())
        .map_err(|error| error.to_string())
}

/// Each expression beside its value as JSON.
#[track_caller]
fn check(rows: &[(&str, &str)]) {
    for (text, expected) in rows {
        let expected: Value = serde_json::from_str(expected).unwrap();
        assert_eq!(evaluate(text), Ok(expected), "{text}");
    }
}

#[track_caller]
fn fails(text: &str, part: &str) {
    let error = evaluate(text).unwrap_err();
    assert!(error.contains(part), "{text}: {error}");
}

#[test]
fn dates_in_other_languages() {
    check(&[
        (
            "formatDateTime('2026-03-02', 'D', 'de-DE')",
            r#""Montag, 2. März 2026""#,
        ),
        (
            "formatDateTime('2026-03-02', 'd', 'de-DE')",
            r#""02.03.2026""#,
        ),
        (
            "formatDateTime('2026-03-02', 'ddd dd/MM/yyyy', 'de-DE')",
            r#""Mo 02.03.2026""#,
        ),
        (
            "formatDateTime('2026-03-02', 'D', 'fr-FR')",
            r#""lundi 2 mars 2026""#,
        ),
        ("formatDateTime('2026-02-02', 'MMM', 'fr')", r#""févr.""#),
        (
            "formatDateTime('2026-03-02', 'D', 'es-ES')",
            r#""lunes, 2 de marzo de 2026""#,
        ),
        (
            "formatDateTime('2026-03-02', 'd', 'nl-NL')",
            r#""02-03-2026""#,
        ),
        (
            "formatDateTime('2026-03-02', 'd', 'sv-SE')",
            r#""2026-03-02""#,
        ),
        (
            "formatDateTime('2026-03-02', 'd', 'ja-JP')",
            r#""2026/03/02""#,
        ),
        (
            "formatDateTime('2026-03-02', 'd', 'en-GB')",
            r#""02/03/2026""#,
        ),
        (
            "formatDateTime('2026-03-02T15:04:05', 'G')",
            r#""3/2/2026 3:04:05 PM""#,
        ),
        // The same in every language.
        (
            "formatDateTime('2026-03-02', 'R', 'de-DE')",
            r#""Mon, 02 Mar 2026 00:00:00 GMT""#,
        ),
        (
            "formatDateTime('2026-03-02', 's', 'de-DE')",
            r#""2026-03-02T00:00:00""#,
        ),
    ]);
}

#[test]
fn clocks_that_change() {
    check(&[
        // Summer time, and winter time.
        (
            "convertToUtc('2026-07-01T12:00:00', 'W. Europe Standard Time')",
            r#""2026-07-01T10:00:00.0000000Z""#,
        ),
        (
            "convertFromUtc('2026-12-01T12:00:00Z', 'W. Europe Standard Time')",
            r#""2026-12-01T13:00:00.0000000""#,
        ),
        // Shown twice: standard time counts.
        (
            "convertToUtc('2026-10-25T02:30:00', 'W. Europe Standard Time')",
            r#""2026-10-25T01:30:00.0000000Z""#,
        ),
        (
            "convertTimeZone('2026-06-01T08:00:00', 'Eastern Standard Time', 'India Standard Time', 'g')",
            r#""6/1/2026 5:30 PM""#,
        ),
        (
            "convertFromUtc('2026-06-01T00:00:00Z', 'Chatham Islands Standard Time', 't')",
            r#""12:45 PM""#,
        ),
        (
            "addToTime('2024-01-31T00:00:00Z', 1, 'Month', 'd')",
            r#""2/29/2024""#,
        ),
    ]);
    fails(
        "convertToUtc('2026-03-29T02:30:00', 'W. Europe Standard Time')",
        "does not exist in the time zone",
    );
    fails(
        "convertToUtc('2026-03-29', 'Mars Time')",
        "'Mars Time' is not valid",
    );
    fails("addDays('9999-12-31', 1)", "out of range");
}

#[test]
fn forms_and_parts() {
    check(&[
        ("triggerFormDataValue('b')", r#""2""#),
        ("triggerFormDataMultiValues('a')", r#"["1", "3"]"#),
        ("triggerFormDataMultiValues('none')", "[]"),
        ("formDataValue('Form', 'x')", r#""y=z""#),
        ("multipartBody('form', 1)", r#""fn main() {}""#),
        (
            "base64ToString(multipartBody('Form', 0)?['$content'])",
            r#""y=z""#,
        ),
    ]);
    fails("triggerFormDataValue('a')", "has 2 values for the key 'a'");
    fails("triggerFormDataValue('z')", "no value for the key 'z'");
    fails(
        "multipartBody('Form', 2)",
        "there is no part '2', the body has 2",
    );
    fails(
        "formDataValue('Plain', 'x')",
        "neither form data nor form-encoded",
    );
    fails("triggerMultipartBody(0)", "does not have several parts");
}

#[test]
fn paths_in_documents() {
    check(&[
        (
            "xpath(xml('<r><a x=\"1\"/><a x=\"2\"/></r>'), '/r/a/@x')",
            r#"["1", "2"]"#,
        ),
        (
            "xpath(xml('<r><a>1</a><a>2</a></r>'), 'sum(//a) + 1')",
            "4.0",
        ),
        ("xpath(xml('<r><a>1</a></r>'), 'count(//b) = 0')", "true"),
        ("xpath(xml('<r><a>1</a></r>'), 'string(/r/a)')", r#""1""#),
        ("xpath(xml('<r><a>1</a></r>'), '/r/b')", "[]"),
        (
            "string(first(xpath(xml('<p:r xmlns:p=\"u\"><p:a>1</p:a></p:r>'), '//*[local-name()=\"a\"]')))",
            r#""<p:a xmlns:p=\"u\">1</p:a>""#,
        ),
    ]);
    fails("xpath(xml('<a/>'), '/a[')", "cannot be evaluated");
    fails("xpath('<a/>', '/a')", "be an XML object");
    // An expression that looks at too many nodes ends.
    let many = "<b/>".repeat(3_000);
    fails(
        &format!("xpath(xml('<a>{many}</a>'), '//b[count(//b[count(//b) > 1]) > 1]')"),
        "cannot be evaluated",
    );
}

#[test]
fn this_and_that() {
    check(&[
        ("encodeURIComponent('a/', 'b c', 1)", r#""a%2Fb%20c1""#),
        (
            "uriHost('HTTPS://User@Example.COM:8080/a')",
            r#""example.com""#,
        ),
        (
            "decodeXmlValue('&lt;a&gt;&#65;&amp;amp;')",
            r#""<a>A&amp;""#,
        ),
        ("length(guid('X'))", "68"),
        ("concat()", r#""""#),
        // As the peer reads integers: through a float.
        ("int('9007199254740993')", "9007199254740992"),
        ("utcNow('yyyy-MM-dd')", r#""2026-01-02""#),
    ]);
    fails(
        "int('12.5')",
        "be a value that can be converted to an integer",
    );
}
