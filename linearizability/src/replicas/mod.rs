//! The servers: the faults that hit them, and what their own records prove about logs, state hashes, roles and lost writes.
//!
//! | room | what |
//! |---|---|
//! | `faults` | which fault was active when |
//! | `health` | when the cluster was whole |
//!
//! Knows nothing of polls or TTLs.

mod faults;
mod health;

pub(crate) use faults::Faults;
pub(crate) use health::{Health, Window};
