//! The two traps of the transport, each measured to turn a failover of 0.3 s into seconds, and what peers refuse.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use openraft::network::{RPCOption, RaftNetworkFactory as _, RaftNetworkV2 as _};
use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse};
use sider_client::seam::{BoxFuture, TcpDial};
use sider_registry::limits;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;

use super::frame::Frame;
use super::link::Caller;
use super::listen::{self, Answer};
use super::network::{Network, Peer};
use super::{Call, Links, Reply};
use crate::host::{Host, Simulated};
use crate::raft::types::{Member, MemberId, TypeConfig, Vote};

const WITHIN: Duration = Duration::from_secs(2);

/// Grants every append.
struct Grants;

impl Answer for Grants {
    fn answer(self: Arc<Self>, frame: Frame) -> BoxFuture<'static, Reply> {
        Box::pin(async move {
            match rmp_serde::from_slice(&frame.payload) {
                Ok(Call::Append(_)) => Reply::Append(AppendEntriesResponse::Success),
                other => panic!("only appends are sent here, not {other:?}"),
            }
        })
    }

    fn sender(&self) -> (MemberId, u128) {
        (2, 1)
    }
}

async fn peer(addr: &str, host: &Host) -> Peer {
    let caller = Caller { id: 1, cluster: Arc::new(OnceLock::from(1)) };
    let links = Links::new(caller, Arc::new(TcpDial), host.clone());
    let member = Member { name: "n2".to_owned(), addr: addr.to_owned() };
    Network::new(1, links, WITHIN).new_client(2, &member).await
}

fn heartbeat() -> AppendEntriesRequest<TypeConfig> {
    AppendEntriesRequest {
        vote: Vote::new_committed(1, 1),
        prev_log_id: None,
        entries: Vec::new(),
        leader_commit: None,
    }
}

fn host() -> Host {
    Host::new(7, 0, Simulated::default())
}

#[tokio::test]
async fn an_append_to_a_dead_peer_takes_its_request_before_it_fails() {
    let host = host();
    let dead = {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        listener.local_addr().expect("bound").to_string()
    };
    let mut peer = peer(&dead, &host).await;
    let taken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&taken);
    let input = stream::iter(std::iter::repeat_with(heartbeat)).inspect(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
    });
    let answers = peer.stream_append(input, RPCOption::new(WITHIN)).await;
    let mut answers = answers.expect("the session opens: openraft sleeps its back-off while it polls the input");
    assert!(taken.load(Ordering::Relaxed) >= 1, "the first request was taken before anything could fail");
    let first = answers.next().await.expect("an answer");
    assert!(first.is_err(), "nobody listens there");
    assert!(answers.next().await.is_none(), "after an error the session is over");
}

#[tokio::test]
async fn a_clean_end_of_appends_is_a_clean_end_of_answers() {
    let host = host();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let addr = listener.local_addr().expect("bound").to_string();
    let stop = watch::Sender::new(false);
    let accepting = host.spawn(listen::accept(Box::new(listener), Arc::new(Grants), host.clone(), stop.subscribe()));
    let mut peer = peer(&addr, &host).await;
    for session in 0..3 {
        let input = stream::iter([heartbeat(), heartbeat()]);
        let answers = peer.stream_append(input, RPCOption::new(WITHIN)).await.expect("the session opens");
        let answers: Vec<_> = answers.collect().await;
        assert_eq!(answers.len(), 2, "session {session}: one answer for each append and then the end");
        assert!(answers.iter().all(|answer| matches!(answer, Ok(Ok(_)))), "session {session}: {answers:?}");
    }
    stop.send_replace(true);
    accepting.await.expect("no panic").expect("a clean end");
}

/// openraft drops a heartbeat before its deadline, so a dead connection must be noticed by the calls that were given up.
#[tokio::test]
async fn a_connection_on_which_calls_are_given_up_unanswered_is_made_anew() {
    let host = host();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let addr = listener.local_addr().expect("bound").to_string();
    let accepted = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&accepted);
    let silent = host.spawn(async move {
        let mut open = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            open.push(stream);
        }
    });
    let caller = Caller { id: 1, cluster: Arc::new(OnceLock::from(1)) };
    let link = Links::new(caller, Arc::new(TcpDial), host.clone()).get(2, &addr, super::Purpose::Heartbeat);
    for _ in 0..4 {
        let pending = link.begin(&Call::Hello, WITHIN).await.expect("somebody accepts");
        drop(pending);
    }
    let seen = host.timeout(WITHIN, async {
        while accepted.load(Ordering::Relaxed) < 2 {
            tokio::task::yield_now().await;
        }
    });
    seen.await.expect("the fourth call has a connection of its own");
    silent.abort();
}

#[tokio::test]
async fn one_address_does_not_keep_the_others_out() {
    let host = host();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let addr = listener.local_addr().expect("bound");
    let stop = watch::Sender::new(false);
    let accepting = host.spawn(listen::accept(Box::new(listener), Arc::new(Grants), host.clone(), stop.subscribe()));
    let connect = async |from: &str| {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::new(from.parse().expect("an address"), 0)).expect("loopback");
        socket.connect(addr).await.expect("somebody listens")
    };
    let is_closed = async |mut stream: TcpStream, within| {
        host.timeout(within, stream.read(&mut [0; 1])).await.is_ok_and(|read| !matches!(read, Ok(1)))
    };
    let a_moment = Duration::from_millis(200);
    let mut held = Vec::new();
    for _ in 0..limits::PEER_CONNECTIONS_PER_ADDRESS {
        held.push(connect("127.0.0.2").await);
    }
    assert!(is_closed(connect("127.0.0.2").await, WITHIN).await, "one more than its share");
    assert!(!is_closed(connect("127.0.0.3").await, a_moment).await, "another address is not concerned");
    assert!(!is_closed(held.swap_remove(0), a_moment).await, "nor is who was there before");
    stop.send_replace(true);
    accepting.await.expect("no panic").expect("a clean end");
}
