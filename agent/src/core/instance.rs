//! One instance of this host: what is wanted of it, and what the cluster is known to have.

use std::time::Duration;

use sider_client::wire::RegisterRequest;
use sider_registry::model::{CheckSpec, InstanceKey, InstanceSpec};

use super::CheckNo;

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Goal {
    /// It shall be registered like this.
    Present {
        /// The instance.
        instance: Box<InstanceSpec>,
        /// All its checks.
        specs: Vec<CheckSpec>,
    },
    /// It shall not be there.
    Absent,
}

/// An instance of this host.
#[derive(Debug)]
pub struct Instance {
    /// Who.
    pub key: InstanceKey,
    /// What is wanted.
    pub goal: Goal,
    /// The cluster acknowledged the goal.
    pub settled: bool,
    /// Why the cluster refuses it.
    pub refused: Option<String>,
    pub(super) checks: Vec<CheckNo>,
    /// The cluster may have it: a registration was sent, in this life or the last.
    pub(super) touched: bool,
    /// A write is under way. `goal` may have changed since: then `settled` is not set when it ends.
    pub(super) writing: Option<Goal>,
    /// Idempotency key of the goal's write; kept until its fate is known.
    pub(super) write_key: Option<String>,
    pub(super) due: Option<Duration>,
    pub(super) failures: u32,
    /// Times that the cluster said it does not know a check of it, since it last knew one.
    pub(super) losses: u32,
}

impl Instance {
    pub(super) fn new(key: InstanceKey, goal: Goal) -> Self {
        Self {
            key,
            goal,
            settled: false,
            refused: None,
            checks: Vec::new(),
            touched: false,
            writing: None,
            write_key: None,
            due: None,
            failures: 0,
            losses: 0,
        }
    }

    pub(super) fn request(&self) -> Option<RegisterRequest> {
        match &self.goal {
            Goal::Present { instance, specs } => Some(RegisterRequest::new(instance, specs)),
            Goal::Absent => None,
        }
    }
}
