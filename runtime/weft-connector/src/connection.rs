//! Connections: requests over them, or calls of the components that stand in their place.

use weft_workflow::value::Value;
use weft_workflow::wire::{Place, find, over, service_over};

use crate::request::text;
use crate::secrets::Known;
use crate::{Connector, Failed, Surroundings};

impl Connector {
    /// `workflow/connection`
    pub(crate) async fn connection(
        &self,
        input: &Value,
        surroundings: &Surroundings,
        known: &mut Known,
    ) -> Result<String, Failed> {
        let name = text(input, "connection").unwrap_or_default();
        let connection = find(&name, surroundings.around())?;
        match &connection.place {
            Place::Url(base) => self.call_out(over(&connection, base, input)?, known).await,
            Place::Component(activity) => {
                let given = member_of(input, &["method", "path", "queries", "headers", "body"]);
                component(surroundings, activity, given).await
            }
        }
    }

    /// `workflow/service-provider`
    pub(crate) async fn service(
        &self,
        input: &Value,
        surroundings: &Surroundings,
        known: &mut Known,
    ) -> Result<String, Failed> {
        let name = text(input, "connection").unwrap_or_default();
        let connection = find(&name, surroundings.around())?;
        match &connection.place {
            Place::Url(base) => {
                let call = service_over(&connection, base, input)?;
                self.call_out(call, known).await
            }
            Place::Component(activity) => {
                let given = member_of(input, &["operation", "provider", "parameters"]);
                component(surroundings, activity, given).await
            }
        }
    }
}

/// Runs an activity in place of a request. What it gives is the answer where it looks like one, and
/// the body of one otherwise.
async fn component(
    surroundings: &Surroundings,
    activity: &str,
    given: Value,
) -> Result<String, Failed> {
    let output = surroundings
        .components
        .call(activity, given.to_string())
        .await?;
    let value: Value = serde_json::from_str(&output).map_err(|error| {
        Failed::invalid(format!("the activity {activity} gave no JSON: {error}"))
    })?;
    if value.get("statusCode").and_then(Value::as_i64).is_some() {
        return Ok(output);
    }
    Ok(format!(
        r#"{{"statusCode":200,"headers":{{}},"body":{}}}"#,
        output.trim()
    ))
}

fn member_of(input: &Value, names: &[&str]) -> Value {
    let members = names.iter().filter_map(|name| {
        let value = input.get(name)?;
        Some((*name, value.clone()))
    });
    members.collect()
}
