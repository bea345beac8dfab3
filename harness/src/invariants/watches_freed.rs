//! W-13: when all clients have left and a second is over, no server has a parked poll.

use linearizability::verdict::Property;

use super::{Finding, Invariant, TheEnd};
use crate::record::facts::Fact;

/// See the module.
#[derive(Debug, Default)]
pub struct WatchesFreed;

impl Invariant for WatchesFreed {
    fn observe(&mut self, _fact: &Fact) -> Option<Finding> {
        None
    }

    fn at_end(&mut self, end: &TheEnd<'_>) -> Option<Finding> {
        let leaking = end.members.iter().find(|name| end.view.parked(name) > 0)?;
        let parked = end.view.parked(leaking);
        let summary =
            format!("{leaking} still has {parked} parked polls more than a second after the last client left");
        Some(Finding::new(Property::W13, end.time, summary))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nemesis::view::View;
    use crate::record::facts::FactKind;

    #[test]
    fn a_poll_that_stays_parked_is_found() {
        let members = vec!["n1".to_owned()];
        let mut view = View::default();
        let mut leak = |parked| {
            view.observe(&Fact { time: 0, node: "n1".into(), incarnation: 1, kind: FactKind::Watch { parked } });
            WatchesFreed.at_end(&TheEnd { time: 0, view: &view, members: &members, acked_index: 0 }).is_some()
        };
        assert!(leak(1));
        assert!(!leak(0));
    }
}
