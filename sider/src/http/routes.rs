//! The route table: every path with what it takes and who handles it, on one page.

use std::sync::Arc;

use axum::Router;
use axum::handler::Handler;
use axum::middleware;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, get, post, put};
use http::header::ALLOW;
use http::{HeaderValue, Method, StatusCode};

use super::error::ApiError;
use super::{Api, catalog, check, health, observe, raft, register, status};

/// What a path takes besides `OPTIONS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// `GET`, and `HEAD`.
    Reads,
    /// `PUT` as Consul does, and `POST`.
    Writes,
    /// `POST`.
    Orders,
}

impl Takes {
    /// The verbs for people.
    pub(super) fn verbs(self) -> &'static str {
        match self {
            Self::Reads => "GET",
            Self::Writes => "PUT|POST",
            Self::Orders => "POST",
        }
    }

    /// The `Allow` header.
    fn allow(self) -> &'static str {
        match self {
            Self::Reads => "OPTIONS,GET,HEAD",
            Self::Writes => "OPTIONS,PUT,POST",
            Self::Orders => "OPTIONS,POST",
        }
    }
}

/// One path.
pub(super) struct Route {
    pub(super) path: &'static str,
    pub(super) takes: Takes,
    to: MethodRouter<Arc<Api>>,
}

/// Every path. `{*x}` takes the rest of the path: ids may hold `/`, and a name that does is told so.
pub(super) fn table() -> Vec<Route> {
    vec![
        reads("/", status::index),
        writes("/v1/agent/service/register", register::register),
        writes("/v1/agent/service/deregister", register::deregister),
        writes("/v1/agent/service/deregister/{*id}", register::deregister_id),
        writes("/v1/agent/check/pass/{*check_id}", check::pass),
        writes("/v1/agent/check/warn/{*check_id}", check::warn),
        writes("/v1/agent/check/fail/{*check_id}", check::fail),
        writes("/v1/agent/check/update/{*check_id}", check::update),
        writes("/v1/agent/check/renew", check::renew),
        reads("/v1/catalog/services", catalog::services),
        reads("/v1/health/service/{*name}", health::service),
        orders("/v1/raft/join", raft::join),
        orders("/v1/raft/remove", raft::remove),
        orders("/v1/raft/transfer", raft::transfer),
        reads("/v1/raft/configuration", raft::configuration),
        reads("/v1/status/leader", raft::leader),
        reads("/v1/status/peers", raft::peers),
        reads("/livez", status::livez),
        reads("/readyz", status::readyz),
        reads("/metrics", status::metrics),
    ]
}

/// The table as a router.
pub(super) fn router(api: Arc<Api>) -> Router {
    let router = table().into_iter().fold(Router::new(), |router, route| {
        let allow = route.takes.allow();
        let to = route.to.options(async move || options(allow));
        router.route(route.path, to.fallback(async move |method: Method| ApiError::Method { method, allow }))
    });
    router
        .fallback(status::unknown)
        .layer(middleware::from_fn_with_state(Arc::clone(&api), observe::observe))
        .with_state(api)
}

fn reads<H: Handler<T, Arc<Api>>, T: 'static>(path: &'static str, handler: H) -> Route {
    Route { path, takes: Takes::Reads, to: get(handler) }
}

fn writes<H: Handler<T, Arc<Api>>, T: 'static>(path: &'static str, handler: H) -> Route {
    Route { path, takes: Takes::Writes, to: put(handler.clone()).post(handler) }
}

fn orders<H: Handler<T, Arc<Api>>, T: 'static>(path: &'static str, handler: H) -> Route {
    Route { path, takes: Takes::Orders, to: post(handler) }
}

/// As Consul answers it: 200, and what the path takes.
fn options(allow: &'static str) -> Response {
    let mut response = StatusCode::OK.into_response();
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    response
}
