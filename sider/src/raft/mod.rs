//! Consensus: the only room that knows openraft or heed. Knows nothing of HTTP.
//!
//! | room | what it does |
//! |---|---|
//! | [`types`] | openraft's type config: who a member is, what a log entry holds |
//! | [`disk`] | the seam of durability: when a commit counts |
//! | [`record`] | every stored record: format version, checksum |
//! | [`store`] | opens the two LMDB environments and reads who this server is |
//! | [`log`] | log and vote: one writer, many entries per sync |
//! | [`snapshots`] | the last two snapshots |
//! | [`machine`] | applies committed entries to the registry, tells watches and deadlines |
//! | [`peer`] | framed TCP between servers |

pub mod disk;
pub mod log;
pub mod machine;
pub mod peer;
pub mod record;
pub mod snapshots;
pub mod store;
pub mod types;

pub use disk::{Disk, OsDisk};
pub use types::{Member, MemberId, TypeConfig};
