//! `sds-server`: flags into a configuration, ports bound, the server run, its end turned into an exit code.
//!
//! Only this program knows the operating system's clock, random numbers and signals; the server itself
//! ([`sider::serve`]) is given them.

mod banner;
mod exit;
mod flags;
mod logging;

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use sider::Seams;
use sider::host::{Host, Simulated};
use sider::raft::OsDisk;
use sider_client::seam::TcpDial;
use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::Failure;
use crate::flags::{BindAddr, Instead, Start};

fn main() -> ExitCode {
    let start = match flags::parse(std::env::args_os()) {
        Ok(start) => start,
        Err(Instead::Print(text)) => {
            print!("{text}");
            return ExitCode::SUCCESS;
        }
        Err(Instead::Refuse(line)) => {
            eprintln!("sds-server: {line}");
            return ExitCode::from(exit::USAGE);
        }
    };
    logging::begin(start.log_level, start.log_format);
    let run = || -> Result<(), Failure> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no runtime")?;
        runtime.block_on(run(start))
    };
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            tracing::error!(error = %failure, "the server ended");
            ExitCode::from(failure.code())
        }
    }
}

async fn run(start: Start) -> Result<(), Failure> {
    raise_open_files();
    // Before anything is announced: a signal that comes early must stop the server too.
    let (mut term, mut int) = (stop_signal(SignalKind::terminate())?, stop_signal(SignalKind::interrupt())?);
    let http = bind(&start.http, "-http").await?;
    let raft = bind(&start.raft, "-raft-bind").await?;
    let (http_addr, raft_addr) = (local(&http)?, local(&raft)?);
    let mut config = start.config;
    config.raft_addr = start.advertise.unwrap_or_else(|| banner::reachable(raft_addr).to_string());
    if raft_addr.ip().is_unspecified() && config.raft_addr == banner::reachable(raft_addr).to_string() {
        tracing::warn!(
            addr = config.raft_addr,
            "servers on other machines cannot reach this address: give -raft-advertise HOST:PORT"
        );
    }
    let seams = Seams {
        http: Box::new(http),
        raft: Box::new(raft),
        dial: Arc::new(TcpDial),
        disk: Arc::new(OsDisk),
        host: Host::new(rand::random(), wall_clock_ms(), Simulated::default()),
    };
    // Whoever reads this may have left (a closed pipe, a full disk): no reason to end, as `print!` would.
    let _unread = io::stdout().write_all(banner::text(&config, http_addr).as_bytes());
    let shutdown = async move {
        let which = tokio::select! {
            biased;
            _ = term.recv() => "SIGTERM",
            _ = int.recv() => "SIGINT",
        };
        tracing::info!(signal = which, "stopping");
    };
    Ok(sider::serve(config, seams, shutdown).await?)
}

/// Connections that the system keeps until they are accepted: ten thousand clients that come back at once after a
/// failover must not wait for TCP's retransmissions. The system may cut it down.
const BACKLOG: u32 = 4096;

async fn bind(addr: &BindAddr, flag: &'static str) -> Result<TcpListener, Failure> {
    let failed = |source| Failure::Bind { flag, addr: addr.to_string(), source };
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for candidate in tokio::net::lookup_host(addr.host_and_port()).await.map_err(failed)? {
        match listen(candidate) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(failed(last))
}

fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A restarted server takes its port back although old connections linger.
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    socket.listen(BACKLOG)
}

fn local(listener: &TcpListener) -> Result<SocketAddr, Failure> {
    Ok(listener.local_addr().context("a bound socket has no address")?)
}

fn stop_signal(kind: SignalKind) -> Result<Signal, Failure> {
    Ok(signal(kind).context("cannot listen to signals")?)
}

/// Every connection is a file descriptor, and most systems begin a program with 1024 of them though it may have more.
fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }) {
        tracing::warn!(%error, "cannot raise the bound on open files; many clients may find no place");
    }
}

#[expect(clippy::disallowed_types, reason = "the one place where the server gets its wall clock")]
fn wall_clock_ms() -> u64 {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH);
    // A clock before 1970 is wrong; nothing but dates for people depends on it.
    since_epoch.map_or(0, |elapsed| u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
}
