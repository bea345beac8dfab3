//! The table's promises, one sentence each.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll};

use futures_util::task::noop_waker;
use sider_registry::model::{Index, Name, Namespace, ServiceKey, ServiceName};

use super::{Wake, WatchKey, Watches};

fn key(service: &str) -> WatchKey {
    let name = |text: &str| Name::new(text).expect("a valid name");
    WatchKey::Service(ServiceKey { namespace: Namespace(name("default")), service: ServiceName(name(service)) })
}

fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(&noop_waker()))
}

#[test]
fn a_change_between_parking_and_waiting_is_not_lost() {
    let watches = Watches::default();
    let mut parked = watches.park(key("web")).expect("room");
    watches.announce(&key("web"), Index(5));
    assert_eq!(poll_once(parked.above(Index(4))), Poll::Ready(Wake::Changed));
    assert_eq!(poll_once(parked.above(Index(5))), Poll::Pending, "5 is not above 5");
}

#[test]
fn a_change_of_another_service_wakes_nobody() {
    let watches = Watches::default();
    let mut parked = watches.park(key("web")).expect("room");
    watches.announce(&key("api"), Index(9));
    assert_eq!(poll_once(parked.above(Index(1))), Poll::Pending);
}

#[test]
fn an_installed_snapshot_wakes_those_whose_index_moved() {
    let watches = Watches::default();
    let (mut web, mut api) = (watches.park(key("web")).expect("room"), watches.park(key("api")).expect("room"));
    watches.announce_all(|k| if *k == key("web") { Index(7) } else { Index(3) });
    assert_eq!(poll_once(web.above(Index(3))), Poll::Ready(Wake::Changed));
    assert_eq!(poll_once(api.above(Index(3))), Poll::Pending);
}

#[test]
fn a_dropped_place_is_free_at_once() {
    let watches = Watches::default();
    let parked = watches.park(key("web")).expect("room");
    assert_eq!(watches.len(), 1);
    drop(parked);
    assert!(watches.is_empty() && watches.by_key().is_empty());
}

#[test]
fn closing_ends_waits_that_are_open_and_those_that_come() {
    let watches = Watches::default();
    let mut early = watches.park(key("web")).expect("room");
    assert_eq!(poll_once(early.above(Index(1))), Poll::Pending);
    watches.close();
    assert_eq!(poll_once(early.above(Index(1))), Poll::Ready(Wake::Closing));
    assert_eq!(poll_once(watches.park(key("api")).expect("room").above(Index(1))), Poll::Ready(Wake::Closing));
}
