//! When a poll that still waits proves something: shared by W-4, W-7, W-9, W-10, W-12, W-14 and TTL-2.

use crate::history::{Mode, Symbol, Time};
use crate::reads::{Evidence, Poll, Seen, Service, granted_wait};

/// The latest time by which `poll` had to be answered, given that the asked server had a newer state at `known`; `None`
/// if its silence proves nothing.
///
/// The bound runs from the moment at which the state was there, the poll had been called and the cluster was whole (a
/// linearizable poll confirms the leadership first), whichever is latest. The window has to last until the bound, and
/// nothing that can swallow an answer may have come between client and server since the call.
pub(crate) fn answer_due(evidence: &Evidence<'_>, poll: &Poll, known: Time) -> Option<Time> {
    let base = known.max(poll.invoked);
    let window = evidence.health.at_or_after(base)?;
    let due = base.max(window.from).plus(evidence.bounds.wake + evidence.bounds.slack);
    (due <= window.to && !evidence.may_be_cut_off(poll.node, poll.invoked, due)).then_some(due)
}

/// The same, where `known` is a fact about the asked server alone. A stale poll asks nobody else: it has to be answered whether or
/// not the cluster is whole. (A server that was started since the beginning may first have to catch up.)
pub(crate) fn answer_due_here(evidence: &Evidence<'_>, poll: &Poll, known: Time) -> Option<Time> {
    let due = known.max(poll.invoked).plus(evidence.bounds.wake + evidence.bounds.slack);
    let is_alone = poll.mode == Mode::Stale
        && !evidence.was_stopped(poll.node, due)
        && !evidence.may_be_cut_off(poll.node, poll.invoked, due);
    if is_alone { Some(due) } else { answer_due(evidence, poll, known) }
}

/// Per server, when it was first seen with which index of one service.
pub(crate) struct Shown<'s>(Vec<(Symbol, Vec<&'s Seen>)>);

impl<'s> Shown<'s> {
    /// Reads the answers about `service`.
    pub(crate) fn of(service: &'s Service) -> Self {
        let mut by_node: Vec<(Symbol, Vec<&Seen>)> = Vec::new();
        for seen in service.by_return.iter().map(|at| &service.seen[*at as usize]) {
            match by_node.iter_mut().find(|(node, _)| *node == seen.node) {
                Some((_, rises)) if rises.last().is_none_or(|last| last.xi < seen.xi) => rises.push(seen),
                Some(_) => {}
                None => by_node.push((seen.node, vec![seen])),
            }
        }
        Self(by_node)
    }

    /// The first answer from `node` with an index above `above`: the server had that state when it came, and keeps it.
    pub(crate) fn first_above(&self, node: Symbol, above: u64) -> Option<&'s Seen> {
        let (_, rises) = self.0.iter().find(|(of, _)| *of == node)?;
        rises.get(rises.partition_point(|seen| seen.xi <= above)).copied()
    }

    /// The answer with the highest index among those that `node` had given before `time`.
    pub(crate) fn newest_before(&self, node: Symbol, time: Time) -> Option<&'s Seen> {
        let (_, rises) = self.0.iter().find(|(of, _)| *of == node)?;
        rises.partition_point(|seen| seen.returned < time).checked_sub(1).map(|at| rises[at])
    }
}

/// The least real time that the wait of `poll` takes on the fastest clock of the run.
pub(crate) fn shortest_wait(evidence: &Evidence<'_>, poll: &Poll) -> u64 {
    evidence.rates.shortest(granted_wait(poll.wait_ms))
}

/// The most real time that the wait takes, with its jitter, on the slowest clock of the run.
pub(crate) fn longest_wait(evidence: &Evidence<'_>, poll: &Poll) -> u64 {
    let wait = granted_wait(poll.wait_ms);
    evidence.rates.longest(wait + wait / 16)
}

/// Whether `poll` ended before its wait can have been over, with an index that is not above the one asked with, although
/// that one had certainly been given out before. That is no time-out, and no wake-up.
pub(crate) fn woken_for_nothing(evidence: &Evidence<'_>, poll: &Poll) -> bool {
    let Some(view) = poll.view else { return false };
    poll.li > 0
        && view.xi <= poll.li
        && poll.pending_until.since(poll.invoked) < shortest_wait(evidence, poll)
        && evidence.issued_before(poll.invoked) >= poll.li
}
