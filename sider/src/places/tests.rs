use super::*;

fn places(per_address: usize, all: usize) -> Places {
    Places::new(Bounds { per_address, all })
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

#[test]
fn one_address_has_its_own_bound() {
    let places = places(2, 10);
    let first = places.take(ip("10.0.0.1")).expect("free");
    let _second = places.take(ip("10.0.0.1")).expect("free");
    assert_eq!(places.take(ip("10.0.0.1")).expect_err("full"), NoPlace::Address(2));
    assert_eq!(places.take(ip("::ffff:10.0.0.1")).expect_err("the same client"), NoPlace::Address(2));
    let _other = places.take(ip("10.0.0.2")).expect("another client is not concerned");
    drop(first);
    let _again = places.take(ip("10.0.0.1")).expect("a place came back");
    assert_eq!(places.len(), 3);
}

#[test]
fn all_together_have_a_bound_and_nothing_is_left_behind() {
    let places = places(9, 2);
    let held = [places.take(ip("10.0.0.1")), places.take(ip("10.0.0.2"))];
    assert_eq!(places.take(ip("10.0.0.3")).expect_err("full"), NoPlace::Server(2));
    drop(held);
    assert_eq!(places.len(), 0);
    assert!(lock(&places.taken).by_address.is_empty());
}
