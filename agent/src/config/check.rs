//! One check of the file: its type decides which keys it has.

use std::net::Ipv6Addr;
use std::time::Duration;

use sider_client::duration;
use sider_registry::limits;
use sider_registry::model::{CheckId, CheckKind, CheckSpec, InstanceSpec, Status};

use super::file::RawCheck;
use super::{CheckConfig, Duty, Place, ProbeSpec, Problem, Target};

/// Timeout of a run when the file gives none (Consul's), unless the interval is shorter.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);
/// Longest run of failures or successes that is waited for.
const THRESHOLD_MAX: u64 = 1000;

/// Keys that only some types have, with the types.
const OWN_KEYS: [(&str, &[&str]); 8] = [
    ("ttl", &["ttl"]),
    ("renew", &["ttl"]),
    ("path", &["http"]),
    ("url", &["http"]),
    ("tcp", &["tcp"]),
    ("cmd", &["cmd"]),
    ("interval", &["http", "tcp", "cmd"]),
    ("timeout", &["http", "tcp", "cmd"]),
];

pub(super) fn parse(
    raw: RawCheck,
    instance: &InstanceSpec,
    cmd_enabled: bool,
    place: &Place,
) -> Result<CheckConfig, Problem> {
    refuse_foreign_keys(&raw, place)?;
    let (kind, duty) = match raw.kind.as_str() {
        "ttl" => ttl(&raw, place)?,
        "http" => http(&raw, instance, place)?,
        "tcp" => tcp(&raw, instance, place)?,
        "cmd" => cmd(&raw, cmd_enabled, place)?,
        other => {
            let text = format!("{other:?} is no type of check; write ttl, http, tcp or cmd");
            return Err(Problem::new(&place.key("type"), text));
        }
    };
    if raw.name.len() > limits::CHECK_TEXT_LEN_MAX {
        let text = format!("has {} bytes; at most {} fit", raw.name.len(), limits::CHECK_TEXT_LEN_MAX);
        return Err(Problem::new(&place.key("name"), text));
    }
    let id = raw.id.map(CheckId::try_from).transpose().map_err(|why| Problem::new(&place.key("id"), why.problem))?;
    let spec = CheckSpec { id, name: raw.name, kind, initial: initial(raw.status.as_deref(), place)? };
    Ok(CheckConfig {
        spec: spec.validated().map_err(|why| Problem::new(place, why.to_string()))?,
        duty,
        failures_before_critical: threshold("failures_before_critical", raw.failures_before_critical, place)?,
        successes_before_passing: threshold("successes_before_passing", raw.successes_before_passing, place)?,
    })
}

fn refuse_foreign_keys(raw: &RawCheck, place: &Place) -> Result<(), Problem> {
    let present = [
        raw.ttl.is_some(),
        raw.renew.is_some(),
        raw.path.is_some(),
        raw.url.is_some(),
        raw.tcp.is_some(),
        raw.cmd.is_some(),
        raw.interval.is_some(),
        raw.timeout.is_some(),
    ];
    for ((key, kinds), present) in OWN_KEYS.into_iter().zip(present) {
        if present && !kinds.contains(&raw.kind.as_str()) {
            let text = format!("a check of type {:?} has no {key}; one of type {} has", raw.kind, kinds.join(", "));
            return Err(Problem::new(&place.key(key), text));
        }
    }
    Ok(())
}

fn ttl(raw: &RawCheck, place: &Place) -> Result<(CheckKind, Duty), Problem> {
    let ttl = period("ttl", raw.ttl.as_deref(), None, place)?;
    let duty = match raw.renew.as_deref() {
        None | Some("agent") => Duty::Renew { ttl },
        Some("app") => Duty::Leave,
        Some(other) => {
            let text = format!("{other:?} renews nothing; write \"agent\" (the default) or \"app\"");
            return Err(Problem::new(&place.key("renew"), text));
        }
    };
    Ok((CheckKind::Ttl { ttl }, duty))
}

fn http(raw: &RawCheck, instance: &InstanceSpec, place: &Place) -> Result<(CheckKind, Duty), Problem> {
    let (target, key) = match (&raw.path, &raw.url) {
        (Some(path), None) => (path.clone(), "path"),
        (None, Some(url)) => (url.clone(), "url"),
        (None, None) => return Err(Problem::new(place, "path is missing; write one like \"/health\"")),
        (Some(_), Some(_)) => {
            return Err(Problem::new(&place.key("url"), "there is a path already; write one of the two"));
        }
    };
    let place_of_target = place.key(key);
    if target.len() > limits::CHECK_TEXT_LEN_MAX {
        let text = format!("has {} bytes; at most {} fit", target.len(), limits::CHECK_TEXT_LEN_MAX);
        return Err(Problem::new(&place_of_target, text));
    }
    if key == "path" && !target.starts_with('/') {
        let text = format!("{target:?} does not begin with \"/\"; for another address write a url");
        return Err(Problem::new(&place_of_target, text));
    }
    let url = if key == "path" { format!("http://{}{target}", own_address(instance, place)?) } else { target.clone() };
    match reqwest::Url::parse(&url) {
        Ok(parsed) if parsed.scheme() == "http" && parsed.has_host() => {}
        Ok(parsed) => {
            let text = format!("the scheme {:?} is not http: this agent speaks no TLS", parsed.scheme());
            return Err(Problem::new(&place_of_target, text));
        }
        Err(error) => {
            let text =
                format!("{target:?}: {error}; write a path like \"/health\" or a url like \"http://10.0.0.1/x\"");
            return Err(Problem::new(&place_of_target, text));
        }
    }
    let (interval, timeout) = rhythm(raw, place)?;
    let probe = ProbeSpec { target: Target::Http(url), interval, timeout };
    Ok((CheckKind::Http { target, interval, timeout }, Duty::Probe(probe)))
}

fn tcp(raw: &RawCheck, instance: &InstanceSpec, place: &Place) -> Result<(CheckKind, Duty), Problem> {
    let address = match &raw.tcp {
        None => own_address(instance, place)?,
        Some(text) => match text.rsplit_once(':') {
            Some((host, port)) if is_host(host) && port.parse::<u16>().is_ok_and(|port| port > 0) => text.clone(),
            _ => {
                let text = format!("{text:?} is no address; write it like \"10.0.0.1:5432\" or \"[::1]:5432\"");
                return Err(Problem::new(&place.key("tcp"), text));
            }
        },
    };
    let (interval, timeout) = rhythm(raw, place)?;
    let probe = ProbeSpec { target: Target::Tcp(address), interval, timeout };
    Ok((CheckKind::Tcp { target: raw.tcp.clone(), interval, timeout }, Duty::Probe(probe)))
}

/// An IPv6 address stands in brackets: without them its end and the port's beginning cannot be told.
fn is_host(text: &str) -> bool {
    match text.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').is_some_and(|inner| inner.parse::<Ipv6Addr>().is_ok()),
        None => !text.is_empty() && !text.contains(':'),
    }
}

fn cmd(raw: &RawCheck, enabled: bool, place: &Place) -> Result<(CheckKind, Duty), Problem> {
    if !enabled {
        let text = "cmd checks run programs with this agent's rights; allow them with \"enable_cmd_checks\": true";
        return Err(Problem::new(&place.key("type"), text));
    }
    let args = raw.cmd.clone().unwrap_or_default();
    let bad = args.is_empty()
        || args[0].is_empty()
        || args.len() > limits::CMD_ARGS_MAX
        || args.iter().any(|arg| arg.len() > limits::CHECK_TEXT_LEN_MAX || arg.contains('\0'));
    if bad {
        let (count, len) = (limits::CMD_ARGS_MAX, limits::CHECK_TEXT_LEN_MAX);
        let text = format!(
            "is no command; write program and arguments like [\"/usr/bin/check-app.sh\"], at most {count} of {len} bytes"
        );
        return Err(Problem::new(&place.key("cmd"), text));
    }
    let (interval, timeout) = rhythm(raw, place)?;
    let probe = ProbeSpec { target: Target::Cmd(args.clone()), interval, timeout };
    Ok((CheckKind::Cmd { args, interval, timeout }, Duty::Probe(probe)))
}

/// `host:port` of the instance; this machine when it gives no address.
fn own_address(instance: &InstanceSpec, place: &Place) -> Result<String, Problem> {
    if instance.port == 0 {
        let text = "the service has no port to look at; give it one, or give the check a url or tcp address";
        return Err(Problem::new(place, text));
    }
    let host = match instance.address.as_str() {
        "" => "127.0.0.1",
        host => host,
    };
    let bracketed = host.parse::<Ipv6Addr>().is_ok();
    Ok(if bracketed { format!("[{host}]:{}", instance.port) } else { format!("{host}:{}", instance.port) })
}

fn rhythm(raw: &RawCheck, place: &Place) -> Result<(Duration, Duration), Problem> {
    let interval = period("interval", raw.interval.as_deref(), None, place)?;
    let timeout = period("timeout", raw.timeout.as_deref(), Some(interval.min(TIMEOUT_DEFAULT)), place)?;
    Ok((interval, timeout))
}

fn period(
    key: &'static str,
    text: Option<&str>,
    default: Option<Duration>,
    place: &Place,
) -> Result<Duration, Problem> {
    let Some(text) = text else {
        return default.ok_or_else(|| Problem::new(place, format!("{key} is missing; write one like \"10s\"")));
    };
    let place = place.key(key);
    let read = duration::parse(text).map_err(|error| Problem::new(&place, error.to_string()))?;
    if (limits::CHECK_PERIOD_MIN..=limits::CHECK_PERIOD_MAX).contains(&read) {
        return Ok(read);
    }
    let [min, max] = [limits::CHECK_PERIOD_MIN, limits::CHECK_PERIOD_MAX].map(duration::format);
    Err(Problem::new(&place, format!("{text} is out of range; from {min} to {max}")))
}

fn threshold(key: &'static str, value: Option<u64>, place: &Place) -> Result<u32, Problem> {
    match value {
        None => Ok(1),
        Some(value @ 1..=THRESHOLD_MAX) => Ok(u32::try_from(value).unwrap_or(u32::MAX)),
        Some(value) => {
            Err(Problem::new(&place.key(key), format!("{value} is out of range; from 1 to {THRESHOLD_MAX}")))
        }
    }
}

fn initial(text: Option<&str>, place: &Place) -> Result<Option<Status>, Problem> {
    match text {
        None => Ok(None),
        Some("passing") => Ok(Some(Status::Passing)),
        Some("warning") => Ok(Some(Status::Warning)),
        Some("critical") => Ok(Some(Status::Critical)),
        Some(other) => {
            let text = format!("{other:?} is no status to begin with; write passing, warning or critical");
            Err(Problem::new(&place.key("status"), text))
        }
    }
}
