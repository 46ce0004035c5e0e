//! hyper with nothing around it: one answer, made of a file of headers and a file with the body, for any request.
//! What the gateway does beyond this, it does on its own account.

use anyhow::{Context as _, Result};
use clap::Parser;
use loadkit::bare;
use loadkit::http::Answer;
use std::net::SocketAddr;
use std::path::PathBuf;
use tokio::net::TcpListener;

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

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let head = std::fs::read_to_string(&arguments.head).context("reading the head")?;
    let answer = Answer {
        status: 200,
        headers: head.lines().map(header).collect::<Result<_>>()?,
        body: std::fs::read(&arguments.body).context("reading the body")?,
    };
    let listener = TcpListener::bind(arguments.address).await?;
    bare::serve(listener, answer).await
}

fn header(line: &str) -> Result<(String, String)> {
    let (name, value) = line.split_once(": ").context("a header without a colon")?;
    Ok((name.to_owned(), value.to_owned()))
}
