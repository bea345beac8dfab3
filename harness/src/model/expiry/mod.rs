//! Expiry against renewal while leaders change: one ttl check, servers that may lead, clients that renew.
//!
//! Production code in the state: each server's [`sider::expirer::Deadlines`], driven with time as data; no two servers'
//! clocks agree. Production code behind it: the registry (a [`Graph`]). What the model adds is the protocol of
//! `sider::node` around them: a renewal holds the deadline, is confirmed by a read round, then moves the deadline or is
//! logged; what is due is proposed again and again until it is applied or the leadership it came due under has ended.
//!
//! The log is an abstraction of Raft's, and loses nothing: the entries that are not committed stand in one tail; a new
//! leader keeps any part of it from the front and adds the entry that opens its term, with which the kept part is
//! committed. Proposals of a deposed leader are lost: they can only win if the leaders after it have committed nothing,
//! and such a run looks to everybody like the one in which those leaders were never elected.
//!
//! Knows nothing of networks or disks: whatever can be late is late, and whatever can fail fails, at any step.

mod duty;
mod raft;
mod renewal;
mod state;

use std::time::Duration;

use clap::ValueEnum;
use sider_registry::model::{CheckKey, Index, Status, Timestamp};
use sider_registry::{Registry, Request};
use stateright::{Model, Property};

use super::Scope;
use super::commands::{check, expire, register, report};
use super::graph::{ByMoment, Graph, Word};
pub use state::{Breach, Duty, Entry, Proposed, Renewal, Server, Shown, Stage, State};

/// A protocol that is wrong in one way. The check must find each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Broken {
    /// An expiry applies to the check as it stands, whatever the leader had seen (TTL-4).
    NoFence,
    /// A renewal is acknowledged without a read round (TTL-1).
    NoBarrier,
    /// A new leader goes on with deadlines from before it led (TTL-6).
    NoGrace,
    /// A renewal that meets an expiry under way is logged at once, beside it (TTL-1).
    LoggedBeside,
    /// An expiry that came due under one leadership is proposed under a later one of the same server (TTL-6).
    ProposedInLaterTerm,
    /// An expiry under way counts as ended when its leadership ends, though it may still be committed (TTL-1).
    SettledWhenDeposed,
    /// A renewal moves the deadline of a later leadership than the one under which it arrived (TTL-1).
    MovedInLaterTerm,
    /// A renewal without an answer holds the deadline for ever (TTL-2).
    HoldsForEver,
}

/// The model. See the module.
#[derive(Debug)]
pub struct Expiring {
    broken: Option<Broken>,
    bounds: Bounds,
    graph: Graph,
    check: CheckKey,
    /// The check's deadline in each registry: its ttl and its fence.
    deadline: ByMoment<Option<(Duration, Index)>>,
    /// The Index at which the check was registered: the least fence.
    registered: Index,
}

/// How far a run goes.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    /// Ticks of time.
    ticks: u8,
    /// Terms.
    terms: u8,
    /// Entries of the log, those that open a term among them.
    entries: u8,
    /// Renewals.
    renewals: usize,
}

/// Ticks without a renewal after which the check is critical. A tick is a second of every clock.
const TTL: u8 = 2;

/// One step of somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Time goes on.
    Tick,
    /// The server wins an election with so many entries in its log.
    Elect(usize, u8),
    /// The server learns that it leads no more.
    StepDown(usize),
    /// The server's deadlines are told of the change of its role.
    FollowRole(usize),
    /// The leader commits: everything up to the entry that opened its term, then one entry at a time.
    Commit,
    /// The server applies the next committed entry.
    Apply(usize),
    /// The server's expiry duty takes what is due.
    TakeDue(usize),
    /// It proposes that, or drops it.
    Propose(usize),
    /// The proposal ends with an error, which proves nothing.
    ProposalFails(usize),
    /// The proposal is applied.
    ProposalApplied(usize),
    /// A renewal reaches the server, which believes that it leads.
    Renew(usize),
    /// The renewal's read round is confirmed.
    Confirm(usize),
    /// The renewal is looked at: it moves the deadline, waits for an expiry under way, or goes to the log.
    SortOut(usize),
    /// The renewal is proposed.
    LogRenewal(usize),
    /// The logged renewal is applied and acknowledged.
    Acknowledge(usize),
    /// The renewal's client gets no answer.
    GiveUp(usize),
}

impl super::Checked for Expiring {
    type Broken = Broken;

    /// Two servers that may lead; the scope says how much happens.
    fn new(scope: Scope, broken: Option<Broken>) -> Self {
        let bounds = match scope {
            Scope::Small => Bounds { ticks: 2, terms: 2, entries: 4, renewals: 1 },
            Scope::Full => Bounds { ticks: 3, terms: 2, entries: 4, renewals: 1 },
            Scope::Deep => Bounds { ticks: 3, terms: 3, entries: 4, renewals: 1 },
        };
        let mut first = Registry::new();
        let ttl = Duration::from_secs(u64::from(TTL));
        first.apply(&Request { command: register("web", ttl), key: None, at: Timestamp(0) });
        let registered = first.index();
        let last = Index(registered.0 + u64::from(bounds.entries));
        let mut alphabet = vec![report("web", Status::Passing)];
        alphabet.extend((registered.0..=last.0).map(|seen| expire("web", Index(seen))));
        let graph = Graph::explore(first, &alphabet, last);
        let check = check("web");
        let deadline = graph.by_moment(|registry| registry.check(&check).and_then(|check| check.deadline()));
        Self { broken, bounds, graph, check, deadline, registered }
    }

    fn pinned(scope: Scope) -> usize {
        match scope {
            Scope::Small => 175_111,
            Scope::Full => 776_480,
            Scope::Deep => 11_880_593,
        }
    }
}

impl Expiring {
    fn is(&self, broken: Broken) -> bool {
        self.broken == Some(broken)
    }

    /// The command that renews.
    const RENEWAL: Word = Word(0);

    /// The command that expires the check as it was at `seen`.
    fn expiry(&self, seen: Index) -> Word {
        Word(u8::try_from(1 + seen.0 - self.registered.0).expect("fences are within the graph"))
    }
}

impl Model for Expiring {
    type State = State;
    type Action = Action;

    /// The check is registered and passing; server 0 leads, and everything is applied everywhere.
    fn init_states(&self) -> Vec<State> {
        vec![self.start()]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if matches!(state.shown, Some(Shown::Broken(_))) {
            return;
        }
        if state.now < self.bounds.ticks {
            actions.push(Action::Tick);
        }
        self.raft_actions(state, actions);
        for server in 0..state.servers.len() {
            self.duty_actions(state, server, actions);
        }
        self.renewal_actions(state, actions);
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        state.shown = None;
        match action {
            Action::Tick => state.now += 1,
            Action::Elect(server, kept) => self.elect(&mut state, server, kept),
            Action::StepDown(server) => state.servers[server].leads = None,
            Action::FollowRole(server) => self.follow_role(&mut state, server),
            Action::Commit => self.commit(&mut state),
            Action::Apply(server) => self.apply(&mut state, server),
            Action::TakeDue(server) => self.take_due(&mut state, server),
            Action::Propose(server) => self.propose(&mut state, server),
            Action::ProposalFails(server) => self.proposal_fails(&mut state, server),
            Action::ProposalApplied(server) => self.proposal_applied(&mut state, server),
            Action::Renew(server) => self.renew(&mut state, server),
            Action::Confirm(at) => self.confirm(&mut state, at),
            Action::SortOut(at) => self.sort_out(&mut state, at),
            Action::LogRenewal(at) => self.log_renewal(&mut state, at),
            Action::Acknowledge(at) => self.acknowledge(&mut state, at),
            Action::GiveUp(at) => self.give_up(&mut state, at),
        }
        Some(state)
    }

    fn format_action(&self, action: &Action) -> String {
        match action {
            Action::Tick => "time: one tick".to_owned(),
            Action::Elect(server, kept) => format!("server {server}: wins an election with {kept} entries in its log"),
            Action::StepDown(server) => format!("server {server}: learns that it leads no more"),
            Action::FollowRole(server) => format!("server {server}: tells its deadlines of its role"),
            Action::Commit => "leader: commits".to_owned(),
            Action::Apply(server) => format!("server {server}: applies the next entry"),
            Action::TakeDue(server) => format!("server {server}: takes what is due"),
            Action::Propose(server) => format!("server {server}: proposes the expiry, or drops it"),
            Action::ProposalFails(server) => format!("server {server}: the proposal of the expiry ends with an error"),
            Action::ProposalApplied(server) => format!("server {server}: the expiry is applied"),
            Action::Renew(server) => format!("client: the next renewal reaches server {server}"),
            Action::Confirm(at) => format!("renewal {at}: its read round is confirmed"),
            Action::SortOut(at) => format!("renewal {at}: is looked at"),
            Action::LogRenewal(at) => format!("renewal {at}: is proposed"),
            Action::Acknowledge(at) => format!("renewal {at}: is applied and acknowledged"),
            Action::GiveUp(at) => format!("renewal {at}: gets no answer"),
        }
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("TTL-1: no expiry before the last acknowledged renewal's call + TTL", |_, s: &State| {
                s.keeps(Breach::Early)
            }),
            Property::always(
                "TTL-3: no renewal is acknowledged that an expiry within TTL of its call undid",
                |_, s: &State| s.keeps(Breach::Undone),
            ),
            Property::always("TTL-4: an expiry applies only to the check that the leader saw", |_, s: &State| {
                s.keeps(Breach::Unfenced)
            }),
            Property::always("TTL-4: who was not told that it leads has no deadlines", |_, s: &State| {
                s.servers.iter().all(|server| server.told.is_some() || server.deadlines.get().is_empty())
            }),
            Property::always("TTL-6: nothing is proposed within TTL of the election", |_, s: &State| {
                s.keeps(Breach::BeforeGrace)
            }),
            Property::always(
                "TTL-2: the leader has a deadline for a passing check, at most TTL away",
                |model: &Self, s: &State| (0..s.servers.len()).all(|server| model.will_expire(s, server)),
            ),
            Property::sometimes("an expiry is committed", |model: &Self, s: &State| {
                model.deadline.at(s.moment).is_none()
            }),
            Property::sometimes("an expiry of one leader is committed by a later one", |_, s: &State| {
                s.shown == Some(Shown::Inherited)
            }),
            Property::sometimes("a renewal is acknowledged without the log", |_, s: &State| {
                s.shown == Some(Shown::Unlogged)
            }),
            Property::sometimes("a renewal waits for an expiry under way", |_, s: &State| {
                s.renewals.iter().any(|renewal| renewal.stage == Stage::Waits)
            }),
            Property::sometimes("a logged renewal makes the check pass again", |model: &Self, s: &State| {
                model.deadline.at(s.moment).is_some_and(|(_, fence)| fence > model.registered)
            }),
        ]
    }
}
