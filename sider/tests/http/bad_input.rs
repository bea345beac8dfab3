use sider_registry::limits;

use crate::support::{self, Server};
use crate::{session, shown};

/// What a reader sees of the whole registry, to prove that bad input leaves no trace.
fn state(server: &Server) -> (String, String, String) {
    let catalog = server.get("/v1/catalog/services");
    (catalog.body.clone(), catalog.header("x-applied-index").to_owned(), server.get("/v1/health/service/web").body)
}

fn server(home: &tempfile::TempDir) -> Server {
    let server = Server::alone(home);
    server.wait_ready();
    server.register("web", "web-1");
    server
}

#[test]
fn bad_writes_are_refused_by_name_and_change_nothing() {
    let home = tempfile::tempdir().expect("a directory");
    let server = server(&home);
    let before = state(&server);
    crate::pin(
        "bad_writes",
        &session(
            &server,
            &[
                "PUT /v1/agent/service/register",
                "PUT /v1/agent/service/register not json",
                r#"PUT /v1/agent/service/register ["web"]"#,
                r#"PUT /v1/agent/service/register {"id":"web-1"}"#,
                r#"PUT /v1/agent/service/register {"name":"a b"}"#,
                r#"PUT /v1/agent/service/register {"name":"web","prot":80}"#,
                r#"PUT /v1/agent/service/register {"name":"web","port":70000}"#,
                r#"PUT /v1/agent/service/register {"name":"web","port":-1}"#,
                r#"PUT /v1/agent/service/register {"name":"web","checks":[{"ttl":"0s"}]}"#,
                r#"PUT /v1/agent/service/register {"name":"web","checks":[{"ttl":"abc"}]}"#,
                r#"PUT /v1/agent/service/register {"name":"web","checks":[{"type":"ttl"}]}"#,
                r#"PUT /v1/agent/service/register {"name":"web","connect":{"native":true}}"#,
                r#"PUT /v1/agent/service/register {"name":"web","checks":[{"id":"c","ttl":"1s"},{"id":"c","ttl":"1s"}]}"#,
                "PUT /v1/agent/service/deregister/nobody",
                "PUT /v1/agent/service/deregister/a%20b",
                r#"PUT /v1/agent/service/deregister {"id":"web-1"}"#,
                r#"PUT /v1/agent/service/deregister {"service":"web","id":"nobody"}"#,
                "PUT /v1/agent/check/pass/nobody",
                r#"PUT /v1/agent/check/update/nobody {"Status":"fine"}"#,
                "PUT /v1/agent/check/update/nobody {}",
                r#"PUT /v1/agent/check/renew {"checks":[]}"#,
                r#"POST /v1/raft/join {"ID":"node2"}"#,
                r#"POST /v1/raft/join {"ID":"node2","Addr":":8501"}"#,
                "POST /v1/raft/remove {}",
            ],
        ),
    );
    assert_eq!(state(&server), before);
}

#[test]
fn bad_paths_methods_and_queries_are_refused_by_name() {
    let home = tempfile::tempdir().expect("a directory");
    let server = server(&home);
    crate::pin(
        "bad_paths_and_queries",
        &session(
            &server,
            &[
                "GET /v1/health/service/",
                "GET /v1/health/service/a/b",
                "GET /v1/health/service/a%2Fb",
                "GET /v1/health/service/%00",
                "GET /v1/health/service/%ff",
                "GET /v1//catalog/services",
                "GET /v2/everything",
                "DELETE /v1/health/service/web",
                "GET /v1/agent/service/register",
                "PUT /v1/raft/join",
                "GET /v1/health/service/web?index=-1",
                "GET /v1/health/service/web?index=18446744073709551616",
                "GET /v1/health/service/web?wait=-1s&index=1",
                "GET /v1/health/service/web?wait=700s&index=1",
                "GET /v1/health/service/web?wait=soon&index=1",
                "GET /v1/health/service/web?passing=maybe",
                "GET /v1/health/service/web?stale&consistent",
                "GET /v1/health/service/web?passsing=1",
                "GET /v1/health/service/web?filter=x",
                "GET /v1/health/service/web?ns=a/b",
            ],
        ),
    );
}

#[test]
fn what_is_too_large_is_refused_by_its_bound() {
    let home = tempfile::tempdir().expect("a directory");
    let server = server(&home);
    let before = state(&server);
    let body = format!(r#"{{"name":"{}"}}"#, "x".repeat(limits::HTTP_BODY_LEN_MAX));
    let large = support::ask(server.http, "PUT", "/v1/agent/service/register", &body).expect("an answer, not a reset");
    crate::pin("body_too_large", &shown(&server, "PUT with a body over the bound", &large));
    let head = format!("GET / HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n", "y".repeat(limits::HTTP_HEAD_LEN_MAX));
    let long = support::raw(server.http, head.as_bytes()).expect("an answer");
    crate::pin("head_too_large", &shown(&server, "GET with a head over the bound", &long));
    let name = "n".repeat(limits::NAME_LEN_MAX + 1);
    let named = server.put("/v1/agent/service/register", &format!(r#"{{"name":"{name}"}}"#));
    crate::pin("name_too_long", &shown(&server, "PUT with a name over the bound", &named));
    assert_eq!(state(&server), before);
}

#[test]
fn what_is_no_request_is_answered_with_400_and_a_closed_connection() {
    let home = tempfile::tempdir().expect("a directory");
    let server = server(&home);
    for garbage in
        [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"[..], b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"]
    {
        let reply = support::raw(server.http, garbage).expect("an answer");
        assert_eq!(reply.status, 400, "{garbage:?}: {reply:?}");
    }
    assert_eq!(server.get("/readyz").status, 200);
}
