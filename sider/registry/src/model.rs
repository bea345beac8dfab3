//! What the registry holds. Values of these types are valid: they are made by parsing (`TryFrom`, `new`) and checked nowhere else.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::limits;

/// A counter in the replicated state: it grows by one for each applied command that changes something a reader can
/// see, and never otherwise. It is not a Raft log position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Index(pub u64);

impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Wall-clock milliseconds since the Unix epoch as the proposing leader saw them. For people only: nothing is decided by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

/// Why a value was refused: what is wrong, where, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct Invalid {
    /// The field as the client wrote it, for example `Checks[2].TTL`.
    pub field: String,
    /// What is wrong and what would be right.
    pub problem: String,
}

impl Invalid {
    /// An error about `field`.
    pub fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }

    /// The same error, seen from the structure around the field: `Checks[2]` + `TTL`.
    #[must_use]
    pub fn within(mut self, outer: &str) -> Self {
        self.field = format!("{outer}.{}", self.field);
        self
    }
}

/// A name: `[A-Za-z0-9._-]{1,128}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl Name {
    /// Parses a name.
    ///
    /// # Errors
    /// The text is empty, longer than [`limits::NAME_LEN_MAX`] or holds another character.
    pub fn new(text: impl Into<String>) -> Result<Self, Invalid> {
        let text = text.into();
        let right = "a name is 1 to 128 characters of A-Z a-z 0-9 . _ -";
        if text.is_empty() {
            return Err(Invalid::new("name", format!("is empty; {right}")));
        }
        if text.len() > limits::NAME_LEN_MAX {
            return Err(Invalid::new("name", format!("has {} bytes; {right}", text.len())));
        }
        if let Some(c) = text.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))) {
            return Err(Invalid::new("name", format!("holds {c:?}; {right}")));
        }
        Ok(Self(text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Tenant. The default is `default`; the same service name in two namespaces is two services.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Namespace(pub Name);

/// Name of a service inside its namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ServiceName(pub Name);

/// Id of an instance inside its service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InstanceId(pub Name);

/// Id of a check, unique in its namespace: `[A-Za-z0-9._:/-]{1,288}`. The client's, or derived from the instance's key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CheckId(String);

/// A service of a namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ServiceKey {
    /// Tenant.
    pub namespace: Namespace,
    /// Service.
    pub service: ServiceName,
}

/// One provider of a service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InstanceKey {
    /// Tenant.
    pub namespace: Namespace,
    /// Service.
    pub service: ServiceName,
    /// Instance.
    pub id: InstanceId,
}

/// A check of a namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CheckKey {
    /// Tenant.
    pub namespace: Namespace,
    /// Check.
    pub id: CheckId,
}

/// Health, worst first: an instance is as healthy as its worst check (SPEC section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Not to be used.
    Critical,
    /// Nobody knows.
    Unknown,
    /// Usable, but something is wrong.
    Warning,
    /// Healthy.
    Passing,
}

/// What a check does. The server only acts on `Ttl`; the others are run by the agent, which reports.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckKind {
    /// The service (or its agent) must renew within `ttl`.
    Ttl {
        /// Time without a renewal after which the check is critical.
        ttl: Duration,
    },
    /// GET `target`: a path on the instance's own address, or a URL.
    Http {
        /// Path (begins with `/`) or URL.
        target: String,
        /// Between two runs.
        interval: Duration,
        /// For one run.
        timeout: Duration,
    },
    /// Connect to `target` (`host:port`), or to the instance's own address and port when it is absent.
    Tcp {
        /// `host:port`.
        target: Option<String>,
        /// Between two runs.
        interval: Duration,
        /// For one run.
        timeout: Duration,
    },
    /// Run `args` without a shell, from the agent's local configuration only.
    Cmd {
        /// Program and arguments, at least one.
        args: Vec<String>,
        /// Between two runs.
        interval: Duration,
        /// For one run.
        timeout: Duration,
    },
}

/// A check as a registration asks for it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CheckSpec {
    /// The client's id, or none: then it is derived from the instance's key (SPEC section 2).
    pub id: Option<CheckId>,
    /// For people. Empty: `Service '<name>' check`.
    pub name: String,
    /// What it does.
    pub kind: CheckKind,
    /// Status to start with; none: `critical`. A check that stays keeps its status.
    pub initial: Option<Status>,
}

/// Share of traffic for load balancers, by health.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Weights {
    /// While passing.
    pub passing: u16,
    /// While warning.
    pub warning: u16,
}

impl Default for Weights {
    fn default() -> Self {
        Self { passing: 1, warning: 1 }
    }
}

/// An instance as a registration describes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct InstanceSpec {
    /// Who provides what.
    pub key: InstanceKey,
    /// Who registered it: the agent's node name, or the server's id when a client registered directly.
    pub node: Name,
    /// IP or DNS name; may be empty.
    pub address: String,
    /// 0 when the service has none.
    pub port: u16,
    /// In the client's order, without repetition.
    pub tags: Vec<String>,
    /// Free pairs.
    pub meta: BTreeMap<String, String>,
    /// For load balancers.
    pub weights: Weights,
}

impl CheckId {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = Invalid;
    fn try_from(text: String) -> Result<Self, Invalid> {
        Self::new(text)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl TryFrom<String> for CheckId {
    type Error = Invalid;
    fn try_from(text: String) -> Result<Self, Invalid> {
        let right = "a check id is 1 to 288 characters of A-Z a-z 0-9 . _ : / -";
        if text.is_empty() || text.len() > limits::CHECK_ID_LEN_MAX {
            return Err(Invalid::new("CheckID", format!("has {} bytes; {right}", text.len())));
        }
        match text.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ':' | '/'))) {
            Some(c) => Err(Invalid::new("CheckID", format!("holds {c:?}; {right}"))),
            None => Ok(Self(text)),
        }
    }
}

impl From<CheckId> for String {
    fn from(id: CheckId) -> Self {
        id.0
    }
}
