//! What this machine must allow. It is checked first, so that a crowd does not fail in the middle.

use super::crowd::STREAMS_PER_PROCESS;
use anyhow::{Context as _, Result, ensure};
use std::fs;
use testkit::descriptors;

/// Of both ends of a stream, in the kernel and in the processes; measured: 12.
const KIB_PER_STREAM: usize = 16;
/// For MariaDB, Redis, the worker and the gateways themselves.
const KIB_BESIDE: usize = 2 << 20;
/// Files of a gateway or a client process beside its streams.
const FILES_BESIDE: usize = 1_500;

/// Checks the limits for `streams`.
///
/// # Errors
/// Says which limit is too low, and how to raise it.
pub(super) fn check(streams: usize) -> Result<()> {
    let (files, wanted) = (
        descriptors::raise()?,
        streams.min(STREAMS_PER_PROCESS) + FILES_BESIDE,
    );
    ensure!(
        files >= wanted,
        "a process may open {files} files: raise the hard limit (ulimit -Hn) to {}",
        wanted + 500
    );
    let text = fs::read_to_string("/proc/meminfo").context("reading the free memory")?;
    let available = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"));
    let available = available.and_then(|kib| kib.split_whitespace().next()?.parse().ok());
    let available: usize = available.context("the kernel does not report its free memory")?;
    let wanted = KIB_BESIDE + streams * KIB_PER_STREAM;
    ensure!(
        available >= wanted,
        "{streams} streams need about {} MiB of memory, and {} are free: use fewer --streams",
        wanted >> 10,
        available >> 10
    );
    // A connection is tracked once, and for some minutes after its end; every stream comes back once.
    let read = |name| {
        let text = fs::read_to_string(format!("/proc/sys/net/netfilter/nf_conntrack_{name}"));
        text.ok()?.trim().parse::<usize>().ok()
    };
    if let (Some(1..), Some(max)) = (read("count"), read("max")) {
        ensure!(
            max >= streams * 3,
            "the kernel tracks at most {max} connections: sysctl -w net.netfilter.nf_conntrack_max={}",
            streams * 3
        );
    }
    Ok(())
}
