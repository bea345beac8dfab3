//! A toy registry that the generated clients talk to: one state, one Index, no faults. A third writing-down of the rules,
//! apart from the specification and from the packed cells, so that none of them is tested against itself.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Service and slot.
pub(super) type Place = (u32, u32);

#[derive(Clone, Debug)]
pub(super) struct Check {
    pub(super) id: String,
    pub(super) ttl_ms: Option<u32>,
    pub(super) status: &'static str,
    /// Grows with each renewal; a deadline armed for an older one is void.
    pub(super) armed: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Instance {
    pub(super) nonce: String,
    pub(super) modify_index: u64,
    pub(super) checks: Vec<Check>,
}

#[derive(Clone, Debug)]
pub(super) enum Command {
    Register { at: Place, nonce: String, checks: Vec<(String, Option<u32>, Option<&'static str>)> },
    Deregister { at: Place },
    DeregisterId { ns: u32, slot: u32 },
    Report { ns: u32, check: String, status: &'static str },
    RenewMany { ns: u32, checks: Vec<String> },
}

/// What a write was answered, or that the thing is unknown.
pub(super) type Answer = Result<Value, ()>;

#[derive(Debug, Default)]
pub(super) struct Service {
    pub(super) index: u64,
    pub(super) instances: BTreeMap<u32, Instance>,
    /// Bodies by Index, kept only when stale reads are asked for.
    versions: Vec<(u64, u64, Value)>,
}

#[derive(Debug, Default)]
pub(super) struct Server {
    pub(super) index: u64,
    pub(super) services: Vec<Service>,
    pub(super) namespaces: u32,
    pub(super) keeps_versions: bool,
    arms: u64,
    answers: BTreeMap<String, Answer>,
    /// Deadlines to arm: service, slot, check, arming number, TTL.
    pub(super) deadlines: Vec<(Place, String, u64, u32)>,
    /// Services that the last command changed.
    pub(super) changed: Vec<u32>,
}

impl Server {
    pub(super) fn new(services: u32, namespaces: u32, keeps_versions: bool) -> Self {
        let services = (0..services).map(|_| Service { index: 1, ..Service::default() }).collect();
        // Index 1 is the cluster's first, empty entry: an untouched service may say 1 and be right.
        Self { index: 1, services, namespaces, keeps_versions, ..Self::default() }
    }

    pub(super) fn write(&mut self, key: Option<&str>, command: &Command) -> Answer {
        self.changed.clear();
        if let Some(answer) = key.and_then(|key| self.answers.get(key)) {
            return answer.clone();
        }
        let answer = self.apply(command);
        if let Some(key) = key {
            self.answers.insert(key.to_owned(), answer.clone());
        }
        answer
    }

    fn apply(&mut self, command: &Command) -> Answer {
        let next = self.index + 1;
        let answer = match command {
            Command::Register { at, nonce, checks } => Ok(self.register(*at, nonce, checks, next)),
            Command::Deregister { at } => {
                self.services[at.0 as usize].instances.remove(&at.1).ok_or(())?;
                self.changed.push(at.0);
                Ok(json!({}))
            }
            Command::DeregisterId { ns, slot } => {
                let services =
                    self.services.iter_mut().enumerate().filter(|(at, _)| *at as u32 % self.namespaces == *ns);
                for (at, service) in services {
                    if service.instances.remove(slot).is_some() {
                        self.changed.push(at as u32);
                    }
                }
                if self.changed.is_empty() { Err(()) } else { Ok(json!({})) }
            }
            Command::Report { ns, check, status } => {
                if self.report(*ns, check, status, next) {
                    Ok(json!({}))
                } else {
                    Err(())
                }
            }
            Command::RenewMany { ns, checks } => {
                let unknown: Vec<&String> =
                    checks.iter().filter(|check| !self.report(*ns, check, "passing", next)).collect();
                Ok(json!({ "unknown": unknown }))
            }
        };
        self.commit();
        answer.map(|mut value| {
            value["xi"] = self.index.into();
            value
        })
    }

    /// Gives the changes of one command their Index.
    fn commit(&mut self) {
        if self.changed.is_empty() {
            return;
        }
        self.index += 1;
        self.changed.sort_unstable();
        self.changed.dedup();
        for &at in &self.changed {
            self.services[at as usize].index = self.index;
            if self.keeps_versions {
                let body = self.body(at, false);
                self.services[at as usize].versions.push((self.index, self.index, body));
            }
        }
    }

    fn register(
        &mut self,
        at: Place,
        nonce: &str,
        specs: &[(String, Option<u32>, Option<&'static str>)],
        next: u64,
    ) -> Value {
        let ids: Vec<&String> = specs.iter().map(|(id, _, _)| id).collect();
        let answer = if ids.is_empty() { json!({}) } else { json!({ "checks": ids }) };
        let instances = &mut self.services[at.0 as usize].instances;
        let old = instances.get(&at.1);
        let mut checks = Vec::new();
        for (id, ttl_ms, status) in specs {
            let kept = old.and_then(|old| {
                old.checks.iter().find(|check| check.id == *id && check.ttl_ms.is_some() == ttl_ms.is_some())
            });
            let status = kept.map_or(status.unwrap_or("critical"), |check| check.status);
            let armed = kept.map_or(0, |check| check.armed);
            checks.push(Check { id: id.clone(), ttl_ms: *ttl_ms, status, armed });
        }
        let same = old.is_some_and(|old| {
            let pairs =
                |checks: &[Check]| checks.iter().map(|check| (check.id.clone(), check.ttl_ms)).collect::<Vec<_>>();
            old.nonce == nonce && pairs(&old.checks) == pairs(&checks)
        });
        if same {
            return answer;
        }
        for check in checks.iter_mut().filter(|check| check.armed == 0 && check.status != "critical") {
            if let Some(ttl_ms) = check.ttl_ms {
                self.arms += 1;
                check.armed = self.arms;
                self.deadlines.push((at, check.id.clone(), check.armed, ttl_ms));
            }
        }
        instances.insert(at.1, Instance { nonce: nonce.to_owned(), modify_index: next, checks });
        self.changed.push(at.0);
        answer
    }

    fn report(&mut self, ns: u32, id: &str, status: &'static str, next: u64) -> bool {
        for (service, state) in
            self.services.iter_mut().enumerate().filter(|(at, _)| *at as u32 % self.namespaces == ns)
        {
            for (slot, instance) in &mut state.instances {
                let Some(check) = instance.checks.iter_mut().find(|check| check.id == id) else { continue };
                if let Some(ttl_ms) = check.ttl_ms.filter(|_| status != "critical") {
                    self.arms += 1;
                    check.armed = self.arms;
                    self.deadlines.push(((service as u32, *slot), id.to_owned(), self.arms, ttl_ms));
                }
                if check.status != status {
                    check.status = status;
                    instance.modify_index = next;
                    self.changed.push(service as u32);
                }
                return true;
            }
        }
        false
    }

    /// Turns a ttl check critical if nothing renewed it since `armed`.
    pub(super) fn expire(&mut self, at: Place, id: &str, armed: u64) {
        self.changed.clear();
        let next = self.index + 1;
        let Some(instance) = self.services[at.0 as usize].instances.get_mut(&at.1) else { return };
        let Some(check) = instance.checks.iter_mut().find(|check| check.id == id && check.armed == armed) else {
            return;
        };
        if check.status != "critical" {
            check.status = "critical";
            instance.modify_index = next;
            self.changed.push(at.0);
            self.commit();
        }
    }

    pub(super) fn body(&self, service: u32, passing: bool) -> Value {
        let shown = self.services[service as usize]
            .instances
            .iter()
            .filter(|(_, instance)| !passing || instance.checks.iter().all(|check| check.status == "passing"));
        let rows = shown.map(|(slot, instance)| {
            let checks: Vec<Value> = instance.checks.iter().map(|check| json!([check.id, check.status])).collect();
            json!([format!("i{slot}"), instance.nonce, instance.modify_index, checks])
        });
        Value::Array(rows.collect())
    }

    pub(super) fn view(&self, service: u32, passing: bool) -> Value {
        json!({ "xi": self.services[service as usize].index, "applied": self.index, "body": self.body(service, passing) })
    }

    /// The service as it was at the Index `applied`.
    pub(super) fn view_at(&self, service: u32, applied: u64) -> Value {
        let versions = &self.services[service as usize].versions;
        let known = versions.partition_point(|(index, _, _)| *index <= applied);
        match known.checked_sub(1).map(|last| &versions[last]) {
            None => json!({ "xi": 1, "applied": applied, "body": [] }),
            Some((_, xi, body)) => json!({ "xi": xi, "applied": applied, "body": body }),
        }
    }

    pub(super) fn list(&self, ns: u32) -> Value {
        let named = self
            .services
            .iter()
            .enumerate()
            .filter(|(at, service)| *at as u32 % self.namespaces == ns && !service.instances.is_empty());
        let names: serde_json::Map<String, Value> = named.map(|(at, _)| (format!("s{at}"), json!([]))).collect();
        json!({ "xi": self.index, "applied": self.index, "services": names })
    }
}
