//! Where everybody stands.

use sider::expirer::Deadlines;
use sider_registry::command::Expiry;
use sider_registry::model::Index;

use super::{Expiring, TTL};
use crate::model::graph::Moment;
use crate::model::shared::Shared;

/// Servers that may lead. Those that only vote are in the rules of the log.
const SERVERS: usize = 2;
/// Places for renewals.
const RENEWALS: usize = 2;

/// A cluster, its log and its clients.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    /// Ticks since the begin. Deadlines see it through a clock of their server.
    pub now: u8,
    /// The highest term.
    pub term: u8,
    /// When its leader was elected.
    pub elected: u8,
    /// The log: committed entries, then the tail.
    pub log: Vec<Entry>,
    /// How many entries are committed.
    pub committed: u8,
    /// The registry after them.
    pub moment: Moment,
    /// The servers.
    pub servers: [Server; SERVERS],
    /// Renewals in the order of their calls.
    pub renewals: [Renewal; RENEWALS],
    /// When the last of the acknowledged renewals was called.
    pub renewed: u8,
    /// What the last step showed; nothing follows a broken promise.
    pub shown: Option<Shown>,
}

/// What a step shows and the state after it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shown {
    /// A promise is broken.
    Broken(Breach),
    /// An expiry of one leader was committed by a later one.
    Inherited,
    /// A renewal was acknowledged without the log.
    Unlogged,
}

/// An entry of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Entry {
    /// Opens a term.
    Opens(u8),
    /// A renewal.
    Renewal,
    /// An expiry of the check as it was at the Index, proposed in the term.
    Expiry(Index, u8),
}

/// A server that may lead.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Server {
    /// The term that it believes to lead.
    pub leads: Option<u8>,
    /// The leadership that its deadlines were told of.
    pub told: Option<u8>,
    /// How many entries it has applied.
    pub applied: u8,
    /// Its registry.
    pub moment: Moment,
    /// The production deadlines.
    pub deadlines: Shared<Deadlines>,
    /// Its expiry duty.
    pub duty: Duty,
}

/// What the expiry duty of a server does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Duty {
    /// It waits for something to come due.
    Idle,
    /// It has taken an expiry of the check as it was at the Index, under this leadership, and proposes it next.
    Took(Index, u8),
    /// It waits for the end of the proposal.
    Proposed(Index, u8, Proposed),
}

/// Where a proposal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Proposed {
    /// The log's entry at this position, if it stays there.
    At(u8),
    /// Nowhere; its proposer cannot know.
    Lost,
}

/// A renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Renewal {
    /// How far it is.
    pub stage: Stage,
    /// The server that it reached.
    pub server: usize,
    /// When it was called, and received.
    pub called: u8,
    /// The leadership that the server's deadlines were told of when it arrived.
    pub told: Option<u8>,
    /// It holds a deadline of that leadership.
    pub held: bool,
    /// When an expiry that is not before it in the log was committed since its call.
    pub expired: Option<u8>,
}

/// How far a renewal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Not called yet.
    Unused,
    /// It holds the deadline and waits for its read round.
    Received,
    /// The round says that so many entries must be applied.
    Confirmed(u8),
    /// It waits for an expiry under way.
    Waits,
    /// It is proposed next.
    ToLog,
    /// It waits for the end of its proposal.
    Logged(Proposed),
    /// It has ended.
    Done,
}

/// A broken promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Breach {
    /// TTL-1.
    Early,
    /// TTL-3.
    Undone,
    /// TTL-4.
    Unfenced,
    /// TTL-6.
    BeforeGrace,
}

impl Renewal {
    /// One that has ended, or has not begun: what it was leaves no trace.
    pub(super) fn nothing(stage: Stage) -> Self {
        Self { stage, server: 0, called: 0, told: None, held: false, expired: None }
    }
}

impl Expiring {
    pub(super) fn start(&self) -> State {
        let moment = self.graph.first();
        let server = Server {
            leads: None,
            told: None,
            applied: 1,
            moment,
            deadlines: Shared::new(Deadlines::default()),
            duty: Duty::Idle,
        };
        let mut renewals = [Renewal::nothing(Stage::Unused); RENEWALS];
        renewals[self.bounds.renewals..].fill(Renewal::nothing(Stage::Done));
        let mut state = State {
            now: 0,
            term: 1,
            elected: 0,
            log: vec![Entry::Opens(1)],
            committed: 1,
            moment,
            servers: [server.clone(), server],
            renewals,
            renewed: 0,
            shown: None,
        };
        state.servers[0].leads = Some(1);
        self.follow_role(&mut state, 0);
        state
    }

    /// The deadlines of a server that leads and knows it fire for a passing check: one runs and ends within TTL, unless
    /// a renewal holds it or its expiry is under way.
    pub(super) fn will_expire(&self, state: &State, at: usize) -> bool {
        let server = &state.servers[at];
        let known = server.leads.is_some() && server.told == server.leads && self.deadline.at(server.moment).is_some();
        let held = state.renewals.iter().any(|renewal| renewal.server == at && renewal.is_open());
        if !known || held || server.duty != Duty::Idle {
            return true;
        }
        let latest = self.clock(at, state.now + TTL);
        server.deadlines.get().next().is_some_and(|next| next <= latest)
    }

    /// What the server's monotonic clock shows. No two agree.
    pub(super) fn clock(&self, server: usize, tick: u8) -> std::time::Duration {
        std::time::Duration::from_secs(1000 * server as u64 + u64::from(tick))
    }

    /// The expiry as the production deadlines know it.
    pub(super) fn expiry_of(&self, seen: Index) -> Expiry {
        Expiry { check: self.check.clone(), seen }
    }
}

impl State {
    /// The server that leads the highest term and knows it.
    pub(super) fn leader(&self) -> Option<usize> {
        self.servers.iter().position(|server| server.leads == Some(self.term))
    }

    /// The leader of the highest term has committed the entry that opened it, and so everything before.
    pub(super) fn term_is_open(&self) -> bool {
        self.log[..usize::from(self.committed)].contains(&Entry::Opens(self.term))
    }

    /// A promise was broken in this step. The first one counts.
    pub(super) fn breaks(&mut self, breach: Breach) {
        if !matches!(self.shown, Some(Shown::Broken(_))) {
            self.shown = Some(Shown::Broken(breach));
        }
    }

    /// The promise was not broken in the last step.
    pub(super) fn keeps(&self, breach: Breach) -> bool {
        self.shown != Some(Shown::Broken(breach))
    }

    /// Puts an entry at the end of the log if the server leads the highest term; else it is lost.
    pub(super) fn append(&mut self, server: usize, entry: Entry) -> Proposed {
        if self.leader() != Some(server) {
            return Proposed::Lost;
        }
        self.log.push(entry);
        Proposed::At(u8::try_from(self.log.len() - 1).expect("the scope is small"))
    }

    /// The server has applied the entry of the proposal.
    pub(super) fn has_applied(&self, server: usize, proposed: Proposed) -> bool {
        matches!(proposed, Proposed::At(at) if self.servers[server].applied > at)
    }
}

impl Renewal {
    /// It is under way.
    pub(super) fn is_open(&self) -> bool {
        !matches!(self.stage, Stage::Unused | Stage::Done)
    }
}
