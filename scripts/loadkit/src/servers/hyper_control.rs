//! A bare hyper server that answers every request with the same response. The difference to the gateway is what the
//! gateway itself costs.

use anyhow::{Context as _, Result};
use bytes::Bytes;
use clap::Args;
use http_body_util::Full;
use hyper::Response;
use hyper::header::{HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::future::ready;
use std::net::SocketAddr;
use testkit::http;
use tokio::net::{TcpListener, TcpStream};

/// The gateway's limit for the head of a request.
const MAX_HEAD: usize = 16 << 10;
/// The gateway's limit for the buffer of a connection.
const MAX_BUFFER: usize = MAX_HEAD + 512;

/// Where to listen, and which response to send.
#[derive(Args)]
pub(crate) struct Options {
    /// The address to listen on.
    address: SocketAddr,
    /// The gateway that is asked once for the response.
    gateway: SocketAddr,
    /// The path of the response.
    path: String,
}

/// Fetches the response from the gateway, and serves it for ever.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let fetched = http::get(options.gateway, &options.path).await;
    let mut response = Response::new(Full::new(Bytes::from(fetched.body)));
    for (name, value) in &fetched.headers {
        // hyper adds these two itself.
        if !matches!(name.as_str(), "content-length" | "date") {
            let name = HeaderName::try_from(name).context("parsing a header name")?;
            let value = HeaderValue::try_from(value).context("parsing a header value")?;
            response.headers_mut().insert(name, value);
        }
    }
    let listener = TcpListener::bind(options.address).await;
    let listener = listener.context("listening")?;
    loop {
        let (socket, _) = listener.accept().await.context("accepting a connection")?;
        socket.set_nodelay(true).context("setting TCP_NODELAY")?;
        tokio::spawn(serve_connection(socket, response.clone()));
    }
}

async fn serve_connection(socket: TcpStream, response: Response<Full<Bytes>>) {
    let service = service_fn(|_request| ready(Ok::<_, Infallible>(response.clone())));
    let connection = http1::Builder::new()
        .max_header_size(MAX_HEAD)
        .max_buf_size(MAX_BUFFER)
        .serve_connection(TokioIo::new(socket), service);
    // An error means that the client has disconnected.
    connection.await.ok();
}
