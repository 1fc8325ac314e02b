//! Deploying a whole app at once: a tar archive of `weft.toml` and its components.
//!
//! The component X lies at `components/X.wasm` in the archive, the workflow Y at `workflows/Y.json`,
//! or each at the path that the manifest gives. The app's name is the one in the URL. Either all of it becomes the new revision or
//! nothing does.

use std::collections::{BTreeMap, HashMap};
use std::io::Read as _;
use std::path::{Component as PathPart, Path};

use axum::extract::{Request, State};
use axum::{Extension, Json};
use bytes::Bytes;
use http::StatusCode;
use weft_app::{Deployment, Fault, Faults, Manifest, ProjectFiles, Workflow};

use super::components::prepare;
use crate::audit::Made;
use crate::auth::{AppAccess, Deploy};
use crate::body::Uploads;
use crate::model::{Deployed, FunctionView, WorkflowView};
use crate::{Api, Kind, Problem, body, deploy};

const TAR: [&str; 2] = ["application/x-tar", "application/tar"];
const FILES_MAX: usize = 1000;

/// Deploys a bundle (a tar archive of `weft.toml` and components) as a new revision, atomically.
#[utoipa::path(
    put, path = "/apps/{app}", tag = "apps",
    request_body(content = Vec<u8>, content_type = "application/x-tar"),
    responses((status = 201, body = Deployed))
)]
pub(super) async fn deploy_app(
    State(api): State<Api>,
    access: AppAccess<Deploy>,
    Extension(uploads): Extension<Uploads>,
    request: Request,
) -> Result<(StatusCode, Extension<Made>, Json<Deployed>), Problem> {
    let (parts, request_body) = request.into_parts();
    body::require_media_type(&parts.headers, &TAR)?;
    let permit = uploads.admit().await?;
    let max = api.config.bundle_bytes_max;
    let tar = body::read(&parts.headers, request_body, max).await?;
    let files = unpack(&tar)?;
    let (manifest, sources) = read_manifest(&files)?;
    let workflows = read_workflows(&files, &manifest)?;
    let mut components = BTreeMap::new();
    for (name, wasm) in sources {
        if wasm.len() > api.config.component_bytes_max {
            let max = api.config.component_bytes_max;
            let detail = format!("the component {name} is limited to {max} bytes");
            return Err(Problem::new(Kind::TooLarge, detail).with("limit_bytes", max));
        }
        let prepared = prepare(&api, &access.app.tenant, &name, wasm).await;
        let (entry, _) = prepared.map_err(|problem| problem.with("component", name.as_str()))?;
        components.insert(name, entry);
    }
    drop(permit);
    let refused = |faults| Problem::faults(Kind::InvalidDocument, &faults);
    let deployment = Deployment::new(components, manifest.settings()).map_err(refused)?;
    let deployment = deployment.with_retention(manifest.retention);
    let deployment = deployment.with_workflows(workflows).map_err(refused)?;
    manifest.check_components(&deployment).map_err(refused)?;
    let changed = deploy::change_to(&api, &access.app, |active| {
        let new = deployment.clone();
        Ok(match active {
            Some(active) => new.with_states_of(active),
            None => new,
        })
    });
    let (revision, deployment) = changed.await?;
    let functions = deployment.functions().values();
    let deployed = Deployed {
        revision: revision.0,
        functions: functions.map(FunctionView::new).collect(),
        workflows: WorkflowView::all(&deployment),
        warnings: WorkflowView::all_warnings(&deployment),
        check: None,
    };
    let made = Made(format!("revision {revision}"));
    Ok((StatusCode::CREATED, Extension(made), Json(deployed)))
}

/// The regular files of an archive by their normalised paths. Nothing is written anywhere.
fn unpack(tar: &Bytes) -> Result<HashMap<String, Bytes>, Problem> {
    let broken = |error: std::io::Error| Problem::invalid(format!("no tar archive: {error}"));
    let mut archive = tar::Archive::new(tar.as_ref());
    let mut files = HashMap::new();
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let path = entry.path().map_err(broken)?;
        let path = normalised(&path).ok_or_else(|| {
            Problem::invalid(format!(
                "the archive has a path outside it: {}",
                path.display()
            ))
        })?;
        // A sparse entry may claim more than the archive holds.
        let held = usize::try_from(entry.size()).is_ok_and(|size| size <= tar.len());
        if !held || files.len() == FILES_MAX {
            return Err(Problem::invalid(format!(
                "an archive holds at most {FILES_MAX} files and no sparse ones"
            )));
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content).map_err(broken)?;
        files.insert(path, Bytes::from(content));
    }
    Ok(files)
}

/// Without `.`; `None` for a path that leaves the archive.
fn normalised(path: &Path) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.components() {
        match part {
            PathPart::CurDir => {}
            PathPart::Normal(part) => parts.push(part.to_str()?),
            PathPart::ParentDir | PathPart::RootDir | PathPart::Prefix(_) => return None,
        }
    }
    Some(parts.join("/"))
}

type Sources = Vec<(weft_id::Component, Bytes)>;

fn read_manifest(files: &HashMap<String, Bytes>) -> Result<(Manifest, Sources), Problem> {
    let refused = |faults: Faults| Problem::faults(Kind::InvalidDocument, &faults);
    let text = files
        .get("weft.toml")
        .ok_or_else(|| refused(Fault::new("", "the archive has no weft.toml").into()))?;
    let text = std::str::from_utf8(text)
        .map_err(|_| refused(Fault::new("", "weft.toml is not UTF-8").into()))?;
    let manifest = Manifest::parse(text).map_err(refused)?;
    let mut sources = Vec::new();
    let mut faults = Vec::new();
    for (name, component) in &manifest.components {
        let packed = files.get(&format!("components/{name}.wasm"));
        let named = || files.get(&normalised(Path::new(&component.path))?);
        match packed.or_else(named) {
            Some(wasm) => sources.push((name.clone(), wasm.clone())),
            None => {
                let message = format!("the archive has no components/{name}.wasm");
                faults.push(Fault::new(format!("/components/{name}/path"), message));
            }
        }
    }
    Faults::check(faults).map_err(refused)?;
    Ok((manifest, sources))
}

/// Faults have the pointers of the manifest, followed by those of the document.
fn read_workflows(
    files: &HashMap<String, Bytes>,
    manifest: &Manifest,
) -> Result<BTreeMap<weft_id::Function, Workflow>, Problem> {
    let mut faults = Vec::new();
    let mut workflows = BTreeMap::new();
    for (name, entry) in &manifest.workflows {
        let archive = Archive(files);
        let document = match archive.read(&format!("workflows/{name}.json")) {
            Some(packed) => Ok(packed),
            None => weft_app::assemble(&archive, &entry.path),
        };
        match document.and_then(|document| Workflow::parse(&document)) {
            Ok(workflow) => drop(workflows.insert(name.clone(), workflow)),
            Err(found) => faults.extend(found.as_slice().iter().map(|fault| Fault {
                pointer: format!("/workflows/{name}{}", fault.pointer),
                ..fault.clone()
            })),
        }
    }
    Faults::check(faults).map_err(|faults| Problem::faults(Kind::InvalidWorkflow, &faults))?;
    Ok(workflows)
}

/// An archive as a project.
struct Archive<'a>(&'a HashMap<String, Bytes>);

impl ProjectFiles for Archive<'_> {
    fn read(&self, path: &str) -> Option<String> {
        let bytes = self.0.get(&normalised(Path::new(path))?)?;
        String::from_utf8(bytes.to_vec()).ok()
    }

    fn list(&self, folder: &str) -> Vec<String> {
        let Some(folder) = normalised(Path::new(folder)) else {
            return Vec::new();
        };
        let paths = self.0.keys().filter_map(|path| path.rsplit_once('/'));
        let mut names: Vec<_> = paths
            .filter(|(above, _)| *above == folder)
            .map(|(_, name)| name.to_owned())
            .collect();
        names.sort_unstable();
        names
    }
}
