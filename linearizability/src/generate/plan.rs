//! What a generated history looks like.

/// Relative frequencies of the operations.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mix {
    pub register: u32,
    pub deregister: u32,
    pub deregister_id: u32,
    pub report: u32,
    pub renew_many: u32,
    pub read: u32,
    pub stale: u32,
    pub poll: u32,
    pub list: u32,
}

impl Mix {
    pub(super) const fn weights(&self) -> [u32; 9] {
        [
            self.register,
            self.deregister,
            self.deregister_id,
            self.report,
            self.renew_many,
            self.read,
            self.stale,
            self.poll,
            self.list,
        ]
    }
}

/// A history to generate. Times are in µs.
#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    pub operations: u64,
    pub clients: u32,
    pub services: u32,
    pub namespaces: u32,
    /// Instance ids per service.
    pub slots: u32,
    pub nodes: u32,
    /// Checks of an instance: up to this many.
    pub checks: u32,
    pub mix: Mix,
    /// Share of writes whose outcome the client never learns, per mille.
    pub unknown_per_mille: u32,
    /// Share of those that a new process retries under the same key, per mille.
    pub retry_per_mille: u32,
    /// Mean time from call to effect, and from effect to answer.
    pub latency_us: u64,
    /// Time after which a client gives up.
    pub timeout_us: u64,
    /// TTL of the checks.
    pub ttl_ms: u32,
    /// Pause of a client between an answer and its next call: mean.
    pub think_us: u64,
    /// Read every service once when all is over.
    pub final_reads: bool,
}

impl Plan {
    /// A small history with every operation in it and no unknown outcome.
    pub fn small(seed: u64) -> Self {
        Self {
            seed,
            operations: 40,
            clients: 4,
            services: 3,
            namespaces: 1,
            slots: 3,
            nodes: 3,
            checks: 2,
            mix: Mix {
                register: 26,
                deregister: 10,
                deregister_id: 4,
                report: 14,
                renew_many: 4,
                read: 24,
                stale: 6,
                poll: 6,
                list: 6,
            },
            unknown_per_mille: 0,
            retry_per_mille: 500,
            latency_us: 2_000,
            timeout_us: 20_000,
            ttl_ms: 40,
            think_us: 500,
            final_reads: true,
        }
    }

    /// The same with some unknown outcomes.
    pub fn small_with_unknown(seed: u64) -> Self {
        Self { unknown_per_mille: 120, ..Self::small(seed) }
    }

    /// The workload of the benchmark: eight clients without think time; register 30 %, deregister 20 %, read 50 %.
    pub fn bench(seed: u64, operations: u64, clients: u32, services: u32, unknown_per_mille: u32) -> Self {
        Self {
            operations,
            clients,
            services,
            slots: 8,
            checks: 0,
            mix: Mix { register: 30, deregister: 20, read: 50, ..Mix::default() },
            unknown_per_mille,
            think_us: 0,
            final_reads: false,
            retry_per_mille: 0,
            ..Self::small(seed)
        }
    }
}
