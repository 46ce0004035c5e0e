//! Holds a private MariaDB, a private Redis and a child with a child of its own until it is killed; the kit's own test kills it.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use testkit::eventually::eventually;
use testkit::mariadb::{MariaDb, MariaDbOptions};
use testkit::process::Process;
use testkit::server::Redis;

/// Far above what a shell takes.
const LIMIT: Duration = Duration::from_secs(10);

#[tokio::main(flavor = "current_thread")]
#[allow(
    clippy::print_stdout,
    reason = "the test reads the pids and the folders here"
)]
async fn main() -> Result<()> {
    let maria = MariaDb::start(&MariaDbOptions::default()).await?;
    let redis = Redis::start().await?;
    let script = "sleep 1000 & echo $!; wait";
    let child = Process::spawn_at(Path::new("/bin/sh"), &["-c", script], &[])?;
    let child_folder = child
        .log_path()
        .parent()
        .map(|folder| folder.display().to_string())
        .unwrap_or_default();
    println!("{} {}", maria.pid(), maria.dir().display());
    println!("{} {}", redis.pid(), redis.dir().display());
    println!("{} {child_folder}", child.pid());
    let grandchild = eventually("it has started its child", LIMIT, async || {
        child.log().trim().parse::<u32>().ok()
    });
    println!("{} {child_folder}", grandchild.await);
    std::future::pending().await
}
