//! What any server of a cluster can be asked for: write, read barrier, membership. Knows neither HTTP nor sockets.
//!
//! A follower forwards writes to the leader inside the cluster; a read asks the leader for a read index and then
//! answers from the local state of the server that was asked (SPEC section 4).
//!
//! | room | what it does |
//! |---|---|
//! | [`answer`] | errors that say whether something may have happened, and views |
//! | `handle` | [`Node`]: the handle that HTTP holds |
//! | `core` | what all of it shares |
//! | `write` | proposals, here or forwarded |
//! | `renew` | reports and renewals on the leader |
//! | `read` | rounds of ReadIndex |
//! | `admin` | join, remove, transfer on the leader |
//! | `inbound` | answers to peers |
//! | `duties` | what a server does unasked: expiries, contact with the leader, snapshots by time |
//! | `hand_over` | a leader that is to go, or has no quorum, asks another one to lead until it does |

pub mod answer;

mod admin;
mod core;
mod duties;
mod hand_over;
mod handle;
mod inbound;
mod read;
mod renew;
mod write;

pub use answer::{AdminError, ClusterView, Freshness, MemberView, RaftNumbers, ReadError, WriteError};
pub use handle::Node;

pub(crate) use core::{Core, Parts};
pub(crate) use duties::start as start_duties;
