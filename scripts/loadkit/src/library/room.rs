//! What a library takes of the disk and of the memory.

use crate::library::size::Size;
use anyhow::{Context as _, Result, ensure};
use nix::sys::statvfs::statvfs;
use std::path::{Path, PathBuf};
use testkit::mariadb::MariaDbOptions;
use testkit::schema::Engine;

/// Of a visit, or of a loan with its history, on the disk; with what a table takes while it is written anew.
const BYTES_A_ROW: u64 = 350;
/// The server's own.
const BYTES_BESIDES: u64 = 2 << 30;
/// Of the server's memory for each row: ten million visits and as many loans get 4 GiB, and then fit.
const MEMORY_A_ROW: u64 = 215;
const MIB: u64 = 1 << 20;
/// From what any server has to what a machine of a library might give.
const MEMORY_MIB: [u64; 2] = [512, 6 << 10];

/// Whether the disk has room for a library.
///
/// # Errors
/// When it has not.
pub fn on_disk(folder: &Path, size: &Size) -> Result<()> {
    let disk = statvfs(folder).context("asking for the room on the disk")?;
    let free = disk.blocks_available() * disk.fragment_size();
    let wanted = rows(size) * BYTES_A_ROW + BYTES_BESIDES;
    let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
    ensure!(
        free >= wanted,
        "{} has {:.1} GiB left, this library may take {:.1}",
        folder.display(),
        gib(free),
        gib(wanted),
    );
    Ok(())
}

/// A server whose memory fits the library and the machine: most of it to the engine that holds the tables.
///
/// # Errors
/// When Linux does not say how much memory there is.
pub fn in_memory(size: &Size, engine: Engine, data: PathBuf) -> Result<MariaDbOptions> {
    let text = std::fs::read_to_string("/proc/meminfo").context("asking for the memory")?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = line.and_then(|line| line.split_ascii_whitespace().next());
    let kib: u64 = kib
        .and_then(|kib| kib.parse().ok())
        .context("no MemTotal")?;
    let [least, most] = MEMORY_MIB;
    let wanted = (rows(size) * MEMORY_A_ROW / MIB).clamp(least, most);
    let mib = wanted.min(kib / 1024 / 3);
    let (pool, keys) = match engine {
        Engine::InnoDb => (mib, 64),
        // The blocks of its rows are held by Linux, not by the server.
        Engine::MyIsam | Engine::Aria => (128, mib / 4),
    };
    Ok(MariaDbOptions {
        buffer_pool_mib: u32::try_from(pool).context("a size of memory")?,
        data: Some(data),
        extra: vec![
            format!("--key-buffer-size={keys}M"),
            // Indexes are built by sorting; with less they are sorted in pieces.
            "--myisam-sort-buffer-size=512M".to_owned(),
            "--innodb-sort-buffer-size=64M".to_owned(),
            "--innodb-log-file-size=1G".to_owned(),
            // Of a disk of today: by default it takes minutes to write out what a filling leaves.
            "--innodb-io-capacity=10000".to_owned(),
        ],
    })
}

fn rows(size: &Size) -> u64 {
    u64::from(size.visits) + u64::from(size.loans)
}
