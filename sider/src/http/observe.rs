//! What happens to every answer: its date, its count, its line in the access log.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::DATE;
use sider_client::wire::header::X_INDEX;

use super::accept::Peer;
use super::{Api, date};

/// Marks the answer of a poll that was allowed to wait: how long it took says nothing about the server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Polled;

/// Wraps every route.
pub(super) async fn observe(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let host = api.node.host();
    let begun = host.now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    // The access log is off in most servers; what it needs is only kept when it is on.
    let line = tracing::enabled!(tracing::Level::DEBUG).then(|| {
        let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
        (request.method().clone(), request.uri().clone(), peer)
    });
    let mut response = next.run(request).await;
    let took = host.now().saturating_sub(begun);
    response.headers_mut().insert(DATE, date::header(host.wall()));
    let worked = response.extensions().get::<Polled>().is_none().then_some(took);
    api.metrics.answered(route.as_ref().map_or("", MatchedPath::as_str), response.status(), worked);
    if let Some((method, uri, peer)) = line {
        tracing::debug!(
            node = api.node.name().as_str(),
            %method,
            path = uri.path(),
            query = uri.query(),
            status = response.status().as_u16(),
            index = response.headers().get(X_INDEX).and_then(|index| index.to_str().ok()),
            duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            peer = peer.map(tracing::field::display),
            "answered"
        );
    }
    response
}
