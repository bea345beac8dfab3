//! What can be asked of the registry, and what it answers. A rejection is data: it changes nothing and takes no index.

use serde::{Deserialize, Serialize};

use crate::model::{
    CheckId, CheckKey, CheckSpec, Index, InstanceId, InstanceKey, InstanceSpec, Namespace, ServiceKey, Status,
    Timestamp,
};

/// A command as it stands in the Raft log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// What to do.
    pub command: Command,
    /// Key of the logical write (`X-Idempotency-Key`): a second request with the key gets the first one's answer.
    pub key: Option<String>,
    /// The proposing leader's wall clock, for people. `apply` reads no clock.
    pub at: Timestamp,
}

/// A change of the registry.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Command {
    /// Register an instance, or replace its fields. An identical registration changes nothing.
    Register {
        /// The instance.
        instance: InstanceSpec,
        /// All its checks: one that is not here any more goes, one that stays (same id, same type) keeps its status and output.
        checks: Vec<CheckSpec>,
    },
    /// Take one instance out.
    Deregister {
        /// Which.
        key: InstanceKey,
    },
    /// Take out every instance with this id in the namespace, in whatever service, at one index.
    DeregisterId {
        /// Tenant.
        namespace: Namespace,
        /// Instance id.
        id: InstanceId,
    },
    /// Statuses that somebody measured, or renewals (`passing`). All changes of one command share one index.
    Report {
        /// At most [`crate::limits::CHECKS_PER_BATCH_MAX`].
        reports: Vec<CheckReport>,
    },
    /// Deadlines that passed, as the leader saw them. Each applies only if the check's ModifyIndex still stands (the fence).
    Expire {
        /// At most [`crate::limits::CHECKS_PER_BATCH_MAX`].
        expiries: Vec<Expiry>,
    },
}

/// One check's measured status.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CheckReport {
    /// Which check.
    pub check: CheckKey,
    /// Its status now.
    pub status: Status,
    /// Kept with a change of the status. A report that changes the output alone changes nothing.
    pub output: String,
}

/// One missed deadline.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Expiry {
    /// Which check.
    pub check: CheckKey,
    /// The fence: the check's ModifyIndex when the deadline passed on the leader.
    pub seen: Index,
}

/// What one command did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// For whoever asked.
    pub outcome: Outcome,
    /// For watches and deadlines, in a fixed order. Empty when nothing changed.
    pub events: Vec<Event>,
}

/// The answer to a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Registered (or found identical).
    Registered {
        /// The registry's Index after the command.
        index: Index,
        /// False for an identical registration.
        changed: bool,
        /// The ids of the instance's checks, in the order of the registration.
        check_ids: Vec<CheckId>,
    },
    /// Taken out.
    Deregistered {
        /// The registry's Index after the command.
        index: Index,
        /// How many instances, at least one.
        count: u32,
    },
    /// Reports were looked at.
    Reported {
        /// The registry's Index after the command.
        index: Index,
        /// One for each report, in order.
        results: Vec<ReportResult>,
    },
    /// Expiries were looked at.
    Expired {
        /// The registry's Index after the command.
        index: Index,
        /// How many checks turned critical; the others had moved on.
        count: u32,
    },
    /// Nothing happened.
    Rejected(Rejection),
}

/// What became of one report of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReportResult {
    /// The status is another now.
    Changed,
    /// It had that status already.
    Unchanged,
    /// There is no such check.
    UnknownCheck,
}

/// Why nothing happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Rejection {
    /// No such instance.
    #[error(
        "unknown instance {id:?} of service {service:?} in namespace {namespace:?}: it was never registered, or has been deregistered"
    )]
    UnknownInstance {
        /// Tenant.
        namespace: String,
        /// Service.
        service: String,
        /// Instance.
        id: String,
    },
    /// No instance with that id in the namespace.
    #[error("Unknown service ID {id:?}. Ensure that the service ID is passed, not the service name.")]
    UnknownId {
        /// Tenant.
        namespace: String,
        /// Instance.
        id: String,
    },
    /// No such check (a report of one check).
    #[error("Unknown check ID {id:?}. Ensure that the check ID is passed, not the check name.")]
    UnknownCheck {
        /// Tenant.
        namespace: String,
        /// Check.
        id: String,
    },
    /// The check id belongs to another instance.
    #[error(
        "check id {id:?} is held by instance {holder:?} of service {service:?}: choose another id, or give none and one is derived"
    )]
    CheckIdTaken {
        /// Check.
        id: String,
        /// The service of the instance that holds it.
        service: String,
        /// The instance that holds it.
        holder: String,
    },
    /// The same check id twice in one registration.
    #[error("check id {id:?} stands twice in this registration: give each check its own id, or none")]
    CheckIdTwice {
        /// Check.
        id: String,
    },
    /// The idempotency key was used for another command.
    #[error("idempotency key {key:?} was already used for a different write: use a new key for each logical write")]
    KeyReused {
        /// The key.
        key: String,
    },
    /// A bound of [`crate::limits`] is reached.
    #[error("{what} is full: {limit} is the bound; deregister what is gone")]
    Full {
        /// What is full.
        what: String,
        /// The bound.
        limit: u64,
    },
}

/// What changed, for whoever waits: watches by service, the catalog's watches, the leader's deadlines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A reader of this service sees something else now.
    Service {
        /// Which.
        service: ServiceKey,
        /// Its new service index.
        index: Index,
    },
    /// The namespace's list of names and tags changed.
    Catalog {
        /// Tenant.
        namespace: Namespace,
        /// Its new index.
        index: Index,
    },
    /// A check of type ttl is there and not critical: it has a deadline `ttl` from now (now is the leader's). Emitted
    /// when it is registered, when its ttl or its ModifyIndex changed.
    TtlArmed {
        /// Which.
        check: CheckKey,
        /// Its ttl.
        ttl: std::time::Duration,
        /// Its ModifyIndex: the fence of its expiry.
        modify_index: Index,
    },
    /// A check has no deadline any more: it is gone, critical, or of another type.
    TtlDisarmed {
        /// Which.
        check: CheckKey,
    },
}
