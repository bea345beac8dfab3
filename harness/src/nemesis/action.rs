//! Concrete actions. What is written to `nemesis.jsonl` is read back by `replay`: no draw and no role is left in them.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::scenario::model::DiskError;
use crate::sim::cluster::Link;

/// Something that is done between two steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "do")]
#[expect(missing_docs, reason = "each is named after what the fault line says")]
pub enum Action {
    Cut {
        links: Vec<Link>,
    },
    Mend {
        links: Vec<Link>,
    },
    Delay {
        links: Vec<Link>,
        by_ms: u64,
    },
    Lose {
        links: Vec<Link>,
        share: f64,
    },
    Duplicate {
        share: f64,
    },
    Kill {
        targets: Vec<String>,
    },
    PowerOff {
        targets: Vec<String>,
    },
    Stop {
        targets: Vec<String>,
    },
    Start {
        targets: Vec<String>,
    },
    Pause {
        targets: Vec<String>,
    },
    Resume {
        targets: Vec<String>,
    },
    StepClock {
        targets: Vec<String>,
        by_ms: i64,
    },
    FailDisk {
        targets: Vec<String>,
        full: bool,
    },
    SlowDisk {
        targets: Vec<String>,
        by_ms: u64,
    },
    Lie {
        targets: Vec<String>,
    },
    HealDisk {
        targets: Vec<String>,
    },
    Flip {
        targets: Vec<String>,
    },
    Wipe {
        targets: Vec<String>,
    },
    /// The first of the targets will found a new cluster, which the others will join.
    Refound {
        targets: Vec<String>,
    },
    Join {
        targets: Vec<String>,
    },
    Remove {
        targets: Vec<String>,
    },
    Transfer {
        targets: Vec<String>,
    },
}

impl Action {
    /// The name of the fault line.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Cut { .. } => "partition",
            Self::Mend { .. } => "heal",
            Self::Delay { by_ms: 0, .. } => "heal",
            Self::Delay { .. } => "delay",
            Self::Lose { share, .. } if *share <= 0.0 => "heal",
            Self::Lose { .. } => "loss",
            Self::Duplicate { share } if *share <= 0.0 => "heal",
            Self::Duplicate { .. } => "duplicate",
            Self::Kill { .. } => "crash",
            Self::PowerOff { .. } => "power-loss",
            Self::Stop { .. } => "stop",
            Self::Start { .. } => "restart",
            Self::Pause { .. } => "pause",
            Self::Resume { .. } => "resume",
            Self::StepClock { .. } => "clock",
            Self::FailDisk { full: false, .. } => "disk-error",
            Self::FailDisk { full: true, .. } => "disk-full",
            Self::SlowDisk { .. } => "slow-disk",
            Self::Lie { .. } => "lying-disk",
            Self::HealDisk { .. } => "disk-heal",
            Self::Flip { .. } => "flip-byte",
            Self::Wipe { .. } => "wipe",
            Self::Refound { .. } => "refound",
            Self::Join { .. } => "ask-join",
            Self::Remove { .. } => "ask-remove",
            Self::Transfer { .. } => "ask-transfer",
        }
    }

    /// The parameters of the fault line.
    #[must_use]
    pub fn value(&self) -> Value {
        match self {
            Self::Cut { links } | Self::Mend { links } => json!({"links": links}),
            Self::Delay { links, by_ms } => json!({"links": links, "by_ms": by_ms}),
            Self::Lose { links, share } => json!({"links": links, "share": share}),
            // Clients are no servers; the name keeps the end of this fault apart from the end of partitions.
            Self::Duplicate { share } => json!({"targets": ["clients"], "share": share}),
            Self::StepClock { targets, by_ms } => json!({"targets": targets, "step_ms": by_ms}),
            Self::SlowDisk { targets, by_ms } => json!({"targets": targets, "by_ms": by_ms}),
            others => json!({"targets": others.targets()}),
        }
    }

    /// The servers that it names.
    #[must_use]
    pub fn targets(&self) -> &[String] {
        match self {
            Self::Kill { targets }
            | Self::PowerOff { targets }
            | Self::Stop { targets }
            | Self::Start { targets }
            | Self::Pause { targets }
            | Self::Resume { targets }
            | Self::StepClock { targets, .. }
            | Self::SlowDisk { targets, .. }
            | Self::FailDisk { targets, .. }
            | Self::Lie { targets }
            | Self::HealDisk { targets }
            | Self::Flip { targets }
            | Self::Wipe { targets }
            | Self::Refound { targets }
            | Self::Join { targets }
            | Self::Remove { targets }
            | Self::Transfer { targets } => targets,
            Self::Cut { .. } | Self::Mend { .. } | Self::Delay { .. } | Self::Lose { .. } | Self::Duplicate { .. } => {
                &[]
            }
        }
    }

    /// The links that it names.
    #[must_use]
    pub fn links(&self) -> &[Link] {
        match self {
            Self::Cut { links } | Self::Mend { links } | Self::Delay { links, .. } | Self::Lose { links, .. } => links,
            _ => &[],
        }
    }

    /// It undoes a fault, or asks for something legal: not a fault of its own.
    #[must_use]
    pub fn is_relief(&self) -> bool {
        matches!(self.name(), "heal" | "restart" | "resume" | "disk-heal" | "refound")
    }
}

impl From<DiskError> for bool {
    /// Whether it is the full disk.
    fn from(error: DiskError) -> Self {
        error == DiskError::Full
    }
}
