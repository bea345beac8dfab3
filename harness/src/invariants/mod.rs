//! What must hold at every step of a run, from white-box facts. One invariant a file, each with a test that breaks it.
//!
//! | file | property | what |
//! |---|---|---|
//! | [`one_leader_per_term`] | MEM-1 | at most one server leads a term |
//! | [`equal_hashes`] | REP-1 | equal log positions have equal state hashes |
//! | [`applied_in_order`] | REP-2, W-3 | a server applies position after position, and its Index never goes back |
//! | [`terms_rise`] | REP-2 | a server's term never goes back, restarts included |
//! | [`one_vote_a_term`] | REP-2 | an identity votes for one candidate a term, and all know one winner |
//! | [`commits_on_quorum`] | MEM-2 | what is applied is synced on a majority of every active configuration |
//! | [`old_identity_is_silent`] | MEM-4 | a wiped server does not vote under its old identity |
//! | [`expiry_by_leader`] | TTL-4 | only a leader proposes an expiry |
//! | [`acked_on_majority`] | DUR-1 | at the end a majority has every acknowledged write |
//! | [`watches_freed`] | W-13 | when all clients have left, no poll is parked |
//! | [`registered_once`] | AG-1 | agents that were cut off register and deregister nothing |
//!
//! They explain and they find early; the judge decides from the clients' history.

pub mod acked_on_majority;
pub mod applied_in_order;
pub mod commits_on_quorum;
pub mod equal_hashes;
pub mod expiry_by_leader;
pub mod old_identity_is_silent;
pub mod one_leader_per_term;
pub mod one_vote_a_term;
pub mod registered_once;
pub mod terms_rise;
pub mod watches_freed;

use linearizability::verdict::Property;

use crate::nemesis::view::View;
use crate::record::facts::Fact;

/// Something that must not have happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The promise that is broken; none for a crash of the server's code.
    pub property: Option<Property>,
    /// Virtual time, ns.
    pub time: u64,
    /// What happened, with names.
    pub summary: String,
}

impl Finding {
    /// A broken `property`.
    #[must_use]
    pub fn new(property: Property, time: u64, summary: String) -> Self {
        Self { property: Some(property), time, summary }
    }

    /// Code of a server panicked.
    #[must_use]
    pub fn panic(time: u64, text: &str) -> Self {
        Self { property: None, time, summary: format!("a server panicked: {text}") }
    }

    /// It says that code of a server panicked.
    #[must_use]
    pub fn is_panic(&self) -> bool {
        self.property.is_none()
    }

    /// Id of the property.
    #[must_use]
    pub fn id(&self) -> &'static str {
        self.property.map_or("NO-PANIC", Property::id)
    }
}

/// The end of a run: all faults are over, all clients have left.
pub struct TheEnd<'a> {
    /// Virtual time, ns.
    pub time: u64,
    /// How far servers are.
    pub view: &'a View,
    /// Members that run.
    pub members: &'a [String],
    /// Highest Index of an acknowledged write.
    pub acked_index: u64,
}

/// See the module.
pub trait Invariant {
    /// Looks at one fact.
    fn observe(&mut self, fact: &Fact) -> Option<Finding>;

    /// Looks at the end of the run.
    fn at_end(&mut self, _end: &TheEnd<'_>) -> Option<Finding> {
        None
    }

    /// All servers lost everything, and there will be another cluster: what was still in doubt of this one.
    fn at_loss(&mut self) -> Option<Finding> {
        None
    }

    /// How much it has looked at, where no pass of the judge counts that.
    fn checked(&self) -> Option<(Property, u64)> {
        None
    }
}

/// Those of every run. When all servers lost everything and there is a new cluster, it is looked at with new ones.
#[must_use]
pub fn all() -> Vec<Box<dyn Invariant>> {
    vec![
        Box::new(one_leader_per_term::OneLeaderPerTerm::default()),
        Box::new(equal_hashes::EqualHashes::default()),
        Box::new(applied_in_order::AppliedInOrder::default()),
        Box::new(terms_rise::TermsRise::default()),
        Box::new(one_vote_a_term::OneVoteATerm::default()),
        Box::new(commits_on_quorum::CommitsOnQuorum::default()),
        Box::new(old_identity_is_silent::OldIdentityIsSilent::default()),
        Box::new(expiry_by_leader::ExpiryByLeader::default()),
        Box::new(acked_on_majority::AckedOnMajority),
        Box::new(watches_freed::WatchesFreed),
    ]
}

#[cfg(test)]
pub(crate) mod testing {
    use crate::record::facts::{Fact, FactKind};
    use linearizability::history::Role;

    use super::{Finding, Invariant};

    /// What `invariant` says of `facts`.
    pub(crate) fn findings(mut invariant: impl Invariant, facts: &[Fact]) -> Vec<Finding> {
        facts.iter().filter_map(|fact| invariant.observe(fact)).collect()
    }

    pub(crate) fn applied(node: &str, incarnation: u64, log: u64, index: u64, hash: &str) -> Fact {
        let kind = FactKind::Applied { term: 1, log, index, hash: hash.into(), kind: "register".into() };
        Fact { time: log, node: node.into(), incarnation, kind }
    }

    pub(crate) fn role(node: &str, incarnation: u64, term: u64, role: Role) -> Fact {
        Fact { time: term, node: node.into(), incarnation, kind: FactKind::Role { term, role } }
    }

    pub(crate) fn vote(node: &str, id: u64, term: u64, candidate: u64) -> Fact {
        fact(node, FactKind::Vote { id, term, candidate, won: false })
    }

    pub(crate) fn fact(node: &str, kind: FactKind) -> Fact {
        Fact { time: 1, node: node.into(), incarnation: 1, kind }
    }
}
