//! Every bound of the product, in one file, each with its reason; the relations between them are asserted at compile time.
//!
//! Nothing in the server grows without a bound, waits without an end or retries for ever. What passes a bound is
//! refused with an error that names it (SPEC section 2).

use std::time::Duration;

/// Longest namespace, service name or instance id, in bytes. Consul's DNS label is 63; ids are often `host-port-hash`.
pub const NAME_LEN_MAX: usize = 128;
/// Longest check id, in bytes: `service:<service>/<id>:<n>` with both names at [`NAME_LEN_MAX`] must fit.
pub const CHECK_ID_LEN_MAX: usize = 288;
/// Longest address of an instance, in bytes: a DNS name has at most 253.
pub const ADDRESS_LEN_MAX: usize = 255;
/// Tags of one instance.
pub const TAGS_MAX: usize = 64;
/// Longest tag, in bytes.
pub const TAG_LEN_MAX: usize = 128;
/// Meta pairs of one instance (Consul's bound).
pub const META_PAIRS_MAX: usize = 64;
/// Longest meta key, in bytes (Consul's bound).
pub const META_KEY_LEN_MAX: usize = 128;
/// Longest meta value, in bytes (Consul's bound).
pub const META_VALUE_LEN_MAX: usize = 512;
/// Checks of one instance.
pub const CHECKS_PER_INSTANCE_MAX: usize = 64;
/// Kept output of a check, in bytes (Consul's bound). A longer one is cut at a character boundary, not refused.
pub const OUTPUT_LEN_MAX: usize = 4096;
/// Longest command line of a `cmd` check: arguments, and bytes of each.
pub const CMD_ARGS_MAX: usize = 64;
/// Bytes of one argument, of an http path or URL, or of a check's display name.
pub const CHECK_TEXT_LEN_MAX: usize = 1024;
/// Shortest ttl, interval or timeout. Below it a scheduler's jitter decides instead of the service.
pub const CHECK_PERIOD_MIN: Duration = Duration::from_millis(100);
/// Longest ttl, interval or timeout: a day. A longer one is almost always a wrong unit.
pub const CHECK_PERIOD_MAX: Duration = Duration::from_secs(24 * 3600);
/// Weight of an instance for load balancing (Consul's bound).
pub const WEIGHT_MAX: u16 = 65_535;

/// Instances of one service: a body of all of them is rendered for each change.
pub const INSTANCES_PER_SERVICE_MAX: usize = 10_000;
/// Instances of the whole registry: bounds memory (about 1 KiB each with its check) and the size of a snapshot.
pub const INSTANCES_MAX: usize = 200_000;
/// Names of services that have no instance any more, whose index is still remembered one by one. Older ones share one
/// floor index, which only ever rises, so that a forgotten service's index never goes back.
pub const TOMBSTONES_MAX: usize = 10_000;
/// Length of all instances and checks in their encoding. A full registry refuses what would be written anew, but
/// still takes every change of a status.
pub const REGISTRY_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Length of all remembered idempotency keys with their answers; the oldest go first.
pub const IDEMPOTENCY_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Remembered idempotency keys. At 1000 keyed writes a second this is a window of one minute; retries stop long before.
pub const IDEMPOTENCY_KEYS_MAX: usize = 65_536;
/// Longest idempotency key, in bytes.
pub const IDEMPOTENCY_KEY_LEN_MAX: usize = 128;
/// Checks in one batched report or renewal, and in one batched expiry.
pub const CHECKS_PER_BATCH_MAX: usize = 1024;

// ---- The server: connections, waits, queues ----

/// Connections of one client address. Consul's 200 cut off ordinary users behind one NAT or one proxy; ten thousand
/// parked polls from one host are a normal load here.
pub const HTTP_CONNECTIONS_PER_ADDRESS: usize = 16_384;
/// HTTP connections altogether: 20 KiB each while parked.
pub const HTTP_CONNECTIONS: usize = 65_536;
/// Longest request body.
pub const HTTP_BODY_LEN_MAX: usize = 512 * 1024;
/// Bytes of all request bodies that are held at a time: 256 of the longest. More: 429.
pub const HTTP_BODIES_HELD_BYTES_MAX: usize = 128 * 1024 * 1024;
/// Of these, what is kept for bodies of at most [`HTTP_BODY_SMALL_LEN`]: long ones keep out neither renewals nor the operator.
pub const HTTP_BODIES_KEPT_FOR_SMALL: usize = 16 * 1024 * 1024;
/// Longest small body: the renewals of a whole agent, an ordinary registration.
pub const HTTP_BODY_SMALL_LEN: usize = 64 * 1024;
/// Longest request head (line and headers). hyper's smallest is 8 KiB.
pub const HTTP_HEAD_LEN_MAX: usize = 16 * 1024;
/// Time in which a request's head must arrive: a client that sends a byte a second is cut off.
pub const HTTP_HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Time in which a request's body must arrive.
pub const HTTP_BODY_TIMEOUT: Duration = Duration::from_secs(20);
/// Time a kept-alive connection may stay without a request. Go's clients keep theirs for 90 s; ours must outlast them,
/// or a client writes into a connection that is just being closed.
pub const HTTP_IDLE_TIMEOUT: Duration = Duration::from_secs(120);
/// Bytes of a body that is too large which are read and thrown away, so that the client sees the answer, not a reset.
pub const HTTP_DRAIN_LEN_MAX: usize = 8 * HTTP_BODY_LEN_MAX;
/// Refused connections that are told why at a time; more are closed without a word.
pub const HTTP_REFUSALS_MAX: usize = 64;
/// Time a refused connection gets to read why.
pub const HTTP_REFUSAL_TIMEOUT: Duration = Duration::from_secs(1);
/// Rendered bodies that are kept for readers of the same state: services, and bytes of all of them.
pub const HTTP_BODIES_CACHED_MAX: usize = 4096;
/// The same in bytes.
pub const HTTP_BODIES_CACHED_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Services that a metric names; the others are counted together as `other`.
pub const METRICS_SERVICES_MAX: usize = 100;
/// Default of `wait` (Consul's).
pub const WAIT_DEFAULT: Duration = Duration::from_secs(5 * 60);
/// Longest `wait` (Consul's).
pub const WAIT_MAX: Duration = Duration::from_secs(10 * 60);
/// A poll waits up to `wait / WAIT_JITTER_DIVISOR` longer, so that polls begun together do not end together.
pub const WAIT_JITTER_DIVISOR: u32 = 16;
/// Parked polls of one server.
pub const WATCHES_MAX: usize = 65_536;
/// Time a write may take from the first byte of its request to its commit. Longer: the answer is "unknown".
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(5);
/// Time a read may wait for the leader's confirmation and for the local state to catch up.
pub const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// Reads that wait for the next confirmation of leadership. More: 503.
pub const READS_WAITING_MAX: usize = 65_536;
/// Writes of one server that are under way at a time. More: 429.
pub const WRITES_IN_FLIGHT_MAX: usize = 8192;

// ---- Between servers ----

/// Frames longer than this are refused.
pub const PEER_FRAME_LEN_MAX: usize = 64 * 1024 * 1024;
/// Log entries in one append between servers.
pub const APPEND_ENTRIES_MAX: usize = 64;
/// Appends of one follower that are under way at a time (pipelining).
pub const APPENDS_IN_FLIGHT_MAX: usize = 16;
/// Frames that wait to be written to one peer. More: the call fails, the peer is too slow.
pub const PEER_QUEUE_MAX: usize = 1024;
/// A snapshot is streamed in pieces of this size.
pub const SNAPSHOT_CHUNK_LEN: usize = 1024 * 1024;
/// Largest snapshot that is accepted.
pub const SNAPSHOT_LEN_MAX: usize = 1024 * 1024 * 1024;
/// Requests of one peer connection that are worked on at a time.
pub const PEER_REQUESTS_IN_FLIGHT_MAX: usize = 4096;
/// Peer connections accepted at a time.
pub const PEER_CONNECTIONS_MAX: usize = 256;
/// The same of one address, so that none keeps all others out. A whole cluster on one machine holds about forty; where messages
/// are lost, a connection that its other end has given up stays until [`PEER_IDLE_TIMEOUT`].
pub const PEER_CONNECTIONS_PER_ADDRESS: usize = PEER_CONNECTIONS_MAX / 2;
/// A peer connection on which nothing was heard for this long is closed.
pub const PEER_IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// Time for a dial of a peer.
pub const PEER_DIAL_TIMEOUT: Duration = Duration::from_secs(1);
/// Time for one piece of a snapshot.
pub const SNAPSHOT_CHUNK_TIMEOUT: Duration = Duration::from_secs(5);
/// Pause after a failed accept (out of file descriptors, say).
pub const ACCEPT_RETRY: Duration = Duration::from_millis(50);
/// Bytes of a snapshot that a follower decodes, checks and stores in a second at the very least.
pub const SNAPSHOT_INSTALL_RATE: usize = 16 * 1024 * 1024;
/// Longest time for a received snapshot to be installed.
pub const SNAPSHOT_TIMEOUT: Duration = Duration::from_secs(70);
/// How often the log's size is looked at.
pub const LOG_LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// Entries at the log's end that are kept in memory for followers that follow closely.
pub const LOG_TAIL_ENTRIES_MAX: usize = 4096;
/// The same in bytes.
pub const LOG_TAIL_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Batches of log writes that wait for the writer.
pub const LOG_QUEUE_MAX: usize = 1024;
/// Log writes that share one sync.
pub const LOG_BATCH_MAX: usize = 4096;
/// Address space of each of the two LMDB files, if nothing else is said: what they can grow to.
pub const MAP_BYTES_DEFAULT: usize = 4 * 1024 * 1024 * 1024;
/// Snapshots kept: the newest, and the one before for a reader that still streams it.
pub const SNAPSHOTS_KEPT: usize = 2;
/// Checks that one round of expiries may propose in one command.
pub const EXPIRE_BATCH_MAX: usize = CHECKS_PER_BATCH_MAX;
/// Time for a new server to catch up before it is made a voter.
pub const JOIN_TIMEOUT: Duration = Duration::from_secs(15);
/// Servers of a cluster, learners included.
pub const MEMBERS_MAX: usize = 9;
/// Time a stopping server takes to answer what is open.
pub const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

const _: () = assert!("service:".len() + 2 * NAME_LEN_MAX + "/".len() + ":64".len() <= CHECK_ID_LEN_MAX);
const _: () = assert!(CHECKS_PER_INSTANCE_MAX <= 64, "the derived id's number has two digits");
const _: () = assert!(INSTANCES_PER_SERVICE_MAX <= INSTANCES_MAX);
const _: () = assert!(HTTP_BODY_LEN_MAX * 64 <= HTTP_BODIES_HELD_BYTES_MAX, "a few clients do not take all the room");
const _: () = assert!(HTTP_BODY_SMALL_LEN * 64 <= HTTP_BODIES_KEPT_FOR_SMALL, "nor do a few small ones");
const _: () = assert!(HTTP_HEAD_TIMEOUT.as_secs() < HTTP_IDLE_TIMEOUT.as_secs(), "a head is part of what may be idle");
const _: () =
    assert!(APPEND_ENTRIES_MAX * (HTTP_BODY_LEN_MAX + 64 * 1024) <= PEER_FRAME_LEN_MAX, "a full append fits a frame");
/// A snapshot names its fields, which at most doubles it.
const SNAPSHOT_BYTES: usize = 2 * (REGISTRY_BYTES_MAX + IDEMPOTENCY_BYTES_MAX);
const _: () = assert!(SNAPSHOT_BYTES <= SNAPSHOT_LEN_MAX, "a full registry can be sent to another server");
const _: () = assert!(
    (SNAPSHOTS_KEPT + 1) * SNAPSHOT_BYTES <= MAP_BYTES_DEFAULT,
    "a new snapshot fits beside those that are kept"
);
