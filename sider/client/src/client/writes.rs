//! Register, deregister, renew, report. A write with an idempotency key is repeated until its fate is known or a bound
//! is reached; one without is never repeated once it may have arrived.

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde::Serialize;
use sider_registry::model::Status;

use super::reads::escape;
use super::{Ack, Call, Client, Outcome};
use crate::wire::{
    CheckUpdate, DEFAULT_NAMESPACE, DeregisterRequest, RegisterAnswer, RegisterRequest, RenewAnswer, RenewRequest,
};

/// What `/v1/agent/check/pass|warn|fail/{check_id}` says of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckVerdict {
    /// `pass`: a renewal.
    Pass,
    /// `warn`.
    Warn,
    /// `fail`.
    Fail,
}

impl CheckVerdict {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

impl Client {
    /// Registers an instance, or replaces its fields.
    pub async fn register(&self, request: &RegisterRequest, key: Option<&str>) -> Outcome<Ack<RegisterAnswer>> {
        let call = self.put("/v1/agent/service/register".into(), request, key);
        self.write_call(call, |body| serde_json::from_slice(body)).await
    }

    /// Takes one instance out.
    pub async fn deregister(&self, namespace: &str, service: &str, id: &str, key: Option<&str>) -> Outcome<Ack<()>> {
        let namespace = (namespace != DEFAULT_NAMESPACE && !namespace.is_empty()).then(|| namespace.to_owned());
        let request = DeregisterRequest { namespace, service: service.to_owned(), id: id.to_owned() };
        self.write_call(self.put("/v1/agent/service/deregister".into(), &request, key), ignore).await
    }

    /// Takes out every instance of the namespace that has this id, at one index.
    pub async fn deregister_id(&self, namespace: &str, id: &str, key: Option<&str>) -> Outcome<Ack<()>> {
        let path = format!("/v1/agent/service/deregister/{}{}", escape(id), namespace_query(namespace));
        self.write_call(self.put_empty(path, key), ignore).await
    }

    /// Renews a check: it is passing, and its deadline is its ttl from now.
    pub async fn renew(&self, namespace: &str, check_id: &str, key: Option<&str>) -> Outcome<Ack<()>> {
        self.verdict(namespace, check_id, CheckVerdict::Pass, key).await
    }

    /// Says how a check is, by path and without an output.
    pub async fn verdict(
        &self,
        namespace: &str,
        check_id: &str,
        verdict: CheckVerdict,
        key: Option<&str>,
    ) -> Outcome<Ack<()>> {
        let path = format!("/v1/agent/check/{}/{}{}", verdict.as_str(), escape(check_id), namespace_query(namespace));
        self.write_call(self.put_empty(path, key), ignore).await
    }

    /// Reports the status of a check with its output.
    pub async fn report(
        &self,
        namespace: &str,
        check_id: &str,
        status: Status,
        output: &str,
        key: Option<&str>,
    ) -> Outcome<Ack<()>> {
        let path = format!("/v1/agent/check/update/{}{}", escape(check_id), namespace_query(namespace));
        let update = CheckUpdate { status, output: output.to_owned() };
        self.write_call(self.put(path, &update, key), ignore).await
    }

    /// Renews or reports many checks in one request, at one index. An unknown check does not reject the others.
    pub async fn renew_many(&self, request: &RenewRequest, key: Option<&str>) -> Outcome<Ack<RenewAnswer>> {
        let call = self.put("/v1/agent/check/renew".into(), request, key);
        self.write_call(call, |body| serde_json::from_slice(body)).await
    }

    pub(super) fn put<'a>(&self, path: String, body: &impl Serialize, key: Option<&'a str>) -> Call<'a> {
        let body = serde_json::to_vec(body).expect("a wire type has string keys only and serializes into memory");
        Call { body: Bytes::from(body), ..self.put_empty(path, key) }
    }

    fn put_empty<'a>(&self, path: String, key: Option<&'a str>) -> Call<'a> {
        Call {
            method: Method::PUT,
            path,
            body: Bytes::new(),
            headers: HeaderMap::new(),
            timeout: self.settings.call_timeout,
            key,
        }
    }
}

/// The body of an answer that says nothing more: empty or any JSON. A portal's page is no acknowledgement.
pub(super) fn ignore(body: &[u8]) -> Result<(), serde_json::Error> {
    if body.is_empty() { Ok(()) } else { serde_json::from_slice(body).map(|serde::de::IgnoredAny| ()) }
}

fn namespace_query(namespace: &str) -> String {
    if namespace.is_empty() || namespace == DEFAULT_NAMESPACE {
        return String::new();
    }
    format!("?ns={}", escape(namespace))
}
