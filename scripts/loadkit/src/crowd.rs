//! Many streams of events in one thread: [opened](opening), listened to while somebody publishes, and closed together.

pub mod opening;

use crate::figures::Figures;
use crate::heard::Heard;
use crate::subscriber::{State, Subscriber};
use anyhow::{Context as _, Result};
use mio::{Events, Interest, Poll};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Events looked at in one go: few, so that the time of a read is near the time of its arrival.
const BATCH: usize = 256;
/// Room for one read; an event has a few hundred bytes.
const ROOM: usize = 16 << 10;
/// A message that has not come after this long was skipped.
const PATIENCE: Duration = Duration::from_secs(5);

/// Clients of a server.
#[derive(Debug)]
pub struct Crowd {
    poll: Poll,
    events: Events,
    buffer: Vec<u8>,
    server: SocketAddr,
    members: Vec<(Subscriber, Instant)>,
    next_mark: u64,
}

/// When messages are published.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How many.
    pub messages: u64,
    /// From one to the next.
    pub period: Duration,
    /// Whether the next one waits until everybody has the last.
    pub patient: bool,
}

impl Crowd {
    /// Without a stream yet.
    pub fn of(server: SocketAddr) -> Result<Self> {
        Ok(Self {
            poll: Poll::new().context("making a poll")?,
            events: Events::with_capacity(BATCH),
            buffer: vec![0; ROOM],
            server,
            members: Vec::new(),
            // Above any count that was stored before.
            next_mark: 1_000,
        })
    }

    /// Listens for `time`; nobody publishes.
    pub fn listen(&mut self, time: Duration) -> Result<()> {
        let end = Instant::now() + time;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            self.turn(left, |_, _| (), |_, _, _| ())?;
        }
        Ok(())
    }

    /// Publishes as planned and listens until everybody has the last message, or does not get it.
    pub fn hear(&mut self, figures: &mut Figures, plan: Plan) -> Result<Heard> {
        let mut heard = Heard::from_mark(self.next_mark)?;
        let clients = self.streaming() as u64;
        let mut due = Instant::now();
        let mut published = due;
        loop {
            let now = Instant::now();
            let all = heard.deliveries >= heard.messages() * clients;
            let over = heard.messages() >= plan.messages;
            let given_up = now - published > PATIENCE;
            if over && (all || given_up) {
                break;
            }
            if !over && now >= due && (all || given_up || !plan.patient) {
                published = Instant::now();
                figures.publish(heard.publish())?;
                due = (due + plan.period).max(published);
                if plan.patient {
                    due = published + plan.period;
                }
            }
            let wait = match over || (plan.patient && !all) {
                true => PATIENCE,
                false => due.saturating_duration_since(Instant::now()),
            };
            self.turn(wait, |mark, now| heard.hear(mark, now), |_, _, _| ())?;
        }
        self.next_mark += heard.messages();
        Ok(heard)
    }

    /// How many streams are open.
    pub fn streaming(&self) -> usize {
        let members = self.members.iter();
        members
            .filter(|(member, _)| member.state == State::Streaming)
            .count()
    }

    /// Waits for something to happen, at most `wait`. `heard` gets marks, `settled` who got through or did not.
    fn turn(
        &mut self,
        wait: Duration,
        mut heard: impl FnMut(u64, Instant),
        mut settled: impl FnMut(State, Instant, Instant),
    ) -> Result<()> {
        match self.poll.poll(&mut self.events, Some(wait)) {
            Err(e) if e.kind() == ErrorKind::Interrupted => return Ok(()),
            polled => polled.context("waiting for streams")?,
        }
        for event in &self.events {
            let index = event.token().0;
            let Some((member, since)) = self.members.get_mut(index) else {
                continue;
            };
            let before = member.state;
            match before {
                State::Connecting => {
                    member.ask();
                    if member.state == State::Asked {
                        let registry = self.poll.registry();
                        let watched = registry.reregister(
                            &mut member.socket,
                            event.token(),
                            Interest::READABLE,
                        );
                        watched.context("watching a socket")?;
                    }
                }
                State::Asked | State::Streaming => {
                    // The time of each read, since a batch takes a while.
                    let mut now = None;
                    member.read(&mut self.buffer, |mark| {
                        heard(mark, *now.get_or_insert_with(Instant::now));
                    });
                }
                State::Refused | State::Gone => {}
            }
            if matches!(before, State::Connecting | State::Asked)
                && !matches!(member.state, State::Connecting | State::Asked)
            {
                settled(member.state, *since, Instant::now());
            }
        }
        Ok(())
    }
}
