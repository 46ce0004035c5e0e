//! Listening sockets.

use crate::environment::Environment;
use crate::variable::Variable;
use anyhow::{Context, Result, bail};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// How long a port may be taken by a process that is just ending, or an address be missing while the network comes up.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two attempts; a bind costs microseconds.
const RETRY: Duration = Duration::from_millis(100);
/// Connections that the kernel keeps until they are accepted: all screens of a large library reconnect at once after a
/// restart, and a client that finds no room tries again after a second. The kernel's limit, 4096 by default, applies too.
const BACKLOG: u32 = 16_384;

/// Reads `HOST`.
pub fn read_host(environment: &mut Environment<'_>) -> IpAddr {
    let host = Variable::optional(
        "HOST",
        "0.0.0.0",
        "the IP address to listen on; :: is all, IPv6 included",
    );
    environment.parse(host, |text| {
        let wanted = "is not an IP address such as 0.0.0.0 or ::";
        text.parse().map_err(|_| wanted.to_owned())
    })
}

/// Listens on `address`, whose port is the value of `variable`. Tries for some seconds while it is taken or not there.
///
/// # Errors
/// The reason, and what an operator can do about it; also when `stop` is cancelled meanwhile.
pub async fn bind(
    address: SocketAddr,
    variable: &str,
    stop: &CancellationToken,
) -> Result<TcpListener> {
    let began = Instant::now();
    let mut is_told = false;
    loop {
        let error = match try_bind(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => error,
        };
        let may_pass = matches!(
            error.kind(),
            ErrorKind::AddrInUse | ErrorKind::AddrNotAvailable
        );
        if !may_pass || began.elapsed() > PATIENCE {
            let advice = advice(address, variable, error.kind());
            return Err(error).context(advice);
        }
        if !is_told {
            warn!(%address, %error, "cannot listen on {address} yet: trying for {PATIENCE:?}");
            is_told = true;
        }
        if stop.run_until_cancelled(sleep(RETRY)).await.is_none() {
            bail!("stopped before listening on {address}");
        }
    }
}

fn try_bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A process that is started again must not wait for the connections of the last one.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// What an operator can do when `address` cannot be listened on.
fn advice(address: SocketAddr, variable: &str, kind: ErrorKind) -> String {
    let (ip, port) = (address.ip(), address.port());
    match kind {
        ErrorKind::AddrInUse => format!(
            "another process listens on {address}: stop it, or set {variable} to a port that is free"
        ),
        ErrorKind::AddrNotAvailable => {
            format!("this machine does not have the address {ip}: set HOST to one that it has")
        }
        ErrorKind::PermissionDenied => format!(
            "this account may not listen on port {port}: set {variable} to a port above 1023"
        ),
        _ => format!("listening on {address}: set HOST and {variable} to what this machine has"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_that_becomes_free_is_taken() -> Result<()> {
        let stop = CancellationToken::new();
        for host in ["127.0.0.1", "::1"] {
            let taken = bind(SocketAddr::new(host.parse()?, 0), "PORT", &stop).await?;
            let address = taken.local_addr()?;
            let (bound, ()) = tokio::join!(bind(address, "PORT", &stop), async {
                sleep(RETRY * 3).await;
                drop(taken);
            });
            assert_eq!(bound?.local_addr()?, address);
        }
        Ok(())
    }

    #[tokio::test]
    async fn a_stop_ends_the_attempts() -> Result<()> {
        let stop = CancellationToken::new();
        let taken = bind("127.0.0.1:0".parse()?, "PORT", &stop).await?;
        stop.cancel();
        assert!(bind(taken.local_addr()?, "PORT", &stop).await.is_err());
        Ok(())
    }
}
