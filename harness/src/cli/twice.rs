//! `harness run --twice`: two processes of one seed, their traces compared byte by byte while they run.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};

use linearizability::verdict::Verdict;
use serde_json::json;

use super::args::Args;
use super::report::reproduce;
use super::say::say;
use super::{CommandError, progress};
use crate::scenario::Found;

/// Lines shown before the first difference.
const CONTEXT: usize = 5;
/// Longest part of a line that is shown.
const SHOWN: usize = 400;

/// In place of a line that is not there.
const THE_END: &str = "(the trace ends)";

/// Where two traces part.
#[derive(Debug, PartialEq, Eq)]
struct Difference {
    line: u64,
    before: Vec<String>,
    first: String,
    second: String,
}

pub(super) fn command(args: &Args, found: &Found, seed: u64) -> Result<Verdict, CommandError> {
    let bar = progress::line(1, args.json);
    bar.set_message(format!("{} seed {seed}, twice", found.id));
    let (mut one, mut two) = (start(args, found, seed)?, start(args, found, seed)?);
    let mut traces = (output(&mut one), output(&mut two));
    let compared = compare(&mut traces.0, &mut traces.1).map_err(CommandError::io("reading a trace"));
    // Only a run that has come to its end says whether it was one: what was killed, or found no room, differs too.
    let rest = |trace: &mut dyn BufRead| std::io::copy(trace, &mut std::io::sink());
    let read = rest(&mut traces.0).and(rest(&mut traces.1)).map_err(CommandError::io("reading a trace"));
    bar.finish_and_clear();
    let waited = [one.wait(), two.wait()].map(|status| status.map_err(CommandError::io("waiting for a run")));
    let [one, two] = waited;
    let ((lines, difference), _) = (compared?, read?);
    let ended = Ended { lines, difference, statuses: [one?, two?] };
    show(args, found, seed, &ended)?;
    Ok(ended.verdict())
}

/// How the two ended.
struct Ended {
    /// Equal lines.
    lines: u64,
    difference: Option<Difference>,
    statuses: [ExitStatus; 2],
}

impl Ended {
    /// A process that was killed, or that could not run, says nothing about determinism.
    fn verdict(&self) -> Verdict {
        match self.statuses.map(|status| verdict_of(status.code())) {
            [Verdict::HarnessFailure, _] | [_, Verdict::HarnessFailure] => Verdict::HarnessFailure,
            [one, two] if one == two && self.difference.is_none() => one,
            _ => Verdict::NonDeterministic,
        }
    }

    fn as_text(&self, args: &Args, found: &Found, seed: u64) -> String {
        let ([one, two], verdict) = (self.statuses, self.verdict());
        let (id, lines) = (&found.id, self.lines);
        let what = match (&self.difference, verdict) {
            (None, Verdict::HarnessFailure | Verdict::NonDeterministic) => {
                format!("{lines} equal lines of trace, and one ended with {one}, the other with {two}")
            }
            (Some(at), Verdict::HarnessFailure) => {
                format!("two runs part at line {} of the trace; one ended with {one}, the other with {two}", at.line)
            }
            (Some(at), _) => format!("two runs part at line {} of the trace", at.line),
            (None, verdict) => format!("{lines} lines of trace; the run itself: {verdict}"),
        };
        let word = match verdict {
            Verdict::HarnessFailure | Verdict::NonDeterministic => verdict.word().to_uppercase(),
            _ => "IDENTICAL".into(),
        };
        let mut text = format!("{word} {id} seed {seed}: {what}\n");
        if let Some(at) = &self.difference {
            text.extend(at.before.iter().map(|line| format!("    {line}\n")));
            text += &format!("  1 {}\n  2 {}\n", at.first, at.second);
            text += &format!("  reproduce: {} --twice\n", reproduce(args, id, seed));
        }
        text
    }
}

fn start(args: &Args, found: &Found, seed: u64) -> Result<Child, CommandError> {
    let program = std::env::current_exe().map_err(CommandError::io("finding this program"))?;
    let mut command = Command::new(program);
    command.arg("--scenarios").arg(&args.scenarios).arg("run").arg(&found.path);
    command.arg("--seed").arg(seed.to_string()).arg("--trace").stdin(Stdio::null()).stdout(Stdio::piped());
    command.spawn().map_err(CommandError::io("starting a run"))
}

fn output(child: &mut Child) -> impl BufRead + use<> {
    let stdout = child.stdout.take().expect("standard output is piped");
    BufReader::with_capacity(1 << 20, stdout)
}

/// The number of equal lines, and the first difference.
fn compare(one: &mut impl BufRead, two: &mut impl BufRead) -> std::io::Result<(u64, Option<Difference>)> {
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

fn verdict_of(code: Option<i32>) -> Verdict {
    let all = [Verdict::Pass, Verdict::Violated, Verdict::Unknown, Verdict::Vacuous];
    let same = |verdict: &Verdict| code == Some(i32::from(verdict.exit_code()));
    all.into_iter().find(same).unwrap_or(Verdict::HarnessFailure)
}

fn show(args: &Args, found: &Found, seed: u64, ended: &Ended) -> Result<(), CommandError> {
    if !args.json {
        return say(&ended.as_text(args, found, seed));
    }
    let verdict = ended.verdict();
    let difference =
        ended.difference.as_ref().map(|at| json!({"line": at.line, "first": at.first, "second": at.second}));
    let summary = json!({"scenario": found.id, "seed": seed, "verdict": verdict.word(), "exit_code": verdict.exit_code(),
        "equal_lines": ended.lines, "difference": difference});
    say(&format!("{summary}\n"))
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
    fn a_trace_that_ends_early_differs() {
        let (_, difference) = compare(&mut &b"a\n"[..], &mut &b"a\nb\n"[..]).expect("memory");
        assert_eq!(difference.expect("one is longer").first, "(the trace ends)");
        assert_eq!(compare(&mut &b"a\n"[..], &mut &b"a\n"[..]).expect("memory"), (1, None));
    }

    fn verdict_of_two(difference: bool, statuses: [i32; 2]) -> Verdict {
        use std::os::unix::process::ExitStatusExt as _;
        let at = || Difference { line: 1, before: Vec::new(), first: THE_END.into(), second: "b".into() };
        let statuses = statuses.map(ExitStatus::from_raw);
        Ended { lines: 0, difference: difference.then(at), statuses }.verdict()
    }

    #[test]
    fn a_run_that_was_killed_says_nothing_and_two_verdicts_say_enough() {
        let (pass, violated, failed, killed) = (0, 1 << 8, 3 << 8, 9);
        assert_eq!(verdict_of_two(false, [pass, pass]), Verdict::Pass);
        assert_eq!(verdict_of_two(false, [violated, violated]), Verdict::Violated);
        assert_eq!(verdict_of_two(false, [pass, violated]), Verdict::NonDeterministic);
        assert_eq!(verdict_of_two(true, [pass, pass]), Verdict::NonDeterministic);
        assert_eq!(verdict_of_two(true, [killed, pass]), Verdict::HarnessFailure);
        assert_eq!(verdict_of_two(true, [pass, failed]), Verdict::HarnessFailure);
    }
}
