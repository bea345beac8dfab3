//! A replica's steps: one state machine, which applies, installs and announces in order.

use sider::watch::WatchKey;
use sider_registry::command::Event;

use super::{Action, At, Broken, Hopping, State};

impl Hopping {
    pub(super) fn replica_actions(&self, state: &State, at: usize, actions: &mut Vec<Action>) {
        let replica = &state.replicas[at];
        if !replica.installed {
            let behind = state.newest_position() - replica.applied;
            if behind > 0 {
                actions.push(Action::Apply(at));
            }
            // A snapshot of one command more is the same as that command, but for what is announced.
            if behind > 0 && replica.told.is_empty() {
                actions.push(Action::Install(at));
            }
        }
        if !replica.told.is_empty() {
            actions.push(Action::Announce(at));
        }
        if replica.installed {
            actions.push(Action::AnnounceAll(at));
        }
    }

    pub(super) fn apply(&self, state: &mut State, at: usize) {
        let from = state.local(at);
        state.replicas[at].applied += 1;
        let to = state.local(at);
        let word = self.graph.words().find(|word| self.graph.step(from, *word).is_some_and(|step| step.to == to));
        let step = word.and_then(|word| self.graph.step(from, word)).expect("a command led there");
        let told = step.events.iter().filter_map(|event| match event {
            Event::Service { service, index } if self.key == WatchKey::Service(service.clone()) => Some(*index),
            _ => None,
        });
        state.replicas[at].told.extend(told);
    }

    pub(super) fn install(&self, state: &mut State, at: usize) {
        state.replicas[at].applied = state.newest_position();
        state.replicas[at].installed = !self.is(Broken::SilentInstall);
    }

    pub(super) fn announce(&self, state: &mut State, at: usize) {
        let index = state.replicas[at].told.remove(0);
        let woken = state.replicas[at].table.change(|table| table.announce(&self.key, index));
        wake(state, at, woken.len());
    }

    pub(super) fn announce_all(&self, state: &mut State, at: usize) {
        state.replicas[at].installed = false;
        let index = self.index.at(state.local(at));
        let woken = state.replicas[at].table.change(|table| table.announce_all(|_| index));
        state.woken_by_snapshot |= !woken.is_empty() && index > state.client.asked();
        wake(state, at, woken.len());
    }
}

/// The client's task runs at some time after this.
fn wake(state: &mut State, at: usize, woken: usize) {
    assert!(woken <= 1 && (woken == 0 || state.client.replica == at), "only the client has ever parked");
    if let (1, At::Asleep(ticket)) = (woken, state.client.at) {
        state.client.at = At::Awake(ticket);
    }
}
