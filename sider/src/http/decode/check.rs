//! One check of a registration, in either dialect.

use std::time::Duration;

use sider_registry::model::{CheckId, CheckKind, CheckSpec, Invalid, Status};

use super::json::{Field, Fields, Keys, Text};

const KEYS: Keys = Keys {
    read: &[
        "args",
        "checkid",
        "cmd",
        "http",
        "id",
        "interval",
        "method",
        "name",
        "path",
        "scriptargs",
        "serviceid",
        "status",
        "tcp",
        "timeout",
        "ttl",
        "type",
        "url",
    ],
    // They shape how Consul's agent shows or runs a check that passes and fails the same way without them.
    dropped: &["notes", "outputmaxsize", "namespace", "partition"],
    refused: &[
        ("aliasnode", "there are no alias checks"),
        ("aliasservice", "there are no alias checks"),
        ("body", "an http check sends no body"),
        ("deregistercriticalserviceafter", "an instance is deregistered by its owner only; a critical one stays"),
        ("disableredirects", "an http check does not follow redirects: 3xx is passing"),
        ("dockercontainerid", "there are no docker checks; use cmd"),
        ("failuresbeforecritical", "each run decides the status"),
        ("failuresbeforewarning", "each run decides the status"),
        ("grpc", "there are no grpc checks; use ttl or cmd"),
        ("grpcusetls", "there are no grpc checks; use ttl or cmd"),
        ("h2ping", "there are no h2ping checks; use ttl or cmd"),
        ("h2pingusetls", "there are no h2ping checks; use ttl or cmd"),
        ("header", "an http check sends no extra headers"),
        ("osservice", "there are no os_service checks; use cmd"),
        ("shell", "a cmd check runs without a shell; name the program in cmd"),
        ("successbeforepassing", "each run decides the status"),
        ("tcpusetls", "a tcp check only connects"),
        ("tlsservername", "checks do not speak TLS"),
        ("tlsskipverify", "checks do not speak TLS"),
        ("udp", "there are no udp checks; use cmd"),
        ("udpusetls", "there are no udp checks; use cmd"),
    ],
};

/// Consul's default for one run.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);

/// Decodes one check; `instance` is the id of the instance that it stands under.
pub(super) fn decode(field: Field, instance: &str) -> Result<CheckSpec, Invalid> {
    let mut fields = Fields::open(field, &KEYS)?;
    let id = match fields.text(&["id", "checkid"])? {
        Some(text) => Some(text.parse(CheckId::parse)?),
        None => None,
    };
    if let Some(other) = fields.text(&["serviceid"])?.filter(|text| text.text != instance) {
        let problem =
            format!("is {:?}; a check belongs to the instance it is registered with, {instance:?}", other.text);
        return Err(Invalid::new(other.path, problem));
    }
    let name = match fields.text(&["name"])? {
        Some(text) => text.text,
        None => String::new(),
    };
    let initial = match fields.text(&["status"])? {
        Some(text) => Some(text.parse(|text| text.parse::<Status>())?),
        None => None,
    };
    if let Some(method) = fields.text(&["method"])?.filter(|text| text.text != "GET") {
        return Err(Invalid::new(method.path, format!("is {:?}; an http check sends GET", method.text)));
    }
    let kind = kind(&mut fields)?;
    CheckSpec { id, name, kind, initial }.validated().map_err(|error| error.within(fields.at()))
}

/// What the fields say the check does; each absent one is a question not asked.
struct Parts {
    ttl: Option<(String, Duration)>,
    http: Option<Text>,
    tcp: Option<Text>,
    args: Vec<String>,
    interval: Option<(String, Duration)>,
    timeout: Option<(String, Duration)>,
}

fn kind(fields: &mut Fields) -> Result<CheckKind, Invalid> {
    let named = fields.text(&["type"])?;
    let parts = Parts {
        ttl: fields.duration(&["ttl"])?,
        http: fields.text(&["http", "path", "url"])?,
        tcp: fields.text(&["tcp"])?,
        args: args(fields.list(&["args", "scriptargs", "cmd"])?)?,
        interval: fields.duration(&["interval"])?,
        timeout: fields.duration(&["timeout"])?,
    };
    let meant: Vec<Word> = [
        (Word::Ttl, parts.ttl.is_some()),
        (Word::Http, parts.http.is_some()),
        (Word::Tcp, parts.tcp.is_some()),
        (Word::Cmd, !parts.args.is_empty()),
    ]
    .into_iter()
    .filter_map(|(word, there)| there.then_some(word))
    .collect();
    let word = match (&named, meant.as_slice()) {
        (_, [first, second, ..]) => {
            let problem =
                format!("asks for a {} check and a {} check; register two checks", first.as_str(), second.as_str());
            return Err(Invalid::new(fields.at(), problem));
        }
        (None, [word]) => *word,
        (None, []) => {
            return Err(Invalid::new(fields.at(), "does not say what it checks; give ttl, http, tcp or cmd"));
        }
        (Some(text), meant) => Word::named(text, meant)?,
    };
    match word {
        Word::Ttl => ttl(fields, parts),
        Word::Http => http(fields, parts),
        Word::Tcp => tcp(fields, parts),
        Word::Cmd => cmd(fields, parts),
    }
}

/// The word for what a check does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Ttl,
    Http,
    Tcp,
    Cmd,
}

impl Word {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ttl => "ttl",
            Self::Http => "http",
            Self::Tcp => "tcp",
            Self::Cmd => "cmd",
        }
    }

    /// The word of `type`, if the other fields do not contradict it. `script` is Consul's for `cmd`.
    fn named(named: &Text, meant: &[Self]) -> Result<Self, Invalid> {
        let wrong = |problem: String| Err(Invalid::new(named.path.clone(), problem));
        let word = match named.text.to_ascii_lowercase().as_str() {
            "ttl" => Self::Ttl,
            "http" => Self::Http,
            "tcp" => Self::Tcp,
            "cmd" | "script" => Self::Cmd,
            _ => return wrong(format!("is {:?}; a check is ttl, http, tcp or cmd", named.text)),
        };
        match meant.iter().find(|meant| **meant != word) {
            Some(other) => {
                wrong(format!("is {:?}, but the check has the fields of a {} check", word.as_str(), other.as_str()))
            }
            None => Ok(word),
        }
    }
}

fn ttl(fields: &Fields, parts: Parts) -> Result<CheckKind, Invalid> {
    if let Some((path, _)) = parts.interval.or(parts.timeout) {
        return Err(Invalid::new(path, "does not go with ttl: nobody runs a ttl check, its owner renews it"));
    }
    match parts.ttl {
        Some((_, ttl)) => Ok(CheckKind::Ttl { ttl }),
        None => Err(missing(fields, "ttl", "give a duration like 15s")),
    }
}

fn http(fields: &Fields, parts: Parts) -> Result<CheckKind, Invalid> {
    let Some(target) = parts.http else {
        return Err(missing(fields, "path", "give a path like \"/health\" or a url"));
    };
    let (interval, timeout) = runs(fields, parts.interval, parts.timeout)?;
    Ok(CheckKind::Http { target: target.text, interval, timeout })
}

fn tcp(fields: &Fields, parts: Parts) -> Result<CheckKind, Invalid> {
    let (interval, timeout) = runs(fields, parts.interval, parts.timeout)?;
    Ok(CheckKind::Tcp { target: parts.tcp.map(|text| text.text), interval, timeout })
}

fn cmd(fields: &Fields, parts: Parts) -> Result<CheckKind, Invalid> {
    if parts.args.is_empty() {
        return Err(missing(fields, "cmd", "give the program and its arguments as a list"));
    }
    let (interval, timeout) = runs(fields, parts.interval, parts.timeout)?;
    Ok(CheckKind::Cmd { args: parts.args, interval, timeout })
}

fn args(list: Vec<Field>) -> Result<Vec<String>, Invalid> {
    list.into_iter().map(|field| Ok(field.text()?.text)).collect()
}

type Given = Option<(String, Duration)>;

/// Interval and time-out of a check that the agent runs.
fn runs(fields: &Fields, interval: Given, timeout: Given) -> Result<(Duration, Duration), Invalid> {
    match interval {
        Some((_, interval)) => Ok((interval, timeout.map_or(TIMEOUT_DEFAULT, |(_, timeout)| timeout))),
        None => Err(missing(fields, "interval", "give a duration like 10s")),
    }
}

fn missing(fields: &Fields, name: &str, right: &str) -> Invalid {
    Invalid::new(fields.path(name), format!("is missing; {right}"))
}
