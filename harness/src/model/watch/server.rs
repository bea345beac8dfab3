//! The server's steps: one state machine, which applies and announces in order, and the signal to stop.

use sider::watch::WatchKey;
use sider_registry::command::Event;
use sider_registry::model::Index;

use super::{Action, At, Breach, Broken, State, Watching};

impl Watching {
    pub(super) fn server_actions(&self, state: &State, actions: &mut Vec<Action>) {
        // One task applies, installs and announces: it applies nothing while a snapshot is not announced, and installs
        // none while changes are not.
        if !state.installed {
            for word in self.graph.words() {
                let Some(step) = self.graph.step(state.moment, word) else { continue };
                if step.to != state.moment {
                    actions.push(Action::Apply(word));
                    if state.told.is_empty() {
                        actions.push(Action::Install(word));
                    }
                }
            }
        }
        if !state.told.is_empty() {
            actions.push(Action::Announce);
        }
        if state.installed {
            actions.push(Action::AnnounceAll);
        }
        if !state.closed {
            actions.push(Action::Close);
        }
    }

    pub(super) fn server_step(&self, state: &mut State, action: Action) {
        match action {
            Action::Apply(word) => {
                let step = self.graph.step(state.moment, word).expect("the action was offered");
                state.moment = step.to;
                state.told.extend(step.events.iter().filter_map(|event| self.topic_of(event)));
            }
            Action::Install(word) => {
                state.moment = self.graph.step(state.moment, word).expect("the action was offered").to;
                state.installed = !self.is(Broken::SilentInstall);
            }
            Action::Announce => {
                let (topic, index) = state.told.remove(0);
                let everyone = self.is(Broken::WakeEveryone);
                let key = &self.topics[topic].key;
                let woken = state.table.change(|table| match everyone {
                    true => table.announce_all(|_| index),
                    false => table.announce(key, index),
                });
                if woken.iter().any(|client| self.clients[*client].0 != topic) {
                    state.breach = Some(Breach::OthersWoken);
                }
                wake(state, &woken);
            }
            Action::AnnounceAll => {
                state.installed = false;
                let registry = self.graph.registry(state.moment);
                let index_of = |key: &WatchKey| match key {
                    WatchKey::Service(service) => registry.service_index(service),
                    WatchKey::Catalog(namespace) => registry.catalog_index(namespace),
                };
                let woken = state.table.change(|table| table.announce_all(index_of));
                wake(state, &woken);
            }
            Action::Close => {
                state.closed = true;
                if !self.is(Broken::SilentClose) {
                    let woken = state.table.change(|table| table.announce_all(|_| Index(0)));
                    wake(state, &woken);
                }
            }
            _ => unreachable!("a step of a client"),
        }
    }

    /// The topic that an event tells of, with its index.
    fn topic_of(&self, event: &Event) -> Option<(usize, Index)> {
        let (key, index) = match event {
            Event::Service { service, index } => (WatchKey::Service(service.clone()), *index),
            Event::Catalog { namespace, index } => (WatchKey::Catalog(namespace.clone()), *index),
            Event::TtlArmed { .. } | Event::TtlDisarmed { .. } => return None,
        };
        // Nobody waits for what is no topic; the production table has no place for it either.
        let topic = self.topics.iter().position(|topic| topic.key == key)?;
        Some((topic, index))
    }
}

/// Their tasks run at some time after this.
fn wake(state: &mut State, woken: &[usize]) {
    for client in woken {
        let client = &mut state.clients[*client];
        if let At::Asleep(ticket) = client.at {
            client.at = At::Awake(ticket);
        }
    }
}
