//! Durations as Go writes them: `15s`, `1m30s`, `1.5h`, `300ms`, `10µs`. The HTTP API, its clients and the agent's
//! configuration speak this form (SPEC section 8); the syntax is that of Go's `time.ParseDuration`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer};

/// Why a text is no duration: what is wrong and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a duration: {problem}; write a number and a unit of h, m, s, ms, us, ns, like 15s or 1m30s")]
pub struct DurationError {
    text: String,
    problem: Problem,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Problem {
    #[error("it is empty")]
    Empty,
    #[error("it must not be negative")]
    Negative,
    #[error("a number is expected at byte {0}")]
    NoNumber(usize),
    #[error("the unit after the number is missing")]
    NoUnit,
    #[error("the unit at byte {0} is unknown")]
    UnknownUnit(usize),
    #[error("it is longer than 292 years")]
    TooLong,
}

/// Go's largest duration: 2^63 - 1 nanoseconds.
const MAX_NS: u128 = i64::MAX as u128;
/// Units, longest name first so that `ms` is not read as `m`. Both code points that are drawn as a micro sign count.
const UNITS: [(&str, u128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Reads a duration. `0` needs no unit; a fraction below one nanosecond is cut off.
///
/// # Errors
/// Empty, negative, without a unit, with an unknown unit, or longer than Go's largest duration (292 years).
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    parse_ns(text).map(from_ns).map_err(|problem| DurationError { text: text.chars().take(64).collect(), problem })
}

fn parse_ns(text: &str) -> Result<u128, Problem> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest.starts_with('-') {
        return Err(Problem::Negative);
    }
    match rest {
        "" => return Err(Problem::Empty),
        "0" => return Ok(0),
        _ => {}
    }
    let mut total_ns: u128 = 0;
    while !rest.is_empty() {
        let at = text.len() - rest.len();
        let whole_len = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (whole, after) = rest.split_at(whole_len);
        let (fraction, after) = match after.strip_prefix('.') {
            Some(tail) => tail.split_at(tail.bytes().take_while(u8::is_ascii_digit).count()),
            None => ("", after),
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(Problem::NoNumber(at));
        }
        let unit_at = text.len() - after.len();
        let unit_len = after.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_len);
        let unit_ns = match UNITS.iter().find(|(name, _)| *name == unit) {
            Some((_, ns)) => *ns,
            None if unit.is_empty() => return Err(Problem::NoUnit),
            None => return Err(Problem::UnknownUnit(unit_at)),
        };
        total_ns = total_ns.checked_add(quantity_ns(whole, fraction, unit_ns)?).ok_or(Problem::TooLong)?;
        if total_ns > MAX_NS {
            return Err(Problem::TooLong);
        }
        rest = after;
    }
    Ok(total_ns)
}

/// `whole.fraction` units in nanoseconds, exact down to the nanosecond.
fn quantity_ns(whole: &str, fraction: &str, unit_ns: u128) -> Result<u128, Problem> {
    let mut ns: u128 = 0;
    for digit in whole.bytes() {
        ns = ns * 10 + u128::from(digit - b'0');
        if ns > MAX_NS {
            return Err(Problem::TooLong);
        }
    }
    ns *= unit_ns;
    let mut scale = unit_ns * 1_000_000_000;
    let mut part: u128 = 0;
    for digit in fraction.bytes() {
        scale /= 10;
        part += u128::from(digit - b'0') * scale;
    }
    Ok(ns + part / 1_000_000_000)
}

fn from_ns(ns: u128) -> Duration {
    let seconds = u64::try_from(ns / 1_000_000_000).unwrap_or(u64::MAX);
    let rest = u32::try_from(ns % 1_000_000_000).unwrap_or(0);
    Duration::new(seconds, rest)
}

/// Writes a duration as Go's `Duration.String` does: `15s`, `1m30s`, `1h0m0s`, `300ms`, `1.5µs`, `0s`.
#[must_use]
pub fn format(duration: Duration) -> String {
    let ns = duration.as_nanos();
    match ns {
        0 => "0s".into(),
        1..1_000 => format!("{ns}ns"),
        1_000..1_000_000 => format!("{}µs", decimal(ns, 1_000)),
        1_000_000..1_000_000_000 => format!("{}ms", decimal(ns, 1_000_000)),
        _ => {
            let minutes = duration.as_secs() / 60;
            let seconds = decimal(ns - u128::from(minutes) * 60_000_000_000, 1_000_000_000);
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{seconds}s"),
                (0, minutes) => format!("{minutes}m{seconds}s"),
                (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
            }
        }
    }
}

/// `ns / unit` with as many decimals as it needs.
fn decimal(ns: u128, unit: u128) -> String {
    let whole = ns / unit;
    let rest = ns % unit;
    if rest == 0 {
        return whole.to_string();
    }
    let digits = unit.ilog10() as usize;
    let fraction = format!("{rest:0digits$}");
    format!("{whole}.{}", fraction.trim_end_matches('0'))
}

/// For `#[serde(with = "duration::text")]`.
pub mod text {
    use super::{Deserialize, Deserializer, Duration, Serializer};

    /// Writes the Go form.
    ///
    /// # Errors
    /// The serializer's.
    pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::format(*duration))
    }

    /// Reads the Go form.
    ///
    /// # Errors
    /// Not a string, or not a duration.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer)?;
        super::parse(&text).map_err(serde::de::Error::custom)
    }
}
