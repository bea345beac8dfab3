//! Requests and answers of the writes. A client writes the founding document's lower-case keys; the server also takes
//! Consul's (keys are matched without regard to case).

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sider_registry::model::{CheckKind, CheckSpec, Index, InstanceSpec, Status};

use super::DEFAULT_NAMESPACE;
use crate::duration;

/// Body of `PUT /v1/agent/service/register`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RegisterRequest {
    /// Tenant; absent: the default one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Who registers. Absent: the server that takes the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Service name.
    pub name: String,
    /// Instance id.
    pub id: String,
    /// IP or DNS name, or empty.
    pub address: String,
    /// 0 when the service has none.
    pub port: u16,
    /// Tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Free pairs.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub meta: BTreeMap<String, String>,
    /// For load balancers: `{"passing":1,"warning":1}`.
    pub weights: LowerWeights,
    /// All its checks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CheckRegistration>,
}

/// Weights in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LowerWeights {
    /// While passing.
    pub passing: u16,
    /// While warning.
    pub warning: u16,
}

/// One check of a registration. `type` decides which of the others stand.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct CheckRegistration {
    /// The client's id; absent: derived from the instance's key (SPEC section 2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// For people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// `ttl`, `http`, `tcp` or `cmd`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// ttl: Go duration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<String>,
    /// http: a path on the instance's own address; begins with `/`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// http: a whole URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// tcp: `host:port`; absent: the instance's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcp: Option<String>,
    /// cmd: program and arguments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cmd: Option<Vec<String>>,
    /// http, tcp, cmd: Go duration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<String>,
    /// http, tcp, cmd: Go duration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
    /// To start with; absent: critical.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
}

impl RegisterRequest {
    /// The request that registers `instance` with `checks`.
    #[must_use]
    pub fn new(instance: &InstanceSpec, checks: &[CheckSpec]) -> Self {
        let namespace = instance.key.namespace.0.as_str();
        Self {
            namespace: (namespace != DEFAULT_NAMESPACE).then(|| namespace.to_owned()),
            node: Some(instance.node.as_str().to_owned()),
            name: instance.key.service.0.as_str().to_owned(),
            id: instance.key.id.0.as_str().to_owned(),
            address: instance.address.clone(),
            port: instance.port,
            tags: instance.tags.clone(),
            meta: instance.meta.clone(),
            weights: LowerWeights { passing: instance.weights.passing, warning: instance.weights.warning },
            checks: checks.iter().map(CheckRegistration::new).collect(),
        }
    }
}

impl CheckRegistration {
    /// The registration of `spec`.
    #[must_use]
    pub fn new(spec: &CheckSpec) -> Self {
        let timed = |kind, interval: Duration, timeout: Duration| Self {
            kind,
            interval: Some(duration::format(interval)),
            timeout: Some(duration::format(timeout)),
            ..Self::default()
        };
        let of_kind = match &spec.kind {
            CheckKind::Ttl { ttl } => Self { kind: "ttl", ttl: Some(duration::format(*ttl)), ..Self::default() },
            CheckKind::Http { target, interval, timeout } => {
                let (path, url) =
                    if target.starts_with('/') { (Some(target.clone()), None) } else { (None, Some(target.clone())) };
                Self { path, url, ..timed("http", *interval, *timeout) }
            }
            CheckKind::Tcp { target, interval, timeout } => {
                Self { tcp: target.clone(), ..timed("tcp", *interval, *timeout) }
            }
            CheckKind::Cmd { args, interval, timeout } => {
                Self { cmd: Some(args.clone()), ..timed("cmd", *interval, *timeout) }
            }
        };
        Self {
            id: spec.id.as_ref().map(|id| id.as_str().to_owned()),
            name: spec.name.clone(),
            status: spec.initial,
            ..of_kind
        }
    }
}

/// Answer of a registration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisterAnswer {
    /// The Index after the registration.
    pub index: Index,
    /// Ids of the instance's checks, in the order of the registration.
    #[serde(rename = "checkIDs")]
    pub check_ids: Vec<String>,
}

/// Body of `PUT /v1/agent/service/deregister`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeregisterRequest {
    /// Tenant; absent: the default one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Service name.
    pub service: String,
    /// Instance id.
    pub id: String,
}

/// Body of `PUT /v1/agent/check/update/{check_id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CheckUpdate {
    /// `passing`, `warning` or `critical`.
    pub status: Status,
    /// Kept with a change of the status.
    #[serde(default)]
    pub output: String,
}

/// Body of `PUT /v1/agent/check/renew`: renewals and reports of many checks in one request, at one index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenewRequest {
    /// Tenant; absent: the default one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// At most [`sider_registry::limits::CHECKS_PER_BATCH_MAX`].
    pub checks: Vec<RenewEntry>,
}

/// One check of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenewEntry {
    /// Check id.
    pub id: String,
    /// Absent: passing, a renewal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// Kept with a change of the status.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub output: String,
}

/// Answer to a [`RenewRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenewAnswer {
    /// The Index after the batch.
    pub index: Index,
    /// One for each check of the request, in order.
    pub results: Vec<RenewResult>,
}

/// What became of one check of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenewResult {
    /// Check id.
    pub id: String,
    /// What became of it.
    pub result: RenewOutcome,
}

/// What became of one check of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RenewOutcome {
    /// Its deadline moved, or it had that status already.
    Ok,
    /// Its status is another now.
    Changed,
    /// There is no such check: register the instance again.
    Unknown,
}
