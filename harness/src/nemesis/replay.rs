//! A recorded timeline, done again.

use std::collections::VecDeque;

use serde_json::Value;

use super::action::Action;
use super::carry::carry_out;
use crate::record::history::Struck;
use crate::sim::cluster::Cluster;
use crate::workload::shared::Shared;

/// What a line of `nemesis.jsonl` asks of a replay.
#[derive(Debug, Clone, PartialEq)]
pub enum Recorded {
    /// To be done again.
    Done(Action),
    /// It did nothing but leave its line, which belongs to the run as all others do.
    Skipped {
        /// Name of the fault.
        f: String,
        /// Its parameters.
        value: Value,
        /// What would have been done, if that was known.
        action: Option<Action>,
    },
}

/// Steps (ns) and what is due at each, in order.
pub type Timeline = VecDeque<(u64, Recorded)>;

/// Does what `timeline` has for this step.
pub(super) fn due(timeline: &mut Timeline, cluster: &mut Cluster, shared: &Shared) {
    let step = shared.record.clock.step_ns();
    while let Some((_, recorded)) = timeline.pop_front_if(|(at, _)| *at <= step) {
        match recorded {
            Recorded::Done(action) => {
                carry_out(&action, cluster, shared);
            }
            Recorded::Skipped { f, value, action } => {
                let action = action.map(|action| serde_json::to_value(action).expect("an action has a JSON form"));
                shared.record.fault(&f, &value, Struck::Skipped, action.as_ref());
            }
        }
    }
}
