//! The two bare programs that the gateway is compared with.

use crate::cores::{self, Cores};
use crate::http::Answer;
use crate::meter::Meter;
use anyhow::{Context as _, Result, bail};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use testkit::process::{Process, free_port};

/// They start at once; not so beside a build.
const START_LIMIT: Duration = Duration::from_secs(20);

/// A running control. Dropping it kills it.
#[derive(Debug)]
pub struct Control {
    /// Where it listens.
    pub address: SocketAddr,
    /// What it uses.
    pub meter: Meter,
    _process: Process,
    _folder: Option<TempDir>,
}

impl Control {
    /// hyper with the body and the headers of `answer`, for any request.
    pub fn bare_hyper(cores: Cores, answer: &Answer) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("bench-hyper-").tempdir();
        let folder = folder.context("making a folder for an answer")?;
        let headers = answer.headers.iter();
        let lines: String = headers
            .map(|(name, value)| format!("{name}: {value}\n"))
            .collect();
        let (head, body) = (folder.path().join("head"), folder.path().join("body"));
        fs::write(&head, lines).context("writing a head")?;
        fs::write(&body, &answer.body).context("writing a body")?;
        let (head, body) = (head.display().to_string(), body.display().to_string());
        Self::start(cores, "bare-hyper", &[&head, &body], Some(folder))
    }

    /// A plain loop of writes for each message on the Redis on `redis_port`.
    pub fn floor(cores: Cores, redis_port: u16) -> Result<Self> {
        Self::start(cores, "floor", &[&redis_port.to_string()], None)
    }

    fn start(cores: Cores, binary: &str, args: &[&str], folder: Option<TempDir>) -> Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let text = address.to_string();
        let mut words = vec![text.as_str()];
        words.extend(args);
        let mut process = cores::serve(&[cores.server], binary, &words, &[])?;
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            if process.try_exit()?.is_some() || began.elapsed() > START_LIMIT {
                bail!("{binary} does not start: {}", process.log_tail());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Self {
            address,
            meter: Meter::of(process.pid()),
            _process: process,
            _folder: folder,
        })
    }
}
