//! The same server in a simulated network: from a scenario file and a seed to a verdict.
//!
//! | room | what it does | what it does not know |
//! |---|---|---|
//! | [`scenario`] | scenario files, and the errors of those who write them | the simulation |
//! | [`seeds`] | one seed, a stream for every actor | who draws |
//! | [`sim`] | network, disks, machines | faults, clients |
//! | [`workload`] | clients, over the HTTP API only | faults, white-box facts |
//! | [`nemesis`] | what breaks the cluster, when and whom | what clients saw |
//! | [`record`] | history, facts, trace | what they mean |
//! | [`invariants`] | what must hold at every step | clients' answers |
//! | [`run`] | one run, from setup to verdict | command lines |
//! | [`model`] | exhaustive models over production code | simulation, scenarios |
//! | [`cli`] | commands, sweeps, replays, artefacts | how a run works |
//!
//! The judge is another crate and shares no code with the server. Nothing depends on this crate.

#[cfg(not(tokio_unstable))]
compile_error!(
    "the harness needs `--cfg tokio_unstable`: turmoil seeds tokio's scheduler only under it, and a run would not repeat. \
     It stands in .cargo/config.toml; an environment RUSTFLAGS replaces that line silently: add `--cfg tokio_unstable` to it."
);

pub mod cli;
pub mod invariants;
pub mod model;
pub mod nemesis;
pub mod record;
pub mod run;
pub mod scenario;
pub mod seeds;
pub mod sim;
pub mod workload;
