//! The real gateway, released, held to some cores.

use crate::cores;
use crate::http;
use crate::meter::Meter;
use anyhow::{Result, bail};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};
use testkit::process::{Process, free_port};

/// It starts within milliseconds; not so beside a build.
const START_LIMIT: Duration = Duration::from_secs(20);
/// Above any crowd of ours.
const MOST_STREAMS: &str = "100000";
/// The last snapshot that is stored: when it is there, all are.
const LAST: &str = "/api/books/summary";
/// The path of the stream.
pub const STREAM: &str = "/api/visitors/today/stream";

/// A running gateway. Dropping it kills it.
#[derive(Debug)]
pub struct Gateway {
    /// Where it listens.
    pub address: SocketAddr,
    /// What it uses.
    pub meter: Meter,
    _process: Process,
}

impl Gateway {
    /// Starts it on the Redis on `redis_port`, which holds every snapshot, held to `cores`; returns when it serves them.
    pub fn start(cores: &[usize], redis_port: u16) -> Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let env = [
            ("HOST", address.ip().to_string()),
            ("PORT", address.port().to_string()),
            ("REDIS_URL", format!("redis://127.0.0.1:{redis_port}")),
            ("SSE_MAX_CLIENTS", MOST_STREAMS.to_owned()),
        ];
        let mut process = cores::serve(cores, "gateway", &[], &env)?;
        let began = Instant::now();
        while !http::get(address, LAST).is_ok_and(|answer| answer.status == 200) {
            if process.try_exit()?.is_some() || began.elapsed() > START_LIMIT {
                bail!("the gateway does not serve: {}", process.log_tail());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Self {
            address,
            meter: Meter::of(process.pid()),
            _process: process,
        })
    }
}
