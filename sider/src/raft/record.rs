//! Every stored record: a format version and a checksum in front of its msgpack form.
//!
//! LMDB serves flipped bytes without a word (measured), so the checksum is ours, written with the record and checked
//! whenever it is read: a damaged record is an error that names it, never data (DUR-4).

use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Version of the layout of stored records. A server that meets a newer one stops and says so.
const FORMAT: u8 = 1;
const HEAD: usize = 1 + 4;

/// Encodes `value` with its head.
pub fn encode(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = vec![0; HEAD];
    rmp_serde::encode::write_named(&mut bytes, value).expect("stored records have a msgpack form");
    seal(&mut bytes);
    bytes
}

/// The same for bytes that are already encoded.
pub fn encode_raw(payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD + payload.len());
    bytes.resize(HEAD, 0);
    bytes.extend_from_slice(payload);
    seal(&mut bytes);
    bytes
}

fn seal(bytes: &mut [u8]) {
    bytes[0] = FORMAT;
    let sum = checksum(bytes);
    bytes[1..HEAD].copy_from_slice(&sum.to_le_bytes());
}

/// Checks the head of the record `name` and decodes it.
///
/// # Errors
/// The record is damaged, truncated, or of another format; the error names it.
pub fn decode<T: DeserializeOwned>(name: &dyn std::fmt::Display, bytes: &[u8]) -> io::Result<T> {
    let payload = decode_raw(name, bytes)?;
    rmp_serde::from_slice(payload)
        .map_err(|e| damaged(name, format_args!("its checksum holds but it does not decode ({e})")))
}

/// Checks the head of the record `name` and answers what follows it.
///
/// # Errors
/// As [`decode`].
pub fn decode_raw<'a>(name: &dyn std::fmt::Display, bytes: &'a [u8]) -> io::Result<&'a [u8]> {
    let Some((head, payload)) = bytes.split_at_checked(HEAD) else {
        return Err(damaged(name, format_args!("it has {} bytes, a record has at least {HEAD}", bytes.len())));
    };
    let written = u32::from_le_bytes([head[1], head[2], head[3], head[4]]);
    let found = checksum(bytes);
    if written != found {
        return Err(damaged(name, format_args!("its checksum is {found:08x}, written was {written:08x}")));
    }
    if head[0] != FORMAT {
        return Err(damaged(name, format_args!("its format is {}, this server knows {FORMAT}", head[0])));
    }
    Ok(payload)
}

/// Over the version byte and the payload.
fn checksum(bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&bytes[..1]);
    hasher.update(&bytes[HEAD..]);
    hasher.finalize()
}

/// An error that says which record is damaged and what to do.
pub fn damaged(name: &dyn std::fmt::Display, what: std::fmt::Arguments<'_>) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!(
            "damaged record: {name}: {what}; this server will not serve it: remove this server from the cluster, \
             empty its data directory and join it again"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[test]
    fn every_flipped_bit_and_every_truncation_is_named() {
        let bytes = encode(&("log entry", 42_u64));
        for cut in 0..bytes.len() {
            assert!(decode::<(String, u64)>(&"r", &bytes[..cut]).is_err(), "cut at {cut}");
        }
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let error = decode::<(String, u64)>(&"log entry 7", &flipped).expect_err("a flipped bit");
            assert!(error.to_string().contains("log entry 7"), "{error}");
        }
        assert_eq!(decode::<(String, u64)>(&"r", &bytes).expect("whole"), ("log entry".to_owned(), 42));
    }
}
