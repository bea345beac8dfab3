//! Every bound of the agent, in one file, each with its reason. Bounds of what is registered are the registry's.

use std::time::Duration;

use sider_registry::limits::{CHECKS_PER_BATCH_MAX, HTTP_BODY_LEN_MAX, IDEMPOTENCY_KEY_LEN_MAX, OUTPUT_LEN_MAX};

/// Services of one agent. A host runs hundreds; thousands are a wrong file.
pub const SERVICES_MAX: usize = 4096;
/// Servers of the list (a cluster has at most nine members, learners included).
pub const SERVERS_MAX: usize = 16;
/// Longest configuration file.
pub const CONFIG_LEN_MAX: u64 = 16 * 1024 * 1024;

/// Registrations and deregistrations under way at a time: enough to share the servers' syncs, few enough that a
/// restarted agent is no flood.
pub const REGISTRATIONS_IN_FLIGHT_MAX: usize = 32;
/// Bytes of one batch of reports, in their JSON form: half of what a server takes, so that names and keys fit.
pub const BATCH_LEN_MAX: usize = HTTP_BODY_LEN_MAX / 2;
/// Checks of one batch.
pub const BATCH_CHECKS_MAX: usize = CHECKS_PER_BATCH_MAX;

/// A check's first run is delayed by up to this (and at most a tenth of its interval): hundreds of checks at the same
/// instant are a spike on the host they watch.
pub const FIRST_RUN_SPREAD_MAX: Duration = Duration::from_millis(500);
/// An unchanged state is reported again after this, so that a server that lost it hears it.
pub const REPORT_AGAIN: Duration = Duration::from_secs(180);
/// What nobody would notice missing (an instance without a check that the agent reports) is registered again after this.
pub const REGISTER_AGAIN: Duration = Duration::from_secs(180);
/// A registration that the servers refuse is tried again after this: the cause (a check id that another instance holds)
/// may go away, but not by asking more often.
pub const REFUSED_PAUSE: Duration = Duration::from_secs(30);
/// After the first refusal: a check id that moves from one instance of this host to another is free a moment later.
pub const REFUSED_PAUSE_FIRST: Duration = Duration::from_secs(1);
/// First pause after a failed call to the cluster; doubles.
pub const BACKOFF_MIN: Duration = Duration::from_millis(50);
/// Longest pause: a cluster that is back gets its renewals within this.
pub const BACKOFF_MAX: Duration = Duration::from_secs(2);
/// Time that a stopping agent takes to deregister what it registered.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// For a connection to a server.
pub const DIAL_TIMEOUT: Duration = Duration::from_millis(500);
/// For one request to one server. Shorter than a server's own bound: better another server than a stuck one.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(2);
/// For a call on all servers in turn.
pub const CALL_TOTAL_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest answer of the cluster that the agent reads.
pub const ANSWER_LEN_MAX: usize = 16 * 1024 * 1024;
/// Open files that an agent asks the system for, where that allows it.
pub const OPEN_FILES: u64 = 65_536;
/// Output kept of a probe.
pub const PROBE_OUTPUT_MAX: usize = OUTPUT_LEN_MAX;
/// The memory on disk is written at most this often.
pub const SAVE_PAUSE: Duration = Duration::from_secs(1);
/// A write that failed (a full disk) is tried again after this.
pub const SAVE_RETRY_PAUSE: Duration = Duration::from_secs(10);
/// For one write. It goes on behind this, and the next one waits for it.
pub const SAVE_TIMEOUT: Duration = Duration::from_secs(10);
/// For the last write of an agent that ends.
pub const SAVE_AT_END_TIMEOUT: Duration = Duration::from_secs(1);
/// Longest memory file: keys and statuses of every service and check.
pub const MEMORY_LEN_MAX: u64 = 64 * 1024 * 1024;

/// Connections of the local view at a time.
pub const LOCAL_CONNECTIONS_MAX: usize = 128;
/// Time in which a request's head must arrive at the local view; also how long an idle connection is kept.
pub const LOCAL_HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// A client that takes nothing of its answer for this long is given up.
pub const LOCAL_WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// After an accept that failed for want of a resource (file descriptors): time for one to come free.
pub const LOCAL_ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Answers kept for the time without a server.
pub const CACHE_ENTRIES_MAX: usize = 1024;
/// Bytes of all kept answers, with the questions.
pub const CACHE_LEN_MAX: usize = 8 * 1024 * 1024;
/// A poll that finds no server is answered from the cache, but not sooner than this after it came: a client in a loop
/// would otherwise spin.
pub const CACHED_POLL_PAUSE: Duration = Duration::from_secs(1);

const _: () = assert!(OUTPUT_LEN_MAX * 6 + 1024 < BATCH_LEN_MAX, "one report always fits, whatever its escapes");
const _: () = assert!(16 + 1 + 20 <= IDEMPOTENCY_KEY_LEN_MAX, "a key is 16 digits, a dash and a counter");
const _: () = assert!(SAVE_AT_END_TIMEOUT.as_millis() < SAVE_TIMEOUT.as_millis());
const _: () = assert!(BACKOFF_MIN.as_millis() < BACKOFF_MAX.as_millis());
