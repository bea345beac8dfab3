//! The configuration file: what is right is taken whole, what is wrong is named with its line, its key and what would be right.

use std::time::Duration;

use sider_agent::config::{AgentConfig, Duty, Target};
use sider_registry::model::{CheckKind, Name, Status};

fn refused(text: &str) -> String {
    AgentConfig::parse(text).expect_err("must be refused").to_string()
}

/// One service with one check, each on its own line: the check on line 4.
fn with_check(check: &str) -> String {
    format!(
        "{{\"enable_cmd_checks\": true,\n\"services\": [{{\"name\": \"web\", \"port\": 80,\n\"checks\": [\n{check}\n]}}]}}"
    )
}

#[test]
fn the_founding_documents_example_is_taken_as_it_stands() {
    let text = include_str!("../examples/agent.demo.json");
    let config = AgentConfig::parse(text).expect("is right").on_node(&Name::new("host-a").expect("a name"));
    assert_eq!(config.servers[0].as_str(), "127.0.0.1:8500");
    assert!(config.leave_on_stop);
    let [service] = &config.services[..] else { panic!("one service") };
    assert_eq!(service.instance.key.id.0.as_str(), "api-gateway-1");
    assert_eq!(service.instance.node.as_str(), "host-a");
    assert_eq!(service.checks[0].duty, Duty::Renew { ttl: Duration::from_secs(15) });
    let Duty::Probe(probe) = &service.checks[1].duty else { panic!("an http check is run") };
    assert_eq!(probe.target, Target::Http("http://192.168.1.10:8080/health".into()));
    assert_eq!((probe.interval, probe.timeout), (Duration::from_secs(10), Duration::from_secs(3)));
}

#[test]
fn all_keys_are_taken() {
    let text = r#"{
      "servers": ["http://10.0.0.1:8500", "10.0.0.2"], "node_name": "host-b", "namespace": "team", "data_dir": "/var/lib/sds",
      "http": ":8600", "log_format": "json", "leave_on_stop": false, "enable_cmd_checks": true,
      "services": [{
        "name": "web", "id": "web-1", "namespace": "other", "address": "fe80::1", "port": 80, "tags": ["a", "b", "a"],
        "meta": {"v": "1"}, "weights": {"passing": 10},
        "checks": [
          {"type": "ttl", "id": "mine", "name": "alive", "ttl": "15s", "renew": "app", "status": "passing"},
          {"type": "http", "url": "http://10.0.0.9/x", "interval": "1m30s"},
          {"type": "tcp", "interval": "5s", "failures_before_critical": 3, "successes_before_passing": 2},
          {"type": "tcp", "tcp": "10.0.0.9:5432", "interval": "5s"},
          {"type": "cmd", "cmd": ["/bin/true"], "interval": "5s", "timeout": "1s"}]}]}"#;
    let config = AgentConfig::parse(text).expect("is right");
    assert_eq!(config.servers[1].as_str(), "10.0.0.2:8500");
    assert_eq!(config.http.expect("given").to_string(), "127.0.0.1:8600");
    let service = &config.services[0];
    assert_eq!(service.instance.key.namespace.0.as_str(), "other");
    assert_eq!(service.instance.tags, ["a", "b"]);
    assert_eq!((service.instance.weights.passing, service.instance.weights.warning), (10, 1));
    let targets: Vec<&Target> = service
        .checks
        .iter()
        .filter_map(|check| match &check.duty {
            Duty::Probe(probe) => Some(&probe.target),
            _ => None,
        })
        .collect();
    let expected = [
        Target::Http("http://10.0.0.9/x".into()),
        Target::Tcp("[fe80::1]:80".into()),
        Target::Tcp("10.0.0.9:5432".into()),
        Target::Cmd(vec!["/bin/true".into()]),
    ];
    assert_eq!(targets, expected.iter().collect::<Vec<_>>());
    assert_eq!(service.checks[0].duty, Duty::Leave);
    assert_eq!(service.checks[0].spec.initial, Some(Status::Passing));
    assert_eq!((service.checks[2].failures_before_critical, service.checks[2].successes_before_passing), (3, 2));
    // A timeout that is not given is 10 s, or the interval when that is shorter.
    let CheckKind::Http { timeout, .. } = service.checks[1].spec.kind else { panic!("http") };
    assert_eq!(timeout, Duration::from_secs(10));
    let CheckKind::Tcp { timeout, .. } = service.checks[2].spec.kind else { panic!("tcp") };
    assert_eq!(timeout, Duration::from_secs(5));
}

#[test]
fn what_is_no_json_or_has_an_unknown_key_is_named_with_its_line() {
    let cases = [
        ("", "line 1: the file: EOF while parsing a value"),
        ("{\"services\": [\n{\"name\": \"web\",\n}]}", "line 3: services[0].?: trailing comma"),
        ("{\"services\": []}\nx", "line 2: the file: trailing characters"),
        ("{\n\"servces\": []}", "line 2: servces: unknown field `servces`, expected one of `servers`, `node_name`"),
        ("{\"servers\": []}", "line 1: the file: missing field `services`"),
        (
            "{\"services\": [\n{\"name\": \"web\",\n\"port\": \"80\"}]}",
            "line 3: services[0].port: invalid type: string \"80\"",
        ),
        (
            "{\"services\": [{\"name\": \"web\", \"checks\": [\n{\"type\": \"ttl\", \"tttl\": \"1s\"}]}]}",
            "line 2: services[0].checks[0].tttl: unknown field `tttl`, expected one of `type`",
        ),
        (
            "{\"log_format\": \"xml\",\n\"services\": []}",
            "line 1: log_format: \"xml\" is no log format; write \"text\" or \"json\"",
        ),
    ];
    for (text, expected) in cases {
        let error = refused(text);
        assert!(error.starts_with(expected), "{error:?} does not begin with {expected:?}");
    }
}

#[test]
fn a_file_is_utf_8_with_or_without_a_byte_order_mark() {
    assert!(AgentConfig::parse_file("\u{feff}{\"services\": []}".as_bytes()).is_ok());
    let latin_1 = AgentConfig::parse_file(b"{\"services\": [\n{\"name\": \"\xfc\"}]}").expect_err("must be refused");
    assert_eq!(latin_1.to_string(), "line 2: the file: holds bytes that are no UTF-8; save it as UTF-8");
}

#[test]
fn keys_that_a_reload_cannot_change_are_known() {
    let parse = |text: &str| AgentConfig::parse(text).expect("is right");
    let before = parse(r#"{"http": ":8600", "data_dir": "/a", "services": []}"#);
    let same = parse(r#"{"http": ":8600", "data_dir": "/a", "leave_on_stop": false, "services": [{"name": "web"}]}"#);
    let other = parse(r#"{"data_dir": "/b", "log_format": "json", "services": []}"#);
    assert_eq!(before.fixed_keys_changed_in(&same), [] as [&str; 0]);
    assert_eq!(before.fixed_keys_changed_in(&other), ["data_dir", "http", "log_format"]);
}

#[test]
fn an_impossible_check_is_named_with_its_line_its_key_and_what_would_be_right() {
    let cases = [
        (r#"{"type": "ttl"}"#, "services[0].checks[0]: ttl is missing; write one like \"10s\""),
        (r#"{"type": "ttl", "ttl": "abc"}"#, "services[0].checks[0].ttl: \"abc\" is not a duration"),
        (r#"{"type": "ttl", "ttl": "0s"}"#, "services[0].checks[0].ttl: 0s is out of range; from 100ms to 24h0m0s"),
        (
            r#"{"type": "ttl", "ttl": "15s", "interval": "1s"}"#,
            "services[0].checks[0].interval: a check of type \"ttl\" has no interval; one of type http, tcp, cmd has",
        ),
        (r#"{"type": "ttl", "ttl": "15s", "renew": "me"}"#, "services[0].checks[0].renew: \"me\" renews nothing"),
        (
            r#"{"type": "grpc"}"#,
            "services[0].checks[0].type: \"grpc\" is no type of check; write ttl, http, tcp or cmd",
        ),
        (r#"{"type": "http", "interval": "1s"}"#, "services[0].checks[0]: path is missing; write one like \"/health\""),
        (
            r#"{"type": "http", "path": "health", "interval": "1s"}"#,
            "services[0].checks[0].path: \"health\" does not begin with \"/\"",
        ),
        (
            r#"{"type": "http", "url": "https://a/", "interval": "1s"}"#,
            "services[0].checks[0].url: the scheme \"https\" is not http",
        ),
        (
            r#"{"type": "http", "url": "nowhere", "interval": "1s"}"#,
            "services[0].checks[0].url: \"nowhere\": relative URL",
        ),
        (
            r#"{"type": "http", "path": "/", "url": "http://a/", "interval": "1s"}"#,
            "services[0].checks[0].url: there is a path already",
        ),
        (
            r#"{"type": "tcp", "tcp": "nowhere", "interval": "1s"}"#,
            "services[0].checks[0].tcp: \"nowhere\" is no address",
        ),
        (
            r#"{"type": "tcp", "tcp": "::1:80", "interval": "1s"}"#,
            "services[0].checks[0].tcp: \"::1:80\" is no address; write it like \"10.0.0.1:5432\" or \"[::1]:5432\"",
        ),
        (r#"{"type": "ttl", "ttl": "1s", "name": "a\nb"}"#, "services[0].checks[0]: Name: holds the control character"),
        (r#"{"type": "tcp"}"#, "services[0].checks[0]: interval is missing; write one like \"10s\""),
        (
            r#"{"type": "cmd", "cmd": [], "interval": "1s"}"#,
            "services[0].checks[0].cmd: is no command; write program and arguments",
        ),
        (
            r#"{"type": "tcp", "interval": "1s", "failures_before_critical": 0}"#,
            "services[0].checks[0].failures_before_critical: 0 is out of range; from 1 to 1000",
        ),
        (
            r#"{"type": "ttl", "ttl": "1s", "status": "unknown"}"#,
            "services[0].checks[0].status: \"unknown\" is no status to begin with",
        ),
        (r#"{"type": "ttl", "ttl": "1s", "id": "a b"}"#, "services[0].checks[0].id: holds ' '; a check id is"),
    ];
    for (check, expected) in cases {
        let error = refused(&with_check(check));
        assert!(error.starts_with(&format!("line 4: {expected}")), "{error:?} does not begin with {expected:?}");
    }
}

#[test]
fn an_impossible_service_or_file_is_named_too() {
    let service = |keys: &str| format!("{{\"services\": [\n{{\"name\": \"web\",\n{keys}}}]}}");
    let cases = [
        (service("\"port\": 70000"), "line 3: services[0].port: 70000 is no port; one is 0 to 65535"),
        (service("\"id\": \"a b\""), "line 3: services[0].id: holds ' '; a name is"),
        (service("\"address\": \"http://x\""), "line 3: services[0].address: \"http://x\" is no address"),
        (service("\"address\": \"10.0.0.1:80\""), "line 3: services[0].address: \"10.0.0.1:80\" is no address"),
        (service("\"address\": \"0.0.0.0\""), "line 3: services[0].address: Address: is \"0.0.0.0\"; give an address"),
        (service("\"tags\": [\"a\\u0000\"]"), "line 3: services[0].tags: Tags[0]: holds the control character"),
        (service("\"meta\": {\"k\": \"a\\nb\"}"), "line 3: services[0].meta: Meta[\"k\"]: holds the control character"),
        (service("\"weights\": {\"passing\": 0}"), "line 3: services[0].weights: Weights.Passing: is 0; 1 to 65535"),
        (service("\"tags\": [\"\"]"), "line 3: services[0].tags[0]: has 0 bytes; a tag has 1 to 128"),
        (service("\"weights\": {\n\"passing\": 70000}"), "line 4: services[0].weights.passing: 70000 is no weight"),
        (
            service("\"checks\": [\n{\"type\": \"tcp\", \"interval\": \"1s\"}]"),
            "line 4: services[0].checks[0]: the service has no port to look at",
        ),
        (
            service("\"port\": 1, \"checks\": [\n{\"type\": \"cmd\", \"cmd\": [\"/x\"], \"interval\": \"1s\"}]"),
            "line 4: services[0].checks[0].type: cmd checks run programs with this agent's rights; allow them",
        ),
        (
            "{\"services\": [{\"name\": \"a\"},\n{\"name\": \"a\"}]}".into(),
            "line 2: services[1]: service \"a\" has the instance id \"a\" twice",
        ),
        (
            "{\"services\": [],\n\"servers\": [\"http://a\",\n\"https://b\"]}".into(),
            "line 3: servers[1]: \"https://b\" is no server address: servers speak plain HTTP",
        ),
        ("{\"services\": [], \"servers\": []}".into(), "line 1: servers: is empty"),
        (
            "{\"services\": [], \"http\": \"0.0.0.0:8600\"}".into(),
            "line 1: http: 0.0.0.0:8600 can be reached from other machines",
        ),
        ("{\"services\": [], \"namespace\": \"\"}".into(), "line 1: namespace: is empty"),
    ];
    for (text, expected) in cases {
        let error = refused(&text);
        assert!(error.starts_with(expected), "{error:?} does not begin with {expected:?}");
    }
    let long = format!(r#"{{"type": "tcp", "tcp": "{}:80", "interval": "1s"}}"#, "h".repeat(2000));
    assert!(refused(&with_check(&long)).starts_with("line 4: services[0].checks[0]: TCP: has 2003 bytes"));
    let command = format!(
        r#"{{"type": "cmd", "interval": "1s", "cmd": [{}]}}"#,
        vec![format!("\"{}\"", "x".repeat(1000)); 60].join(",")
    );
    let fat = refused(&with_check(&vec![command; 10].join(",")));
    assert!(fat.starts_with("line 2: services[0]: has 60") && fat.ends_with("at most 524288"), "{fat}");
    let twice = with_check(r#"{"type": "ttl", "ttl": "1s", "id": "x"}, {"type": "ttl", "ttl": "2s", "id": "x"}"#);
    assert!(refused(&twice).starts_with("line 4: services[0].checks[1].id: check id \"x\" is used twice"));
}
