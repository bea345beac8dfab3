//! One line on a terminal that says how far a command is; nothing anywhere else.

use std::fmt;
use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use super::args::Args;
use crate::record::clock::VirtualClock;
use crate::scenario::Found;

/// How often a line is drawn.
const TICK: Duration = Duration::from_millis(200);

/// A line for `total` runs; silent when standard error is no terminal, or `quiet`.
pub(super) fn line(total: u64, quiet: bool) -> ProgressBar {
    if quiet || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(total);
    let style = ProgressStyle::with_template("{pos}/{len} runs {bar:30} {eta} left  {msg}");
    bar.set_style(style.expect("a fixed template"));
    bar.enable_steady_tick(TICK);
    bar
}

/// A line for one run, with the virtual time that `clock` shows; silent when there is no terminal, or with `--json`. It is
/// drawn by a thread of its own, which looks at the clock and at nothing else of the run.
pub(super) fn of_run(args: &Args, found: &Found, seed: u64, clock: &VirtualClock) -> ProgressBar {
    let terminal = std::io::stderr().is_terminal() && std::io::stdout().is_terminal();
    if args.json || !terminal {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    let clock = clock.clone();
    let now = move |_: &ProgressState, out: &mut dyn fmt::Write| {
        // Nobody to tell: the line is drawn again in a moment.
        let _unwritten = write!(out, "{:.1}", Duration::from_nanos(clock.step_ns()).as_secs_f64());
    };
    let style = ProgressStyle::with_template("{spinner} {msg}: {now} virtual s, after {elapsed}");
    bar.set_style(style.expect("a fixed template").with_key("now", now));
    let load = found.scenario.phases.run.as_secs_f64();
    bar.set_message(format!("{} seed {seed}, {load:.0} s of faults and what follows", found.id));
    bar.enable_steady_tick(TICK);
    bar
}
