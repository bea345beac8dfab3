//! Reads of `/v1/health/service/{name}` go to the cluster; its last answer is kept and given, with its age, when no server
//! can be reached or none has a leader. An old address is of more use than none.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Uri, header};
use http_body_util::Full;
use sider_client::client::{CallError, RawAnswer};
use sider_client::duration;
use sider_client::wire::header as names;
use sider_registry::limits::{WAIT_DEFAULT, WAIT_JITTER_DIVISOR, WAIT_MAX};
use tokio::time::Instant;

use super::{Answer, plain};
use crate::limits;
use crate::shared::Shared;

/// `HIT` or `MISS`, as Consul's agent says it. A hit's age in seconds stands in `Age`.
const X_CACHE: HeaderName = HeaderName::from_static("x-cache");

/// Headers of a server's answer that are passed on.
const PASSED_ON: [HeaderName; 9] = [
    header::CONTENT_TYPE,
    names::X_INDEX,
    names::X_CONSUL_INDEX,
    names::X_APPLIED_INDEX,
    names::X_LAST_CONTACT,
    names::X_CONSUL_LAST_CONTACT,
    names::X_KNOWN_LEADER,
    names::X_CONSUL_KNOWN_LEADER,
    names::X_SIDER_ERROR,
];

/// The last good answer to each question.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    entries: BTreeMap<String, Entry>,
    len: usize,
}

#[derive(Debug, Clone)]
struct Entry {
    headers: HeaderMap,
    body: Bytes,
    at: Instant,
}

impl Cache {
    /// Keeps an answer; the oldest ones make room.
    fn keep(&mut self, question: String, entry: Entry) {
        let len = question.len() + entry.body.len();
        if len > limits::CACHE_LEN_MAX {
            return;
        }
        let question_len = question.len();
        self.len += len;
        if let Some(old) = self.entries.insert(question, entry) {
            self.len -= question_len + old.body.len();
        }
        while self.entries.len() > limits::CACHE_ENTRIES_MAX || self.len > limits::CACHE_LEN_MAX {
            let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.at).map(|(question, _)| question.clone());
            let Some((question, removed)) = oldest.and_then(|question| self.entries.remove_entry(&question)) else {
                return;
            };
            self.len -= question.len() + removed.body.len();
        }
    }
}

/// Asks the cluster, else the cache.
pub(super) async fn read_through(shared: &Shared, uri: &Uri) -> Answer {
    let asked_at = Instant::now();
    let path = uri.path_and_query().map_or_else(|| uri.path().to_owned(), ToString::to_string);
    let patience = patience(uri.query().unwrap_or_default());
    let result = shared.client().pass_through(&path, patience).await;
    let question = question(uri);
    match result {
        // A portal's page is no answer: it must not take the place of one.
        Ok(answer) if answer.status == StatusCode::OK && answer.index().is_some() => {
            let entry = Entry { headers: passed_on(&answer), body: answer.body, at: Instant::now() };
            shared.cache.lock().unwrap_or_else(PoisonError::into_inner).keep(question, entry.clone());
            render(&entry, "MISS", Duration::ZERO)
        }
        Ok(answer) if answer.code().is_some() && !answer.is_transient() => refused(&answer),
        failed => {
            let kept = shared.cache.lock().unwrap_or_else(PoisonError::into_inner).entries.get(&question).cloned();
            match kept {
                Some(entry) => {
                    if !patience.is_zero() {
                        tokio::time::sleep_until(asked_at + limits::CACHED_POLL_PAUSE).await;
                    }
                    let age = entry.at.elapsed();
                    render(&entry, "HIT", age)
                }
                None => unavailable(failed),
            }
        }
    }
}

/// How long a server may take on top: what the query waits, with the server's jitter.
fn patience(query: &str) -> Duration {
    let value = |name: &str| {
        query.split('&').find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name).map(|(_, value)| value))
    };
    if value("index").is_none_or(|index| index == "0") {
        return Duration::ZERO;
    }
    let wait = value("wait").and_then(|text| duration::parse(text).ok()).unwrap_or(WAIT_DEFAULT).min(WAIT_MAX);
    wait + wait / WAIT_JITTER_DIVISOR
}

/// What is asked, whatever the index and the mode: the same question has the same last answer.
fn question(uri: &Uri) -> String {
    let mut pairs: Vec<&str> = uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !matches!(pair.split('=').next(), Some("" | "index" | "wait" | "stale" | "consistent")))
        .collect();
    pairs.sort_unstable();
    format!("{}?{}", uri.path(), pairs.join("&"))
}

fn passed_on(answer: &RawAnswer) -> HeaderMap {
    PASSED_ON.iter().filter_map(|name| Some((name.clone(), answer.headers.get(name)?.clone()))).collect()
}

fn render(entry: &Entry, cache: &'static str, age: Duration) -> Answer {
    let mut answer = Response::new(Full::new(entry.body.clone()));
    *answer.headers_mut() = entry.headers.clone();
    let headers = answer.headers_mut();
    headers.insert(X_CACHE, HeaderValue::from_static(cache));
    headers.insert(header::AGE, age.as_secs().into());
    if !age.is_zero() {
        // What the server said of its contact is older by the age now.
        let contact = entry.headers.get(&names::X_LAST_CONTACT).and_then(|value| value.to_str().ok()?.parse().ok());
        let contact_ms = contact.unwrap_or(0_u64).saturating_add(u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
        headers.insert(names::X_LAST_CONTACT, contact_ms.into());
        headers.insert(names::X_CONSUL_LAST_CONTACT, contact_ms.into());
        headers.insert(names::X_KNOWN_LEADER, HeaderValue::from_static("false"));
        headers.insert(names::X_CONSUL_KNOWN_LEADER, HeaderValue::from_static("false"));
    }
    answer
}

fn refused(answer: &RawAnswer) -> Answer {
    let mut passed = Response::new(Full::new(answer.body.clone()));
    *passed.status_mut() = answer.status;
    *passed.headers_mut() = passed_on(answer);
    passed
}

fn unavailable(failed: Result<RawAnswer, CallError>) -> Answer {
    let reason = match failed {
        Ok(answer) if answer.code().is_some() => return refused(&answer),
        Ok(answer) => format!("an answer with status {} that no Sider server gives", answer.status.as_u16()),
        Err(error) => error.to_string(),
    };
    let text = format!("no server can be reached, and this was never asked before: {reason}\n");
    let mut answer = plain(StatusCode::SERVICE_UNAVAILABLE, text);
    answer.headers_mut().insert(names::X_SIDER_ERROR, HeaderValue::from_static("not-ready"));
    answer
}
