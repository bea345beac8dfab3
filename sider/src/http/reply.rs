//! Answers that are no errors: bodies and the headers that go with them.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use sider_client::wire::header;
use sider_registry::model::Index;

use super::decode::query::ReadQuery;
use super::error::ApiError;
use super::observe::Polled;
use super::poll::Seen;

/// Plain text for people.
pub(super) const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
/// JSON, as Consul names it.
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A value as JSON.
pub(super) fn render(value: &impl Serialize) -> Result<Bytes, ApiError> {
    match serde_json::to_vec(value) {
        Ok(body) => Ok(Bytes::from(body)),
        Err(error) => Err(ApiError::Internal(format!("an answer cannot be written: {error}"))),
    }
}

/// 200 with a JSON body.
pub(super) fn json(value: &impl Serialize) -> Result<Response, ApiError> {
    Ok(with(StatusCode::OK, JSON, render(value)?))
}

/// 200 with a text body.
pub(super) fn text(body: String) -> Response {
    with(StatusCode::OK, TEXT, Bytes::from(body))
}

/// A text with a status that is an answer, not an error: readiness.
pub(super) fn text_with(status: StatusCode, body: String) -> Response {
    with(status, TEXT, Bytes::from(body))
}

/// 200 without a body: a write's answer where Consul sends none.
pub(super) fn written(index: Index) -> Response {
    stamped(Response::new(Body::empty()), index)
}

/// 200 with a JSON body: a write's answer.
pub(super) fn written_json(index: Index, value: &impl Serialize) -> Result<Response, ApiError> {
    Ok(stamped(json(value)?, index))
}

/// The answer of a read: body and headers of one state.
pub(super) fn read(seen: Seen<Bytes>, query: &ReadQuery) -> Response {
    let mut response = with(StatusCode::OK, JSON, seen.value);
    if query.above.is_some() {
        response.extensions_mut().insert(Polled);
    }
    let headers = response.headers_mut();
    both(headers, [header::X_INDEX, header::X_CONSUL_INDEX], HeaderValue::from(seen.index.0));
    headers.insert(header::X_APPLIED_INDEX, HeaderValue::from(seen.applied.0));
    let leader = HeaderValue::from_static(if seen.freshness.known_leader { "true" } else { "false" });
    both(headers, [header::X_KNOWN_LEADER, header::X_CONSUL_KNOWN_LEADER], leader);
    // Rounded up: an age is never told lower than it is (RD-3).
    let age_ms = u64::try_from(seen.freshness.last_contact.as_micros().div_ceil(1000)).unwrap_or(u64::MAX);
    both(headers, [header::X_LAST_CONTACT, header::X_CONSUL_LAST_CONTACT], HeaderValue::from(age_ms));
    response
}

fn both(headers: &mut HeaderMap, names: [http::HeaderName; 2], value: HeaderValue) {
    let [ours, consuls] = names;
    headers.insert(ours, value.clone());
    headers.insert(consuls, value);
}

fn stamped(mut response: Response, index: Index) -> Response {
    both(response.headers_mut(), [header::X_INDEX, header::X_CONSUL_INDEX], HeaderValue::from(index.0));
    response
}

fn with(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}
