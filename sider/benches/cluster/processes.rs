//! Real servers on loopback, stopped by their process ids.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use sider_client::client::{Client, Outcome, ServerAddress, Settings};
use sider_client::seam::TcpDial;

/// Longest wait for anything to happen.
const PATIENCE: Duration = Duration::from_secs(30);

struct Server {
    http: SocketAddr,
    raft: SocketAddr,
    dir: PathBuf,
    name: String,
    child: Option<Child>,
}

/// A cluster and its directory.
pub struct Cluster {
    servers: Vec<Server>,
    _dir: tempfile::TempDir,
}

impl Cluster {
    /// Starts `count` servers and joins them.
    pub async fn start(count: usize) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let servers = (1..=count).map(|n| Server {
            http: free_port(),
            raft: free_port(),
            dir: dir.path().join(format!("n{n}")),
            name: format!("n{n}"),
            child: None,
        });
        let mut cluster = Self { servers: servers.collect(), _dir: dir };
        for n in 0..count {
            cluster.spawn(n);
            cluster.answers(n, "/livez").await;
        }
        cluster.answers(0, "/readyz").await;
        for n in 1..count {
            let (name, addr) = (cluster.servers[n].name.clone(), cluster.servers[n].raft.to_string());
            match cluster.client(0).join(&name, &addr).await {
                Outcome::Ok(_) => cluster.answers(n, "/readyz").await,
                other => panic!("{name} does not join: {other:?}"),
            }
        }
        cluster
    }

    /// A client of one server.
    pub fn client(&self, n: usize) -> Client {
        let address = ServerAddress::parse(&format!("http://{}", self.servers[n].http)).expect("an address");
        Client::to(address, Arc::new(TcpDial), Settings::default())
    }

    /// Servers that run.
    pub fn running(&self) -> Vec<usize> {
        (0..self.servers.len()).filter(|n| self.servers[*n].child.is_some()).collect()
    }

    /// The server that leads.
    pub async fn leader(&self) -> usize {
        let found = async {
            loop {
                for n in self.running() {
                    let leader = self.client(n).status_leader().await;
                    let addr = leader.map(|read| read.body).unwrap_or_default();
                    if let Some(leader) =
                        self.servers.iter().position(|s| s.raft.to_string() == addr && s.child.is_some())
                    {
                        return leader;
                    }
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, found).await.expect("a leader in time")
    }

    /// kill -9.
    pub fn kill(&mut self, n: usize) {
        if let Some(mut child) = self.servers[n].child.take() {
            child.kill().expect("it runs");
            child.wait().expect("it ends");
        }
    }

    /// Starts a killed server and waits until it has caught up.
    pub async fn restart(&mut self, n: usize) {
        self.spawn(n);
        self.answers(n, "/readyz").await;
    }

    /// Resident memory.
    pub fn memory_kib(&self, n: usize) -> u64 {
        let pid = self.servers[n].child.as_ref().map_or(0, Child::id);
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
    }

    /// CPU time of all servers so far.
    pub fn cpu(&self) -> Duration {
        let of = |child: &Child| {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap_or_default();
            let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
            let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
            Duration::from_millis((ticks(11) + ticks(12)) * 10) // a tick is 10 ms on Linux
        };
        self.servers.iter().filter_map(|server| server.child.as_ref()).map(of).sum()
    }

    fn spawn(&mut self, n: usize) {
        let server = &mut self.servers[n];
        let mut command = Command::new(env!("CARGO_BIN_EXE_sds-server"));
        command.args(["-http", &server.http.to_string(), "-raft-id", &server.name]);
        command.args(["-raft-bind", &server.raft.to_string(), "-log-level", "error"]);
        command.arg("-raft-dir").arg(&server.dir).args(["-raft-bootstrap", if n == 0 { "true" } else { "false" }]);
        server.child = Some(command.stdout(Stdio::null()).spawn().expect("sds-server starts"));
    }

    async fn answers(&self, n: usize, path: &str) {
        let asked = async {
            loop {
                if get(&self.client(n), path).await {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, asked).await.unwrap_or_else(|_| panic!("server {n} does not answer {path}"));
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        (0..self.servers.len()).for_each(|n| self.kill(n));
    }
}

/// Asks for `path`; true if the answer is a good one.
pub async fn get(client: &Client, path: &str) -> bool {
    let answer = client.raw(http::Method::GET, path, http::HeaderMap::new(), bytes::Bytes::new(), PATIENCE).await;
    answer.is_ok_and(|answer| answer.status.is_success())
}

/// A port that was free a moment ago.
fn free_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("bound")
}
