//! One entry, two worlds: `main.rs` and the harness start a server here and nowhere else.

use std::io;
use std::pin::pin;
use std::sync::{Arc, OnceLock};

use openraft::async_runtime::WatchReceiver as _;
use openraft::errors::{InitializeError, RaftError};
use openraft::{Config as OpenraftConfig, SnapshotPolicy};
use sider_client::seam::{Dial, Listen};
use sider_registry::limits;

use crate::config::{Config, RaftConfig};
use crate::expirer::Expirer;
use crate::host::{Host, mint};
use crate::node::{Core, Node, Parts};
use crate::raft::Disk;
use crate::raft::log::LogStore;
use crate::raft::machine::{Machine, State};
use crate::raft::peer::link::Caller;
use crate::raft::peer::{Links, listen, network::Network};
use crate::raft::snapshots::Snapshots;
use crate::raft::store::{self, IDENTITY, Identity, OpenError};
use crate::raft::types::{Member, MemberId, Raft};
use crate::watch::Watches;

/// What a server is given by the world it runs in.
pub struct Seams {
    /// Clients connect here.
    pub http: Box<dyn Listen>,
    /// Peers connect here.
    pub raft: Box<dyn Listen>,
    /// How peers are reached.
    pub dial: Arc<dyn Dial>,
    /// When a commit counts.
    pub disk: Arc<dyn Disk>,
    /// Clock, randomness, tasks.
    pub host: Host,
}

/// Why a server ended, other than by being asked to.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The data directory cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Consensus stopped: the disk failed, or an invariant of Raft does not hold.
    #[error("consensus stopped: {0}")]
    Consensus(String),
    /// A listener broke.
    #[error("listener: {0}")]
    Listener(#[source] io::Error),
    /// This server was removed from its cluster.
    #[error(
        "this server was removed from its cluster (configuration at log {at}): to bring it back, empty its data directory and join it again"
    )]
    Removed {
        /// Log position of the configuration.
        at: u64,
    },
}

/// Runs one server until `shutdown` resolves or it cannot go on.
///
/// Stopping is a sequence: accept no more, answer every waiting watch and open request, hand leadership over, stop
/// consensus, close the store.
///
/// # Errors
/// See [`ServeError`]. Nothing that was acknowledged is lost by any of them.
pub async fn serve(config: Config, seams: Seams, shutdown: impl Future<Output = ()> + Send) -> Result<(), ServeError> {
    let Seams { http, raft, dial, disk, host } = seams;
    let _entered = host.enter();
    let (core, _lock) = start(&config, dial, disk, &host).await?;
    let node = Node::new(Arc::clone(&core));
    let stopping = core.stopping.clone();
    let answers = Arc::clone(&core) as Arc<dyn listen::Answer>;
    let mut peers = host.spawn(listen::accept(raft, answers, host.clone(), stopping.subscribe()));
    let duties = futures_util::future::select_all(crate::node::start_duties(&core));
    let http_stop = tokio::sync::watch::Sender::new(false);
    let mut http = host.spawn(crate::http::run(config.http.clone(), http, node, http_stop.subscribe()));

    let ended = {
        let mut shutdown = pin!(shutdown);
        let mut removed = core.removed.subscribe();
        tokio::select! {
            biased;
            fatal = consensus_stopped(&core.parts.raft) => Err(ServeError::Consensus(fatal)),
            () = core.parts.log.failed() => Err(ServeError::Consensus("the log's writer has ended".to_owned())),
            at = removed.wait_for(Option::is_some) => {
                Err(ServeError::Removed { at: at.ok().and_then(|at| *at).unwrap_or(0) })
            }
            ended = &mut http => Err(listener_error(ended)),
            ended = &mut peers => Err(listener_error(ended)),
            (ended, ..) = duties => Err(ServeError::Consensus(format!("a duty of the server ended: {ended:?}"))),
            () = &mut shutdown => Ok(()),
        }
    };
    stop(&core, &http_stop, http).await;
    stopping.send_replace(true);
    if !peers.is_finished() {
        // It ends at once: it listens to `stopping`.
        let _ended = peers.await;
    }
    ended
}

/// Opens the store and starts consensus.
async fn start(
    config: &Config,
    dial: Arc<dyn Dial>,
    disk: Arc<dyn Disk>,
    host: &Host,
) -> Result<(Arc<Core>, std::fs::File), ServeError> {
    let dir = &config.dir;
    let opened = store::open(dir, config.name.as_str(), config.raft.map_size, disk.as_ref(), host)?;
    let io_error = |source: io::Error| OpenError::Io { dir: dir.clone(), source };
    let log = LogStore::open(opened.log, Arc::clone(&disk), host, opened.identity.id).map_err(io_error)?;
    let snapshots = Snapshots::open(opened.snapshots, disk, host);
    let (watches, expirer) = (Watches::default(), Expirer::new(host.clone()));
    let newest = snapshots.newest().map_err(io_error)?;
    let state = State::restore(newest.as_ref(), watches.clone(), expirer.clone()).map_err(io_error)?;
    let state = Arc::new(state);

    let mut identity = opened.identity;
    if config.bootstrap && identity.cluster.is_none() {
        identity.cluster = Some(host.rng(mint).max(1));
        identity.founder = true;
        log.put(IDENTITY, &identity).await.map_err(io_error)?;
    }
    let cluster = Arc::new(identity.cluster.map_or_else(OnceLock::new, OnceLock::from));
    let caller = Caller { id: identity.id, cluster: Arc::clone(&cluster) };
    let links = Links::new(caller, dial, host.clone());
    let network = Network::new(identity.id, links.clone(), config.raft.election_min);
    let machine = Machine::new(Arc::clone(&state), snapshots);
    let raft = Raft::new(identity.id, Arc::new(openraft_config(&config.raft)?), network, log.clone(), machine);
    let raft = raft.await.map_err(|error| ServeError::Consensus(error.to_string()))?;
    if identity.founder {
        found(&raft, &identity, &config.raft_addr).await?;
    }
    let core = Core::new(Parts {
        name: config.name.clone(),
        identity,
        cluster,
        timing: config.raft.clone(),
        host: host.clone(),
        raft,
        log,
        state,
        watches,
        expirer,
        links,
    });
    Ok((core, opened.lock))
}

/// Makes a cluster of this server alone, unless that was done before.
async fn found(raft: &Raft, identity: &Identity, addr: &str) -> Result<(), ServeError> {
    let me = Member { name: identity.name.clone(), addr: addr.to_owned() };
    let members: std::collections::BTreeMap<MemberId, Member> = [(identity.id, me)].into();
    match raft.initialize(members).await {
        Ok(()) | Err(RaftError::APIError(InitializeError::NotAllowed(_))) => Ok(()),
        Err(error) => Err(ServeError::Consensus(error.to_string())),
    }
}

fn openraft_config(timing: &RaftConfig) -> Result<OpenraftConfig, ServeError> {
    let ms = |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let config = OpenraftConfig {
        cluster_name: "sider".to_owned(),
        heartbeat_interval: ms(timing.heartbeat),
        election_timeout_min: ms(timing.election_min),
        election_timeout_max: ms(timing.election_max),
        install_snapshot_timeout: ms(limits::SNAPSHOT_TIMEOUT),
        max_payload_entries: limits::APPEND_ENTRIES_MAX as u64,
        // A follower further behind than a snapshot reaches back gets the snapshot.
        replication_lag_threshold: timing.snapshot_entries.saturating_add(timing.log_keep).saturating_add(1),
        snapshot_policy: SnapshotPolicy::LogsSinceLast(timing.snapshot_entries),
        max_in_snapshot_log_to_keep: timing.log_keep,
        enable_pre_vote: Some(true),
        // A crashed leader that comes back as leader of the same term, without a vote, gives a second command the
        // position of an entry that it lost before its sync but a follower has: acknowledged writes diverge (measured).
        enable_leader_restore: Some(false),
        allow_log_reversion: Some(false),
        ..OpenraftConfig::default()
    };
    config.validate().map_err(|error| ServeError::Consensus(format!("the timing is not valid: {error}")))
}

/// Waits on the metrics of the server, which change with its state. All metrics together change with every entry, and this
/// would then run, with all that `serve` waits for, each time. Consensus that stops drops both, after it has said why.
async fn consensus_stopped(raft: &Raft) -> String {
    let mut changes = raft.server_metrics();
    while changes.changed().await.is_ok() {}
    match &raft.metrics().borrow_watched().running_state {
        Err(fatal) => fatal.to_string(),
        Ok(()) => "its task ended".to_owned(),
    }
}

fn listener_error(ended: Result<io::Result<()>, tokio::task::JoinError>) -> ServeError {
    ServeError::Listener(match ended {
        Ok(Ok(())) => io::Error::other("it ended by itself"),
        Ok(Err(error)) => error,
        Err(error) => io::Error::other(error.to_string()),
    })
}

async fn stop(
    core: &Core,
    http_stop: &tokio::sync::watch::Sender<bool>,
    http: tokio::task::JoinHandle<io::Result<()>>,
) {
    http_stop.send_replace(true);
    core.parts.watches.close();
    if !http.is_finished() {
        // Open requests get their time; what is left then is cut off.
        let _ended = core.host().timeout(limits::SHUTDOWN_TIMEOUT, http).await;
    }
    if core.leads()
        && let Some(heir) = core.most_up_to_date()
    {
        tracing::info!("handing leadership over");
        if core.parts.raft.trigger().transfer_leader(heir).await.is_ok() {
            let mut changes = core.parts.raft.server_metrics();
            let handed_over = async { while core.leads() && changes.changed().await.is_ok() {} };
            let _elapsed = core.host().timeout(core.parts.timing.election_max, handed_over).await;
        }
    }
    if let Err(error) = core.parts.raft.shutdown().await {
        tracing::warn!(%error, "consensus did not stop in order");
    }
}
