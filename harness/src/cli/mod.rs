//! The command line: run, sweep, replay, list, model.
//!
//! | room | what |
//! |---|---|
//! | [`args`] | flags |
//! | `run` | one run, its report and artefacts |
//! | `twice` | two processes of one seed, compared byte by byte |
//! | `sweep` | many seeds, a process each |
//! | `replay` | a recorded run again |
//! | `recorded` | a recorded run beside its replay |
//! | `difference` | where two texts part |
//! | `list` | scenarios and what they cover |
//! | `report` | what a person reads |
//! | `say` | standard output and error, which may be closed |
//! | `progress` | a line on a terminal |
//!
//! Exit codes: 0 pass, 1 violated, 2 unknown, 3 harness failure, 4 vacuous, 5 non-deterministic, 64 usage.

pub mod args;
mod difference;
mod list;
mod progress;
mod recorded;
mod replay;
mod report;
mod run;
mod say;
mod sweep;
mod twice;

use std::process::ExitCode;

use clap::Parser;
use linearizability::verdict::{EXIT_USAGE, Verdict};

use crate::model::cli::{Ended, ModelArgs};
use args::{Args, Command};

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// A scenario is missing or wrong: the caller's mistake.
    #[error(transparent)]
    Scenario(#[from] crate::scenario::FindError),
    /// Something else that the caller should mend.
    #[error("{0}")]
    Usage(String),
    /// The machine refuses.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: std::io::Error,
    },
}

impl CommandError {
    fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // A closed standard output is no reason to fail; `--help` is no error.
            let _closed = error.print();
            return if error.use_stderr() { ExitCode::from(EXIT_USAGE) } else { ExitCode::SUCCESS };
        }
    };
    let done = match &args.command {
        Command::Run(command) => run::command(&args, command),
        Command::Sweep(command) => sweep::command(&args, command),
        Command::Replay(command) => replay::command(&args, command),
        Command::List(command) => list::command(&args, command),
        Command::Model(command) => check_model(&args, command),
    };
    match done {
        Ok(verdict) => ExitCode::from(verdict.exit_code()),
        Err(error) => {
            say::complain(&format!("harness: {error}"));
            match error {
                CommandError::Io { .. } => ExitCode::from(Verdict::HarnessFailure.exit_code()),
                CommandError::Scenario(_) | CommandError::Usage(_) => ExitCode::from(EXIT_USAGE),
            }
        }
    }
}

/// A model has the verdicts of a run: it holds, is violated, or did not reach what it must.
fn check_model(args: &Args, command: &ModelArgs) -> Result<Verdict, CommandError> {
    let ended = crate::model::cli::run(command, args.json).map_err(CommandError::Usage)?;
    Ok(match ended {
        Ended::Holds => Verdict::Pass,
        Ended::Vacuous => Verdict::Vacuous,
        Ended::Violated => Verdict::Violated,
    })
}
