//! After the faults: a write and a read that must succeed through every member (LIVE-2), and the last index of every
//! watched service, which its watchers must reach (LIVE-3).

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use sider_client::client::Consistency;

use super::Task;
use super::caller::Caller;
use super::op::{Op, OpCheck};
use super::shared::{Phase, ServiceName, Shared};
use crate::record::history::End;
use crate::sim::timers;

const TIMEOUT: Duration = Duration::from_millis(1500);
const PAUSE: Duration = Duration::from_millis(50);

/// One task for each of `servers`, and one that reads the last indices.
#[must_use]
pub fn tasks(shared: &Rc<Shared>, servers: &[String]) -> Vec<Task> {
    let through =
        |(number, server): (usize, &String)| Box::pin(through(Rc::clone(shared), number, server.clone())) as Task;
    let mut tasks: Vec<Task> = servers.iter().enumerate().map(through).collect();
    tasks.push(Box::pin(last_indices(Rc::clone(shared), servers.len())));
    tasks
}

async fn through(shared: Rc<Shared>, number: usize, server: String) {
    let mut caller = Caller::new(&shared, "recheck", number, TIMEOUT);
    shared.reached(Phase::Recheck).await;
    if !shared.members.borrow().contains(&server) {
        return;
    }
    while shared.phase() < Phase::Drain {
        let nonce = shared.record.new_nonce(caller.process());
        let (ns, svc, id) = ("default".into(), "recheck".into(), server.clone());
        let checks: Vec<OpCheck> = Vec::new();
        let written = caller.call(&server, &Op::Register { ns, svc, id, nonce, checks }, None).await;
        let read = Op::Read { ns: "default".into(), svc: "recheck".into(), mode: Consistency::Consistent, floor: None };
        let read = caller.call(&server, &read, None).await;
        if written.end == End::Ok && read.end == End::Ok {
            shared.rechecked.borrow_mut().insert(server, (true, true));
            return;
        }
        shared.rechecked.borrow_mut().insert(server.clone(), (written.end == End::Ok, read.end == End::Ok));
        timers::sleep(PAUSE).await;
    }
}

async fn last_indices(shared: Rc<Shared>, number: usize) {
    let mut caller = Caller::new(&shared, "recheck", number, TIMEOUT);
    shared.reached(Phase::Drain).await;
    let services: BTreeSet<ServiceName> =
        shared.watched.borrow().values().map(|(service, _)| service.clone()).collect();
    for (ns, svc) in services {
        while shared.phase() < Phase::End {
            let op = Op::Read { ns: ns.clone(), svc: svc.clone(), mode: Consistency::Consistent, floor: None };
            let server = caller.any_server();
            let reply = caller.call(&server, &op, None).await;
            if reply.end == End::Ok {
                shared.final_index.borrow_mut().insert((ns, svc), reply.index);
                break;
            }
            timers::sleep(PAUSE).await;
        }
    }
}
