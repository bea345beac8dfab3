//! The local view: what this agent knows, for programs on the same machine, over plain HTTP on loopback.
//!
//! | path | what |
//! |---|---|
//! | `/livez` | 200 while the agent runs |
//! | `/metrics` | Prometheus' text form |
//! | `/v1/agent/services`, `/v1/agent/checks` | this host's instances and checks, in Consul's shapes |
//! | `/v1/health/service/{name}` | the cluster's answer, or the last one known when no server can be reached |
//!
//! Knows nothing of when things are done: it looks at the core and never changes it.

mod cache;
mod stream;
mod view;

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use sider_client::seam::{BoxFuture, BoxStream, Timed};
use sider_client::wire::header::X_SIDER_ERROR;

pub(crate) use cache::Cache;

use self::stream::WithReader;
use crate::limits;
use crate::perform::Done;
use crate::shared::Shared;

type Answer = Response<Full<Bytes>>;

/// Serves one connection. None when there are too many: it is closed at once.
pub(crate) fn connection(shared: &Arc<Shared>, stream: BoxStream) -> Option<BoxFuture<'static, Done>> {
    let Ok(place) = Arc::clone(&shared.local_places).try_acquire_owned() else {
        tracing::warn!("too many connections to the local view");
        return None;
    };
    let shared = Arc::clone(shared);
    Some(Box::pin(async move {
        let service = service_fn(|request| answer(&shared, request));
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits::LOCAL_HEAD_TIMEOUT)
            .serve_connection(TokioIo::new(Timed::new(stream, WithReader::default())), service)
            .await;
        if let Err(error) = served {
            tracing::debug!(%error, "a local connection broke off");
        }
        drop(place);
        Done::LocalClosed
    }))
}

async fn answer(shared: &Shared, request: Request<Incoming>) -> Result<Answer, Infallible> {
    let path = request.uri().path();
    let known = matches!(path, "/livez" | "/metrics" | "/v1/agent/services" | "/v1/agent/checks")
        || path.starts_with("/v1/health/service/");
    if known && request.method() != Method::GET {
        let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED, format!("method {} not allowed\n", request.method()));
        answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET"));
        answer.headers_mut().insert(X_SIDER_ERROR, HeaderValue::from_static("method-not-allowed"));
        return Ok(answer);
    }
    Ok(match path {
        "/livez" => plain(StatusCode::OK, "ok\n".into()),
        "/metrics" => plain(StatusCode::OK, shared.metrics.render(&shared.core())),
        "/v1/agent/services" => json(&view::services(&shared.core())),
        "/v1/agent/checks" => json(&view::checks(&shared.core())),
        path if path.starts_with("/v1/health/service/") => cache::read_through(shared, request.uri()).await,
        path => {
            let text = format!(
                "no such path {path:?}: the local view has /livez, /metrics, /v1/agent/services, /v1/agent/checks, \
                 /v1/health/service/{{name}}; everything else is asked of a server\n"
            );
            let mut answer = plain(StatusCode::NOT_FOUND, text);
            answer.headers_mut().insert(X_SIDER_ERROR, HeaderValue::from_static("not-found"));
            answer
        }
    })
}

fn plain(status: StatusCode, text: String) -> Answer {
    with_type(status, text.into(), "text/plain; charset=utf-8")
}

fn json(value: &serde_json::Value) -> Answer {
    with_type(StatusCode::OK, value.to_string().into(), "application/json")
}

fn with_type(status: StatusCode, body: Bytes, kind: &'static str) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}
