//! The expiry duty of a server, as `sider::node` carries it out: take what is due, propose it until it is applied or the
//! leadership under which it came due has ended.

use super::{Action, Breach, Broken, Duty, Entry, Expiring, State, TTL};

impl Expiring {
    pub(super) fn duty_actions(&self, state: &State, at: usize, actions: &mut Vec<Action>) {
        let server = &state.servers[at];
        match server.duty {
            Duty::Idle => {
                if server.deadlines.get().next().is_some_and(|next| next <= self.clock(at, state.now)) {
                    actions.push(Action::TakeDue(at));
                }
            }
            Duty::Took(_, term) => {
                // At the bound of the log nobody proposes; to drop what was taken is always possible.
                if state.log.len() < usize::from(self.bounds.entries) || !self.may_propose(state, at, term) {
                    actions.push(Action::Propose(at));
                }
            }
            Duty::Proposed(_, _, proposed) => {
                if state.has_applied(at, proposed) {
                    actions.push(Action::ProposalApplied(at));
                }
                actions.push(Action::ProposalFails(at));
            }
        }
    }

    pub(super) fn take_due(&self, state: &mut State, at: usize) {
        let now = self.clock(at, state.now);
        let server = &mut state.servers[at];
        let due = server.deadlines.change(|deadlines| deadlines.due(now, 1));
        let term = server.told.expect("only a leader has deadlines");
        let [expiry] = due.as_slice() else { unreachable!("one check has come due") };
        server.duty = Duty::Took(expiry.seen, term);
    }

    fn may_propose(&self, state: &State, at: usize, term: u8) -> bool {
        let leads = state.servers[at].leads;
        if self.is(Broken::ProposedInLaterTerm) { leads.is_some() } else { leads == Some(term) }
    }

    pub(super) fn propose(&self, state: &mut State, at: usize) {
        let Duty::Took(seen, term) = state.servers[at].duty else { unreachable!("the action was offered") };
        if !self.may_propose(state, at, term) {
            // Open or not: with this leadership its deadlines end too.
            state.servers[at].duty = Duty::Idle;
            if self.is(Broken::SettledWhenDeposed) {
                let expiry = [self.expiry_of(seen)];
                state.servers[at].deadlines.change(|deadlines| deadlines.settle(&expiry));
            }
            return;
        }
        if state.servers[at].leads == Some(state.term) && state.now < state.elected + TTL && state.term > 1 {
            state.breaks(Breach::BeforeGrace);
        }
        let proposed = state.append(at, Entry::Expiry(seen, state.term));
        state.servers[at].duty = Duty::Proposed(seen, term, proposed);
    }

    pub(super) fn proposal_fails(&self, state: &mut State, at: usize) {
        let Duty::Proposed(seen, term, _) = state.servers[at].duty else { unreachable!("the action was offered") };
        state.servers[at].duty = Duty::Took(seen, term);
    }

    pub(super) fn proposal_applied(&self, state: &mut State, at: usize) {
        let Duty::Proposed(seen, ..) = state.servers[at].duty else { unreachable!("the action was offered") };
        state.servers[at].duty = Duty::Idle;
        let expiry = [self.expiry_of(seen)];
        state.servers[at].deadlines.change(|deadlines| deadlines.settle(&expiry));
    }
}
