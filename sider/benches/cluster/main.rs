//! What a real cluster on this machine does: `cargo bench -p sider`. Processes on loopback, syncs on, the load from the same
//! machine, so the figures are for comparison within one run (and with the constant route `/livez` of the same run), not
//! for wishing. Nothing here can fail by being slow.
//!
//! `cargo bench -p sider -- --seconds 2 --kills 5` for a short run.

mod load;
mod processes;

use std::time::Duration;

use load::{Load, Rate};
use processes::Cluster;

/// What was asked for on the command line.
struct Wish {
    seconds: u64,
    kills: usize,
}

impl Wish {
    fn parse() -> Self {
        let args: Vec<String> = std::env::args().collect();
        let after = |flag: &str| {
            let at = args.iter().position(|arg| arg == flag)?;
            args.get(at + 1)?.parse().ok()
        };
        let kills = after("--kills").and_then(|n| usize::try_from(n).ok()).unwrap_or(20);
        Self { seconds: after("--seconds").unwrap_or(5), kills }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let wish = Wish::parse();
    let during = Duration::from_secs(wish.seconds);
    for servers in [1, 3] {
        let mut cluster = Cluster::start(servers).await;
        println!("\n{servers} server(s)");
        println!("  idle memory of one            {:>9} KiB", cluster.memory_kib(0));
        let rates = [
            ("GET /livez, 64 clients", Load::Constant, 64),
            ("register, 1 client", Load::Register, 1),
            ("register, 64 clients", Load::Register, 64),
            ("renewal, 64 clients", Load::Renew, 64),
            ("read 10 instances, 64 clients", Load::Read { stale: false }, 64),
            ("the same, stale", Load::Read { stale: true }, 64),
        ];
        for (name, load, clients) in rates {
            let before = cluster.cpu();
            let rate = load::run(&cluster, load, clients, during).await;
            print_rate(name, &rate, cluster.cpu().saturating_sub(before));
        }
        if servers == 3 {
            failover(&mut cluster, wish.kills).await;
        }
        println!("  memory of one after the load  {:>9} KiB", cluster.memory_kib(0));
    }
}

fn print_rate(name: &str, rate: &Rate, cpu: Duration) {
    let per_second = rate.done as f64 / rate.took.as_secs_f64();
    let cpu_us = cpu.as_secs_f64() * 1e6 / rate.done.max(1) as f64;
    println!(
        "  {name:<29} {per_second:>9.0}/s   p50 {:>8.2?}  p99 {:>8.2?}   server CPU {cpu_us:>6.1} us each   not answered ok: {}",
        rate.percentile(50),
        rate.percentile(99),
        rate.failed
    );
}

/// Kills the leader again and again, and measures until the next write is acknowledged.
async fn failover(cluster: &mut Cluster, kills: usize) {
    let mut gaps = Vec::new();
    for _ in 0..kills {
        let leader = cluster.leader().await;
        cluster.kill(leader);
        gaps.push(load::until_acknowledged(cluster, leader).await);
        cluster.restart(leader).await;
    }
    gaps.sort();
    let at = |percent: usize| gaps.get((gaps.len() * percent / 100).min(gaps.len().saturating_sub(1)));
    if let (Some(least), Some(median), Some(most)) = (gaps.first(), at(50), gaps.last()) {
        println!(
            "  kill -9 of the leader to the next acknowledged write, {kills} times: {least:.2?} to {most:.2?}, median {median:.2?}"
        );
    }
}
