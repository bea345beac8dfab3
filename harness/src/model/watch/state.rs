//! Where everybody stands.

use sider::watch::{Ticket, WatchTable};
use sider_registry::model::Index;

use super::{CLIENTS, Watching};
use crate::model::graph::{Moment, View};
use crate::model::shared::Shared;

/// A server and its clients.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    /// The registry.
    pub moment: Moment,
    /// The production table. It wakes a client by its number.
    pub table: Shared<WatchTable<usize>>,
    /// Applied and not yet announced, oldest first: the topic and its index.
    pub told: Vec<(usize, Index)>,
    /// A snapshot was installed and not yet announced.
    pub installed: bool,
    /// The server is stopping.
    pub closed: bool,
    /// The clients.
    pub clients: [Client; CLIENTS],
    /// A promise that was broken on the way here.
    pub breach: Option<Breach>,
}

/// A client that polls again and again with the index that it got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Client {
    /// Where its poll stands.
    pub at: At,
    /// The index that it was given last.
    pub asked: Index,
    /// What it saw with that index.
    pub knows: View,
    /// Its poll asks with an index that was never given out.
    pub above_all: bool,
    /// The table has said that its index was passed.
    pub woken: bool,
    /// Polls that it will still begin.
    pub polls_left: u8,
}

/// Where a poll stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum At {
    /// No poll is open.
    Away,
    /// It has a place and looks next.
    Parked(Ticket),
    /// It has looked before it took a place; only in a broken protocol.
    LookedFirst,
    /// It has looked, nothing was above its index, it waits next.
    Looked(Ticket),
    /// It sleeps until the table wakes it.
    Asleep(Ticket),
    /// It was woken and asks the table again.
    Awake(Ticket),
}

impl At {
    /// The place that the poll has.
    #[must_use]
    pub fn ticket(self) -> Option<Ticket> {
        match self {
            Self::Away | Self::LookedFirst => None,
            Self::Parked(ticket) | Self::Looked(ticket) | Self::Asleep(ticket) | Self::Awake(ticket) => Some(ticket),
        }
    }
}

/// A broken promise that shows in a step and not in a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Breach {
    /// W-2, W-5.
    NotAbove,
    /// W-6.
    OthersWoken,
    /// W-9.
    WaitsForNeverIssued,
    /// W-8, W-9.
    IndexOutOfRange,
}

impl Watching {
    pub(super) fn start(&self, moment: Moment) -> State {
        let clients = std::array::from_fn(|client| Client {
            at: At::Away,
            asked: self.index(client, moment),
            knows: self.view(client, moment),
            above_all: false,
            woken: false,
            polls_left: self.clients[client].1,
        });
        State {
            moment,
            table: Shared::new(WatchTable::default()),
            told: Vec::new(),
            installed: false,
            closed: false,
            clients,
            breach: None,
        }
    }

    /// Clients that sleep.
    pub(super) fn asleep<'a>(&self, state: &'a State) -> impl Iterator<Item = usize> + use<'a> {
        (0..state.clients.len()).filter(|client| matches!(state.clients[*client].at, At::Asleep(_)))
    }

    /// Clients that sleep though nothing that is under way will wake them.
    pub(super) fn sleepers<'a>(&'a self, state: &'a State) -> impl Iterator<Item = usize> + 'a {
        let will_be_told = |client: usize| state.told.iter().any(|(topic, _)| *topic == self.clients[client].0);
        self.asleep(state).filter(move |client| !state.installed && !will_be_told(*client))
    }
}
