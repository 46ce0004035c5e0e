//! Health check of the local process, by the same binary: a minimal container has no other program for it.

use anyhow::{Context, Result, ensure};
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// The time-out of each step. A healthy process answers within milliseconds; orchestrators usually wait for a second.
const TIMEOUT: Duration = Duration::from_millis(900);

/// Requests `/livez` from the process that listens on `address`.
///
/// # Errors
/// If there is no answer in time, or its status is not 200.
pub fn livez(address: SocketAddr) -> Result<()> {
    let address = SocketAddr::new(reachable(address.ip()), address.port());
    let context = || format!("requesting http://{address}/livez");
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT).with_context(context)?;
    stream
        .set_read_timeout(Some(TIMEOUT))
        .with_context(context)?;
    stream
        .set_write_timeout(Some(TIMEOUT))
        .with_context(context)?;
    let request = "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).with_context(context)?;
    let mut status = String::new();
    BufReader::new(stream)
        .read_line(&mut status)
        .with_context(context)?;
    let is_ok = status.split(' ').nth(1) == Some("200");
    ensure!(is_ok, "{} returned {:?}", context(), status.trim_end());
    Ok(())
}

/// A process that listens on all addresses is reached over the loopback address.
fn reachable(host: IpAddr) -> IpAddr {
    match host {
        IpAddr::V4(any) if any.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(any) if any.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        host => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// Probes a server that sends `answer`.
    fn probe(answer: &'static str) -> Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept()?;
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line)?;
            stream.write_all(answer.as_bytes())?;
            std::io::Result::Ok(line)
        });
        let result = livez((Ipv4Addr::UNSPECIFIED, port).into());
        assert_eq!(server.join().unwrap()?, "GET /livez HTTP/1.1\r\n");
        result
    }

    #[test]
    fn only_status_200_is_healthy() {
        assert!(probe("HTTP/1.1 200 OK\r\n\r\n").is_ok());
        for other in ["HTTP/1.1 503 Service Unavailable\r\n\r\n", "", "200"] {
            assert!(probe(other).is_err(), "{other}");
        }
    }

    #[test]
    fn a_refused_connection_is_an_error_with_the_address() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let error = livez((Ipv4Addr::LOCALHOST, port).into()).unwrap_err();
        assert!(error.to_string().contains(&port.to_string()), "{error:#}");
    }
}
