//! One server process, and three of them as a cluster.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use super::{Reply, ask, eventually, instance};

/// Time for a server to begin or to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running server. Dropping it kills it.
pub struct Server {
    pub name: String,
    pub http: SocketAddr,
    pub raft: String,
    pub dir: PathBuf,
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts a server on free ports that forms a cluster of its own.
    pub fn alone(home: &tempfile::TempDir) -> Self {
        Self::start(home, "node1", "127.0.0.1:0", &["-raft-bootstrap", "true"])
    }

    /// Starts a server whose directory is named after it.
    pub fn start(home: &tempfile::TempDir, name: &str, raft: &str, flags: &[&str]) -> Self {
        Self::try_start(home, name, raft, flags)
            .unwrap_or_else(|(status, log)| panic!("{name} ended with {status}: {log}"))
    }

    /// Starts it, or says with what it ended and what it wrote.
    pub fn try_start(
        home: &tempfile::TempDir,
        name: &str,
        raft: &str,
        flags: &[&str],
    ) -> Result<Self, (ExitStatus, String)> {
        let (dir, log) = (home.path().join(name), home.path().join(format!("{name}.log")));
        let mut child = Command::new(env!("CARGO_BIN_EXE_sds-server"))
            .args(["-http", "127.0.0.1:0", "-raft-id", name, "-raft-bind", raft, "-raft-dir"])
            .arg(&dir)
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).expect("a log file"))
            .spawn()
            .expect("the server's program starts");
        let stdout = child.stdout.take().expect("a pipe");
        let banner: Vec<String> = BufReader::new(stdout).lines().map_while(Result::ok).take(7).collect();
        let after = |label: &str| {
            let line = banner.iter().find_map(|line| line.trim_start().strip_prefix(label))?;
            line.split_whitespace().next().map(str::to_owned)
        };
        let (Some(http), Some(raft)) = (after("http "), after("raft ")) else {
            let status = child.wait().expect("it ends");
            return Err((status, read_log(&log)));
        };
        let http = http.trim_start_matches("http://").parse().expect("an address");
        let mut server = Self { name: name.to_owned(), http, raft, dir, child, log };
        // It announces its ports before it opens its data: it is up when it answers.
        let ended = eventually("the server answers or ends", PATIENCE, || match server.child.try_wait() {
            Ok(Some(status)) => Some(Some(status)),
            _ => ask(server.http, "GET", "/livez", "").is_ok().then_some(None),
        });
        match ended {
            None => Ok(server),
            Some(status) => Err((status, server.log())),
        }
    }

    pub fn get(&self, target: &str) -> Reply {
        ask(self.http, "GET", target, "")
            .unwrap_or_else(|error| panic!("{}: GET {target}: {error}\n{}", self.name, self.log()))
    }

    pub fn put(&self, target: &str, body: &str) -> Reply {
        ask(self.http, "PUT", target, body)
            .unwrap_or_else(|error| panic!("{}: PUT {target}: {error}\n{}", self.name, self.log()))
    }

    pub fn post(&self, target: &str, body: &str) -> Reply {
        ask(self.http, "POST", target, body).unwrap_or_else(|error| panic!("{}: POST {target}: {error}", self.name))
    }

    /// Registers an instance, which must succeed; answers its index.
    pub fn register(&self, service: &str, id: &str) -> u64 {
        let reply = self.put("/v1/agent/service/register", &instance(service, id));
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.index()
    }

    /// Registers instances `prefix-1`, `prefix-2`, .. until one is acknowledged; answers its id. An unknown outcome is no
    /// acknowledgement, and each try has an id of its own, so that it proves nothing about the others.
    pub fn register_in_time(&self, service: &str, prefix: &str, within: Duration) -> String {
        let mut n = 0;
        eventually("a write is acknowledged", within, || {
            n += 1;
            let id = format!("{prefix}-{n}");
            let reply = ask(self.http, "PUT", "/v1/agent/service/register", &instance(service, &id)).ok()?;
            (reply.status == 200).then_some(id)
        })
    }

    /// The value of a metric's sample, written as on the page with its labels.
    pub fn metric(&self, sample: &str) -> u64 {
        let page = self.get("/metrics").body;
        let value = page.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
        value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {sample} on the page:\n{page}"))
    }

    /// Waits until it serves consistent reads and writes.
    pub fn wait_ready(&self) {
        eventually(&format!("{} is ready", self.name), PATIENCE, || (self.get("/readyz").status == 200).then_some(()));
    }

    /// True if it says that it leads.
    pub fn leads(&self) -> bool {
        self.get("/metrics").body.contains(&format!("sider_raft_leader{{node=\"{}\"}} 1", self.name))
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has written to its log.
    pub fn log(&self) -> String {
        read_log(&self.log)
    }

    /// SIGKILL, and waits for the end.
    pub fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// SIGTERM.
    pub fn terminate(&self) {
        let pid = i32::try_from(self.pid()).ok().and_then(rustix::process::Pid::from_raw).expect("a process id");
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it runs");
    }

    /// Waits for the end.
    pub fn wait_end(&mut self) -> ExitStatus {
        eventually("the server ends", PATIENCE, || self.child.try_wait().expect("a child"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _killed = self.child.kill();
        let _status = self.child.wait();
    }
}

/// A cluster of three voters; the first leads.
pub fn three(home: &tempfile::TempDir, flags: &[&str]) -> Vec<Server> {
    let first = Server::start(home, "node1", "127.0.0.1:0", &[flags, &["-raft-bootstrap", "true"]].concat());
    first.wait_ready();
    let mut servers = vec![first];
    for name in ["node2", "node3"] {
        let server = Server::start(home, name, "127.0.0.1:0", flags);
        let body = format!(r#"{{"ID":"{name}","Addr":"{}"}}"#, server.raft);
        let reply = servers[0].post("/v1/raft/join", &body);
        assert_eq!(reply.status, 200, "{reply:?}");
        servers.push(server);
    }
    servers.iter().for_each(Server::wait_ready);
    servers
}

/// The leader's position, once exactly one leads.
pub fn leader(servers: &[Server]) -> usize {
    eventually("one server leads", PATIENCE, || {
        let leading: Vec<usize> = (0..servers.len()).filter(|at| servers[*at].leads()).collect();
        if let [one] = leading.as_slice() { Some(*one) } else { None }
    })
}

/// The beginning of a log: /dev/full, where a test sends one, has no end.
fn read_log(path: &Path) -> String {
    let mut text = Vec::new();
    File::open(path).and_then(|file| file.take(1 << 20).read_to_end(&mut text)).expect("a log file");
    String::from_utf8_lossy(&text).into_owned()
}
