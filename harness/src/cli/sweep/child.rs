//! The process of one run of a sweep. Whatever becomes of the sweep, it leaves no process behind.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::super::CommandError;
use super::super::args::Args;
use crate::scenario::Found;

/// A run that takes longer hangs: its scenario has a virtual end that a sound run reaches in seconds.
const RUN_TIMEOUT: Duration = Duration::from_secs(600);

#[expect(clippy::disallowed_types, reason = "real processes, real time: nothing here is simulated")]
pub(super) type Clock = std::time::Instant;

/// See the module.
pub(super) struct Running {
    /// Number of its scenario.
    pub number: usize,
    pub seed: u64,
    child: Guard,
    deadline: Clock,
    /// What it says: files without a name, since a pipe that nobody reads stops a process that says much.
    said: [File; 2],
}

/// A process that ends with its guard.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        // It may have ended by itself, and been waited for.
        let _ended = self.0.kill();
        let _waited = self.0.wait();
    }
}

impl Running {
    /// A run of `found`, which has this number, with this seed.
    pub(super) fn start(args: &Args, found: &Found, number: usize, seed: u64) -> Result<Self, CommandError> {
        let program = std::env::current_exe().map_err(CommandError::io("finding this program"))?;
        let mut command = Command::new(program);
        command.arg("--scenarios").arg(&args.scenarios).arg("--out").arg(&args.out).arg("--json");
        command.arg("run").arg(&found.path).arg("--seed").arg(seed.to_string());
        command.args(args.idle_too_flag());
        let out = || CommandError::io(args.out.display().to_string());
        let file = || tempfile::tempfile_in(&args.out);
        let said = [file().map_err(out())?, file().map_err(out())?];
        let [text, errors] = [said[0].try_clone().map_err(out())?, said[1].try_clone().map_err(out())?];
        command.stdin(Stdio::null()).stdout(text).stderr(errors);
        let child = Guard(command.spawn().map_err(CommandError::io("starting a run"))?);
        Ok(Self { number, seed, child, deadline: Clock::now() + RUN_TIMEOUT, said })
    }

    /// Takes those out of `running` that have ended, and those that hang.
    pub(super) fn take_ended(running: &mut Vec<Self>) -> Vec<Self> {
        let now = Clock::now();
        running.extract_if(.., |run| !matches!(run.child.0.try_wait(), Ok(None)) || now >= run.deadline).collect()
    }

    /// Its summary. A process that did not end as its summary says has failed, whatever it says.
    pub(super) fn collect(mut self, found: &Found) -> Result<Value, CommandError> {
        let waiting = || CommandError::io("waiting for a run");
        let hangs = self.child.0.try_wait().map_err(waiting())?.is_none();
        if hangs {
            self.child.0.kill().map_err(waiting())?;
        }
        let status = self.child.0.wait().map_err(waiting())?;
        let [text, errors] = self.said.each_mut().map(read);
        let summary = text.lines().last().and_then(|line| serde_json::from_str::<Value>(line).ok());
        if let Some(summary) = summary.filter(|summary| agrees(summary, status)) {
            return Ok(summary);
        }
        let last = errors.lines().last().unwrap_or_default();
        let reason = if hangs {
            format!("the run had not ended after {} s", RUN_TIMEOUT.as_secs())
        } else {
            format!("the run ended with {status} and no summary: {last}")
        };
        Ok(json!({"scenario": found.scenario.name, "seed": self.seed, "verdict": "harness-failure", "reason": reason,
            "signature": if hangs { "hangs".to_owned() } else { format!("{status} {last}") }}))
    }
}

fn agrees(summary: &Value, status: ExitStatus) -> bool {
    status.code().is_some_and(|code| summary["exit_code"] == code)
}

/// All that was written, as far as it can be read: a report, not a record.
fn read(file: &mut File) -> String {
    let mut bytes = Vec::new();
    let _partly = file.rewind().and_then(|()| file.read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    #[test]
    fn a_summary_counts_only_if_the_process_ended_as_it_says() {
        let pass = json!({"exit_code": 0});
        assert!(agrees(&pass, ExitStatus::from_raw(0)));
        assert!(!agrees(&pass, ExitStatus::from_raw(9)), "killed");
        assert!(!agrees(&pass, ExitStatus::from_raw(3 << 8)), "could not keep its artefacts");
        assert!(!agrees(&json!({}), ExitStatus::from_raw(0)));
    }
}
