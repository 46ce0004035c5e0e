//! The body of an answer: all of it at once, or a stream of events.

use crate::stream::Events;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

/// One of two kinds, which hyper can tell apart by their size.
pub enum Body {
    /// Of known length; shared, not copied. Taken when it has been handed over.
    Full(Option<Bytes>),
    /// Of no known length: chunked, or to HTTP/1.0 up to the close.
    Events(Events),
}

impl Body {
    /// An answer without a body.
    pub fn empty() -> Self {
        Self::Full(None)
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::Full(Some(bytes))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = match self.get_mut() {
            Self::Full(bytes) => Poll::Ready(bytes.take()),
            Self::Events(events) => events.as_mut().poll_next(cx),
        };
        next.map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Full(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(bytes) => {
                let length = bytes.as_ref().map_or(0, Bytes::len);
                SizeHint::with_exact(length as u64)
            }
            Self::Events(_) => SizeHint::default(),
        }
    }
}
