//! What is due when: finding it costs O(due), moving it O(log all).

use std::collections::BTreeSet;
use std::time::Duration;

use sider_registry::model::{InstanceKey, Namespace};

use super::CheckNo;

/// Something whose time comes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    /// A registration or deregistration is to be sent.
    Instance(InstanceKey),
    /// A check is to be run.
    Probe(CheckNo),
    /// A check is to be renewed or reported.
    Send(CheckNo),
    /// A namespace's next batch may go.
    Lane(Namespace),
}

/// Moments with what is due then; of equal moments in a fixed order.
#[derive(Debug, Default)]
pub(super) struct Queue(BTreeSet<(Duration, Due)>);

impl Queue {
    /// Moves `due` from the moment in `slot` to `at`; none takes it out.
    pub(super) fn schedule(&mut self, slot: &mut Option<Duration>, due: Due, at: Option<Duration>) {
        if let Some(old) = *slot {
            self.0.remove(&(old, due.clone()));
        }
        *slot = at;
        self.0.extend(at.map(|at| (at, due)));
    }

    /// Takes out the next that is due at `now`.
    pub(super) fn pop(&mut self, now: Duration) -> Option<Due> {
        let next = self.next()?;
        if next > now {
            return None;
        }
        self.0.pop_first().map(|(_, due)| due)
    }

    pub(super) fn next(&self) -> Option<Duration> {
        self.0.first().map(|(at, _)| *at)
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
