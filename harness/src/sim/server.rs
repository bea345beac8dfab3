//! One machine with a server: it is started, killed, stopped, and ends by itself on an error. The disk and the seeds
//! outlive a start; everything else is new each time.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sider::config::{Config, HttpConfig, RaftConfig};
use sider::host::{Gate, Host, Simulated};
use sider_registry::model::Name;
use tokio::sync::oneshot;

use super::disk::SimDisk;
use super::net::{TurmoilDial, TurmoilListen};
use super::{HTTP_PORT, RAFT_PORT};
use crate::record::Record;
use crate::scenario::model::{Clock, Cluster};
use crate::seeds::Seeds;

/// Wall clocks begin here: 2026-01-01, so that a stamp in a log is recognised as simulated.
const EPOCH_MS: u64 = 1_767_225_600_000;

/// How a server ended by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exit {
    /// As it was told.
    Stopped,
    /// With an error.
    Failed(String),
}

/// One machine. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Server(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: String,
    seeds: Seeds,
    raft: RaftConfig,
    disk: Arc<SimDisk>,
    record: Record,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    clock: Clock,
    /// Makes a new cluster if its disk is empty.
    bootstrap: bool,
    incarnation: u64,
    gate: Gate,
    host: Option<Host>,
    stop: Option<oneshot::Sender<()>>,
    exit: Option<Exit>,
}

impl Server {
    /// The machine `name`, whose directory is `dir`.
    #[must_use]
    pub fn new(name: &str, dir: PathBuf, cluster: &Cluster, clock: Clock, seeds: Seeds, record: Record) -> Self {
        let disk = SimDisk::new(dir, cluster.sync, seeds.stream(&format!("disk:{name}"), 0));
        let raft = RaftConfig {
            heartbeat: cluster.heartbeat,
            election_min: cluster.election.0,
            election_max: cluster.election.1,
            snapshot_entries: cluster.snapshot_entries,
            snapshot_interval: Duration::from_secs(20),
            log_keep: cluster.log_keep,
            map_size: cluster.map_size,
        };
        let state = State {
            clock,
            bootstrap: name == "n1",
            incarnation: 0,
            gate: Gate::default(),
            host: None,
            stop: None,
            exit: None,
        };
        Self(Arc::new(Inner {
            name: name.to_owned(),
            seeds,
            raft,
            disk: Arc::new(disk),
            record,
            state: Mutex::new(state),
        }))
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Its disk.
    #[must_use]
    pub fn disk(&self) -> &SimDisk {
        &self.0.disk
    }

    /// Runs the server; the software of the simulated host. When the server ends it waits to be reaped: only a crash of
    /// the host closes what a process closes when it ends.
    ///
    /// # Errors
    /// A port of a fresh machine is taken: the harness is wrong.
    pub async fn run(self) -> turmoil::Result {
        let (incarnation, clock, bootstrap, gate) = {
            let mut state = self.lock();
            state.incarnation += 1;
            state.gate = Gate::closable();
            state.exit = None;
            (state.incarnation, state.clock, state.bootstrap, state.gate.clone())
        };
        let Inner { name, seeds, raft, disk, record, .. } = &*self.0;
        record.lock().facts.started(name, incarnation);
        let elapsed_ms = record.clock.host_ns() / 1_000_000;
        let epoch_ms = (EPOCH_MS + elapsed_ms).saturating_add_signed(clock.offset_ms);
        let simulated = Simulated { rate: clock.rate, gate: gate.clone(), timers: Some(super::timers::told()) };
        let host = Host::new(seeds.seed(&format!("server:{name}"), incarnation), epoch_ms, simulated);
        let (stop, stopped) = oneshot::channel::<()>();
        {
            let mut state = self.lock();
            state.host = Some(host.clone());
            state.stop = Some(stop);
        }
        let config = Config {
            name: Name::new(name.as_str()).expect("n1, n2, ... are names"),
            dir: disk.dir().to_owned(),
            bootstrap,
            raft_addr: format!("{name}:{RAFT_PORT}"),
            raft: raft.clone(),
            http: HttpConfig::default(),
        };
        let seams = sider::Seams {
            http: Box::new(TurmoilListen::bind(HTTP_PORT).await?),
            raft: Box::new(TurmoilListen::bind(RAFT_PORT).await?),
            dial: Arc::new(TurmoilDial),
            disk: Arc::clone(disk) as Arc<dyn sider::raft::Disk>,
            host,
        };
        let shutdown = async move {
            // Dropped unsent only when the machine is gone, and this future with it.
            let _told = stopped.await;
        };
        let served = gate.wrap(sider::serve(config, seams, shutdown)).await;
        self.ended(served.map_err(|error| describe(&error)));
        std::future::pending().await
    }

    fn ended(&self, served: Result<(), String>) {
        let exit = match served {
            Ok(()) => Exit::Stopped,
            // The directory has another name in each run, and what is recorded must not.
            Err(text) => Exit::Failed(without_parent(&text, self.0.disk.dir())),
        };
        tracing::info!(target: "sider::harness", ?exit, "the server ended");
        let mut state = self.lock();
        state.exit = Some(exit);
        state.host = None;
    }

    /// How it ended by itself, since the last start.
    #[must_use]
    pub fn exit(&self) -> Option<Exit> {
        self.lock().exit.clone()
    }

    /// How often it was started.
    #[must_use]
    pub fn incarnation(&self) -> u64 {
        self.lock().incarnation
    }

    /// SIGTERM.
    pub fn stop(&self) {
        if let Some(stop) = self.lock().stop.take() {
            // A server that has just ended needs no telling.
            let _told = stop.send(());
        }
    }

    /// The process is gone.
    pub fn killed(&self) {
        let mut state = self.lock();
        state.host = None;
        state.stop = None;
        state.exit = None;
    }

    /// SIGSTOP.
    pub fn pause(&self) {
        self.lock().gate.pause();
    }

    /// SIGCONT.
    pub fn resume(&self) {
        // Outside the lock: waking a task may run code that asks for the state.
        let gate = self.lock().gate.clone();
        gate.resume();
    }

    /// Steps its wall clock, now and for later starts.
    pub fn step_clock(&self, by_ms: i64) {
        let mut state = self.lock();
        state.clock.offset_ms += by_ms;
        if let Some(host) = &state.host {
            host.step_wall(by_ms);
        }
    }

    /// Its clock.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.lock().clock
    }

    /// From now on an empty disk waits to be joined: what was founded once is not founded again.
    pub fn forget_bootstrap(&self) {
        self.lock().bootstrap = false;
    }

    /// At its next start it founds a cluster, if its disk is empty.
    pub fn will_found(&self) {
        self.lock().bootstrap = true;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `text` with paths below the parent of `dir` as if that parent were the root.
fn without_parent(text: &str, dir: &Path) -> String {
    let parent = dir.parent().map(|parent| parent.display().to_string()).unwrap_or_default();
    if parent.is_empty() { text.to_owned() } else { text.replace(&parent, "") }
}

/// An error with its causes.
fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_does_not_tell_where_the_disks_of_this_run_are() {
        let dir = Path::new("/dev/shm/sider-sim-8NpsM8/n2");
        let text = "data directory /dev/shm/sider-sim-8NpsM8/n2: entry 80 in /dev/shm/sider-sim-8NpsM8/n2/log";
        assert_eq!(without_parent(text, dir), "data directory /n2: entry 80 in /n2/log");
    }
}
