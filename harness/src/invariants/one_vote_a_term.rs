//! REP-2: a server votes for one candidate a term, whatever happens to it between two saves, and all that know who won a term know
//! the same (Ongaro, Raft thesis, 3.4 and 3.8). It is its identity that votes: a restart and a loss of power do not free it, and a
//! wiped server is another one.

use std::collections::BTreeMap;

use linearizability::verdict::Property;

use super::{Finding, Invariant};
use crate::record::facts::{Fact, FactKind};

/// See the module.
#[derive(Debug, Default)]
pub struct OneVoteATerm {
    /// By identity and term: the candidate.
    votes: BTreeMap<(u64, u64), u64>,
    /// By term: who won.
    winners: BTreeMap<u64, u64>,
}

impl Invariant for OneVoteATerm {
    fn observe(&mut self, fact: &Fact) -> Option<Finding> {
        let FactKind::Vote { id, term, candidate, won } = fact.kind else { return None };
        let (first, what) = if won {
            (*self.winners.entry(term).or_insert(candidate), "was told that the winner is")
        } else {
            (*self.votes.entry((id, term)).or_insert(candidate), "voted for")
        };
        (first != candidate).then(|| {
            let summary = format!("in term {term} {} {what} {candidate:016x}; before it was {first:016x}", fact.node);
            Finding::new(Property::Rep2, fact.time, summary)
        })
    }

    fn checked(&self) -> Option<(Property, u64)> {
        Some((Property::Rep2, self.votes.len() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fact, findings, vote};
    use super::*;

    fn told(node: &str, id: u64, term: u64, candidate: u64) -> Fact {
        fact(node, FactKind::Vote { id, term, candidate, won: true })
    }

    #[test]
    fn two_votes_of_one_term_are_found_and_a_repeated_one_is_not() {
        let fine = [vote("n1", 7, 1, 7), vote("n1", 7, 1, 7), vote("n1", 7, 2, 8), vote("n2", 8, 1, 8)];
        assert_eq!(findings(OneVoteATerm::default(), &fine), []);
        assert_eq!(findings(OneVoteATerm::default(), &[vote("n1", 7, 1, 7), vote("n1", 7, 1, 8)]).len(), 1);
    }

    #[test]
    fn who_voted_for_another_learns_who_won_and_there_is_one_winner() {
        let fine = [vote("n1", 7, 1, 7), told("n1", 7, 1, 8), told("n2", 8, 1, 8)];
        assert_eq!(findings(OneVoteATerm::default(), &fine), []);
        assert_eq!(findings(OneVoteATerm::default(), &[told("n1", 7, 1, 8), told("n2", 8, 1, 7)]).len(), 1);
    }
}
