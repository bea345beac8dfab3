//! The values of `X-Sider-Error`: one code per fact, shared by the server that sends them and the client that decides by them.

use std::fmt;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// What went wrong, for machines. The body says the same to people. Which HTTP status a code gets is decided in
        /// one place, the server's `http/error.rs`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ErrorCode {
            $($(#[$doc])* $name,)+
        }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The header's value.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }

            /// The code of a header's value; none for a value this version does not know.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$name),)+
                    _ => None,
                }
            }
        }
    };
}

codes! {
    /// The input is wrong: the body names the field and what would be right.
    Invalid = "invalid",
    /// A body, head or list is longer than its bound.
    TooLarge = "too-large",
    /// The request did not arrive in time: a slow client.
    RequestTimeout = "request-timeout",
    /// No such instance.
    UnknownId = "unknown-id",
    /// No such check.
    UnknownCheck = "unknown-check",
    /// No such path.
    NotFound = "not-found",
    /// The path takes other methods: see `Allow`.
    MethodNotAllowed = "method-not-allowed",
    /// It contradicts what is there: a check id that another instance holds, an idempotency key used for another write.
    Conflict = "conflict",
    /// A bound of the registry is reached: deregister what is gone.
    Full = "full",
    /// Too much is under way on this server; it took nothing of this request. Come back a little later.
    Overloaded = "overloaded",
    /// There is no leader and the write was not proposed, or a consistent read could not be confirmed.
    NoLeader = "no-leader",
    /// The server is starting or stopping and took nothing of this request.
    NotReady = "not-ready",
    /// A stale read asked for an index that this server has not applied yet.
    Behind = "behind",
    /// A membership change that is refused: it would lose the quorum, or another one is under way.
    Refused = "refused",
    /// This server was removed from its cluster, or its disk was wiped: see the body for what to do.
    NotMember = "not-member",
    /// The write was proposed and its fate is not known: it may have happened or may happen later.
    UnknownOutcome = "unknown-outcome",
    /// Something broke inside the server.
    Internal = "internal",
}

impl ErrorCode {
    /// True when an answer with this code proves that the write did not happen and never will. The server sends such a
    /// code only before it has proposed the write, or when the committed command itself was rejected.
    #[must_use]
    pub const fn proves_nothing_happened(self) -> bool {
        match self {
            Self::UnknownOutcome | Self::Internal => false,
            Self::Invalid
            | Self::TooLarge
            | Self::RequestTimeout
            | Self::UnknownId
            | Self::UnknownCheck
            | Self::NotFound
            | Self::MethodNotAllowed
            | Self::Conflict
            | Self::Full
            | Self::Overloaded
            | Self::NoLeader
            | Self::NotReady
            | Self::Behind
            | Self::Refused
            | Self::NotMember => true,
        }
    }

    /// True when the same request may succeed a little later, or on another server.
    #[must_use]
    pub const fn is_transient(self) -> bool {
        matches!(
            self,
            Self::Overloaded
                | Self::NoLeader
                | Self::NotReady
                | Self::Behind
                | Self::NotMember
                | Self::RequestTimeout
                | Self::UnknownOutcome
                | Self::Internal
        )
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
