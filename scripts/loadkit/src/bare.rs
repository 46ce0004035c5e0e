//! hyper with nothing around it: one answer, ready made, for any request.

use crate::http::Answer;
use anyhow::{Context as _, Result};
use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use hyper::header::{HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::rc::Rc;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;

/// The gateway's.
const HEAD_LIMIT: usize = 16 << 10;
/// The gateway's.
const BUFFER_LIMIT: usize = HEAD_LIMIT + 512;

/// An answer, ready to send.
struct Ready {
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
}

/// Serves the body and the headers of `answer` in this thread, for ever.
///
/// # Errors
/// A header that is none, or a listener that fails.
pub async fn serve(listener: TcpListener, answer: Answer) -> Result<()> {
    let ready = Rc::new(Ready::of(answer)?);
    LocalSet::new()
        .run_until(async move {
            loop {
                let (socket, _) = listener.accept().await.context("accepting")?;
                socket.set_nodelay(true).context("preparing a socket")?;
                tokio::task::spawn_local(serve_one(socket, ready.clone()));
            }
        })
        .await
}

impl Ready {
    fn of(answer: Answer) -> Result<Self> {
        let headers = answer.headers.iter();
        // hyper adds these two by itself.
        let given = headers.filter(|(name, _)| !matches!(&**name, "content-length" | "date"));
        let headers = given.map(|(name, value)| {
            let name = HeaderName::try_from(name).context("the name of a header")?;
            let value = HeaderValue::try_from(value).context("the value of a header")?;
            Ok((name, value))
        });
        Ok(Self {
            headers: headers.collect::<Result<_>>()?,
            body: answer.body.into(),
        })
    }
}

async fn serve_one(socket: TcpStream, ready: Rc<Ready>) {
    let service = service_fn(|_request| {
        let mut answer = Response::new(Full::new(ready.body.clone()));
        for (name, value) in &ready.headers {
            answer.headers_mut().insert(name.clone(), value.clone());
        }
        std::future::ready(Ok::<_, Infallible>(answer))
    });
    let connection = http1::Builder::new()
        .max_header_size(HEAD_LIMIT)
        .max_buf_size(BUFFER_LIMIT)
        .serve_connection(TokioIo::new(socket), service);
    // A client that leaves in the middle is no concern of a yardstick.
    connection.await.ok();
}
