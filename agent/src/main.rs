//! `sds-agent`: flags and file -> configuration -> run -> exit code.

mod flags;

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use rand::TryRng;
use rand::rngs::SysRng;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sider_agent::config::{self, AgentConfig, LogFormat};
use sider_agent::core::Core;
use sider_agent::probe::HostProbes;
use sider_agent::store::{CellStore, DirStore, Store};
use sider_agent::{Ended, Setup, Signal, limits};
use sider_client::seam::{Listen, TcpDial};
use sider_registry::model::Name;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use flags::{EXIT_USAGE, Flags};

fn main() -> ExitCode {
    let flags = match flags::parse(std::env::args_os()) {
        Ok(flags) => flags,
        Err((text, 0)) => {
            say(&text);
            return ExitCode::SUCCESS;
        }
        Err((text, code)) => {
            complain(&text);
            return ExitCode::from(code);
        }
    };
    let config = match read_config(&flags) {
        Ok(config) => config,
        Err(problem) => {
            complain(&format!("sds-agent: {problem}\n"));
            return ExitCode::from(EXIT_USAGE);
        }
    };
    if flags.check {
        say(&format!("{}: right: {}\n", flags.config.display(), count(&config)));
        return ExitCode::SUCCESS;
    }
    match start(&flags, config) {
        Ok(Ended::Clean) => ExitCode::SUCCESS,
        Ok(Ended::Incomplete) => {
            complain("sds-agent: stopped before the cluster had taken everything out; the TTLs do the rest\n");
            ExitCode::FAILURE
        }
        Err(error) => {
            complain(&format!("sds-agent: {error:#}\n"));
            ExitCode::FAILURE
        }
    }
}

/// For people. That nobody reads it (a closed pipe, a full disk) is no reason to end: `println!` would panic.
fn say(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn complain(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Reads and parses the file, and completes it: node name from the host, `-http` from the command line.
fn read_config(flags: &Flags) -> Result<AgentConfig, String> {
    let name = flags.config.display();
    let mut bytes = Vec::new();
    let opened = File::open(&flags.config).map_err(|error| format!("-config {name}: {error}"))?;
    opened
        .take(limits::CONFIG_LEN_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("-config {name}: {error}"))?;
    if bytes.len() as u64 > limits::CONFIG_LEN_MAX {
        return Err(format!("-config {name}: longer than {} bytes", limits::CONFIG_LEN_MAX));
    }
    let mut config = AgentConfig::parse_file(&bytes).map_err(|error| format!("{name}: {error}"))?;
    if let Some(text) = &flags.http {
        config.http = Some(config::loopback(text).map_err(|problem| format!("-http: {problem}"))?);
    }
    if config.node_name.is_some() {
        return Ok(config);
    }
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    match Name::new(host.clone()) {
        Ok(node) => Ok(config.on_node(&node)),
        Err(_) => Err(format!("{name}: the host name {host:?} is no node name; write \"node_name\" into the file")),
    }
}

fn start(flags: &Flags, config: AgentConfig) -> anyhow::Result<Ended> {
    log_to_stderr(flags, config.log_format);
    let before = raise_open_files();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(async {
        let (tell, signals) = mpsc::channel(4);
        let watcher = tokio::spawn(watch_signals(flags.clone(), tell)?);
        let ended = sider_agent::run(setup(config, before).await?, signals).await;
        watcher.abort();
        Ok(ended)
    });
    // A name that is being looked up has a thread that nothing can stop: waiting for it could take minutes.
    runtime.shutdown_background();
    ended
}

/// Every check that runs holds a file or three, and an agent has thousands of checks: one that finds no file free would
/// call a healthy service critical. The usual soft limit is 1024. Answers what the limit was, if it is another now.
fn raise_open_files() -> Option<u64> {
    let now = getrlimit(Resource::Nofile);
    let wanted = now.maximum.unwrap_or(u64::MAX).min(limits::OPEN_FILES);
    let before = now.current.filter(|current| *current < wanted)?;
    match setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: now.maximum }) {
        Ok(()) => Some(before),
        Err(error) => {
            tracing::warn!(%error, "the limit of open files stays as it is");
            None
        }
    }
}

async fn setup(config: AgentConfig, open_files: Option<u64>) -> anyhow::Result<Setup> {
    let store: Box<dyn Store> = match &config.data_dir {
        Some(dir) => Box::new(DirStore::open(dir)?),
        None => Box::new(CellStore::default()),
    };
    let local: Option<Box<dyn Listen>> = match config.http {
        Some(address) => {
            let bound = TcpListener::bind(address).await;
            Some(Box::new(bound.with_context(|| format!("the local view cannot listen on {address}"))?))
        }
        None => None,
    };
    say(&format!("sds-agent: {}\n", count(&config)));
    if let Some(listener) = &local {
        say(&format!("local view: http://{}/v1/agent/services\n", listener.local_addr()?));
    }
    let server = config.servers[0].clone();
    Ok(Setup {
        config,
        dial: Arc::new(TcpDial),
        probes: Arc::new(HostProbes::new().context("the HTTP client for checks")?.with_open_files(open_files)),
        store,
        local,
        seed: SysRng.try_next_u64().map_err(|error| anyhow!("no randomness from the system: {error}"))?,
        on_registered: Some(Box::new(move |core| say(&greeting(core, &server.to_string())))),
    })
}

/// What a person sees once everything is registered: what it is, and how to look at it.
fn greeting(core: &Core, server: &str) -> String {
    const SHOWN_MAX: usize = 10;
    let mut text = String::new();
    for instance in core.instances().take(SHOWN_MAX) {
        let key = &instance.key;
        let checks: Vec<&str> =
            core.checks_of(instance).filter_map(|check| Some(check.id.as_ref()?.as_str())).collect();
        let with = if checks.is_empty() { "without checks".into() } else { format!("checks {}", checks.join(", ")) };
        text += &format!("registered {}/{}, {with}\n", key.service.0.as_str(), key.id.0.as_str());
    }
    let more = core.instances().count().saturating_sub(SHOWN_MAX);
    if more > 0 {
        text += &format!("registered {more} more\n");
    }
    if let Some(first) = core.instances().next() {
        let namespace = first.key.namespace.0.as_str();
        let query = if namespace == "default" { String::new() } else { format!("?ns={namespace}") };
        text += &format!("find it: curl '{server}/v1/health/service/{}{query}'\n", first.key.service.0.as_str());
    }
    text
}

fn count(config: &AgentConfig) -> String {
    let checks: usize = config.services.iter().map(|service| service.checks.len()).sum();
    let node = config.node_name.as_ref().map_or("?", Name::as_str);
    let servers: Vec<String> = config.servers.iter().map(ToString::to_string).collect();
    format!("node {node}, services {}, checks {checks}, servers {}", config.services.len(), servers.join(" "))
}

/// Turns the process' signals into the agent's. Registered before the agent starts: an early SIGTERM is not lost.
fn watch_signals(flags: Flags, tell: mpsc::Sender<Signal>) -> anyhow::Result<impl Future<Output = ()> + Send> {
    let mut hangup = signal(SignalKind::hangup())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        loop {
            let told = tokio::select! {
                biased;
                _ = terminate.recv() => Signal::Stop,
                _ = interrupt.recv() => Signal::Stop,
                _ = hangup.recv() => match reread(&flags) {
                    Some(config) => Signal::Reload(Box::new(config)),
                    None => continue,
                },
            };
            if tell.send(told).await.is_err() {
                return;
            }
        }
    })
}

/// A bad file is refused: the agent goes on as it is.
fn reread(flags: &Flags) -> Option<AgentConfig> {
    match read_config(flags) {
        Ok(config) => Some(config),
        Err(problem) => {
            tracing::error!(problem, "the new configuration is refused, the old one stays");
            None
        }
    }
}

fn log_to_stderr(flags: &Flags, format: LogFormat) {
    let log = tracing_subscriber::fmt()
        .with_max_level(flags.log_level)
        .with_target(false)
        .with_writer(io::stderr)
        // Or a line that cannot be written (a full disk, a closed pipe) would be reported with `eprintln!`, which panics.
        .log_internal_errors(false);
    match format {
        LogFormat::Text => log.with_ansi(false).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}
