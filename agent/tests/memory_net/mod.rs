//! Servers that exist only in memory, for runs in virtual time: they keep what is registered, and note each request with
//! its moment. What they promise is less than a real server does; the agent is what is looked at.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use sider_client::seam::{BoxFuture, BoxStream, Dial};
use tokio::time::Instant;

/// How a server behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Fine,
    /// Packets to it are lost.
    CutOff,
    /// It takes connections and never answers.
    Wedged,
    /// Something else listens there: it welcomes whoever asks whatever.
    Portal,
}

#[derive(Default)]
pub(crate) struct Net {
    /// Instances with the number of their checks.
    pub(crate) registered: BTreeMap<String, usize>,
    /// `ms server what`.
    pub(crate) log: Vec<String>,
    moods: BTreeMap<String, Mood>,
    index: u64,
}

/// A handle of the network and its servers.
#[derive(Clone)]
pub(crate) struct MemoryNet(Arc<Mutex<Net>>, Instant);

impl MemoryNet {
    pub(crate) fn new() -> Self {
        Self(Arc::default(), Instant::now())
    }

    pub(crate) fn net(&self) -> MutexGuard<'_, Net> {
        self.0.lock().expect("no panic under the lock")
    }

    pub(crate) fn set(&self, server: &str, mood: Mood) {
        self.net().moods.insert(server.to_owned(), mood);
    }

    pub(crate) fn count(&self, word: &str) -> usize {
        self.net().log.iter().filter(|line| line.contains(word)).count()
    }

    fn mood(&self, server: &str) -> Mood {
        self.net().moods.get(server).copied().unwrap_or(Mood::Fine)
    }

    async fn answer(&self, server: &str, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let path = request.uri().path().to_owned();
        let body = request.into_body().collect().await.expect("a body").to_bytes();
        match self.mood(server) {
            Mood::Fine => {}
            Mood::Portal => return Ok(Response::new(Full::new("<html>welcome</html>".into()))),
            Mood::CutOff | Mood::Wedged => return std::future::pending().await,
        }
        let body: Value = serde_json::from_slice(&body).expect("JSON");
        let mut net = self.net();
        let (what, answer) = net.apply(&path, &body);
        let line = format!("{} {server} {what}", self.1.elapsed().as_millis());
        net.log.push(line);
        Ok(Response::new(Full::new(answer.to_string().into())))
    }
}

impl Net {
    fn apply(&mut self, path: &str, body: &Value) -> (String, Value) {
        match path {
            "/v1/agent/service/register" => {
                let id = body["id"].as_str().expect("an id").to_owned();
                let count = body["checks"].as_array().map_or(0, Vec::len);
                let ids: Vec<String> = (1..=count).map(|n| format!("{id}:{n}")).collect();
                self.index += u64::from(self.registered.insert(id.clone(), count) != Some(count));
                (format!("register {id}"), json!({"index": self.index, "checkIDs": ids}))
            }
            "/v1/agent/service/deregister" => {
                let id = body["id"].as_str().expect("an id");
                self.registered.remove(id);
                (format!("deregister {id}"), json!(null))
            }
            "/v1/agent/check/renew" => {
                let checks = body["checks"].as_array().expect("a list");
                let ids: Vec<&str> = checks.iter().map(|check| check["id"].as_str().expect("an id")).collect();
                let known = |id: &str| self.registered.contains_key(id.split_once(':').expect("id and number").0);
                let result = |id: &&str| json!({"id": id, "result": if known(id) { "ok" } else { "unknown" }});
                let results: Vec<Value> = ids.iter().map(result).collect();
                (format!("renew {}", ids.join(" ")), json!({"index": self.index, "results": results}))
            }
            other => panic!("the agent asks for {other}"),
        }
    }
}

impl Dial for MemoryNet {
    fn dial<'a>(&'a self, addr: &'a str) -> BoxFuture<'a, io::Result<BoxStream>> {
        Box::pin(async move {
            if self.mood(addr) == Mood::CutOff {
                return std::future::pending().await;
            }
            let (near, far) = tokio::io::duplex(64 * 1024);
            let (net, server) = (self.clone(), addr.to_owned());
            tokio::spawn(async move {
                let service = service_fn(|request| net.answer(&server, request));
                // Ends with an error when the agent drops a connection that it gave up.
                let _ = http1::Builder::new().serve_connection(TokioIo::new(far), service).await;
            });
            Ok(Box::new(near) as BoxStream)
        })
    }
}
