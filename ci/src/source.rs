//! Length of files and functions, and words that must not stay.

/// A file of this length is worth a look.
pub const FILE_LINES_LARGE: usize = 300;
/// No file is longer.
pub const FILE_LINES_MAX: usize = 500;
/// No function is longer, from its signature to its closing brace: it fits a screen.
pub const FUNCTION_LINES_MAX: usize = 60;

/// Marks of unfinished work, put together here so that this file does not hold them.
fn banned() -> [String; 6] {
    let word = |parts: [&str; 2]| parts.concat();
    [
        word(["TO", "DO"]),
        word(["FIX", "ME"]),
        word(["XX", "X:"]),
        word(["dbg", "!("]),
        word(["unimple", "mented!("]),
        word(["#[ig", "nore"]),
    ]
}

/// What is wrong with a source file, one line each.
#[must_use]
pub fn faults(path: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let lines = text.lines().count();
    if lines > FILE_LINES_MAX {
        faults.push(format!("{path}: {lines} lines; {FILE_LINES_MAX} is the bound: split it by what it knows"));
    }
    for (number, line) in text.lines().enumerate() {
        for word in banned().iter().filter(|word| line.contains(*word)) {
            faults.push(format!("{path}:{}: holds {word:?}: finish it or leave it out", number + 1));
        }
    }
    for (name, at, length) in functions(text) {
        if length > FUNCTION_LINES_MAX {
            faults.push(format!("{path}:{at}: `{name}` has {length} lines; {FUNCTION_LINES_MAX} is the bound"));
        }
    }
    faults
}

/// Where the code runs on simulated machines that tell of their timers.
const TELLS_TIMERS: [&str; 4] = ["sider/src/", "sider/client/src/", "harness/src/sim/", "harness/src/workload/"];
/// The one place of theirs that sets timers of tokio's.
const SETS_TIMERS: &str = "sider/client/src/seam/timer.rs";

/// Timers that a simulation is not told of, one line each. Tests may set some.
#[must_use]
pub fn untold_timers(path: &str, text: &str) -> Vec<String> {
    if !TELLS_TIMERS.iter().any(|dir| path.starts_with(dir)) || path == SETS_TIMERS || path.ends_with("tests.rs") {
        return Vec::new();
    }
    let code = text.lines().take_while(|line| !line.starts_with("#[cfg(test)]"));
    let sets = |line: &str| {
        let whole = ["use tokio::time;", "use tokio::time as ", "use tokio::time::*", "use tokio::{", "TokioTimer"];
        let named = line.split_once("time::").map_or("", |(_, rest)| rest);
        !line.trim_start().starts_with("//")
            && (whole.iter().any(|way| line.contains(way))
                || ["sleep", "timeout", "interval"].iter().any(|timer| named.contains(timer)))
    };
    let told = |number| {
        format!("{path}:{}: sets a timer that no simulation knows of: use `Host`, or `seam::Sleep`", number + 1)
    };
    code.enumerate().filter(|(_, line)| sets(line)).map(|(number, _)| told(number)).collect()
}

/// Name, line (from 1) and length of each function of a formatted file. In one, a function's closing brace stands under
/// the first letter of its signature, and nothing else before it does.
#[must_use]
pub fn functions(text: &str) -> Vec<(String, usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let indent = line.len() - line.trim_start().len();
        let closing = format!("{}}}", &line[..indent]);
        // A declaration without a body, or a body on the signature's line.
        let signature_end =
            lines[start..].iter().position(|line| line.ends_with('{') || line.ends_with(';') || line.ends_with('}'));
        let Some(opened) = signature_end.map(|after| start + after).filter(|at| lines[*at].ends_with('{')) else {
            continue;
        };
        if let Some(length) = lines[opened..].iter().position(|line| *line == closing) {
            found.push((name, start + 1, opened - start + length + 1));
        }
    }
    found
}

/// The name of the function whose signature begins on this line.
fn function_name(line: &str) -> Option<String> {
    let mut words = line.trim_start();
    for qualifier in ["pub(crate) ", "pub(super) ", "pub ", "const ", "async "] {
        words = words.strip_prefix(qualifier).unwrap_or(words);
    }
    if let Some(rest) = words.strip_prefix("pub(in ") {
        words = rest.split_once(") ").map_or(words, |(_, rest)| rest);
        words = words.strip_prefix("async ").unwrap_or(words);
    }
    let rest = words.strip_prefix("fn ")?;
    Some(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
}
