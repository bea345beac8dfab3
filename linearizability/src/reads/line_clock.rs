//! Times of lines whose own time the model does not keep: they lie between those of the lines around.

use crate::history::{Fault, History, Time};

/// Known lines and their times, in order.
pub(super) struct LineClock(Vec<(u32, Time)>);

impl LineClock {
    pub(super) fn read(history: &History) -> Self {
        let ends =
            history.calls.iter().filter(|call| call.returned != Time::NEVER).map(|call| (call.end_line, call.returned));
        let faults = history.faults.iter().map(|fault: &Fault| (fault.line, fault.time));
        // Only unknown outcomes are looked up; a history without any needs no clock.
        if !history.calls.iter().any(|call| call.returned == Time::NEVER && call.end_line != 0) {
            return Self(Vec::new());
        }
        let mut lines: Vec<(u32, Time)> =
            history.calls.iter().map(|call| (call.line, call.invoked)).chain(ends).chain(faults).collect();
        lines.sort_unstable();
        Self(lines)
    }

    /// A time at or before that of `line`.
    pub(super) fn before(&self, line: u32) -> Time {
        let next = self.0.partition_point(|(known, _)| *known < line);
        next.checked_sub(1).map_or(Time(0), |at| self.0[at].1)
    }

    /// A time at or after that of `line`; `end` if no known line follows.
    pub(super) fn after(&self, line: u32, end: Time) -> Time {
        self.0.get(self.0.partition_point(|(known, _)| *known < line)).map_or(end, |(_, time)| *time)
    }
}
