//! For machines that watch the server, and for people who look in.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode, Uri};

use super::error::ApiError;
use super::{Api, metrics, reply, routes};

/// `GET /livez`: the process answers. It says nothing about the cluster: a server without a leader must not be killed.
pub(super) async fn livez() -> Response {
    reply::text("ok\n".to_owned())
}

/// `GET /readyz`: ready for consistent reads and writes, or the reasons why not, one a line.
pub(super) async fn readyz(State(api): State<Arc<Api>>) -> Response {
    match api.node.readiness() {
        Ok(()) => reply::text("ready\n".to_owned()),
        Err(reasons) => {
            let lines = reasons.iter().fold("not ready\n".to_owned(), |text, reason| format!("{text}{reason}\n"));
            reply::text_with(StatusCode::SERVICE_UNAVAILABLE, lines)
        }
    }
}

/// `GET /metrics`.
pub(super) async fn metrics(State(api): State<Arc<Api>>) -> Result<Response, ApiError> {
    let Ok(text) = metrics::render(&api) else {
        return Err(ApiError::Internal("the metrics cannot be written".to_owned()));
    };
    let mut response = reply::text(text);
    let form = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, form);
    Ok(response)
}

/// `GET /`: what there is. Consul's clients ask it whether the server is there.
pub(super) async fn index(State(api): State<Arc<Api>>) -> Response {
    let mut text = format!("sider {}, server {}\n\n", env!("CARGO_PKG_VERSION"), api.node.name().as_str());
    for route in routes::table() {
        text = format!("{text}{:<9} {}\n", route.takes.verbs(), route.path);
    }
    reply::text(text)
}

/// Every other path.
pub(super) async fn unknown(uri: Uri) -> ApiError {
    ApiError::NotFound(uri.path().chars().take(256).collect())
}
