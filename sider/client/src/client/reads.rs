//! Reads and watches of services.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sider_registry::limits;
use sider_registry::model::Index;

use super::{Call, Client, Read, ReadError};
use crate::duration;
use crate::wire::{CatalogServices, DEFAULT_NAMESPACE, ServiceEntry};

/// What stays as it is in a path segment or a query value: RFC 3986's unreserved characters, and `:`.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':');

/// What a read promises (SPEC section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Consistency {
    /// Linearizable, on every server.
    #[default]
    Default,
    /// The same, asked for by name.
    Consistent,
    /// A state that really existed, without a leader.
    Stale,
}

/// What to read, and whether to wait for it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query {
    /// Tenant; empty: the default one.
    pub namespace: String,
    /// What the read promises.
    pub consistency: Consistency,
    /// Wait until the service index is above this; a stale read never answers with less. 0: answer at once.
    pub index: Index,
    /// How long to wait at most; none: the server's default.
    pub wait: Option<Duration>,
    /// Only instances that are passing.
    pub passing: bool,
    /// Only instances that have all these tags.
    pub tags: Vec<String>,
}

impl Query {
    /// How long a server may take to answer, its jitter included.
    fn patience(&self) -> Duration {
        if self.index.0 == 0 {
            return Duration::ZERO;
        }
        let wait = self.wait.unwrap_or(limits::WAIT_DEFAULT).min(limits::WAIT_MAX);
        wait + wait / limits::WAIT_JITTER_DIVISOR
    }

    fn to_query_string(&self) -> String {
        let mut pairs = Vec::new();
        if !self.namespace.is_empty() && self.namespace != DEFAULT_NAMESPACE {
            pairs.push(format!("ns={}", escape(&self.namespace)));
        }
        match self.consistency {
            Consistency::Default => {}
            Consistency::Consistent => pairs.push("consistent".into()),
            Consistency::Stale => pairs.push("stale".into()),
        }
        if self.index.0 > 0 {
            pairs.push(format!("index={}", self.index));
        }
        pairs.extend(self.wait.map(|wait| format!("wait={}", escape(&duration::format(wait)))));
        if self.passing {
            pairs.push("passing=1".into());
        }
        pairs.extend(self.tags.iter().map(|tag| format!("tag={}", escape(tag))));
        if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
    }
}

impl Client {
    /// The instances of `service`: at once, or when they change ([`Query::index`]).
    ///
    /// # Errors
    /// No server answered, or none could.
    pub async fn read(&self, service: &str, query: &Query) -> Result<Read<Vec<ServiceEntry>>, ReadError> {
        let path = format!("/v1/health/service/{}{}", escape(service), query.to_query_string());
        self.read_call(self.get(path, query.patience())).await
    }

    /// Waits until the service index of `service` is above `index`, or `wait` is over; answers with what is there then.
    ///
    /// # Errors
    /// No server answered, or none could.
    pub async fn poll(
        &self,
        service: &str,
        index: Index,
        wait: Duration,
        query: &Query,
    ) -> Result<Read<Vec<ServiceEntry>>, ReadError> {
        self.read(service, &Query { index, wait: Some(wait), ..query.clone() }).await
    }

    /// The names of all services of a namespace, with their tags; waits like [`Client::read`].
    ///
    /// # Errors
    /// No server answered, or none could.
    pub async fn services(&self, query: &Query) -> Result<Read<CatalogServices>, ReadError> {
        let path = format!("/v1/catalog/services{}", query.to_query_string());
        self.read_call(self.get(path, query.patience())).await
    }

    /// A GET that may take `patience` longer than other calls.
    pub(super) fn get(&self, path: String, patience: Duration) -> Call<'static> {
        Call {
            method: Method::GET,
            path,
            body: Bytes::new(),
            headers: HeaderMap::new(),
            timeout: self.settings.call_timeout + patience,
            key: None,
        }
    }
}

pub(super) fn escape(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}
