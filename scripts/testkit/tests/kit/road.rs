//! What each mode of a road does to present connections and to new ones.

use std::io;
use std::time::{Duration, Instant};

use testkit::road::{Direction, Mode, Road};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(10);
/// Long enough for what comes at all on this machine.
const SILENCE: Duration = Duration::from_millis(200);

/// A server that says `hello` first and gives its connections away.
async fn server() -> (u16, mpsc::Receiver<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (put, take) = mpsc::channel(64);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.write_all(b"hello").await.ok();
            put.send(stream).await.ok();
        }
    });
    (port, take)
}

async fn connect(road: &Road) -> TcpStream {
    TcpStream::connect(("127.0.0.1", road.port()))
        .await
        .expect("the road accepts")
}

async fn hears(stream: &mut TcpStream, what: &str) {
    let mut heard = vec![0; what.len()];
    let read = timeout(LIMIT, stream.read_exact(&mut heard)).await;
    read.expect("in time").expect("it is heard");
    assert_eq!(String::from_utf8_lossy(&heard), what);
}

async fn says(stream: &mut TcpStream, what: &str) {
    stream.write_all(what.as_bytes()).await.expect("it is said");
}

async fn hears_nothing(stream: &mut TcpStream) {
    let mut heard = [0; 64];
    let read = timeout(SILENCE, stream.read(&mut heard)).await;
    assert!(read.is_err(), "{read:?}");
}

/// What the next read gives: so many bytes, 0 at a good end, or an error.
async fn ends(stream: &mut TcpStream) -> io::Result<usize> {
    let mut heard = [0; 64];
    let read = timeout(LIMIT, stream.read(&mut heard)).await;
    read.expect("it ends in time")
}

/// A road, and a connection on it: the client's end and the server's.
struct Way {
    road: Road,
    servers: mpsc::Receiver<TcpStream>,
    client: TcpStream,
    server: TcpStream,
}

async fn way() -> Way {
    let (port, mut servers) = server().await;
    let road = Road::to(port, 1).await.expect("a road");
    let (client, server) = pair(&road, &mut servers).await;
    Way {
        road,
        servers,
        client,
        server,
    }
}

/// A connection that is well: both ways carry.
async fn pair(road: &Road, servers: &mut mpsc::Receiver<TcpStream>) -> (TcpStream, TcpStream) {
    let mut client = connect(road).await;
    hears(&mut client, "hello").await;
    let mut server = timeout(LIMIT, servers.recv()).await;
    let mut server = server.as_mut().expect("in time").take().expect("a server");
    says(&mut client, "count").await;
    hears(&mut server, "count").await;
    (client, server)
}

#[tokio::test]
async fn a_hole_swallows_what_is_there_for_ever() {
    for mode in [Mode::BlackHole, Mode::HostGone] {
        let Way {
            road,
            mut servers,
            mut client,
            mut server,
        } = way().await;
        road.set(mode).await;
        let mut late = None;
        if mode == Mode::BlackHole {
            let mut client = connect(&road).await;
            hears_nothing(&mut client).await;
            late = Some(client);
        } else {
            let connect = TcpStream::connect(("127.0.0.1", road.port()));
            let answer = timeout(SILENCE, connect).await;
            assert!(answer.is_err(), "{answer:?}");
        }
        says(&mut client, "a question").await;
        says(&mut server, "an answer").await;
        hears_nothing(&mut client).await;
        hears_nothing(&mut server).await;
        road.set(Mode::Open).await;
        pair(&road, &mut servers).await;
        says(&mut client, "another").await;
        hears_nothing(&mut server).await;
        if let Some(late) = &mut late {
            hears_nothing(late).await;
        }
        // The goodbye does not arrive either.
        drop(client);
        hears_nothing(&mut server).await;
    }
}

#[tokio::test]
async fn a_frozen_road_delivers_late() {
    let Way {
        road,
        mut servers,
        mut client,
        mut server,
    } = way().await;
    road.set(Mode::Freeze).await;
    says(&mut client, "a question").await;
    says(&mut server, "an answer").await;
    client.shutdown().await.expect("half of it is closed");
    let mut late = connect(&road).await;
    hears_nothing(&mut client).await;
    hears_nothing(&mut server).await;
    hears_nothing(&mut late).await;
    road.set(Mode::Open).await;
    hears(&mut client, "an answer").await;
    hears(&mut server, "a question").await;
    assert_eq!(ends(&mut server).await.expect("a good end"), 0);
    hears(&mut late, "hello").await;
    servers.recv().await.expect("the late one's server");
}

#[tokio::test]
async fn a_far_server_answers_late_and_in_order() {
    let Way {
        road,
        mut servers,
        mut client,
        mut server,
    } = way().await;
    let (by, jitter) = (Duration::from_millis(100), Duration::from_millis(50));
    road.set(Mode::Delay { by, jitter }).await;
    let began = Instant::now();
    for number in 0..20 {
        says(&mut client, &format!("{number},")).await;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let all: String = (0..20).map(|number| format!("{number},")).collect();
    hears(&mut server, &all).await;
    assert!(began.elapsed() >= by);
    let began = Instant::now();
    pair(&road, &mut servers).await;
    assert!(began.elapsed() >= 2 * by, "the greeting and a word");
}

#[tokio::test]
async fn one_direction_is_lost() {
    for direction in [Direction::Up, Direction::Down] {
        let Way {
            road,
            mut servers,
            mut client,
            mut server,
        } = way().await;
        road.set(Mode::Drop(direction)).await;
        let late = connect(&road).await;
        for mode in [Mode::Drop(direction), Mode::Open] {
            road.set(mode).await;
            let (lost, well) = match direction {
                Direction::Up => (&mut client, &mut server),
                Direction::Down => (&mut server, &mut client),
            };
            says(lost, "into the wind").await;
            says(well, "with the wind").await;
            hears(lost, "with the wind").await;
            hears_nothing(well).await;
        }
        let mut late = late;
        hears_nothing(&mut late).await;
        if direction == Direction::Down {
            let mut server = servers.recv().await.expect("the late one's server");
            says(&mut late, "up").await;
            hears(&mut server, "up").await;
        }
        pair(&road, &mut servers).await;
    }
}
