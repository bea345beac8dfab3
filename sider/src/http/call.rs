//! One request as the handlers see it: its query is decoded, its body is read within its bounds.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use bytes::BytesMut;
use http::HeaderMap;
use http::request::Parts;
use http_body_util::BodyExt as _;
use sider_registry::limits;
use sider_registry::model::Namespace;

use super::Api;
use super::decode::query::{self, Query, ReadQuery};
use super::decode::{self, path};
use super::error::ApiError;
use super::room::{Held, Share};

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

    /// Reads the body. It takes room until it is dropped: decode it and let it go.
    pub(super) async fn body(self, api: &Api) -> Result<Held, ApiError> {
        let body = api.node.host().timeout(limits::HTTP_BODY_TIMEOUT, bounded(self.body, api.room.share()));
        let body = body.await.unwrap_or(Err(ApiError::BodyTimeout));
        if matches!(body, Err(ApiError::NoRoom)) {
            api.metrics.body_refused();
        }
        body
    }

    fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }
}

/// Reads a body up to its bound and to what `share` can take. One that passes either is read on and thrown away for a while:
/// closing a connection with unread bytes resets it, and the client would see the reset instead of the answer.
async fn bounded(mut body: Body, share: Share) -> Result<Held, ApiError> {
    let mut kept = Some((BytesMut::new(), share));
    let mut read = 0_usize;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| ApiError::BodyBroken(error.to_string()))?;
        let Ok(data) = frame.into_data() else { continue };
        read = read.saturating_add(data.len());
        kept = kept.filter(|_| read <= limits::HTTP_BODY_LEN_MAX).and_then(|(mut bytes, mut share)| {
            share.grow(data.len()).then(|| {
                bytes.extend_from_slice(&data);
                (bytes, share)
            })
        });
        if read > limits::HTTP_DRAIN_LEN_MAX {
            break;
        }
    }
    match kept {
        Some((bytes, share)) => Ok(share.hold(bytes.freeze())),
        None if read > limits::HTTP_BODY_LEN_MAX => Err(ApiError::BodyTooLarge),
        None => Err(ApiError::NoRoom),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::room::Room;

    async fn read(len: usize, room: &Room) -> Result<usize, ApiError> {
        bounded(Body::from(vec![b'x'; len]), room.share()).await.map(|body| body.len())
    }

    #[tokio::test]
    async fn a_body_without_room_is_refused_as_that_and_takes_none() {
        let room = Room::new(limits::HTTP_BODY_LEN_MAX + 10, 0);
        let held = bounded(Body::from("0123456789"), room.share()).await.expect("there is room");
        assert!(matches!(read(limits::HTTP_BODY_LEN_MAX, &room).await, Ok(limits::HTTP_BODY_LEN_MAX)));
        let more = bounded(Body::from("x"), room.share()).await.expect("there is room");
        assert!(matches!(read(limits::HTTP_BODY_LEN_MAX, &room).await, Err(ApiError::NoRoom)));
        assert!(matches!(read(limits::HTTP_BODY_LEN_MAX + 1, &room).await, Err(ApiError::BodyTooLarge)));
        assert_eq!(room.taken(), 11, "two bodies are held");
        drop((held, more));
        assert_eq!(room.taken(), 0);
    }
}
