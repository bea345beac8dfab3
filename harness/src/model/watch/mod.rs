//! Long polls on one server against everything that can happen beside them, in every order.
//!
//! Production code in the state: [`sider::watch::WatchTable`]. Production code behind it: the registry (a [`Graph`]).
//! What the model adds is the order of steps: the server's state machine applies, then announces, or installs a snapshot
//! and announces everything; a poll parks, looks, waits, as `sider::http` does; between any two steps of one anything
//! may happen in the others. Knows nothing of Raft or time: a wait may be over at any moment.

mod client;
mod server;
mod state;

use clap::ValueEnum;
use sider::watch::WatchKey;
use sider_registry::Registry;
use sider_registry::model::{Index, Namespace, Status};
use stateright::{Model, Property};

use super::Scope;
use super::commands::{body, deregister, register, report, service};
use super::graph::{ByMoment, Graph, Moment, View, Word};
pub use state::{At, Breach, Client, State};

/// A protocol that is wrong in one way. The check must find each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Broken {
    /// The state is read before the place is taken (W-4).
    ReadBeforePark,
    /// An installed snapshot is not announced (W-12).
    SilentInstall,
    /// A change wakes everybody, whatever they wait for (W-6).
    WakeEveryone,
    /// Whoever is woken answers without asking whether its index was passed (W-5).
    AnswerWhenWoken,
    /// A client that leaves does not give its place back (W-13).
    KeepPlace,
    /// An index that was never given out is waited for (W-9).
    WaitForNeverIssued,
    /// Closing wakes nobody (shutdown).
    SilentClose,
}

/// The model. See the module.
#[derive(Debug)]
pub struct Watching {
    broken: Option<Broken>,
    graph: Graph,
    /// What there is to wait for: a service and the catalog.
    topics: Vec<Topic>,
    /// Each client's topic and number of polls.
    clients: [(usize, u8); CLIENTS],
}

const CLIENTS: usize = 3;

/// Something to wait for.
#[derive(Debug)]
struct Topic {
    key: WatchKey,
    index: ByMoment<Index>,
    view: ByMoment<View>,
}

impl Topic {
    fn service(graph: &Graph, name: &str) -> Self {
        let key = service(name);
        let index = graph.by_moment(|registry| registry.service_index(&key));
        let view = graph.views(|registry| body(registry, &key));
        Self { key: WatchKey::Service(key), index, view }
    }

    fn catalog(graph: &Graph) -> Self {
        let namespace = Namespace::default();
        let index = graph.by_moment(|registry| registry.catalog_index(&namespace));
        let view = graph.views(|registry| -> Vec<String> {
            registry.services(&namespace).keys().map(ToString::to_string).collect()
        });
        Self { key: WatchKey::Catalog(namespace), index, view }
    }
}

/// One step of somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The state machine applies the command.
    Apply(Word),
    /// It installs a snapshot that is this command ahead.
    Install(Word),
    /// It announces the oldest change that it has not announced yet.
    Announce,
    /// It announces what the snapshot changed.
    AnnounceAll,
    /// The server stops.
    Close,
    /// The client begins a poll with the index that it was given last.
    Park(usize),
    /// The client begins a poll with an index that this cluster never gave out.
    ParkAboveAll(usize),
    /// It looks at the state, and answers or goes to wait.
    Look(usize),
    /// It asks the table, and waits there unless its index was passed.
    Wait(usize),
    /// Its wait is over.
    TimeOut(usize),
    /// It goes away.
    Leave(usize),
}

const WORDS: [&str; 5] =
    ["register web", "report web critical", "report web passing", "deregister web", "register api"];

impl super::Checked for Watching {
    type Broken = Broken;

    /// Two clients on a service, one on the catalog, and changes of whatever kind; the scope says how many.
    fn new(scope: Scope, broken: Option<Broken>) -> Self {
        let ttl = std::time::Duration::from_secs(10);
        let alphabet = [
            register("web", ttl),
            report("web", Status::Critical),
            report("web", Status::Passing),
            deregister("web"),
            register("api", ttl),
        ];
        let first = Registry::new();
        let (changes, clients) = match scope {
            Scope::Small => (2, [(0, 1), (0, 0), (1, 1)]),
            Scope::Full => (2, [(0, 2), (0, 1), (1, 1)]),
            Scope::Deep => (3, [(0, 2), (0, 1), (1, 1)]),
        };
        let last = Index(first.index().0 + changes);
        let graph = Graph::explore(first, &alphabet, last);
        let topics = vec![Topic::service(&graph, "web"), Topic::catalog(&graph)];
        Self { broken, graph, topics, clients }
    }

    fn pinned(scope: Scope) -> usize {
        match scope {
            Scope::Small => 13_931,
            Scope::Full => 1_174_689,
            Scope::Deep => 6_337_746,
        }
    }
}

impl Watching {
    fn is(&self, broken: Broken) -> bool {
        self.broken == Some(broken)
    }

    fn topic(&self, client: usize) -> &Topic {
        &self.topics[self.clients[client].0]
    }

    fn index(&self, client: usize, moment: Moment) -> Index {
        self.topic(client).index.at(moment)
    }

    fn view(&self, client: usize, moment: Moment) -> View {
        self.topic(client).view.at(moment)
    }
}

impl Model for Watching {
    type State = State;
    type Action = Action;

    /// A server that has nothing yet, and one that has something: the first change is the one that is most easily lost.
    fn init_states(&self) -> Vec<State> {
        let first = self.graph.first();
        let second = self.graph.step(first, Word(0)).expect("the first change is in the graph").to;
        [first, second].into_iter().map(|moment| self.start(moment)).collect()
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.server_actions(state, actions);
        for client in 0..self.clients.len() {
            self.client_actions(state, client, actions);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Apply(_) | Action::Install(_) | Action::Announce | Action::AnnounceAll | Action::Close => {
                self.server_step(&mut state, action);
            }
            Action::Park(client) | Action::ParkAboveAll(client) => {
                self.park(&mut state, client, action == Action::ParkAboveAll(client));
            }
            Action::Look(client) => self.look(&mut state, client),
            Action::Wait(client) => self.wait(&mut state, client),
            Action::TimeOut(client) => self.answer(&mut state, client),
            Action::Leave(client) => self.leave(&mut state, client),
        }
        Some(state)
    }

    fn format_action(&self, action: &Action) -> String {
        let who = |client: &usize| match &self.topic(*client).key {
            WatchKey::Service(key) => format!("client {client} (on {})", key.service),
            WatchKey::Catalog(_) => format!("client {client} (on the catalog)"),
        };
        match action {
            Action::Apply(word) => format!("server: apply \"{}\"", WORDS[usize::from(word.0)]),
            Action::Install(word) => format!("server: install a snapshot after \"{}\"", WORDS[usize::from(word.0)]),
            Action::Announce => "server: announce the oldest change that nobody was told of".to_owned(),
            Action::AnnounceAll => "server: announce what the snapshot changed".to_owned(),
            Action::Close => "server: close".to_owned(),
            Action::Park(client) => format!("{}: begin a poll", who(client)),
            Action::ParkAboveAll(client) => format!("{}: begin a poll with an index never given out", who(client)),
            Action::Look(client) => format!("{}: look at the state", who(client)),
            Action::Wait(client) => format!("{}: ask the table, wait if nothing passed", who(client)),
            Action::TimeOut(client) => format!("{}: the wait is over, answer", who(client)),
            Action::Leave(client) => format!("{}: go away", who(client)),
        }
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("W-4, W-12: nobody sleeps on an index that was passed", |model: &Self, state: &State| {
                model.sleepers(state).all(|client| model.index(client, state.moment) <= state.clients[client].asked)
            }),
            Property::always("W-10: nobody sleeps on a body that has changed", |model: &Self, state: &State| {
                model.sleepers(state).all(|client| model.view(client, state.moment) == state.clients[client].knows)
            }),
            Property::always(
                "W-2, W-5: an answer before the wait is over has an index above the asked one",
                |_, s: &State| s.breach != Some(Breach::NotAbove),
            ),
            Property::always("W-6: a change of something else wakes nobody", |_, s: &State| {
                s.breach != Some(Breach::OthersWoken)
            }),
            Property::always("W-9: an index never given out answers at once", |_, s: &State| {
                s.breach != Some(Breach::WaitsForNeverIssued)
            }),
            Property::always("W-8, W-9: an answer's index is at least 1 and at most the state's", |_, s: &State| {
                s.breach != Some(Breach::IndexOutOfRange)
            }),
            Property::always(
                "W-13: a place is taken by a poll that is open, and by nobody else",
                |_, state: &State| {
                    let open = state.clients.iter().filter(|client| client.at.ticket().is_some()).count();
                    state.table.get().len() == open && state.table.get().is_empty() == (open == 0)
                },
            ),
            Property::always("shutdown: nobody sleeps on a server that has closed", |model: &Self, state: &State| {
                !state.closed || model.asleep(state).next().is_none()
            }),
            Property::sometimes("a change wakes a client, which answers with it", |_, s: &State| {
                s.clients.iter().any(|c| c.woken)
            }),
            Property::sometimes("two clients sleep", |model: &Self, s: &State| model.asleep(s).count() >= 2),
            Property::sometimes("everybody is done and no place is taken", |_, s: &State| {
                s.table.get().is_empty() && s.clients.iter().all(|c| c.at == At::Away && c.polls_left == 0)
            }),
        ]
    }
}
