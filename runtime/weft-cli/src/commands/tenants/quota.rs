//! `weft tenants quota`

use anyhow::Result;
use reqwest::Method;
use serde_json::{Map, Value};
use weft_app::Quota;

use crate::client::segment;
use crate::context::{Target, Usage};
use crate::output::{self, Table, cell};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The tenant's name
    name: String,
    /// What to change: FIELD=NUMBER, or FIELD= to take it back
    #[arg(value_name = "FIELD=NUMBER")]
    changes: Vec<String>,
    /// Take the whole quota back, before any change
    #[arg(long)]
    clear: bool,
}

pub(super) async fn run(args: &Args, target: &Target) -> Result<()> {
    let client = target.client()?;
    let path = format!("/admin/v1/tenants/{}/quota", segment(&args.name));
    if args.clear && args.changes.is_empty() {
        client.delete(&path).await?;
    }
    let mut quota = match args.clear {
        true => Map::new(),
        false => match client.get(&path).await? {
            Value::Object(quota) => quota,
            _ => Map::new(),
        },
    };
    if !args.changes.is_empty() {
        for change in &args.changes {
            apply(&mut quota, change)?;
        }
        let request = client.request(Method::PUT, &path).json(&quota);
        client.json(request).await?;
    }
    let quota = Value::Object(quota);
    if target.json {
        output::print_json(&quota);
        return Ok(());
    }
    let mut table = Table::new(&["quota", "limit"]);
    for field in Quota::KEYS {
        table.row([field.to_owned(), cell(&quota, field)]);
    }
    table.print();
    Ok(())
}

fn apply(quota: &mut Map<String, Value>, change: &str) -> Result<(), Usage> {
    let (field, number) = change
        .split_once('=')
        .ok_or_else(|| Usage(format!("{change:?} has not the form FIELD=NUMBER")))?;
    if !Quota::KEYS.contains(&field) {
        let known = Quota::KEYS.join(", ");
        return Err(Usage(format!(
            "there is no quota {field:?}; there are {known}"
        )));
    }
    if number.is_empty() {
        quota.remove(field);
        return Ok(());
    }
    let number: u64 = number
        .replace('_', "")
        .parse()
        .map_err(|_| Usage(format!("{number:?} is no number")))?;
    quota.insert(field.to_owned(), number.into());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_applied_one_by_one() {
        let mut quota = Map::new();
        apply(&mut quota, "functions=3").unwrap();
        apply(&mut quota, "stored_bytes=1_000_000").unwrap();
        apply(&mut quota, "functions=").unwrap();
        assert_eq!(
            Value::from(quota),
            serde_json::json!({"stored_bytes": 1_000_000})
        );
        for bad in ["functions", "functoins=1", "functions=-1", "functions=many"] {
            assert!(apply(&mut Map::new(), bad).is_err(), "{bad}");
        }
    }
}
