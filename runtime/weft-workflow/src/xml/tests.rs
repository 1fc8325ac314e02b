//! Maps and schemas in small: what comes of them, and what is refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;

const SHEET: &str = r#"<?xml version="1.0" encoding="UTF-16"?>
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:s0="urn:orders" xmlns:ns0="urn:result" exclude-result-prefixes="s0">
  <xsl:output omit-xml-declaration="yes" method="xml"/>
  <xsl:param name="currency" select="'EUR'"/>
  <xsl:template match="/"><xsl:message>hidden</xsl:message><xsl:apply-templates select="/s0:Order"/></xsl:template>
  <xsl:template match="/s0:Order">
    <ns0:Result lines="{count(s0:Line)}">
      <xsl:for-each select="s0:Line[@n &gt; 1]">
        <Item><xsl:value-of select="concat(@n, ' ', $currency)"/></Item>
      </xsl:for-each>
    </ns0:Result>
  </xsl:template>
</xsl:stylesheet>"#;

const ORDER: &str = r#"<Order xmlns="urn:orders"><Line n="1"/><Line n="2"/><Line n="3"/></Order>"#;

fn artifacts(kind: &str, files: &[(&str, &str)]) -> Artifacts {
    let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
    let files = files.iter().map(owned).collect();
    BTreeMap::from([(kind.to_owned(), files)])
}

fn transformed(map: &str, content: Value, parameters: &str) -> Result<Value, Refused> {
    let members = [
        ("content", content),
        ("map", Value::from("Order")),
        ("parameters", serde_json::from_str(parameters).unwrap()),
    ];
    let input = members.into_iter().collect();
    xslt(&input, &artifacts("maps", &[("order.xslt", map)]))
}

fn decoded(value: &Value) -> String {
    assert_eq!(
        value.get("$content-type").and_then(Value::as_str),
        Some(XML)
    );
    let content = value.get("$content").and_then(Value::as_str).unwrap();
    String::from_utf8(STANDARD.decode(content).unwrap()).unwrap()
}

fn with(part: &str) -> String {
    SHEET.replace("<xsl:message>hidden</xsl:message>", part)
}

#[test]
fn a_map_makes_xml_of_xml_with_parameters() {
    let result = transformed(SHEET, Value::from(ORDER), "null").unwrap();
    assert_eq!(
        decoded(&result),
        r#"<ns0:Result xmlns:ns0="urn:result" lines="3"><Item>2 EUR</Item><Item>3 EUR</Item></ns0:Result>"#
    );
    for name in ["currency", "input:currency"] {
        let parameters = format!(r#"{{"{name}": "USD", "unknown": 1}}"#);
        let result = transformed(SHEET, envelope(ORDER), &parameters).unwrap();
        assert!(decoded(&result).contains("<Item>2 USD</Item>"), "{name}");
    }
}

#[test]
fn a_map_may_make_text_of_utf_16() {
    let map = SHEET.replace("method=\"xml\"", "method=\"text\"");
    let mut bytes = vec![0xff, 0xfe];
    let text = format!("<?xml version=\"1.0\" encoding=\"utf-16\"?>{ORDER}");
    bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    let members = [
        ("$content-type", Value::from("application/xml")),
        ("$content", Value::from(STANDARD.encode(bytes))),
    ];
    let result = transformed(&map, members.into_iter().collect(), "null").unwrap();
    assert_eq!(result, Value::from("2 EUR3 EUR"));
}

#[test]
fn what_the_processor_would_pass_over_is_refused() {
    let script = r#"<msxsl:script xmlns:msxsl="urn:schemas-microsoft-com:xslt" language="C#"
        implements-prefix="s0">public int a() { return 1; }</msxsl:script>"#;
    let top = |part: &str| SHEET.replace("<xsl:param", &format!("{part}<xsl:param"));
    for (map, part) in [
        (
            SHEET.replace("version=\"1.0\" xmlns:xsl", "version=\"3.0\" xmlns:xsl"),
            "XSLT 3.0",
        ),
        (
            SHEET.replace("version=\"1.0\" xmlns:xsl", "version=\"2.0\" xmlns:xsl"),
            "XSLT 1.0",
        ),
        (top(script), "script (msxsl:script) in line 5"),
        (top("<xsl:import href='other.xslt'/>"), "xsl:import"),
        (top("<xsl:key name='k' match='*' use='@n'/>"), "xsl:key"),
        (
            SHEET.replace("method=\"xml\"", "method=\"html\""),
            "gives html",
        ),
        (
            with("<xsl:for-each select='*'><xsl:sort select='@n'/></xsl:for-each>"),
            "xsl:sort",
        ),
        (
            with("<xsl:apply-templates select='*' mode='m'/>"),
            "with mode",
        ),
        (
            with("<xsl:element name='a' namespace='urn:x'/>"),
            "with namespace",
        ),
        (
            with("<xsl:message terminate='yes'>no</xsl:message>"),
            "with terminate",
        ),
        (
            "<html xsl:version='1.0' xmlns:xsl='http://www.w3.org/1999/XSL/Transform'/>".to_owned(),
            "no xsl:stylesheet",
        ),
    ] {
        let refused = transformed(&map, Value::from(ORDER), "null").unwrap_err();
        assert_eq!(refused.code, "NotSupported", "{part}: {refused}");
        assert!(refused.message.contains(part), "{part}: {refused}");
    }
}

#[test]
fn what_is_wrong_with_a_map_or_its_content_is_told() {
    let check = |map: &str, content: Value, code: &str, part: &str| {
        let refused = transformed(map, content, "null").unwrap_err();
        assert_eq!(refused.code, code, "{refused}");
        assert!(refused.message.contains(part), "{refused}");
    };
    let order = || Value::from(ORDER);
    let unknown = with("<xsl:value-of select='current-dateTime()'/>");
    check(&unknown, order(), "InvalidXsltContent", "current-dateTime");
    let endless = with("<xsl:call-template name='a'/>").replace(
        "</xsl:stylesheet>",
        "<xsl:template name='a'><xsl:call-template name='a'/></xsl:template></xsl:stylesheet>",
    );
    check(&endless, order(), "InvalidXsltContent", "recursion limit");
    check("<xsl:stylesheet", order(), "BadRequest", "the map");
    check(SHEET, Value::from("<Order>"), "BadRequest", "the content");
    check(SHEET, Value::Null, "InvalidTemplate", "got null");
    let bomb = "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>";
    check(SHEET, Value::from(bomb), "BadRequest", "the content");
    let input = [("content", order()), ("map", Value::from("Nope"))];
    let refused = xslt(&input.into_iter().collect(), &Artifacts::new()).unwrap_err();
    assert_eq!(refused.code, "NotFound");
    assert!(refused.message.contains("Artifacts/Maps"), "{refused}");
}

const MAIN: &str = r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="urn:o"
    targetNamespace="urn:o" elementFormDefault="qualified">
  <xs:include schemaLocation="..\schemas\Parts.xsd"/>
  <xs:element name="Order"><xs:complexType><xs:sequence>
    <xs:element name="Line" type="LineType" maxOccurs="unbounded"/>
  </xs:sequence><xs:attribute name="id" type="xs:int" use="required"/></xs:complexType></xs:element>
</xs:schema>"#;

const PARTS: &str = r#"<xsd:schema xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:p="urn:o"
    targetNamespace="urn:o" elementFormDefault="qualified">
  <xsd:include schemaLocation="main.xsd"/>
  <xsd:complexType name="LineType"><xsd:sequence>
    <xsd:element name="Price" type="p:PriceType"/></xsd:sequence></xsd:complexType>
  <xsd:simpleType name="PriceType"><xsd:restriction base="xsd:decimal">
    <xsd:minInclusive value="0"/></xsd:restriction></xsd:simpleType>
</xsd:schema>"#;

fn validated(files: &[(&str, &str)], content: &str) -> Result<Value, Refused> {
    let members = [
        ("content", Value::from(content)),
        ("schema", Value::from("main")),
    ];
    let input = members.into_iter().collect();
    xml_validation(&input, &artifacts("schemas", files))
}

#[test]
fn a_document_is_compared_with_a_schema_and_what_it_includes() {
    let files = [("main.xsd", MAIN), ("parts.xsd", PARTS)];
    let order = |id: &str, price: &str| {
        format!(
            "<o:Order xmlns:o='urn:o' id='{id}'>\n<o:Line><o:Price>{price}</o:Price></o:Line></o:Order>"
        )
    };
    let good = order("7", "1.50");
    assert_eq!(decoded(&validated(&files, &good).unwrap()), good);
    for (content, part) in [
        (order("x", "1"), "not a valid int"),
        (order("7", "-1"), "line 2"),
        ("<Order/>".to_owned(), "Order"),
        (order("7", "1").replace("o:Price", "o:Cost"), "Cost"),
    ] {
        let refused = validated(&files, &content).unwrap_err();
        assert_eq!(refused.code, "XmlValidationFailed", "{content}: {refused}");
        assert!(refused.message.contains(part), "{part}: {refused}");
    }
}

#[test]
fn schemas_that_cannot_be_followed_are_refused() {
    let refused = validated(&[("main.xsd", MAIN)], "<a/>").unwrap_err();
    assert_eq!(refused.code, "NotFound");
    assert!(refused.message.contains("Parts.xsd"), "{refused}");
    let other = PARTS.replace("targetNamespace=\"urn:o\"", "targetNamespace=\"urn:p\"");
    let refused = validated(&[("main.xsd", MAIN), ("Parts.xsd", &other)], "<a/>").unwrap_err();
    assert!(
        refused.message.contains("another targetNamespace"),
        "{refused}"
    );
    let import = MAIN.replace("xs:include", "xs:import namespace='urn:p'");
    let refused = validated(&[("main.xsd", &import)], "<a/>").unwrap_err();
    assert_eq!(refused.code, "NotSupported");
    assert!(refused.message.contains("xs:import"), "{refused}");
    let refused = validated(&[("main.xsd", "<a/>")], "<a/>").unwrap_err();
    assert!(refused.message.contains("no xs:schema"), "{refused}");
}
