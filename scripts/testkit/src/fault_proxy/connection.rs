//! One connection of a proxy: two sockets, and the bytes in flight between them.

use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};

use crate::fault_proxy::{Direction, Mode, State};

/// The largest number of bytes that are delivered together.
const CHUNK: usize = 8 << 10;
/// Chunks in flight in each direction. Then the sender has to wait, as on any network.
const CHUNKS_IN_FLIGHT: usize = 64;
/// A server on this machine answers at once.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

enum Event {
    Bytes(Vec<u8>),
    End,
    Broken,
}

/// The connection must be reset at both ends.
struct Reset;

/// Forwards between `client` and the server until both have ended, or until the connection is reset.
pub(super) async fn forward(mut client: TcpStream, mut state: watch::Receiver<State>, seed: u64) {
    let baseline = state.borrow_and_update().baseline();
    let mut server = None;
    let mut resets = state.clone();
    let ended = tokio::select! {
        // First, since a connection that is reset must not reach the server.
        biased;
        _ = resets.wait_for(|now| now.resets != baseline.resets) => Err(Reset),
        ended = async {
            let server = server.insert(connect(&mut client, &mut state, &baseline).await?);
            let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
            let pipe = |direction| Pipe::new(direction, state.clone(), baseline, seed);
            let up = pipe(Direction::Up).run(from_client, to_server);
            let down = pipe(Direction::Down).run(from_server, to_client);
            tokio::try_join!(up, down)
        } => ended.map(drop),
    };
    if ended.is_err() {
        for stream in [Some(client), server].into_iter().flatten() {
            stream.set_zero_linger().ok();
        }
    }
}

/// Connects to the server as soon as the mode allows it. A connection whose bytes are dropped never gets there.
async fn connect(
    client: &mut TcpStream,
    state: &mut watch::Receiver<State>,
    baseline: &State,
) -> Result<TcpStream, Reset> {
    if baseline.has_dropped(state, Direction::Up) {
        let mut dropped = vec![0; CHUNK];
        while client.read(&mut dropped).await.is_ok_and(|read| read > 0) {}
        return Err(Reset);
    }
    let thawed = state.wait_for(|now| now.mode != Mode::Freeze).await;
    let target = thawed.map_err(|_| Reset)?.target;
    let server = timeout(CONNECT_LIMIT, TcpStream::connect(("127.0.0.1", target)));
    let server = server.await.map_err(|_| Reset)?.map_err(|_| Reset)?;
    for stream in [&*client, &server] {
        stream.set_nodelay(true).map_err(|_| Reset)?;
    }
    Ok(server)
}

/// One direction of a connection.
struct Pipe {
    direction: Direction,
    state: watch::Receiver<State>,
    baseline: State,
    random: ChaCha8Rng,
    /// The last change that was applied.
    change: Option<u64>,
    bytes_until_cut: u64,
    closed: bool,
}

impl Pipe {
    fn new(
        direction: Direction,
        state: watch::Receiver<State>,
        baseline: State,
        seed: u64,
    ) -> Self {
        Self {
            direction,
            state,
            baseline,
            random: ChaCha8Rng::seed_from_u64(seed.wrapping_mul(2) + direction as u64),
            change: None,
            bytes_until_cut: u64::MAX,
            closed: false,
        }
    }

    async fn run(mut self, mut from: ReadHalf<'_>, mut to: WriteHalf<'_>) -> Result<(), Reset> {
        let (sender, mut events) = mpsc::channel(CHUNKS_IN_FLIGHT);
        let (state, random) = (self.state.clone(), self.random.clone());
        tokio::try_join!(read_events(&mut from, sender, state, random), async {
            loop {
                self.apply_mode(&mut to).await;
                tokio::select! {
                    // The proxy was dropped.
                    changed = self.state.changed() => changed.map_err(|_| Reset)?,
                    next = events.recv() => match next {
                        Some((due, event)) => self.deliver(due, event, &mut to).await?,
                        None => return Ok(()),
                    },
                }
            }
        })?;
        Ok(())
    }

    async fn deliver(
        &mut self,
        due: Instant,
        event: Event,
        to: &mut WriteHalf<'_>,
    ) -> Result<(), Reset> {
        sleep_until(due).await;
        let thawed = self.state.wait_for(|now| now.mode != Mode::Freeze).await;
        thawed.map(drop).map_err(|_| Reset)?;
        self.apply_mode(to).await;
        if self.closed || self.baseline.has_dropped(&self.state, self.direction) {
            return Ok(());
        }
        match event {
            Event::Bytes(bytes) => {
                let fits = usize::try_from(self.bytes_until_cut).unwrap_or(usize::MAX);
                let delivered = &bytes[..bytes.len().min(fits)];
                self.bytes_until_cut -= delivered.len() as u64;
                // A receiver that is gone shows in the other direction.
                to.write_all(delivered).await.ok();
                if self.bytes_until_cut == 0 {
                    return Err(Reset);
                }
            }
            Event::End => drop(to.shutdown().await),
            Event::Broken => return Err(Reset),
        }
        Ok(())
    }

    async fn apply_mode(&mut self, to: &mut WriteHalf<'_>) {
        let now = *self.state.borrow_and_update();
        if self.change.replace(now.changes) != Some(now.changes) {
            self.bytes_until_cut = match now.mode {
                Mode::CutAfter(bytes) => bytes,
                _ => u64::MAX,
            };
        }
        let index = self.direction as usize;
        if !self.closed && now.closes[index] != self.baseline.closes[index] {
            self.closed = true;
            to.shutdown().await.ok();
        }
    }
}

/// Reads until the end, and decides when each event is due at the other side.
async fn read_events(
    from: &mut ReadHalf<'_>,
    sender: mpsc::Sender<(Instant, Event)>,
    state: watch::Receiver<State>,
    mut random: ChaCha8Rng,
) -> Result<(), Reset> {
    let mut due = Instant::now();
    loop {
        let mut bytes = vec![0; CHUNK];
        let event = match from.read(&mut bytes).await {
            Ok(0) => Event::End,
            Ok(read) => {
                bytes.truncate(read);
                Event::Bytes(bytes)
            }
            Err(_) => Event::Broken,
        };
        let last = !matches!(event, Event::Bytes(_));
        if let Mode::Delay { by, jitter } = state.borrow().mode {
            due = due.max(Instant::now() + by + jitter.mul_f64(random.random()));
        }
        if sender.send((due, event)).await.is_err() || last {
            return Ok(());
        }
    }
}

impl State {
    fn has_dropped(&self, state: &watch::Receiver<Self>, direction: Direction) -> bool {
        state.borrow().drops[direction as usize] != self.drops[direction as usize]
    }
}
