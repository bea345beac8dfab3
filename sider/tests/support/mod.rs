//! Real servers as processes on loopback, and the smallest client that can ask them anything.
#![allow(dead_code, reason = "each test program uses its own part")]
#![expect(clippy::disallowed_types, reason = "real processes run in real time")]

pub mod server;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

pub use server::Server;

/// For one request.
const TIMEOUT: Duration = Duration::from_secs(45);

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Reply {
    /// A header's value; empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(of, _)| of == name).map_or("", |(_, value)| value)
    }

    /// `X-Index`.
    pub fn index(&self) -> u64 {
        self.header("x-index").parse().unwrap_or_else(|_| panic!("no index in {self:?}"))
    }
}

/// Asks, on a connection of its own. An error is a connection that was refused, broke or was silent for too long.
pub fn ask(to: SocketAddr, method: &str, target: &str, body: &str) -> std::io::Result<Reply> {
    let length = body.len();
    raw(
        to,
        format!("{method} {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}")
            .as_bytes(),
    )
}

/// Sends bytes as they are and reads the answer to its end.
pub fn raw(to: SocketAddr, request: &[u8]) -> std::io::Result<Reply> {
    let mut stream = connect(to)?;
    stream.write_all(request)?;
    read(&mut stream)
}

/// A connection with time-outs.
pub fn connect(to: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&to, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Reads one answer: its head, then as many bytes as it announces, or all there are.
pub fn read(stream: &mut TcpStream) -> std::io::Result<Reply> {
    const HEAD_ENDS: &[u8] = b"\r\n\r\n";
    let mut bytes = Vec::new();
    let begin_of_body = loop {
        if let Some(at) = bytes.windows(HEAD_ENDS.len()).position(|four| four == HEAD_ENDS) {
            break at + HEAD_ENDS.len();
        }
        more(stream, &mut bytes)?;
    };
    let head = String::from_utf8_lossy(&bytes[..begin_of_body]).into_owned();
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let reply = Reply { status: status.unwrap_or(0), headers, body: String::new() };
    match reply.header("content-length").parse::<usize>() {
        // A HEAD's answer announces a body and sends none: its connection ends.
        Ok(length) => while bytes.len() < begin_of_body + length && more(stream, &mut bytes).is_ok() {},
        Err(_) => while more(stream, &mut bytes).is_ok() {},
    }
    Ok(Reply { body: String::from_utf8_lossy(&bytes[begin_of_body..]).into_owned(), ..reply })
}

/// Reads some more; an end is an error.
fn more(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> std::io::Result<()> {
    let mut buffer = [0_u8; 64 * 1024];
    let read = loop {
        match stream.read(&mut buffer) {
            // A signal to the test program is no answer.
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            read => break read?,
        }
    };
    match read {
        0 => Err(std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "the connection ended within an answer")),
        n => {
            bytes.extend_from_slice(&buffer[..n]);
            Ok(())
        }
    }
}

/// Time left, for tests.
#[derive(Debug, Clone, Copy)]
pub struct Clock(std::time::Instant);

impl Clock {
    pub fn start() -> Self {
        Self(std::time::Instant::now())
    }

    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// Waits until `look` finds something, at most for `within`.
pub fn eventually<T>(what: &str, within: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let clock = Clock::start();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(clock.elapsed() < within, "not within {within:?}: {what}");
        pause();
    }
}

/// Between two looks.
#[expect(clippy::disallowed_methods, reason = "between two looks at a condition that has a deadline")]
fn pause() {
    std::thread::sleep(Duration::from_millis(10));
}

/// The body that registers an instance of `service`.
pub fn instance(service: &str, id: &str) -> String {
    format!(r#"{{"name":"{service}","id":"{id}","address":"127.0.0.1","port":80}}"#)
}
