//! Command lines: a word, what it is about, then `name=value` options.
//!
//! ```text
//! register <service>/<id> [node=] [addr=] [port=] [tags=a,b] [meta=k:v,..] [weights=p/w] [check=<id or ->,<kind>..]*
//!     kinds: ttl,<ms> | http,<target> | tcp | cmd,<program>; then initial=<status>, name=<word>
//! deregister <service>/<id> | deregister-id <id>
//! report <check>=<status>[=<output>].. | expire <check>@<fence>..
//! bounds [instances=] [of_service=] [tombstones=] [keys=] [bytes=] [key_bytes=] | restore | service-index <service> | catalog-index
//! everywhere: [ns=] [key=<idempotency key>] [at=<ms>]; in an output, _ is a space and *n is n times the letter x
//! ```

use std::time::Duration;

use sider_registry::command::{CheckReport, Expiry};
use sider_registry::model::{
    CheckId, CheckKey, CheckKind, CheckSpec, Index, InstanceId, InstanceKey, InstanceSpec, Name, Namespace, ServiceKey,
    ServiceName, Timestamp, Weights,
};
use sider_registry::registry::Bounds;
use sider_registry::{Command, Request};

/// What a line asks for.
pub enum Line {
    Request(Request),
    Bounds(Bounds),
    Restore,
    ServiceIndex(ServiceKey),
    CatalogIndex(Namespace),
}

type Parsed<T> = Result<T, String>;

/// A line's words: those that are options, and the others.
struct Words<'a> {
    plain: Vec<&'a str>,
    options: Vec<(&'a str, &'a str)>,
}

const OPTIONS: [&str; 16] = [
    "ns",
    "key",
    "at",
    "node",
    "addr",
    "port",
    "tags",
    "meta",
    "weights",
    "check",
    "instances",
    "of_service",
    "tombstones",
    "keys",
    "bytes",
    "key_bytes",
];

pub fn parse(line: &str) -> Parsed<Line> {
    let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
    let mut words = Words { plain: Vec::new(), options: Vec::new() };
    for word in rest.split_whitespace() {
        match word.split_once('=') {
            Some((name, value)) if OPTIONS.contains(&name) => words.options.push((name, value)),
            _ => words.plain.push(word),
        }
    }
    let namespace = words.parsed("ns", Namespace::parse, Namespace::default())?;
    let command = match verb {
        "register" => register(&words, namespace)?,
        "deregister" => Command::Deregister { key: instance_key(words.first()?, namespace)? },
        "deregister-id" => Command::DeregisterId { namespace, id: valid(InstanceId::parse(words.first()?))? },
        "report" => Command::Report { reports: words.each(|word| report(word, &namespace))? },
        "expire" => Command::Expire { expiries: words.each(|word| expiry(word, &namespace))? },
        "bounds" => return bounds(&words).map(Line::Bounds),
        "restore" => return Ok(Line::Restore),
        "service-index" => {
            let service = valid(ServiceName::parse(words.first()?))?;
            return Ok(Line::ServiceIndex(ServiceKey { namespace, service }));
        }
        "catalog-index" => return Ok(Line::CatalogIndex(namespace)),
        other => return Err(format!("there is no command {other:?}")),
    };
    let at = Timestamp(words.number("at", 0)?);
    Ok(Line::Request(Request { command, key: words.option("key").map(str::to_owned), at }))
}

impl<'a> Words<'a> {
    fn first(&self) -> Parsed<&'a str> {
        self.plain.first().copied().ok_or_else(|| "does not say what it is about".to_owned())
    }

    fn option(&self, name: &str) -> Option<&'a str> {
        self.options.iter().find(|(found, _)| *found == name).map(|(_, value)| *value)
    }

    fn number(&self, name: &str, default: u64) -> Parsed<u64> {
        self.option(name).map_or(Ok(default), number)
    }

    fn list(&self, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        self.option(name).into_iter().flat_map(|list| list.split(','))
    }

    fn parsed<T, E: ToString>(&self, name: &str, parse: impl Fn(&'a str) -> Result<T, E>, default: T) -> Parsed<T> {
        self.option(name).map_or(Ok(default), |text| valid(parse(text)))
    }

    fn each<T>(&self, parse: impl Fn(&str) -> Parsed<T>) -> Parsed<Vec<T>> {
        self.plain.iter().map(|word| parse(word)).collect()
    }
}

fn register(words: &Words, namespace: Namespace) -> Parsed<Command> {
    let (passing, warning) = words.option("weights").unwrap_or("1/1").split_once('/').ok_or("weights=p/w")?;
    let weights = Weights { passing: number(passing)? as u16, warning: number(warning)? as u16 };
    let pairs = words.list("meta").map(|pair| pair.split_once(':').ok_or("meta=k:v"));
    let instance = InstanceSpec {
        key: instance_key(words.first()?, namespace)?,
        node: words.parsed("node", Name::new, valid(Name::new("n1"))?)?,
        address: words.option("addr").unwrap_or_default().to_owned(),
        port: words.number("port", 0)? as u16,
        tags: words.list("tags").map(str::to_owned).collect(),
        meta: pairs.map(|pair| pair.map(|(k, v)| (k.to_owned(), v.to_owned()))).collect::<Result<_, _>>()?,
        weights,
    };
    let checks = words.options.iter().filter(|(name, _)| *name == "check").map(|(_, text)| check(text));
    Ok(Command::Register { instance: valid(instance.validated())?, checks: checks.collect::<Parsed<_>>()? })
}

fn check(text: &str) -> Parsed<CheckSpec> {
    let mut parts = text.split(',');
    let id = match parts.next() {
        None | Some("-") => None,
        Some(id) => Some(valid(CheckId::parse(id))?),
    };
    let (interval, timeout) = (Duration::from_secs(10), Duration::from_secs(1));
    let mut argument = |what: &str| parts.next().map(str::to_owned).ok_or(format!("a check without {what}"));
    let kind = match argument("kind")?.as_str() {
        "ttl" => CheckKind::Ttl { ttl: Duration::from_millis(number(&argument("ttl")?)?) },
        "http" => CheckKind::Http { target: argument("target")?, interval, timeout },
        "tcp" => CheckKind::Tcp { target: None, interval, timeout },
        "cmd" => CheckKind::Cmd { args: vec![argument("program")?], interval, timeout },
        other => return Err(format!("there is no check of kind {other:?}")),
    };
    let mut spec = CheckSpec { id, name: String::new(), kind, initial: None };
    for option in parts {
        match option.split_once('=') {
            Some(("initial", status)) => spec.initial = Some(valid(status.parse())?),
            Some(("name", name)) => name.clone_into(&mut spec.name),
            _ => return Err(format!("a check has no {option:?}")),
        }
    }
    valid(spec.validated())
}

fn report(word: &str, namespace: &Namespace) -> Parsed<CheckReport> {
    let mut parts = word.splitn(3, '=');
    let check = check_key(parts.next().unwrap_or_default(), namespace)?;
    let status = valid(parts.next().ok_or("a report is <check>=<status>")?.parse())?;
    let output = parts.next().unwrap_or_default();
    let output = match output.strip_prefix('*') {
        Some(count) => "x".repeat(number(count)? as usize),
        None => output.replace('_', " "),
    };
    Ok(CheckReport { check, status, output })
}

fn expiry(word: &str, namespace: &Namespace) -> Parsed<Expiry> {
    let (check, fence) = word.split_once('@').ok_or("an expiry is <check>@<fence>")?;
    Ok(Expiry { check: check_key(check, namespace)?, seen: Index(number(fence)?) })
}

fn bounds(words: &Words) -> Parsed<Bounds> {
    let all = Bounds::default();
    Ok(Bounds {
        instances: words.number("instances", all.instances as u64)? as usize,
        instances_per_service: words.number("of_service", all.instances_per_service as u64)? as usize,
        tombstones: words.number("tombstones", all.tombstones as u64)? as usize,
        keys: words.number("keys", all.keys as u64)? as usize,
        bytes: words.number("bytes", all.bytes as u64)? as usize,
        key_bytes: words.number("key_bytes", all.key_bytes as u64)? as usize,
    })
}

fn instance_key(text: &str, namespace: Namespace) -> Parsed<InstanceKey> {
    let (service, id) = text.split_once('/').ok_or_else(|| format!("{text:?} is not <service>/<id>"))?;
    Ok(InstanceKey { namespace, service: valid(ServiceName::parse(service))?, id: valid(InstanceId::parse(id))? })
}

fn check_key(id: &str, namespace: &Namespace) -> Parsed<CheckKey> {
    Ok(CheckKey { namespace: namespace.clone(), id: valid(CheckId::parse(id))? })
}

fn number(text: &str) -> Parsed<u64> {
    text.parse().map_err(|_| format!("{text:?} is not a number"))
}

fn valid<T, E: ToString>(result: Result<T, E>) -> Parsed<T> {
    result.map_err(|error| error.to_string())
}
