//! A client that hops between two replicas with its last index, while one of them lags.
//!
//! Production code in the state: a [`sider::watch::WatchTable`] for each replica. Production code behind it: the registry
//! (a [`Graph`], whose every member was read back from its own snapshot). What the model adds: a committed log of which
//! each replica has applied a part, read rounds, snapshot installs, and the steps of a read as `sider::http` takes them:
//! park, make the state as new as the mode asks for, look, wait. Knows nothing of elections or time.

mod client;
mod replica;
mod state;

use clap::ValueEnum;
use sider::watch::WatchKey;
use sider_registry::model::{Index, Status};
use sider_registry::{Registry, limits};
use stateright::{Model, Property};

use super::Scope;
use super::commands::{body, deregister, register, report, service};
use super::graph::{ByMoment, Graph, View, Word};
pub use state::{Answer, At, Breach, Client, Mode, Replica, State};

/// A protocol that is wrong in one way. The check must find each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Broken {
    /// A stale read does not wait for the index that it carries (RD-2).
    NoFloor,
    /// A default read takes the local state as it is (LIN-2).
    NoBarrier,
    /// An installed snapshot is not announced (W-12).
    SilentInstall,
    /// The index is read first and the body later (W-1).
    TwoLooks,
}

/// The model. See the module.
#[derive(Debug)]
pub struct Hopping {
    broken: Option<Broken>,
    graph: Graph,
    key: WatchKey,
    /// The service's index.
    index: ByMoment<Index>,
    /// The registry's Index.
    applied: ByMoment<Index>,
    view: ByMoment<View>,
    /// Reads and polls that the client makes.
    reads: u8,
}

/// One step of somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A command is committed.
    Commit(Word),
    /// The replica applies the next committed command.
    Apply(usize),
    /// It installs a snapshot of everything that is committed.
    Install(usize),
    /// It announces the oldest change that it has not announced yet.
    Announce(usize),
    /// It announces what the snapshot changed.
    AnnounceAll(usize),
    /// The client begins to read there, without an index.
    Read(usize, Mode),
    /// The client begins to poll there, with its last index.
    Poll(usize, Mode),
    /// A round confirms the leader: everything committed by now must be applied before the look.
    Confirm,
    /// The state is new enough: the client looks, and answers or goes to wait.
    Look,
    /// The body is read; only in a protocol that reads it apart from the index.
    LookAgain,
    /// It asks the table, and waits there unless its index was passed.
    Wait,
    /// Its wait is over, or the server gives up waiting for a state that is new enough.
    TimeOut,
}

const WORDS: [&str; 4] = ["register web", "report web critical", "deregister web", "register api"];

impl super::Checked for Hopping {
    type Broken = Broken;

    /// Two replicas, one client; the scope says how many changes and reads.
    fn new(scope: Scope, broken: Option<Broken>) -> Self {
        let ttl = limits::CHECK_PERIOD_MIN;
        let alphabet = [register("web", ttl), report("web", Status::Critical), deregister("web"), register("api", ttl)];
        let (changes, reads) = match scope {
            Scope::Small => (2, 2),
            Scope::Full => (3, 3),
            Scope::Deep => (3, 4),
        };
        let first = Registry::new();
        let last = Index(first.index().0 + changes);
        let graph = Graph::explore(first, &alphabet, last);
        let web = service("web");
        Self {
            broken,
            index: graph.by_moment(|registry| registry.service_index(&web)),
            applied: graph.by_moment(Registry::index),
            view: graph.views(|registry| body(registry, &web)),
            graph,
            key: WatchKey::Service(web),
            reads,
        }
    }

    fn pinned(scope: Scope) -> usize {
        match scope {
            Scope::Small => 44_015,
            Scope::Full => 1_520_802,
            Scope::Deep => 3_886_705,
        }
    }
}

impl Hopping {
    fn is(&self, broken: Broken) -> bool {
        self.broken == Some(broken)
    }
}

impl Model for Hopping {
    type State = State;
    type Action = Action;

    /// Nothing was ever written.
    fn init_states(&self) -> Vec<State> {
        vec![self.start()]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let newest = state.newest();
        for word in self.graph.words() {
            if self.graph.step(newest, word).is_some_and(|step| step.to != newest) {
                actions.push(Action::Commit(word));
            }
        }
        for replica in 0..state.replicas.len() {
            self.replica_actions(state, replica, actions);
        }
        self.client_actions(state, actions);
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Commit(word) => {
                let step = self.graph.step(state.newest(), word).expect("the action was offered");
                state.committed.push(step.to);
            }
            Action::Apply(at) => self.apply(&mut state, at),
            Action::Install(at) => self.install(&mut state, at),
            Action::Announce(at) => self.announce(&mut state, at),
            Action::AnnounceAll(at) => self.announce_all(&mut state, at),
            Action::Read(at, mode) => self.begin(&mut state, at, mode, false),
            Action::Poll(at, mode) => self.begin(&mut state, at, mode, true),
            Action::Confirm => state.client.need = Some(state.newest_position()),
            Action::Look => self.look(&mut state),
            Action::LookAgain => self.look_again(&mut state),
            Action::Wait => self.wait(&mut state),
            Action::TimeOut => self.time_out(&mut state),
        }
        Some(state)
    }

    fn format_action(&self, action: &Action) -> String {
        match action {
            Action::Commit(word) => format!("log: commit \"{}\"", WORDS[usize::from(word.0)]),
            Action::Apply(at) => format!("replica {at}: apply the next committed command"),
            Action::Install(at) => format!("replica {at}: install a snapshot of everything committed"),
            Action::Announce(at) => format!("replica {at}: announce the oldest change that nobody was told of"),
            Action::AnnounceAll(at) => format!("replica {at}: announce what the snapshot changed"),
            Action::Read(at, mode) => format!("client: begin a {mode} read at replica {at}, without an index"),
            Action::Poll(at, mode) => format!("client: begin a {mode} poll at replica {at}, with the last index"),
            Action::Confirm => "leader: confirm the read round".to_owned(),
            Action::Look => "client's replica: look at the state".to_owned(),
            Action::LookAgain => "client's replica: look again, for the body".to_owned(),
            Action::Wait => "client's replica: ask the table, wait if nothing passed".to_owned(),
            Action::TimeOut => "client's replica: the wait is over".to_owned(),
        }
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("RD-2, W-2, W-3: the index never goes back, wherever the client asks", |_, s: &State| {
                s.breach != Some(Breach::WentBack)
            }),
            Property::always("RD-1, W-1: the body is the replay of the log to X-Applied-Index", |_, s: &State| {
                s.breach != Some(Breach::Torn)
            }),
            Property::always("RD-1: one index names one body", |_, s: &State| s.breach != Some(Breach::TwoBodies)),
            Property::always("LIN-2: a default read shows everything committed before its call", |_, s: &State| {
                s.breach != Some(Breach::FromThePast)
            }),
            Property::always(
                "W-4, W-12: the client does not sleep on an index that was passed",
                |model: &Self, s: &State| {
                    model.sleeping(s).is_none_or(|moment| model.index.at(moment) <= s.client.asked())
                },
            ),
            Property::always(
                "W-10: the client does not sleep on a body that has changed",
                |model: &Self, s: &State| {
                    let knows = s.client.last.map(|last| last.view);
                    model.sleeping(s).is_none_or(|moment| Some(model.view.at(moment)) == knows)
                },
            ),
            Property::sometimes("a snapshot wakes the client on the replica that lags", |_, s: &State| {
                s.woken_by_snapshot
            }),
            Property::sometimes(
                "the client waits for a replica that is behind its index",
                |model: &Self, s: &State| {
                    matches!(s.client.at, At::Parked(_)) && s.client.mode == Mode::Stale && !model.new_enough(s)
                },
            ),
            Property::sometimes("the client has made all its reads", |_, s: &State| s.client.reads_left == 0),
        ]
    }
}
