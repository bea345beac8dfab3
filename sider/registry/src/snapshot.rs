//! The whole state as bytes and back. Equal states give equal bytes; damaged bytes give an error, never a state.
//!
//! ```text
//! magic "SIDERREG" | format u32 | body length u64 | xxh3-128 of all that stands around it | body
//! ```
//! Numbers are little-endian. The body is msgpack with named fields: the state hash, then the state. Knows nothing of
//! where snapshots are kept or how they travel.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use crate::registry::{Parts, Registry};

const MAGIC: [u8; 8] = *b"SIDERREG";
/// Version of the layout and of every record in it.
const FORMAT: u32 = 1;
const FORMAT_AT: usize = MAGIC.len();
const LEN_AT: usize = FORMAT_AT + 4;
const CHECKSUM_AT: usize = LEN_AT + 8;
const BODY_AT: usize = CHECKSUM_AT + 16;

/// Why bytes are not a snapshot that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// Shorter than the head.
    #[error("the snapshot has {len} bytes; its head alone has {BODY_AT}")]
    TooShort {
        /// Its length.
        len: usize,
    },
    /// Something else.
    #[error("these bytes are not a registry snapshot: they begin with {found:02x?}, not with {MAGIC:02x?}")]
    NotASnapshot {
        /// What they begin with.
        found: [u8; 8],
    },
    /// Another layout.
    #[error("the snapshot has format {found}; this version reads format {FORMAT}")]
    Format {
        /// Its format.
        found: u32,
    },
    /// Cut off, or something stands behind it.
    #[error("the snapshot's body has {found} bytes; its head says {written}")]
    Length {
        /// Bytes behind the head.
        found: u64,
        /// What the head says.
        written: u64,
    },
    /// Damaged.
    #[error("the snapshot is damaged: its checksum is {found:032x}, written was {written:032x}")]
    Checksum {
        /// Of these bytes.
        found: u128,
        /// As it was written.
        written: u128,
    },
    /// Written by a program with another idea of a registry.
    #[error("the snapshot's checksum holds, but its body does not decode: {0}")]
    Body(String),
    /// Written from a state that was wrong.
    #[error("the snapshot's state breaks an invariant: {0}")]
    Invariant(String),
    /// Written from a state that was wrong, or the hash is made otherwise now.
    #[error("the snapshot's state has hash {found:032x}, written was {written:032x}")]
    StateHash {
        /// Of the decoded state.
        found: u128,
        /// As it was written.
        written: u128,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    /// [`Registry::state_hash`], most significant half first: msgpack has no 128-bit numbers.
    state_hash: (u64, u64),
    state: Parts,
}

/// The registry as bytes.
#[must_use]
pub fn encode(registry: &Registry) -> Vec<u8> {
    let hash = registry.state_hash();
    let body = Body { state_hash: ((hash >> 64) as u64, hash as u64), state: registry.to_parts() };
    let mut bytes = vec![0; BODY_AT];
    rmp_serde::encode::write_named(&mut bytes, &body).expect("a registry has a msgpack form");
    let len = (bytes.len() - BODY_AT) as u64;
    bytes[..FORMAT_AT].copy_from_slice(&MAGIC);
    bytes[FORMAT_AT..LEN_AT].copy_from_slice(&FORMAT.to_le_bytes());
    bytes[LEN_AT..CHECKSUM_AT].copy_from_slice(&len.to_le_bytes());
    let checksum = checksum(&bytes);
    bytes[CHECKSUM_AT..BODY_AT].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

/// The registry that [`encode`] was given.
///
/// # Errors
/// The bytes are no snapshot, are damaged or of another format, or hold a state that breaks an invariant or has another
/// hash than the one it was written with. Nothing of them may be used.
pub fn decode(bytes: &[u8]) -> Result<Registry, SnapshotError> {
    let too_short = SnapshotError::TooShort { len: bytes.len() };
    let (head, body) = bytes.split_at_checked(BODY_AT).ok_or(too_short)?;
    let found = field::<8>(head, 0);
    if found != MAGIC {
        return Err(SnapshotError::NotASnapshot { found });
    }
    let found = u32::from_le_bytes(field(head, FORMAT_AT));
    if found != FORMAT {
        return Err(SnapshotError::Format { found });
    }
    let (found, written) = (body.len() as u64, u64::from_le_bytes(field(head, LEN_AT)));
    if found != written {
        return Err(SnapshotError::Length { found, written });
    }
    let (found, written) = (checksum(bytes), u128::from_le_bytes(field(head, CHECKSUM_AT)));
    if found != written {
        return Err(SnapshotError::Checksum { found, written });
    }
    let body: Body = rmp_serde::from_slice(body).map_err(|error| SnapshotError::Body(error.to_string()))?;
    let registry = Registry::from_parts(body.state).map_err(SnapshotError::Invariant)?;
    let (high, low) = body.state_hash;
    let (found, written) = (registry.state_hash(), u128::from(high) << 64 | u128::from(low));
    if found != written {
        return Err(SnapshotError::StateHash { found, written });
    }
    Ok(registry)
}

/// `N` bytes of the head.
fn field<const N: usize>(head: &[u8], at: usize) -> [u8; N] {
    head[at..at + N].try_into().expect("the slice has that length")
}

/// Of everything but the checksum.
fn checksum(bytes: &[u8]) -> u128 {
    let mut hasher = Xxh3::new();
    hasher.update(&bytes[..CHECKSUM_AT]);
    hasher.update(&bytes[BODY_AT..]);
    hasher.digest128()
}
