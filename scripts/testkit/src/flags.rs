//! The command-line flags of a private, strict and fast MariaDB.

use std::path::Path;

use anyhow::Result;

use crate::mariadb::MariaDbOptions;
use crate::server::program;

/// The global SQL mode: as strict as any server that SLiMS meets.
const SQL_MODE: &str = "STRICT_TRANS_TABLES,ONLY_FULL_GROUP_BY,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION";

/// The flags that the installer and the server share.
pub(crate) fn mariadb_common(dir: &Path, data: &Path, options: &MariaDbOptions) -> Vec<String> {
    let mut flags = vec![
        format!("--datadir={}", data.display()),
        // Its own: two servers in one folder for temporary tables remove each other's.
        format!("--tmpdir={}", dir.join("tmp").display()),
        format!("--innodb-buffer-pool-size={}M", options.buffer_pool_mib),
        "--innodb-use-native-aio=0".to_owned(),
        "--innodb-log-file-size=256M".to_owned(),
        // Nothing here outlives the machine's power, so nothing waits for the disk.
        "--innodb-flush-log-at-trx-commit=0".to_owned(),
        "--innodb-doublewrite=0".to_owned(),
        "--innodb-flush-method=nosync".to_owned(),
        "--skip-name-resolve".to_owned(),
    ];
    if nix::unistd::Uid::effective().is_root() {
        flags.push("--user=root".to_owned());
    }
    flags
}

/// The whole command line of the server.
pub(crate) fn mariadb_command(
    dir: &Path,
    port: u16,
    common: &[String],
    options: &MariaDbOptions,
) -> Result<Vec<String>> {
    let mut command = vec![
        program("mariadbd", "mariadb-server")?,
        "--no-defaults".to_owned(),
    ];
    command.extend(common.iter().cloned());
    command.extend([
        format!("--port={port}"),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--socket={}", dir.join("sock").display()),
        format!("--pid-file={}", dir.join("pid").display()),
        "--default-time-zone=+00:00".to_owned(),
        format!("--sql-mode={SQL_MODE}"),
        "--max-connections=200".to_owned(),
        "--max-allowed-packet=64M".to_owned(),
        "--key-buffer-size=128M".to_owned(),
        "--myisam-sort-buffer-size=256M".to_owned(),
        "--aria-pagecache-buffer-size=128M".to_owned(),
        "--aria-sort-buffer-size=256M".to_owned(),
        "--skip-log-bin".to_owned(),
        "--performance-schema=OFF".to_owned(),
    ]);
    command.extend(options.extra.iter().cloned());
    Ok(command)
}
