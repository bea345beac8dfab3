//! Sider's server: one entry, [`serve`], for production and for simulation.
//!
//! | room | what it does | what it does not know |
//! |---|---|---|
//! | [`config`] | what a server is told | flags, files |
//! | [`host`] | the machine as the server sees it: clock, randomness, spawning | who runs on it |
//! | [`raft`] | consensus: openraft, its log in LMDB, its peers; the only room that knows openraft or heed | HTTP |
//! | [`node`] | what the registry can be asked for on any server: write, read barrier, membership | HTTP, sockets |
//! | [`watch`] | who waits for which service | Raft, HTTP |
//! | [`expirer`] | the leader's deadlines of ttl checks | Raft, HTTP |
//! | [`http`] | the HTTP API | openraft, heed |
//! | `places` | how many connections there may be, of one address and altogether | what they are for |

pub mod config;
pub mod expirer;
pub mod host;
pub mod http;
pub mod node;
pub mod raft;
pub mod watch;

mod places;
mod serve;

pub use serve::{Seams, ServeError, serve};
pub use sider_registry::limits;
