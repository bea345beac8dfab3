//! `harness run --twice`: two processes of one seed, their traces compared byte by byte while they run.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use linearizability::verdict::Verdict;
use serde_json::json;

use super::args::Args;
use super::{CommandError, progress};
use crate::scenario::Found;

/// Lines shown before the first difference.
const CONTEXT: usize = 5;
/// Longest part of a line that is shown.
const SHOWN: usize = 400;

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
    let compared = {
        let traces = (output(&mut one), output(&mut two));
        compare(traces.0, traces.1).map_err(CommandError::io("reading a trace"))
    };
    bar.finish_and_clear();
    // A run whose trace nobody reads any more would block: it is ended here.
    let ended =
        if matches!(compared, Ok((_, None))) { (one.wait(), two.wait()) } else { (end(&mut one), end(&mut two)) };
    let (lines, difference) = compared?;
    let status = ended.0.and(ended.1).map_err(CommandError::io("waiting for a run"))?;
    let verdict = if difference.is_some() { Verdict::NonDeterministic } else { verdict_of(status.code()) };
    show(args, found, seed, lines, difference.as_ref(), verdict);
    Ok(verdict)
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

fn end(child: &mut Child) -> std::io::Result<std::process::ExitStatus> {
    // It may have ended by itself meanwhile.
    let _ended = child.kill();
    child.wait()
}

/// The number of equal lines, and the first difference.
fn compare(mut one: impl BufRead, mut two: impl BufRead) -> std::io::Result<(u64, Option<Difference>)> {
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
        return "(the trace ends)".into();
    }
    let text = String::from_utf8_lossy(line);
    text.trim_end().chars().take(SHOWN).collect()
}

fn verdict_of(code: Option<i32>) -> Verdict {
    let all = [Verdict::Pass, Verdict::Violated, Verdict::Unknown, Verdict::Vacuous];
    let same = |verdict: &Verdict| code == Some(i32::from(verdict.exit_code()));
    all.into_iter().find(same).unwrap_or(Verdict::HarnessFailure)
}

fn show(args: &Args, found: &Found, seed: u64, lines: u64, difference: Option<&Difference>, verdict: Verdict) {
    if args.json {
        let difference = difference.map(|at| json!({"line": at.line, "first": at.first, "second": at.second}));
        let summary = json!({"scenario": found.id, "seed": seed, "verdict": verdict.word(), "exit_code": verdict.exit_code(),
            "equal_lines": lines, "difference": difference});
        println!("{summary}");
        return;
    }
    match difference {
        None => println!("IDENTICAL {} seed {seed}: {lines} lines of trace; the run itself: {verdict}", found.id),
        Some(at) => {
            println!("NON-DETERMINISTIC {} seed {seed}: two runs part at line {} of the trace", found.id, at.line);
            at.before.iter().for_each(|line| println!("    {line}"));
            println!("  1 {}\n  2 {}", at.first, at.second);
            println!("  reproduce: cargo harness run {} --seed {seed} --twice", found.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_named_with_what_stands_before_it() {
        let (lines, difference) = compare(&b"a\nb\nc\n"[..], &b"a\nb\nd\n"[..]).expect("memory");
        let difference = difference.expect("c is not d");
        assert_eq!((lines, difference.line, difference.first.as_str(), difference.second.as_str()), (2, 3, "c", "d"));
        assert_eq!(difference.before, ["a", "b"]);
    }

    #[test]
    fn a_trace_that_ends_early_differs() {
        let (_, difference) = compare(&b"a\n"[..], &b"a\nb\n"[..]).expect("memory");
        assert_eq!(difference.expect("one is longer").first, "(the trace ends)");
        assert_eq!(compare(&b"a\n"[..], &b"a\n"[..]).expect("memory"), (1, None));
    }
}
