//! The HTTP API (SPEC section 8): Consul's shapes where Consul has the endpoint, so that its clients can read them.
//!
//! | room | what it does |
//! |---|---|
//! | [`routes`] | every path on one page |
//! | [`accept`], [`stream`] | connections: accept, bounds, time-outs, an end in good order |
//! | [`call`], [`decode`] | requests into commands and queries |
//! | [`register`], [`check`], [`catalog`], [`health`], [`raft`], [`status`] | handlers by area |
//! | [`poll`] | reads at once, or when something has changed |
//! | [`bodies`], [`render`], [`reply`] | answers |
//! | [`error`] | errors into statuses, in one place |
//! | [`observe`], [`metrics`] | the access log and the counters |
//!
//! Knows nothing of openraft, LMDB or peers: it asks a [`Node`]. Reads no clock, draws no random number and starts no
//! task but through the node's host.

mod accept;
mod bodies;
mod call;
mod catalog;
mod check;
mod date;
mod decode;
mod error;
mod health;
mod metrics;
mod observe;
mod poll;
mod raft;
mod register;
mod render;
mod reply;
mod room;
mod routes;
mod status;
mod stream;

use std::io;
use std::sync::Arc;

use sider_client::seam::Listen;
use sider_registry::command::CheckReport;
use sider_registry::{Command, Outcome, limits};
use tokio::sync::watch;

use self::accept::Acceptor;
use self::bodies::Bodies;
use self::error::ApiError;
use self::metrics::Metrics;
use self::room::Room;
use crate::config::HttpConfig;
use crate::node::{Node, WriteError};
use crate::places::{Bounds, Places};

/// What the handlers share.
struct Api {
    node: Node,
    bodies: Bodies,
    metrics: Arc<Metrics>,
    places: Places,
    room: Room,
}

impl Api {
    /// Writes a command and counts how it ended.
    async fn write(&self, command: Command, key: Option<String>) -> Result<Outcome, WriteError> {
        let result = self.node.write(command, key).await;
        self.metrics.written(&result);
        result
    }

    /// Reports statuses and counts how it ended.
    async fn report(&self, reports: Vec<CheckReport>, key: Option<String>) -> Result<Outcome, WriteError> {
        let result = self.node.report(reports, key).await;
        self.metrics.written(&result);
        result
    }
}

/// Serves the API on `listener` until `shutdown` turns true; then finishes what is open, at most for
/// [`sider_registry::limits::SHUTDOWN_TIMEOUT`]. Parked polls end when the node's watches are closed, which is the
/// caller's part of the sequence.
///
/// # Errors
/// None today: a failed accept is logged and tried again.
pub async fn run(
    config: HttpConfig,
    listener: Box<dyn Listen>,
    node: Node,
    shutdown: watch::Receiver<bool>,
) -> io::Result<()> {
    let host = node.host().clone();
    let metrics = Arc::new(Metrics::new());
    let places = Places::new(Bounds { per_address: config.connections_per_address, all: config.connections });
    let api = Arc::new(Api {
        node,
        bodies: Bodies::default(),
        metrics: Arc::clone(&metrics),
        places: places.clone(),
        room: Room::new(limits::HTTP_BODIES_HELD_BYTES_MAX, limits::HTTP_BODIES_KEPT_FOR_SMALL),
    });
    Acceptor { host, router: routes::router(api), places, metrics }.run(listener, shutdown).await
}

/// The registry answered another question than it was asked.
fn unexpected(asked: &str, outcome: &Outcome) -> ApiError {
    ApiError::Internal(format!("{asked} was answered with {outcome:?}"))
}
