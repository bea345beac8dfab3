//! Flags.

use std::ops::Range;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Runs whole clusters of the real server in a simulated network, breaks them as a scenario says, and judges what clients saw.
///
/// The same scenario and seed give the same run, byte for byte. Exit codes: 0 pass, 1 violated, 2 unknown, 3 harness
/// failure, 4 vacuous (the run did not cover what its scenario asks for), 5 non-deterministic, 64 usage.
#[derive(Debug, Parser)]
#[command(name = "harness", version, max_term_width = 110)]
pub struct Args {
    /// Directory of the scenario files.
    #[arg(long, global = true, default_value = "scenarios", value_name = "DIR")]
    pub scenarios: PathBuf,
    /// Where runs leave their artefacts.
    #[arg(long, global = true, default_value = "out", value_name = "DIR")]
    pub out: PathBuf,
    /// Answer in JSON, one object on a line.
    #[arg(long, global = true)]
    pub json: bool,
    /// Run machines in steps too in which they have nothing to do, and fail if one does something: a check of the harness
    /// itself. A seed then gives another run: each step of a machine draws random numbers for tokio.
    #[arg(long, global = true)]
    pub idle_too: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

impl Args {
    /// The flag that a process of the same kind of runs needs.
    #[must_use]
    pub fn idle_too_flag(&self) -> Option<&'static str> {
        self.idle_too.then_some("--idle-too")
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run one scenario with one seed
    Run(RunArgs),
    /// Run many seeds, a process each
    Sweep(SweepArgs),
    /// Run a recorded run again: its faults as they struck, not as they are drawn
    Replay(ReplayArgs),
    /// List the scenarios, what they do and what they must cover
    List(ListArgs),
    /// Check a model over production code, in every order of its steps
    Model(crate::model::cli::ModelArgs),
}

/// Run one scenario with one seed.
#[derive(Debug, clap::Args)]
pub struct RunArgs {
    /// Name of a scenario (see `harness list`), or a path to a file.
    pub scenario: String,
    /// The seed: everything that is random in the run comes from it.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Run it in two processes and compare everything: network bytes, times, log events, history.
    #[arg(long)]
    pub twice: bool,
    /// Keep the artefacts of a passing run too.
    #[arg(long)]
    pub keep: bool,
    /// Write the whole trace to standard output instead of a report.
    #[arg(long, conflicts_with = "twice")]
    pub trace: bool,
}

/// Run many seeds, a process each.
#[derive(Debug, clap::Args)]
pub struct SweepArgs {
    /// Names or paths; none: every scenario.
    pub scenario: Vec<String>,
    /// Seeds, the last one excluded.
    #[arg(long, default_value = "1..11", value_name = "A..B", value_parser = seeds)]
    pub seeds: Range<u64>,
    /// Processes at a time; 0: one for each core.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=256))]
    pub jobs: u16,
    /// Stop at the first failure.
    #[arg(long)]
    pub fail_fast: bool,
    /// Go on where the last sweep into the same `--out` stopped: seeds that it finished with this binary and
    /// this text of the scenario are counted and not run again.
    #[arg(long)]
    pub resume: bool,
    /// Start no new run after this many seconds; what is not run is not judged.
    #[arg(long, value_name = "SECONDS")]
    pub budget: Option<u64>,
}

/// Run a recorded run again.
#[derive(Debug, clap::Args)]
pub struct ReplayArgs {
    /// The directory that a run left.
    pub dir: PathBuf,
    /// Replay even if this binary is not the one that recorded: the trace will then differ.
    #[arg(long)]
    pub force: bool,
    /// Write the whole trace to standard output instead of a report.
    #[arg(long)]
    pub trace: bool,
}

/// List the scenarios.
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// Also say what each must cover at least.
    #[arg(long)]
    pub long: bool,
}

fn seeds(text: &str) -> Result<Range<u64>, String> {
    let wrong = || format!("{text:?} is no range of seeds: write it like 1..101, the last one excluded");
    let (from, to) = text.split_once("..").ok_or_else(wrong)?;
    let range = from.parse().map_err(|_| wrong())?..to.parse().map_err(|_| wrong())?;
    if range.is_empty() { Err(format!("{text:?} holds no seed: the last one is excluded")) } else { Ok(range) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_a_range_without_its_end() {
        assert_eq!(seeds("1..4"), Ok(1..4));
        for wrong in ["4", "4..4", "b..4", "1.."] {
            assert!(seeds(wrong).is_err(), "{wrong}");
        }
    }
}
