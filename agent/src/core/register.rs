//! Registrations and deregistrations: when they are sent, and what became of them.

use std::time::Duration;

use sider_client::Outcome;
use sider_client::wire::ErrorCode;
use sider_registry::model::{CheckId, InstanceKey};

use super::instance::{Goal, Instance};
use super::queue::Due;
use super::{Action, CheckNo, Core};
use crate::limits;

/// What to do with an instance after a write that did not succeed.
enum After {
    /// Soon, with the same key.
    Again(String),
    /// Later, with a new key: the cluster decided against it.
    Later(String),
}

impl Core {
    /// The goal of `key` is new: its write has a new key and goes as soon as there is a place.
    pub(super) fn renew_goal(&mut self, now: Duration, key: &InstanceKey, goal: Goal) {
        let instance = self.instances.entry(key.clone()).or_insert_with(|| Instance::new(key.clone(), goal.clone()));
        instance.goal = goal;
        // What the cluster said of another goal says nothing of this one.
        instance.refused = None;
        self.write_anew(now, key);
    }

    /// Its write goes once more, as a new write.
    fn write_anew(&mut self, at: Duration, key: &InstanceKey) {
        let Some(instance) = self.instances.get_mut(key) else { return };
        instance.settled = false;
        instance.write_key = None;
        if instance.writing.is_none() {
            self.plan_write(key, Some(at));
        }
    }

    /// It shall go. What the cluster never heard of is simply forgotten.
    pub(super) fn want_absent(&mut self, now: Duration, key: &InstanceKey) {
        let Some(instance) = self.instances.get_mut(key) else { return };
        let checks = std::mem::take(&mut instance.checks);
        for no in checks {
            self.drop_check(no);
        }
        if self.instances.get(key).is_some_and(|instance| instance.touched || instance.writing.is_some()) {
            self.renew_goal(now, key, Goal::Absent);
        } else {
            self.forget(key);
        }
    }

    pub(super) fn drop_check(&mut self, no: CheckNo) {
        self.plan_probe(no, None);
        self.plan_send(no, None);
        self.checks.remove(&no);
    }

    fn forget(&mut self, key: &InstanceKey) {
        self.plan_write(key, None);
        self.waiting.remove(key);
        self.instances.remove(key);
        self.memory_changed = true;
    }

    pub(super) fn plan_write(&mut self, key: &InstanceKey, at: Option<Duration>) {
        if let Some(instance) = self.instances.get_mut(key) {
            self.queue.schedule(&mut instance.due, Due::Instance(key.clone()), at);
        }
    }

    /// The write that brings `key` to its goal.
    pub(super) fn begin_write(&mut self, key: &InstanceKey) -> Option<Action> {
        let instance = self.instances.get(key)?;
        if instance.writing.is_some() {
            return None;
        }
        let write_key = instance.write_key.clone().unwrap_or_else(|| self.new_key());
        let instance = self.instances.get_mut(key)?;
        instance.write_key = Some(write_key.clone());
        instance.writing = Some(instance.goal.clone());
        self.in_flight += 1;
        let instance_key = key.clone();
        Some(match instance.request() {
            Some(request) => {
                self.memory_changed |= !std::mem::replace(&mut instance.touched, true);
                Action::Register { instance: instance_key, request: Box::new(request), key: write_key }
            }
            None => Action::Deregister { instance: instance_key, key: write_key },
        })
    }

    /// A registration is over: the ids of the checks, in the order of the request.
    pub fn registered(&mut self, now: Duration, key: &InstanceKey, outcome: Outcome<Vec<CheckId>>) {
        let Some(sent) = self.end_write(key) else { return };
        let Some(instance) = self.instances.get_mut(key) else { return };
        if instance.goal != sent {
            return self.write_anew(now, key);
        }
        let Goal::Present { specs, .. } = sent else { return };
        match outcome {
            Outcome::Ok(ids) if ids.len() == specs.len() => {
                instance.settled = true;
                instance.refused = None;
                instance.failures = 0;
                instance.write_key = None;
                let checks = instance.checks.clone();
                tracing::info!(
                    ns = key.namespace.0.as_str(),
                    service = key.service.0.as_str(),
                    instance = key.id.0.as_str(),
                    checks = ids.len(),
                    "registered"
                );
                self.take_ids(now, &checks, ids);
                self.plan_registering_again(now, key);
            }
            Outcome::Ok(ids) => {
                let text = format!("the cluster named {} checks of {}", ids.len(), specs.len());
                self.write_failed(now, key, After::Later(text));
            }
            Outcome::Rejected { code: Some(code), text, .. } if !code.is_transient() => {
                self.write_failed(now, key, After::Later(text));
            }
            Outcome::Rejected { code: None, status: 400.., text } => {
                self.write_failed(now, key, After::Later(text));
            }
            Outcome::Rejected { text, .. } | Outcome::Unknown(text) => {
                self.write_failed(now, key, After::Again(text));
            }
        }
    }

    /// A deregistration is over. "Unknown id" is as good as done.
    pub fn deregistered(&mut self, now: Duration, key: &InstanceKey, outcome: Outcome<()>) {
        let Some(sent) = self.end_write(key) else { return };
        let Some(instance) = self.instances.get_mut(key) else { return };
        let gone = matches!(outcome, Outcome::Ok(())) || outcome.is_rejected_with(ErrorCode::UnknownId);
        if gone {
            instance.touched = false;
        }
        if instance.goal != sent {
            return self.write_anew(now, key);
        }
        match outcome {
            Outcome::Rejected { text, .. } | Outcome::Unknown(text) if !gone => {
                self.write_failed(now, key, After::Again(text));
            }
            _ => {
                tracing::info!(
                    ns = key.namespace.0.as_str(),
                    service = key.service.0.as_str(),
                    instance = key.id.0.as_str(),
                    "deregistered"
                );
                self.forget(key);
            }
        }
    }

    fn end_write(&mut self, key: &InstanceKey) -> Option<Goal> {
        let sent = self.instances.get_mut(key)?.writing.take()?;
        self.in_flight -= 1;
        // A place is free: whoever waits for one goes with the next poll, which the loop makes after every input.
        Some(sent)
    }

    fn take_ids(&mut self, now: Duration, checks: &[CheckNo], ids: Vec<CheckId>) {
        for (no, id) in checks.iter().zip(ids) {
            if let Some(check) = self.checks.get_mut(no) {
                check.id = Some(id);
            }
            // Whatever the cluster had before: it hears what is so now.
            let known = self.checks.get(no).is_some_and(|check| check.report(*no).is_some());
            self.plan_send(*no, known.then_some(now));
        }
    }

    /// The loss of an instance without a reported check would never be noticed, so it is registered now and then.
    /// An identical registration changes nothing.
    fn plan_registering_again(&mut self, now: Duration, key: &InstanceKey) {
        let Some(instance) = self.instances.get(key) else { return };
        if self.checks_of(instance).any(super::Check::is_reported) || self.stopping {
            return;
        }
        let at = now + limits::REGISTER_AGAIN - self.draw_below(limits::REGISTER_AGAIN / 8);
        self.plan_write(key, Some(at));
    }

    fn write_failed(&mut self, now: Duration, key: &InstanceKey, after: After) {
        let Some(instance) = self.instances.get_mut(key) else { return };
        instance.failures += 1;
        let failures = instance.failures;
        let pause = match after {
            After::Again(reason) => {
                // As for reports: every doubling is said, not every attempt.
                if failures.is_power_of_two() {
                    tracing::warn!(
                        ns = key.namespace.0.as_str(),
                        service = key.service.0.as_str(),
                        instance = key.id.0.as_str(),
                        failures,
                        reason,
                        "the cluster did not take a registration or deregistration"
                    );
                }
                self.backoff(failures)
            }
            After::Later(text) => {
                tracing::error!(
                    ns = key.namespace.0.as_str(),
                    service = key.service.0.as_str(),
                    instance = key.id.0.as_str(),
                    reason = text,
                    "the cluster refuses a registration"
                );
                let first = instance.refused.replace(text).is_none();
                instance.write_key = None;
                if first { limits::REFUSED_PAUSE_FIRST } else { limits::REFUSED_PAUSE }
            }
        };
        self.plan_write(key, Some(now + pause));
    }

    /// The cluster does not know a check: it lost the instance, or somebody took it out. It is registered again, and so
    /// is, at once, every instance that could not notice by itself. True when this is news of its instance.
    pub(super) fn lost(&mut self, now: Duration, no: CheckNo) -> bool {
        let Some(check) = self.checks.get(&no) else { return false };
        let key = check.instance.clone();
        let Some(instance) = self.instances.get_mut(&key) else { return false };
        for no in instance.checks.clone() {
            self.plan_send(no, None);
        }
        let Some(instance) = self.instances.get_mut(&key) else { return false };
        if !std::mem::replace(&mut instance.settled, false) {
            return false;
        }
        instance.losses += 1;
        let losses = instance.losses;
        tracing::warn!(
            ns = key.namespace.0.as_str(),
            service = key.service.0.as_str(),
            instance = key.id.0.as_str(),
            losses,
            "the cluster lost an instance: registering it again"
        );
        let pause = if losses > 1 { self.backoff(losses) } else { Duration::ZERO };
        self.write_anew(now + pause, &key);
        let silent: Vec<InstanceKey> = self
            .instances
            .values()
            .filter(|instance| instance.settled && instance.due.is_some_and(|due| due > now + limits::BACKOFF_MAX))
            .filter(|instance| !self.checks_of(instance).any(super::Check::is_reported))
            .map(|instance| instance.key.clone())
            .collect();
        for key in silent {
            self.plan_write(&key, Some(now));
        }
        losses == 1
    }
}
