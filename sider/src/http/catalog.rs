//! `GET /v1/catalog/services`: the services of a namespace with their tags, now or when that list changes. A change of
//! an instance or of its health does not move it.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use sider_client::wire::CatalogServices;
use sider_registry::model::Namespace;

use super::bodies::BodyKey;
use super::call::Call;
use super::error::ApiError;
use super::poll::{self, Seen};
use super::{Api, reply};
use crate::watch::WatchKey;

/// The handler.
pub(super) async fn services(State(api): State<Arc<Api>>, call: Call) -> Result<Response, ApiError> {
    let query = call.read()?;
    let namespace = query.namespace.clone();
    let seen = poll::read(&api, WatchKey::Catalog(namespace.clone()), &query, || look(&api, &namespace)).await?;
    Ok(reply::read(seen, &query))
}

fn look(api: &Api, namespace: &Namespace) -> Result<Seen<Bytes>, ApiError> {
    let freshness = api.node.freshness();
    let key = || BodyKey { of: WatchKey::Catalog(namespace.clone()), passing: false };
    let (index, applied) = api.node.read(|registry| (registry.catalog_index(namespace), registry.index()));
    if let Some(value) = api.bodies.get(&key(), index) {
        return Ok(Seen { index, applied, freshness, value });
    }
    let (index, applied, services) = api.node.read(|registry| {
        let services: CatalogServices = registry
            .services(namespace)
            .into_iter()
            .map(|(name, tags)| (name.0.as_str().to_owned(), tags.into_iter().map(str::to_owned).collect()))
            .collect();
        (registry.catalog_index(namespace), registry.index(), services)
    });
    let value = if services.is_empty() {
        reply::render(&services)?
    } else {
        api.bodies.get_or_render(key(), index, || reply::render(&services))?
    };
    Ok(Seen { index, applied, freshness, value })
}
