//! Real processes for the tests: servers, agents, a web server to look at. Whatever a test starts ends with it.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use sider_client::client::{Query, ServerAddress};
use sider_client::seam::TcpDial;
use sider_client::{Client, Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::Instant;

/// Longest wait for anything that should come at once, on a machine that builds at the same time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A process that is killed when it is dropped.
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    pub(crate) fn start(program: &Path, args: &[String], log: PathBuf) -> Self {
        let output = File::options().create(true).append(true).open(&log).expect("a log file");
        let errors = output.try_clone().expect("the same file");
        let mut command = Command::new(program);
        command.args(args).stdin(Stdio::null()).stdout(output).stderr(errors);
        let child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        Self { child, log }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a pid");
        kill_process(pid, signal).expect("it lives");
    }

    /// kill -9, and wait until it is gone.
    pub(crate) fn kill(&mut self) {
        // Fails when it has ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits until it ends by itself.
    pub(crate) async fn ended(&mut self) -> std::process::ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end: {}", self.logged());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    pub(crate) fn logged(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// CPU time used so far and resident memory in KiB.
    pub(crate) fn usage(&self) -> (Duration, u64) {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).expect("it lives");
        let after_name = stat.rsplit_once(')').expect("a name in brackets").1;
        let fields: Vec<&str> = after_name.split_whitespace().collect();
        let ticks: u64 = fields[11].parse::<u64>().expect("utime") + fields[12].parse::<u64>().expect("stime");
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("it lives");
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a resident size");
        let kib = resident.trim().trim_end_matches(" kB").parse().expect("a number");
        (Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second()), kib)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("---- {}\n{}", self.log.display(), self.logged());
        }
    }
}

/// The server's binary: `SDS_SERVER` names one; else it is built into the directory that the tests were built into.
fn sds_server() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        if let Some(path) = std::env::var_os("SDS_SERVER") {
            return path.into();
        }
        let profile_dir = Path::new(env!("CARGO_BIN_EXE_sds-agent")).parent().expect("a directory");
        let profile = match profile_dir.file_name().and_then(|name| name.to_str()) {
            Some("debug") => "dev",
            Some(name) => name,
            None => panic!("{} names no profile", profile_dir.display()),
        };
        let status = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--package", "sider", "--bin", "sds-server", "--profile", profile])
            .arg("--target-dir")
            .arg(profile_dir.parent().expect("a target directory"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status()
            .expect("cargo runs");
        assert!(status.success(), "sds-server does not build");
        profile_dir.join("sds-server")
    })
}

/// A free port of loopback. Another process could take it before its user does; nobody here does.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("bound").port()
}

/// Servers on loopback.
pub(crate) struct Cluster {
    pub(crate) dir: tempfile::TempDir,
    servers: Vec<Option<Process>>,
    http: Vec<u16>,
    raft: Vec<u16>,
}

impl Cluster {
    /// Starts `count` servers and waits until one leads and all are voters.
    pub(crate) async fn start(count: usize) -> Self {
        let ports = || (0..count).map(|_| free_port()).collect();
        let dir = tempfile::tempdir().expect("a directory");
        let mut cluster = Self { dir, servers: (0..count).map(|_| None).collect(), http: ports(), raft: ports() };
        for n in 0..count {
            cluster.start_server(n);
        }
        let leader = cluster.client(0);
        until("the first server leads", async || {
            leader.status_leader().await.is_ok_and(|answer| !answer.body.is_empty())
        })
        .await;
        for n in 1..count {
            let address = format!("127.0.0.1:{}", cluster.raft[n]);
            until("a server joins", async || {
                matches!(leader.join(&format!("node{n}"), &address).await, sider_client::Outcome::Ok(_))
            })
            .await;
        }
        until("all are voters", async || {
            let read = leader.configuration().await;
            read.is_ok_and(|read| read.body.servers.iter().filter(|server| server.voter).count() == count)
        })
        .await;
        cluster
    }

    pub(crate) fn start_server(&mut self, n: usize) {
        let args = [
            "-http".into(),
            format!("127.0.0.1:{}", self.http[n]),
            "-raft-bind".into(),
            format!("127.0.0.1:{}", self.raft[n]),
            "-raft-id".into(),
            format!("node{n}"),
            "-raft-dir".into(),
            self.server_dir(n).display().to_string(),
            "-raft-bootstrap".into(),
            (n == 0).to_string(),
        ];
        let log = self.dir.path().join(format!("node{n}.log"));
        self.servers[n] = Some(Process::start(sds_server(), &args, log));
    }

    pub(crate) fn server_dir(&self, n: usize) -> PathBuf {
        self.dir.path().join(format!("node{n}"))
    }

    pub(crate) fn kill_server(&mut self, n: usize) {
        self.servers[n].take().expect("it runs").kill();
    }

    /// Which server leads.
    pub(crate) async fn leader(&self) -> usize {
        let address = self.client(0).status_leader().await.expect("an answer").body;
        let port: u16 = address.rsplit_once(':').expect("host and port").1.parse().expect("a port");
        self.raft.iter().position(|raft| *raft == port).expect("one of ours")
    }

    /// A client of the server `n` alone.
    pub(crate) fn client(&self, n: usize) -> Client {
        let address = ServerAddress::parse(&format!("127.0.0.1:{}", self.http[n])).expect("an address");
        Client::to(address, Arc::new(TcpDial), Settings::default())
    }

    pub(crate) fn urls(&self) -> Vec<String> {
        self.http.iter().map(|port| format!("http://127.0.0.1:{port}")).collect()
    }
}

/// An agent in `dir`, with the configuration that stands there.
pub(crate) fn start_agent(dir: &Path, config: &serde_json::Value) -> Process {
    write_config(dir, config);
    let args = ["-config".to_owned(), dir.join("agent.json").display().to_string()];
    Process::start(Path::new(env!("CARGO_BIN_EXE_sds-agent")), &args, dir.join("agent.log"))
}

pub(crate) fn write_config(dir: &Path, config: &serde_json::Value) {
    std::fs::write(dir.join("agent.json"), config.to_string()).expect("written");
}

/// Waits for a condition, with a deadline.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// How many services the cluster lists.
pub(crate) async fn service_count(client: &Client) -> usize {
    client.services(&Query::default()).await.map_or(0, |read| read.body.len())
}

/// A web server that answers 200 to everything. Its port.
pub(crate) async fn web() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 1024];
                if stream.read(&mut request).await.is_ok_and(|len| len > 0) {
                    let _ =
                        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok").await;
                }
            });
        }
    });
    port
}
