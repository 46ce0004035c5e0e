//! Each mode breaks existing and new connections. Otherwise the tests of faults would pass without a fault.

use std::time::Duration;

use testkit::fault_proxy::{Direction, FaultProxy, Mode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(10);
/// Far longer than an echo takes on this machine.
const SILENCE: Duration = Duration::from_millis(200);

/// Starts a server that sends back whatever it receives, and returns its port.
async fn echo_server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                tokio::io::copy(&mut from, &mut to).await
            });
        }
    });
    port
}

async fn is_echoed(stream: &mut TcpStream) -> bool {
    let echo = async {
        stream.write_all(b"hello").await?;
        stream.read_exact(&mut [0; 5]).await
    };
    matches!(timeout(SILENCE, echo).await, Ok(Ok(_)))
}

async fn works(proxy: &FaultProxy) -> bool {
    let connect = TcpStream::connect(("127.0.0.1", proxy.port()));
    match timeout(SILENCE, connect).await {
        Ok(Ok(mut stream)) => is_echoed(&mut stream).await,
        _ => false,
    }
}

#[tokio::test]
async fn every_mode_breaks_existing_and_new_connections() {
    let proxy = FaultProxy::to(echo_server().await, 1)
        .await
        .expect("a proxy");
    let delay = Mode::Delay {
        by: SILENCE * 2,
        jitter: SILENCE,
    };
    for (mode, is_repairable) in [
        (Mode::Refuse, false),
        (Mode::Reset, false),
        (Mode::BlackHole, false),
        (Mode::HostGone, false),
        (Mode::Drop(Direction::Up), false),
        (Mode::Drop(Direction::Down), false),
        (Mode::HalfClose(Direction::Up), false),
        (Mode::HalfClose(Direction::Down), false),
        (Mode::CutAfter(3), false),
        (Mode::Freeze, true),
        (delay, true),
    ] {
        let address = ("127.0.0.1", proxy.port());
        let mut existing = TcpStream::connect(address).await.expect("a connection");
        assert!(is_echoed(&mut existing).await, "before {mode:?}");
        proxy.set(mode).await;
        assert!(!is_echoed(&mut existing).await, "existing, {mode:?}");
        assert!(!works(&proxy).await, "new, {mode:?}");
        proxy.set(Mode::Open).await;
        assert!(works(&proxy).await, "after {mode:?}");
        // What a frozen network held back is delivered late; what another one dropped is lost.
        let late = timeout(LIMIT / 10, existing.read_exact(&mut [0; 5])).await;
        assert_eq!(
            matches!(late, Ok(Ok(_))),
            is_repairable,
            "{mode:?}: {late:?}"
        );
    }
}
