//! Who uses the cluster: logical clients on a few simulated hosts. They see the server through its HTTP API only, and
//! everything they ask and hear goes into the record.
//!
//! | room | what |
//! |---|---|
//! | [`op`] | operations and their arguments in the history |
//! | [`send`] | one operation over the typed client, and its answer in the history |
//! | [`caller`] | a logical client: process ids, choice of server, repetitions |
//! | [`shared`] | what clients and the run share: phase, members, switches |
//! | [`registry`], [`watchers`], [`ttl`], [`agents`] | the kinds of load |
//! | [`admin`] | joins, removals and transfers that the nemesis asks for |
//! | [`recheck`] | calls that must succeed after the faults |

pub mod admin;
pub mod agents;
pub mod caller;
pub mod op;
pub mod recheck;
pub mod registry;
pub mod send;
pub mod shared;
pub mod ttl;
pub mod watchers;

use std::future::Future;
use std::pin::Pin;

use crate::sim::timers;

/// What one logical client does, from its start to the end of its phase.
pub type Task = Pin<Box<dyn Future<Output = ()>>>;

/// Runs all `tasks` on one simulated host, which tells of its timers: they sleep by [`timers::sleep`].
pub async fn run_all(tasks: Vec<Task>) -> turmoil::Result {
    let _told = timers::told();
    let handles: Vec<_> = tasks.into_iter().map(tokio::task::spawn_local).collect();
    for handle in handles {
        handle.await?;
    }
    Ok(())
}
