//! `harness model`: checks models, or opens one in stateright's explorer. Knows nothing of what they are about.

use std::io::{IsTerminal as _, Write as _};
use std::net::{SocketAddr, TcpListener};

use clap::ValueEnum;

use super::check::{Findings, check};
use super::expiry::Expiring;
use super::hop::Hopping;
use super::watch::Watching;
use super::{Checked, Scope};

/// Check a model over production code, in every order of its steps
#[derive(Debug, clap::Args)]
pub struct ModelArgs {
    /// Which.
    #[arg(value_enum)]
    pub name: Name,
    /// Break its protocol in this way; the check must then find a violation. A wrong value is answered with the right ones.
    #[arg(long, value_name = "VARIANT")]
    pub broken: Option<String>,
    /// How much to visit.
    #[arg(long, value_enum, default_value = "full")]
    pub scope: Scope,
    /// Threads. With more than one a counter-example is not always the shortest.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub threads: u8,
    /// Open the model in stateright's explorer at this loopback address instead, until the process is stopped.
    #[arg(long, value_name = "ADDR")]
    pub serve: Option<SocketAddr>,
}

/// The models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Name {
    /// Polls of one server against changes, snapshots and shutdown.
    Watch,
    /// A client that reads on two replicas, one of which lags.
    Hop,
    /// Renewals against expiries while leaders change.
    Expiry,
    /// One after the other.
    All,
}

/// How a check ended, the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ended {
    /// Every property holds in every state.
    Holds,
    /// Some situation was not reached, or the number of states is not the pinned one: what was checked is not what was meant.
    Vacuous,
    /// A property does not hold.
    Violated,
}

/// Does what the command line asks for, and says on standard output what came out, as text or one JSON object a line.
///
/// # Errors
/// The arguments do not fit together, or the explorer's address cannot be served.
pub fn run(args: &ModelArgs, json: bool) -> Result<Ended, String> {
    match args.name {
        Name::Watch => one::<Watching>("watch", args, json),
        Name::Hop => one::<Hopping>("hop", args, json),
        Name::Expiry => one::<Expiring>("expiry", args, json),
        Name::All => {
            if args.broken.is_some() || args.serve.is_some() {
                return Err("--broken and --serve are of one model: name it".to_owned());
            }
            let watch = one::<Watching>("watch", args, json)?;
            let hop = one::<Hopping>("hop", args, json)?;
            Ok(watch.max(hop).max(one::<Expiring>("expiry", args, json)?))
        }
    }
}

fn one<M: Checked>(name: &str, args: &ModelArgs, json: bool) -> Result<Ended, String> {
    let broken = args.broken.as_deref().map(variant::<M::Broken>).transpose()?;
    if let Some(address) = args.serve {
        return explore(M::new(args.scope, broken), address);
    }
    let line = !json && std::io::stderr().is_terminal();
    let findings = check(
        || M::new(args.scope, broken),
        usize::from(args.threads),
        |data| {
            if line {
                let so_far =
                    format!("{} states, {} unique, depth {}", data.total_states, data.unique_states, data.max_depth);
                eprint!("\r{name}: {so_far}{}", if data.done { "\r\x1b[K" } else { "" });
            }
        },
    );
    let pinned = broken.is_none().then(|| M::pinned(args.scope));
    let ended = ended(&findings, pinned);
    let text = if json { as_json(name, args, &findings, ended) } else { as_text(name, args, &findings, pinned) };
    // A closed standard output is no reason to fail: the exit code says it too.
    let _closed = std::io::stdout().write_all(text.as_bytes());
    Ok(ended)
}

fn variant<V: ValueEnum>(text: &str) -> Result<V, String> {
    V::from_str(text, true).map_err(|_| {
        let known: Vec<_> = V::value_variants().iter().filter_map(ValueEnum::to_possible_value).collect();
        let lines = known.iter().map(|value| {
            let help = value.get_help().map(ToString::to_string).unwrap_or_default();
            format!("\n  {}: {help}", value.get_name())
        });
        format!("--broken {text:?} is none of this model's variants:{}", lines.collect::<String>())
    })
}

fn ended(findings: &Findings, pinned: Option<usize>) -> Ended {
    if findings.failure.is_some() {
        Ended::Violated
    } else if findings.hold() && pinned.is_none_or(|pinned| pinned == findings.unique) {
        Ended::Holds
    } else {
        Ended::Vacuous
    }
}

fn as_text(name: &str, args: &ModelArgs, findings: &Findings, pinned: Option<usize>) -> String {
    let broken = args.broken.as_ref().map(|broken| format!(", broken: {broken}")).unwrap_or_default();
    let mut text = format!("model {name}{broken}: {findings}");
    if let Some(pinned) = pinned.filter(|pinned| findings.failure.is_none() && *pinned != findings.unique) {
        text += &format!(
            "vacuous: the scope has {} states, pinned are {pinned}: the model or the code under it has another world \
             now; find out why before pinning the new number\n",
            findings.unique
        );
    }
    text
}

fn as_json(name: &str, args: &ModelArgs, findings: &Findings, ended: Ended) -> String {
    let failure = findings.failure.as_ref();
    let object = serde_json::json!({
        "model": name,
        "broken": args.broken,
        "ended": format!("{ended:?}").to_lowercase(),
        "generated": findings.generated,
        "unique": findings.unique,
        "depth": findings.depth,
        "seconds": findings.took.as_secs_f64(),
        "states_per_second_per_thread": findings.speed().round(),
        "violated": failure.map(|failure| failure.property),
        "steps": failure.map(|failure| &failure.steps),
        "unreached": findings.unreached,
    });
    format!("{object}\n")
}

/// Serves the explorer until the process is stopped.
fn explore<M: Checked>(model: M, address: SocketAddr) -> Result<Ended, String> {
    if !address.ip().is_loopback() {
        return Err(format!("--serve {address}: the explorer has no access control; give a loopback address"));
    }
    // stateright panics when it cannot listen; this says it instead.
    drop(TcpListener::bind(address).map_err(|error| format!("--serve {address}: {error}"))?);
    eprintln!("explorer: http://{address}/");
    let _served = model.checker().serve(address);
    Ok(Ended::Holds)
}
