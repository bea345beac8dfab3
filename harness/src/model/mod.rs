//! Exhaustive models over production code: every order of steps within a scope, not a sample of them.
//!
//! | room | what it does | what it does not know |
//! |---|---|---|
//! | [`watch`] | polls of one server against changes, snapshots, shutdown | Raft, time |
//! | [`graph`] | every registry that some log leads to | servers |
//! | [`commands`] | the commands that the models write | models |
//! | [`check`] | one exhaustive search and what it found | what a model is about |

pub mod check;
pub mod commands;
pub mod graph;
pub mod watch;
