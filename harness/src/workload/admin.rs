//! The operator: carries out what the nemesis asks of the cluster's membership, one thing after another.

use std::rc::Rc;
use std::time::Duration;

use super::caller::Caller;
use super::op::Op;
use super::shared::{Admin, LOOK_EVERY, Phase, Shared};
use crate::record::history::End;
use crate::sim::{RAFT_PORT, timers};

/// Patience with one call: a join waits until the new server has caught up.
const PATIENCE: Duration = Duration::from_secs(6);
/// Before the next try.
const PAUSE: Duration = Duration::from_millis(200);
/// Tries of one request.
const TRIES: u32 = 8;

/// Serves requests until the end of the run.
pub async fn operator(shared: Rc<Shared>) {
    let mut caller = Caller::new(&shared, "operator", 0, Duration::from_secs(3));
    while shared.phase() < Phase::End {
        let request = shared.admin.borrow().front().cloned();
        let Some(request) = request else {
            timers::sleep(LOOK_EVERY).await;
            continue;
        };
        carry_out(&mut caller, &request).await;
        // It stands in the queue until it is dealt with: an empty queue means an idle operator.
        shared.admin.borrow_mut().pop_front();
    }
}

async fn carry_out(caller: &mut Caller, request: &Admin) {
    let op = match request {
        Admin::Join(id) => Op::Join { id: id.clone(), addr: format!("{id}:{RAFT_PORT}") },
        Admin::Remove(id) => Op::Remove { id: id.clone() },
        Admin::Transfer(id) => Op::Transfer { id: id.clone() },
    };
    let mut in_doubt = false;
    for _ in 0..TRIES {
        let server = server_for(caller, request);
        let reply = caller.call_or_leave(&server, &op, timers::sleep(PATIENCE)).await;
        let end = reply.as_ref().map_or(End::Info, |reply| reply.end);
        let gone_already = in_doubt && reply.is_some_and(|reply| reply.value["error"] == "unknown");
        if end == End::Ok || gone_already {
            settle(caller, request);
            return;
        }
        in_doubt |= end == End::Info;
        if matches!(request, Admin::Transfer(_)) {
            return; // a later leader may be the wrong one by now
        }
        timers::sleep(PAUSE).await;
    }
}

/// Any member but the one that the request is about.
fn server_for(caller: &mut Caller, request: &Admin) -> String {
    let about = match request {
        Admin::Join(id) | Admin::Remove(id) => Some(id.as_str()),
        Admin::Transfer(_) => None,
    };
    let server = caller.any_server();
    if Some(server.as_str()) == about { caller.any_server() } else { server }
}

fn settle(caller: &Caller, request: &Admin) {
    let mut members = caller.shared.members.borrow_mut();
    let mut removed = caller.shared.removed.borrow_mut();
    match request {
        Admin::Join(id) => {
            removed.retain(|other| other != id);
            if !members.contains(id) {
                members.push(id.clone());
                members.sort();
            }
        }
        Admin::Remove(id) => {
            members.retain(|member| member != id);
            removed.push(id.clone());
        }
        Admin::Transfer(_) => {}
    }
}
