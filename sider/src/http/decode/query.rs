//! The query string and the headers that mean the same.

use std::collections::BTreeMap;
use std::time::Duration;

use http::HeaderMap;
use percent_encoding::percent_decode;
use sider_client::wire::DATACENTER;
use sider_client::wire::header::X_IDEMPOTENCY_KEY;
use sider_client::{duration, wire::DEFAULT_NAMESPACE};
use sider_registry::limits;
use sider_registry::model::{Index, Invalid, Name, Namespace};

use super::nearest::nearest;

/// How fresh a read must be (SPEC section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Mode {
    /// Linearizable: the default.
    Consistent,
    /// Whatever this server has.
    Stale,
}

/// What a read asks for, besides the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::http) struct ReadQuery {
    pub(in crate::http) namespace: Namespace,
    pub(in crate::http) mode: Mode,
    /// Wait for an index above this one. Absent: answer at once.
    pub(in crate::http) above: Option<Index>,
    /// How long to wait, without the jitter.
    pub(in crate::http) wait: Duration,
    /// Only instances that are passing.
    pub(in crate::http) passing: bool,
    /// Only instances that carry all these tags, compared without regard to ASCII case as Consul does.
    pub(in crate::http) tags: Vec<String>,
}

/// Every parameter that some Consul client sends and that changes nothing here.
const DROPPED: &[&str] =
    &["cached", "leader", "merge-central-config", "near", "pretty", "replace-existing-checks", "token"];

/// Consul's parameters that would change the answer and are not implemented.
const REFUSED: &[(&str, &str)] = &[
    ("filter", "filter expressions are not evaluated; use passing and tag"),
    ("hash", "there is no hash-based blocking; use index and wait"),
    ("max_stale", "there is no bound on staleness; use stale and compare X-Last-Contact"),
    ("node-meta", "nodes have no metadata; use tag"),
    ("peer", "there are no cluster peerings"),
    ("sameness-group", "there are no sameness groups"),
];

/// Parameters with a meaning.
const READ: &[&str] = &[
    "consistent",
    "datacenter",
    "dc",
    "index",
    "namespace",
    "note",
    "ns",
    "partition",
    "passing",
    "stale",
    "tag",
    "wait",
];

/// The parameters of a request, decoded.
#[derive(Debug, Default)]
pub(in crate::http) struct Query(BTreeMap<String, Vec<String>>);

impl Query {
    /// Decodes a query string.
    pub(in crate::http) fn parse(query: Option<&str>) -> Result<Self, Invalid> {
        let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name, name)?;
            if let Some((_, why)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
                if !value.is_empty() {
                    return Err(Invalid::new(name, format!("is not supported: {why}")));
                }
            } else if READ.contains(&name.as_str()) {
                all.entry(name.clone()).or_default().push(decode(&name, value)?);
            } else if !DROPPED.contains(&name.as_str()) {
                let problem = match nearest(&name, READ.iter().copied()) {
                    Some(near) => format!("unknown parameter; did you mean {near:?}?"),
                    None => format!("unknown parameter; known are {}", READ.join(", ")),
                };
                return Err(Invalid::new(format!("?{name}"), problem));
            }
        }
        Ok(Self(all)).and_then(Self::check_place)
    }

    /// A cluster is one datacenter without partitions: naming another one is an error, not a miss.
    fn check_place(self) -> Result<Self, Invalid> {
        for (names, only) in [(["dc", "datacenter"], DATACENTER), (["partition", "partition"], DEFAULT_NAMESPACE)] {
            if let Some(other) = self.one(&names)?.filter(|value| !value.is_empty() && value != only) {
                return Err(Invalid::new(names[0], format!("is {other:?}; this cluster has only {only:?}")));
            }
        }
        Ok(self)
    }

    /// The one value of a parameter that may have several names.
    fn one(&self, names: &[&str]) -> Result<Option<String>, Invalid> {
        let mut found: Option<&String> = None;
        for value in names.iter().filter_map(|name| self.0.get(*name)).flatten() {
            if found.is_some_and(|first| first != value) {
                return Err(Invalid::new(names[0], "is given twice; give it once"));
            }
            found = Some(value);
        }
        Ok(found.cloned())
    }

    /// A switch: there (bare or with a true value) or not, or with a false value. Go's `ParseBool`.
    fn switch(&self, name: &str) -> Result<bool, Invalid> {
        match self.one(&[name])?.as_deref() {
            None | Some("0" | "f" | "F" | "false" | "False" | "FALSE") => Ok(false),
            Some("" | "1" | "t" | "T" | "true" | "True" | "TRUE") => Ok(true),
            Some(other) => Err(Invalid::new(name, format!("is {other:?}; write {name}, {name}=true or {name}=false"))),
        }
    }

    /// The text that goes with a renewal.
    pub(in crate::http) fn note(&self) -> Result<String, Invalid> {
        Ok(self.one(&["note"])?.unwrap_or_default())
    }

    /// The namespace that the address or a header names.
    pub(in crate::http) fn namespace(&self, headers: &HeaderMap) -> Result<Option<Namespace>, Invalid> {
        let text = match self.one(&["ns", "namespace"])?.filter(|text| !text.is_empty()) {
            Some(text) => Some(text),
            None => match headers.get("x-consul-namespace") {
                Some(value) => Some(header_text("X-Consul-Namespace", value)?),
                None => None,
            },
        };
        match text.filter(|text| !text.is_empty()) {
            Some(text) => Ok(Some(Namespace(Name::new(text).map_err(|error| Invalid::new("ns", error.problem))?))),
            None => Ok(None),
        }
    }

    /// What a read asks for.
    pub(in crate::http) fn read(&self, headers: &HeaderMap) -> Result<ReadQuery, Invalid> {
        let mode = match (self.switch("stale")?, self.switch("consistent")?) {
            (true, true) => {
                return Err(Invalid::new("stale", "contradicts consistent; ask for one of them, or for neither"));
            }
            (true, false) => Mode::Stale,
            (false, _) => Mode::Consistent,
        };
        let namespace = super::namespace(None, self.namespace(headers)?)?;
        let tags = self.0.get("tag").cloned().unwrap_or_default();
        if let Some(long) = tags.iter().find(|tag| tag.is_empty() || tag.len() > limits::TAG_LEN_MAX) {
            let right = limits::TAG_LEN_MAX;
            return Err(Invalid::new("tag", format!("has {} bytes; a tag is 1 to {right} bytes", long.len())));
        }
        if tags.len() > limits::TAGS_MAX {
            return Err(Invalid::new(
                "tag",
                format!("is given {} times; {} is the bound", tags.len(), limits::TAGS_MAX),
            ));
        }
        Ok(ReadQuery {
            namespace,
            mode,
            above: self.above()?,
            wait: self.wait()?,
            passing: self.switch("passing")?,
            tags,
        })
    }

    fn above(&self) -> Result<Option<Index>, Invalid> {
        let Some(text) = self.one(&["index"])?.filter(|text| !text.is_empty()) else { return Ok(None) };
        match text.parse::<u64>() {
            Ok(0) => Ok(None),
            Ok(index) => Ok(Some(Index(index))),
            Err(_) => Err(Invalid::new(
                "index",
                format!(
                    "Invalid index {text:?}; a whole number from 0 to {} is expected: the X-Index of the last answer",
                    u64::MAX
                ),
            )),
        }
    }

    fn wait(&self) -> Result<Duration, Invalid> {
        let Some(text) = self.one(&["wait"])?.filter(|text| !text.is_empty()) else { return Ok(limits::WAIT_DEFAULT) };
        let wait =
            duration::parse(&text).map_err(|error| Invalid::new("wait", format!("Invalid wait time: {error}")))?;
        if wait > limits::WAIT_MAX {
            let bound = duration::format(limits::WAIT_MAX);
            return Err(Invalid::new("wait", format!("Invalid wait time {text:?}; {bound} is the bound")));
        }
        // Consul's rule: no wait is the default wait.
        Ok(if wait.is_zero() { limits::WAIT_DEFAULT } else { wait })
    }
}

/// The key of a logical write, if the client gave one: 1 to [`limits::IDEMPOTENCY_KEY_LEN_MAX`] visible ASCII characters.
pub(in crate::http) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Invalid> {
    const FIELD: &str = "X-Idempotency-Key";
    let mut values = headers.get_all(X_IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Invalid::new(FIELD, "is given twice; give each logical write one key"));
    }
    let bytes = value.as_bytes();
    let right = format!("a key is 1 to {} visible ASCII characters", limits::IDEMPOTENCY_KEY_LEN_MAX);
    if bytes.is_empty() || bytes.len() > limits::IDEMPOTENCY_KEY_LEN_MAX {
        return Err(Invalid::new(FIELD, format!("has {} bytes; {right}", bytes.len())));
    }
    match bytes.iter().find(|byte| !byte.is_ascii_graphic()) {
        Some(byte) => Err(Invalid::new(FIELD, format!("holds the byte {byte:#04x}; {right}"))),
        None => header_text(FIELD, value).map(Some),
    }
}

fn header_text(field: &str, value: &http::HeaderValue) -> Result<String, Invalid> {
    match value.to_str() {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(Invalid::new(field, "is not visible ASCII")),
    }
}

/// `+` is a space, `%41` is a byte; the bytes must be UTF-8.
fn decode(field: &str, raw: &str) -> Result<String, Invalid> {
    let spaced = raw.replace('+', " ");
    match percent_decode(spaced.as_bytes()).decode_utf8() {
        Ok(text) => Ok(text.into_owned()),
        Err(error) => Err(Invalid::new(
            format!("?{field}"),
            format!("is not UTF-8 after byte {}; percent-encode UTF-8 text", error.valid_up_to()),
        )),
    }
}
