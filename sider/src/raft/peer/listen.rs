//! The answering side: accepts peers' connections and answers their calls, each connection in a task of its own.

use std::io;
use std::pin::pin;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use sider_client::seam::{BoxFuture, BoxStream, Listen};
use sider_registry::limits;
use tokio::io::{AsyncWriteExt as _, WriteHalf};
use tokio::sync::watch;

use super::frame::{Frame, FrameError, FrameReader, Kind};
use super::message::{MESSAGE_BYTES, Reply};
use crate::host::Host;
use crate::places::{Bounds, Places};
use crate::raft::types::MemberId;

/// Whoever answers calls.
pub trait Answer: Send + Sync + 'static {
    /// Answers one call. Calls of a connection are begun in the order in which they arrived.
    fn answer(self: Arc<Self>, frame: Frame) -> BoxFuture<'static, Reply>;
    /// This server and its cluster, for the head of the answers.
    fn sender(&self) -> (MemberId, u128);
}

/// Accepts until `stop` turns true.
///
/// # Errors
/// The listener is broken.
pub async fn accept(
    mut listener: Box<dyn Listen>,
    answers: Arc<dyn Answer>,
    host: Host,
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let places =
        Places::new(Bounds { per_address: limits::PEER_CONNECTIONS_PER_ADDRESS, all: limits::PEER_CONNECTIONS_MAX });
    loop {
        let accepted = tokio::select! {
            biased;
            () = stopped(&mut stop) => return Ok(()),
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, or a peer that reset at once: neither may end the server.
                tracing::warn!(%error, "cannot accept a peer");
                host.sleep(limits::ACCEPT_RETRY).await;
                continue;
            }
        };
        let place = match places.take(peer.ip()) {
            Ok(place) => place,
            Err(full) => {
                tracing::warn!(%peer, %full, "refused a connection on the Raft port");
                continue;
            }
        };
        let (answers, stop, task_host) = (Arc::clone(&answers), stop.clone(), host.clone());
        host.spawn(async move {
            let _place = place;
            if let Err(error) = serve(stream, answers, task_host, stop).await {
                match error {
                    FrameError::Io(error) => tracing::debug!(%peer, %error, "a peer's connection ended"),
                    error => tracing::warn!(%peer, %error, "refused a connection on the Raft port"),
                }
            }
        });
    }
}

/// Resolves when the server stops. Not `wait_for` itself, whose answer holds a lock across the `select!`.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _gone = stop.wait_for(|stop| *stop).await.is_err();
}

async fn serve(
    stream: BoxStream,
    answers: Arc<dyn Answer>,
    host: Host,
    mut stop: watch::Receiver<bool>,
) -> Result<(), FrameError> {
    let (reader, mut writer) = tokio::io::split(stream);
    let mut frames = FrameReader::new(reader);
    // Not one task per call: futures of one set are begun in the order in which they were put in, and appends that
    // overtake each other would be refused by the log.
    let mut under_way = FuturesUnordered::new();
    let mut stopping = pin!(stopped(&mut stop));
    loop {
        tokio::select! {
            biased;
            () = &mut stopping => return Ok(()),
            Some((frame, reply)) = under_way.next(), if !under_way.is_empty() => {
                let mut out = BytesMut::new();
                encode(answers.as_ref(), &frame, &reply, &mut out);
                // Whatever else is ready goes out in the same write.
                while let Some(Some((frame, reply))) = futures_util::FutureExt::now_or_never(under_way.next()) {
                    encode(answers.as_ref(), &frame, &reply, &mut out);
                }
                write(&mut writer, &out, &host).await?;
            }
            frame = frames.next(), if under_way.len() < limits::PEER_REQUESTS_IN_FLIGHT_MAX => {
                let Some(frame) = frame? else { return Ok(()) };
                let head = Frame { payload: Bytes::new(), ..frame.clone() };
                let reply = Arc::clone(&answers).answer(frame);
                under_way.push(async move { (head, reply.await) });
            }
            () = host.sleep(limits::PEER_IDLE_TIMEOUT), if under_way.is_empty() => return Ok(()),
        }
    }
}

fn encode(answers: &dyn Answer, call: &Frame, reply: &Reply, out: &mut BytesMut) {
    let mut payload = Vec::with_capacity(MESSAGE_BYTES);
    rmp_serde::encode::write_named(&mut payload, reply).expect("replies have a msgpack form");
    let (from, cluster) = answers.sender();
    Frame { kind: Kind::Reply, number: call.number, cluster, from, to: call.from, payload: payload.into() }.encode(out);
}

async fn write(writer: &mut WriteHalf<BoxStream>, out: &[u8], host: &Host) -> Result<(), FrameError> {
    let written = host.timeout(limits::PEER_IDLE_TIMEOUT, async {
        writer.write_all(out).await?;
        writer.flush().await
    });
    written.await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map_err(FrameError::Io)
}
