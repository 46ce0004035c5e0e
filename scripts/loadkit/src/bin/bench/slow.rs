//! Readers that never read, beside healthy ones: what they cost the server's memory and the others' time.

use crate::stage::Stage;
use anyhow::{Context as _, Result};
use loadkit::crowd::{Crowd, Plan};
use loadkit::gateway::{Gateway, STREAM};
use loadkit::measure::Rounds;
use loadkit::report::{Report, Row};
use socket2::{Domain, Socket, Type};
use std::io::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const PART: &str = "1,000 readers that never read beside 1,000 that do, 100 messages a second";
const READERS: usize = 1_000;
const AT_ONCE: usize = 64;
const PERIOD: Duration = Duration::from_millis(10);
/// Small, so that a reader is soon as slow as it means to be.
const RECEIVE_ROOM: usize = 4 << 10;
/// Of one look at the healthy ones.
const LOOK: Duration = Duration::from_secs(5);
/// Above the 30 s after which the gateway cuts them: then others take their place.
const SLOW_LIFE: Duration = Duration::from_secs(45);
/// For the gateway to notice that they have gone.
const LEAVE: Duration = Duration::from_secs(1);

pub(crate) fn measure(stage: &mut Stage, report: &mut Report) -> Result<()> {
    let gateway = stage.gateway()?;
    let mut crowd = Crowd::of(gateway.address)?;
    crowd.grow_to(READERS, AT_ONCE)?;
    let (mut alone, mut beside) = (Rounds::default(), Rounds::default());
    // The first look finds cold caches.
    look(stage, &mut crowd)?;
    for _ in 0..2 {
        alone.add(look(stage, &mut crowd)?);
    }
    let healthy = gateway.meter.descriptors()?;
    let cut =
        || Ok::<_, anyhow::Error>((healthy + READERS).saturating_sub(gateway.meter.descriptors()?));
    let mut slow = never_read(&gateway)?;
    let (began, mut came, mut were_cut) = (Instant::now(), Instant::now(), 0);
    look(stage, &mut crowd)?;
    let before = gateway.meter.memory()?;
    let mut highest = before;
    while began.elapsed() < stage.pace.slow {
        beside.add(look(stage, &mut crowd)?);
        highest = highest.max(gateway.meter.memory()?);
        if came.elapsed() > SLOW_LIFE {
            were_cut += cut()?;
            // The old ones go first, so that there are never more than a thousand.
            drop(slow);
            crowd.listen(LEAVE)?;
            slow = never_read(&gateway)?;
            came = Instant::now();
        }
    }
    were_cut += cut()?;
    drop(slow);
    let growth = Rounds::from((highest - before) as f64 / f64::from(1 << 20));
    let seconds = began.elapsed().as_secs();
    report.add(
        Row::new(PART, "memory grew at most by", "MiB", &growth)
            .goal("<= 1 MiB in 600 s")
            .note(format!(
                "in {seconds} s; slow readers that the gateway cut: {were_cut}"
            )),
    );
    let once = Rounds::from(alone.spread().map_or(f64::NAN, |spread| spread.median));
    let with = Rounds::from(beside.spread().map_or(f64::NAN, |spread| spread.median));
    report.add(
        Row::new(
            PART,
            "publish -> last byte at the healthy, p99",
            "ms",
            &beside,
        )
        .goal("<= 1.1 x alone")
        .against("alone", &with, &once),
    );
    Ok(())
}

/// p99 in milliseconds.
fn look(stage: &mut Stage, crowd: &mut Crowd) -> Result<f64> {
    let plan = Plan {
        messages: u64::try_from(LOOK.as_millis() / PERIOD.as_millis()).context("a small number")?,
        period: PERIOD,
        patient: false,
    };
    let heard = crowd.hear(&mut stage.figures, plan)?;
    Ok(heard.latency_ms(0.99))
}

fn never_read(gateway: &Gateway) -> Result<Vec<Socket>> {
    let readers = 0..READERS;
    readers
        .map(|_| ask_and_never_read(gateway.address))
        .collect()
}

fn ask_and_never_read(address: SocketAddr) -> Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).context("making a socket")?;
    let room = socket.set_recv_buffer_size(RECEIVE_ROOM);
    room.context("making a socket slow")?;
    socket
        .connect(&address.into())
        .context("connecting a slow reader")?;
    let request = format!("GET {STREAM} HTTP/1.1\r\nHost: bench\r\n\r\n");
    (&socket)
        .write_all(request.as_bytes())
        .context("asking for a stream")?;
    Ok(socket)
}
