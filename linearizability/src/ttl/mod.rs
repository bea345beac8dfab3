//! TTLs.
