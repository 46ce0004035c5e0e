//! A client that speaks TLS and HTTP/2 like a browser: curl.

use crate::fixture::SOON;
use std::process::Stdio;
use testkit::balancer::{Balancer, HOST};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

/// A response whose head has arrived. Dropping it ends curl.
pub(super) struct Response {
    /// Such as `HTTP/2 200`.
    pub(super) status: String,
    /// `name: value`, names in lower case as in HTTP/2.
    pub(super) headers: Vec<String>,
    body: BufReader<ChildStdout>,
    _curl: Child,
}

/// Sends a request to a balancer by its host name, trusting only its own certificate authority.
pub(super) async fn request(balancer: &Balancer, path: &str) -> Response {
    let port = balancer.tls.port();
    let mut curl = Command::new("curl")
        .args(["--silent", "--show-error", "--include", "--no-buffer"])
        .arg("--cacert")
        .arg(balancer.authority.certificate())
        .args(["--resolve", &format!("{HOST}:{port}:127.0.0.1")])
        .arg(format!("https://{HOST}:{port}{path}"))
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("curl; scripts/install curl installs it");
    let mut answer = Response {
        status: String::new(),
        headers: Vec::new(),
        body: BufReader::new(curl.stdout.take().unwrap()),
        _curl: curl,
    };
    answer.status = answer.line().await;
    loop {
        match answer.line().await {
            header if header.is_empty() => return answer,
            header => answer.headers.push(header),
        }
    }
}

impl Response {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The next line of the body, without the line break.
    pub(super) async fn line(&mut self) -> String {
        let mut line = String::new();
        let reading = timeout(SOON, self.body.read_line(&mut line)).await;
        reading.expect("a line in time").unwrap();
        line.trim_end().to_owned()
    }

    /// The rest of the body.
    pub(super) async fn body(mut self) -> String {
        let mut body = String::new();
        let reading = timeout(SOON, self.body.read_to_string(&mut body)).await;
        reading.expect("an end in time").unwrap();
        body
    }
}
