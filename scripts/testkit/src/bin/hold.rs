//! Holds a private MariaDB, a private Redis and a sleeping child until it is killed; the kit's own test kills it.

use std::path::Path;

use anyhow::Result;
use testkit::mariadb::{MariaDb, MariaDbOptions};
use testkit::process::Process;
use testkit::server::Redis;

#[tokio::main(flavor = "current_thread")]
#[allow(
    clippy::print_stdout,
    reason = "the test reads the pids and the folders here"
)]
async fn main() -> Result<()> {
    let maria = MariaDb::start(&MariaDbOptions::default()).await?;
    let redis = Redis::start().await?;
    let child = Process::spawn_at(Path::new("/bin/sleep"), &["1000"], &[])?;
    let child_folder = child
        .log_path()
        .parent()
        .map(|folder| folder.display().to_string())
        .unwrap_or_default();
    println!("{} {}", maria.pid(), maria.dir().display());
    println!("{} {}", redis.pid(), redis.dir().display());
    println!("{} {child_folder}", child.pid());
    std::future::pending().await
}
