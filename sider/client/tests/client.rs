//! The client against scripted peers: what it sends, and above all what it makes of the ways in which a call can fail.

mod peer;

use std::sync::Arc;
use std::time::Duration;

use peer::{Peer, Reply};
use sider_client::client::{Ack, CallError, Client, Consistency, Outcome, Query, ReadError, ServerAddress, Settings};
use sider_client::seam::TcpDial;
use sider_client::wire::{ErrorCode, RenewEntry, RenewOutcome, RenewRequest};
use sider_registry::model::{Index, Status};

const NO_LEADER: &[(&str, &str)] = &[("x-sider-error", "no-leader")];
const UNKNOWN_OUTCOME: &[(&str, &str)] = &[("x-sider-error", "unknown-outcome")];

fn settings() -> Settings {
    Settings {
        call_timeout: Duration::from_millis(500),
        total_timeout: Duration::from_secs(5),
        attempts_max: 4,
        backoff_min: Duration::from_millis(1),
        backoff_max: Duration::from_millis(5),
        answer_len_max: 4096,
        ..Settings::default()
    }
}

/// A client that begins with the first of `peers`: the seed decides, so look for one.
fn client_of(peers: &[&Peer]) -> Client {
    let servers: Vec<ServerAddress> = peers.iter().map(|peer| peer.address.clone()).collect();
    Client::new(servers, Arc::new(TcpDial), settings(), seed_that_begins_with_first(peers.len()))
}

fn seed_that_begins_with_first(count: usize) -> u64 {
    use rand::{RngExt, SeedableRng};
    (0..1000)
        .find(|seed| rand::rngs::StdRng::seed_from_u64(*seed).random_range(0..count) == 0)
        .expect("one seed in `count` begins with the first")
}

fn single(peer: &Peer) -> Client {
    Client::to(peer.address.clone(), Arc::new(TcpDial), settings())
}

fn text_of<T: std::fmt::Debug>(outcome: Outcome<T>) -> String {
    match outcome {
        Outcome::Unknown(reason) => reason,
        other => panic!("expected unknown, got {other:?}"),
    }
}

#[tokio::test]
async fn a_refused_connection_is_proof_that_nothing_happened() {
    let unused = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = unused.local_addr().expect("bound").to_string();
    drop(unused);
    let client = Client::to(address.parse().expect("an address"), Arc::new(TcpDial), settings());
    let outcome = client.renew("default", "service:web", None).await;
    assert!(matches!(outcome, Outcome::Rejected { code: None, status: 0, .. }), "{outcome:?}");
}

#[tokio::test]
async fn a_write_that_may_have_arrived_is_unknown_and_not_repeated() {
    let peer = Peer::start(vec![Reply::Close, Reply::ok("")]).await;
    let other = Peer::start(vec![Reply::ok("")]).await;
    let client = client_of(&[&peer, &other]);
    let outcome = client.deregister("default", "web", "web-1", None).await;
    assert!(matches!(outcome, Outcome::Unknown(_)), "{outcome:?}");
    assert_eq!((peer.seen().len(), other.seen().len()), (1, 0));
}

#[tokio::test]
async fn the_call_after_an_unknown_one_begins_elsewhere() {
    let peer = Peer::start(vec![Reply::Hang]).await;
    let other = Peer::start(vec![Reply::ok("")]).await;
    let client = client_of(&[&peer, &other]);
    text_of(client.renew("default", "c", None).await);
    assert!(matches!(client.renew("default", "c", None).await, Outcome::Ok(_)));
    assert_eq!((peer.seen().len(), other.seen().len()), (1, 1));
}

#[tokio::test]
async fn a_write_with_a_key_is_repeated_elsewhere_with_the_same_key() {
    let peer = Peer::start(vec![Reply::Close]).await;
    let other = Peer::start(vec![Reply::Answer(200, &[("x-index", "7")], String::new())]).await;
    let client = client_of(&[&peer, &other]);
    let outcome = client.deregister("default", "web", "web-1", Some("key-1")).await;
    let server = other.address.as_str().to_owned();
    assert_eq!(outcome, Outcome::Ok(Ack { answer: (), index: Index(7), server }));
    for seen in [&peer.seen()[0], &other.seen()[0]] {
        assert_eq!(seen.line, "PUT /v1/agent/service/deregister HTTP/1.1");
        assert!(seen.headers.iter().any(|header| header == "x-idempotency-key: key-1"), "{seen:?}");
        assert_eq!(seen.body, r#"{"service":"web","id":"web-1"}"#);
    }
}

#[tokio::test]
async fn an_answer_that_proves_nothing_happened_lets_any_write_be_repeated() {
    let peer = Peer::start(vec![Reply::error(503, NO_LEADER)]).await;
    let other = Peer::start(vec![Reply::ok("")]).await;
    let outcome = client_of(&[&peer, &other]).renew("default", "service:web", None).await;
    assert!(matches!(outcome, Outcome::Ok(_)), "{outcome:?}");
    assert_eq!((peer.seen().len(), other.seen().len()), (1, 1));
}

#[tokio::test]
async fn the_server_saying_unknown_is_unknown() {
    let peer = Peer::start(vec![Reply::error(503, UNKNOWN_OUTCOME)]).await;
    assert!(text_of(single(&peer).renew("default", "c", None).await).contains("503"));
    let proxy = Peer::start(vec![Reply::error(502, &[])]).await;
    assert!(text_of(single(&proxy).renew("default", "c", None).await).contains("502"));
    let newer = Peer::start(vec![Reply::error(400, &[("x-sider-error", "of-a-newer-version")])]).await;
    assert!(text_of(single(&newer).renew("default", "c", None).await).contains("400"));
}

/// A name that points to the wrong machine, a portal in between: it must not keep the client from the servers.
#[tokio::test]
async fn something_that_is_no_sider_server_is_passed_over() {
    let batch = RenewRequest { namespace: None, checks: Vec::new() };
    let renewed = || Reply::ok(r#"{"index":9,"results":[]}"#);
    let web_server = Peer::start(vec![Reply::error(404, &[])]).await;
    let other = Peer::start(vec![renewed(), renewed()]).await;
    let client = client_of(&[&web_server, &other]);
    for _ in 0..2 {
        assert!(matches!(client.renew_many(&batch, None).await, Outcome::Ok(_)));
    }
    assert_eq!((web_server.seen().len(), other.seen().len()), (1, 2), "a refusal without a code is not final");

    let portal = Peer::start(vec![Reply::ok("<html>welcome</html>")]).await;
    let other = Peer::start(vec![renewed()]).await;
    let client = client_of(&[&portal, &other]);
    assert!(text_of(client.renew_many(&batch, None).await).contains("what no Sider server answers"));
    assert!(matches!(client.renew_many(&batch, None).await, Outcome::Ok(_)), "the next call begins elsewhere");

    let portal = Peer::start(vec![Reply::ok("<html>welcome</html>")]).await;
    let outcome = single(&portal).deregister_id("default", "web-1", None).await;
    assert!(text_of(outcome).contains("what no Sider server answers"), "a page acknowledges nothing");

    let portal = Peer::start(vec![Reply::error(403, &[])]).await;
    let other = Peer::start(vec![Reply::ok("{}")]).await;
    client_of(&[&portal, &other]).services(&Query::default()).await.expect("the second answers");
}

#[tokio::test]
async fn once_in_doubt_only_an_acknowledgement_ends_the_doubt() {
    let peer = Peer::start(vec![Reply::Close, Reply::error(503, NO_LEADER), Reply::error(503, NO_LEADER)]).await;
    let client =
        Client::new(vec![peer.address.clone()], Arc::new(TcpDial), Settings { attempts_max: 3, ..settings() }, 1);
    let outcome = client.deregister_id("default", "web-1", Some("k")).await;
    assert!(matches!(outcome, Outcome::Unknown(_)), "the first request may still happen: {outcome:?}");
    assert_eq!(peer.seen().len(), 3);
}

#[tokio::test]
async fn a_rejection_carries_code_status_and_text() {
    let peer = Peer::start(vec![Reply::error(404, &[("x-sider-error", "unknown-check")])]).await;
    let outcome = client_of(&[&peer]).renew("team", "a/b c", None).await;
    assert!(outcome.is_rejected_with(ErrorCode::UnknownCheck), "{outcome:?}");
    let expected = Outcome::Rejected { code: Some(ErrorCode::UnknownCheck), status: 404, text: "no".into() };
    assert_eq!(outcome, expected);
    assert_eq!(peer.seen()[0].line, "PUT /v1/agent/check/pass/a%2Fb%20c?ns=team HTTP/1.1");
}

#[tokio::test]
async fn a_missed_deadline_closes_the_connection() {
    let peer = Peer::start(vec![Reply::Hang, Reply::ok(r#""""#)]).await;
    let client = single(&peer);
    assert!(text_of(client.renew("default", "c", None).await).contains("no answer within 500ms"));
    peer.left(1).await;
    client.status_leader().await.expect("the next call has a connection of its own");
    assert_eq!(peer.seen()[1].connection, 2);
}

#[tokio::test]
async fn a_dropped_call_closes_its_connection() {
    let peer = Peer::start(vec![Reply::Hang]).await;
    let client = single(&peer);
    let query = Query::default();
    let poll = client.poll("web", Index(3), Duration::from_secs(60), &query);
    let cut = tokio::time::timeout(Duration::from_millis(50), poll).await;
    assert!(cut.is_err(), "the peer never answers");
    peer.left(1).await;
}

#[tokio::test]
async fn connections_are_kept_and_a_closed_one_is_replaced_without_a_trace() {
    let empty = || Reply::ok("[]");
    let peer = Peer::start(vec![empty(), empty(), Reply::AnswerAndClose(200, "[]".into()), empty()]).await;
    let client = single(&peer);
    for _ in 0..4 {
        client.read("web", &Query::default()).await.expect("an empty list");
    }
    let connections: Vec<usize> = peer.seen().iter().map(|seen| seen.connection).collect();
    assert_eq!(connections, [1, 1, 1, 2]);
}

#[tokio::test]
async fn a_read_carries_its_indices_and_asks_in_consuls_words() {
    const HEADERS: &[(&str, &str)] =
        &[("X-Index", "42"), ("X-Applied-Index", "50"), ("X-Last-Contact", "12"), ("X-Known-Leader", "true")];
    let body = r#"[{"Node":{"Node":"n1"},"Service":{"ID":"web-1","Service":"web","Meta":null},"Checks":[
        {"CheckID":"service:web-1","Status":"critical","SiderStatus":"unknown"}]}]"#;
    let peer = Peer::start(vec![Reply::Answer(200, HEADERS, body.into())]).await;
    let query = Query {
        namespace: "team".into(),
        consistency: Consistency::Stale,
        passing: true,
        tags: vec!["a b".into(), "v=1".into()],
        ..Query::default()
    };
    let read = single(&peer).poll("web", Index(41), Duration::from_secs(90), &query).await.expect("an answer");
    assert_eq!((read.index, read.applied), (Index(42), Index(50)));
    assert_eq!((read.last_contact, read.known_leader), (Some(Duration::from_millis(12)), Some(true)));
    assert_eq!(read.body[0].health(), Status::Unknown);
    let expected =
        "GET /v1/health/service/web?ns=team&stale&index=41&wait=1m30s&passing=1&tag=a%20b&tag=v%3D1 HTTP/1.1";
    assert_eq!(peer.seen()[0].line, expected);
}

#[tokio::test]
async fn reads_go_to_the_next_server_and_say_what_was_wrong() {
    let peer = Peer::start(vec![Reply::error(503, NO_LEADER), Reply::ok("{}")]).await;
    let other = Peer::start(vec![Reply::ok(r#"{"web":["v1"]}"#)]).await;
    let client = client_of(&[&peer, &other]);
    let read = client.services(&Query::default()).await.expect("the second answers");
    assert_eq!(read.server, other.address.as_str());
    assert_eq!(read.body["web"], ["v1"]);

    let garbled = Peer::start(vec![Reply::ok("<html>")]).await;
    let error = single(&garbled).services(&Query::default()).await.expect_err("no JSON");
    assert!(matches!(error, ReadError::Garbled { .. }), "{error}");

    let refusing = Peer::start(vec![Reply::error(400, &[("x-sider-error", "invalid")])]).await;
    let error = single(&refusing).services(&Query::default()).await.expect_err("refused");
    assert!(matches!(error, ReadError::Refused { code: Some(ErrorCode::Invalid), status: 400, .. }), "{error}");
}

#[tokio::test]
async fn an_answer_beyond_the_bound_is_no_answer() {
    let peer = Peer::start(vec![Reply::ok(&"x".repeat(5000))]).await;
    let error = single(&peer).services(&Query::default()).await.expect_err("too long");
    let ReadError::NoAnswer(CallError::NoAnswer { reason, .. }) = error else { panic!("{error}") };
    assert_eq!(reason, "the answer is longer than 4096 bytes");
}

#[tokio::test]
async fn a_batch_says_of_each_check_what_became_of_it() {
    let answer = r#"{"index":9,"results":[{"id":"a","result":"ok"},{"id":"b","result":"unknown"}]}"#;
    let peer = Peer::start(vec![Reply::ok(answer)]).await;
    let renewal = |id: &str| RenewEntry { id: id.into(), status: None, output: String::new() };
    let report = RenewEntry { id: "b".into(), status: Some(Status::Warning), output: "slow".into() };
    let request = RenewRequest { namespace: None, checks: vec![renewal("a"), report] };
    let Outcome::Ok(ack) = single(&peer).renew_many(&request, None).await else { panic!("acknowledged") };
    let results: Vec<RenewOutcome> = ack.answer.results.iter().map(|result| result.result).collect();
    assert_eq!(results, [RenewOutcome::Ok, RenewOutcome::Unknown]);
    let expected = r#"{"checks":[{"id":"a"},{"id":"b","status":"warning","output":"slow"}]}"#;
    assert_eq!(peer.seen()[0].body, expected);
}

#[test]
fn server_addresses_are_parsed_once_and_refused_with_the_right_form() {
    for (text, right) in [
        ("http://10.0.0.1:8500", "10.0.0.1:8500"),
        ("http://sider.internal/", "sider.internal:8500"),
        ("[::1]:9000", "[::1]:9000"),
        ("http://[::1]", "[::1]:8500"),
        (":8600", "127.0.0.1:8600"),
    ] {
        assert_eq!(ServerAddress::parse(text).expect(text).as_str(), right);
    }
    for text in ["", "https://a:1", "ftp://a", "http://a:0", "http://a:70000", "http://a/b", "http://", "a b"] {
        let error = ServerAddress::parse(text).expect_err(text).to_string();
        assert!(error.contains("http://10.0.0.1:8500"), "{error}");
    }
}
