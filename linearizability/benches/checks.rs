//! The benchmark of the judge: every case with its limit, all on the same generated histories, in one run.
//! Each case runs in a process of its own, so that its peak of memory is its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use linearizability::generate::{Plan, generate_to};
use linearizability::history::{Answer, Call, History, Operation, Outcome, Run, read_history};
use linearizability::spec::{Op, Ret, SeenRow, Spec};
use linearizability::verdict::{Property, Status};
use linearizability::{Options, judge};
use stateright::semantics::{ConsistencyTester, LinearizabilityTester};

#[expect(clippy::disallowed_types, reason = "a benchmark measures real time")]
type Clock = std::time::Instant;

/// A case of the table.
struct Case {
    name: &'static str,
    file: &'static str,
    black_box: bool,
    /// Whether LIN-1 has to hold.
    holds: bool,
    /// None: a 300th of what stateright's own tester takes for the same history, in the same run.
    limit_s: Option<f64>,
    limit_mb: Option<f64>,
}

const CASES: &[Case] = &[
    Case {
        name: "1 000 000 operations, 100 services, witness",
        file: "million",
        black_box: false,
        holds: true,
        limit_s: Some(0.5),
        limit_mb: Some(300.0),
    },
    Case {
        name: "the same without the index",
        file: "million",
        black_box: true,
        holds: true,
        limit_s: Some(1.0),
        limit_mb: None,
    },
    Case {
        name: "100 000 operations, one service, no index, right",
        file: "single",
        black_box: true,
        holds: true,
        limit_s: Some(0.5),
        limit_mb: Some(100.0),
    },
    Case {
        name: "100 000 operations, one service, no index, a stale read",
        file: "stale",
        black_box: true,
        holds: false,
        limit_s: Some(0.5),
        limit_mb: Some(100.0),
    },
    Case {
        name: "10 000 operations, one service, 5 % unknown, no index",
        file: "unknown",
        black_box: true,
        holds: true,
        limit_s: Some(0.3),
        limit_mb: None,
    },
    Case {
        name: "1 000 operations, 4 clients, no index",
        file: "thousand",
        black_box: true,
        holds: true,
        limit_s: None,
        limit_mb: None,
    },
    Case {
        name: "smallest core of a wrong read in 10 000 operations",
        file: "stale10k",
        black_box: true,
        holds: false,
        limit_s: Some(1.0),
        limit_mb: None,
    },
];

/// The history that stateright's tester checks too.
const REFERENCE: &str = "thousand";

/// Repeats of a case; the best counts, since the machine is shared.
const REPEATS: usize = 5;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, flag, number, path] = &arguments[..]
        && flag == "--case"
    {
        return run_case(&CASES[number.parse::<usize>().expect("a case number")], Path::new(path));
    }
    let directory = std::env::temp_dir().join(format!("sds-check-bench-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory for the histories");
    write_histories(&directory);
    let reference = stateright_s(&directory.join(REFERENCE));
    println!(
        "stateright's tester takes {reference:.2} s for 1 000 operations; a 300th of it is the limit for that case"
    );
    println!("{:<58} {:>9} {:>10} {:>9} {:>8}", "case (8 clients)", "limit", "measured", "memory", "");
    for (number, case) in CASES.iter().enumerate() {
        report_case(number, case, &directory.join(case.file), reference);
    }
    std::fs::remove_dir_all(&directory).expect("the histories can be removed");
}

fn write_histories(directory: &Path) {
    let plans = [
        ("million", Plan::bench(1, 1_000_000, 8, 100, 0)),
        ("single", Plan::bench(2, 100_000, 8, 1, 0)),
        ("unknown", Plan::bench(3, 10_000, 8, 1, 100)),
        ("thousand", Plan::bench(4, 1_000, 4, 1, 0)),
        ("ten", Plan::bench(5, 10_000, 8, 1, 0)),
    ];
    for (name, plan) in plans {
        let file = std::fs::File::create(directory.join(name)).expect("a history file");
        let mut out = std::io::BufWriter::new(file);
        generate_to(&plan, &mut out).expect("the history is written");
    }
    make_stale(&directory.join("single"), &directory.join("stale"));
    make_stale(&directory.join("ten"), &directory.join("stale10k"));
}

/// Lets one read in the middle repeat the answer of a read about a hundred lines before it.
fn make_stale(from: &Path, to: &Path) {
    let text = std::fs::read_to_string(from).expect("the history that was just written");
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let body = |line: &str| line.find(r#""value":"#).zip(line.find(r#","x":{"#)).map(|(a, b)| line[a..b].to_owned());
    let is_read = |line: &&String| line.contains(r#""type":"ok","f":"read""#);
    let middle = lines.len() / 2;
    let early =
        lines[middle - 120..].iter().find(is_read).and_then(|line| body(line)).expect("a read before the middle");
    let late = (middle..lines.len()).find(|&at| is_read(&&lines[at])).expect("a read behind the middle");
    let own = body(&lines[late]).expect("the answer of a read");
    assert_ne!(own, early, "the stale answer differs from the right one");
    lines[late] = lines[late].replace(&own, &early);
    std::fs::write(to, lines.join("\n") + "\n").expect("the bent history is written");
}

/// Measures one case in this process: file to verdict.
fn run_case(case: &Case, path: &Path) {
    let start = Clock::now();
    let history = read_history(path).expect("a history");
    let parsed = start.elapsed().as_secs_f64();
    let run = Run { history, nodes: Vec::new() };
    let options = Options { black_box: case.black_box, only_linear: true, ..Options::default() };
    let report = judge(&run, &options);
    let total = start.elapsed().as_secs_f64();
    let held = matches!(report.status(Property::Lin1), Status::Held { .. });
    assert_eq!(held, case.holds, "{}: {:?}", case.name, report.status(Property::Lin1));
    let core = report.violations.first().map_or(0, |violation| violation.evidence.len());
    assert!(core <= 10, "{}: a core of {core} operations", case.name);
    println!("{parsed} {total} {} {core} {}", peak_mb(), cpu_s());
}

/// Processor time of this process and its threads, in s. On a busy machine it says more than the clock.
fn cpu_s() -> f64 {
    // Ticks of 10 ms: fields 14 and 15 of proc(5)'s stat, counted behind the name in parentheses.
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// Peak of resident memory of this process.
fn peak_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kb| kb.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1024.0
}

/// The best time of stateright's own tester for the right history in `path`.
fn stateright_s(path: &Path) -> f64 {
    let history = read_history(path).expect("a history");
    let mut events: Vec<(u32, &Call, bool)> = Vec::new();
    for call in &history.calls {
        events.extend([(call.line, call, false), (call.end_line, call, true)]);
    }
    events.sort_by_key(|(line, ..)| *line);
    let mut best = f64::MAX;
    for _ in 0..REPEATS {
        let start = Clock::now();
        let mut tester = LinearizabilityTester::new(Spec::default());
        for (_, call, is_answer) in &events {
            if *is_answer {
                tester.on_return(call.process, answer(&history, call)).expect("an open call");
            } else {
                tester.on_invoke(call.process, operation(&history, call)).expect("one call at a time");
            }
        }
        assert!(tester.is_consistent(), "the history is right");
        best = best.min(start.elapsed().as_secs_f64());
    }
    best
}

fn operation(history: &History, call: &Call) -> Op {
    match call.operation {
        Operation::Register { ns, service, id, nonce, checks } => {
            Op::Register { ns, service, id, nonce, checks: history.specs(checks).to_vec() }
        }
        Operation::Deregister { ns, service, id } => Op::Deregister { ns, service, id },
        Operation::Read { ns, service, .. } => Op::Read { ns, service, passing: false },
        other => panic!("{other:?} is not in this plan"),
    }
}

fn answer(history: &History, call: &Call) -> Ret {
    let row = |row: &linearizability::history::Row| SeenRow {
        id: row.id,
        nonce: row.nonce,
        checks: history.row_checks(row.checks).to_vec(),
    };
    match call.outcome {
        Outcome::Ok(Answer::View(view)) => Ret::Rows(history.rows(view.body).iter().map(row).collect()),
        Outcome::Ok(_) => Ret::Done,
        Outcome::Failed(_) => Ret::Rejected,
        Outcome::Unknown(_) => panic!("this plan has no unknown outcome"),
    }
}

fn report_case(number: usize, case: &Case, path: &PathBuf, reference: f64) {
    let mut best: Option<[f64; 5]> = None;
    for _ in 0..REPEATS {
        let program = std::env::current_exe().expect("this program");
        let output =
            Command::new(program).arg("--case").arg(number.to_string()).arg(path).output().expect("a case runs");
        let text = String::from_utf8_lossy(&output.stdout);
        let figures: Vec<f64> = text.split_whitespace().filter_map(|figure| figure.parse().ok()).collect();
        let Ok(figures) = <[f64; 5]>::try_from(figures) else {
            return println!("{:<58} failed: {}", case.name, String::from_utf8_lossy(&output.stderr));
        };
        if best.is_none_or(|best| figures[1] < best[1]) {
            best = Some(figures);
        }
    }
    let [parsed, total, memory, core, cpu] = best.expect("at least one repeat");
    let limit = case.limit_s.unwrap_or(reference / 300.0);
    let is_ok = total <= limit && case.limit_mb.is_none_or(|limit| memory <= limit);
    let (verdict, core) =
        (if is_ok { "ok" } else { "OVER" }, if core > 0.0 { format!(", core of {core}") } else { String::new() });
    println!(
        "{:<58} {:>7.1}ms {:>8.1}ms {memory:>7.0}MB {verdict:>6} (parse {:.1} ms, processor {:.0} ms{core})",
        case.name,
        limit * 1e3,
        total * 1e3,
        parsed * 1e3,
        cpu * 1e3
    );
}
