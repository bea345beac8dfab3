//! One operation over the typed client: what was answered, in the words of the history.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use sider_client::client::{Ack, CheckVerdict, Client, Consistency, Outcome, Query, Read, ReadError};
use sider_client::wire::{
    CheckRegistration, ErrorCode, RegisterRequest, RenewEntry, RenewOutcome, RenewRequest, ServiceEntry,
};
use sider_registry::model::{
    Index, InstanceId, InstanceKey, InstanceSpec, Name, Namespace, ServiceName, Status, Weights,
};

use super::op::{Op, OpCheck, word};
use crate::record::history::End;

/// How long a stale read with an index waits for a server that is behind.
const FLOOR_WAIT: Duration = Duration::from_millis(100);

/// How an operation ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// Answered, provably nothing, or unknown.
    pub end: End,
    /// `value` of the second line.
    pub value: Value,
    /// `X-Index`, of an answer.
    pub index: u64,
}

impl Op {
    /// Sends it once with `client`.
    pub async fn send(&self, client: &Client, key: Option<&str>) -> Reply {
        match self {
            Self::Register { ns, svc, id, nonce, checks } => {
                let request = registration(ns, svc, id, nonce, checks);
                let done = client.register(&request, key).await;
                written(done, |answer, xi| json!({"xi": xi, "checks": answer.check_ids}))
            }
            Self::Deregister { ns, svc, id } => plain(client.deregister(ns, svc, id, key).await),
            Self::DeregisterId { ns, id } => plain(client.deregister_id(ns, id, key).await),
            Self::Report { ns, check, status } => match verdict(*status) {
                Some(verdict) => plain(client.verdict(ns, check, verdict, key).await),
                None => plain(client.report(ns, check, *status, "", key).await),
            },
            Self::RenewMany { ns, checks } => renew_many(client, ns, checks, key).await,
            Self::Read { ns, svc, mode, floor: None } => read(client.read(svc, &query(ns, *mode, false)).await),
            Self::Read { ns, svc, mode, floor: Some(floor) } => {
                read(client.poll(svc, Index(*floor), FLOOR_WAIT, &query(ns, *mode, false)).await)
            }
            Self::Poll { ns, svc, li, wait, mode, passing } => {
                read(client.poll(svc, Index(*li), *wait, &query(ns, *mode, *passing)).await)
            }
            Self::List { ns, mode } => {
                answered(client.services(&query(ns, *mode, false)).await, |body| ("services", json!(body)))
            }
            Self::Join { id, addr } => cluster(client.join(id, addr).await),
            Self::Remove { id } => cluster(client.remove(id, false).await),
            Self::Transfer { id } => cluster(client.transfer(id.as_deref()).await),
        }
    }
}

fn registration(ns: &str, svc: &str, id: &str, nonce: &str, checks: &[OpCheck]) -> RegisterRequest {
    let check = |check: &OpCheck| CheckRegistration {
        id: Some(check.id.clone()),
        kind: if check.ttl.is_some() { "ttl" } else { "tcp" },
        ttl: check.ttl.map(sider_client::duration::format),
        tcp: check.ttl.is_none().then(|| "10.0.0.1:80".into()),
        interval: check.ttl.is_none().then(|| "10s".into()),
        status: check.status,
        ..CheckRegistration::default()
    };
    let name = |text: &str| Name::new(text).expect("scenarios make valid names");
    let instance = InstanceSpec {
        key: InstanceKey { namespace: Namespace(name(ns)), service: ServiceName(name(svc)), id: InstanceId(name(id)) },
        // Not the server that is asked: a registration through another server would differ in this field.
        node: name("client"),
        address: "10.0.0.1".into(),
        port: 80,
        tags: vec!["v1".into()],
        meta: BTreeMap::from([("nonce".into(), nonce.to_owned())]),
        weights: Weights::default(),
    };
    RegisterRequest { checks: checks.iter().map(check).collect(), ..RegisterRequest::new(&instance, &[]) }
}

fn query(ns: &str, consistency: Consistency, passing: bool) -> Query {
    Query { namespace: ns.to_owned(), consistency, passing, ..Query::default() }
}

/// The endpoint that says `status` by its path, if there is one.
const fn verdict(status: Status) -> Option<CheckVerdict> {
    match status {
        Status::Passing => Some(CheckVerdict::Pass),
        Status::Warning => Some(CheckVerdict::Warn),
        Status::Critical => Some(CheckVerdict::Fail),
        Status::Unknown => None,
    }
}

async fn renew_many(client: &Client, ns: &str, checks: &[String], key: Option<&str>) -> Reply {
    let entry = |id: &String| RenewEntry { id: id.clone(), status: None, output: String::new() };
    let request = RenewRequest { namespace: Some(ns.to_owned()), checks: checks.iter().map(entry).collect() };
    written(client.renew_many(&request, key).await, |answer, xi| {
        let unknown = answer.results.iter().filter(|result| result.result == RenewOutcome::Unknown);
        json!({"xi": xi, "unknown": unknown.map(|result| result.id.as_str()).collect::<Vec<_>>()})
    })
}

fn plain(outcome: Outcome<Ack<()>>) -> Reply {
    written(outcome, |(), xi| json!({"xi": xi}))
}

fn cluster(outcome: Outcome<Ack<()>>) -> Reply {
    written(outcome, |(), _| json!({}))
}

fn written<T>(outcome: Outcome<Ack<T>>, value: impl FnOnce(&T, u64) -> Value) -> Reply {
    match outcome {
        Outcome::Ok(ack) => Reply { end: End::Ok, value: value(&ack.answer, ack.index.0), index: ack.index.0 },
        Outcome::Rejected { code, text, .. } => {
            // The history knows one rejection that is an observation: the thing did not exist.
            let unknown = matches!(code, Some(ErrorCode::UnknownId | ErrorCode::UnknownCheck));
            Reply { end: End::Fail, value: json!({"error": if unknown { "unknown" } else { &text }}), index: 0 }
        }
        Outcome::Unknown(reason) => Reply { end: End::Info, value: json!({"error": reason}), index: 0 },
    }
}

fn read(result: Result<Read<Vec<ServiceEntry>>, ReadError>) -> Reply {
    answered(result, |entries| ("body", Value::Array(entries.iter().map(row).collect())))
}

fn answered<T>(result: Result<Read<T>, ReadError>, body: impl FnOnce(&T) -> (&'static str, Value)) -> Reply {
    match result {
        Ok(read) => {
            let (name, body) = body(&read.body);
            let mut value = json!({"xi": read.index.0, "applied": read.applied.0});
            value[name] = body;
            if let Some(lag) = read.last_contact {
                value["last_contact_ms"] = json!(u64::try_from(lag.as_millis()).unwrap_or(u64::MAX));
            }
            if let Some(known) = read.known_leader {
                value["known_leader"] = json!(known);
            }
            Reply { end: End::Ok, value, index: read.index.0 }
        }
        // A read changes nothing, so a read without an answer did nothing.
        Err(error) => Reply { end: End::Fail, value: json!({"error": error.to_string()}), index: 0 },
    }
}

/// `[id, nonce, modify_index, [[check_id, status], ...]]`
fn row(entry: &ServiceEntry) -> Value {
    let nonce = entry.service.meta.get("nonce").map_or("", String::as_str);
    let checks: Vec<Value> =
        entry.checks.iter().map(|check| json!([check.check_id, word(check.exact_status())])).collect();
    json!([entry.service.id, nonce, entry.service.modify_index.0, checks])
}
