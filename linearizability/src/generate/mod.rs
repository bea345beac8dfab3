//! Valid histories from a seed: for the tests, the corruptors and the benchmark. Simulated clients talk to a toy registry in
//! virtual time; the same plan gives the same bytes.

mod clients;
mod plan;
mod random;
mod recording;
mod server;

pub use plan::{Mix, Plan};
pub use random::Random;
pub use recording::{Kind, Line, Recording};

use std::io::{self, Write};

/// Generates the history of `plan` in memory.
pub fn generate(plan: &Plan) -> Recording {
    let mut recording = Recording::default();
    clients::run(plan, &mut |line| {
        recording.lines.push(line);
        Ok(())
    })
    .expect("memory takes every line");
    recording
}

/// Writes the history of `plan` as JSONL.
///
/// # Errors
/// Those of `out`.
pub fn generate_to(plan: &Plan, out: &mut impl Write) -> io::Result<()> {
    let mut index = 0;
    clients::run(plan, &mut |line| {
        line.write(index, out)?;
        index += 1;
        Ok(())
    })
}
