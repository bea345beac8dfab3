//! The first thing a person sees: where the server listens, where its data is, and what to try.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use sider::config::Config;

/// The address by which this machine reaches a bound one: "all interfaces" is no address to connect to.
pub(crate) fn reachable(bound: SocketAddr) -> SocketAddr {
    let ip = match bound.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, bound.port())
}

/// The banner.
pub(crate) fn text(config: &Config, http: SocketAddr) -> String {
    let url = format!("http://{}", reachable(http));
    let (version, name, raft, dir) =
        (env!("CARGO_PKG_VERSION"), config.name.as_str(), &config.raft_addr, config.dir.display());
    let cluster = if config.bootstrap {
        "a new one of this server alone, unless the data says otherwise".to_owned()
    } else {
        format!(
            "the one in the data, or wait for: curl -X POST http://<leader>/v1/raft/join -d '{{\"ID\":\"{name}\",\"Addr\":\"{raft}\"}}'"
        )
    };
    format!(
        "sider {version}, server {name}\n\
         \x20 http     {url}  (listens on {http})\n\
         \x20 raft     {raft}\n\
         \x20 data     {dir}\n\
         \x20 cluster  {cluster}\n\
         register   curl -X PUT {url}/v1/agent/service/register -d '{{\"name\":\"web\",\"address\":\"127.0.0.1\",\"port\":8080}}'\n\
         find       curl '{url}/v1/health/service/web?passing=1'\n"
    )
}
