//! `harness run --twice`: two processes of one seed, their traces compared byte by byte while they run.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};

use linearizability::verdict::Verdict;
use serde_json::json;

use super::args::Args;
use super::difference::{Difference, compare};
use super::report::reproduce;
use super::say::say;
use super::{CommandError, progress};
use crate::scenario::Found;

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
    command.arg("--seed").arg(seed.to_string()).arg("--trace");
    command.args(args.idle_too_flag()).stdin(Stdio::null()).stdout(Stdio::piped());
    command.spawn().map_err(CommandError::io("starting a run"))
}

fn output(child: &mut Child) -> impl BufRead + use<> {
    let stdout = child.stdout.take().expect("standard output is piped");
    BufReader::with_capacity(1 << 20, stdout)
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

    fn verdict_of_two(difference: bool, statuses: [i32; 2]) -> Verdict {
        use std::os::unix::process::ExitStatusExt as _;
        let at = || Difference { line: 1, before: Vec::new(), first: "a".into(), second: "b".into() };
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
