//! `GET /v1/health/service/{name}`: the instances of a service with their checks, now or when they change.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use sider_client::wire::ServiceEntry;
use sider_registry::model::{Instance, Name, ServiceKey, ServiceName, Status};

use super::bodies::BodyKey;
use super::call::Call;
use super::decode::query::ReadQuery;
use super::error::ApiError;
use super::poll::{self, Seen};
use super::{Api, render, reply};
use crate::watch::WatchKey;

const PREFIX: &str = "/v1/health/service/";

/// The handler.
pub(super) async fn service(State(api): State<Arc<Api>>, call: Call) -> Result<Response, ApiError> {
    let service = ServiceName(Name::new(call.tail(PREFIX, "name")?)?);
    let query = call.read()?;
    let key = ServiceKey { namespace: query.namespace.clone(), service };
    let seen = poll::read(&api, WatchKey::Service(key.clone()), &query, || look(&api, &key, &query)).await?;
    Ok(reply::read(seen, &query))
}

/// One look: a kept body if there is one for the index, else the instances. Index and body are of one state either
/// way, since the service index determines the body.
fn look(api: &Api, key: &ServiceKey, query: &ReadQuery) -> Result<Seen<Bytes>, ApiError> {
    // Before the look: the state is at least as fresh as this says.
    let freshness = api.node.freshness();
    let shared = query.tags.is_empty();
    let body_key = || BodyKey { of: WatchKey::Service(key.clone()), passing: query.passing };
    if shared {
        let (index, applied) = api.node.read(|registry| (registry.service_index(key), registry.index()));
        if let Some(value) = api.bodies.get(&body_key(), index) {
            return Ok(Seen { index, applied, freshness, value });
        }
    }
    let (index, applied, entries) = api.node.read(|registry| {
        let wanted = registry.instances(key).filter(|(instance, checks)| {
            carries(instance, &query.tags)
                && (!query.passing || Status::worst(checks.iter().map(|check| check.status)) == Status::Passing)
        });
        let entries: Vec<ServiceEntry> = wanted.map(|(instance, checks)| render::entry(instance, &checks)).collect();
        (registry.service_index(key), registry.index(), entries)
    });
    // An empty list is not kept: names that nobody registered would push real bodies out.
    let value = if shared && !entries.is_empty() {
        api.bodies.get_or_render(body_key(), index, || reply::render(&entries))?
    } else {
        reply::render(&entries)?
    };
    Ok(Seen { index, applied, freshness, value })
}

fn carries(instance: &Instance, tags: &[String]) -> bool {
    tags.iter().all(|wanted| instance.spec.tags.iter().any(|tag| tag.eq_ignore_ascii_case(wanted)))
}
