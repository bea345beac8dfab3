//! A rolling hash over everything that is recorded, and the text of it for comparing two runs.
//!
//! Two runs of one seed must agree on every byte. Checkpoints of the hash say in which stretch two runs part; the text
//! says at which line.

use std::fmt;
use std::io::Write;

use xxhash_rust::xxh3::Xxh3;

/// Lines between two checkpoints.
const CHECKPOINT_EVERY: u64 = 1000;

/// What goes into the trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// History, faults and white-box facts: costs next to nothing, always on.
    Record,
    /// Also every byte on the network and every log event of the servers: for `--twice`.
    Everything,
}

/// The trace of a run.
pub struct Trace {
    depth: Depth,
    hasher: Xxh3,
    lines: u64,
    checkpoints: Vec<Checkpoint>,
    out: Option<Box<dyn Write + Send>>,
}

/// The hash at some moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// Lines so far.
    pub lines: u64,
    /// Virtual time, ns.
    pub time: u64,
    /// xxh3-128 of all lines.
    pub hash: u128,
}

impl Trace {
    /// An empty trace; its text goes to `out`.
    #[must_use]
    pub fn new(depth: Depth, out: Option<Box<dyn Write + Send>>) -> Self {
        Self { depth, hasher: Xxh3::new(), lines: 0, checkpoints: Vec::new(), out }
    }

    /// What goes into it.
    #[must_use]
    pub const fn depth(&self) -> Depth {
        self.depth
    }

    /// Takes one line of `who`.
    pub fn line(&mut self, time: u64, who: &str, text: &str) {
        let head = format!("{}.{:09} {who} ", time / 1_000_000_000, time % 1_000_000_000);
        for part in [head.as_bytes(), text.as_bytes(), b"\n"] {
            self.hasher.update(part);
            if let Some(out) = &mut self.out {
                // A reader that went away has seen enough; the hash goes on.
                if out.write_all(part).is_err() {
                    self.out = None;
                }
            }
        }
        self.lines += 1;
        if self.lines.is_multiple_of(CHECKPOINT_EVERY) {
            self.checkpoints.push(Checkpoint { lines: self.lines, time, hash: self.hasher.digest128() });
        }
    }

    /// The hash of everything so far, as 32 hex digits.
    #[must_use]
    pub fn hash(&self) -> String {
        format!("{:032x}", self.hasher.digest128())
    }

    /// Lines so far.
    #[must_use]
    pub const fn lines(&self) -> u64 {
        self.lines
    }

    /// The hash every thousand lines.
    #[must_use]
    pub fn checkpoints(&self) -> &[Checkpoint] {
        &self.checkpoints
    }

    /// Hands the text on.
    pub fn flush(&mut self) {
        if let Some(out) = &mut self.out {
            // As above.
            let _gone = out.flush();
        }
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trace").field("depth", &self.depth).field("lines", &self.lines).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_changed_byte_changes_the_hash() {
        let hash = |text: &str| {
            let mut trace = Trace::new(Depth::Record, None);
            trace.line(1, "n1", text);
            trace.hash()
        };
        assert_eq!(hash("applied 7"), hash("applied 7"));
        assert_ne!(hash("applied 7"), hash("applied 8"));
    }
}
