//! Reads the events of a stream, as cheaply as possible: the same bytes arrive on every stream, and are parsed once.

use crate::fleet::protocol::{snapshot_index, tag};
use chrono::NaiveDate;
use serde::Deserialize;
use std::time::Duration;

const ACCEPTED: &[u8] = b"HTTP/1.1 200 ";
/// The end of a chunked body, behind the end of the chunk before.
const LAST_CHUNK: &[u8] = b"\r\n0\r\n\r\n";

/// A part of a stream that means something to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// `init` or `update`.
    Count(Count),
    /// `snapshot`: the index of the snapshot, and the tag of its new copy.
    Changed(usize, u32),
    /// When to come again.
    Retry(Duration),
}

/// A count as a stream shows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    /// When it was made, in milliseconds since 1970.
    pub(super) made_at: i64,
    pub(super) total: u64,
    pub(super) date: NaiveDate,
    pub(super) is_update: bool,
}

#[derive(Deserialize)]
struct CountData {
    total: u64,
    date: NaiveDate,
}

#[derive(Deserialize)]
struct ChangeData<'a> {
    path: &'a str,
    etag: String,
}

/// The bytes of the last read that was exactly one count, and that count.
#[derive(Debug, Default)]
pub(super) struct LastRead {
    bytes: Vec<u8>,
    count: Count,
}

/// The beginning of an event whose end has not arrived; mostly empty.
#[derive(Debug, Default)]
pub(super) struct Partial(Vec<u8>);

impl Partial {
    /// Takes the bytes of a read, and calls `on_event` for each event that is complete now.
    pub(super) fn parse(
        &mut self,
        bytes: &[u8],
        last: &mut LastRead,
        mut on_event: impl FnMut(Event),
    ) {
        if self.0.is_empty() && bytes == last.bytes {
            return on_event(Event::Count(last.count));
        }
        let was_empty = self.0.is_empty();
        self.0.extend_from_slice(bytes);
        let (mut unparsed, mut events) = (&self.0[..], Vec::new());
        while let Some(end) = unparsed.windows(2).position(|pair| pair == b"\n\n") {
            parse_block(&unparsed[..end], &mut events);
            unparsed = &unparsed[end + 2..];
        }
        if unparsed == b"\r\n" {
            // The end of the chunk.
            unparsed = &[];
        }
        let parsed = self.0.len() - unparsed.len();
        if let (true, true, [Event::Count(count)]) = (was_empty, parsed == bytes.len(), &events[..])
        {
            last.bytes.clear();
            last.bytes.extend_from_slice(bytes);
            last.count = *count;
        }
        match parsed == self.0.len() {
            // Gives the memory back: there are thousands of these.
            true => self.0 = Vec::new(),
            false => drop(self.0.drain(..parsed)),
        }
        events.into_iter().for_each(on_event);
    }

    /// Whether the response is what a stream begins with, as far as it has arrived.
    pub(super) fn is_accepted(bytes: &[u8]) -> bool {
        bytes.starts_with(ACCEPTED)
    }

    /// Takes what arrived before the end of the connection. Returns the last `retry:`, and whether the body was
    /// complete.
    pub(super) fn finish(&mut self) -> (Option<Duration>, bool) {
        let unparsed = std::mem::take(&mut self.0);
        let mut events = Vec::new();
        parse_block(&unparsed, &mut events);
        let retry = events.into_iter().rev().find_map(|event| match event {
            Event::Retry(after) => Some(after),
            _ => None,
        });
        (retry, unparsed.ends_with(LAST_CHUNK))
    }
}

/// Adds the events of a block, in front of which there may be the head of the response, or of a chunk.
fn parse_block(block: &[u8], events: &mut Vec<Event>) {
    let (mut id, mut name) = (0, "");
    for line in String::from_utf8_lossy(block).lines() {
        match line.split_once(": ") {
            Some(("retry", value)) => {
                let millis = value.trim_end().parse();
                events.extend(
                    millis
                        .ok()
                        .map(|millis| Event::Retry(Duration::from_millis(millis))),
                );
            }
            Some(("id", value)) => id = value.parse().unwrap_or(0),
            Some(("event", "init")) => name = "init",
            Some(("event", "update")) => name = "update",
            Some(("data", data)) if name.is_empty() => events.extend(parse_change(data)),
            Some(("data", data)) => {
                let data: Option<CountData> = serde_json::from_str(data).ok();
                events.extend(data.map(|CountData { total, date }| {
                    Event::Count(Count {
                        made_at: id,
                        total,
                        date,
                        is_update: name == "update",
                    })
                }));
            }
            _ => {}
        }
    }
}

fn parse_change(data: &str) -> Option<Event> {
    let data: ChangeData<'_> = serde_json::from_str(data).ok()?;
    Some(Event::Changed(snapshot_index(data.path)?, tag(&data.etag)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
    const INIT: &str = "70\r\nretry: 1234\nevent: init\nid: 5\ndata: {\"total\":1,\"source\":\"cache\",\"at\":\"x\",\"date\":\"2025-09-23\"}\n\n\r\n";
    const UPDATE: &str =
        "70\r\nevent: update\nid: 7\ndata: {\"total\":2,\"date\":\"2025-09-24\"}\n\n\r\n";
    const CHANGE: &str = "70\r\nevent: snapshot\ndata: {\"path\":\"/api/visitors/weekly\",\"etag\":\"\\\"0000001f00-id\\\"\"}\n\n\r\n";
    const END: &str = "d\r\nretry: 4321\n\r\n0\r\n\r\n";

    #[test]
    fn events_are_found_however_they_are_split() {
        let weekly = snapshot_index("/api/visitors/weekly").unwrap();
        let text = [
            HEAD,
            INIT,
            UPDATE,
            "c\r\n: keepalive\n\r\n",
            CHANGE,
            UPDATE,
            END,
        ]
        .concat();
        // A read has one byte at least.
        for at in 1..text.len() {
            let (mut partial, mut last) = (Partial::default(), LastRead::default());
            let mut events = Vec::new();
            let (first, second) = text.as_bytes().split_at(at);
            for part in [first, second] {
                partial.parse(part, &mut last, |event| events.push(event));
            }
            let (retry, is_complete) = partial.finish();
            let found: Vec<_> = events
                .iter()
                .filter_map(|event| match event {
                    Event::Count(count) => Some((count.made_at, count.total, count.is_update)),
                    _ => None,
                })
                .collect();
            assert_eq!(
                found,
                [(5, 1, false), (7, 2, true), (7, 2, true)],
                "split at {at}"
            );
            assert!(
                events.contains(&Event::Changed(weekly, 31)),
                "split at {at}"
            );
            assert_eq!(events[0], Event::Retry(Duration::from_millis(1234)));
            assert_eq!(
                (retry, is_complete),
                (Some(Duration::from_millis(4321)), true)
            );
        }
    }

    #[test]
    fn a_repeated_read_is_not_parsed_again() {
        let (mut partial, mut last) = (Partial::default(), LastRead::default());
        let mut totals = Vec::new();
        for _ in 0..2 {
            partial.parse(UPDATE.as_bytes(), &mut last, |event| {
                let Event::Count(count) = event else { return };
                totals.push(count.total);
            });
            // Only the bytes are compared.
            last.count.total += 1;
        }
        assert_eq!(totals, [2, 3]);
        assert_eq!(Partial::default().finish(), (None, false));
    }
}
