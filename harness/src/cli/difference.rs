//! Where two texts part: traces of two processes, histories of a run and its replay.

use std::collections::VecDeque;
use std::io::{self, BufRead};

/// Lines shown before the first difference.
const CONTEXT: usize = 5;
/// Longest part of a line that is shown.
const SHOWN: usize = 400;

/// In place of a line that is not there.
const THE_END: &str = "(nothing more)";

/// Where two texts part.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Difference {
    /// Its number, from 1.
    pub line: u64,
    /// What stands before it in both.
    pub before: Vec<String>,
    pub first: String,
    pub second: String,
}

/// The number of equal lines, and the first difference.
pub(super) fn compare(one: &mut impl BufRead, two: &mut impl BufRead) -> io::Result<(u64, Option<Difference>)> {
    let mut before = VecDeque::new();
    let mut lines = 0;
    let (mut first, mut second) = (Vec::new(), Vec::new());
    loop {
        first.clear();
        second.clear();
        let read = (one.read_until(b'\n', &mut first)?, two.read_until(b'\n', &mut second)?);
        if first != second {
            let (first, second) = (shown(&first), shown(&second));
            return Ok((lines, Some(Difference { line: lines + 1, before: before.into(), first, second })));
        }
        if read == (0, 0) {
            return Ok((lines, None));
        }
        lines += 1;
        if before.len() == CONTEXT {
            before.pop_front();
        }
        before.push_back(shown(&first));
    }
}

fn shown(line: &[u8]) -> String {
    if line.is_empty() {
        return THE_END.into();
    }
    let text = String::from_utf8_lossy(line);
    text.trim_end().chars().take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_named_with_what_stands_before_it() {
        let (lines, difference) = compare(&mut &b"a\nb\nc\n"[..], &mut &b"a\nb\nd\n"[..]).expect("memory");
        let difference = difference.expect("c is not d");
        assert_eq!((lines, difference.line, difference.first.as_str(), difference.second.as_str()), (2, 3, "c", "d"));
        assert_eq!(difference.before, ["a", "b"]);
    }

    #[test]
    fn a_text_that_ends_early_differs() {
        let (_, difference) = compare(&mut &b"a\n"[..], &mut &b"a\nb\n"[..]).expect("memory");
        assert_eq!(difference.expect("one is longer").first, "(nothing more)");
        assert_eq!(compare(&mut &b"a\n"[..], &mut &b"a\n"[..]).expect("memory"), (1, None));
    }
}
