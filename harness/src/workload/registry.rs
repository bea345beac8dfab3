//! A mix of reads and writes over a few services: the load that finds lost writes and stale reads.

use std::rc::Rc;
use std::time::Duration;

use rand::RngExt;
use sider_client::client::Consistency;
use sider_registry::model::Status;

use super::Task;
use super::caller::Caller;
use super::op::{Op, OpCheck};
use super::shared::{Phase, Shared};
use crate::record::history::End;
use crate::scenario::model::RegistryLoad;

/// Namespaces: the first is the default one.
pub const NAMESPACES: [&str; 8] = ["default", "team-1", "team-2", "team-3", "team-4", "team-5", "team-6", "team-7"];

/// The clients of `load`.
#[must_use]
pub fn tasks(shared: &Rc<Shared>, load: &RegistryLoad) -> Vec<Task> {
    let task = |number| Box::pin(client(Rc::clone(shared), load.clone(), number)) as Task;
    (0..load.clients).map(task).collect()
}

async fn client(shared: Rc<Shared>, load: RegistryLoad, number: usize) {
    let mut caller = Caller::new(&shared, "registry", number, load.timeout);
    // The newest state that this client has seen, whichever server showed it.
    let mut newest = 0;
    shared.reached(Phase::Run).await;
    loop {
        let pause = exponential(&mut caller, load.think);
        if !shared.sleep_before(pause, Phase::Settle).await {
            return;
        }
        let op = choose(&mut caller, &load, newest);
        if op.is_write() {
            let keyed = caller.rng.random_bool(load.keyed);
            caller.write(&op, keyed, load.retries).await;
        } else {
            let server = caller.server_to_read();
            let reply = caller.call(&server, &op, None).await;
            if matches!(op, Op::Read { floor: Some(_), .. }) && reply.end == End::Ok {
                shared.count("floor_reads");
            }
            newest = newest.max(reply.value["applied"].as_u64().unwrap_or(0));
        }
    }
}

/// A pause with the mean `mean`, at most eight times as long.
fn exponential(caller: &mut Caller, mean: Duration) -> Duration {
    let uniform: f64 = caller.rng.random_range(f64::EPSILON..1.0);
    mean.mul_f64((-uniform.ln()).min(8.0))
}

fn choose(caller: &mut Caller, load: &RegistryLoad, newest: u64) -> Op {
    let weights = load.mix.weights();
    let f = weights[pick(caller, &weights.map(|(_, weight)| weight))].0;
    let ns = NAMESPACES[caller.rng.random_range(0..load.namespaces)].to_owned();
    let svc = format!("svc-{}", caller.rng.random_range(0..load.services));
    let number = caller.rng.random_range(0..load.instances);
    let id = format!("i-{number}");
    let modes = [Consistency::Default, Consistency::Consistent, Consistency::Stale];
    let mode = modes[pick(caller, &load.modes)];
    match f {
        "register" => register(caller, ns, svc, id),
        "deregister" => Op::Deregister { ns, svc, id },
        "deregister_id" => Op::DeregisterId { ns, id },
        "renew" => Op::Report { check: check_id(&svc, &id), ns, status: Status::Passing },
        "renew_many" => {
            let checks = (0..load.instances).map(|other| check_id(&svc, &format!("i-{other}"))).collect();
            Op::RenewMany { ns, checks }
        }
        "report" => {
            let statuses = [Status::Warning, Status::Critical, Status::Passing];
            let status = statuses[caller.rng.random_range(0..statuses.len())];
            Op::Report { check: check_id(&svc, &id), ns, status }
        }
        "read" => {
            let may_carry = mode == Consistency::Stale && newest > 0;
            let floor = (may_carry && caller.rng.random_bool(load.floor)).then_some(newest);
            Op::Read { ns, svc, mode, floor }
        }
        "list" => Op::List { ns, mode },
        other => unreachable!("the mix has no operation {other}"),
    }
}

fn register(caller: &mut Caller, ns: String, svc: String, id: String) -> Op {
    let nonce = caller.shared.record.new_nonce(caller.process());
    let status = caller.rng.random_bool(0.5).then_some(Status::Passing);
    let checks = vec![OpCheck { id: check_id(&svc, &id), ttl: None, status }];
    Op::Register { ns, svc, id, nonce, checks }
}

/// Given, not derived: an instance id stands in several services here, and what is derived depends on which was first.
fn check_id(svc: &str, id: &str) -> String {
    format!("chk:{svc}:{id}")
}

fn pick<const N: usize>(caller: &mut Caller, weights: &[u64; N]) -> usize {
    let mut left = caller.rng.random_range(0..weights.iter().sum::<u64>());
    weights
        .iter()
        .position(|weight| {
            let here = left < *weight;
            left = left.saturating_sub(*weight);
            here
        })
        .expect("a draw below the sum of the weights")
}
