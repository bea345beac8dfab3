//! Which server next, and whether a repetition is safe.
//!
//! A read may always be repeated. A write may be repeated when it provably did nothing, or when it carries an idempotency
//! key; a write that got no decisive answer once stays unknown until a repetition of it is acknowledged, because the
//! first request may still be on its way.

use std::sync::PoisonError;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, header};
use http_body_util::Full;
use rand::RngExt;
use serde::de::DeserializeOwned;
use sider_registry::model::Index;
use tokio::time::Instant;

use super::connection::{Broken, Connection};
use super::{Ack, Call, CallError, Client, IDLE_CONNECTIONS_MAX, Outcome, RawAnswer, Read, ReadError};
use crate::seam::{Sleep, Timeout};
use crate::wire::header::X_IDEMPOTENCY_KEY;

/// What one attempt says about the next.
enum Verdict {
    Final,
    /// The same request may be sent again without a second effect.
    Repeatable,
}

fn read_verdict(result: &Result<RawAnswer, CallError>) -> Verdict {
    if is_usable(result) { Verdict::Final } else { Verdict::Repeatable }
}

/// True for an answer that another server would give too. A refusal without a code comes from something else that listens
/// at a server's address: a proxy, a portal, another program.
fn is_usable(result: &Result<RawAnswer, CallError>) -> bool {
    match result {
        Ok(answer) => answer.status.is_success() || (answer.code().is_some() && !answer.is_transient()),
        Err(_) => false,
    }
}

impl Client {
    /// A read: any answer that another server might better is not the last word.
    pub(super) async fn read_call<T: DeserializeOwned>(&self, call: Call<'_>) -> Result<Read<T>, ReadError> {
        let (server, result) = self.attempts(&call, read_verdict).await;
        let answer = result?;
        if !answer.status.is_success() {
            let (code, status, text) = (answer.code(), answer.status.as_u16(), answer.text());
            return Err(ReadError::Refused { server, code, status, text });
        }
        match serde_json::from_slice(&answer.body) {
            Ok(body) => Ok(Read {
                body,
                index: answer.index().unwrap_or_default(),
                applied: answer.applied().unwrap_or_default(),
                last_contact: answer.last_contact(),
                known_leader: answer.known_leader(),
                server,
            }),
            Err(error) => {
                self.avoid(&server);
                Err(ReadError::Garbled { server, problem: error.to_string() })
            }
        }
    }

    /// A GET of `path_and_query`, on the next server when one fails, and whatever the last one says. `patience` is the
    /// time that the request itself asks to wait.
    ///
    /// # Errors
    /// No server answered.
    pub async fn pass_through(&self, path_and_query: &str, patience: Duration) -> Result<RawAnswer, CallError> {
        let call = self.get(path_and_query.to_owned(), patience);
        self.attempts(&call, read_verdict).await.1
    }

    /// A write. `decode` reads the body of a success.
    pub(super) async fn write_call<T>(
        &self,
        call: Call<'_>,
        decode: impl FnOnce(&[u8]) -> Result<T, serde_json::Error>,
    ) -> Outcome<Ack<T>> {
        let mut in_doubt = None;
        let keyed = call.key.is_some();
        let (server, result) = self
            .attempts(&call, |result| match result {
                Ok(answer) if answer.status.is_success() => Verdict::Final,
                Ok(answer) if answer.proves_nothing_happened() => read_verdict(result),
                Err(CallError::NotSent { .. }) => Verdict::Repeatable,
                undecided => {
                    in_doubt = Some(match undecided {
                        Ok(answer) => format!("{}: {}", answer.status, answer.text()),
                        Err(error) => error.to_string(),
                    });
                    if keyed { Verdict::Repeatable } else { Verdict::Final }
                }
            })
            .await;
        match (result, in_doubt) {
            (Ok(answer), _) if answer.status.is_success() => match decode(&answer.body) {
                Ok(body) => Outcome::Ok(Ack { answer: body, index: answer.index().unwrap_or(Index(0)), server }),
                Err(error) => {
                    self.avoid(&server);
                    Outcome::Unknown(format!("{server} answered what no Sider server answers: {error}"))
                }
            },
            (_, Some(reason)) => Outcome::Unknown(reason),
            (Ok(answer), None) => {
                Outcome::Rejected { code: answer.code(), status: answer.status.as_u16(), text: answer.text() }
            }
            (Err(error), None) => Outcome::Rejected { code: None, status: 0, text: error.to_string() },
        }
    }

    /// Sends `call` to one server after another until `judge` calls an answer final or a bound is reached. After a round
    /// of all servers it pauses. Says who answered last.
    async fn attempts(
        &self,
        call: &Call<'_>,
        mut judge: impl FnMut(&Result<RawAnswer, CallError>) -> Verdict,
    ) -> (String, Result<RawAnswer, CallError>) {
        let begun = Instant::now();
        let mut server = self.preferred();
        let mut attempt = 0;
        loop {
            let result = self.attempt(server, call, Instant::now() + call.timeout).await;
            let name = self.servers[server].address.as_str().to_owned();
            attempt += 1;
            // A server that gave no usable answer is not where the next call begins, whether this one goes on or not.
            let next = (server + 1) % self.servers.len();
            self.choice().preferred = if is_usable(&result) { server } else { next };
            if matches!(judge(&result), Verdict::Final) {
                return (name, result);
            }
            tracing::debug!(server = %name, attempt, "attempt failed");
            server = next;
            let round_over = (attempt as usize).is_multiple_of(self.servers.len());
            let pause = if round_over { self.pause(attempt) } else { Duration::ZERO };
            if attempt >= self.settings.attempts_max || begun.elapsed() + pause >= self.settings.total_timeout {
                return (name, result);
            }
            if !pause.is_zero() {
                Sleep::new(pause, self.dial.timers().as_ref()).await;
            }
        }
    }

    /// The next call begins with another server than this one, whose answer could not be read.
    fn avoid(&self, server: &str) {
        let mut choice = self.choice();
        if self.servers[choice.preferred].address.as_str() == server {
            choice.preferred = (choice.preferred + 1) % self.servers.len();
        }
    }

    /// Pause after `attempt` attempts: doubled for each round, bounded, drawn from the upper half.
    fn pause(&self, attempt: u32) -> Duration {
        let rounds = attempt / u32::try_from(self.servers.len()).unwrap_or(u32::MAX);
        let doubled = self.settings.backoff_min.saturating_mul(1 << rounds.saturating_sub(1).min(16));
        let longest = doubled.min(self.settings.backoff_max);
        longest.mul_f64(self.choice().rng.random_range(0.5..=1.0))
    }

    /// One request to one server. On a missed deadline the connection is dropped with the request.
    pub(super) async fn attempt(
        &self,
        server: usize,
        call: &Call<'_>,
        deadline: Instant,
    ) -> Result<RawAnswer, CallError> {
        let server = &self.servers[server];
        let name = || server.address.as_str().to_owned();
        let not_sent = |reason: String| CallError::NotSent { server: name(), reason };
        let request = self.request(server.address.as_str(), call).map_err(|error| not_sent(error.to_string()))?;
        let timers = self.dial.timers();
        // A kept connection may turn out closed while the request is handed over; a fresh one is then worth one try.
        loop {
            let (connection, kept) = self.connect(server, deadline).await.map_err(not_sent)?;
            let exchange = connection.exchange(request.clone(), self.settings.answer_len_max);
            let Ok((connection, result)) = Timeout::until(deadline, exchange, timers.as_ref()).await else {
                let reason = format!("no answer within {:?}", call.timeout);
                return Err(CallError::NoAnswer { server: name(), reason });
            };
            if let Some(connection) = connection {
                let mut idle = server.idle.lock().unwrap_or_else(PoisonError::into_inner);
                if idle.len() < IDLE_CONNECTIONS_MAX {
                    idle.push(connection);
                }
            }
            return match result {
                Ok(answer) => Ok(answer),
                Err(Broken::BeforeSending(_)) if kept => continue,
                Err(Broken::BeforeSending(reason)) => Err(not_sent(reason)),
                Err(Broken::AfterSending(reason)) => Err(CallError::NoAnswer { server: name(), reason }),
            };
        }
    }

    /// A kept connection that still works, else a new one. True when it was kept.
    async fn connect(&self, server: &super::Server, deadline: Instant) -> Result<(Connection, bool), String> {
        let timers = self.dial.timers();
        loop {
            let kept = server.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(mut kept) = kept else { break };
            if Timeout::until(deadline, kept.is_usable(), timers.as_ref()).await.unwrap_or(false) {
                return Ok((kept, true));
            }
        }
        let by = deadline.min(Instant::now() + self.settings.dial_timeout);
        match Timeout::until(by, Connection::open(&*self.dial, server.address.as_str()), timers.as_ref()).await {
            Ok(Ok(connection)) => Ok((connection, false)),
            Ok(Err(error)) => Err(format!("cannot connect: {error}")),
            Err(_) => Err("cannot connect: no answer in time".into()),
        }
    }

    fn request(&self, host: &str, call: &Call<'_>) -> Result<Request<Full<Bytes>>, http::Error> {
        let mut request =
            Request::builder().method(call.method.clone()).uri(&call.path).body(Full::new(call.body.clone()))?;
        let headers = request.headers_mut();
        headers.extend(call.headers.clone());
        headers.insert(header::HOST, HeaderValue::from_str(host)?);
        if !call.body.is_empty() && !headers.contains_key(header::CONTENT_TYPE) {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if let Some(key) = call.key {
            headers.insert(X_IDEMPOTENCY_KEY, HeaderValue::from_str(key)?);
        }
        Ok(request)
    }
}
