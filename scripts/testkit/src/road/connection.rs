//! One connection of a road: two sockets, and the bytes in flight between them.

use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};

use crate::road::{Direction, Mode, State};

/// Bytes that are carried as one.
const PIECE: usize = 8 << 10;
/// Pieces under way each way; then the sender has to wait, as on any network.
const UNDER_WAY: usize = 64;
/// A server on this machine answers at once.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// What is under way, and when it is due.
enum Piece {
    Bytes(Vec<u8>),
    End,
    Broken,
}

/// The connection is to be reset at both ends.
struct Reset;

/// Carries between `near` and the server until both have ended, or until it is reset.
pub(super) async fn carry(mut near: TcpStream, mut state: watch::Receiver<State>, seed: u64) {
    let born = state.borrow_and_update().born();
    let mut far = None;
    let mut doomed = state.clone();
    let ended = tokio::select! {
        // First, since a connection that is reset must not reach the server.
        biased;
        _ = doomed.wait_for(|now| now.resets != born.resets) => Err(Reset),
        ended = async {
            let far = far.insert(reach(&mut near, &mut state, &born).await?);
            let ((near_in, near_out), (far_in, far_out)) = (near.split(), far.split());
            let lane = |direction| Lane::new(direction, state.clone(), born, seed);
            let up = lane(Direction::Up).carry(near_in, far_out);
            let down = lane(Direction::Down).carry(far_in, near_out);
            tokio::try_join!(up, down)
        } => ended.map(drop),
    };
    if ended.is_err() {
        for stream in [Some(near), far].into_iter().flatten() {
            stream.set_zero_linger().ok();
        }
    }
}

/// Connects to the server once the road leads there. Who comes into a hole never gets there.
async fn reach(
    near: &mut TcpStream,
    state: &mut watch::Receiver<State>,
    born: &State,
) -> Result<TcpStream, Reset> {
    if born.lost(state, Direction::Up) {
        let mut lost = vec![0; PIECE];
        while near.read(&mut lost).await.is_ok_and(|read| read > 0) {}
        return Err(Reset);
    }
    let thawed = state.wait_for(|now| now.mode != Mode::Freeze).await;
    let target = thawed.map_err(|_| Reset)?.target;
    let far = timeout(CONNECT_LIMIT, TcpStream::connect(("127.0.0.1", target)));
    let far = far.await.map_err(|_| Reset)?.map_err(|_| Reset)?;
    for stream in [&*near, &far] {
        stream.set_nodelay(true).map_err(|_| Reset)?;
    }
    Ok(far)
}

/// One way of a connection.
struct Lane {
    direction: Direction,
    state: watch::Receiver<State>,
    born: State,
    random: ChaCha8Rng,
    /// The last change that was obeyed.
    change: Option<u64>,
    /// Bytes until it is cut.
    left: u64,
    ended: bool,
}

impl Lane {
    fn new(direction: Direction, state: watch::Receiver<State>, born: State, seed: u64) -> Self {
        Self {
            direction,
            state,
            born,
            random: ChaCha8Rng::seed_from_u64(seed.wrapping_mul(2) + direction as u64),
            change: None,
            left: u64::MAX,
            ended: false,
        }
    }

    async fn carry(mut self, mut from: ReadHalf<'_>, mut to: WriteHalf<'_>) -> Result<(), Reset> {
        let (put, mut take) = mpsc::channel(UNDER_WAY);
        let (state, random) = (self.state.clone(), self.random.clone());
        tokio::try_join!(fetch(&mut from, put, state, random), async {
            loop {
                self.obey(&mut to).await;
                tokio::select! {
                    // The road is gone: so are we, at once.
                    changed = self.state.changed() => changed.map_err(|_| Reset)?,
                    next = take.recv() => match next {
                        Some((due, piece)) => self.deliver(due, piece, &mut to).await?,
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
        piece: Piece,
        to: &mut WriteHalf<'_>,
    ) -> Result<(), Reset> {
        sleep_until(due).await;
        let thawed = self.state.wait_for(|now| now.mode != Mode::Freeze).await;
        thawed.map(drop).map_err(|_| Reset)?;
        self.obey(to).await;
        if self.ended || self.born.lost(&self.state, self.direction) {
            return Ok(());
        }
        match piece {
            Piece::Bytes(bytes) => {
                let fits = usize::try_from(self.left).unwrap_or(usize::MAX);
                let carried = &bytes[..bytes.len().min(fits)];
                self.left -= carried.len() as u64;
                // Who does not take it any more says so on the way back.
                to.write_all(carried).await.ok();
                if self.left == 0 { Err(Reset) } else { Ok(()) }
            }
            Piece::End => {
                to.shutdown().await.ok();
                Ok(())
            }
            Piece::Broken => Err(Reset),
        }
    }

    /// Takes note of what has changed.
    async fn obey(&mut self, to: &mut WriteHalf<'_>) {
        let now = *self.state.borrow_and_update();
        if self.change.replace(now.changes) != Some(now.changes) {
            self.left = match now.mode {
                Mode::CutAfter(bytes) => bytes,
                _ => u64::MAX,
            };
        }
        let way = self.direction as usize;
        if !self.ended && now.ends[way] != self.born.ends[way] {
            self.ended = true;
            to.shutdown().await.ok();
        }
    }
}

/// Reads until the end, and says when each piece is due at the other side.
async fn fetch(
    from: &mut ReadHalf<'_>,
    put: mpsc::Sender<(Instant, Piece)>,
    state: watch::Receiver<State>,
    mut random: ChaCha8Rng,
) -> Result<(), Reset> {
    let mut due = Instant::now();
    loop {
        let mut bytes = vec![0; PIECE];
        let piece = match from.read(&mut bytes).await {
            Ok(0) => Piece::End,
            Ok(read) => {
                bytes.truncate(read);
                Piece::Bytes(bytes)
            }
            Err(_) => Piece::Broken,
        };
        let last = !matches!(piece, Piece::Bytes(_));
        if let Mode::Delay { by, jitter } = state.borrow().mode {
            due = due.max(Instant::now() + by + jitter.mul_f64(random.random()));
        }
        if put.send((due, piece)).await.is_err() || last {
            return Ok(());
        }
    }
}

impl State {
    /// What a connection that begins now compares with: it has missed nothing of the mode that it comes into.
    fn born(mut self) -> Self {
        self.resets -= u64::from(self.mode.resets());
        for direction in [Direction::Up, Direction::Down] {
            self.losses[direction as usize] -= u64::from(self.mode.loses(direction));
            self.ends[direction as usize] -= u64::from(self.mode.ends(direction));
        }
        self
    }

    fn lost(&self, state: &watch::Receiver<Self>, direction: Direction) -> bool {
        state.borrow().losses[direction as usize] != self.losses[direction as usize]
    }
}
