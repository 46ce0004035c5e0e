//! Whether the process of this machine lives, asked by the same binary: containers have no other program that could ask.

use anyhow::{Context, Result, ensure};
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// A process that turns answers within milliseconds; orchestrators mostly wait for a second.
const LIMIT: Duration = Duration::from_millis(900);

/// Asks `/livez` of the process that listens on `address`.
///
/// # Errors
/// Nobody answers in time, or not with 200.
pub fn livez(address: SocketAddr) -> Result<()> {
    let address = SocketAddr::new(reached(address.ip()), address.port());
    let asked = || format!("asking http://{address}/livez");
    let mut stream = TcpStream::connect_timeout(&address, LIMIT).with_context(asked)?;
    stream.set_read_timeout(Some(LIMIT)).with_context(asked)?;
    stream.set_write_timeout(Some(LIMIT)).with_context(asked)?;
    let request = "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).with_context(asked)?;
    let mut status = String::new();
    BufReader::new(stream)
        .read_line(&mut status)
        .with_context(asked)?;
    let is_ok = status.split(' ').nth(1) == Some("200");
    ensure!(is_ok, "{} got {:?}", asked(), status.trim_end());
    Ok(())
}

/// Who listens everywhere is reached at home.
fn reached(host: IpAddr) -> IpAddr {
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

    /// Asks somebody who answers so.
    fn ask(answer: &'static str) -> Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let answering = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept()?;
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line)?;
            stream.write_all(answer.as_bytes())?;
            std::io::Result::Ok(line)
        });
        let asked = livez((Ipv4Addr::UNSPECIFIED, port).into());
        assert_eq!(answering.join().unwrap()?, "GET /livez HTTP/1.1\r\n");
        asked
    }

    #[test]
    fn only_200_is_life() {
        assert!(ask("HTTP/1.1 200 OK\r\n\r\n").is_ok());
        for other in ["HTTP/1.1 503 Service Unavailable\r\n\r\n", "", "200"] {
            assert!(ask(other).is_err(), "{other}");
        }
    }

    #[test]
    fn nobody_is_an_error_that_names_the_address() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let error = livez((Ipv4Addr::LOCALHOST, port).into()).unwrap_err();
        assert!(error.to_string().contains(&port.to_string()), "{error:#}");
    }
}
