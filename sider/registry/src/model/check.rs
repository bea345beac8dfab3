//! Checks: as a registration asks for them, and as they are kept.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::text::bounded;
use super::{CheckId, CheckKey, Index, InstanceKey, Invalid, Status, Timestamp};
use crate::limits;

/// What a check does. The server only acts on `Ttl`; the others are run by the agent, which reports.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckKind {
    /// The service (or its agent) must renew within `ttl`.
    Ttl {
        /// Time without a renewal after which the check is critical.
        ttl: Duration,
    },
    /// GET `target`: a path on the instance's own address, or a URL.
    Http {
        /// Path (begins with `/`) or URL.
        target: String,
        /// Between two runs.
        interval: Duration,
        /// For one run.
        timeout: Duration,
    },
    /// Connect to `target` (`host:port`), or to the instance's own address and port when it is absent.
    Tcp {
        /// `host:port`.
        target: Option<String>,
        /// Between two runs.
        interval: Duration,
        /// For one run.
        timeout: Duration,
    },
    /// Run `args` without a shell, from the agent's local configuration only.
    Cmd {
        /// Program and arguments, at least one.
        args: Vec<String>,
        /// Between two runs.
        interval: Duration,
        /// For one run.
        timeout: Duration,
    },
}

/// A check as a registration asks for it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CheckSpec {
    /// The client's id, or none: then it is derived from the instance's key (SPEC section 2).
    pub id: Option<CheckId>,
    /// For people. Empty: `Service '<name>' check`.
    pub name: String,
    /// What it does.
    pub kind: CheckKind,
    /// Status to start with; none: `critical`. A check that stays keeps its status.
    pub initial: Option<Status>,
}

/// A check as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Check {
    /// Unique in the namespace of its instance.
    pub id: CheckId,
    /// Whose health it is.
    pub instance: InstanceKey,
    /// For people; never empty.
    pub name: String,
    /// What it does.
    pub kind: CheckKind,
    /// What was measured or reported last.
    pub status: Status,
    /// What came with the last change of the status; at most [`limits::OUTPUT_LEN_MAX`] bytes.
    pub output: String,
    /// When the status changed last, or the check was made: the proposing leader's clock, for people.
    pub changed_at: Timestamp,
    /// The Index at which it was made.
    pub create_index: Index,
    /// The Index of its last change, of status or of what it is. Fences its expiry.
    pub modify_index: Index,
}

impl CheckKind {
    /// The word for it.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Ttl { .. } => "ttl",
            Self::Http { .. } => "http",
            Self::Tcp { .. } => "tcp",
            Self::Cmd { .. } => "cmd",
        }
    }

    fn validate(&self) -> Result<(), Invalid> {
        match self {
            Self::Ttl { ttl } => validate_period("TTL", *ttl),
            Self::Http { target, interval, timeout } => {
                bounded("HTTP", target, 1, limits::CHECK_TEXT_LEN_MAX)?;
                if !(target.starts_with('/') || target.starts_with("http://") || target.starts_with("https://")) {
                    let right = "a path (begins with /) or a URL (begins with http:// or https://) is expected";
                    return Err(Invalid::new("HTTP", format!("is {target:?}; {right}")));
                }
                validate_runs(*interval, *timeout)
            }
            Self::Tcp { target, interval, timeout } => {
                if let Some(target) = target {
                    validate_host_port(target)?;
                }
                validate_runs(*interval, *timeout)
            }
            Self::Cmd { args, interval, timeout } => {
                if args.is_empty() || args.len() > limits::CMD_ARGS_MAX {
                    let problem = format!("has {} arguments; 1 to {} are allowed", args.len(), limits::CMD_ARGS_MAX);
                    return Err(Invalid::new("Args", problem));
                }
                for (n, arg) in args.iter().enumerate() {
                    validate_argument(n, arg)?;
                }
                validate_runs(*interval, *timeout)
            }
        }
    }
}

impl CheckSpec {
    /// The spec, or what is wrong with it.
    ///
    /// # Errors
    /// The name, the target, the arguments or a duration breaks its rule or its bound (SPEC section 2).
    pub fn validated(self) -> Result<Self, Invalid> {
        bounded("Name", &self.name, 0, limits::CHECK_TEXT_LEN_MAX)?;
        self.kind.validate()?;
        Ok(self)
    }
}

impl Check {
    /// What it is found by.
    #[must_use]
    pub fn key(&self) -> CheckKey {
        CheckKey { namespace: self.instance.namespace.clone(), id: self.id.clone() }
    }

    /// Its ttl and the fence of its expiry while it has a deadline: it is of type ttl and not critical.
    #[must_use]
    pub fn deadline(&self) -> Option<(Duration, Index)> {
        match self.kind {
            CheckKind::Ttl { ttl } if self.status != Status::Critical => Some((ttl, self.modify_index)),
            _ => None,
        }
    }
}

fn validate_runs(interval: Duration, timeout: Duration) -> Result<(), Invalid> {
    validate_period("Interval", interval)?;
    validate_period("Timeout", timeout)
}

fn validate_period(field: &str, period: Duration) -> Result<(), Invalid> {
    if (limits::CHECK_PERIOD_MIN..=limits::CHECK_PERIOD_MAX).contains(&period) {
        return Ok(());
    }
    let (min, max) = (limits::CHECK_PERIOD_MIN, limits::CHECK_PERIOD_MAX);
    Err(Invalid::new(field, format!("is {period:?}; {min:?} to {max:?} is allowed")))
}

fn validate_host_port(target: &str) -> Result<(), Invalid> {
    bounded("TCP", target, 1, limits::CHECK_TEXT_LEN_MAX)?;
    let port = target.rsplit_once(':').and_then(|(host, port)| (!host.is_empty()).then_some(port));
    match port.and_then(|port| port.parse::<u16>().ok()) {
        Some(1..) => Ok(()),
        _ => Err(Invalid::new("TCP", format!("is {target:?}; host:port is expected, the port from 1 to 65535"))),
    }
}

/// Arguments may hold line breaks (a script passed with -c), but no NUL, which no program can be given.
fn validate_argument(n: usize, arg: &str) -> Result<(), Invalid> {
    let field = || format!("Args[{n}]");
    if arg.len() > limits::CHECK_TEXT_LEN_MAX {
        let problem = format!("has {} bytes; {} is the bound", arg.len(), limits::CHECK_TEXT_LEN_MAX);
        return Err(Invalid::new(field(), problem));
    }
    if arg.contains('\0') {
        return Err(Invalid::new(field(), "holds a NUL byte, which no program can be given"));
    }
    if n == 0 && arg.is_empty() {
        return Err(Invalid::new(field(), "is empty; name the program"));
    }
    Ok(())
}
