//! How long a stream's head and a delivery are: what a line to the screens must carry.

use super::scene::Scene;
use anyhow::{Context as _, Result, ensure};
use loadkit::figures::Figures;
use loadkit::gateway::Gateway;
use loadkit::report::{Report, Row};
use loadkit::subscriber::REQUEST;
use std::io::{Read, Write as _};
use std::net::TcpStream;
use std::time::Duration;
use testkit::server::Redis;

const PART: &str = "bytes of a stream without TLS";
/// A gateway sends at once what is read here.
const PATIENCE: Duration = Duration::from_secs(10);
/// The end of an event, and of the chunk that it is in.
const END: &[u8] = b"\n\n\r\n";
/// Above any head with its first event.
const ROOM: usize = 4096;
/// IPv4 without options, TCP with time stamps, as Linux sends them.
const PACKET: usize = 20 + 32;
/// A record of TLS 1.3: its head, the type within, the tag.
const RECORD: usize = 5 + 1 + 16;
/// A library's count of a day, in its digits.
const COUNT: u64 = 313;

pub(super) fn measure(scene: &Scene, report: &mut Report) -> Result<()> {
    let redis = scene.start(Redis::start())?;
    let mut figures = Figures::new(redis.port())?;
    figures.store_all()?;
    let gateway = Gateway::start(&[scene.cores.server], redis.port())?;
    let mut socket = TcpStream::connect(gateway.address).context("connecting")?;
    let patience = socket.set_read_timeout(Some(PATIENCE));
    patience.context("preparing a socket")?;
    socket.write_all(REQUEST).context("asking for a stream")?;
    let head = length_to_end_of(&mut socket, b"event: init")?;
    figures.publish(COUNT)?;
    let delivery = length_to_end_of(&mut socket, b"event: update")?;
    let rows = [
        ("the head of the answer, with the first event", head),
        ("a delivery: one `update` in its chunk", delivery),
    ];
    for (what, length) in rows {
        report.add(Row::new(PART, what, "B", &(length as f64).into()));
    }
    let (plain, tls) = (delivery + PACKET, delivery + PACKET + RECORD);
    let row = Row::new(
        PART,
        "a delivery with its headers",
        "B",
        &(plain as f64).into(),
    );
    report.add(row.note(format!(
        "by addition: {PACKET} of TCP and IPv4 for each packet; with {RECORD} of TLS 1.3 {tls}; the answer of the \
         client's kernel is {PACKET} the other way"
    )));
    Ok(())
}

/// Reads on until `event` has come whole; returns how many bytes that were. What follows is not touched.
fn length_to_end_of(socket: &mut impl Read, event: &[u8]) -> Result<usize> {
    let (mut read, mut byte) = (Vec::new(), [0]);
    let has = |read: &[u8]| read.windows(event.len()).any(|part| part == event);
    while !(read.ends_with(END) && has(&read)) {
        ensure!(read.len() < ROOM, "no event in {ROOM} bytes");
        socket.read_exact(&mut byte).context("reading a stream")?;
        read.extend(byte);
    }
    Ok(read.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_measured_with_what_is_before_it_and_no_more() {
        let (comment, update) = (
            ": keepalive\n\n\r\n",
            "2A\r\nevent: update\ndata: {}\n\n\r\n",
        );
        let text = format!("{comment}{update}2A\r\n");
        let length = length_to_end_of(&mut text.as_bytes(), b"event: update");
        assert_eq!(length.unwrap(), comment.len() + update.len());
        assert!(length_to_end_of(&mut text.as_bytes(), b"event: init").is_err());
    }
}
