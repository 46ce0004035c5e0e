//! Encodes a block of the event stream once for all clients.

use bytes::{BufMut, Bytes, BytesMut};

/// The end of a chunked body.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// A block, both as a chunk and as plain bytes.
#[derive(Clone, Debug)]
pub struct Frame {
    chunked: Bytes,
    plain: Bytes,
}

impl Frame {
    /// Encodes a complete block.
    pub fn new(block: &[u8]) -> Self {
        let head = format!("{:x}\r\n", block.len());
        let mut chunk = BytesMut::with_capacity(head.len() + block.len() + 2);
        chunk.put_slice(head.as_bytes());
        chunk.put_slice(block);
        chunk.put_slice(b"\r\n");
        let chunked = chunk.freeze();
        Self {
            plain: chunked.slice(head.len()..head.len() + block.len()),
            chunked,
        }
    }

    /// The bytes to send: one chunk, or the plain block for HTTP/1.0.
    pub fn bytes(&self, chunked: bool) -> &Bytes {
        if chunked { &self.chunked } else { &self.plain }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunk_begins_with_its_length_in_hex() {
        let frame = Frame::new(b": keepalive\n");
        assert_eq!(frame.bytes(true), "c\r\n: keepalive\n\r\n");
        assert_eq!(frame.bytes(false), ": keepalive\n");
    }
}
