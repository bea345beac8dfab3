use crate::session;
use crate::support::Server;

fn server(home: &tempfile::TempDir) -> Server {
    let server = Server::alone(home);
    server.wait_ready();
    server
}

#[test]
fn an_instance_lives_and_is_read_in_consuls_shapes() {
    let home = tempfile::tempdir().expect("a directory");
    let server = server(&home);
    crate::pin(
        "instances",
        &session(
            &server,
            &[
                r#"PUT /v1/agent/service/register {"name":"web","id":"web-1","address":"10.0.0.1","port":80,"tags":["v1"],"meta":{"zone":"a"},"checks":[{"type":"ttl","ttl":"15s"}]}"#,
                r#"POST /v1/agent/service/register {"Name":"web","ID":"web-2","Address":"10.0.0.2","Port":80,"Tags":["v2"],"Check":{"HTTP":"http://10.0.0.2/h","Interval":"10s","Status":"passing"}}"#,
                r#"PUT /v1/agent/service/register {"namespace":"shop","name":"web","checks":[{"tcp":"10.0.0.9:80","interval":"10s"}]}"#,
                "GET /v1/health/service/web",
                "GET /v1/health/service/web?passing",
                "GET /v1/health/service/web?tag=V2&stale",
                "GET /v1/health/service/web?ns=shop",
                "GET /v1/health/service/nobody",
                "GET /v1/catalog/services",
                "HEAD /v1/health/service/web",
                "PUT /v1/agent/service/deregister/web-2",
                r#"POST /v1/agent/service/deregister {"namespace":"shop","service":"web","id":"web"}"#,
                "GET /v1/catalog/services?ns=shop",
                "GET /v1/health/service/web?ns=shop",
            ],
        ),
    );
}

#[test]
fn checks_are_renewed_and_reported() {
    let home = tempfile::tempdir().expect("a directory");
    let server = server(&home);
    crate::pin(
        "checks",
        &session(
            &server,
            &[
                r#"PUT /v1/agent/service/register {"name":"web","checks":[{"ttl":"1h"},{"id":"mine:a/b","ttl":"1h"}]}"#,
                "PUT /v1/agent/check/pass/service:web:1?note=fine",
                "PUT /v1/agent/check/pass/service:web:1",
                "POST /v1/agent/check/warn/mine:a/b?note=hot",
                "PUT /v1/agent/check/fail/mine:a%2Fb",
                r#"PUT /v1/agent/check/update/mine:a/b {"Status":"passing","Output":"good again"}"#,
                r#"PUT /v1/agent/check/renew {"checks":[{"id":"service:web:1"},{"id":"mine:a/b","status":"unknown"},{"id":"gone"}]}"#,
                r#"PUT /v1/agent/check/renew {"checks":[{"id":"gone"}]}"#,
                "GET /v1/health/service/web",
            ],
        ),
    );
}

#[test]
fn the_cluster_describes_itself() {
    let home = tempfile::tempdir().expect("a directory");
    let server = server(&home);
    crate::pin(
        "cluster",
        &session(
            &server,
            &[
                "GET /",
                "GET /livez",
                "GET /readyz",
                "GET /v1/status/leader",
                "GET /v1/status/peers",
                "GET /v1/raft/configuration",
                "POST /v1/raft/transfer",
                r#"POST /v1/raft/remove {"ID":"node1"}"#,
                r#"POST /v1/raft/remove {"ID":"node9"}"#,
                r#"POST /v1/raft/join {"ID":"node2","Addr":"127.0.0.1:1"}"#,
                "OPTIONS /v1/agent/service/register",
                "OPTIONS /v1/raft/join",
            ],
        ),
    );
}

#[test]
fn every_metric_is_there_from_the_start() {
    let home = tempfile::tempdir().expect("a directory");
    let server = server(&home);
    let page = server.get("/metrics");
    assert_eq!(page.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(page.body.ends_with("# EOF\n"));
    let mut names: Vec<&str> = page
        .body
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(series, _)| series)
        .filter(|series| !series.contains("status=\"4") && !series.contains("status=\"5"))
        .collect();
    names.sort_unstable();
    crate::pin("metrics", &names.join("\n"));
}

#[test]
fn a_retry_with_the_same_key_gets_the_first_answer() {
    let home = tempfile::tempdir().expect("a directory");
    let server = server(&home);
    let keyed = |path: &str, body: &str| {
        let length = body.len();
        let request = format!(
            "PUT {path} HTTP/1.1\r\nhost: x\r\nx-idempotency-key: k-1\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        crate::support::raw(server.http, request.as_bytes()).expect("an answer")
    };
    let body = crate::support::instance("web", "web-1");
    let first = keyed("/v1/agent/service/register", &body);
    server.register("db", "db-1");
    let again = keyed("/v1/agent/service/register", &body);
    assert_eq!((again.status, &again.body, again.index()), (200, &first.body, first.index()));
    let other = keyed("/v1/agent/service/deregister/web-1", "");
    assert_eq!((other.status, other.header("x-sider-error")), (409, "conflict"), "{other:?}");
}
