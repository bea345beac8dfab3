//! A recorded run beside its replay: whether they are the same, and if not, where they part. The trace holds everything and
//! tells it to a thousand lines; the histories tell it to the line.

use std::path::Path;

use serde_json::{Value, json};

use super::CommandError;
use super::difference::{Difference, compare};
use crate::record::Record;
use crate::record::trace::Checkpoint;

/// What a run left behind that its replay is compared with.
pub(super) struct Recorded {
    checkpoints: Vec<Checkpoint>,
    hash: u128,
    /// Name and text of each history, oldest first: one for each cluster of the run.
    histories: Vec<(String, String)>,
}

/// What a replay is to the recorded run.
pub(super) enum Likeness {
    /// The same, byte for byte.
    Same,
    /// Another.
    Parts {
        /// Equal beginning of the trace, as far as checkpoints tell: lines, and virtual time in ns.
        equal: (u64, u64),
        /// Line of the trace by which they have parted; none: after the last checkpoint that both have.
        by: Option<u64>,
        /// The first history that differs, and where; none: all clients saw the same.
        history: Option<(String, Difference)>,
    },
}

impl Recorded {
    /// Reads what the run in `dir` left.
    pub(super) fn read(dir: &Path) -> Result<Self, CommandError> {
        let path = dir.join("trace.hash");
        let text = read(&path)?;
        let mut lines: Vec<Checkpoint> = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let wrong = || CommandError::Usage(format!("{}:{}: no checkpoint of a trace", path.display(), number + 1));
            lines.push(checkpoint(line).ok_or_else(wrong)?);
        }
        let Some(end) = lines.pop() else {
            return Err(CommandError::Usage(format!("{}: empty, and a trace has an end", path.display())));
        };
        let past =
            (1..).map(|number| format!("past-{number}/history.jsonl")).take_while(|name| dir.join(name).is_file());
        let names = past.chain(["history.jsonl".to_owned()]);
        let histories = names.map(|name| read(&dir.join(&name)).map(|text| (name, text)));
        Ok(Self { checkpoints: lines, hash: end.hash, histories: histories.collect::<Result<_, _>>()? })
    }

    /// What the replay that left `record` is to it.
    pub(super) fn likeness(&self, record: &Record) -> Likeness {
        let inner = record.lock();
        if format!("{:032x}", self.hash) == inner.trace.hash() {
            return Likeness::Same;
        }
        let pairs = || self.checkpoints.iter().zip(inner.trace.checkpoints());
        let equal = pairs().take_while(|(old, new)| old == new).last().map_or((0, 0), |(old, _)| (old.lines, old.time));
        let by = pairs().find(|(old, new)| old != new).map(|(old, _)| old.lines);
        let past = inner.past.iter().map(|past| past.history.as_str());
        let replayed: Vec<&str> = past.chain([inner.history.lines.as_str()]).collect();
        Likeness::Parts { equal, by, history: self.first_difference(&replayed) }
    }

    /// A cluster that only one of the two runs had has an empty history in the other.
    fn first_difference(&self, replayed: &[&str]) -> Option<(String, Difference)> {
        let count = self.histories.len().max(replayed.len());
        (0..count).find_map(|at| {
            let (name, old) = self.histories.get(at).map_or(("history.jsonl", ""), |(name, text)| (name, text));
            let new = replayed.get(at).copied().unwrap_or_default();
            let (_, difference) = compare(&mut old.as_bytes(), &mut new.as_bytes()).expect("memory can be read");
            difference.map(|difference| (name.to_owned(), difference))
        })
    }
}

impl Likeness {
    /// For people.
    pub(super) fn as_text(&self) -> String {
        let Self::Parts { equal: (lines, time), by, history } = self else {
            return "  the replay is, byte for byte, the recorded run\n".into();
        };
        let by = by.map_or_else(|| "the end".into(), |line| format!("line {line}"));
        let at = format!("{}.{:03} s", time / 1_000_000_000, time / 1_000_000 % 1000);
        let mut text = format!(
            "  the replay differs from the recorded run: their traces part between line {lines} ({at}) and {by}\n"
        );
        match history {
            None => text += "  what clients saw is the same\n",
            Some((name, part)) => {
                text += &format!("  what clients saw parts at {name}:{}\n", part.line);
                text.extend(part.before.iter().map(|line| format!("    {line}\n")));
                text += &format!("  recorded {}\n  replayed {}\n", part.first, part.second);
            }
        }
        text
    }

    /// For machines.
    pub(super) fn to_json(&self) -> Value {
        let Self::Parts { equal: (lines, time), by, history } = self else { return json!({"same": true}) };
        let history = history.as_ref().map(
            |(name, part)| json!({"file": name, "line": part.line, "recorded": part.first, "replayed": part.second}),
        );
        let trace = json!({"equal_lines": lines, "equal_ms": time / 1_000_000, "differs_by_line": by});
        json!({"same": false, "trace": trace, "history": history})
    }
}

/// The text of a file that the caller named; damaged, it is his to mend.
pub(super) fn read(path: &Path) -> Result<String, CommandError> {
    std::fs::read_to_string(path).map_err(|error| CommandError::Usage(format!("{}: {error}", path.display())))
}

/// `lines time hash`; the last line of the file has `end` for its time.
fn checkpoint(line: &str) -> Option<Checkpoint> {
    let mut words = line.split(' ');
    let (lines, time, hash) = (words.next()?.parse().ok()?, words.next()?, words.next()?);
    let time = if time == "end" { u64::MAX } else { time.parse().ok()? };
    Some(Checkpoint { lines, time, hash: u128::from_str_radix(hash, 16).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::artefacts;
    use crate::record::trace::{Depth, Trace};

    /// A record of `lines` lines of trace, of which number `odd` is another.
    fn record(lines: u64, odd: u64, phase: &str) -> Record {
        let record = Record::new(Trace::new(Depth::Record, None));
        for number in 1..=lines {
            let text = if number == odd { "odd" } else { "even" };
            record.lock().trace.line(number, "n1", text);
        }
        record.phase(phase);
        record
    }

    /// What the second is to the first, which was written and read.
    fn likeness(first: &Record, second: &Record) -> Value {
        let dir = tempfile::tempdir().expect("a temporary directory");
        artefacts::write(dir.path(), first, "", 1, &json!({})).expect("a directory");
        Recorded::read(dir.path()).expect("what was written").likeness(second).to_json()
    }

    #[test]
    fn a_replay_is_the_same_or_says_where_it_parts() {
        let first = record(2500, 0, "run");
        assert_eq!(likeness(&first, &record(2500, 0, "run")), json!({"same": true}));
        let other = likeness(&first, &record(2500, 1500, "run"));
        assert_eq!(other["trace"], json!({"equal_lines": 1000, "equal_ms": 0, "differs_by_line": 2000}));
        assert_eq!(other["history"], Value::Null);
        let late = likeness(&first, &record(2500, 0, "settle"));
        assert_eq!(late["trace"], json!({"equal_lines": 2000, "equal_ms": 0, "differs_by_line": null}));
        assert_eq!((&late["same"], &late["history"]["line"]), (&json!(false), &json!(1)), "{late}");
    }

    #[test]
    fn the_history_of_a_cluster_that_was_lost_is_compared_too() {
        let lost = |phase: &str| {
            let record = record(10, 0, phase);
            record.new_cluster();
            record
        };
        let parts = likeness(&lost("run"), &lost("settle"));
        assert_eq!(parts["history"]["file"], "past-1/history.jsonl", "{parts}");
        let one_cluster = likeness(&lost("run"), &record(10, 0, "settle"));
        assert_eq!(one_cluster["history"]["line"], 1, "{one_cluster}");
    }

    #[test]
    fn a_damaged_trace_is_named_with_its_line() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        std::fs::write(dir.path().join("trace.hash"), "1000 5 ff\n2000 x\n").expect("a file");
        let error = Recorded::read(dir.path()).err().expect("an error").to_string();
        assert!(error.ends_with("trace.hash:2: no checkpoint of a trace"), "{error}");
    }
}
