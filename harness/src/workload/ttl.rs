//! Instances that live by a ttl check: they register, renew, and some fall silent. Readers look at them all the while.

use std::rc::Rc;
use std::time::Duration;

use rand::RngExt;
use sider_client::client::Consistency;
use sider_registry::model::Status;

use super::Task;
use super::caller::Caller;
use super::op::{Op, OpCheck};
use super::shared::{Phase, ServiceName, Shared};
use crate::record::history::End;
use crate::scenario::model::TtlLoad;
use crate::sim::timers;

/// Services that the instances are spread over.
const SERVICES: usize = 2;
/// Deadline of a call: less than what a renewal at two thirds leaves of the shortest usual ttl.
const TIMEOUT: Duration = Duration::from_millis(400);
/// Before a renewal that failed is sent again.
const PAUSE: Duration = Duration::from_millis(30);
/// Share of the ttl that may pass before the first renewal.
const UNPROVEN_MAX: f64 = 0.3;
/// Mean pause of a reader.
const READ_EVERY: Duration = Duration::from_millis(150);

/// The services of the instances.
#[must_use]
pub fn services() -> Vec<ServiceName> {
    (0..SERVICES).map(|number| ("default".to_owned(), service(number))).collect()
}

fn service(number: usize) -> String {
    format!("ttl-{}", number % SERVICES)
}

/// The instances and readers of `load`.
#[must_use]
pub fn tasks(shared: &Rc<Shared>, load: &TtlLoad) -> Vec<Task> {
    let instance = |number| Box::pin(instance(Rc::clone(shared), load.clone(), number)) as Task;
    let reader = |number| Box::pin(reader(Rc::clone(shared), number)) as Task;
    (0..load.checks).map(instance).chain((0..load.readers).map(reader)).collect()
}

async fn instance(shared: Rc<Shared>, load: TtlLoad, number: usize) {
    let mut caller = Caller::new(&shared, "ttl", number, TIMEOUT);
    let ttl = caller.rng.random_range(load.ttl.0..=load.ttl.1);
    let ttl = Duration::from_millis(u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX));
    // A share of them, not a chance for each: a run in which none falls silent tests nothing.
    let silent = (number as f64) < load.silent * load.checks as f64;
    let silent_after = caller.rng.random_range(load.silent_after.0..=load.silent_after.1);
    shared.reached(Phase::Run).await;
    let begun = tokio::time::Instant::now();
    let check = format!("ttl:{number}");
    register(&mut caller, number, ttl, &check).await;
    // Long enough for readers to see that it is critical until its first pass (TTL-5).
    let unproven = ttl.mul_f64(caller.rng.random_range(0.0..UNPROVEN_MAX));
    shared.sleep_before(unproven, Phase::Drain).await;
    let renewal = Op::Report { ns: "default".into(), check: check.clone(), status: Status::Passing };
    while shared.phase() < Phase::Drain && !(silent && begun.elapsed() >= silent_after) {
        let server = caller.any_server();
        let reply = caller.call(&server, &renewal, None).await;
        match reply.end {
            End::Ok => {
                // The next renewal has its own start: what the last one took does not add up.
                if !shared.sleep_before(ttl.mul_f64(load.renew_at), Phase::Drain).await {
                    return;
                }
            }
            End::Fail if reply.value["error"] == "unknown" => register(&mut caller, number, ttl, &check).await,
            End::Fail | End::Info => timers::sleep(PAUSE).await,
        }
    }
}

/// Registers until it is known to have succeeded, or the run is over. Each new call has a new nonce: an earlier one whose
/// outcome is unknown may still happen.
async fn register(caller: &mut Caller, number: usize, ttl: Duration, check: &str) {
    while caller.shared.phase() < Phase::Drain {
        let checks = vec![OpCheck { id: check.to_owned(), ttl: Some(ttl), status: None }];
        let nonce = caller.shared.record.new_nonce(caller.process());
        let (ns, svc, id) = ("default".into(), service(number), format!("t-{number}"));
        let op = Op::Register { ns, svc, id, nonce, checks };
        if caller.write(&op, true, 10).await.end == End::Ok {
            return;
        }
        timers::sleep(PAUSE).await;
    }
}

async fn reader(shared: Rc<Shared>, number: usize) {
    let mut caller = Caller::new(&shared, "ttl-reader", number, TIMEOUT);
    shared.reached(Phase::Run).await;
    loop {
        let pause = READ_EVERY.mul_f64(caller.rng.random_range(0.5..1.5));
        if !shared.sleep_before(pause, Phase::Drain).await {
            return;
        }
        let svc = service(caller.rng.random_range(0..SERVICES));
        let mode = if caller.rng.random_bool(0.2) { Consistency::Stale } else { Consistency::Default };
        let server = caller.any_server();
        caller.call(&server, &Op::Read { ns: "default".into(), svc, mode, floor: None }, None).await;
    }
}
