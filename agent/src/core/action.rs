//! What the core asks for.

use std::time::Duration;

use sider_client::wire::RegisterRequest;
use sider_registry::model::{CheckId, InstanceKey, Namespace, Status};

use crate::config::Target;

/// A check's number in this life of the agent. A number is never given twice, so that a probe's late result finds its
/// check gone and not another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CheckNo(pub u64);

/// Something to do. Each is answered by exactly one input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Register an instance; answered by [`super::Core::registered`].
    Register {
        /// Which.
        instance: InstanceKey,
        /// What to send.
        request: Box<RegisterRequest>,
        /// Idempotency key: the same as before while the fate of the write is unknown.
        key: String,
    },
    /// Take an instance out; answered by [`super::Core::deregistered`].
    Deregister {
        /// Which.
        instance: InstanceKey,
        /// Idempotency key.
        key: String,
    },
    /// Renew and report checks of one namespace in one request; answered by [`super::Core::reported`].
    Report {
        /// Tenant.
        namespace: Namespace,
        /// At least one.
        reports: Vec<Report>,
    },
    /// Run a check; answered by [`super::Core::probed`].
    Probe {
        /// Which.
        check: CheckNo,
        /// What to look at.
        target: Target,
        /// For the run.
        timeout: Duration,
    },
}

/// One check of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Which.
    pub check: CheckNo,
    /// Its id in the registry.
    pub id: CheckId,
    /// Its status.
    pub status: Status,
    /// What it said.
    pub output: String,
}

/// What one run of a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// By this run alone; thresholds come later.
    pub status: Status,
    /// What it said.
    pub output: String,
}
