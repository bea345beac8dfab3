//! The table's promises, one sentence each. Times are seconds.

use std::time::Duration;

use sider_registry::model::{CheckId, CheckKey, Index, Name, Namespace};

use super::{Deadlines, Renewal};

const TTL: Duration = Duration::from_secs(10);

fn check(id: &str) -> CheckKey {
    CheckKey {
        namespace: Namespace(Name::new("default").expect("valid")),
        id: CheckId::try_from(id.to_owned()).expect("valid"),
    }
}

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn leading_with(id: &str) -> Deadlines {
    let mut deadlines = Deadlines::default();
    deadlines.lead(1, s(0), [(check(id), TTL, Index(1))].into_iter());
    deadlines
}

#[test]
fn a_new_leader_gives_every_check_its_full_ttl() {
    let mut deadlines = Deadlines::default();
    deadlines.lead(1, s(100), [(check("a"), TTL, Index(7))].into_iter());
    assert!(deadlines.due(s(109), 9).is_empty());
    assert_eq!(deadlines.due(s(110), 9)[0].seen, Index(7));
}

#[test]
fn a_follower_has_no_deadlines() {
    let mut deadlines = Deadlines::default();
    deadlines.arm(check("a"), TTL, Index(1), s(0));
    assert!(deadlines.is_empty() && deadlines.due(s(1000), 9).is_empty());
}

#[test]
fn a_renewal_counts_from_when_it_arrived_and_never_shortens() {
    let mut deadlines = leading_with("a");
    assert_eq!(deadlines.renew(&check("a"), s(8), Some(1)), Renewal::Moved);
    assert_eq!(deadlines.renew(&check("a"), s(3), Some(1)), Renewal::Moved);
    assert_eq!(deadlines.next(), Some(s(18)));
}

#[test]
fn a_renewal_that_waits_for_confirmation_holds_the_deadline() {
    let mut deadlines = leading_with("a");
    assert!(deadlines.hold(&check("a")));
    assert!(deadlines.due(s(11), 9).is_empty());
    assert_eq!(deadlines.renew(&check("a"), s(9), Some(1)), Renewal::Moved);
    deadlines.release(&check("a"));
    assert_eq!(deadlines.next(), Some(s(19)));
}

#[test]
fn a_renewal_that_was_not_confirmed_leaves_the_deadline_where_it_was() {
    let mut deadlines = leading_with("a");
    assert!(deadlines.hold(&check("a")));
    deadlines.release(&check("a"));
    assert_eq!(deadlines.due(s(10), 9).len(), 1);
}

#[test]
fn a_renewal_that_meets_an_expiry_under_way_must_be_logged() {
    let mut deadlines = leading_with("a");
    let due = deadlines.due(s(10), 9);
    assert_eq!(deadlines.renew(&check("a"), s(10), Some(1)), Renewal::Expiring);
    assert!(deadlines.due(s(11), 9).is_empty(), "it is proposed once at a time");
    deadlines.settle(&due);
    assert_eq!(deadlines.due(s(11), 9), due, "a proposal without effect is tried again");
}

#[test]
fn an_expiry_of_an_older_fence_settles_nothing() {
    let mut deadlines = leading_with("a");
    let old = deadlines.due(s(10), 9);
    deadlines.arm(check("a"), TTL, Index(5), s(10));
    let new = deadlines.due(s(20), 9);
    deadlines.settle(&old);
    assert!(deadlines.due(s(21), 9).is_empty());
    deadlines.settle(&new);
    assert_eq!(deadlines.due(s(21), 9)[0].seen, Index(5));
}

#[test]
fn what_has_no_deadline_is_not_held_and_a_new_leadership_holds_nothing() {
    let mut deadlines = leading_with("a");
    assert!(!deadlines.hold(&check("b")));
    assert!(deadlines.hold(&check("a")));
    deadlines.lead(2, s(5), [(check("a"), TTL, Index(1))].into_iter());
    assert_eq!(deadlines.due(s(15), 9).len(), 1);
}

#[test]
fn a_renewal_that_arrived_under_an_earlier_leadership_must_be_logged() {
    let mut deadlines = leading_with("a");
    assert!(deadlines.hold(&check("a")));
    deadlines.lead(3, s(8), [(check("a"), TTL, Index(1))].into_iter());
    assert_eq!(deadlines.renew(&check("a"), s(7), Some(1)), Renewal::Absent);
    assert_eq!(deadlines.renew(&check("a"), s(9), None), Renewal::Absent);
    assert_eq!(deadlines.renew(&check("a"), s(9), Some(3)), Renewal::Moved);
}

#[test]
fn a_disarmed_check_never_comes_due() {
    let mut deadlines = leading_with("a");
    deadlines.disarm(&check("a"));
    assert_eq!(deadlines.next(), None);
    assert_eq!(deadlines.renew(&check("a"), s(1), Some(1)), Renewal::Absent);
}
