//! `sds-check`: judges a recorded history. Flags in, text or JSON out, the verdict as exit code.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use linearizability::export::{self, Form};
use linearizability::history::{Run, load_run};
use linearizability::verdict::{EXIT_USAGE, Property, Verdict};
use linearizability::{Options, explained_prefix, judge, report, timeline};
use serde_json::json;

/// Judges a recorded history: proves that it kept its promises, or prints the smallest counter-example.
#[derive(Parser)]
#[command(name = "sds-check", version, after_long_help = TEACH)]
struct Flags {
    /// A history (JSONL, one event a line), or the directory of a run with `history.jsonl` in it
    #[arg(value_name = "FILE|DIR")]
    path: PathBuf,
    /// Ignore every index that the servers claim: search for an order instead of checking the one they propose
    #[arg(long)]
    black_box: bool,
    /// Judge LIN-1 to LIN-4 alone
    #[arg(long)]
    only_linear: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
    /// Steps (looks at one operation, 0.05 to 0.3 µs each) that a search may take in all; then the verdict is `unknown`
    #[arg(long, value_name = "N", default_value_t = Options::default().budget_steps)]
    budget_steps: u64,
    /// Properties that the run must have exercised (such as LIN-1,W-4); otherwise the verdict is `vacuous`
    #[arg(long, value_name = "IDS", value_delimiter = ',', value_parser = property)]
    require: Vec<Property>,
    /// Also write a page with the timeline of all clients and servers; it needs no network
    #[arg(long, value_name = "OUT")]
    html: Option<PathBuf>,
    /// Also write the history as EDN for Knossos: see EXPORTS.md
    #[arg(long, value_name = "OUT")]
    export_knossos: Option<PathBuf>,
    /// Also write the history as JSON for porcupine: see EXPORTS.md
    #[arg(long, value_name = "OUT")]
    export_porcupine: Option<PathBuf>,
}

const TEACH: &str = "\
What it does:
  Each answer of a server claims an index. Sorted by these claims, the operations form an order; if that order respects
  real time and a simple registry gives the same answers when it executes it, the history is linearizable, whatever the
  servers claimed. If it does not, a search looks for any other order: if there is one, only the indices were wrong (LIN-2);
  if there is none, the smallest set of operations that contradict each other is printed (LIN-1). Watches, TTLs, stale
  reads and durability are judged from the same file. HISTORY.md documents the format.

Exit codes:
  0  pass: every property that was exercised held
  1  violated: a promise was broken, and the report says how
  2  unknown: the budget was used up; raise --budget-steps
  3  the history cannot be read: missing, cut off or damaged, with the line
  4  vacuous: nothing was exercised, or not what --require asked for
  64 the command line makes no sense
  (5, non-deterministic, is the harness's: two runs of one seed differ)

Examples:
  sds-check run/                        judge a run
  sds-check --black-box history.jsonl   believe no index
  sds-check --json run/ | jq .violations
  sds-check --html run.html run/        look at it";

fn property(id: &str) -> Result<Property, String> {
    let known = Property::ALL.iter().copied().find(|property| property.id().eq_ignore_ascii_case(id));
    known.ok_or_else(|| {
        format!("no such property; the ids are those of the report, such as {} or {}", Property::Lin1, Property::W4)
    })
}

fn main() -> ExitCode {
    let flags = match Flags::try_parse() {
        Ok(flags) => flags,
        Err(error) => {
            let code = if error.use_stderr() { EXIT_USAGE } else { 0 };
            // A closed pipe is no reason to fail.
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    let run = match load_run(&flags.path) {
        Ok(run) => run,
        Err(error) => {
            if flags.json {
                let object = json!({
                    "verdict": Verdict::HarnessFailure.word(),
                    "exit_code": Verdict::HarnessFailure.exit_code(),
                    "error": error.to_string(),
                });
                let _ = writeln!(std::io::stdout(), "{object:#}");
            }
            return failed(&error.into());
        }
    };
    match check(&flags, &run) {
        Ok(verdict) => ExitCode::from(verdict.exit_code()),
        Err(error) => failed(&error),
    }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    // `eprintln!` would panic where nobody listens.
    let _ = writeln!(std::io::stderr(), "sds-check: {error:#}");
    ExitCode::from(Verdict::HarnessFailure.exit_code())
}

/// The report comes first: a file that cannot be written beside it does not hide what was found.
fn check(flags: &Flags, run: &Run) -> anyhow::Result<Verdict> {
    let options = Options {
        black_box: flags.black_box,
        budget_steps: flags.budget_steps,
        only_linear: flags.only_linear,
        required: flags.require.clone(),
    };
    let report = judge(run, &options);
    let text = if flags.json {
        format!("{:#}\n", report::to_json(&run.history, &report))
    } else {
        report::to_text(&run.history, &report)
    };
    print(&text).context("cannot write the report")?;
    for (form, path) in [(Form::Knossos, &flags.export_knossos), (Form::Porcupine, &flags.export_porcupine)] {
        if let Some(path) = path {
            write_export(run, form, path).with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    if let Some(path) = &flags.html {
        let title = format!("sds-check {}", flags.path.display());
        let page = timeline::render(run, &report, &explained_prefix(run, &options), &title);
        replace(path, &page).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(report.verdict())
}

fn print(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // The reader has seen enough, as `head` has: the exit code still tells the verdict.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome,
    }
}

/// Writes a file that is there whole or as it was before. A reader may have it open, and a disk may be full.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    // Behind a link is the file that is meant; a device or a pipe cannot be replaced.
    let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if std::fs::metadata(&target).is_ok_and(|metadata| !metadata.is_file()) {
        return std::fs::write(target, text);
    }
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = target.with_file_name(name);
    let written = std::fs::write(&part, text).and_then(|()| std::fs::rename(&part, &target));
    if written.is_err() {
        // What is left of it says nothing that the error does not.
        let _ = std::fs::remove_file(&part);
    }
    written
}

fn write_export(run: &Run, form: Form, path: &Path) -> std::io::Result<()> {
    let mut out = std::io::BufWriter::new(std::fs::File::create(path)?);
    export::write(&run.history, form, &mut out)?;
    out.flush()
}
