//! When the cluster was whole: no fault active, no membership change under way, and long enough after the last of them
//! that a leader stands and every server has been reached. Only in such a window can *silence* prove anything.
//!
//! Assumption, stated because upper bounds rest on it: a cluster without faults keeps its leader. Where the servers'
//! roles are recorded, an election inside a window splits it.

use crate::history::{History, Operation, Time};

use super::faults::Faults;

/// A span in which the cluster was whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub from: Time,
    pub to: Time,
}

/// The windows of a run, in order, disjoint.
#[derive(Clone, Debug, Default)]
pub(crate) struct Health {
    pub windows: Vec<Window>,
}

impl Health {
    /// `elections` are the moments at which a server became leader, as far as they were recorded.
    pub(crate) fn read(
        history: &History,
        faults: &Faults,
        elections: &[Time],
        recovery: u64,
        late_effect: u64,
    ) -> Self {
        let mut disturbed: Vec<(Time, Time)> = faults.disturbances().collect();
        for call in &history.calls {
            if matches!(call.operation, Operation::Membership { .. }) {
                let over = if call.returned == Time::NEVER { call.invoked.plus(late_effect) } else { call.returned };
                disturbed.push((call.invoked, over));
            }
        }
        disturbed.sort_unstable();
        // The first window begins when the cluster has answered something that needs a leader.
        let first = history
            .calls
            .iter()
            .filter(|call| call.answer().is_some() && call.operation.mode().is_none_or(|mode| mode.is_linearizable()))
            .map(|call| call.returned)
            .min();
        let mut from = first.unwrap_or(Time::NEVER);
        let mut windows = Vec::new();
        for (begun, over) in disturbed {
            if begun > from {
                windows.push(Window { from, to: begun });
            }
            from = from.max(over.plus(recovery));
        }
        if history.end > from {
            windows.push(Window { from, to: history.end });
        }
        for election in elections {
            split(&mut windows, *election);
        }
        Self { windows }
    }

    /// The window that holds `time`.
    pub(crate) fn at(&self, time: Time) -> Option<Window> {
        let next = self.windows.partition_point(|window| window.from <= time);
        next.checked_sub(1).map(|at| self.windows[at]).filter(|window| time <= window.to)
    }

    /// The window that holds `time`, or else the first one after it.
    pub(crate) fn at_or_after(&self, time: Time) -> Option<Window> {
        self.at(time).or_else(|| self.windows.get(self.windows.partition_point(|window| window.from <= time)).copied())
    }
}

fn split(windows: &mut Vec<Window>, at: Time) {
    if let Some(place) = windows.iter().position(|window| window.from < at && at < window.to) {
        let whole = windows[place];
        windows[place].to = at;
        windows.insert(place + 1, Window { from: at, to: whole.to });
    }
}
