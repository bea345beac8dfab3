//! DUR-1: when the faults are over, a majority of the members has applied every acknowledged write.

use linearizability::verdict::Property;

use super::{Finding, Invariant, TheEnd};
use crate::record::facts::Fact;

/// See the module.
#[derive(Debug, Default)]
pub struct AckedOnMajority;

impl Invariant for AckedOnMajority {
    fn observe(&mut self, _fact: &Fact) -> Option<Finding> {
        None
    }

    fn at_end(&mut self, end: &TheEnd<'_>) -> Option<Finding> {
        let index = |name: &String| end.view.applied(name).map_or(0, |applied| applied.index);
        let have = end.members.iter().filter(|name| index(name) >= end.acked_index).count();
        (2 * have <= end.members.len()).then(|| {
            let far: Vec<String> = end.members.iter().map(|name| format!("{name} is at {}", index(name))).collect();
            let summary = format!("a write was acknowledged at Index {}; {}", end.acked_index, far.join(", "));
            Finding::new(Property::Dur1, end.time, summary)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::applied;
    use super::*;
    use crate::nemesis::view::View;

    #[test]
    fn an_acknowledged_write_that_only_a_minority_has_is_found() {
        let members: Vec<String> = ["n1", "n2", "n3"].map(str::to_owned).into();
        let mut view = View::default();
        for (name, index) in [("n1", 9), ("n2", 8), ("n3", 8)] {
            view.observe(&applied(name, 1, 20, index, ""));
        }
        let at_end = |acked_index| {
            AckedOnMajority.at_end(&TheEnd { time: 0, view: &view, members: &members, acked_index }).is_some()
        };
        assert!(!at_end(8));
        assert!(at_end(9));
    }
}
