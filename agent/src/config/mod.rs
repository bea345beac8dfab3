//! What an agent is told: one JSON file, parsed into values that need no further look.
//!
//! | room | what it holds |
//! |---|---|
//! | `file` | the file's keys as they are written |
//! | `service`, `check` | from keys to valid values |
//! | `place` | on which line a key stands, for error messages |
//!
//! Knows nothing of what an agent does with it.

mod check;
mod file;
mod place;
mod service;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;

use sider_client::client::ServerAddress;
use sider_client::wire::DEFAULT_NAMESPACE;
use sider_registry::model::{CheckSpec, InstanceKey, InstanceSpec, Name};

use crate::limits;
use file::RawFile;
use place::Place;

/// An agent's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentConfig {
    /// Servers to speak to; the next one when one fails. At least one.
    pub servers: Vec<ServerAddress>,
    /// Name under which the instances of this host are registered. None in the file: whoever starts the agent says.
    pub node_name: Option<Name>,
    /// Where the agent keeps what it must remember over a restart. None: nowhere.
    pub data_dir: Option<PathBuf>,
    /// Where the local view listens. None: nowhere.
    pub http: Option<SocketAddr>,
    /// Shape of the log.
    pub log_format: LogFormat,
    /// Deregister everything on a graceful stop.
    pub leave_on_stop: bool,
    /// The services of this host, each key once.
    pub services: Vec<ServiceConfig>,
}

/// Shape of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One object a line.
    Json,
}

/// One service instance of this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceConfig {
    /// What is registered, all but the node name.
    pub instance: InstanceSpec,
    /// Its checks, in the order of the file.
    pub checks: Vec<CheckConfig>,
}

/// One check, and how the agent runs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckConfig {
    /// What is registered.
    pub spec: CheckSpec,
    /// What the agent does for it.
    pub duty: Duty,
    /// Failed runs in a row before a check turns critical. At least 1.
    pub failures_before_critical: u32,
    /// Good runs in a row before a check turns passing. At least 1.
    pub successes_before_passing: u32,
}

/// What the agent does for a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Duty {
    /// Renews it.
    Renew {
        /// Time without a renewal after which the servers call it critical.
        ttl: std::time::Duration,
    },
    /// Nothing: the application renews it (`"renew": "app"`).
    Leave,
    /// Runs it.
    Probe(ProbeSpec),
}

/// One kind of probe and its rhythm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeSpec {
    /// What to look at.
    pub target: Target,
    /// Between the starts of two runs.
    pub interval: std::time::Duration,
    /// For one run.
    pub timeout: std::time::Duration,
}

/// What a probe looks at, complete: paths are URLs here, and the instance's own address is filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// GET of this URL.
    Http(String),
    /// Connect to `host:port`.
    Tcp(String),
    /// Program and arguments, at least one.
    Cmd(Vec<String>),
}

/// Why a configuration was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {key}: {problem}")]
pub struct ConfigError {
    /// Line of the key, from 1.
    pub line: usize,
    /// The key, as `services[2].checks[0].ttl`.
    pub key: String,
    /// What is wrong and what would be right.
    pub problem: String,
}

/// A problem at a place of the file; the line is looked up when it is shown.
pub(crate) struct Problem {
    place: Place,
    text: String,
}

impl Problem {
    pub(crate) fn new(place: &Place, text: impl Into<String>) -> Self {
        Self { place: place.clone(), text: text.into() }
    }
}

impl AgentConfig {
    /// Parses a configuration file as it was read: UTF-8, with or without a byte order mark.
    ///
    /// # Errors
    /// Bytes that are no text, and as [`AgentConfig::parse`].
    pub fn parse_file(bytes: &[u8]) -> Result<Self, ConfigError> {
        Self::parse(file::text(bytes)?)
    }

    /// Parses a configuration file's text.
    ///
    /// # Errors
    /// No JSON, an unknown key, or a value that cannot be: with its line, its key and what would be right.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let raw: RawFile = file::read(text)?;
        Self::from_raw(raw).map_err(|problem| ConfigError {
            line: problem.place.line_in(text),
            key: problem.place.to_string(),
            problem: problem.text,
        })
    }

    fn from_raw(raw: RawFile) -> Result<Self, Problem> {
        let root = Place::root();
        let namespace = name_at(&root.key("namespace"), raw.namespace.as_deref().unwrap_or(DEFAULT_NAMESPACE))?;
        let node_name = raw.node_name.as_deref().map(|text| name_at(&root.key("node_name"), text)).transpose()?;
        if raw.services.len() > limits::SERVICES_MAX {
            let text = format!("{} services; one agent takes at most {}", raw.services.len(), limits::SERVICES_MAX);
            return Err(Problem::new(&root.key("services"), text));
        }
        let mut services = Vec::with_capacity(raw.services.len());
        let context = service::Context { namespace, node: node_name.clone(), cmd_enabled: raw.enable_cmd_checks };
        for (n, service) in raw.services.into_iter().enumerate() {
            services.push(service::parse(service, &context, &root.key("services").item(n))?);
        }
        refuse_twins(&services, &root)?;
        Ok(Self {
            servers: servers(raw.servers, &root.key("servers"))?,
            node_name,
            data_dir: raw.data_dir.map(PathBuf::from),
            http: raw
                .http
                .map(|text| loopback(&text).map_err(|why| Problem::new(&root.key("http"), why)))
                .transpose()?,
            log_format: raw.log_format.unwrap_or_default(),
            leave_on_stop: raw.leave_on_stop.unwrap_or(true),
            services,
        })
    }

    /// Keys in which `new` differs and which are only looked at when an agent starts.
    #[must_use]
    pub fn fixed_keys_changed_in(&self, new: &Self) -> Vec<&'static str> {
        let changed = [
            ("data_dir", self.data_dir != new.data_dir),
            ("http", self.http != new.http),
            ("log_format", self.log_format != new.log_format),
        ];
        changed.into_iter().filter_map(|(key, changed)| changed.then_some(key)).collect()
    }

    /// Sets the node name of every instance, when the file gives none.
    #[must_use]
    pub fn on_node(mut self, node: &Name) -> Self {
        let node = self.node_name.get_or_insert_with(|| node.clone());
        for service in &mut self.services {
            service.instance.node = node.clone();
        }
        self
    }
}

/// Parses the address of the local view: it must not be reachable from other machines, because it has no access control.
///
/// # Errors
/// No `host:port`, or an address that is not loopback.
pub fn loopback(text: &str) -> Result<SocketAddr, String> {
    let full = if text.starts_with(':') { format!("127.0.0.1{text}") } else { text.to_owned() };
    let address: SocketAddr =
        full.parse().map_err(|_| format!("{text:?} is no address; write it like 127.0.0.1:8600"))?;
    if address.ip().is_loopback() {
        return Ok(address);
    }
    Err(format!(
        "{text} can be reached from other machines; the local view is for this one: 127.0.0.1:{}",
        address.port()
    ))
}

fn servers(raw: Option<Vec<String>>, place: &Place) -> Result<Vec<ServerAddress>, Problem> {
    let raw = raw.unwrap_or_else(|| vec!["http://127.0.0.1:8500".into()]);
    if raw.is_empty() {
        return Err(Problem::new(place, "is empty; leave it out for http://127.0.0.1:8500, or name your servers"));
    }
    if raw.len() > limits::SERVERS_MAX {
        let text = format!("{} servers; a cluster has at most {}", raw.len(), limits::SERVERS_MAX);
        return Err(Problem::new(place, text));
    }
    let parse = |(n, text): (usize, &String)| {
        ServerAddress::parse(text).map_err(|error| Problem::new(&place.item(n), error.to_string()))
    };
    raw.iter().enumerate().map(parse).collect()
}

fn name_at(place: &Place, text: &str) -> Result<Name, Problem> {
    Name::new(text).map_err(|invalid| Problem::new(place, invalid.problem))
}

/// The same key twice would make the agent fight itself: each registration would replace the other.
fn refuse_twins(services: &[ServiceConfig], root: &Place) -> Result<(), Problem> {
    let mut keys: BTreeSet<&InstanceKey> = BTreeSet::new();
    let mut check_ids = BTreeSet::new();
    for (n, service) in services.iter().enumerate() {
        let place = root.key("services").item(n);
        let key = &service.instance.key;
        if !keys.insert(key) {
            let text =
                format!("service {:?} has the instance id {:?} twice", key.service.0.as_str(), key.id.0.as_str());
            return Err(Problem::new(&place, text + "; give each instance its own id"));
        }
        for (m, check) in service.checks.iter().enumerate() {
            let Some(id) = &check.spec.id else { continue };
            if !check_ids.insert((&key.namespace, id)) {
                let text = format!("check id {:?} is used twice; give each check its own, or none", id.as_str());
                return Err(Problem::new(&place.key("checks").item(m).key("id"), text));
            }
        }
    }
    Ok(())
}
