use std::cell::Cell;
use std::convert::Infallible;

use sider_registry::model::{Name, Namespace, ServiceKey, ServiceName};

use super::*;

fn key(service: &str) -> BodyKey {
    let namespace = Namespace(Name::new("default").expect("a name"));
    let service = ServiceName(Name::new(service).expect("a name"));
    BodyKey { of: WatchKey::Service(ServiceKey { namespace, service }), passing: false }
}

fn keep(bodies: &Bodies, key: BodyKey, index: Index, render: impl FnOnce() -> Bytes) -> Bytes {
    match bodies.get_or_render(key, index, || Ok::<_, Infallible>(render())) {
        Ok(body) => body,
    }
}

#[test]
fn a_body_is_rendered_once_per_index() {
    let bodies = Bodies::default();
    let renders = Cell::new(0);
    let render = |text: &'static str| {
        renders.set(renders.get() + 1);
        Bytes::from_static(text.as_bytes())
    };
    assert_eq!(bodies.get(&key("web"), Index(1)), None);
    assert_eq!(keep(&bodies, key("web"), Index(1), || render("one")), "one");
    assert_eq!(keep(&bodies, key("web"), Index(1), || render("never")), "one");
    assert_eq!(bodies.get(&key("web"), Index(1)), Some(Bytes::from_static(b"one")));
    assert_eq!(keep(&bodies, key("web"), Index(2), || render("two")), "two");
    assert_eq!(bodies.get(&key("web"), Index(1)), None, "the older body is gone");
    assert_eq!(renders.get(), 2);
}

#[test]
fn a_reader_of_an_older_state_does_not_displace_a_newer_body() {
    let bodies = Bodies::default();
    keep(&bodies, key("web"), Index(5), || Bytes::from_static(b"new"));
    assert_eq!(keep(&bodies, key("web"), Index(4), || Bytes::from_static(b"old")), "old");
    assert_eq!(bodies.get(&key("web"), Index(5)), Some(Bytes::from_static(b"new")));
}

#[test]
fn bytes_are_bounded_and_the_least_recently_used_body_goes_first() {
    let bodies = Bodies::default();
    let quarter = || Bytes::from(vec![0_u8; limits::HTTP_BODIES_CACHED_BYTES_MAX / 4]);
    for service in ["a", "b", "c", "d"] {
        keep(&bodies, key(service), Index(1), quarter);
    }
    assert!(bodies.get(&key("a"), Index(1)).is_some(), "four quarters fit, and a is the last used now");
    keep(&bodies, key("e"), Index(1), quarter);
    assert!(bodies.get(&key("a"), Index(1)).is_some());
    assert_eq!(bodies.get(&key("b"), Index(1)), None);
    assert!(bodies.lock().bytes <= limits::HTTP_BODIES_CACHED_BYTES_MAX);
}

#[test]
fn the_number_of_bodies_is_bounded() {
    let bodies = Bodies::default();
    for n in 0..limits::HTTP_BODIES_CACHED_MAX + 10 {
        keep(&bodies, key(&format!("s{n}")), Index(1), Bytes::new);
    }
    let shelf = bodies.lock();
    assert_eq!(shelf.bodies.len(), limits::HTTP_BODIES_CACHED_MAX);
    assert_eq!(shelf.by_use.len(), shelf.bodies.len());
}

#[test]
fn a_render_that_fails_keeps_nothing() {
    let bodies = Bodies::default();
    assert_eq!(bodies.get_or_render(key("web"), Index(1), || Err("no")), Err("no"));
    assert_eq!(bodies.get(&key("web"), Index(1)), None);
    assert_eq!(keep(&bodies, key("web"), Index(1), || Bytes::from_static(b"yes")), "yes");
}
