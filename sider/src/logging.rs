//! Logs on standard error, as text for people or JSON for machines.

use std::io;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

use crate::flags::{LogFormat, LogLevel};

/// Begins to log. Libraries say only what someone must act on: openraft and hyper at `debug` would drown the server.
pub(crate) fn begin(level: LogLevel, format: LogFormat) {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let others = level.min(LevelFilter::WARN);
    let filter = EnvFilter::new(format!("{others},sider={level},sds_server={level}"));
    // A line that cannot be written (a full disk, a reader that left) is lost; to complain about that on standard error would
    // panic, in the middle of whatever logged.
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).log_internal_errors(false);
    match format {
        LogFormat::Text => lines.with_ansi(io::IsTerminal::is_terminal(&io::stderr())).init(),
        LogFormat::Json => lines.json().init(),
    }
}
