//! Real probes: real sockets, real processes, and nothing left behind.

use std::time::Duration;

use sider_agent::config::Target;
use sider_agent::core::Measured;
use sider_agent::limits;
use sider_agent::probe::{HostProbes, Probe};
use sider_registry::model::Status;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

async fn probe(target: Target, timeout: Duration) -> Measured {
    HostProbes::new().expect("an HTTP client").run(target, timeout).await
}

/// A server that gives every connection the same answer. Counts connections.
async fn web(answer: String) -> (String, std::sync::Arc<std::sync::atomic::AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/health", listener.local_addr().expect("bound"));
    let count = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = std::sync::Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counter.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (url, count)
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n{body}", body.len())
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn http_statuses_decide() {
    for (line, expected) in [
        ("200 OK", Status::Passing),
        ("204 No Content", Status::Passing),
        ("304 Not Modified", Status::Passing),
        ("404 Not Found", Status::Warning),
        ("429 Too Many Requests", Status::Warning),
        ("500 Internal Server Error", Status::Critical),
        ("503 Service Unavailable", Status::Critical),
    ] {
        let (url, _) = web(answer(line, "", "")).await;
        assert_eq!(probe(Target::Http(url), SECOND).await.status, expected, "{line}");
    }
}

#[tokio::test]
async fn a_redirect_to_another_host_is_passing_and_never_followed() {
    let (other, followed) = web(answer("500 Internal Server Error", "", "")).await;
    let (url, asked) = web(answer("302 Found", &format!("location: {other}\r\n"), "")).await;
    let measured = probe(Target::Http(url), SECOND).await;
    assert_eq!(measured.status, Status::Passing);
    assert!(measured.output.contains("302 Found"), "{}", measured.output);
    assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 1);
    assert_eq!(followed.load(std::sync::atomic::Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_endless_body_is_cut_and_does_not_hang_the_probe() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("bound"));
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        while stream.write_all(&[b'x'; 1024]).await.is_ok() {}
    });
    let measured = probe(Target::Http(url), 10 * SECOND).await;
    assert_eq!((measured.status, measured.output.len()), (Status::Passing, limits::PROBE_OUTPUT_MAX));
}

#[tokio::test]
async fn what_does_not_answer_is_critical_after_its_time_out() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound").to_string();
    let silent = probe(Target::Http(format!("http://{address}/")), Duration::from_millis(200)).await;
    assert_eq!(silent.status, Status::Critical);
    assert!(silent.output.ends_with("no answer within 200ms"), "{}", silent.output);
    assert_eq!(probe(Target::Tcp(address.clone()), SECOND).await.status, Status::Passing);
    drop(listener);
    assert_eq!(probe(Target::Tcp(address.clone()), SECOND).await.status, Status::Critical);
    let refused = probe(Target::Http(format!("http://{address}/")), SECOND).await;
    assert!(refused.output.contains("refused"), "says why: {}", refused.output);
}

#[tokio::test]
async fn a_body_that_does_not_end_is_told_from_no_answer() {
    let (url, _) = web("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc".into()).await;
    let broken = probe(Target::Http(url), SECOND).await;
    assert_eq!(broken.status, Status::Critical);
    assert!(broken.output.contains("200 OK, but the body broke off"), "{}", broken.output);

    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("bound"));
    let hold = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc").await;
        stream
    });
    let slow = probe(Target::Http(url), Duration::from_millis(300)).await;
    drop(hold);
    assert!(slow.output.ends_with("200 OK, but the body did not end within 300ms"), "{}", slow.output);
}

fn sh(script: &str) -> Target {
    Target::Cmd(vec!["/bin/sh".into(), "-c".into(), script.into()])
}

#[tokio::test]
async fn exit_codes_decide_and_both_outputs_are_kept_in_order() {
    let good = probe(sh("echo one; echo two >&2; echo three"), 5 * SECOND).await;
    assert_eq!(good, Measured { status: Status::Passing, output: "one\ntwo\nthree".into() });
    let bad = probe(sh("echo broken; exit 3"), 5 * SECOND).await;
    assert_eq!(bad, Measured { status: Status::Critical, output: "exit status: 3: broken".into() });
    let missing = probe(Target::Cmd(vec!["/no/such/program".into()]), SECOND).await;
    assert_eq!(missing.status, Status::Critical);
    assert!(missing.output.starts_with("/no/such/program: No such file"), "{}", missing.output);
}

#[tokio::test]
async fn a_program_may_open_as_many_files_as_it_is_told() {
    let probes = HostProbes::new().expect("an HTTP client").with_open_files(Some(200));
    let script = "until [ \"$(ulimit -Sn)\" = 200 ]; do :; done; ulimit -Sn";
    let measured = probes.run(sh(script), 10 * SECOND).await;
    assert_eq!(measured, Measured { status: Status::Passing, output: "200".into() });
}

#[tokio::test]
async fn there_is_no_shell() {
    let echoed = probe(Target::Cmd(vec!["/bin/echo".into(), "$HOME; exit 1".into()]), 5 * SECOND).await;
    assert_eq!(echoed, Measured { status: Status::Passing, output: "$HOME; exit 1".into() });
}

#[tokio::test]
async fn output_is_capped_and_its_end_is_kept() {
    let measured = probe(sh("yes äöü | head -c 100000; echo the end"), 10 * SECOND).await;
    assert_eq!(measured.status, Status::Passing);
    assert!(measured.output.len() <= limits::PROBE_OUTPUT_MAX && measured.output.ends_with("the end"));
}

/// Processes with this marker in their arguments.
fn processes_with(marker: &str) -> usize {
    let is_marked = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.ok()?.path().join("cmdline");
        let line = std::fs::read(path).ok()?;
        String::from_utf8_lossy(&line).contains(marker).then_some(())
    };
    std::fs::read_dir("/proc").expect("Linux").filter_map(is_marked).count()
}

async fn gone(marker: &str) {
    let waited = tokio::time::timeout(5 * SECOND, async {
        while processes_with(marker) > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    waited.await.expect("no process is left");
}

#[tokio::test]
async fn a_check_that_forks_and_sleeps_leaves_no_process_after_its_time_out() {
    // Different lengths of sleep mark the processes of this test.
    let measured = probe(sh("sleep 98761 & sleep 98762 & echo asleep; wait"), Duration::from_millis(300)).await;
    assert_eq!(measured, Measured { status: Status::Critical, output: "killed after 300ms: asleep".into() });
    gone("98761").await;
    gone("98762").await;
}

#[tokio::test]
async fn a_check_that_ends_leaves_no_child_and_is_not_kept_going_by_one() {
    let measured = probe(sh("sleep 98763 & echo started"), 10 * SECOND).await;
    assert_eq!(measured, Measured { status: Status::Passing, output: "started".into() });
    gone("98763").await;
}

#[tokio::test]
async fn a_dropped_run_leaves_no_process() {
    let run = probe(sh("sleep 98764 & wait"), 60 * SECOND);
    assert!(tokio::time::timeout(Duration::from_millis(200), run).await.is_err(), "it sleeps");
    gone("98764").await;
}

/// The child writes faster than anybody reads: neither what is left in the pipe nor the end of the run waits for it.
#[tokio::test]
async fn a_child_that_writes_without_end_does_not_keep_an_ended_check_going() {
    for n in 0..5 {
        let measured = probe(sh("yes 98765 & echo started; exit 0"), 10 * SECOND).await;
        assert_eq!(measured.status, Status::Passing, "run {n}: {}", measured.output);
        assert!(measured.output.len() <= limits::PROBE_OUTPUT_MAX);
    }
    gone("98765").await;
}

/// Reading as fast as it writes would cost the agent a core for as long as the check runs.
#[tokio::test]
async fn a_check_that_writes_without_end_is_read_at_a_bounded_rate() {
    let sparse = tempfile::NamedTempFile::new().expect("a temporary file");
    sparse.as_file().set_len(1 << 30).expect("no block of it is written");
    let measured = probe(sh(&format!("exec cat {}", sparse.path().display())), 2 * SECOND).await;
    assert!(measured.output.starts_with("killed after 2s"), "1 GiB was read: {:?}", measured.status);
    gone(sparse.path().to_str().expect("text")).await;
}
