//! The state and its transitions.
pub struct Registry;
