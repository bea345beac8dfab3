//! Each model holds in its small scope, visits exactly the states that are pinned, and finds every way in which it can be
//! broken. `harness model all` visits the full scopes.

use clap::ValueEnum as _;
use harness::model::check::check;
use harness::model::expiry::Expiring;
use harness::model::hop::Hopping;
use harness::model::watch::Watching;
use harness::model::{Checked, Scope};

/// Everything holds, every situation is reached, no state is missing and none is new.
fn holds<M: Checked>() {
    let findings = check(|| M::new(Scope::Small, None), 1, |_| {});
    println!("{findings}");
    assert!(findings.hold(), "{findings}");
    assert_eq!(findings.unique, M::pinned(Scope::Small), "the scope has another number of states");
}

/// Each broken protocol violates a property that its variant's description names.
fn finds_what_is_broken<M: Checked>() {
    for broken in M::Broken::value_variants() {
        let findings = check(|| M::new(Scope::Small, Some(*broken)), 1, |_| {});
        println!("{broken:?}: {findings}");
        let failure = findings.failure.unwrap_or_else(|| panic!("{broken:?} was not found"));
        let value = broken.to_possible_value().expect("every variant has a name");
        let help = value.get_help().expect("every variant says what is wrong").to_string();
        let promise = help.rsplit_once('(').expect("and names a promise in brackets").1.trim_end_matches(").");
        let promise = promise.trim_end_matches(')');
        assert!(failure.property.contains(promise), "{broken:?} breaks {:?}, meant was {promise}", failure.property);
    }
}

#[test]
fn no_order_of_polls_changes_and_snapshots_loses_a_wake_up() {
    holds::<Watching>();
}

#[test]
fn every_broken_watch_is_found() {
    finds_what_is_broken::<Watching>();
}

#[test]
fn no_hop_to_a_replica_that_lags_takes_the_index_back() {
    holds::<Hopping>();
}

#[test]
fn every_broken_hop_is_found() {
    finds_what_is_broken::<Hopping>();
}

#[test]
fn no_change_of_leaders_expires_what_is_renewed() {
    holds::<Expiring>();
}

#[test]
fn every_broken_expiry_is_found() {
    finds_what_is_broken::<Expiring>();
}
