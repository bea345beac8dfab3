//! A typed client of the HTTP API.
//!
//! One [`Client`] speaks to one server ([`Client::to`]: the caller picks, and repeats) or to a list of them
//! ([`Client::new`]: the next one when one fails). Connections are kept alive; each call has a deadline, and a call that
//! misses it closes its connection: what was lost on the way would otherwise block every later call on it.
//!
//! Time comes from tokio, randomness from the seed, the network from [`crate::seam::Dial`]; nothing here starts a task:
//! a call that is dropped takes its connection with it, and so frees its watch on the server.
//!
//! | room | what it holds |
//! |---|---|
//! | [`address`] | where a server is |
//! | [`answer`] | what a call can end in: reads, three-valued writes |
//! | `connection` | one HTTP/1 connection, and one exchange over it |
//! | `failover` | which server next, and whether a repetition is safe |
//! | `reads`, `writes`, `cluster` | the endpoints |

pub mod address;
pub mod answer;

mod cluster;
mod connection;
mod failover;
mod reads;
mod writes;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::Instant;

pub use address::{AddressError, ServerAddress};
pub use answer::{Ack, CallError, Outcome, RawAnswer, Read, ReadError};
pub use reads::{Consistency, Query};
pub use writes::CheckVerdict;

use crate::seam::Dial;
use connection::Connection;

/// Idle connections kept for one server. More calls at a time open more, which are closed afterwards.
const IDLE_CONNECTIONS_MAX: usize = 4;

/// Bounds of a client.
#[derive(Debug, Clone)]
pub struct Settings {
    /// For a connection to be made.
    pub dial_timeout: Duration,
    /// For one attempt, dialling included. A poll gets its wait and the server's jitter on top.
    pub call_timeout: Duration,
    /// For a call with all its attempts. Of a poll, the time after which no new attempt is begun.
    pub total_timeout: Duration,
    /// Attempts of one call.
    pub attempts_max: u32,
    /// First pause after all servers failed in turn; doubles up to `backoff_max`. What is slept is drawn from the
    /// upper half, so that clients that failed together do not come back together.
    pub backoff_min: Duration,
    /// Longest pause.
    pub backoff_max: Duration,
    /// Longest body of an answer. 10 000 instances with full tags and meta are several MiB.
    pub answer_len_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            dial_timeout: Duration::from_secs(1),
            call_timeout: Duration::from_secs(6),
            total_timeout: Duration::from_secs(15),
            attempts_max: 12,
            backoff_min: Duration::from_millis(50),
            backoff_max: Duration::from_secs(2),
            answer_len_max: 64 * 1024 * 1024,
        }
    }
}

/// A client. Calls may run at the same time; each has its own connection.
pub struct Client {
    servers: Vec<Server>,
    dial: Arc<dyn Dial>,
    settings: Settings,
    choice: Mutex<Choice>,
}

struct Server {
    address: ServerAddress,
    idle: Mutex<Vec<Connection>>,
}

/// What calls share about where to go next.
struct Choice {
    /// The server of the next call: the last one that answered.
    preferred: usize,
    rng: StdRng,
}

/// One request, as often as it is sent.
struct Call<'a> {
    method: Method,
    path: String,
    body: Bytes,
    headers: HeaderMap,
    timeout: Duration,
    /// `X-Idempotency-Key`: makes a repetition safe.
    key: Option<&'a str>,
}

impl Client {
    /// A client of several servers, which begins with a random one.
    ///
    /// # Panics
    /// Without a server: whoever parses the configuration refuses an empty list.
    #[must_use]
    pub fn new(servers: Vec<ServerAddress>, dial: Arc<dyn Dial>, settings: Settings, seed: u64) -> Self {
        assert!(!servers.is_empty(), "a client needs a server");
        let mut rng = StdRng::seed_from_u64(seed);
        let preferred = rng.random_range(0..servers.len());
        Self {
            servers: servers.into_iter().map(|address| Server { address, idle: Mutex::default() }).collect(),
            dial,
            settings,
            choice: Mutex::new(Choice { preferred, rng }),
        }
    }

    /// A client of one server that sends each request once: the caller picks the server and decides what to repeat.
    #[must_use]
    pub fn to(server: ServerAddress, dial: Arc<dyn Dial>, settings: Settings) -> Self {
        Self::new(vec![server], dial, Settings { attempts_max: 1, ..settings }, 0)
    }

    /// The servers, in the order given.
    pub fn servers(&self) -> impl Iterator<Item = &ServerAddress> {
        self.servers.iter().map(|server| &server.address)
    }

    /// Sends one request to the preferred server, once, and gives back whatever it says.
    ///
    /// # Errors
    /// No answer: see [`CallError`] for whether anything was sent.
    pub async fn raw(
        &self,
        method: Method,
        path_and_query: &str,
        headers: HeaderMap,
        body: Bytes,
        timeout: Duration,
    ) -> Result<RawAnswer, CallError> {
        let call = Call { method, path: path_and_query.to_owned(), body, headers, timeout, key: None };
        let server = self.preferred();
        self.attempt(server, &call, Instant::now() + timeout).await
    }

    /// Closes the idle connections.
    pub fn disconnect(&self) {
        for server in &self.servers {
            server.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }

    fn preferred(&self) -> usize {
        self.choice().preferred
    }

    fn choice(&self) -> std::sync::MutexGuard<'_, Choice> {
        self.choice.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("servers", &self.servers().collect::<Vec<_>>()).finish_non_exhaustive()
    }
}
