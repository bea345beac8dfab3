//! The simulated world: network, disks, machines. Everything runs in one thread, in virtual time.
//!
//! | room | what |
//! |---|---|
//! | [`net`] | the server's and the client's byte streams over turmoil |
//! | [`disk`] | when a commit counts, and what a loss of power takes |
//! | [`image`] | LMDB's data file as the disk has it |
//! | [`server`] | one machine with a server: its starts and its end |
//! | [`timers`] | turmoil is told of every timer, and passes over machines that have nothing to do |
//! | [`cluster`] | all machines and the links between them |
//!
//! Knows the server only by [`sider::serve`] and its seams. Knows nothing of scenarios' faults or of clients.

pub mod cluster;
pub mod disk;
pub mod image;
pub mod net;
pub mod server;
pub mod timers;

/// Port of the HTTP API on every simulated server.
pub const HTTP_PORT: u16 = 8500;
/// Port of Raft on every simulated server.
pub const RAFT_PORT: u16 = 8501;
