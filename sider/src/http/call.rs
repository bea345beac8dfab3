//! One request as the handlers see it: its query is decoded, its body is read within its bounds.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::request::Parts;
use http_body_util::BodyExt as _;
use sider_registry::limits;
use sider_registry::model::Namespace;

use super::Api;
use super::decode::query::{self, Query, ReadQuery};
use super::decode::{self, path};
use super::error::ApiError;
use crate::host::Host;

/// A request.
pub(super) struct Call {
    parts: Parts,
    query: Query,
    body: Body,
}

impl FromRequest<Arc<Api>> for Call {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &Arc<Api>) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let query = Query::parse(parts.uri.query())?;
        Ok(Self { parts, query, body })
    }
}

impl Call {
    /// What follows `prefix` in the path.
    pub(super) fn tail(&self, prefix: &str, field: &str) -> Result<String, ApiError> {
        Ok(path::tail(self.parts.uri.path(), prefix, field)?)
    }

    /// What a read asks for.
    pub(super) fn read(&self) -> Result<ReadQuery, ApiError> {
        Ok(self.query.read(self.headers())?)
    }

    /// The namespace that address or header names.
    pub(super) fn outer_namespace(&self) -> Result<Option<Namespace>, ApiError> {
        Ok(self.query.namespace(self.headers())?)
    }

    /// The namespace of a request whose body names none.
    pub(super) fn namespace(&self) -> Result<Namespace, ApiError> {
        Ok(decode::namespace(None, self.outer_namespace()?)?)
    }

    /// The text that goes with a renewal.
    pub(super) fn note(&self) -> Result<String, ApiError> {
        Ok(self.query.note()?)
    }

    /// The key of the logical write.
    pub(super) fn idempotency_key(&self) -> Result<Option<String>, ApiError> {
        Ok(query::idempotency_key(self.headers())?)
    }

    /// Reads the body.
    pub(super) async fn body(self, host: &Host) -> Result<Bytes, ApiError> {
        match host.timeout(limits::HTTP_BODY_TIMEOUT, bounded(self.body)).await {
            Ok(body) => body,
            Err(_) => Err(ApiError::BodyTimeout),
        }
    }

    fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }
}

/// Reads a body up to its bound. One that passes it is read on and thrown away for a while: closing a connection with
/// unread bytes resets it, and the client would see the reset instead of the answer.
async fn bounded(mut body: Body) -> Result<Bytes, ApiError> {
    let mut kept = BytesMut::new();
    let mut read = 0_usize;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| ApiError::BodyBroken(error.to_string()))?;
        let Ok(data) = frame.into_data() else { continue };
        read = read.saturating_add(data.len());
        if read <= limits::HTTP_BODY_LEN_MAX {
            kept.extend_from_slice(&data);
        } else if read > limits::HTTP_DRAIN_LEN_MAX {
            break;
        }
    }
    if read > limits::HTTP_BODY_LEN_MAX { Err(ApiError::BodyTooLarge) } else { Ok(kept.freeze()) }
}
