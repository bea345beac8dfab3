//! What outlives a restart: which instances this agent has put into the registry, so that one that left the
//! configuration meanwhile is taken out, and how far each check's thresholds had got, so that one bad run after a restart
//! is still one.

use serde::{Deserialize, Serialize};
use sider_registry::model::{CheckSpec, InstanceKey, Status};

use super::{Check, Core, Goal};
use crate::config::Duty;

/// Version of the form.
const FORMAT: u32 = 1;

/// What outlives a restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    format: u32,
    /// Every instance that the registry has from this agent or soon may have, by key.
    pub instances: Vec<RememberedInstance>,
}

/// One instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RememberedInstance {
    /// Who.
    pub key: InstanceKey,
    /// The checks that the agent ran.
    pub checks: Vec<RememberedCheck>,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RememberedCheck {
    /// Which: what is remembered holds only for exactly this check.
    pub spec: CheckSpec,
    /// Its status.
    pub status: Status,
    /// Failed runs in a row.
    pub bad_run: u32,
    /// Good runs in a row.
    pub good_run: u32,
}

impl Default for Memory {
    fn default() -> Self {
        Self { format: FORMAT, instances: Vec::new() }
    }
}

impl Memory {
    /// Reads what [`Memory::to_json`] wrote.
    ///
    /// # Errors
    /// Not this form: damaged, or of another version.
    pub fn from_json(text: &[u8]) -> Result<Self, String> {
        let memory: Self = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        if memory.format != FORMAT {
            return Err(format!("format {}, this agent reads format {FORMAT}", memory.format));
        }
        Ok(memory)
    }

    /// Writes it.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("plain structs serialize into memory")
    }

    pub(super) fn check(&self, key: &InstanceKey, spec: &CheckSpec) -> Option<&RememberedCheck> {
        let instance = self.instances.iter().find(|instance| instance.key == *key)?;
        instance.checks.iter().find(|check| check.spec == *spec)
    }
}

impl Check {
    /// Takes up a remembered status: it serves the thresholds, and is not reported before a run agrees.
    pub(super) fn recall(&mut self, remembered: &RememberedCheck) {
        if matches!(self.config.duty, Duty::Probe(_)) {
            self.status = Some(remembered.status);
            self.bad_run = remembered.bad_run;
            self.good_run = remembered.good_run;
        }
    }
}

impl Core {
    /// True when [`Core::take_memory`] has something new.
    #[must_use]
    pub fn has_new_memory(&self) -> bool {
        self.memory_changed
    }

    /// What is to be remembered now, if it changed since the last call.
    pub fn take_memory(&mut self) -> Option<Memory> {
        std::mem::take(&mut self.memory_changed).then(|| self.memory())
    }

    /// What is to be remembered now. What shall be registered is in it before it is: an agent that dies in between has
    /// not forgotten it.
    #[must_use]
    pub fn memory(&self) -> Memory {
        let instances = self
            .instances
            .values()
            .filter(|instance| instance.touched || instance.goal != Goal::Absent)
            .map(|instance| RememberedInstance {
                key: instance.key.clone(),
                checks: self.checks_of(instance).filter_map(remember).collect(),
            })
            .collect();
        Memory { format: FORMAT, instances }
    }
}

fn remember(check: &Check) -> Option<RememberedCheck> {
    if !matches!(check.config.duty, Duty::Probe(_)) {
        return None;
    }
    Some(RememberedCheck {
        spec: check.config.spec.clone(),
        status: check.status?,
        bad_run: check.bad_run,
        good_run: check.good_run,
    })
}
