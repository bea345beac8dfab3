//! Three real servers on loopback: what they promise while they are killed, wiped, damaged and stopped.

#[path = "../support/mod.rs"]
mod support;

mod disk;
mod failover;
mod membership;
mod reads;
mod retries;
mod stop;
