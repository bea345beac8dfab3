use std::collections::BTreeMap;
use std::time::Duration;

use super::{
    CheckId, CheckKind, CheckSpec, InstanceId, InstanceKey, InstanceSpec, Name, Namespace, ServiceName, Status,
    Weights, cut_output,
};
use crate::limits;

fn spec() -> InstanceSpec {
    InstanceSpec {
        key: InstanceKey {
            namespace: Namespace::default(),
            service: ServiceName::parse("web").unwrap(),
            id: InstanceId::parse("web-1").unwrap(),
        },
        node: Name::new("node1").unwrap(),
        address: "10.0.0.1".into(),
        port: 80,
        tags: Vec::new(),
        meta: BTreeMap::new(),
        weights: Weights::default(),
    }
}

fn check(kind: CheckKind) -> CheckSpec {
    CheckSpec { id: None, name: String::new(), kind, initial: None }
}

fn ttl(ttl: Duration) -> CheckSpec {
    check(CheckKind::Ttl { ttl })
}

#[test]
fn names_are_parsed_by_their_rule_and_errors_name_the_role() {
    let longest = "a".repeat(limits::NAME_LEN_MAX);
    for good in ["a", "Web-1.api_v2", longest.as_str()] {
        assert_eq!(ServiceName::parse(good).unwrap().to_string(), good);
    }
    let too_long = "a".repeat(limits::NAME_LEN_MAX + 1);
    for bad in ["", "a b", "a/b", "a:b", "né", too_long.as_str()] {
        assert_eq!(ServiceName::parse(bad).unwrap_err().field, "service", "{bad:?}");
        assert_eq!(Namespace::parse(bad).unwrap_err().field, "namespace", "{bad:?}");
        assert_eq!(InstanceId::try_from(bad.to_owned()).unwrap_err().field, "id", "{bad:?}");
    }
}

#[test]
fn a_name_that_breaks_the_rule_does_not_come_out_of_the_log_either() {
    let bytes = rmp_serde::to_vec("a b").unwrap();
    assert!(rmp_serde::from_slice::<ServiceName>(&bytes).is_err());
    assert!(rmp_serde::from_slice::<CheckId>(&bytes).is_err());
    let bytes = rmp_serde::to_vec(&CheckId::parse("service:web/web-1:2").unwrap()).unwrap();
    assert_eq!(rmp_serde::from_slice::<CheckId>(&bytes).unwrap().as_str(), "service:web/web-1:2");
}

#[test]
fn a_status_is_one_of_four_words_and_the_error_names_them() {
    for status in Status::ALL {
        assert_eq!(status.to_string().parse(), Ok(status));
    }
    let error = "Passing".parse::<Status>().unwrap_err().to_string();
    assert_eq!(error, "status: is \"Passing\"; a status is passing, warning, critical or unknown");
    assert!(
        Status::Critical < Status::Unknown && Status::Unknown < Status::Warning && Status::Warning < Status::Passing
    );
}

#[test]
fn tags_are_kept_once_in_the_clients_order() {
    let tags = ["b", "a", "b", "c", "a"].map(str::to_owned).to_vec();
    assert_eq!(InstanceSpec { tags, ..spec() }.validated().unwrap().tags, ["b", "a", "c"]);
}

#[test]
fn an_instance_beyond_a_bound_is_refused_with_the_field() {
    let numbered = |n: usize| (0..n).map(|n| format!("t{n}")).collect::<Vec<_>>();
    let pairs = |n: usize| numbered(n).into_iter().map(|key| (key, String::new())).collect::<BTreeMap<_, _>>();
    let refused = |spec: InstanceSpec| spec.validated().unwrap_err().field;
    assert!(InstanceSpec { tags: numbered(64), meta: pairs(64), ..spec() }.validated().is_ok());
    assert_eq!(refused(InstanceSpec { tags: numbered(65), ..spec() }), "Tags");
    assert_eq!(refused(InstanceSpec { tags: vec![String::new()], ..spec() }), "Tags[0]");
    assert_eq!(refused(InstanceSpec { tags: vec!["x".repeat(129)], ..spec() }), "Tags[0]");
    assert_eq!(refused(InstanceSpec { meta: pairs(65), ..spec() }), "Meta");
    let long_value = BTreeMap::from([("k".to_owned(), "v".repeat(513))]);
    assert_eq!(refused(InstanceSpec { meta: long_value, ..spec() }), "Meta[\"k\"]");
    for address in ["0.0.0.0", "::", "a b", "a\n"] {
        assert_eq!(refused(InstanceSpec { address: address.into(), ..spec() }), "Address", "{address:?}");
    }
    let weights = Weights { passing: 0, warning: 1 };
    assert_eq!(refused(InstanceSpec { weights, ..spec() }), "Weights.Passing");
}

#[test]
fn a_check_beyond_a_bound_is_refused_with_the_field() {
    let second = Duration::from_secs(1);
    let refused = |spec: CheckSpec| spec.validated().unwrap_err().field;
    assert!(ttl(limits::CHECK_PERIOD_MIN).validated().is_ok());
    assert!(ttl(limits::CHECK_PERIOD_MAX).validated().is_ok());
    assert_eq!(refused(ttl(Duration::ZERO)), "TTL");
    assert_eq!(refused(ttl(limits::CHECK_PERIOD_MAX + second)), "TTL");
    let http = |target: &str| check(CheckKind::Http { target: target.into(), interval: second, timeout: second });
    assert!(http("/healthz").validated().is_ok() && http("https://a/b").validated().is_ok());
    assert_eq!(refused(http("ftp://a")), "HTTP");
    let tcp = |target: &str| check(CheckKind::Tcp { target: Some(target.into()), interval: second, timeout: second });
    assert!(tcp("[::1]:80").validated().is_ok());
    for bad in ["host", ":80", "host:0", "host:70000"] {
        assert_eq!(refused(tcp(bad)), "TCP", "{bad:?}");
    }
    let cmd = |args: &[&str]| {
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        check(CheckKind::Cmd { args, interval: Duration::ZERO, timeout: second })
    };
    assert_eq!(refused(cmd(&[])), "Args");
    assert_eq!(refused(cmd(&[""])), "Args[0]");
    assert_eq!(refused(cmd(&["sh", "a\0b"])), "Args[1]");
    assert_eq!(refused(cmd(&["true"])), "Interval");
}

#[test]
fn output_is_cut_between_two_characters() {
    assert_eq!(cut_output("short"), "short");
    let long = format!("a{}", "é".repeat(limits::OUTPUT_LEN_MAX));
    let cut = cut_output(&long);
    assert_eq!(cut.len(), limits::OUTPUT_LEN_MAX - 1);
    assert!(long.starts_with(cut));
}
