//! What the agent's loop and its local view share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sider_client::client::ServerAddress;
use sider_client::seam::Dial;
use sider_client::{Client, Settings};
use tokio::sync::Semaphore;

use crate::config::AgentConfig;
use crate::core::Core;
use crate::limits;
use crate::local::Cache;
use crate::metrics::Metrics;
use crate::probe::Probe;

/// Locks are held for a look or a change, never across a wait.
pub(crate) struct Shared {
    core: Mutex<Core>,
    client: Mutex<Arc<Client>>,
    pub(crate) probes: Arc<dyn Probe>,
    pub(crate) cache: Mutex<Cache>,
    pub(crate) metrics: Metrics,
    /// One for each connection of the local view.
    pub(crate) local_places: Arc<Semaphore>,
    dial: Arc<dyn Dial>,
    seed: u64,
}

impl Shared {
    pub(crate) fn new(
        core: Core,
        config: &AgentConfig,
        dial: Arc<dyn Dial>,
        probes: Arc<dyn Probe>,
        seed: u64,
    ) -> Self {
        let client = client(&config.servers, &dial, seed);
        Self {
            core: Mutex::new(core),
            client: Mutex::new(client),
            probes,
            cache: Mutex::default(),
            metrics: Metrics::new(),
            local_places: Arc::new(Semaphore::new(limits::LOCAL_CONNECTIONS_MAX)),
            dial,
            seed,
        }
    }

    pub(crate) fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn client(&self) -> Arc<Client> {
        Arc::clone(&self.client.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Calls that are under way end with the old list.
    pub(crate) fn set_servers(&self, servers: &[ServerAddress]) {
        let mut current = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if !current.servers().eq(servers) {
            *current = client(servers, &self.dial, self.seed);
        }
    }
}

fn client(servers: &[ServerAddress], dial: &Arc<dyn Dial>, seed: u64) -> Arc<Client> {
    let settings = Settings {
        dial_timeout: limits::DIAL_TIMEOUT,
        call_timeout: limits::CALL_TIMEOUT,
        total_timeout: limits::CALL_TOTAL_TIMEOUT,
        // Each server once, and once more: pauses between calls are the core's.
        attempts_max: u32::try_from(servers.len() + 1).unwrap_or(u32::MAX),
        backoff_min: limits::BACKOFF_MIN,
        backoff_max: limits::BACKOFF_MAX,
        answer_len_max: limits::ANSWER_LEN_MAX,
    };
    Arc::new(Client::new(servers.to_vec(), Arc::clone(dial), settings, seed))
}
