//! What a call can end in. Writes have three values (SPEC section 3): done, provably not done, unknown.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use sider_registry::model::Index;

use crate::wire::{ErrorCode, header};

/// An answer as it came.
#[derive(Debug, Clone)]
pub struct RawAnswer {
    /// Status line.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

/// No answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Not a byte of the request left: provably nothing happened.
    #[error("{server}: {reason}")]
    NotSent {
        /// `host:port`.
        server: String,
        /// Why.
        reason: String,
    },
    /// The request may have arrived: anything may have happened.
    #[error("{server}: {reason}")]
    NoAnswer {
        /// `host:port`.
        server: String,
        /// Why.
        reason: String,
    },
}

/// How a write ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a write that was rejected or whose fate is unknown did not succeed"]
pub enum Outcome<T> {
    /// Committed and applied.
    Ok(T),
    /// Provably nothing happened.
    Rejected {
        /// `X-Sider-Error`; none when no server was reached, or when something in between answered.
        code: Option<ErrorCode>,
        /// Status of the answer; 0 when no server was reached.
        status: u16,
        /// What it says to people.
        text: String,
    },
    /// It may have happened, or may happen later.
    Unknown(String),
}

impl<T> Outcome<T> {
    /// The same outcome with another answer.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Outcome<U> {
        match self {
            Self::Ok(answer) => Outcome::Ok(change(answer)),
            Self::Rejected { code, status, text } => Outcome::Rejected { code, status, text },
            Self::Unknown(reason) => Outcome::Unknown(reason),
        }
    }

    /// True when a server said, with this code, that nothing happened.
    pub fn is_rejected_with(&self, wanted: ErrorCode) -> bool {
        matches!(self, Self::Rejected { code: Some(code), .. } if *code == wanted)
    }
}

/// An acknowledged write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack<T> {
    /// What the endpoint answers.
    pub answer: T,
    /// `X-Index`: the Index after the write. Raft endpoints have none: 0.
    pub index: Index,
    /// Who answered (`host:port`).
    pub server: String,
}

/// An answered read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read<T> {
    /// What was read.
    pub body: T,
    /// `X-Index`: what to poll with next. 0 for endpoints that carry none.
    pub index: Index,
    /// `X-Applied-Index`: the Index of the state that was read. 0 for endpoints that carry none.
    pub applied: Index,
    /// `X-Last-Contact`: how old the state can be at most.
    pub last_contact: Option<Duration>,
    /// `X-Known-Leader`.
    pub known_leader: Option<bool>,
    /// Who answered (`host:port`).
    pub server: String,
}

/// A read without a result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// No server answered.
    #[error("no answer: {0}")]
    NoAnswer(#[from] CallError),
    /// A server answered that it cannot or will not.
    #[error("{server} answered {status}: {text}")]
    Refused {
        /// `host:port`.
        server: String,
        /// `X-Sider-Error`.
        code: Option<ErrorCode>,
        /// HTTP status.
        status: u16,
        /// What it says to people.
        text: String,
    },
    /// An answer that is not in the API's shape: something other than a Sider server.
    #[error("{server} answered what no Sider server answers: {problem}")]
    Garbled {
        /// `host:port`.
        server: String,
        /// What could not be read.
        problem: String,
    },
}

impl RawAnswer {
    /// `X-Sider-Error`.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        self.text_header(&header::X_SIDER_ERROR).and_then(ErrorCode::parse)
    }

    /// `X-Index`.
    #[must_use]
    pub fn index(&self) -> Option<Index> {
        self.number_header(&header::X_INDEX).map(Index)
    }

    /// `X-Applied-Index`.
    #[must_use]
    pub fn applied(&self) -> Option<Index> {
        self.number_header(&header::X_APPLIED_INDEX).map(Index)
    }

    /// `X-Last-Contact`.
    #[must_use]
    pub fn last_contact(&self) -> Option<Duration> {
        self.number_header(&header::X_LAST_CONTACT).map(Duration::from_millis)
    }

    /// `X-Known-Leader`.
    #[must_use]
    pub fn known_leader(&self) -> Option<bool> {
        self.text_header(&header::X_KNOWN_LEADER).and_then(|text| text.parse().ok())
    }

    /// The body as text for people, cut at 1 KiB.
    #[must_use]
    pub fn text(&self) -> String {
        let cut = &self.body[..self.body.len().min(1024)];
        String::from_utf8_lossy(cut).trim_end().to_owned()
    }

    /// True when the answer proves that the write did not and will not happen. Without a code (a proxy, or the HTTP
    /// parser itself) only what is answered before a request is looked at counts; a code of a newer version does not.
    #[must_use]
    pub fn proves_nothing_happened(&self) -> bool {
        if self.headers.contains_key(&header::X_SIDER_ERROR) {
            return self.code().is_some_and(ErrorCode::proves_nothing_happened);
        }
        matches!(self.status.as_u16(), 400 | 401 | 403 | 404 | 405 | 411 | 413 | 414 | 415 | 431)
    }

    /// True when the same request may fare better elsewhere or later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self.code() {
            Some(code) => code.is_transient(),
            None => self.status.is_server_error() || self.status == StatusCode::TOO_MANY_REQUESTS,
        }
    }

    fn text_header(&self, name: &http::HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    fn number_header(&self, name: &http::HeaderName) -> Option<u64> {
        self.text_header(name).and_then(|text| text.parse().ok())
    }
}
