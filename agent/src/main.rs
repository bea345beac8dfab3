//! `sds-agent`: flags and file -> configuration -> run -> exit code.

mod flags;

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use rand::TryRng;
use rand::rngs::SysRng;
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
            print!("{text}");
            return ExitCode::SUCCESS;
        }
        Err((text, code)) => {
            eprint!("{text}");
            return ExitCode::from(code);
        }
    };
    let config = match read_config(&flags) {
        Ok(config) => config,
        Err(problem) => {
            eprintln!("sds-agent: {problem}");
            return ExitCode::from(EXIT_USAGE);
        }
    };
    if flags.check {
        println!("{}: right: {}", flags.config.display(), count(&config));
        return ExitCode::SUCCESS;
    }
    match start(&flags, config) {
        Ok(Ended::Clean) => ExitCode::SUCCESS,
        Ok(Ended::Incomplete) => {
            eprintln!("sds-agent: stopped before the cluster had taken everything out; the TTLs do the rest");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("sds-agent: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Reads and parses the file, and completes it: node name from the host, `-http` from the command line.
fn read_config(flags: &Flags) -> Result<AgentConfig, String> {
    let name = flags.config.display();
    let mut text = String::new();
    let opened = File::open(&flags.config).map_err(|error| format!("-config {name}: {error}"))?;
    let read = opened.take(limits::CONFIG_LEN_MAX + 1).read_to_string(&mut text);
    let len = read.map_err(|error| format!("-config {name}: {error}"))?;
    if len as u64 > limits::CONFIG_LEN_MAX {
        return Err(format!("-config {name}: longer than {} bytes", limits::CONFIG_LEN_MAX));
    }
    let mut config = AgentConfig::parse(&text).map_err(|error| format!("{name}: {error}"))?;
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
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (tell, signals) = mpsc::channel(4);
        let watcher = tokio::spawn(watch_signals(flags.clone(), tell)?);
        let ended = sider_agent::run(setup(config).await?, signals).await;
        watcher.abort();
        Ok(ended)
    })
}

async fn setup(config: AgentConfig) -> anyhow::Result<Setup> {
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
    println!("sds-agent: {}", count(&config));
    if let Some(address) = config.http {
        println!("local view: http://{address}/v1/agent/services");
    }
    let server = config.servers[0].clone();
    Ok(Setup {
        config,
        dial: Arc::new(TcpDial),
        probes: Arc::new(HostProbes::new().context("the HTTP client for checks")?),
        store,
        local,
        seed: SysRng.try_next_u64().map_err(|error| anyhow!("no randomness from the system: {error}"))?,
        on_registered: Some(Box::new(move |core| print!("{}", greeting(core, &server.to_string())))),
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
        let _ = writeln!(text, "registered {}/{}, {with}", key.service.0.as_str(), key.id.0.as_str());
    }
    let more = core.instances().count().saturating_sub(SHOWN_MAX);
    if more > 0 {
        let _ = writeln!(text, "registered {more} more");
    }
    if let Some(first) = core.instances().next() {
        let namespace = first.key.namespace.0.as_str();
        let query = if namespace == "default" { String::new() } else { format!("?ns={namespace}") };
        let _ = writeln!(text, "find it: curl '{server}/v1/health/service/{}{query}'", first.key.service.0.as_str());
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
    let log = tracing_subscriber::fmt().with_max_level(flags.log_level).with_target(false).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.with_ansi(false).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}
