//! The command line: one dash or two before a long flag, and errors in one line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Parser;
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Exit code for a wrong command line or configuration (`EX_USAGE` of sysexits.h).
pub(crate) const EXIT_USAGE: u8 = 64;

#[derive(Debug, Clone, Parser)]
#[command(name = "sds-agent", version, disable_help_flag = true, disable_version_flag = true, after_help = EXAMPLES)]
/// Registers this host's services in Sider, runs their checks, and takes them out when it stops.
pub(crate) struct Flags {
    /// The JSON file that says which services this host has. Read again on SIGHUP.
    #[arg(long, value_name = "FILE", required = true)]
    pub(crate) config: PathBuf,
    /// Only say whether the file is right: exit code 0, or 64 with line, key and what would be right.
    #[arg(long)]
    pub(crate) check: bool,
    /// Serve the local view here (loopback only): /livez, /metrics, /v1/agent/services, /v1/agent/checks, and
    /// /v1/health/service/NAME, which goes on answering while no server can be reached. Overrides "http" of the file.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) http: Option<String>,
    /// What to log: error, warn, info, debug or trace.
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub(crate) log_level: tracing_subscriber::filter::LevelFilter,
    /// Print this text.
    #[arg(short, long, action = clap::ArgAction::Help)]
    help: Option<bool>,
    /// Print the version.
    #[arg(short = 'V', long, action = clap::ArgAction::Version)]
    version: Option<bool>,
}

const EXAMPLES: &str = r#"A file to begin with (examples/agent.demo.json has more):
  {
    "servers": ["http://127.0.0.1:8500"],
    "services": [{
      "name": "web", "port": 8080,
      "checks": [
        {"type": "ttl", "ttl": "15s"},
        {"type": "http", "path": "/health", "interval": "10s", "timeout": "3s"}
      ]
    }]
  }

Keys of the file:  services, servers, node_name, namespace, data_dir, http, log_format, leave_on_stop, enable_cmd_checks
Keys of a service: name, id, namespace, address, port, tags, meta, weights, checks
Keys of a check:   type, id, name, status, failures_before_critical, successes_before_passing, and by type
  ttl   ttl, renew ("agent": this agent renews it; "app": the application does)
  http  path or url, interval, timeout   2xx and 3xx passing, 4xx warning, else critical; no redirect is followed
  tcp   tcp, interval, timeout           connects: passing
  cmd   cmd, interval, timeout           exit code 0: passing; needs "enable_cmd_checks": true

Signals: SIGTERM and SIGINT deregister and end ("leave_on_stop": false only ends); SIGHUP reads the file again.
One dash does as well as two: sds-agent -config agent.json -check"#;

/// Parses the command line, or gives the text to print and the exit code.
pub(crate) fn parse(args: impl Iterator<Item = OsString>) -> Result<Flags, (String, u8)> {
    Flags::try_parse_from(args.enumerate().map(|(n, arg)| if n == 0 { arg } else { two_dashes(arg) })).map_err(
        |error| match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => (error.to_string(), 0),
            _ => (format!("sds-agent: {}; sds-agent -help shows all flags\n", in_one_line(&error)), EXIT_USAGE),
        },
    )
}

/// `-config` is `--config`, as the founding document writes it.
fn two_dashes(arg: OsString) -> OsString {
    match arg.to_str() {
        Some(text) if text.len() > 2 && text.starts_with('-') && text.as_bytes()[1].is_ascii_alphabetic() => {
            OsString::from(format!("-{text}"))
        }
        _ => arg,
    }
}

fn in_one_line(error: &clap::Error) -> String {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => Some(texts.join(", ")),
        _ => None,
    };
    let flag = context(ContextKind::InvalidArg).map(|flag| flag.replacen("--", "-", 1)).unwrap_or_default();
    match error.kind() {
        ErrorKind::UnknownArgument => match context(ContextKind::SuggestedArg) {
            Some(near) => format!("unknown flag {flag}; did you mean {}", near.replacen("--", "-", 1)),
            None => format!("unknown flag {flag}"),
        },
        ErrorKind::MissingRequiredArgument => format!("{flag} is missing: say which file, like -config agent.json"),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation if flag.starts_with("-log-level") => {
            let value = context(ContextKind::InvalidValue).unwrap_or_default();
            format!("-log-level {value:?} is no level; write error, warn, info, debug or trace")
        }
        ErrorKind::InvalidValue => format!("{flag}: the value is missing"),
        _ => {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            first.strip_prefix("error: ").unwrap_or(first).to_owned()
        }
    }
}
