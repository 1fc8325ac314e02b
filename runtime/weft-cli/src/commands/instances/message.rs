//! `weft instances raise-event`, `terminate`, `suspend`, `resume`, `rewind`, `move` and
//! `restart`: one request each.

use anyhow::Result;
use serde_json::{Value, json};

use super::path;
use crate::client::segment;
use crate::commands::json_argument;
use crate::context::Target;
use crate::output::{self, cell};

#[derive(Debug, clap::Args)]
pub(crate) struct EventArgs {
    /// The instance's id
    id: String,
    /// The event's name
    event: String,
    /// JSON; `@FILE` and `-` read it from a file and from stdin
    #[arg(long, short, alias = "data", default_value = "null")]
    input: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ReasonArgs {
    /// The instance's id
    id: String,
    /// Why, for those who look at the instance
    #[arg(long, default_value = "")]
    reason: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct TerminateArgs {
    #[command(flatten)]
    to: ReasonArgs,
    /// Also end the orchestrations that it waits for
    #[arg(long)]
    recursive: bool,
}

pub(super) async fn raise_event(args: &EventArgs, target: &Target) -> Result<()> {
    let payload = json_argument(&args.input)?;
    let verb = format!("raise-event/{}", segment(&args.event));
    send(target, &args.id, &verb, &payload).await
}

pub(super) async fn terminate(args: &TerminateArgs, target: &Target) -> Result<()> {
    let body = json!({"reason": args.to.reason, "recursive": args.recursive});
    send(target, &args.to.id, "terminate", &body).await
}

pub(super) async fn hold(args: &ReasonArgs, verb: &str, target: &Target) -> Result<()> {
    send(target, &args.id, verb, &json!({"reason": args.reason})).await
}

#[derive(Debug, clap::Args)]
pub(crate) struct RewindArgs {
    #[command(flatten)]
    to: ReasonArgs,
    /// Go on with the code of this revision
    #[arg(long)]
    revision: Option<u32>,
}

pub(super) async fn rewind(args: &RewindArgs, target: &Target) -> Result<()> {
    let body = json!({"reason": args.to.reason, "revision": args.revision});
    send(target, &args.to.id, "rewind", &body).await
}

#[derive(Debug, clap::Args)]
pub(crate) struct MoveArgs {
    /// The instance's id
    id: String,
    /// The revision; the active one where it is not given
    #[arg(long)]
    revision: Option<u32>,
    /// Do not look first whether that code follows the history; the instance fails where it does not
    #[arg(long)]
    force: bool,
}

pub(super) async fn move_to(args: &MoveArgs, target: &Target) -> Result<()> {
    let body = json!({"revision": args.revision, "force": args.force});
    send(target, &args.id, "move", &body).await
}

#[derive(Debug, clap::Args)]
pub(crate) struct RestartArgs {
    /// The instance's id
    id: String,
    /// Replace the instance, which must have ended, instead of starting another one
    #[arg(long)]
    same_id: bool,
}

pub(super) async fn restart(args: &RestartArgs, target: &Target) -> Result<()> {
    let path = format!("{}/restart", path(target, &args.id)?);
    let body = json!({"same_id": args.same_id});
    let started = target.client()?.post(&path, &body).await?;
    if target.json {
        output::print_json(&started);
        return Ok(());
    }
    let id = cell(&started, "id");
    output::print_text(&id);
    output::note(format!("see it with: weft instances show {id}"));
    Ok(())
}

async fn send(target: &Target, id: &str, verb: &str, body: &Value) -> Result<()> {
    let path = format!("{}/{verb}", path(target, id)?);
    target.client()?.post(&path, body).await?;
    if target.json {
        output::print_json(&json!({"id": id, "accepted": true}));
    } else {
        output::note(format!("accepted; see weft instances show {id}"));
    }
    Ok(())
}
