//! Header names of the HTTP API. A name is matched without regard to case.

use http::HeaderName;

/// The service index of a read (at least 1), or the Index of a write.
pub const X_INDEX: HeaderName = HeaderName::from_static("x-index");
/// The same as [`X_INDEX`], where Consul's clients look for it.
pub const X_CONSUL_INDEX: HeaderName = HeaderName::from_static("x-consul-index");
/// The Index of the state that a read's body was taken from.
pub const X_APPLIED_INDEX: HeaderName = HeaderName::from_static("x-applied-index");
/// How long ago, in milliseconds, the answering server last heard from a leader; 0 on the leader. Never below the true lag.
pub const X_LAST_CONTACT: HeaderName = HeaderName::from_static("x-last-contact");
/// The same as [`X_LAST_CONTACT`], where Consul's clients look for it.
pub const X_CONSUL_LAST_CONTACT: HeaderName = HeaderName::from_static("x-consul-lastcontact");
/// `true` when the answering server knows a leader.
pub const X_KNOWN_LEADER: HeaderName = HeaderName::from_static("x-known-leader");
/// The same as [`X_KNOWN_LEADER`], where Consul's clients look for it.
pub const X_CONSUL_KNOWN_LEADER: HeaderName = HeaderName::from_static("x-consul-knownleader");
/// The machine-readable code of an error: [`crate::wire::ErrorCode`].
pub const X_SIDER_ERROR: HeaderName = HeaderName::from_static("x-sider-error");
/// The key of one logical write: a retry with the same key gets the first answer (SPEC section 3).
pub const X_IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("x-idempotency-key");
