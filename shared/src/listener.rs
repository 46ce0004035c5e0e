//! Opens listening sockets.

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

/// How long to retry: a process that is ending may still use the port, and the address may be missing while the network
/// comes up.
const RETRY_FOR: Duration = Duration::from_secs(5);
/// The time between two attempts. A bind costs microseconds.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);
/// The number of connections that the kernel keeps until they are accepted. All screens of a large library reconnect at
/// once after a restart, and a client that finds no room retries after a second. The kernel's limit, 4096 by default,
/// applies too.
const BACKLOG: u32 = 16_384;

/// Reads `HOST`.
pub fn read_host(environment: &mut Environment<'_>) -> IpAddr {
    let host = Variable::optional(
        "HOST",
        "0.0.0.0",
        "the IP address to listen on; :: means all addresses, including IPv6",
    );
    environment.parse(host, |text| {
        let wanted = "is not an IP address such as 0.0.0.0 or ::";
        text.parse().map_err(|_| wanted.to_owned())
    })
}

/// Listens on `address`, whose port is the value of `variable`. Retries for 5 s while the port is in use or the address
/// is missing.
///
/// # Errors
/// The cause, and what an operator can do about it. Also if `stop` is cancelled meanwhile.
pub async fn bind(
    address: SocketAddr,
    variable: &str,
    stop: &CancellationToken,
) -> Result<TcpListener> {
    let began = Instant::now();
    let mut is_logged = false;
    loop {
        let error = match try_bind(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => error,
        };
        let is_temporary = matches!(
            error.kind(),
            ErrorKind::AddrInUse | ErrorKind::AddrNotAvailable
        );
        if !is_temporary || began.elapsed() > RETRY_FOR {
            let advice = advice(address, variable, error.kind());
            return Err(error).context(advice);
        }
        if !is_logged {
            warn!(%address, %error, "cannot listen on {address} yet: retrying for {RETRY_FOR:?}");
            is_logged = true;
        }
        if stop
            .run_until_cancelled(sleep(RETRY_INTERVAL))
            .await
            .is_none()
        {
            bail!("stopped before listening on {address}");
        }
    }
}

fn try_bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A restarted process must not wait for the old connections of the previous one.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// What an operator can do if the process cannot listen on `address`.
fn advice(address: SocketAddr, variable: &str, kind: ErrorKind) -> String {
    let (ip, port) = (address.ip(), address.port());
    match kind {
        ErrorKind::AddrInUse => format!(
            "another process listens on {address}: stop it, or set {variable} to a free port"
        ),
        ErrorKind::AddrNotAvailable => {
            format!(
                "this machine does not have the address {ip}: set HOST to an address that it has"
            )
        }
        ErrorKind::PermissionDenied => format!(
            "this account may not listen on port {port}: set {variable} to a port above 1023"
        ),
        _ => format!(
            "cannot listen on {address}: set HOST and {variable} to an address and port of this machine"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bind_waits_until_the_port_is_free() -> Result<()> {
        let stop = CancellationToken::new();
        for host in ["127.0.0.1", "::1"] {
            let taken = bind(SocketAddr::new(host.parse()?, 0), "PORT", &stop).await?;
            let address = taken.local_addr()?;
            let (bound, ()) = tokio::join!(bind(address, "PORT", &stop), async {
                sleep(RETRY_INTERVAL * 3).await;
                drop(taken);
            });
            assert_eq!(bound?.local_addr()?, address);
        }
        Ok(())
    }

    #[tokio::test]
    async fn stop_ends_the_attempts() -> Result<()> {
        let stop = CancellationToken::new();
        let taken = bind("127.0.0.1:0".parse()?, "PORT", &stop).await?;
        stop.cancel();
        assert!(bind(taken.local_addr()?, "PORT", &stop).await.is_err());
        Ok(())
    }
}
