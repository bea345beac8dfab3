//! AG-1: an agent that was cut off for longer than its TTL finds its instances where they were. It renews them, and neither
//! registers nor deregisters anything. For runs in which nobody else does until the recheck.
//!
//! An identical registration changes nothing that a reader could see, but it stands in the log.

use std::rc::Rc;

use linearizability::verdict::Property;

use super::{Finding, Invariant};
use crate::record::facts::{Fact, FactKind};
use crate::workload::shared::{Phase, Shared};

/// See the module.
#[derive(Debug)]
pub struct RegisteredOnce {
    shared: Rc<Shared>,
    /// Highest position that any server has applied: what others apply later is the same entry.
    to: u64,
}

impl RegisteredOnce {
    /// Looks at the phase of `shared`, and whether an agent was cut off.
    #[must_use]
    pub const fn new(shared: Rc<Shared>) -> Self {
        Self { shared, to: 0 }
    }
}

impl Invariant for RegisteredOnce {
    fn observe(&mut self, fact: &Fact) -> Option<Finding> {
        let FactKind::Applied { log, kind, .. } = &fact.kind else { return None };
        if *log <= self.to {
            return None;
        }
        self.to = *log;
        let undisturbed = self.shared.counted("agent_cut_offs") == 0 || self.shared.phase() >= Phase::Recheck;
        if undisturbed || !matches!(kind.as_str(), "register" | "deregister") {
            return None;
        }
        let summary = format!("an agent was cut off, everything was registered, and log {log} is a {kind}");
        Some(Finding::new(Property::Ag1, fact.time, summary))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{applied, findings};
    use super::*;
    use crate::record::Record;
    use crate::record::trace::{Depth, Trace};
    use crate::seeds::Seeds;

    #[test]
    fn a_registration_after_a_cut_off_is_found_once_and_one_before_is_not() {
        let shared = Shared::new(Record::new(Trace::new(Depth::Record, None)), Seeds(1), Vec::new());
        let rule = || RegisteredOnce::new(Rc::clone(&shared));
        let facts = [applied("n1", 1, 7, 3, ""), applied("n2", 1, 7, 3, "")];
        shared.enter(Phase::Run);
        assert_eq!(findings(rule(), &facts), []);
        shared.count("agent_cut_offs");
        assert_eq!(findings(rule(), &facts).len(), 1);
        shared.enter(Phase::Recheck);
        assert_eq!(findings(rule(), &facts), []);
    }
}
