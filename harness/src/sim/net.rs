//! The server's and the client's network seams, over turmoil's TCP.
//!
//! turmoil's TCP never sends a lost segment again: a stream that lost one hangs. Whoever waits on a stream has a
//! deadline; that is the contract of the seams anyway.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use sider_client::seam::{BoxFuture, BoxStream, Dial, Listen, Timers};
use turmoil::net::{TcpListener, TcpStream};

/// Connects over the simulated network; addresses name hosts (`n1:8500`).
#[derive(Debug, Clone, Copy, Default)]
pub struct TurmoilDial;

impl Dial for TurmoilDial {
    fn dial<'a>(&'a self, addr: &'a str) -> BoxFuture<'a, io::Result<BoxStream>> {
        Box::pin(async move { Ok(Box::new(TcpStream::connect(addr).await?) as BoxStream) })
    }

    fn timers(&self) -> Option<Arc<dyn Timers>> {
        super::timers::here()
    }
}

/// Accepts from the simulated network.
pub struct TurmoilListen(TcpListener);

impl TurmoilListen {
    /// Listens on `port` of the host that runs.
    ///
    /// # Errors
    /// The port is taken.
    pub async fn bind(port: u16) -> io::Result<Self> {
        Ok(Self(TcpListener::bind((IpAddr::V4(Ipv4Addr::UNSPECIFIED), port)).await?))
    }
}

impl Listen for TurmoilListen {
    fn accept(&mut self) -> BoxFuture<'_, io::Result<(BoxStream, SocketAddr)>> {
        Box::pin(async move {
            let (stream, peer) = self.0.accept().await?;
            Ok((Box::new(stream) as BoxStream, peer))
        })
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}
