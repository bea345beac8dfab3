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
/// Remembered idempotency keys. At 1000 keyed writes a second this is a window of one minute; retries stop long before.
pub const IDEMPOTENCY_KEYS_MAX: usize = 65_536;
/// Longest idempotency key, in bytes.
pub const IDEMPOTENCY_KEY_LEN_MAX: usize = 128;
/// Checks in one batched report or renewal, and in one batched expiry.
pub const CHECKS_PER_BATCH_MAX: usize = 1024;

const _: () = assert!("service:".len() + 2 * NAME_LEN_MAX + "/".len() + ":64".len() <= CHECK_ID_LEN_MAX);
const _: () = assert!(CHECKS_PER_INSTANCE_MAX <= 64, "the derived id's number has two digits");
const _: () = assert!(INSTANCES_PER_SERVICE_MAX <= INSTANCES_MAX);
