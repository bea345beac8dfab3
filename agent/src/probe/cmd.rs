//! A program: exit code 0 is passing, anything else critical. No shell; a process group of its own, which is killed whole
//! when the run is over, however it ends: a check that leaves children behind would fill the host one interval at a time.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use sider_client::duration;
use sider_registry::model::Status;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};

use super::critical;
use crate::core::Measured;
use crate::limits;

/// Time for a killed process to be gone. One that hangs in the kernel stays; the run ends all the same.
const REAP_TIMEOUT: Duration = Duration::from_secs(1);
/// Bytes that a pipe holds (Linux' default).
const PIPE_LEN: usize = 64 * 1024;
/// Pause after that many bytes of output.
const PIPE_PAUSE: Duration = Duration::from_millis(2);

pub(super) async fn run(args: Vec<String>, timeout: Duration, open_files: Option<u64>) -> Measured {
    let (mut child, output) = match spawn(&args) {
        Ok(started) => started,
        Err(error) => return critical(format!("{}: {error}", args[0])),
    };
    // Dropped at the end of this function, or with it when the agent stops meanwhile.
    let group = Group::of(&child);
    if let (Some(program), Some(open_files)) = (group.0, open_files) {
        limit_open_files(program, open_files);
    }
    let mut tail = Tail::default();
    let ended = tokio::time::timeout(timeout, watch(&mut child, output, &mut tail)).await;
    drop(group);
    match ended {
        Ok(Ok(status)) if status.success() => Measured { status: Status::Passing, output: tail.into_text() },
        Ok(Ok(status)) => critical(format!("{status}: {}", tail.into_text())),
        Ok(Err(error)) => critical(format!("{}: {error}", args[0])),
        Err(_) => {
            let reaped = tokio::time::timeout(REAP_TIMEOUT, child.wait()).await;
            if reaped.is_err() {
                tracing::warn!(program = args[0], "a killed check does not end");
            }
            critical(format!("killed after {}: {}", duration::format(timeout), tail.into_text()))
        }
    }
}

/// Standard output and error go to one pipe, so that their order is kept.
fn spawn(args: &[String]) -> io::Result<(Child, pipe::Receiver)> {
    let (reader, writer) = io::pipe()?;
    let child = Command::new(&args[0])
        .args(&args[1..])
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    Ok((child, pipe::Receiver::from_owned_fd(reader.into())?))
}

/// Takes from a program that has just begun what the agent raised for itself. Earlier would be between fork and exec, where no
/// safe code runs: a program that asks in its first moment sees the agent's limit, but opens what it opens with its own.
#[cfg(target_os = "linux")]
fn limit_open_files(program: Pid, open_files: u64) {
    use rustix::process::{Resource, Rlimit, getrlimit, prlimit};
    let limit = Rlimit { current: Some(open_files), maximum: getrlimit(Resource::Nofile).maximum };
    if let Err(error) = prlimit(Some(program), Resource::Nofile, limit) {
        // It has ended already, or runs as somebody else.
        tracing::debug!(%error, "a check keeps the agent's limit of open files");
    }
}

/// Others cannot set the limit of another process.
#[cfg(not(target_os = "linux"))]
fn limit_open_files(_: Pid, _: u64) {}

/// Reads until the program ends. Its children may hold the pipe open: their output does not keep the run going.
async fn watch(child: &mut Child, mut output: pipe::Receiver, tail: &mut Tail) -> io::Result<ExitStatus> {
    let mut buffer = [0; 4096];
    let mut until_pause = PIPE_LEN;
    loop {
        tokio::select! {
            biased;
            status = child.wait() => {
                // What it wrote last is in the pipe. No more than that: a child of it may write on and on.
                let mut left = PIPE_LEN;
                while left > 0 && let Ok(len @ 1..) = output.try_read(&mut buffer) {
                    tail.push(&buffer[..len]);
                    left = left.saturating_sub(len);
                }
                return status;
            }
            read = read_slowly(&mut output, &mut buffer, &mut until_pause) => match read {
                Ok(0) | Err(_) => break,
                Ok(len) => tail.push(&buffer[..len]),
            },
        }
    }
    child.wait().await
}

/// Reads, with a pause after each full pipe: a program that writes without end must not take the time of everything else
/// that the agent does.
async fn read_slowly(output: &mut pipe::Receiver, buffer: &mut [u8], until_pause: &mut usize) -> io::Result<usize> {
    if *until_pause == 0 {
        tokio::time::sleep(PIPE_PAUSE).await;
        *until_pause = PIPE_LEN;
    }
    let len = output.read(buffer).await?;
    *until_pause = until_pause.saturating_sub(len);
    Ok(len)
}

/// The process group of a child, which is its leader. Killed when dropped.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }
}

impl Drop for Group {
    /// Also after the leader was reaped: the kernel gives its number to no other process while members of the group
    /// live, and without members there is nothing to kill (numbers are given out in turn, not at once again).
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // Fails when nothing is left, which is what is wanted.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// The last bytes of the output: what went wrong stands at the end.
#[derive(Default)]
struct Tail(Vec<u8>);

impl Tail {
    fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        if self.0.len() > limits::PROBE_OUTPUT_MAX {
            let excess = self.0.len() - limits::PROBE_OUTPUT_MAX;
            self.0.drain(..excess);
        }
    }

    /// Bytes that are no UTF-8 grow when they are replaced: the beginning gives way again.
    fn into_text(self) -> String {
        let text = String::from_utf8_lossy(&self.0);
        let text = text.trim_end();
        let mut begin = text.len().saturating_sub(limits::PROBE_OUTPUT_MAX);
        while !text.is_char_boundary(begin) {
            begin += 1;
        }
        text[begin..].to_owned()
    }
}
