//! Which node, app and tenant a verb is for, and how its answer is written.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use weft_app::Manifest;

use crate::client::Client;

/// Called with arguments that fit no deed, though each is well-formed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// Where a node's control plane is by default.
pub(crate) const ADMIN_URL: &str = "http://127.0.0.1:7072";

/// Options of every verb.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Target {
    /// The node's control plane
    #[arg(
        long,
        global = true,
        env = "WEFT_ADMIN",
        value_name = "URL",
        default_value = ADMIN_URL,
        help_heading = "Node"
    )]
    pub(crate) admin_url: String,
    /// A key of the node; read from the data directory of a node on this machine if absent
    #[arg(
        long,
        global = true,
        env = "WEFT_KEY",
        hide_env_values = true,
        help_heading = "Node"
    )]
    pub(crate) key: Option<String>,
    /// The app; the name in ./weft.toml, else `default`
    #[arg(long, short, global = true, env = "WEFT_APP", help_heading = "Node")]
    pub(crate) app: Option<String>,
    /// The tenant; the key's own if absent
    #[arg(long, global = true, env = "WEFT_TENANT", help_heading = "Node")]
    pub(crate) tenant: Option<String>,
    /// Print JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// The folder of a node's data, found as `weft up` finds it where no option names one.
pub(crate) fn data_dir() -> PathBuf {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(dir) = variable("WEFT_DATA") {
        return dir.into();
    }
    let file = variable("WEFT_CONFIG").map(PathBuf::from);
    // A file with faults is told by those who start a node.
    let settings = weft_server::Settings::from_file(file.as_deref()).unwrap_or_default();
    settings.data.unwrap_or_else(|| ".weft".into())
}

/// Where a node on this machine writes its operator's key.
pub(crate) fn operator_key_path() -> PathBuf {
    data_dir().join(OPERATOR_KEY)
}

/// What marks the folder of a node's data.
pub(crate) const OPERATOR_KEY: &str = "operator.key";

/// The operator's key of the node that keeps its data in `dir`; `None` where there is no such node.
///
/// # Errors
/// When the file is there and cannot be read.
pub(crate) fn operator_key_in(dir: &Path) -> Result<Option<String>> {
    let path = dir.join(OPERATOR_KEY);
    match std::fs::read_to_string(&path) {
        Ok(key) => Ok(Some(key.trim().to_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("read the key in {}", path.display())),
    }
}

impl Target {
    /// A client for the node, with the key found.
    ///
    /// # Errors
    /// When a key file is there that cannot be read, or a URL is none.
    pub(crate) fn client(&self) -> Result<Client> {
        Client::new(&self.admin_url, self.find_key()?)
    }

    /// The key given, else that of a node on this machine; `None` where there is neither.
    pub(crate) fn find_key(&self) -> Result<Option<String>> {
        match &self.key {
            Some(key) => Ok(Some(key.clone())),
            None => operator_key_in(&data_dir()),
        }
    }

    /// The path of the app's resources on the control plane.
    ///
    /// # Errors
    /// [`Usage`] where a name is not valid.
    pub(crate) fn app_path(&self) -> Result<String> {
        let app = match &self.app {
            Some(app) => app.clone(),
            None => manifest_name(Path::new(".")).unwrap_or_else(|| "default".to_owned()),
        };
        self.path_of_app(&app)
    }

    pub(crate) fn path_of_app(&self, app: &str) -> Result<String> {
        let app: weft_id::App = app
            .parse()
            .map_err(|error: weft_id::Error| Usage(error.to_string()))?;
        Ok(format!("{}/apps/{app}", self.tenant_path()?))
    }

    /// The path of the tenant's resources on the control plane.
    ///
    /// # Errors
    /// [`Usage`] where the name is not valid.
    pub(crate) fn tenant_path(&self) -> Result<String> {
        let Some(tenant) = &self.tenant else {
            return Ok("/admin/v1".to_owned());
        };
        let tenant: weft_id::Tenant = tenant
            .parse()
            .map_err(|error: weft_id::Error| Usage(error.to_string()))?;
        Ok(format!("/admin/v1/tenants/{tenant}"))
    }
}

fn manifest_name(dir: &Path) -> Option<String> {
    let text = std::fs::read_to_string(dir.join("weft.toml")).ok()?;
    let manifest = Manifest::parse(&text).ok()?;
    Some(manifest.name.to_string())
}
