//! Operations as clients choose them, and their arguments as the history has them.

use std::time::Duration;

use serde_json::{Value, json};
use sider_client::client::Consistency;
use sider_registry::model::Status;

/// A check of a registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpCheck {
    /// The id that the server is given.
    pub id: String,
    /// Its ttl; none: a tcp check, which only reports move.
    pub ttl: Option<Duration>,
    /// What it starts with; none: critical.
    pub status: Option<Status>,
}

/// An operation. Namespaces and names are plain texts: they may be wrong on purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of HISTORY.md")]
pub enum Op {
    Register { ns: String, svc: String, id: String, nonce: String, checks: Vec<OpCheck> },
    Deregister { ns: String, svc: String, id: String },
    DeregisterId { ns: String, id: String },
    Report { ns: String, check: String, status: Status },
    RenewMany { ns: String, checks: Vec<String> },
    Read { ns: String, svc: String, mode: Consistency, floor: Option<u64> },
    Poll { ns: String, svc: String, li: u64, wait: Duration, mode: Consistency, passing: bool },
    List { ns: String, mode: Consistency },
    Join { id: String, addr: String },
    Remove { id: String },
    Transfer { id: Option<String> },
}

impl Op {
    /// `f` in the history.
    #[must_use]
    pub const fn f(&self) -> &'static str {
        match self {
            Self::Register { .. } => "register",
            Self::Deregister { .. } => "deregister",
            Self::DeregisterId { .. } => "deregister_id",
            Self::Report { .. } => "report",
            Self::RenewMany { .. } => "renew_many",
            Self::Read { .. } => "read",
            Self::Poll { .. } => "poll",
            Self::List { .. } => "list",
            Self::Join { .. } => "join",
            Self::Remove { .. } => "remove",
            Self::Transfer { .. } => "transfer",
        }
    }

    /// It changes the registry.
    #[must_use]
    pub const fn is_write(&self) -> bool {
        matches!(
            self,
            Self::Register { .. }
                | Self::Deregister { .. }
                | Self::DeregisterId { .. }
                | Self::Report { .. }
                | Self::RenewMany { .. }
        )
    }

    /// It changes neither the registry nor the cluster: without an answer nothing can have happened.
    #[must_use]
    pub const fn is_read(&self) -> bool {
        matches!(self, Self::Read { .. } | Self::Poll { .. } | Self::List { .. })
    }

    /// `value` of its invoke line.
    #[must_use]
    pub fn value(&self) -> Value {
        match self {
            Self::Register { ns, svc, id, nonce, checks } => {
                let checks: Vec<Value> = checks.iter().map(OpCheck::value).collect();
                json!({"ns": ns, "svc": svc, "id": id, "nonce": nonce, "checks": checks})
            }
            Self::Deregister { ns, svc, id } => json!({"ns": ns, "svc": svc, "id": id}),
            Self::DeregisterId { ns, id } => json!({"ns": ns, "id": id}),
            Self::Report { ns, check, status } => json!({"ns": ns, "check": check, "status": word(*status)}),
            Self::RenewMany { ns, checks } => json!({"ns": ns, "checks": checks}),
            Self::Read { ns, svc, mode, floor } => {
                let mut value = json!({"ns": ns, "svc": svc, "mode": mode_word(*mode)});
                if let Some(floor) = floor {
                    value["index"] = json!(floor);
                }
                value
            }
            Self::Poll { ns, svc, li, wait, mode, passing } => json!({
                "ns": ns, "svc": svc, "li": li, "wait_ms": ms(*wait), "mode": mode_word(*mode), "passing": passing,
            }),
            Self::List { ns, mode } => json!({"ns": ns, "mode": mode_word(*mode)}),
            Self::Join { id, addr } => json!({"id": id, "addr": addr}),
            Self::Remove { id } => json!({"id": id}),
            Self::Transfer { id } => json!({"id": id.as_deref().unwrap_or("")}),
        }
    }
}

impl OpCheck {
    fn value(&self) -> Value {
        let mut value = json!({"id": self.id});
        if let Some(ttl) = self.ttl {
            value["ttl_ms"] = json!(ms(ttl));
        }
        if let Some(status) = self.status {
            value["status"] = json!(word(status));
        }
        value
    }
}

/// The word of a status in the history.
#[must_use]
pub const fn word(status: Status) -> &'static str {
    match status {
        Status::Critical => "critical",
        Status::Unknown => "unknown",
        Status::Warning => "warning",
        Status::Passing => "passing",
    }
}

const fn mode_word(mode: Consistency) -> &'static str {
    match mode {
        Consistency::Default => "default",
        Consistency::Consistent => "consistent",
        Consistency::Stale => "stale",
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
