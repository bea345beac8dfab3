//! Reads a TOML table key by key: wrong values and unknown keys become errors with a line and the nearest right name.
//! Knows the types of values, not what a scenario is.

use std::cell::RefCell;
use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The longest duration.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Why a scenario cannot be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {key}: {problem}")]
pub struct ScenarioError {
    /// As the caller named it.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// Path of the key, such as `fault[2].target`.
    pub key: String,
    /// What is wrong, and what would be right.
    pub problem: String,
}

/// A result of reading.
pub type Result<T> = std::result::Result<T, ScenarioError>;

/// The text that is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    pub file: &'a str,
    pub text: &'a str,
}

impl Source<'_> {
    pub(super) fn error(self, at: &Range<usize>, key: &str, problem: String) -> ScenarioError {
        let before = &self.text.as_bytes()[..at.start.min(self.text.len())];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        ScenarioError { file: self.file.to_owned(), line, key: key.to_owned(), problem }
    }
}

/// One table. Every key that is asked for is a key that the table may have; [`Table::finish`] refuses all others.
pub(super) struct Table<'t> {
    source: Source<'t>,
    table: &'t DeTable<'t>,
    span: Range<usize>,
    path: String,
    asked: RefCell<Vec<&'static str>>,
}

/// One value, with where it stands.
pub(super) struct Value<'t> {
    source: Source<'t>,
    value: &'t Spanned<DeValue<'t>>,
    path: String,
}

impl<'t> Table<'t> {
    pub(super) fn root(source: Source<'t>, table: &'t Spanned<DeTable<'t>>) -> Self {
        Self { source, table: table.get_ref(), span: table.span(), path: String::new(), asked: RefCell::default() }
    }

    /// The value of `key`, if it is there.
    pub(super) fn get(&self, key: &'static str) -> Option<Value<'t>> {
        self.asked.borrow_mut().push(key);
        let value = self.table.get(key)?;
        Some(Value { source: self.source, value, path: self.path_of(key) })
    }

    /// The value of `key`.
    pub(super) fn need(&self, key: &'static str) -> Result<Value<'t>> {
        self.get(key).ok_or_else(|| {
            self.misspelt(key).unwrap_or_else(|| self.error(key, format!("missing: this table needs a {key:?}")))
        })
    }

    /// The error of a key that nobody has asked for and that looks like `key`, if there is one.
    pub(super) fn misspelt(&self, key: &str) -> Option<ScenarioError> {
        let asked = self.asked.borrow();
        let near = |found: &&Spanned<std::borrow::Cow<'_, str>>| {
            let found = found.get_ref().as_ref();
            let far = if key.len() < 4 { 1 } else { 2 };
            found.len() <= 2 * key.len() && !asked.contains(&found) && strsim::damerau_levenshtein(found, key) <= far
        };
        let found = self.table.keys().find(near)?;
        let problem = unknown("key", found.get_ref(), &[key]);
        Some(self.source.error(&found.span(), &self.path_of(found.get_ref()), problem))
    }

    /// What `read` makes of the value of `key`, or `default`.
    pub(super) fn or<T>(&self, key: &'static str, default: T, read: impl FnOnce(Value<'t>) -> Result<T>) -> Result<T> {
        self.get(key).map_or(Ok(default), read)
    }

    /// What `read` makes of the value of `key`, if it is there.
    pub(super) fn maybe<T>(&self, key: &'static str, read: impl FnOnce(Value<'t>) -> Result<T>) -> Result<Option<T>> {
        self.get(key).map(read).transpose()
    }

    /// What `read` makes of each table of the array `key`; none if it is absent.
    pub(super) fn tables<T>(&self, key: &'static str, read: impl Fn(&Table<'t>) -> Result<T>) -> Result<Vec<T>> {
        let Some(value) = self.get(key) else { return Ok(Vec::new()) };
        value.list()?.into_iter().map(|item| item.table(&read)).collect()
    }

    /// Refuses keys that nobody asked for.
    pub(super) fn finish(&self) -> Result<()> {
        let asked = self.asked.borrow();
        match self.table.keys().find(|key| !asked.contains(&key.get_ref().as_ref())) {
            None => Ok(()),
            Some(key) => {
                let problem = unknown("key", key.get_ref(), &asked);
                Err(self.source.error(&key.span(), &self.path_of(key.get_ref()), problem))
            }
        }
    }

    /// An error about `key`, at the key if it is there, else at the table.
    pub(super) fn error(&self, key: &str, problem: String) -> ScenarioError {
        let span = self.table.get(key).map_or_else(|| self.span.clone(), Spanned::span);
        self.source.error(&span, &self.path_of(key), problem)
    }

    /// An error about the table itself.
    pub(super) fn wrong(&self, problem: String) -> ScenarioError {
        self.source.error(&self.span, &self.path, problem)
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

impl<'t> Value<'t> {
    pub(super) fn error(&self, problem: String) -> ScenarioError {
        self.source.error(&self.value.span(), &self.path, problem)
    }

    /// An error about `key` of this table.
    pub(super) fn error_at(&self, key: &str, problem: String) -> ScenarioError {
        match self.value.get_ref().as_table().and_then(|table| table.get(key)) {
            Some(value) => self.source.error(&value.span(), &format!("{}.{key}", self.path), problem),
            None => self.error(problem),
        }
    }

    fn wrong(&self, wanted: &str) -> ScenarioError {
        let found = &self.source.text[self.value.span()];
        let found = found.lines().next().unwrap_or_default();
        self.error(format!("{found} is not {wanted}"))
    }

    pub(super) fn string(&self) -> Result<String> {
        self.value.get_ref().as_str().map(str::to_owned).ok_or_else(|| self.wrong("a string in quotes"))
    }

    pub(super) fn bool(&self) -> Result<bool> {
        self.value.get_ref().as_bool().ok_or_else(|| self.wrong("true or false"))
    }

    /// An integer within `bounds`.
    pub(super) fn integer(&self, bounds: RangeInclusive<i64>) -> Result<i64> {
        let wanted = format!("a whole number from {} to {}", bounds.start(), bounds.end());
        let number = self.value.get_ref().as_integer().ok_or_else(|| self.wrong(&wanted))?;
        match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) if bounds.contains(&number) => Ok(number),
            _ => Err(self.wrong(&wanted)),
        }
    }

    /// A count within `bounds`.
    pub(super) fn count(&self, bounds: RangeInclusive<u32>) -> Result<u64> {
        let number = self.integer(i64::from(*bounds.start())..=i64::from(*bounds.end()))?;
        Ok(u64::try_from(number).expect("the lower bound is not negative"))
    }

    /// A number within `bounds`, written with or without a point.
    pub(super) fn number(&self, bounds: RangeInclusive<f64>) -> Result<f64> {
        let text = match self.value.get_ref() {
            DeValue::Float(number) => number.as_str(),
            DeValue::Integer(number) => number.as_str(),
            _ => return Err(self.wrong(&format!("a number from {} to {}", bounds.start(), bounds.end()))),
        };
        match text.parse::<f64>() {
            Ok(number) if bounds.contains(&number) => Ok(number),
            _ => Err(self.wrong(&format!("a number from {} to {}", bounds.start(), bounds.end()))),
        }
    }

    /// A probability.
    pub(super) fn share(&self) -> Result<f64> {
        self.number(0.0..=1.0)
    }

    /// A duration in Go's notation, of a day at most: sums of some cannot overflow.
    pub(super) fn duration(&self) -> Result<Duration> {
        let wanted = "a duration such as \"300ms\", \"5s\" or \"1m30s\"";
        let text = self.value.get_ref().as_str().ok_or_else(|| self.wrong(wanted))?;
        let duration = sider_client::duration::parse(text).map_err(|_| self.wrong(wanted))?;
        if duration > DAY { Err(self.wrong("a duration of at most 24h")) } else { Ok(duration) }
    }

    /// A duration within `bounds`.
    pub(super) fn duration_in(&self, bounds: RangeInclusive<Duration>) -> Result<Duration> {
        let duration = self.duration()?;
        if bounds.contains(&duration) {
            return Ok(duration);
        }
        let [low, high] = [bounds.start(), bounds.end()].map(|bound| sider_client::duration::format(*bound));
        Err(self.wrong(&format!("a duration from {low} to {high}")))
    }

    /// One value for both ends, or a list of the two.
    pub(super) fn range<T: PartialOrd + Copy>(&self, read: impl Fn(&Self) -> Result<T>) -> Result<(T, T)> {
        if !self.value.get_ref().is_array() {
            return read(self).map(|both| (both, both));
        }
        let list = self.list()?;
        let [low, high] = list.as_slice() else { return Err(self.wrong("a value or [lowest, highest]")) };
        let range = (read(low)?, read(high)?);
        if range.0 > range.1 {
            return Err(self.wrong("[lowest, highest]: the first is above the second"));
        }
        Ok(range)
    }

    /// A range of durations.
    pub(super) fn durations(&self) -> Result<(Duration, Duration)> {
        self.range(Value::duration)
    }

    /// A range of durations within `bounds`.
    pub(super) fn durations_in(&self, bounds: RangeInclusive<Duration>) -> Result<(Duration, Duration)> {
        self.range(|value| value.duration_in(bounds.clone()))
    }

    /// One of `names`.
    pub(super) fn one_of<T: Copy>(&self, what: &str, names: &[(&'static str, T)]) -> Result<T> {
        let text = self.string()?;
        let found = names.iter().find(|(name, _)| *name == text);
        let known: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
        found.map(|(_, value)| *value).ok_or_else(|| self.error(unknown(what, &text, &known)))
    }

    pub(super) fn list(&self) -> Result<Vec<Value<'t>>> {
        let list = self.value.get_ref().as_array().ok_or_else(|| self.wrong("a list"))?;
        let item = |(at, value)| Value { source: self.source, value, path: format!("{}[{at}]", self.path) };
        Ok(list.iter().enumerate().map(item).collect())
    }

    pub(super) fn strings(&self) -> Result<Vec<String>> {
        self.list()?.iter().map(Value::string).collect()
    }

    /// What `read` makes of the table; all its keys must be known to `read`.
    pub(super) fn table<T>(&self, read: impl FnOnce(&Table<'t>) -> Result<T>) -> Result<T> {
        let table = self.value.get_ref().as_table().ok_or_else(|| self.wrong("a table"))?;
        let (source, span, path) = (self.source, self.value.span(), self.path.clone());
        let table = Table { source, table, span, path, asked: RefCell::default() };
        let read = read(&table)?;
        table.finish()?;
        Ok(read)
    }
}

/// Says that `found` is unknown and which name is nearest.
pub(super) fn unknown(what: &str, found: &str, known: &[&str]) -> String {
    let nearest = known.iter().map(|name| (strsim::damerau_levenshtein(found, name), *name)).min();
    match nearest {
        Some((distance, name)) if distance <= 3.max(found.len() / 3) => {
            format!("unknown {what} {found:?}: did you mean {name:?}?")
        }
        _ => format!("unknown {what} {found:?}: known are {}", known.join(", ")),
    }
}
