//! What travels: bodies, headers and error codes of the HTTP API, for the server (which writes the answers) and the
//! client (which reads them). Names and shapes are Consul's where Consul has the endpoint (SPEC section 8).
//!
//! | room | what it holds |
//! |---|---|
//! | [`health`] | `/v1/health/service/{name}`, `/v1/catalog/services` |
//! | [`write`] | register, deregister, renew, report: requests and answers |
//! | [`cluster`] | `/v1/raft/*`, `/v1/status/*` |
//! | [`error`] | the values of `X-Sider-Error` |
//! | [`header`] | header names |
//!
//! Knows nothing of how a request is decoded: the server takes more spellings than these types write.

pub mod cluster;
pub mod error;
pub mod header;
pub mod health;
pub mod write;

pub use cluster::{JoinRequest, RaftConfiguration, RaftServer, RemoveRequest, TransferRequest};
pub use error::ErrorCode;
pub use health::{CatalogServices, CheckDefinition, HealthCheck, NodeInfo, ServiceEntry, ServiceInfo, WeightsInfo};
pub use write::{
    CheckRegistration, CheckUpdate, DeregisterRequest, RegisterAnswer, RegisterRequest, RenewAnswer, RenewEntry,
    RenewOutcome, RenewRequest, RenewResult,
};

/// The namespace when none is named.
pub const DEFAULT_NAMESPACE: &str = "default";

/// The datacenter every answer names: a cluster is one datacenter, and Consul's default is this.
pub const DATACENTER: &str = "dc1";
