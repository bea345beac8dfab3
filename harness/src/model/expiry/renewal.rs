//! A renewal on the server that takes it for the leader, as `sider::node` carries it out: hold, confirm, sort out, and
//! acknowledge or log.

use sider::expirer::Renewal as Met;

use super::{Action, Breach, Broken, Entry, Expiring, Proposed, Renewal, Server, Shown, Stage, State, TTL};

impl Expiring {
    pub(super) fn renewal_actions(&self, state: &State, actions: &mut Vec<Action>) {
        // Places are taken in order: which of two equal renewals is called makes no difference.
        if state.renewals.iter().any(|renewal| renewal.stage == Stage::Unused) {
            let believers = (0..state.servers.len()).filter(|at| state.servers[*at].leads.is_some());
            actions.extend(believers.map(Action::Renew));
        }
        for (at, renewal) in state.renewals.iter().enumerate() {
            let server = &state.servers[renewal.server];
            match renewal.stage {
                Stage::Unused | Stage::Done => continue,
                Stage::Received => {
                    if (state.leader() == Some(renewal.server) && state.term_is_open()) || self.is(Broken::NoBarrier) {
                        actions.push(Action::Confirm(at));
                    }
                }
                Stage::Confirmed(need) => {
                    if server.applied >= need {
                        actions.push(Action::SortOut(at));
                    }
                }
                Stage::Waits => {
                    if !server.deadlines.get().any_expiring() {
                        actions.push(Action::SortOut(at));
                    }
                }
                Stage::ToLog => {
                    if state.log.len() < usize::from(self.bounds.entries) || server.leads.is_none() {
                        actions.push(Action::LogRenewal(at));
                    }
                }
                Stage::Logged(proposed) => {
                    if state.has_applied(renewal.server, proposed) {
                        actions.push(Action::Acknowledge(at));
                    }
                }
            }
            actions.push(Action::GiveUp(at));
        }
    }

    pub(super) fn renew(&self, state: &mut State, server: usize) {
        let place = state.renewals.iter().position(|renewal| renewal.stage == Stage::Unused);
        let place = place.expect("the action was offered");
        let told = state.servers[server].told;
        state.renewals[place] =
            Renewal { stage: Stage::Received, server, called: state.now, told, held: false, expired: None };
        let held = state.servers[server].deadlines.change(|deadlines| deadlines.hold(&self.check));
        state.renewals[place].held = held;
    }

    /// A quorum has answered this leader since the call: everything committed by now must be applied.
    pub(super) fn confirm(&self, state: &mut State, at: usize) {
        let need = if self.is(Broken::NoBarrier) { 0 } else { state.committed };
        state.renewals[at].stage = Stage::Confirmed(need);
    }

    /// Under the registry's lock.
    pub(super) fn sort_out(&self, state: &mut State, at: usize) {
        let Renewal { server, called, told, .. } = state.renewals[at];
        let received = self.clock(server, called);
        let Server { moment, deadlines, .. } = &mut state.servers[server];
        let term = if self.is(Broken::MovedInLaterTerm) { deadlines.get().leading() } else { told.map(u64::from) };
        let meets = if self.deadline.at(*moment).is_some() {
            deadlines.change(|deadlines| deadlines.renew(&self.check, received, term))
        } else if deadlines.get().expiring(&self.check) {
            Met::Expiring
        } else {
            Met::Absent
        };
        match meets {
            Met::Moved => {
                state.shown = Some(Shown::Unlogged);
                self.acknowledge(state, at);
            }
            Met::Expiring if !self.is(Broken::LoggedBeside) => state.renewals[at].stage = Stage::Waits,
            Met::Expiring | Met::Absent => state.renewals[at].stage = Stage::ToLog,
        }
    }

    /// A server that knows that it does not lead proposes nothing, and its client tries another time.
    pub(super) fn log_renewal(&self, state: &mut State, at: usize) {
        let server = state.renewals[at].server;
        if state.servers[server].leads.is_none() {
            self.end(state, at);
            return;
        }
        let proposed = state.append(server, Entry::Renewal);
        if matches!(proposed, Proposed::At(_)) {
            // Whatever is committed already is before it in the log.
            state.renewals[at].expired = None;
        }
        state.renewals[at].stage = Stage::Logged(proposed);
    }

    pub(super) fn acknowledge(&self, state: &mut State, at: usize) {
        let Renewal { called, expired, .. } = state.renewals[at];
        if expired.is_some_and(|expired| expired < called + TTL) {
            state.breaks(Breach::Undone);
        }
        state.renewed = state.renewed.max(called);
        self.end(state, at);
    }

    pub(super) fn give_up(&self, state: &mut State, at: usize) {
        if self.is(Broken::HoldsForEver) {
            state.renewals[at] = Renewal::nothing(Stage::Done);
        } else {
            self.end(state, at);
        }
    }

    /// Lets the deadline go, if it is one that it holds: a later leadership has others.
    pub(super) fn end(&self, state: &mut State, at: usize) {
        let Renewal { server, told, held, .. } = state.renewals[at];
        let deadlines = &mut state.servers[server].deadlines;
        if held && deadlines.get().leading() == told.map(u64::from) {
            deadlines.change(|deadlines| deadlines.release(&self.check));
        }
        state.renewals[at] = Renewal::nothing(Stage::Done);
    }
}
