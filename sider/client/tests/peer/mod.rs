//! A scripted HTTP peer on loopback: it answers the n-th request with the n-th line of its script and notes what it got.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use sider_client::client::ServerAddress;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the peer does with one request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// An answer: status line's number, header lines, body.
    Answer(u16, &'static [(&'static str, &'static str)], String),
    /// The same, then the connection is closed without having said so.
    AnswerAndClose(u16, String),
    /// Closes the connection without an answer.
    Close,
    /// Answers never; waits for the client to leave.
    Hang,
}

impl Reply {
    pub(crate) fn ok(body: &str) -> Self {
        Self::Answer(200, &[], body.into())
    }

    pub(crate) fn error(status: u16, code: &'static [(&'static str, &'static str)]) -> Self {
        Self::Answer(status, code, "no".into())
    }
}

/// A request as the peer saw it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    pub(crate) line: String,
    pub(crate) headers: Vec<String>,
    pub(crate) body: String,
    /// Which connection of the peer it came over.
    pub(crate) connection: usize,
}

#[derive(Default)]
struct Log {
    seen: Vec<Seen>,
    connections: usize,
    /// Connections that the client closed.
    left: usize,
}

pub(crate) struct Peer {
    pub(crate) address: ServerAddress,
    log: Arc<Mutex<Log>>,
}

impl Peer {
    pub(crate) async fn start(script: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = ServerAddress::parse(&listener.local_addr().expect("bound").to_string()).expect("an address");
        let log = Arc::new(Mutex::new(Log::default()));
        let script = Arc::new(script);
        let accept = Arc::clone(&log);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let connection = {
                    let mut log = accept.lock().expect("no panic under the lock");
                    log.connections += 1;
                    log.connections
                };
                tokio::spawn(serve(stream, connection, Arc::clone(&accept), Arc::clone(&script)));
            }
        });
        Self { address, log }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.log.lock().expect("no panic under the lock").seen.clone()
    }

    /// Waits until the client has closed `count` connections.
    pub(crate) async fn left(&self, count: usize) {
        let waited = tokio::time::timeout(Duration::from_secs(5), async {
            while self.log.lock().expect("no panic under the lock").left < count {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        waited.await.expect("the client closes its connection");
    }
}

async fn serve(mut stream: TcpStream, connection: usize, log: Arc<Mutex<Log>>, script: Arc<Vec<Reply>>) {
    let mut buffer = Vec::new();
    loop {
        let Some(mut seen) = next_request(&mut stream, &mut buffer).await else {
            log.lock().expect("no panic under the lock").left += 1;
            return;
        };
        seen.connection = connection;
        let reply = {
            let mut log = log.lock().expect("no panic under the lock");
            log.seen.push(seen);
            script.get(log.seen.len() - 1).cloned().unwrap_or(Reply::Close)
        };
        let (status, headers, body, close) = match reply {
            Reply::Answer(status, headers, body) => (status, headers, body, false),
            Reply::AnswerAndClose(status, body) => (status, [].as_slice(), body, true),
            Reply::Close => return,
            Reply::Hang => continue,
        };
        let mut text = format!("HTTP/1.1 {status} Scripted\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        text.push_str(&body);
        if stream.write_all(text.as_bytes()).await.is_err() || close {
            return;
        }
    }
}

/// Reads one request; none when the client closed the connection.
async fn next_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Seen> {
    loop {
        if let Some(seen) = parse(buffer) {
            return Some(seen);
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}

fn parse(buffer: &mut Vec<u8>) -> Option<Seen> {
    let head_len = buffer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&buffer[..head_len]).into_owned();
    let mut lines = head.lines();
    let line = lines.next()?.to_owned();
    let headers: Vec<String> = lines.filter(|line| !line.is_empty()).map(str::to_owned).collect();
    let body_len = headers
        .iter()
        .find_map(|header| header.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok())
        .unwrap_or(0_usize);
    if buffer.len() < head_len + body_len {
        return None;
    }
    let body = String::from_utf8_lossy(&buffer[head_len..head_len + body_len]).into_owned();
    buffer.drain(..head_len + body_len);
    Some(Seen { line, headers, body, connection: 0 })
}
