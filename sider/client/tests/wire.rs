//! Durations and bodies as they travel.

use std::time::Duration;

use sider_client::duration;
use sider_client::wire::{
    CheckDefinition, CheckRegistration, ErrorCode, HealthCheck, NodeInfo, RegisterRequest, ServiceEntry, ServiceInfo,
    WeightsInfo, health,
};
use sider_registry::model::{
    CheckKind, CheckSpec, Index, InstanceId, InstanceKey, InstanceSpec, Name, Namespace, ServiceName, Status, Weights,
};

#[test]
fn durations_are_read_as_go_reads_them() {
    for (text, ns) in [
        ("0", 0_u64),
        ("0s", 0),
        ("15s", 15_000_000_000),
        ("+5s", 5_000_000_000),
        ("1m30s", 90_000_000_000),
        ("1.5h", 5_400_000_000_000),
        ("300ms", 300_000_000),
        (".5s", 500_000_000),
        ("1.s", 1_000_000_000),
        ("10us", 10_000),
        ("10µs", 10_000),
        ("10μs", 10_000),
        ("1h2m3s4ms5us6ns", 3_723_004_005_006),
        ("0.1000000000000000000001s", 100_000_000),
        ("2562047h47m16.854775807s", i64::MAX as u64),
    ] {
        let read = duration::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(read, Duration::from_nanos(ns), "{text}");
    }
}

#[test]
fn what_is_no_duration_is_refused_with_what_would_be_right() {
    for (text, problem) in [
        ("", "it is empty"),
        ("15", "the unit after the number is missing"),
        ("-5s", "it must not be negative"),
        ("s", "a number is expected at byte 0"),
        ("1m s", "the unit at byte 1 is unknown"),
        (".s", "a number is expected at byte 0"),
        ("1d", "the unit at byte 1 is unknown"),
        ("1s2", "the unit after the number is missing"),
        ("2562048h", "it is longer than 292 years"),
        ("99999999999999999999999999999999999999999999s", "it is longer than 292 years"),
    ] {
        let error = duration::parse(text).expect_err(text).to_string();
        assert!(error.contains(problem) && error.ends_with("like 15s or 1m30s"), "{text}: {error}");
    }
}

#[test]
fn durations_are_written_as_go_writes_them_and_read_back() {
    for (ns, text) in [
        (0_u64, "0s"),
        (1, "1ns"),
        (1_500, "1.5µs"),
        (300_000_000, "300ms"),
        (1_500_000, "1.5ms"),
        (15_000_000_000, "15s"),
        (90_000_000_000, "1m30s"),
        (3_600_000_000_000, "1h0m0s"),
        (3_600_000_000_001, "1h0m0.000000001s"),
    ] {
        assert_eq!(duration::format(Duration::from_nanos(ns)), text);
        assert_eq!(duration::parse(text), Ok(Duration::from_nanos(ns)));
    }
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a valid name")
}

#[test]
fn a_registration_is_written_with_the_founding_documents_keys() {
    let key = |namespace| InstanceKey {
        namespace: Namespace(name(namespace)),
        service: ServiceName(name("api-gateway")),
        id: InstanceId(name("api-gateway-1")),
    };
    let instance = InstanceSpec {
        key: key("default"),
        node: name("host-a"),
        address: "192.168.1.10".into(),
        port: 8080,
        tags: vec![],
        meta: [("v".to_owned(), "1".to_owned())].into(),
        weights: Weights::default(),
    };
    let ten = Duration::from_secs(10);
    let three = Duration::from_secs(3);
    let check = |kind| CheckSpec { id: None, name: String::new(), kind, initial: None };
    let checks = [
        check(CheckKind::Ttl { ttl: Duration::from_secs(15) }),
        check(CheckKind::Http { target: "/health".into(), interval: ten, timeout: three }),
        check(CheckKind::Tcp { target: Some("10.0.0.9:1".into()), interval: ten, timeout: three }),
        check(CheckKind::Cmd { args: vec!["/bin/true".into()], interval: ten, timeout: three }),
    ];
    let written = serde_json::to_string(&RegisterRequest::new(&instance, &checks)).expect("serializes");
    let expected = concat!(
        r#"{"node":"host-a","name":"api-gateway","id":"api-gateway-1","address":"192.168.1.10","port":8080,"#,
        r#""meta":{"v":"1"},"weights":{"passing":1,"warning":1},"checks":["#,
        r#"{"type":"ttl","ttl":"15s"},"#,
        r#"{"type":"http","path":"/health","interval":"10s","timeout":"3s"},"#,
        r#"{"type":"tcp","tcp":"10.0.0.9:1","interval":"10s","timeout":"3s"},"#,
        r#"{"type":"cmd","cmd":["/bin/true"],"interval":"10s","timeout":"3s"}]}"#
    );
    assert_eq!(written, expected);
    let other = InstanceSpec { key: key("team"), ..instance };
    assert_eq!(RegisterRequest::new(&other, &[]).namespace.as_deref(), Some("team"));
    let url = check(CheckKind::Http { target: "http://10.0.0.9/x".into(), interval: ten, timeout: three });
    assert_eq!(CheckRegistration::new(&url).url.as_deref(), Some("http://10.0.0.9/x"));
}

#[test]
fn an_entry_has_consuls_shape_and_never_shows_unknown() {
    let (status, sider_status) = health::shown_status(Status::Unknown);
    let entry = ServiceEntry {
        node: NodeInfo {
            node: "n1".into(),
            address: "10.0.0.1".into(),
            datacenter: "dc1".into(),
            ..NodeInfo::default()
        },
        service: ServiceInfo {
            id: "web-1".into(),
            service: "web".into(),
            port: 80,
            weights: WeightsInfo::default(),
            create_index: Index(40),
            modify_index: Index(40),
            ..ServiceInfo::default()
        },
        checks: vec![HealthCheck {
            node: "n1".into(),
            check_id: "service:web-1".into(),
            name: "Service 'web' check".into(),
            status,
            sider_status,
            notes: String::new(),
            output: String::new(),
            service_id: "web-1".into(),
            service_name: "web".into(),
            service_tags: vec![],
            kind: "ttl".into(),
            interval: String::new(),
            timeout: String::new(),
            definition: CheckDefinition {},
            create_index: Index(40),
            modify_index: Index(42),
        }],
    };
    let written = serde_json::to_string(&entry).expect("serializes");
    let expected = concat!(
        r#"{"Node":{"ID":"","Node":"n1","Address":"10.0.0.1","Datacenter":"dc1","Meta":null},"#,
        r#""Service":{"ID":"web-1","Service":"web","Tags":[],"Address":"","Meta":null,"Port":80,"#,
        r#""Weights":{"Passing":1,"Warning":1},"EnableTagOverride":false,"CreateIndex":40,"ModifyIndex":40},"#,
        r#""Checks":[{"Node":"n1","CheckID":"service:web-1","Name":"Service 'web' check","Status":"critical","#,
        r#""SiderStatus":"unknown","Notes":"","Output":"","ServiceID":"web-1","ServiceName":"web","ServiceTags":[],"#,
        r#""Type":"ttl","Interval":"","Timeout":"","Definition":{},"CreateIndex":40,"ModifyIndex":42}]}"#
    );
    assert_eq!(written, expected);
    let read: ServiceEntry = serde_json::from_str(&written).expect("reads what it wrote");
    assert_eq!(read, entry);
    assert_eq!(read.health(), Status::Unknown);
}

#[test]
fn every_error_code_is_read_back_and_only_two_leave_doubt() {
    for code in ErrorCode::ALL {
        assert_eq!(ErrorCode::parse(code.as_str()), Some(*code));
    }
    let doubtful: Vec<_> = ErrorCode::ALL.iter().filter(|code| !code.proves_nothing_happened()).collect();
    assert_eq!(doubtful, [&ErrorCode::UnknownOutcome, &ErrorCode::Internal]);
    assert_eq!(ErrorCode::parse("of-a-newer-version"), None);
}
