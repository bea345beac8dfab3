//! Elections, the log, the state machines, and how deadlines hear of all that.

use sider_registry::command::Event;

use super::{Action, Breach, Broken, Duty, Entry, Expiring, Proposed, Shown, Stage, State, TTL};
use crate::model::graph::{Moment, Step};

impl Expiring {
    pub(super) fn raft_actions(&self, state: &State, actions: &mut Vec<Action>) {
        for (at, server) in state.servers.iter().enumerate() {
            if state.term < self.bounds.terms {
                // A leader that is elected again has its whole log.
                let least =
                    if server.leads == Some(state.term) { state.log.len() } else { usize::from(state.committed) };
                let kept = least..=state.log.len().min(usize::from(self.bounds.entries) - 1);
                actions.extend(kept.filter_map(|kept| Some(Action::Elect(at, u8::try_from(kept).ok()?))));
            }
            if server.leads.is_some() {
                actions.push(Action::StepDown(at));
            }
            if server.told != server.leads {
                actions.push(Action::FollowRole(at));
            }
            if server.applied < state.committed {
                actions.push(Action::Apply(at));
            }
        }
        if state.leader().is_some() && usize::from(state.committed) < state.log.len() {
            actions.push(Action::Commit);
        }
    }

    pub(super) fn elect(&self, state: &mut State, at: usize, kept: u8) {
        state.term += 1;
        state.elected = state.now;
        state.log.truncate(usize::from(kept));
        state.log.push(Entry::Opens(state.term));
        let cut = |proposed: &mut Proposed| {
            if matches!(*proposed, Proposed::At(at) if at >= kept) {
                *proposed = Proposed::Lost;
            }
        };
        for server in &mut state.servers {
            if let Duty::Proposed(_, _, proposed) = &mut server.duty {
                cut(proposed);
            }
        }
        for renewal in &mut state.renewals {
            if let Stage::Logged(proposed) = &mut renewal.stage {
                cut(proposed);
            }
        }
        state.servers[at].leads = Some(state.term);
    }

    /// A leadership that ended and one that began may be heard of at once, late.
    pub(super) fn follow_role(&self, state: &mut State, at: usize) {
        let now = if self.is(Broken::NoGrace) { self.clock(at, 0) } else { self.clock(at, state.now) };
        let server = &mut state.servers[at];
        let deadline = self.deadline.at(server.moment);
        let checks = deadline.into_iter().map(|(ttl, fence)| (self.check.clone(), ttl, fence));
        server.told = server.leads;
        match server.leads {
            Some(term) => server.deadlines.change(|deadlines| deadlines.lead(term.into(), now, checks)),
            None => server.deadlines.change(sider::expirer::Deadlines::resign),
        }
    }

    pub(super) fn commit(&self, state: &mut State) {
        loop {
            self.commit_one(state);
            if state.term_is_open() {
                return;
            }
        }
    }

    fn commit_one(&self, state: &mut State) {
        let position = state.committed;
        let entry = state.log[usize::from(position)];
        let before = state.moment;
        state.committed += 1;
        if let Some(step) = self.step(before, entry) {
            state.moment = step.to;
        }
        if let Entry::Expiry(seen, term) = entry
            && state.moment != before
        {
            if term < state.term {
                state.shown = Some(Shown::Inherited);
            }
            if self.deadline.at(before).is_none_or(|(_, fence)| fence != seen) {
                state.breaks(Breach::Unfenced);
            }
            if state.now < state.renewed + TTL {
                state.breaks(Breach::Early);
            }
            for renewal in &mut state.renewals {
                let behind = matches!(renewal.stage, Stage::Logged(Proposed::At(at)) if at > position);
                if renewal.is_open() && !behind {
                    renewal.expired = Some(state.now);
                }
            }
        }
    }

    /// What the entry does in that registry.
    fn step(&self, moment: Moment, entry: Entry) -> Option<&Step> {
        let word = match entry {
            Entry::Opens(_) => return None,
            Entry::Renewal => Self::RENEWAL,
            Entry::Expiry(_, _) if self.is(Broken::NoFence) => self.expiry(self.deadline.at(moment)?.1),
            Entry::Expiry(seen, _) => self.expiry(seen),
        };
        Some(self.graph.step(moment, word).expect("the graph is as deep as the log is long"))
    }

    /// Applies an entry, and tells the deadlines under the same lock.
    pub(super) fn apply(&self, state: &mut State, at: usize) {
        let now = self.clock(at, state.now);
        let server = &mut state.servers[at];
        let entry = state.log[usize::from(server.applied)];
        server.applied += 1;
        let Some(step) = self.step(server.moment, entry) else { return };
        server.moment = step.to;
        for event in &step.events {
            match event {
                Event::TtlArmed { check, ttl, modify_index } => {
                    server.deadlines.change(|deadlines| deadlines.arm(check.clone(), *ttl, *modify_index, now));
                }
                Event::TtlDisarmed { check } => {
                    server.deadlines.change(|deadlines| deadlines.disarm(check));
                }
                Event::Service { .. } | Event::Catalog { .. } => {}
            }
        }
    }
}
