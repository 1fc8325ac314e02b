//! What an operator says, and what the node makes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use weft_app::{Grants, Quota};
use weft_id::Tenant;
use weft_sandbox::{Cidr, Isolated};

const FILE: &str = "weft.server.toml";
/// Payloads are held in memory while they are handed over.
const PAYLOAD_MIB_MAX: u32 = 512;
const PAYLOAD_MIB_DEFAULT: u32 = 64;

/// What may be said on the command line, by `WEFT_*` variables and in `weft.server.toml`; what is
/// absent keeps its default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The folder for everything that the node keeps (default `./.weft`).
    pub data: Option<PathBuf>,
    /// Keep no files at all (default false).
    pub memory: Option<bool>,
    /// Address of the data plane (default `127.0.0.1:7071`; port 0 picks one).
    pub http: Option<SocketAddr>,
    /// Address of the control plane (default `127.0.0.1:7072`).
    pub admin: Option<SocketAddr>,
    /// Address of the gRPC service for Durable Task SDKs (default `127.0.0.1:4001`).
    pub grpc: Option<SocketAddr>,
    /// Private ranges that functions may reach where their grants name hosts in them, such as
    /// `127.0.0.0/8` (default none).
    pub egress_allow: Vec<String>,
    /// What links to the data plane begin with, where the `Host` header must not decide.
    pub public_url: Option<String>,
    /// MiB of one input, output, event or entity state, 1 to 512 (default 64).
    pub payload_max: Option<u32>,
    /// Where guests of tenants run of which nothing else is said (default `shared`).
    pub isolation: Option<IsolationPolicy>,
    /// How the node's own log is written (default text).
    pub log_format: Option<LogFormat>,
    /// What bounds tenants whose own quota says nothing (default: nothing does).
    pub quota: Quota,
    /// What anybody may reach, whatever they are granted (default: nothing is closed by it).
    pub policy: Grants,
    /// Tenants that are to be there, with their terms.
    pub tenants: BTreeMap<Tenant, TenantSettings>,
    /// For how many days the audit log is kept (default 365).
    pub audit_days: Option<u32>,
    /// What secrets are sealed with, in 64 hexadecimal digits (default: a file of the data folder).
    /// For the environment: what stands on a command line or in a file is seen by others.
    #[serde(skip)]
    pub secrets_key: Option<String>,
    /// Where the node gets tokens for its own identity, and what it shows there.
    #[serde(skip)]
    pub identity: Option<(String, String)>,
}

/// A tenant in the file: what stands there is set at every start, the rest is left as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TenantSettings {
    pub quota: Option<Quota>,
    /// Where the tenant's guests run (default what holds for all).
    pub isolation: Option<IsolationPolicy>,
    /// What its functions and workflows may reach.
    pub grants: Option<Grants>,
}

/// Where guests run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IsolationPolicy {
    /// In the node's process, as those of others.
    #[default]
    Shared,
    /// In a process of their tenant's own.
    Process,
}

/// The tenants whose guests run in processes of their own.
fn isolated(all: IsolationPolicy, tenants: &BTreeMap<Tenant, TenantSettings>) -> Isolated {
    let named = |wanted| -> BTreeSet<Tenant> {
        let named = tenants.iter();
        let named = named.filter(|(_, settings)| settings.isolation == Some(wanted));
        named.map(|(name, _)| name.clone()).collect()
    };
    match all {
        IsolationPolicy::Shared => Isolated::These(named(IsolationPolicy::Process)),
        IsolationPolicy::Process => Isolated::AllBut(named(IsolationPolicy::Shared)),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

/// Settings that cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum InvalidSettings {
    #[error("{path} cannot be read")]
    Unreadable {
        path: String,
        #[source]
        source: std::io::Error,
    },
    #[error("{path} has a fault: {message}")]
    File { path: String, message: String },
    #[error("{0:?} is no range of addresses; an example is 10.0.0.0/8")]
    Range(String),
    #[error("{0}")]
    SecretsKey(String),
    #[error("payload_max is a number of MiB from 1 to {PAYLOAD_MIB_MAX}, not {0}")]
    PayloadMax(u32),
    #[error("data and memory exclude each other")]
    DataAndMemory,
}

impl Settings {
    /// The file given, else `weft.server.toml` in the current folder, else nothing.
    ///
    /// # Errors
    /// A file that was given must be there, and every file must be free of faults.
    pub fn from_file(path: Option<&Path>) -> Result<Self, InvalidSettings> {
        let shown = path.unwrap_or(Path::new(FILE)).display().to_string();
        let text = match std::fs::read_to_string(path.unwrap_or(Path::new(FILE))) {
            Ok(text) => text,
            Err(error) if path.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(source) => {
                return Err(InvalidSettings::Unreadable {
                    path: shown,
                    source,
                });
            }
        };
        toml::from_str(&text).map_err(|error| InvalidSettings::File {
            path: shown,
            message: error.to_string(),
        })
    }

    /// These, and `lower` where these say nothing. Where to keep data is one question, so that
    /// `--memory` beats a folder named in the file.
    #[must_use]
    pub fn over(self, lower: Self) -> Self {
        let storage_said = self.data.is_some() || self.memory == Some(true);
        let (data, memory) = if storage_said {
            (self.data, self.memory)
        } else {
            (lower.data, lower.memory)
        };
        Self {
            data,
            memory,
            http: self.http.or(lower.http),
            admin: self.admin.or(lower.admin),
            grpc: self.grpc.or(lower.grpc),
            egress_allow: if self.egress_allow.is_empty() {
                lower.egress_allow
            } else {
                self.egress_allow
            },
            public_url: self.public_url.or(lower.public_url),
            payload_max: self.payload_max.or(lower.payload_max),
            isolation: self.isolation.or(lower.isolation),
            log_format: self.log_format.or(lower.log_format),
            quota: self.quota.over(lower.quota),
            policy: match self.policy == Grants::default() {
                true => lower.policy,
                false => self.policy,
            },
            tenants: {
                let mut tenants = lower.tenants;
                tenants.extend(self.tenants);
                tenants
            },
            audit_days: self.audit_days.or(lower.audit_days),
            secrets_key: self.secrets_key.or(lower.secrets_key),
            identity: self.identity.or(lower.identity),
        }
    }

    /// # Errors
    /// [`InvalidSettings`].
    pub fn resolve(self, compiler: PathBuf) -> Result<Config, InvalidSettings> {
        let local = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        let range = |text: &String| {
            let range: Result<Cidr, _> = text.parse();
            range.map_err(|_| InvalidSettings::Range(text.clone()))
        };
        let storage = match (self.memory.unwrap_or(false), self.data) {
            (true, None) => Storage::Memory,
            (true, Some(_)) => return Err(InvalidSettings::DataAndMemory),
            (false, data) => Storage::Dir(data.unwrap_or_else(|| ".weft".into())),
        };
        let secrets_key = self.secrets_key.as_deref().map(crate::vault::key_of);
        let secrets_key = secrets_key
            .transpose()
            .map_err(InvalidSettings::SecretsKey)?;
        let payload_mib = self.payload_max.unwrap_or(PAYLOAD_MIB_DEFAULT);
        if !(1..=PAYLOAD_MIB_MAX).contains(&payload_mib) {
            return Err(InvalidSettings::PayloadMax(payload_mib));
        }
        Ok(Config {
            storage,
            secrets_key,
            identity: self.identity,
            http: self.http.unwrap_or_else(|| local(7071)),
            admin: self.admin.unwrap_or_else(|| local(7072)),
            grpc: self.grpc.unwrap_or_else(|| local(4001)),
            grpc_asked: self.grpc.is_some(),
            egress_allow: self
                .egress_allow
                .iter()
                .map(range)
                .collect::<Result<_, _>>()?,
            public_url: self.public_url,
            payload_bytes_max: payload_mib as usize * (1 << 20),
            quota: self.quota,
            isolated: isolated(self.isolation.unwrap_or_default(), &self.tenants),
            policy: self.policy,
            tenants: self.tenants,
            audit_kept: Duration::from_secs(u64::from(self.audit_days.unwrap_or(365)) * 86_400),
            compiler,
            connections_max: 8192,
            admin_connections_max: 256,
            header_timeout: Duration::from_secs(15),
            idle_timeout: Duration::from_secs(75),
            drain_max: Duration::from_secs(25),
        })
    }
}

/// Where a node keeps what it knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Storage {
    Dir(PathBuf),
    /// Gone with the process.
    Memory,
}

/// A node's configuration, every value settled.
#[derive(Debug, Clone)]
pub struct Config {
    pub storage: Storage,
    /// `None` where a file of the data folder holds it.
    pub secrets_key: Option<[u8; 32]>,
    /// URL and header of the endpoint that gives tokens for the node's own identity.
    pub identity: Option<(String, String)>,
    pub http: SocketAddr,
    pub admin: SocketAddr,
    pub grpc: SocketAddr,
    /// Whether the address of the service was chosen, so that it has to be had.
    pub grpc_asked: bool,
    pub egress_allow: Vec<Cidr>,
    pub public_url: Option<String>,
    /// Bytes of one input, output, event or entity state.
    pub payload_bytes_max: usize,
    /// What bounds tenants whose own quota says nothing.
    pub quota: Quota,
    /// What anybody may reach, whatever they are granted.
    pub policy: Grants,
    pub tenants: BTreeMap<Tenant, TenantSettings>,
    pub audit_kept: Duration,
    /// Tenants whose guests run in processes of their own.
    pub isolated: Isolated,
    /// A program that calls [`crate::compile`] when its only argument is `compile`.
    pub compiler: PathBuf,
    /// Connections of the data plane at one time; more wait.
    pub connections_max: usize,
    /// Connections of the control plane, which has a share of its own so that it stays reachable.
    pub admin_connections_max: usize,
    /// From the first byte of a request to the end of its head.
    pub header_timeout: Duration,
    /// A connection without a request is closed after this.
    pub idle_timeout: Duration,
    /// How long a shutdown waits for what runs.
    pub drain_max: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(toml: &str) -> Settings {
        toml::from_str(toml).unwrap()
    }

    #[test]
    fn what_is_said_closer_to_the_command_wins() {
        let file = settings("data = \"/var/weft\"\nhttp = \"0.0.0.0:80\"\n");
        let flags = Settings {
            memory: Some(true),
            ..Settings::default()
        };
        let config = flags.over(file).resolve("weft".into()).unwrap();
        assert_eq!(config.storage, Storage::Memory);
        assert_eq!(config.http.port(), 80);
        assert_eq!(config.admin.port(), 7072);
    }

    #[test]
    fn tenants_and_their_quotas_stand_in_the_file() {
        let file = settings(
            "[quota]\nconcurrency = 10\n[tenants.acme]\nquota = { functions = 3 }\n[tenants.b]",
        );
        let config = file.resolve("weft".into()).unwrap();
        assert_eq!(config.quota.concurrency, Some(10));
        let acme = &config.tenants[&"acme".parse().unwrap()];
        assert_eq!(acme.quota.unwrap().functions, Some(3));
        assert_eq!(config.tenants[&"b".parse().unwrap()].quota, None);
        for fault in [
            "[quota]\nfunctoins = 1",
            "[tenants.No]",
            "[tenants.a]\nkey = 1",
            "[tenants.a]\nisolation = \"cell\"",
        ] {
            assert!(toml::from_str::<Settings>(fault).is_err(), "{fault}");
        }
    }

    #[test]
    fn tenants_are_isolated_by_name_or_all_but_some() {
        let isolated = |toml: &str| settings(toml).resolve("weft".into()).unwrap().isolated;
        let these = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect();
        assert_eq!(isolated(""), Isolated::These(these(&[])));
        let acme = "[tenants.acme]\nisolation = \"process\"\n";
        assert_eq!(isolated(acme), Isolated::These(these(&["acme"])));
        let all = "isolation = \"process\"\n[tenants.own]\nisolation = \"shared\"";
        assert_eq!(isolated(all), Isolated::AllBut(these(&["own"])));
    }

    #[test]
    fn faults_are_named() {
        assert!(toml::from_str::<Settings>("prot = 1").is_err());
        let both = settings("data = \"a\"\nmemory = true");
        assert!(matches!(
            both.resolve("weft".into()),
            Err(InvalidSettings::DataAndMemory)
        ));
        let none = settings("payload_max = 0").resolve("weft".into());
        assert!(matches!(none, Err(InvalidSettings::PayloadMax(0))));
        let range = settings("egress_allow = [\"10.0.0.0/99\"]");
        assert!(matches!(
            range.resolve("weft".into()),
            Err(InvalidSettings::Range(_))
        ));
    }
}
