//! What breaks the cluster: when, whom and how.
//!
//! | room | what |
//! |---|---|
//! | [`action`] | concrete actions: what is done to which machines and links; what replay reads |
//! | [`carry`] | carries actions out |
//! | [`target`] | roles to names, shapes of partitions to links |
//! | [`strike`] | one fault of a scenario, resolved to actions now and their undoing later |
//! | [`random`] | faults drawn from the seed |
//! | [`plan`] | timeline, triggers, undoings: what is due at a step |
//! | [`replay`] | a recorded timeline, done again |
//! | [`view`] | who leads and how far everybody is, from white-box facts |
//!
//! Acts between two steps only. Knows nothing of clients' answers.

pub mod action;
pub mod carry;
pub mod plan;
pub mod random;
pub mod replay;
pub mod strike;
pub mod target;
pub mod view;
