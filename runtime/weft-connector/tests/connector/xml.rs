//! `workflow/xslt` and `workflow/xml-validation`

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use weft_connector::{Connector, Failed, IdentityEndpoint, ScriptLimits, Surroundings};

use crate::server::{connector, connector_with, nothing};

const MAP: &str = r#"<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
  <xsl:output method="text"/>
  <xsl:template match="/"><xsl:value-of select="sum(//n)"/></xsl:template>
</xsl:stylesheet>"#;

/// Looks at every pair of pairs.
const SLOW: &str = r#"<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
  <xsl:template match="/"><xsl:for-each select="//n"><xsl:for-each select="//n">
    <xsl:for-each select="//n"><xsl:if test="count(//n) = 0"/></xsl:for-each>
  </xsl:for-each></xsl:for-each></xsl:template>
</xsl:stylesheet>"#;

const SCHEMA: &str = r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
  <xs:element name="n" type="xs:int"/></xs:schema>"#;

fn around() -> Surroundings {
    let files = |files: &[(&str, &str)]| -> BTreeMap<String, String> {
        let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        files.iter().map(owned).collect()
    };
    let artifacts = BTreeMap::from([
        (
            "maps".to_owned(),
            files(&[("Sum.xslt", MAP), ("Slow.xslt", SLOW)]),
        ),
        ("schemas".to_owned(), files(&[("Number.xsd", SCHEMA)])),
    ]);
    Surroundings {
        artifacts: Arc::new(artifacts),
        ..nothing()
    }
}

async fn call(connector: &Connector, name: &str, input: Value) -> Result<Value, Failed> {
    let output = connector.call(name, &input.to_string(), &around()).await?;
    Ok(serde_json::from_str(&output).unwrap())
}

#[tokio::test]
async fn maps_and_schemas_of_the_project_are_run() {
    let connector = connector(&[]);
    let input = json!({"content": "<a><n>1</n><n>2</n></a>", "map": "Sum"});
    assert_eq!(call(&connector, "workflow/xslt", input).await.unwrap(), "3");
    let validate = async |content: &str| {
        let input = json!({"content": content, "schema": "Number.xsd"});
        call(&connector, "workflow/xml-validation", input).await
    };
    let content = validate("<n>1</n>").await.unwrap();
    assert_eq!(content["$content"], "PG4+MTwvbj4=");
    let failed = validate("<n>one</n>").await.unwrap_err();
    assert_eq!(failed.code, "XmlValidationFailed");
    assert!(failed.message.contains("Number.xsd"), "{failed}");
    let missing = json!({"content": "<a/>", "map": "Other"});
    let failed = call(&connector, "workflow/xslt", missing).await;
    assert_eq!(failed.unwrap_err().code, "NotFound");
}

#[tokio::test]
async fn a_map_that_takes_too_much_is_ended() {
    let limits = ScriptLimits {
        cpu_max: Duration::from_secs(1),
        wall_max: Duration::from_secs(30),
        ..ScriptLimits::default()
    };
    let connector = connector_with(&[], IdentityEndpoint::default(), limits);
    let content = format!("<a>{}</a>", "<n>1</n>".repeat(2000));
    let input = json!({"content": content, "map": "Slow.xslt"});
    let failed = call(&connector, "workflow/xslt", input).await.unwrap_err();
    assert_eq!(failed.code, "InvalidXsltContent");
    assert!(failed.message.contains("the map needs more"), "{failed}");
}

/// Text of that many MiB, of one piece after another.
fn filled(mib: usize, piece: impl Fn(usize) -> String) -> String {
    let mut text = String::with_capacity((mib << 20) + 200);
    for number in 0.. {
        if text.len() >= mib << 20 {
            break;
        }
        text.push_str(&piece(number));
    }
    text
}

/// What is too much is ended by a bound, and the code says of what.
#[tokio::test]
async fn schemas_and_contents_of_many_mebibytes_fail_with_their_code() {
    let limits = ScriptLimits {
        cpu_max: Duration::from_secs(2),
        wall_max: Duration::from_secs(60),
        ..ScriptLimits::default()
    };
    let connector = connector_with(&[], IdentityEndpoint::default(), limits);
    let validate = async |schema: &str, content: &str| {
        let artifacts = BTreeMap::from([(
            "schemas".to_owned(),
            BTreeMap::from([("Large.xsd".to_owned(), schema.to_owned())]),
        )]);
        let around = Surroundings {
            artifacts: Arc::new(artifacts),
            ..nothing()
        };
        let input = json!({"content": content, "schema": "Large.xsd"}).to_string();
        let called = connector.call("workflow/xml-validation", &input, &around);
        let done = called.await.map(|_| "it fits");
        done.map_err(|failed| (failed.code, failed.message))
    };
    let schema = |inside: &str| {
        format!("<xs:schema xmlns:xs=\"http://www.w3.org/2001/XMLSchema\">{inside}</xs:schema>")
    };
    let root = "<xs:element name=\"r\"><xs:complexType><xs:sequence>\
                <xs:element name=\"n\" type=\"xs:int\" maxOccurs=\"unbounded\"/>\
                </xs:sequence></xs:complexType></xs:element>";
    for mib in [3, 7] {
        let element = |n: usize| format!("<xs:element name=\"e{n}\" type=\"xs:int\"/>");
        let large = schema(&(root.to_owned() + &filled(mib, element)));
        let wrong = filled(mib, |_| "<n>one</n>".to_owned());
        // It fits, and is more than an action may give.
        let fits = filled(mib, |n| format!("<n>{n}</n>"));
        for (schema, content) in [
            (&large, "<n>one</n>"),
            (&schema(root), wrong.as_str()),
            (&schema(root), fits.as_str()),
        ] {
            let content = format!("<r>{content}</r>");
            let (code, message) = validate(schema, &content).await.unwrap_err();
            println!("{} and {} bytes: {message}", schema.len(), content.len());
            assert_eq!(code, "XmlValidationFailed", "{message}");
        }
    }
    let large = schema(&filled(8, |_| "<!-- nothing -->".to_owned()));
    let (code, message) = validate(&large, "<r/>").await.unwrap_err();
    assert_eq!(code, "BadRequest", "{message}");
}
