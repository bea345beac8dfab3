//! A new configuration against what is there: what is new is registered, what is gone is deregistered, what changed is
//! registered again, what is equal is not touched.

use std::collections::BTreeSet;
use std::time::Duration;

use sider_registry::model::{CheckSpec, InstanceKey};

use super::instance::Goal;
use super::{Check, CheckNo, Core, Instance, Memory};
use crate::config::{AgentConfig, CheckConfig, Duty, ServiceConfig};

impl Core {
    /// Takes a configuration: the first, or a new one. An agent that stops takes none: it would register again what it
    /// has just taken out.
    pub fn configure(&mut self, now: Duration, config: &AgentConfig) {
        if self.stopping {
            return;
        }
        let inherited = std::mem::take(&mut self.inherited);
        for instance in &inherited.instances {
            let mut left = Instance::new(instance.key.clone(), Goal::Absent);
            left.touched = true;
            self.instances.entry(instance.key.clone()).or_insert(left);
        }
        let wanted: BTreeSet<&InstanceKey> = config.services.iter().map(|service| &service.instance.key).collect();
        for service in &config.services {
            self.take_service(now, service, &inherited);
        }
        let gone: Vec<InstanceKey> = self.instances.keys().filter(|key| !wanted.contains(key)).cloned().collect();
        for key in gone {
            let leaving = self.instances.get(&key).is_some_and(|instance| {
                instance.goal == Goal::Absent && (instance.due.is_some() || instance.writing.is_some())
            });
            if !leaving && !self.waiting.contains(&key) {
                self.want_absent(now, &key);
            }
        }
    }

    fn take_service(&mut self, now: Duration, service: &ServiceConfig, inherited: &Memory) {
        let key = &service.instance.key;
        let specs: Vec<CheckSpec> = service.checks.iter().map(|check| check.spec.clone()).collect();
        let goal = Goal::Present { instance: Box::new(service.instance.clone()), specs };
        let old_checks = match self.instances.get_mut(key) {
            Some(instance) => std::mem::take(&mut instance.checks),
            None => Vec::new(),
        };
        let checks = self.carry_over(now, service, old_checks, inherited);
        if self.instances.get(key).is_none_or(|instance| instance.goal != goal) {
            self.renew_goal(now, key, goal);
        }
        if let Some(instance) = self.instances.get_mut(key) {
            instance.checks = checks;
        }
    }

    /// The checks of a service: one that is as before goes on as before, the others are new.
    fn carry_over(
        &mut self,
        now: Duration,
        service: &ServiceConfig,
        mut old: Vec<CheckNo>,
        inherited: &Memory,
    ) -> Vec<CheckNo> {
        let key = &service.instance.key;
        let mut checks = Vec::with_capacity(service.checks.len());
        for config in &service.checks {
            let same =
                old.iter().position(|no| self.checks.get(no).is_some_and(|check| check.config.spec == config.spec));
            checks.push(match same {
                Some(at) => {
                    let no = old.remove(at);
                    self.adopt(now, no, config);
                    no
                }
                None => self.new_check(now, key, config, inherited),
            });
        }
        for no in old {
            self.drop_check(no);
        }
        checks
    }

    /// A check that the registry sees as before may be run otherwise now: elsewhere, with other thresholds, or by the
    /// application instead of the agent.
    fn adopt(&mut self, now: Duration, no: CheckNo, config: &CheckConfig) {
        let Some(check) = self.checks.get_mut(&no) else { return };
        if check.config == *config {
            return;
        }
        let same_duty = check.config.duty == config.duty;
        check.config = config.clone();
        match config.duty {
            Duty::Probe(_) => {}
            Duty::Renew { .. } if same_duty => {}
            Duty::Renew { .. } => {
                check.renew_from_now_on();
                let known = check.report(no).is_some();
                self.plan_send(no, known.then_some(now));
            }
            Duty::Leave => self.plan_send(no, None),
        }
    }

    fn new_check(&mut self, now: Duration, key: &InstanceKey, config: &CheckConfig, inherited: &Memory) -> CheckNo {
        let no = CheckNo(self.next_check);
        self.next_check += 1;
        let mut check = Check::new(config.clone(), key.clone());
        if let Some(remembered) = inherited.check(key, &config.spec) {
            check.recall(remembered);
        }
        self.checks.insert(no, check);
        self.start_check(now, no);
        no
    }
}
