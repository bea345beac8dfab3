//! `sweep.jsonl`: one line for each run that has ended, in the order in which they did. One sweep at a time writes it.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io::Write as _;
use std::path::PathBuf;

use linearizability::verdict::Verdict;
use serde_json::{Value, json};
use xxhash_rust::xxh3::xxh3_128;

use super::super::CommandError;
use super::super::args::Args;
use crate::record::artefacts::binary_hash;
use crate::scenario::Found;

/// See the module. The file is locked as long as it is open.
pub(super) struct Log {
    path: PathBuf,
    file: File,
    /// This program, and what it is told to do otherwise: a run of another one is another run.
    binary: String,
    /// What an earlier sweep has written.
    before: String,
}

impl Log {
    /// The log in the directory `out`; to `resume` is to keep what stands there.
    pub(super) fn open(args: &Args, resume: bool) -> Result<Self, CommandError> {
        let out = &args.out;
        let path = out.join("sweep.jsonl");
        let io = || CommandError::io(path.display().to_string());
        let mut file = File::options().create(true).append(true).read(true).open(&path).map_err(io())?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let problem = "another sweep writes there now: wait for it, or give this one another --out";
                return Err(CommandError::Usage(format!("{}: {problem}", out.display())));
            }
            Err(TryLockError::Error(error)) => return Err(io()(error)),
        }
        let before = if resume { std::fs::read(&path).map_err(io())? } else { Vec::new() };
        if !resume {
            file.set_len(0).map_err(io())?;
        } else if before.last().is_some_and(|last| *last != b'\n') {
            // A sweep that was killed may have left half a line.
            file.write_all(b"\n").map_err(io())?;
        }
        let before = String::from_utf8_lossy(&before).into_owned();
        Ok(Self { path, file, binary: binary_hash() + args.idle_too_flag().unwrap_or_default(), before })
    }

    /// Seeds of `found` that an earlier sweep finished with this binary and this text of the scenario, and what came out.
    /// A failure of the harness itself is not finished.
    pub(super) fn finished(&self, found: &Found) -> BTreeMap<u64, Value> {
        let text = hash(found);
        let of_line = |line: &str| {
            let mut entry: Value = serde_json::from_str(line).ok()?;
            let same = entry["binary"] == self.binary.as_str() && entry["text"] == text && entry["id"] == found.id;
            let summary = entry["run"].take();
            let ended = summary["verdict"] != Verdict::HarnessFailure.word();
            (same && ended).then(|| Some((summary["seed"].as_u64()?, summary)))?
        };
        self.before.lines().filter_map(of_line).collect()
    }

    /// Writes that `found` has ended with `summary`.
    pub(super) fn add(&mut self, found: &Found, summary: &Value) -> Result<(), CommandError> {
        let line = json!({"binary": self.binary, "text": hash(found), "id": found.id, "run": summary});
        // At once: half lines are for those who are killed.
        let written = self.file.write_all(format!("{line}\n").as_bytes());
        written.map_err(CommandError::io(self.path.display().to_string()))
    }
}

fn hash(found: &Found) -> String {
    format!("{:032x}", xxh3_128(found.scenario.text.as_bytes()))
}
