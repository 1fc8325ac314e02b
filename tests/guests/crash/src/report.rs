//! Tells the observer of an execution by HTTP, and waits for its answer: what comes after is then
//! known to come after.

use wasip2::http::outgoing_handler;
use wasip2::http::types::{Fields, OutgoingRequest, Scheme};
use weft_sdk::{Call, Failure};

use crate::step::Step;

/// The environment variable that holds the observer's `host:port`.
const OBSERVER: &str = "OBSERVER";

/// # Errors
/// When the observer does not answer; the run is worthless then.
pub(crate) fn execution(call: &Call, step: &Step) -> Result<(), Failure> {
    let at: Vec<String> = step.at.iter().map(u32::to_string).collect();
    let path = format!(
        "/?root={}&at={}&instance={}&key={}&attempt={}",
        step.root,
        at.join("."),
        call.instance_id,
        call.idempotency_key,
        call.attempt,
    );
    send(&path).map_err(|why| Failure::permanent("unobserved", why))
}

fn send(path: &str) -> Result<(), String> {
    let authority = std::env::var(OBSERVER).map_err(|error| error.to_string())?;
    let request = OutgoingRequest::new(Fields::new());
    let set = request.set_scheme(Some(&Scheme::Http)).is_ok()
        && request.set_authority(Some(&authority)).is_ok()
        && request.set_path_with_query(Some(path)).is_ok();
    if !set {
        return Err(format!("{authority}{path} is no URL"));
    }
    let future = outgoing_handler::handle(request, None).map_err(|error| format!("{error:?}"))?;
    future.subscribe().block();
    match future.get() {
        Some(Ok(Ok(response))) if response.status() == 204 => Ok(()),
        Some(Ok(Ok(response))) => Err(format!("the observer says {}", response.status())),
        Some(Ok(Err(error))) => Err(format!("{error:?}")),
        None | Some(Err(())) => Err("no answer".to_owned()),
    }
}
