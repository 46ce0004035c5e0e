//! Finds the counts in an event stream.

/// Finds the totals in the events of a stream, however the events are split into reads.
#[derive(Debug, Default)]
pub(crate) struct TotalParser {
    /// The beginning of an event whose end has not arrived.
    partial: Vec<u8>,
}

impl TotalParser {
    /// Takes the bytes of a read, and calls `on_total` with the total of each event that is complete now.
    pub(crate) fn parse(&mut self, bytes: &[u8], mut on_total: impl FnMut(u64)) {
        const FIELD: &[u8] = b"\"total\":";
        self.partial.extend(bytes);
        let mut rest = &self.partial[..];
        while let Some(end) = find(rest, b"\n\n") {
            let event = &rest[..end];
            if let Some(at) = find(event, FIELD) {
                let digits = event[at + FIELD.len()..].iter();
                let digits = digits.take_while(|byte| byte.is_ascii_digit());
                on_total(digits.fold(0, |total, digit| total * 10 + u64::from(digit - b'0')));
            }
            rest = &rest[end + 2..];
        }
        let parsed = self.partial.len() - rest.len();
        self.partial.drain(..parsed);
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|part| part == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_found_in_events_that_are_split_anywhere() {
        let event = "2A\r\nevent: update\nid: 1\ndata: {\"total\":313,\"date\":\"x\"}\n\n\r\n";
        let text = format!("{event}: keepalive\n{event}");
        for at in 0..text.len() {
            let (mut parser, mut totals) = (TotalParser::default(), Vec::new());
            let (first, second) = text.as_bytes().split_at(at);
            parser.parse(first, |total| totals.push(total));
            parser.parse(second, |total| totals.push(total));
            assert_eq!(totals, [313, 313], "split at {at}");
        }
    }
}
