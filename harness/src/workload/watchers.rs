//! Clients that chain polls: each asks with the index of its last answer, now and then another server, and now and then
//! it leaves half way.

use std::rc::Rc;
use std::time::Duration;

use rand::RngExt;
use sider_client::client::Consistency;

use super::Task;
use super::caller::Caller;
use super::op::Op;
use super::shared::{Phase, ServiceName, Shared};
use crate::record::history::End;
use crate::scenario::model::WatcherLoad;
use crate::sim::timers;

/// An index that no cluster of a run ever gives out.
const NEVER_ISSUED: u64 = 1 << 40;
/// After an error; a watcher that does not pause would be a storm.
const PAUSE: Duration = Duration::from_millis(100);
/// Deadline of a call beyond what it asks the server to wait.
const TIMEOUT: Duration = Duration::from_millis(1500);

/// The clients of `load`, spread over `services`.
#[must_use]
pub fn tasks(shared: &Rc<Shared>, load: &WatcherLoad, services: &[ServiceName]) -> Vec<Task> {
    let task = |number: usize| {
        let service = services[number % services.len()].clone();
        Box::pin(client(Rc::clone(shared), load.clone(), number, service)) as Task
    };
    (0..load.clients).map(task).collect()
}

async fn client(shared: Rc<Shared>, load: WatcherLoad, number: usize, service: ServiceName) {
    let mut caller = Caller::new(&shared, "watcher", number, TIMEOUT);
    shared.reached(Phase::Run).await;
    let mut server = caller.any_server();
    let mut last = 0;
    while shared.phase() < Phase::End {
        if caller.rng.random_bool(load.hop) {
            server = caller.any_server();
        }
        let op = poll(&mut caller, &load, &service, last);
        let Op::Poll { li, wait, .. } = op else { unreachable!("a poll") };
        // Nobody leaves while watchers catch up: each must see the end.
        let leaves = shared.phase() < Phase::Settle && caller.rng.random_bool(load.abandon);
        let patience = if leaves { wait.mul_f64(caller.rng.random_range(0.1..0.9)) } else { Duration::MAX };
        let watching = Rc::clone(&shared);
        let leave = async move {
            watching.sleep_before(patience.min(Duration::from_secs(3600)), Phase::End).await;
        };
        let begun = tokio::time::Instant::now();
        match caller.call_or_leave(&server, &op, leave).await {
            Some(reply) if reply.end == End::Ok => {
                if li > 0 && li < NEVER_ISSUED && reply.index > li && begun.elapsed() < wait {
                    shared.count("woken_watches");
                }
                last = reply.index;
                shared.watched.borrow_mut().insert(number, (service.clone(), last));
            }
            Some(_) => {
                server = caller.any_server();
                timers::sleep(PAUSE).await;
            }
            None if leaves => shared.count("abandoned_watches"),
            None => {}
        }
    }
}

fn poll(caller: &mut Caller, load: &WatcherLoad, (ns, svc): &ServiceName, last: u64) -> Op {
    let bogus = last > 0 && caller.rng.random_bool(load.bogus);
    Op::Poll {
        ns: ns.clone(),
        svc: svc.clone(),
        li: if bogus { NEVER_ISSUED + last } else { last },
        wait: whole_ms(caller.rng.random_range(load.wait.0..=load.wait.1)),
        mode: if caller.rng.random_bool(load.stale) { Consistency::Stale } else { Consistency::Default },
        passing: caller.rng.random_bool(load.passing),
    }
}

/// The history has whole milliseconds, so the server is asked for whole milliseconds.
fn whole_ms(time: Duration) -> Duration {
    Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}
