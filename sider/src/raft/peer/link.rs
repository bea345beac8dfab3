//! The calling side: a persistent connection to one peer for one purpose, with many calls in flight.
//!
//! A call whose deadline passes takes its connection with it if nothing was heard on it meanwhile: TCP may be wedged. If
//! answers came, the peer is only slow with this one, and the other calls go on.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use sider_client::seam::{BoxStream, Dial};
use sider_registry::limits;
use tokio::io::{AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::frame::{Frame, FrameReader, Kind};
use super::message::{Call, MESSAGE_BYTES, Reply};
use crate::host::Host;
use crate::raft::types::MemberId;

/// What a connection is for: a large snapshot or a long append never stands in front of a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// Log entries and votes.
    Log,
    /// Heartbeats.
    Heartbeat,
    /// Snapshots.
    Snapshot,
    /// Writes and reads that clients asked a follower for.
    Forward,
}

/// Why a call has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Provably nothing arrived.
    #[error("not sent: {0}")]
    NotSent(String),
    /// It may have arrived.
    #[error("no answer: {0}")]
    Lost(String),
    /// It may have arrived.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
}

/// Who calls: shared by all links of a server.
#[derive(Debug)]
pub struct Caller {
    /// This server.
    pub id: MemberId,
    /// Its cluster, once it belongs to one.
    pub cluster: Arc<OnceLock<u128>>,
}

/// To whom, where, for what.
type Route = (MemberId, String, Purpose);

/// Links of one server to its peers, made when first used.
#[derive(Clone)]
pub struct Links {
    /// Where each member is now: a member that moves keeps its identity.
    addresses: Arc<Mutex<BTreeMap<MemberId, String>>>,
    caller: Arc<Caller>,
    dial: Arc<dyn Dial>,
    host: Host,
    open: Arc<Mutex<BTreeMap<Route, Arc<Link>>>>,
}

impl Links {
    /// No links yet.
    #[must_use]
    pub fn new(caller: Caller, dial: Arc<dyn Dial>, host: Host) -> Self {
        Self { addresses: Arc::default(), caller: Arc::new(caller), dial, host, open: Arc::default() }
    }

    /// The members are there now.
    pub fn learn<'a>(&self, members: impl Iterator<Item = (&'a MemberId, &'a str)>) {
        let now = members.map(|(id, addr)| (*id, addr.to_owned())).collect();
        *self.addresses.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    /// The link to the member `to`: where it is now, or at `addr` if it is not known.
    #[must_use]
    pub fn to_member(&self, to: MemberId, addr: &str, purpose: Purpose) -> Arc<Link> {
        let now = self.addresses.lock().unwrap_or_else(PoisonError::into_inner).get(&to).cloned();
        self.get(to, now.as_deref().unwrap_or(addr), purpose)
    }

    /// The link to the server `to` at `addr`. `to` 0: whoever listens there.
    #[must_use]
    pub fn get(&self, to: MemberId, addr: &str, purpose: Purpose) -> Arc<Link> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() > limits::MEMBERS_MAX * 8 {
            open.clear(); // of members long gone; those in use are made again
        }
        let link = open.entry((to, addr.to_owned(), purpose)).or_insert_with(|| {
            Arc::new(Link {
                to,
                addr: addr.to_owned(),
                caller: Arc::clone(&self.caller),
                dial: Arc::clone(&self.dial),
                host: self.host.clone(),
                connection: tokio::sync::Mutex::new(None),
            })
        });
        Arc::clone(link)
    }
}

/// See the module.
pub struct Link {
    to: MemberId,
    addr: String,
    caller: Arc<Caller>,
    dial: Arc<dyn Dial>,
    host: Host,
    connection: tokio::sync::Mutex<Option<Arc<Connection>>>,
}

/// A call under way.
pub struct Pending {
    connection: Arc<Connection>,
    host: Host,
    number: u64,
    answer: oneshot::Receiver<Reply>,
    within: Duration,
    /// Answers that had come on the connection when the call was sent.
    heard: u64,
    ended: bool,
}

/// Whoever waits may give up before the deadline, as openraft does with heartbeats. A connection on which calls are given
/// up and nothing is heard is as dead as one whose deadline passed; without a clock (none may be read here), some calls in
/// a row tell it.
impl Drop for Pending {
    fn drop(&mut self) {
        if !self.ended {
            self.connection.given_up(self.number, self.heard);
        }
    }
}

impl Link {
    /// Where it leads.
    #[must_use]
    pub fn addr(&self) -> &str {
        &self.addr
    }

    /// Asks and waits.
    ///
    /// # Errors
    /// No answer within `within` (which includes connecting).
    pub async fn call(&self, call: &Call, within: Duration) -> Result<Reply, CallError> {
        self.begin(call, within).await?.answer().await
    }

    /// Connects if needed and hands the call to the connection, in the order of the calls of this function.
    ///
    /// # Errors
    /// Not connected, or the connection's queue is full: provably nothing was sent.
    pub async fn begin(&self, call: &Call, within: Duration) -> Result<Pending, CallError> {
        let mut payload = Vec::with_capacity(MESSAGE_BYTES);
        rmp_serde::encode::write_named(&mut payload, call).map_err(|e| CallError::NotSent(e.to_string()))?;
        if payload.len() > limits::PEER_FRAME_LEN_MAX {
            return Err(CallError::NotSent(format!("a message of {} bytes is over the frame bound", payload.len())));
        }
        let connect = self.host.timeout(within.min(limits::PEER_DIAL_TIMEOUT), self.connected());
        let connection =
            connect.await.unwrap_or_else(|_| Err(CallError::NotSent(format!("{} does not accept", self.addr))))?;
        let heard = connection.heard();
        let (number, answer) = connection.send(self.to, &self.caller, payload.into())?;
        Ok(Pending { connection, host: self.host.clone(), number, answer, within, heard, ended: false })
    }

    async fn connected(&self) -> Result<Arc<Connection>, CallError> {
        let mut slot = self.connection.lock().await;
        if let Some(connection) = slot.as_ref().filter(|c| !c.shared.lock().closed) {
            return Ok(Arc::clone(connection));
        }
        *slot = None;
        let stream = self
            .dial
            .dial(&self.addr)
            .await
            .map_err(|e| CallError::NotSent(format!("connect to {}: {e}", self.addr)))?;
        let connection = Arc::new(Connection::start(stream, &self.host));
        *slot = Some(Arc::clone(&connection));
        Ok(connection)
    }
}

impl Pending {
    /// Waits for the answer.
    ///
    /// # Errors
    /// It does not come in time, or the connection breaks.
    pub async fn answer(mut self) -> Result<Reply, CallError> {
        let answered = self.host.timeout(self.within, &mut self.answer).await;
        self.ended = true;
        match answered {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(_)) => Err(CallError::Lost("the connection broke".to_owned())),
            Err(_) => {
                if self.connection.heard() == self.heard {
                    self.connection.close();
                } else {
                    self.connection.forget(self.number);
                }
                Err(CallError::Timeout(self.within))
            }
        }
    }
}

struct Connection {
    shared: Arc<Shared>,
    next: AtomicU64,
    queue: mpsc::Sender<Bytes>,
    tasks: [JoinHandle<()>; 2],
}

#[derive(Default)]
struct Shared(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    closed: bool,
    heard: u64,
    /// Calls given up in a row since something was heard.
    given_up: u32,
    calls: BTreeMap<u64, oneshot::Sender<Reply>>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everybody who waits learns that no answer comes.
    fn close(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        waiting.calls.clear();
    }
}

impl Connection {
    fn start(stream: BoxStream, host: &Host) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        let (queue, frames) = mpsc::channel(limits::PEER_QUEUE_MAX);
        let shared = Arc::new(Shared::default());
        let write = host.spawn(write_all(writer, frames, Arc::clone(&shared)));
        let read = host.spawn(read_all(reader, Arc::clone(&shared)));
        Self { shared, next: AtomicU64::new(1), queue, tasks: [write, read] }
    }

    fn send(
        &self,
        to: MemberId,
        caller: &Caller,
        payload: Bytes,
    ) -> Result<(u64, oneshot::Receiver<Reply>), CallError> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let cluster = caller.cluster.get().copied().unwrap_or(0);
        let frame = Frame { kind: Kind::Call, number, cluster, from: caller.id, to, payload };
        let mut bytes = BytesMut::new();
        frame.encode(&mut bytes);
        let (answer, waits) = oneshot::channel();
        let mut waiting = self.shared.lock();
        if waiting.closed {
            return Err(CallError::NotSent("the connection broke".to_owned()));
        }
        self.queue.try_send(bytes.freeze()).map_err(|e| CallError::NotSent(format!("the peer is too slow: {e}")))?;
        waiting.calls.insert(number, answer);
        Ok((number, waits))
    }

    /// See [`Pending`].
    fn given_up(&self, number: u64, heard: u64) {
        const IN_A_ROW: u32 = 3;
        let dead = {
            let mut waiting = self.shared.lock();
            waiting.calls.remove(&number);
            waiting.given_up += u32::from(waiting.heard == heard);
            waiting.given_up >= IN_A_ROW
        };
        if dead {
            self.close();
        }
    }

    /// Nobody waits for the answer of this call any more.
    fn forget(&self, number: u64) {
        self.shared.lock().calls.remove(&number);
    }

    fn heard(&self) -> u64 {
        self.shared.lock().heard
    }

    fn close(&self) {
        self.tasks.iter().for_each(JoinHandle::abort);
        self.shared.close();
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.close();
    }
}

async fn write_all(mut stream: WriteHalf<BoxStream>, mut frames: mpsc::Receiver<Bytes>, shared: Arc<Shared>) {
    let mut ready = Vec::new();
    let mut out = BytesMut::new();
    // Whatever is ready goes out in one write: many tiny frames are no faster than one call after the other.
    while frames.recv_many(&mut ready, limits::PEER_QUEUE_MAX).await > 0 {
        out.clear();
        ready.drain(..).for_each(|frame| out.extend_from_slice(&frame));
        if stream.write_all(&out).await.is_err() || stream.flush().await.is_err() {
            break;
        }
    }
    shared.close();
}

async fn read_all(stream: ReadHalf<BoxStream>, shared: Arc<Shared>) {
    let mut frames = FrameReader::new(stream);
    loop {
        match frames.next().await {
            Ok(Some(Frame { kind: Kind::Reply, number, payload, .. })) => {
                let waits = {
                    let mut waiting = shared.lock();
                    waiting.heard += 1;
                    waiting.given_up = 0;
                    waiting.calls.remove(&number)
                };
                match (waits, rmp_serde::from_slice(&payload)) {
                    // Nobody waits any more: the call was given up.
                    (None, _) => {}
                    (Some(waits), Ok(reply)) => drop(waits.send(reply)),
                    (Some(_), Err(error)) => {
                        tracing::warn!(%error, "a peer's answer does not decode");
                        break;
                    }
                }
            }
            Ok(Some(_)) => {
                tracing::warn!("a peer calls on a connection that it accepted");
                break;
            }
            Ok(None) => break,
            Err(error) => {
                tracing::debug!(%error, "a peer's connection ended");
                break;
            }
        }
    }
    shared.close();
}
