//! A connection of a crowd: bare, or with TLS as browsers have it to a balancer.

use anyhow::{Context as _, Result, anyhow};
use mio::Interest;
use mio::net::TcpStream;
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use shared::tls::Authorities;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

/// What a client reads from and writes to; both say `WouldBlock` while a handshake is under way.
#[derive(Debug)]
pub enum Wire {
    /// TCP alone.
    Plain(TcpStream),
    /// TLS over it.
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

/// Whose word a crowd takes for which host.
#[derive(Clone, Debug)]
pub struct Trust {
    config: Arc<ClientConfig>,
    host: ServerName<'static>,
}

impl Trust {
    /// Believes the authority of the PEM file alone. Every handshake is a full one, as after a night or a change of key.
    ///
    /// # Errors
    /// A file that holds no certificate, or a host that is none.
    pub fn of(authority: &Path, host: &str) -> Result<Self> {
        let authorities = Authorities::read(&authority.display().to_string());
        let authorities = authorities.map_err(|why| anyhow!("the authority {why}"))?;
        let mut config = authorities.context("no authority")?.client_config();
        config.resumption = Resumption::disabled();
        Ok(Self {
            config: Arc::new(config),
            host: ServerName::try_from(host.to_owned()).context("the name of a host")?,
        })
    }
}

impl Wire {
    /// With TLS where there is somebody to believe.
    pub fn over(socket: TcpStream, trust: Option<&Trust>) -> Result<Self> {
        let Some(Trust { config, host }) = trust else {
            return Ok(Self::Plain(socket));
        };
        let connection = ClientConnection::new(config.clone(), host.clone());
        let connection = connection.context("beginning TLS")?;
        Ok(Self::Tls(Box::new(StreamOwned::new(connection, socket))))
    }

    /// To be watched.
    pub fn socket(&mut self) -> &mut TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => &mut stream.sock,
        }
    }

    /// What to watch for until the request is sent: a handshake needs the server's answers.
    pub fn interest(&self) -> Interest {
        match self {
            Self::Plain(_) => Interest::WRITABLE,
            Self::Tls(_) => Interest::WRITABLE | Interest::READABLE,
        }
    }

    /// Whether a read of less than there was room for was all that had come (epoll(7)); of TLS it is one record.
    pub fn short_read_is_all(&self) -> bool {
        matches!(self, Self::Plain(_))
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subscriber::{REQUEST, State, Subscriber};
    use mio::{Events, Poll, Token};
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::{ServerConfig, ServerConnection};
    use std::net::TcpListener;
    use std::thread::{sleep, spawn};
    use std::time::Duration;
    use testkit::certificates::Authority;

    /// More than is read of a socket in one go.
    const EVENTS: usize = 300;
    /// What has come is told of once, and at once.
    const PATIENCE: Duration = Duration::from_secs(5);

    #[test]
    fn nothing_that_has_come_waits_for_more() {
        let authority = Authority::new().unwrap();
        let issued = authority.issue("DNS:library.example").unwrap();
        let chain = vec![CertificateDer::from_pem_file(issued.certificate).unwrap()];
        let key = PrivateKeyDer::from_pem_file(issued.key).unwrap();
        let server = ServerConfig::builder().with_no_client_auth();
        let server = server.with_single_cert(chain, key).unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let serving = spawn(move || {
            let connection = ServerConnection::new(Arc::new(server)).unwrap();
            let socket = listener.accept().unwrap().0;
            socket.set_nodelay(true).unwrap();
            let mut stream = StreamOwned::new(connection, socket);
            stream.read_exact(&mut [0; REQUEST.len()]).unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
            for mark in 0..EVENTS {
                let event = format!("data: {{\"total\":{mark}}}\n\n");
                stream.write_all(event.as_bytes()).unwrap();
            }
            stream
        });

        let trust = Trust::of(&authority.certificate(), "library.example").unwrap();
        let socket = TcpStream::connect(address).unwrap();
        let mut subscriber = Subscriber::new(Wire::over(socket, Some(&trust)).unwrap());
        while subscriber.state == State::Connecting {
            subscriber.ask();
            sleep(Duration::from_millis(1));
        }
        let _open = serving.join().unwrap();
        let mut poll = Poll::new().unwrap();
        let socket = subscriber.wire.socket();
        let watched = poll
            .registry()
            .register(socket, Token(0), Interest::READABLE);
        watched.unwrap();
        let (mut events, mut marks) = (Events::with_capacity(1), Vec::new());
        while marks.len() < EVENTS {
            poll.poll(&mut events, Some(PATIENCE)).unwrap();
            assert!(!events.is_empty(), "{} came", marks.len());
            subscriber.read(&mut [0; 16 << 10], |mark| marks.push(mark));
        }
        assert_eq!(subscriber.state, State::Streaming);
    }
}
