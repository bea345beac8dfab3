//! A rolling hash over everything that is recorded, and the text of it for comparing two runs.
//!
//! Two runs of one seed must agree on every byte. Checkpoints of the hash say in which stretch two runs part; the text
//! says at which line.

use std::fmt;
use std::io::{self, Write};

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
    /// Room in which the next line is put together.
    room: String,
    /// Why the text could not be written.
    lost: Option<String>,
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
        Self { depth, hasher: Xxh3::new(), lines: 0, checkpoints: Vec::new(), out, room: String::new(), lost: None }
    }

    /// What goes into it.
    #[must_use]
    pub const fn depth(&self) -> Depth {
        self.depth
    }

    /// Takes one line of `who`.
    pub fn line(&mut self, time: u64, who: &str, text: &str) {
        let mut line = std::mem::take(&mut self.room);
        line.clear();
        push_seconds(&mut line, time);
        for part in [" ", who, " ", text, "\n"] {
            line.push_str(part);
        }
        self.hasher.update(line.as_bytes());
        self.write(|out| out.write_all(line.as_bytes()));
        self.room = line;
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

    /// Hands the text on. Answers why not all of it could be written, if so.
    pub fn flush(&mut self) -> Option<String> {
        self.write(Write::flush);
        self.lost.take()
    }

    /// A reader that went away has seen enough; the hash goes on.
    fn write(&mut self, write: impl FnOnce(&mut Box<dyn Write + Send>) -> io::Result<()>) {
        let Some(out) = &mut self.out else { return };
        if let Err(error) = write(out) {
            self.out = None;
            self.lost = (error.kind() != io::ErrorKind::BrokenPipe).then(|| error.to_string());
        }
    }
}

/// `12.000000345`. By hand: there is one in every line, and formatting would cost more than hashing the line does.
fn push_seconds(line: &mut String, ns: u64) {
    push_decimal(line, ns / NANOS);
    line.push('.');
    let mut unit = NANOS / 10;
    while unit > 0 {
        let digit = u8::try_from(ns / unit % 10).expect("a digit");
        line.push(char::from(b'0' + digit));
        unit /= 10;
    }
}

/// As `{number}`, without the machinery of `fmt`.
pub(super) fn push_decimal(line: &mut String, mut number: u64) {
    let mut digits = [b'0'; 20];
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] += u8::try_from(number % 10).expect("a digit");
        number /= 10;
        if number == 0 {
            break;
        }
    }
    line.push_str(std::str::from_utf8(&digits[first..]).expect("digits are ASCII"));
}

const NANOS: u64 = 1_000_000_000;

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

    #[test]
    fn times_are_seconds_with_all_their_nanoseconds() {
        let text = |ns: u64| {
            let mut line = String::new();
            push_seconds(&mut line, ns);
            line
        };
        assert_eq!(text(12_000_000_345), "12.000000345");
        assert_eq!(text(999_999_999), "0.999999999");
    }

    #[test]
    fn decimals_are_those_of_fmt() {
        for number in [0, 7, 10, 99, 100, 12_345_678_901, u64::MAX] {
            let mut line = String::new();
            push_decimal(&mut line, number);
            assert_eq!(line, number.to_string());
        }
    }

    #[test]
    fn a_text_that_is_lost_is_told_and_a_reader_that_left_is_not() {
        let told = |kind: io::ErrorKind| {
            let mut trace = Trace::new(Depth::Record, Some(Box::new(Refuses(kind))));
            trace.line(1, "n1", "text");
            trace.flush().is_some()
        };
        assert!(told(io::ErrorKind::StorageFull));
        assert!(!told(io::ErrorKind::BrokenPipe));
    }

    struct Refuses(io::ErrorKind);

    impl Write for Refuses {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}
