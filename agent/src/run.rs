//! One entry, two worlds: `main.rs` and the harness start an agent here and nowhere else.
//!
//! Everything an agent does happens inside the one future of [`run`]: no tasks, no threads. A host that is paused or
//! crashed pauses or ends all of it, and simulated runs have one order.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use sider_client::seam::{BoxFuture, Dial, Listen};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use crate::config::AgentConfig;
use crate::core::Core;
use crate::keeper::Keeper;
use crate::limits;
use crate::local;
use crate::perform::{Done, perform};
use crate::probe::Probe;
use crate::shared::Shared;
use crate::store::Store;

/// Looks at the agent once, when everything is registered for the first time.
pub type OnRegistered = Box<dyn FnOnce(&Core) + Send>;

/// What an agent is made of.
pub struct Setup {
    /// What it is told. Its node name must be set ([`AgentConfig::on_node`]).
    pub config: AgentConfig,
    /// The network to the servers.
    pub dial: Arc<dyn Dial>,
    /// How checks are run.
    pub probes: Arc<dyn Probe>,
    /// What it remembers of its last life.
    pub store: Box<dyn Store>,
    /// Where the local view is served; none: nowhere.
    pub local: Option<Box<dyn Listen>>,
    /// Seed of everything random.
    pub seed: u64,
    /// Called once, when everything is registered for the first time.
    pub on_registered: Option<OnRegistered>,
}

/// What a running agent can be told.
#[derive(Debug)]
pub enum Signal {
    /// Take this configuration instead. It is known to be valid; its data directory, local view and log stay as they were.
    Reload(Box<AgentConfig>),
    /// End gracefully.
    Stop,
}

/// How an agent ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Everything that was to be deregistered is.
    Clean,
    /// The time for stopping was over before the cluster had acknowledged everything: the TTL does the rest.
    Incomplete,
}

type Work = FuturesUnordered<BoxFuture<'static, Done>>;

struct Agent {
    shared: Arc<Shared>,
    keeper: Keeper,
    work: Work,
    begun: Instant,
    /// No local connection is accepted before this: the pause after a failure.
    accept_from: Instant,
    on_registered: Option<OnRegistered>,
    /// What it is told now, without the services: those are the core's.
    config: AgentConfig,
}

/// Runs an agent until it is told to stop. To crash it, drop the future.
pub async fn run(setup: Setup, mut signals: mpsc::Receiver<Signal>) -> Ended {
    let Setup { config, dial, probes, store, mut local, seed, on_registered } = setup;
    let mut keeper = Keeper::new(store);
    let core = Core::new(seed, keeper.recall());
    let shared = Arc::new(Shared::new(core, &config, dial, probes, seed));
    let mut agent = Agent {
        shared,
        keeper,
        work: Work::new(),
        begun: Instant::now(),
        accept_from: Instant::now(),
        on_registered,
        config,
    };
    agent.shared.core().configure(Duration::ZERO, &agent.config);
    agent.config.services = Vec::new();
    let mut stop_by: Option<Instant> = None;
    let mut listening = true;
    loop {
        agent.advance();
        if agent.shared.core().is_drained() {
            agent.end().await;
            return Ended::Clean;
        }
        let wake = [agent.next_due(), agent.keeper.due(), stop_by].into_iter().flatten().min();
        tokio::select! {
            biased;
            signal = signals.recv(), if listening => match signal {
                Some(Signal::Reload(_)) if stop_by.is_some() => {}
                Some(Signal::Reload(config)) => agent.reload(&config),
                Some(Signal::Stop) => {
                    stop_by.get_or_insert(Instant::now() + limits::STOP_TIMEOUT);
                    agent.stop();
                }
                None => listening = false,
            },
            Some(done) = agent.work.next() => agent.take(done),
            accepted = accept(&mut local, agent.accept_from) => agent.serve_local(accepted),
            () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => {
                if stop_by.is_some_and(|by| by <= Instant::now()) {
                    agent.end().await;
                    return Ended::Incomplete;
                }
            }
        }
    }
}

impl Agent {
    /// Does what is due.
    fn advance(&mut self) {
        let now = self.begun.elapsed();
        let actions = {
            let mut core = self.shared.core();
            let actions = core.poll(now);
            if self.on_registered.is_some()
                && core.instances().all(|instance| instance.settled)
                && let Some(tell) = self.on_registered.take()
            {
                tell(&core);
            }
            self.work.extend(self.keeper.keep(&mut core).map(saved));
            actions
        };
        for action in actions {
            self.work.push(perform(&self.shared, action));
        }
    }

    fn next_due(&self) -> Option<Instant> {
        self.shared.core().next_due().map(|due| self.begun + due)
    }

    fn take(&mut self, done: Done) {
        let now = self.begun.elapsed();
        let mut core = self.shared.core();
        match done {
            Done::Probed(check, measured) => core.probed(now, check, measured),
            Done::Registered(instance, outcome) => core.registered(now, &instance, outcome),
            Done::Deregistered(instance, outcome) => core.deregistered(now, &instance, outcome),
            Done::Reported(namespace, outcome) => core.reported(now, &namespace, outcome),
            Done::Saved(result) => self.keeper.saved(result),
            Done::LocalClosed => {}
        }
    }

    fn reload(&mut self, config: &AgentConfig) {
        tracing::info!(services = config.services.len(), "configuration reloaded");
        for key in self.config.fixed_keys_changed_in(config) {
            tracing::warn!(key, "the new value of a key is taken when the agent is started again");
        }
        self.config.leave_on_stop = config.leave_on_stop;
        self.shared.set_servers(&config.servers);
        self.shared.core().configure(self.begun.elapsed(), config);
    }

    fn stop(&mut self) {
        tracing::info!(leave = self.config.leave_on_stop, "stopping");
        self.shared.core().stop(self.begun.elapsed(), self.config.leave_on_stop);
    }

    fn serve_local(&mut self, accepted: std::io::Result<sider_client::seam::BoxStream>) {
        match accepted {
            Ok(stream) => self.work.extend(local::connection(&self.shared, stream)),
            Err(error) => {
                tracing::warn!(%error, "the local view could not accept a connection");
                self.accept_from = Instant::now() + limits::LOCAL_ACCEPT_PAUSE;
            }
        }
    }

    /// What is remembered last is written, unless the disk hangs.
    async fn end(&mut self) {
        let last = async {
            self.written().await;
            let write = self.keeper.keep_now(&mut self.shared.core());
            self.work.extend(write.map(saved));
            self.written().await;
        };
        if timeout(limits::SAVE_AT_END_TIMEOUT, last).await.is_err() {
            tracing::error!("the agent's memory could not be saved in time");
        }
    }

    /// Waits for the write that is under way. Whatever else ends meanwhile comes too late.
    async fn written(&mut self) {
        while self.keeper.is_writing() {
            match self.work.next().await {
                Some(Done::Saved(result)) => self.keeper.saved(result),
                Some(_) => {}
                None => return,
            }
        }
    }
}

/// A write that hangs is a failed one, so that somebody hears of it.
fn saved(write: BoxFuture<'static, std::io::Result<()>>) -> BoxFuture<'static, Done> {
    Box::pin(async {
        let hung = |_| Err(std::io::Error::new(std::io::ErrorKind::TimedOut, "the disk hangs"));
        Done::Saved(timeout(limits::SAVE_TIMEOUT, write).await.unwrap_or_else(hung))
    })
}

/// The next local connection; never, without a listener.
async fn accept(local: &mut Option<Box<dyn Listen>>, from: Instant) -> std::io::Result<sider_client::seam::BoxStream> {
    match local {
        Some(listener) => {
            if from > Instant::now() {
                sleep_until(from).await;
            }
            listener.accept().await.map(|(stream, _)| stream)
        }
        None => std::future::pending().await,
    }
}
