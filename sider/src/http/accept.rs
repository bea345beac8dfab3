//! The accept loop: takes connections within their bounds, serves each with hyper, and ends them all in good order.
//!
//! Knows nothing of routes or of the registry.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use futures_util::FutureExt as _;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use sider_client::seam::{BoxStream, Listen, Timed};
use sider_registry::limits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{Semaphore, mpsc, watch};
use tower::ServiceExt as _;

use super::metrics::Metrics;
use super::stream::{Turns, WithClient};
use crate::host::Host;
use crate::places::{NoPlace, Place, Places};

/// After an accept that failed for want of a resource (file descriptors): time for one to come free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What connections are told when the server stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    /// Finish the request that is open, then close.
    Draining,
    /// Close.
    Closed,
}

/// The client at the other end, for the access log.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) SocketAddr);

/// What the loop needs.
pub(super) struct Acceptor {
    pub(super) host: Host,
    pub(super) router: Router,
    pub(super) places: Places,
    pub(super) metrics: Arc<Metrics>,
}

impl Acceptor {
    /// Serves until `shutdown` says so, then ends what is open within [`limits::SHUTDOWN_TIMEOUT`].
    pub(super) async fn run(
        self,
        mut listener: Box<dyn Listen>,
        mut shutdown: watch::Receiver<bool>,
    ) -> io::Result<()> {
        let (stage, stages) = watch::channel(Stage::Open);
        // Every connection holds a sender; when the last one is gone, so is the last connection.
        let (alive, mut all_gone) = mpsc::channel::<Infallible>(1);
        let refusals = Arc::new(Semaphore::new(limits::HTTP_REFUSALS_MAX));
        loop {
            let accepted = tokio::select! {
                biased;
                // An error means that nobody can ask us to stop any more: stop.
                _ = shutdown.wait_for(|stop| *stop) => break,
                accepted = listener.accept() => accepted,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    self.host.sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            match self.places.take(peer.ip()) {
                Ok(place) => self.serve(stream, peer, (place, alive.clone()), stages.clone()),
                Err(why) => self.refuse(stream, peer, why, &refusals),
            }
        }
        drop(listener);
        drop(alive);
        drop(stages);
        stage.send_replace(Stage::Draining);
        let open = self.places.len();
        if self.host.timeout(limits::SHUTDOWN_TIMEOUT, all_gone.recv()).await.is_err() {
            tracing::warn!(
                open,
                left = self.places.len(),
                "clients did not finish in time; their connections are closed"
            );
        }
        stage.send_replace(Stage::Closed);
        Ok(())
    }

    fn serve(
        &self,
        stream: BoxStream,
        peer: SocketAddr,
        held: (Place, mpsc::Sender<Infallible>),
        mut stages: watch::Receiver<Stage>,
    ) {
        let turns = Turns::default();
        let io = TokioIo::new(Timed::new(stream, WithClient::new(self.host.clone(), turns.clone())));
        let router = self.router.clone();
        let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
            let turn = turns.begin();
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(Peer(peer));
            let answer = router.clone().oneshot(request);
            async move {
                let answer = answer.await;
                drop(turn);
                answer
            }
        });
        let connection = http1::Builder::new()
            // hyper's `Date` reads the real clock; ours comes from the host's.
            .auto_date_header(false)
            .max_buf_size(limits::HTTP_HEAD_LEN_MAX)
            .serve_connection(io, service);
        self.host.spawn(async move {
            let _held = held;
            let mut connection = pin!(connection);
            loop {
                tokio::select! {
                    biased;
                    result = connection.as_mut() => {
                        if let Err(error) = result {
                            tracing::debug!(%peer, %error, "a connection broke");
                        }
                        return;
                    }
                    changed = stages.changed() => {
                        if changed.is_err() || *stages.borrow_and_update() == Stage::Closed {
                            return;
                        }
                        connection.as_mut().graceful_shutdown();
                    }
                }
            }
        });
    }

    /// Tells a client why it gets no place, if there is a place for telling.
    fn refuse(&self, mut stream: BoxStream, peer: SocketAddr, why: NoPlace, refusals: &Arc<Semaphore>) {
        self.metrics.connection_refused(why.reason());
        tracing::debug!(%peer, reason = %why, "a connection was refused");
        let Ok(permit) = Arc::clone(refusals).try_acquire_owned() else { return };
        let host = self.host.clone();
        self.host.spawn(async move {
            let telling = async {
                stream.write_all(refusal(why).as_bytes()).await?;
                stream.shutdown().await?;
                // Closing with unread bytes resets the connection, and the client sees the reset instead of the answer.
                let mut rest = [0_u8; 1024];
                while stream.read(&mut rest).await? > 0 {}
                io::Result::Ok(())
            };
            // Whether the client listened is its own affair.
            let _told = host.timeout(limits::HTTP_REFUSAL_TIMEOUT, telling).map(drop).await;
            drop(permit);
        });
    }
}

/// An answer without a request.
fn refusal(why: NoPlace) -> String {
    let text = format!("{why}\n");
    format!(
        "HTTP/1.1 429 Too Many Requests\r\ncontent-type: text/plain; charset=utf-8\r\nx-sider-error: overloaded\r\n\
         retry-after: 1\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{text}",
        text.len()
    )
}
