//! Exhaustive models over production code: every order of steps within a scope, not a sample of them.
//!
//! | room | what it does | what it does not know |
//! |---|---|---|
//! | [`watch`] | polls of one server against changes, snapshots, shutdown | Raft, time |
//! | [`hop`] | a client that reads on two replicas, one of which lags | elections, time |
//! | [`expiry`] | renewals against expiries while leaders change | networks, disks |
//! | [`graph`] | every registry that some log leads to | servers |
//! | [`commands`] | the commands that the models write | models |
//! | [`shared`] | values that many states share | their meaning |
//! | [`check`] | one exhaustive search and what it found | what a model is about |
//! | [`cli`] | `harness model` | what a model is about |
//!
//! What is production code stands in the states (`sider::watch::WatchTable`, `sider::expirer::Deadlines`) and behind them
//! (`sider_registry::Registry`). The steps around it are tasks of the server, which no model checker can hold; each step
//! here names the code that it stands for. Liveness is stated as safety ("asleep, and nothing under way will wake it"):
//! stateright's `eventually` overlooks cycles.

pub mod check;
pub mod cli;
pub mod commands;
pub mod expiry;
pub mod graph;
pub mod hop;
pub mod shared;
pub mod watch;

use std::fmt::Debug;
use std::hash::Hash;

use clap::ValueEnum;
use stateright::Model;

/// How much of a model is visited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Scope {
    /// What an unoptimised test visits in seconds.
    Small,
    /// What an optimised build visits in seconds.
    Full,
    /// What takes minutes, and a gigabyte or more.
    Deep,
}

/// A model that can be checked: as it should be, or broken in one way.
pub trait Checked:
    Model<State: Explored, Action: Clone + Debug + PartialEq + Send + Sync> + Send + Sync + 'static
{
    /// The ways in which it can be broken. A check must find each.
    type Broken: ValueEnum + Copy + Debug + Send + Sync + 'static;

    /// The model.
    fn new(scope: Scope, broken: Option<Self::Broken>) -> Self;

    /// How many different states the scope has when nothing is broken. Pinned, so that a model that silently lost a
    /// part of its world does not pass.
    fn pinned(scope: Scope) -> usize;
}

/// What a state must be able to do.
pub trait Explored: Clone + Debug + Hash + PartialEq + Send + Sync + 'static {}

impl<T: Clone + Debug + Hash + PartialEq + Send + Sync + 'static> Explored for T {}
