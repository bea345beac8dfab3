use std::time::Duration;

use http::HeaderMap;
use sider_registry::Command;
use sider_registry::command::CheckReport;
use sider_registry::limits;
use sider_registry::model::{CheckKind, Index, Status};

use super::*;
use crate::http::decode::query::{Mode, Query, ReadQuery, idempotency_key};

fn node() -> Name {
    Name::new("node1").expect("a name")
}

fn register(body: &str) -> Result<Command, Invalid> {
    super::register::register(body.as_bytes(), None, &node())
}

fn refused(body: &str) -> String {
    match register(body) {
        Err(error) => error.to_string(),
        Ok(command) => panic!("{body} was taken as {command:?}"),
    }
}

fn read(query: &str) -> Result<ReadQuery, Invalid> {
    Query::parse(Some(query))?.read(&HeaderMap::new())
}

#[test]
fn both_dialects_say_the_same() {
    let founding = r#"{"namespace":"shop","name":"web","id":"web-1","address":"10.0.0.1","port":80,"tags":["a","b","a"],
        "meta":{"v":"2"},"checks":[{"type":"ttl","ttl":"15s"},{"type":"http","path":"/h","interval":"10s","timeout":"3s"},
        {"type":"tcp","interval":"10s"},{"type":"cmd","cmd":["/bin/true"],"interval":"30s"}]}"#;
    let consul = r#"{"Namespace":"shop","Name":"web","ID":"web-1","Address":"10.0.0.1","Port":80,"Tags":["a","b"],
        "Meta":{"v":"2"},"EnableTagOverride":false,"Kind":"","Proxy":null,"Check":{"TTL":15000000000,"Interval":""},
        "Checks":[{"HTTP":"/h","Interval":"10s","Timeout":"3s","Method":"GET","Notes":"x"},
        {"type":"tcp","Interval":"10s"},{"ScriptArgs":["/bin/true"],"Interval":"30s","ServiceID":"web-1"}]}"#;
    let command = register(founding).expect("valid");
    assert_eq!(command, register(consul).expect("valid"));
    let Command::Register { instance, checks } = command else { panic!("a registration registers") };
    assert_eq!(instance.tags, ["a", "b"], "each tag once, in the client's order");
    assert_eq!(instance.node, node());
    assert_eq!(checks[0].kind, CheckKind::Ttl { ttl: Duration::from_secs(15) });
    let timeout = Duration::from_secs(10);
    assert_eq!(
        checks[2].kind,
        CheckKind::Tcp { target: None, interval: timeout, timeout },
        "Consul's default time-out"
    );
}

#[test]
fn an_instance_needs_only_a_name() {
    let Command::Register { instance, checks } = register(r#"{"name":"web"}"#).expect("valid") else {
        panic!("a registration registers")
    };
    assert_eq!(instance.key.id.0.as_str(), "web", "the id is the service's name");
    assert_eq!(instance.key.namespace.0.as_str(), "default");
    assert_eq!((instance.port, instance.weights.passing, checks.len()), (0, 1, 0));
}

#[test]
fn what_is_wrong_is_named_with_what_would_be_right() {
    for (body, part) in [
        ("", "body: is empty"),
        ("[]", "body: is a list; an object"),
        ("{", "body: is not JSON"),
        (r#"{"port":80}"#, "name: Missing service name"),
        (r#"{"name":"a b"}"#, "name: holds ' '"),
        (r#"{"nmae":"web"}"#, "nmae: unknown field; did you mean \"name\"?"),
        (r#"{"name":"web","xyzzy":1}"#, "xyzzy: unknown field; known are address"),
        (r#"{"name":"web","Name":"web"}"#, "is the same field as"),
        (r#"{"name":"web","service":"web"}"#, "means the same as"),
        (r#"{"name":"web","port":70000}"#, "port: is 70000; a whole number from 0 to 65535"),
        (r#"{"name":"web","port":"80"}"#, "port: is a text; a whole number"),
        (r#"{"name":"web","address":"0.0.0.0"}"#, "give an address that clients can reach"),
        (r#"{"name":"web","proxy":{"destination":"x"}}"#, "proxy: is not supported: there is no service mesh"),
        (r#"{"name":"web","weights":{"passing":0}}"#, "Weights.Passing: is 0"),
        (r#"{"name":"web","checks":{"ttl":"1s"}}"#, "checks: is an object; a list"),
        (r#"{"name":"web","checks":[{"ttl":"abc"}]}"#, "checks[0].ttl: \"abc\" is not a duration"),
        (r#"{"name":"web","checks":[{"ttl":"0s"}]}"#, "checks[0].TTL: is 0ns"),
        (r#"{"name":"web","checks":[{"tttl":"1s"}]}"#, "checks[0].tttl: unknown field; did you mean \"ttl\"?"),
        (r#"{"name":"web","checks":[{"type":"grpc"}]}"#, "a check is ttl, http, tcp or cmd"),
        (r#"{"name":"web","checks":[{"ttl":"1s","http":"/"}]}"#, "asks for a ttl check and a http check"),
        (r#"{"name":"web","checks":[{"type":"ttl","interval":"1s","ttl":"1s"}]}"#, "does not go with ttl"),
        (r#"{"name":"web","checks":[{"type":"http","path":"/"}]}"#, "checks[0].interval: is missing"),
        (r#"{"name":"web","checks":[{"ttl":"1s","status":"fine"}]}"#, "passing, warning, critical or unknown"),
        (
            r#"{"name":"web","check":{"TTL":"1s","DeregisterCriticalServiceAfter":"1m"}}"#,
            "is not supported: an instance",
        ),
        (r#"{"name":"web","check":{"TTL":"1s","ServiceID":"other"}}"#, "check.ServiceID: is \"other\""),
    ] {
        let error = refused(body);
        assert!(error.contains(part), "{body}: {part:?} is missing in {error:?}");
    }
}

#[test]
fn a_namespace_is_named_once() {
    let outside = Some(Namespace(Name::new("shop").expect("a name")));
    let body = |ns: &str| format!(r#"{{"ns":"{ns}","service":"web","id":"web-1"}}"#);
    assert!(super::register::deregister(body("shop").as_bytes(), outside.clone()).is_ok());
    let error = super::register::deregister(body("other").as_bytes(), outside).expect_err("two namespaces");
    assert!(error.to_string().contains("name it once"), "{error}");
}

#[test]
fn a_batch_renews_where_it_names_no_status() {
    let body = br#"{"checks":[{"id":"service:web"},{"id":"service:db","status":"unknown","output":"?"}]}"#;
    let reports = report::renew(body, None).expect("valid");
    let statuses: Vec<(&str, Status)> =
        reports.iter().map(|CheckReport { check, status, .. }| (check.id.as_str(), *status)).collect();
    assert_eq!(statuses, [("service:web", Status::Passing), ("service:db", Status::Unknown)]);
    assert!(report::renew(br#"{"checks":[]}"#, None).is_err(), "an empty batch is a mistake");
    assert!(report::update(br#"{"Status":"unknown"}"#).is_err(), "Consul's update knows three statuses");
}

#[test]
fn reads_are_consistent_and_do_not_wait_unless_asked() {
    let plain = read("").expect("valid");
    assert_eq!((plain.mode, plain.above, plain.passing), (Mode::Consistent, None, false));
    let poll = read("index=7&wait=90s&passing&tag=a&tag=b&stale&ns=shop&dc=dc1&token=x").expect("valid");
    assert_eq!((poll.mode, poll.above, poll.passing), (Mode::Stale, Some(Index(7)), true));
    assert_eq!((poll.wait, poll.tags.len()), (Duration::from_secs(90), 2));
    assert_eq!(read("index=0").expect("valid").above, None);
    assert_eq!(read("wait=0s").expect("valid").wait, limits::WAIT_DEFAULT);
    assert_eq!(read("tag=a%20b+c").expect("valid").tags, ["a b c"]);
}

#[test]
fn bad_queries_are_refused() {
    for (query, part) in [
        ("index=-1", "Invalid index"),
        ("index=18446744073709551616", "Invalid index"),
        ("wait=-1s", "Invalid wait time"),
        ("wait=11m", "10m0s is the bound"),
        ("wait=5", "Invalid wait time"),
        ("passing=maybe", "passing=true"),
        ("stale&consistent", "contradicts"),
        ("passsing=1", "did you mean \"passing\"?"),
        ("filter=x", "is not supported"),
        ("ns=a/b", "ns: holds '/'"),
        ("dc=paris", "only \"dc1\""),
        ("tag=%ff", "not UTF-8"),
        ("index=1&index=2", "is given twice"),
        ("tag=", "1 to 128 bytes"),
    ] {
        let error = read(query).expect_err(query).to_string();
        assert!(error.contains(part), "{query}: {part:?} is missing in {error:?}");
    }
}

#[test]
fn idempotency_keys_are_bounded_visible_ascii() {
    let with = |value: &[u8]| {
        let mut headers = HeaderMap::new();
        headers.insert("x-idempotency-key", http::HeaderValue::from_bytes(value).expect("a header value"));
        idempotency_key(&headers)
    };
    assert_eq!(idempotency_key(&HeaderMap::new()), Ok(None));
    assert_eq!(with(b"a-1"), Ok(Some("a-1".to_owned())));
    for bad in [&b""[..], b"a b", b"\xc3\xa4", &[b'x'; limits::IDEMPOTENCY_KEY_LEN_MAX + 1]] {
        assert!(with(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn paths_are_decoded_once() {
    assert_eq!(path::tail("/p/a%2Fb", "/p/", "id").expect("valid"), "a/b");
    assert_eq!(path::tail("/p/a%252Fb", "/p/", "id").expect("valid"), "a%2Fb");
    assert!(path::tail("/p/%ff", "/p/", "id").is_err());
}

#[test]
fn no_input_panics_and_what_is_taken_is_within_the_bounds() {
    use rand::rngs::StdRng;
    use rand::{RngExt as _, SeedableRng as _};

    let seeds: [&[u8]; 3] = [
        br#"{"name":"web","id":"a","port":80,"tags":["x"],"meta":{"k":"v"},"checks":[{"ttl":"15s"},{"tcp":"h:1","interval":"1s"}]}"#,
        br#"{"Namespace":"n","checks":[{"id":"service:web","status":"passing","output":"ok"}]}"#,
        b"/v1/x?index=5&wait=1m30s&tag=a%20b&passing=1&ns=shop",
    ];
    let mut rng = StdRng::seed_from_u64(7);
    let mut taken = 0;
    for round in 0..30_000 {
        let mut bytes = seeds[round % seeds.len()].to_vec();
        for _ in 0..rng.random_range(1..3) {
            let at = rng.random_range(0..bytes.len());
            match rng.random_range(0..6) {
                0 => bytes[at] = rng.random(),
                1..4 => bytes[at] = rng.random_range(b' '..=b'~'),
                4 => drop(bytes.remove(at)),
                _ => bytes.insert(at, *b"\"{}[]:,%&=0\\\0\xff".get(rng.random_range(0..14)).unwrap_or(&b'-')),
            }
        }
        if let Ok(Command::Register { instance, checks }) = super::register::register(&bytes, None, &node()) {
            taken += 1;
            assert!(instance.validated().is_ok() && checks.into_iter().all(|check| check.validated().is_ok()));
        }
        let _renewals = report::renew(&bytes, None);
        let _update = report::update(&bytes);
        let _members = (cluster::join(&bytes), cluster::remove(&bytes), cluster::transfer(&bytes));
        let text = String::from_utf8_lossy(&bytes);
        let _query =
            Query::parse(text.split_once('?').map(|(_, query)| query)).map(|query| query.read(&HeaderMap::new()));
        let _tail = path::tail(&text, "/v1/", "id");
    }
    assert!(taken > 300, "only {taken} mutations were taken: the test does not reach behind the JSON");
}
