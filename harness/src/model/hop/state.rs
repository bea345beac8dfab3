//! Where everybody stands.

use std::fmt;

use sider::watch::{Ticket, WatchTable};
use sider_registry::model::Index;

use super::Hopping;
use crate::model::graph::{Moment, View};
use crate::model::shared::Shared;

/// A log, two replicas and a client.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    /// The registry after each committed command that changed something; first, that after none.
    pub committed: Vec<Moment>,
    /// The replicas.
    pub replicas: [Replica; 2],
    /// The client.
    pub client: Client,
    /// The client was woken by a snapshot and not by a change.
    pub woken_by_snapshot: bool,
    /// A promise that was broken on the way here.
    pub breach: Option<Breach>,
}

/// A server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Replica {
    /// How many committed commands it has applied.
    pub applied: u8,
    /// The production table.
    pub table: Shared<WatchTable<()>>,
    /// Indices of the service, applied and not yet announced, oldest first.
    pub told: Vec<Index>,
    /// A snapshot was installed and not yet announced.
    pub installed: bool,
}

/// Freshness of a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// After a read round with the leader.
    Default,
    /// Of the local state, but not below the index that it carries.
    Stale,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Default => "default",
            Self::Stale => "stale",
        })
    }
}

/// The client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Client {
    /// Where its read stands.
    pub at: At,
    /// The replica that it asked last.
    pub replica: usize,
    /// How.
    pub mode: Mode,
    /// With an index.
    pub polls: bool,
    /// How many commands were committed when it called.
    pub called: u8,
    /// How many commands the read round says must be applied.
    pub need: Option<u8>,
    /// Its last answer.
    pub last: Option<Answer>,
    /// Reads that it will still begin.
    pub reads_left: u8,
}

impl Client {
    /// The index that its polls carry.
    pub(super) fn asked(&self) -> Index {
        self.last.map_or(Index(0), |last| last.index)
    }
}

/// Where a read stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum At {
    /// None is open.
    Away,
    /// A read without an index; it looks when the state is new enough.
    Reading,
    /// A poll with a place; it looks when the state is new enough.
    Parked(Ticket),
    /// The index was read, the body not yet; only in a broken protocol.
    HalfLooked(Option<Ticket>, Index, Index),
    /// Nothing was above its index, it waits next.
    Looked(Ticket),
    /// It sleeps until the table wakes it.
    Asleep(Ticket),
    /// It was woken and asks the table again.
    Awake(Ticket),
}

impl At {
    /// The place that the poll has.
    pub(super) fn ticket(self) -> Option<Ticket> {
        match self {
            Self::Away | Self::Reading => None,
            Self::HalfLooked(ticket, ..) => ticket,
            Self::Parked(ticket) | Self::Looked(ticket) | Self::Asleep(ticket) | Self::Awake(ticket) => Some(ticket),
        }
    }
}

/// What the client was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Answer {
    /// `X-Index`.
    pub index: Index,
    /// The body.
    pub view: View,
}

/// A broken promise that shows in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Breach {
    /// RD-2, W-2, W-3.
    WentBack,
    /// RD-1, W-1: the body is not that of the state that the headers name.
    Torn,
    /// RD-1: the same index came with another body before.
    TwoBodies,
    /// LIN-2.
    FromThePast,
}

impl State {
    /// The registry after everything committed.
    pub(super) fn newest(&self) -> Moment {
        *self.committed.last().expect("the log begins with the registry after no command")
    }

    /// How many commands are committed.
    pub(super) fn newest_position(&self) -> u8 {
        u8::try_from(self.committed.len() - 1).expect("the scope is small")
    }

    /// The registry of a replica.
    pub(super) fn local(&self, replica: usize) -> Moment {
        self.committed[usize::from(self.replicas[replica].applied)]
    }
}

impl Hopping {
    pub(super) fn start(&self) -> State {
        let replica =
            Replica { applied: 0, table: Shared::new(WatchTable::default()), told: Vec::new(), installed: false };
        let client = Client {
            at: At::Away,
            replica: 0,
            mode: Mode::Stale,
            polls: false,
            called: 0,
            need: None,
            last: None,
            reads_left: self.reads,
        };
        State {
            committed: vec![self.graph.first()],
            replicas: [replica.clone(), replica],
            client,
            woken_by_snapshot: false,
            breach: None,
        }
    }

    /// The registry of the replica on which the client sleeps, if nothing that is under way there will wake it.
    pub(super) fn sleeping(&self, state: &State) -> Option<Moment> {
        let replica = &state.replicas[state.client.replica];
        let asleep = matches!(state.client.at, At::Asleep(_)) && !replica.installed && replica.told.is_empty();
        asleep.then(|| state.local(state.client.replica))
    }
}
