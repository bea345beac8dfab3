//! Errors into answers: the only place that decides a status. A new fact is a new variant, and the matches below do not
//! compile until it has its code and its status.

use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Method, StatusCode};
use sider_client::wire::ErrorCode;
use sider_client::wire::header::X_SIDER_ERROR;
use sider_registry::model::Invalid;
use sider_registry::{Rejection, limits};

use super::reply::TEXT;
use crate::node::{AdminError, ReadError, WriteError};
use crate::watch::TooManyWatches;

/// Why a request has no plain answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApiError {
    /// The request is wrong.
    #[error("{0}")]
    Invalid(#[from] Invalid),
    /// The body passes its bound.
    #[error("the body has more than {} bytes, which is the bound; send less at a time", limits::HTTP_BODY_LEN_MAX)]
    BodyTooLarge,
    /// All bodies together pass theirs.
    #[error(
        "this server has no room for the body, of the {} bytes for all bodies; try again, send less, or ask another server",
        limits::HTTP_BODIES_HELD_BYTES_MAX
    )]
    NoRoom,
    /// The body did not arrive in time.
    #[error("the body did not arrive within {} s; send it at once", limits::HTTP_BODY_TIMEOUT.as_secs())]
    BodyTimeout,
    /// The body broke off.
    #[error("the body broke off: {0}")]
    BodyBroken(String),
    /// No such path.
    #[error("Invalid URL path: {0:?} is not a recognized HTTP API endpoint; GET / lists them")]
    NotFound(String),
    /// The path is right, the method is not.
    #[error("method {method} not allowed; allowed are {allow}")]
    Method {
        /// What was asked.
        method: Method,
        /// What the path takes, as the `Allow` header says it.
        allow: &'static str,
    },
    /// A write.
    #[error("{0}")]
    Write(#[from] WriteError),
    /// A read.
    #[error("{0}")]
    Read(#[from] ReadError),
    /// Membership or leadership.
    #[error("{0}")]
    Admin(#[from] AdminError),
    /// Parked polls are at their bound.
    #[error("{0}")]
    Watches(#[from] TooManyWatches),
    /// This server answers something else than the command asked for, or cannot write its own answer.
    #[error("internal error: {0}")]
    Internal(String),
}

impl ApiError {
    /// The fact as a code for machines.
    pub(super) fn code(&self) -> ErrorCode {
        match self {
            Self::Invalid(_) | Self::BodyBroken(_) => ErrorCode::Invalid,
            Self::BodyTooLarge => ErrorCode::TooLarge,
            Self::BodyTimeout => ErrorCode::RequestTimeout,
            Self::NotFound(_) => ErrorCode::NotFound,
            Self::Method { .. } => ErrorCode::MethodNotAllowed,
            Self::Write(error) => match error {
                WriteError::Rejected(rejection) => rejected(rejection),
                WriteError::NoLeader(_) => ErrorCode::NoLeader,
                WriteError::Overloaded(_) => ErrorCode::Overloaded,
                WriteError::NotReady(_) => ErrorCode::NotReady,
                WriteError::Unknown(_) => ErrorCode::UnknownOutcome,
            },
            Self::Read(error) => match error {
                ReadError::NoLeader(_) => ErrorCode::NoLeader,
                ReadError::Lagging(_) => ErrorCode::Behind,
                ReadError::NotReady(_) => ErrorCode::NotReady,
            },
            Self::Admin(error) => match error {
                AdminError::Refused(_) => ErrorCode::Refused,
                AdminError::UnknownMember(_) => ErrorCode::UnknownId,
                AdminError::NoLeader(_) => ErrorCode::NoLeader,
                AdminError::NotReady(_) => ErrorCode::NotReady,
                AdminError::Unknown(_) => ErrorCode::UnknownOutcome,
            },
            Self::Watches(_) | Self::NoRoom => ErrorCode::Overloaded,
            Self::Internal(_) => ErrorCode::Internal,
        }
    }

    fn status(&self) -> StatusCode {
        status(self.code())
    }
}

/// The status of each code.
pub(super) fn status(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::Invalid => StatusCode::BAD_REQUEST,
        ErrorCode::UnknownId | ErrorCode::UnknownCheck | ErrorCode::NotFound => StatusCode::NOT_FOUND,
        ErrorCode::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        ErrorCode::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
        ErrorCode::Conflict | ErrorCode::Refused => StatusCode::CONFLICT,
        ErrorCode::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::Full | ErrorCode::Overloaded => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        // "Unknown" is no failure: 503 tells every client that it may not conclude anything.
        ErrorCode::NoLeader
        | ErrorCode::NotReady
        | ErrorCode::Behind
        | ErrorCode::NotMember
        | ErrorCode::UnknownOutcome => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn rejected(rejection: &Rejection) -> ErrorCode {
    match rejection {
        Rejection::UnknownInstance { .. } | Rejection::UnknownId { .. } => ErrorCode::UnknownId,
        Rejection::UnknownCheck { .. } => ErrorCode::UnknownCheck,
        Rejection::CheckIdTaken { .. } | Rejection::KeyReused { .. } => ErrorCode::Conflict,
        Rejection::CheckIdTwice { .. } => ErrorCode::Invalid,
        Rejection::Full { .. } => ErrorCode::Full,
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, code) = (self.status(), self.code());
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(error = %self, "a request met a bug");
        }
        let mut response = (status, format!("{self}\n")).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, TEXT);
        headers.insert(X_SIDER_ERROR, HeaderValue::from_static(code.as_str()));
        if let Self::Method { allow, .. } = self {
            headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
