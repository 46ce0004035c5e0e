//! hyper with nothing around it: one answer, made of a file of headers and a file with the body, for any request.
//! What the gateway does beyond this, it does on its own account.

use anyhow::{Context as _, Result};
use bytes::Bytes;
use clap::Parser;
use http_body_util::Full;
use hyper::Response;
use hyper::header::{HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;

/// The gateway's.
const HEAD_LIMIT: usize = 16 << 10;
/// The gateway's.
const BUFFER_LIMIT: usize = HEAD_LIMIT + 512;

/// Answers every request with the same body and headers.
#[derive(Parser)]
struct Arguments {
    /// Where to listen.
    address: SocketAddr,
    /// Lines of `name: value`.
    head: PathBuf,
    /// The body.
    body: PathBuf,
}

struct Ready {
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let head = std::fs::read_to_string(&arguments.head).context("reading the head")?;
    let headers = head.lines().map(header).collect::<Result<_>>()?;
    let body = std::fs::read(&arguments.body).context("reading the body")?;
    let ready = Rc::new(Ready {
        headers,
        body: body.into(),
    });
    let listener = TcpListener::bind(arguments.address).await?;
    LocalSet::new()
        .run_until(async move {
            loop {
                let (socket, _) = listener.accept().await?;
                socket.set_nodelay(true)?;
                tokio::task::spawn_local(serve(socket, ready.clone()));
            }
        })
        .await
}

fn header(line: &str) -> Result<(HeaderName, HeaderValue)> {
    let (name, value) = line.split_once(": ").context("a header without a colon")?;
    let name = HeaderName::try_from(name).context("the name of a header")?;
    let value = HeaderValue::try_from(value).context("the value of a header")?;
    Ok((name, value))
}

async fn serve(socket: TcpStream, ready: Rc<Ready>) {
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
