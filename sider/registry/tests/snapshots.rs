//! Damaged snapshots are errors, never states.

mod random;

use std::time::Duration;

use proptest::prelude::{ProptestConfig, any, prop_assert, proptest};
use sider_registry::model::{
    CheckKind, CheckSpec, InstanceId, InstanceKey, InstanceSpec, Name, Namespace, ServiceName, Timestamp, Weights,
};
use sider_registry::snapshot::{SnapshotError, decode, encode};
use sider_registry::{Command, Registry, Request};

fn small() -> Registry {
    let mut registry = Registry::new();
    let key = |service: &str| InstanceKey {
        namespace: Namespace::default(),
        service: ServiceName::parse(service).expect("a valid name"),
        id: InstanceId::parse("a").expect("a valid name"),
    };
    let register = |service: &str| Command::Register {
        instance: InstanceSpec {
            key: key(service),
            node: Name::new("n1").expect("a valid name"),
            address: "10.0.0.1".to_owned(),
            port: 80,
            tags: vec!["v1".to_owned()],
            meta: [("zone".to_owned(), "a".to_owned())].into(),
            weights: Weights::default(),
        },
        checks: vec![CheckSpec {
            id: None,
            name: String::new(),
            kind: CheckKind::Ttl { ttl: Duration::from_secs(15) },
            initial: None,
        }],
    };
    let commands = [register("web"), register("db"), Command::Deregister { key: key("db") }];
    for (n, command) in commands.into_iter().enumerate() {
        registry.apply(&Request { command, key: Some(format!("k{n}")), at: Timestamp(n as u64) });
    }
    registry
}

#[test]
fn every_flipped_bit_is_an_error() {
    let bytes = encode(&small());
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            assert!(decode(&damaged).is_err(), "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn every_truncation_and_every_addition_is_an_error() {
    let bytes = encode(&small());
    for len in 0..bytes.len() {
        assert!(decode(&bytes[..len]).is_err(), "{len} of {} bytes", bytes.len());
    }
    let longer = [bytes.as_slice(), &[0]].concat();
    assert!(matches!(decode(&longer), Err(SnapshotError::Length { .. })));
}

#[test]
fn the_error_says_what_is_wrong() {
    let bytes = encode(&small());
    let damaged_at = |at: usize| {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        decode(&damaged).expect_err("damaged")
    };
    assert!(matches!(decode(&bytes[..10]), Err(SnapshotError::TooShort { len: 10 })));
    assert!(matches!(damaged_at(0), SnapshotError::NotASnapshot { .. }));
    assert_eq!(damaged_at(8).to_string(), "the snapshot has format 0; this version reads format 1");
    assert!(matches!(damaged_at(12), SnapshotError::Length { .. }));
    assert!(matches!(damaged_at(20), SnapshotError::Checksum { .. }));
    assert!(matches!(damaged_at(bytes.len() - 1), SnapshotError::Checksum { .. }));
}

/// A snapshot whose checksum holds although one byte of its body is another: as a wrong writer would have made it.
fn resealed(bytes: &[u8], at: usize, value: u8) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] = value;
    let covered = [&bytes[..20], &bytes[36..]].concat();
    let checksum = xxhash_rust::xxh3::xxh3_128(&covered);
    bytes[20..36].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

#[test]
fn a_wrong_state_under_a_right_checksum_is_an_error() {
    let bytes = encode(&small());
    assert_eq!(resealed(&bytes, 40, bytes[40]), bytes, "the test knows the layout");
    let mut kinds = [0; 3];
    for at in 36..bytes.len() {
        for value in [bytes[at].wrapping_add(1), bytes[at] ^ 0x80, 0] {
            if value == bytes[at] {
                continue;
            }
            match decode(&resealed(&bytes, at, value)) {
                Err(SnapshotError::Body(_)) => kinds[0] += 1,
                Err(SnapshotError::Invariant(_)) => kinds[1] += 1,
                Err(SnapshotError::StateHash { .. }) => kinds[2] += 1,
                other => panic!("byte {at} as {value:#04x}: {other:?}"),
            }
        }
    }
    assert!(kinds.iter().all(|count| *count > 0), "each of the three nets catches something: {kinds:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bytes_that_are_no_snapshot_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(decode(&bytes).is_err());
    }

    #[test]
    fn equal_states_are_equal_bytes(requests in random::requests(30)) {
        let mut one = Registry::new().bounded(random::TIGHT);
        let mut other = Registry::new().bounded(random::TIGHT);
        for request in &requests {
            one.apply(request);
            other = decode(&encode(&other)).expect("a snapshot that was just written").bounded(random::TIGHT);
            other.apply(request);
        }
        prop_assert!(encode(&one) == encode(&other));
    }
}
