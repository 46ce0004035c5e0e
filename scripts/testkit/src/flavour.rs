//! The database servers that the kit can run: the system's MariaDB, or the one that `TEST_DATABASE` names and
//! `scripts/install` has unpacked beside the build, with its own libraries.

use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::process::{Process, chosen, guard, program, unpacked};
use crate::server::START_LIMIT;

/// Flags that the installer and every server share. No test cuts the machine's power, so nothing waits for the disk.
/// But tests kill servers, so every commit is written to its log (2, not 0): MySQL keeps its accounts in InnoDB.
const COMMON_FLAGS: [&str; 4] = [
    "--innodb-use-native-aio=0",
    "--innodb-flush-log-at-trx-commit=2",
    "--innodb-doublewrite=0",
    "--innodb-flush-method=nosync",
];

/// The SQL mode is as strict as any server that SLiMS meets.
const SERVER_FLAGS: [&str; 7] = [
    "--bind-address=127.0.0.1",
    "--default-time-zone=+00:00",
    "--sql-mode=STRICT_TRANS_TABLES,ONLY_FULL_GROUP_BY,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION",
    "--max-connections=200",
    "--max-allowed-packet=64M",
    "--key-buffer-size=128M",
    "--myisam-sort-buffer-size=256M",
];
const SERVER_FLAGS_OF_MARIADB: [&str; 4] = [
    "--aria-pagecache-buffer-size=128M",
    "--aria-sort-buffer-size=256M",
    "--skip-log-bin",
    "--performance-schema=OFF",
];
const SERVER_FLAGS_OF_MYSQL: [&str; 3] =
    ["--disable-log-bin", "--mysqlx=OFF", "--secure-file-priv="];

/// A flag that a server must have from its installation on.
const LOWER_CASE: &str = "--lower-case-table-names";

/// What `mariadb-install-db` does, with neither its other programs nor the help tables. `$1` is the folder of the SQL
/// files; the rest is the server with its flags.
const BOOTSTRAP: &str = r#"folder=$1; shift
{ printf 'CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket=NULL;\n'
cat "$folder"/mariadb_system_tables.sql "$folder"/mariadb_performance_tables.sql \
"$folder"/mariadb_system_tables_data.sql "$folder"/mariadb_sys_schema.sql; } | "$@" --bootstrap"#;

/// Which server it is, and who installed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flavour {
    /// The system's MariaDB.
    MariaDb,
    /// `mariadb-11`.
    UnpackedMariaDb,
    /// `mysql`.
    MySql,
}

impl Flavour {
    /// The server that `TEST_DATABASE` names: `mysql` or `mariadb-11`; without it the system's MariaDB.
    pub(crate) fn chosen() -> Result<Self> {
        Ok(match chosen("TEST_DATABASE").as_deref() {
            None | Some("mariadb") => Self::MariaDb,
            Some("mariadb-11") => Self::UnpackedMariaDb,
            Some("mysql") => Self::MySql,
            Some(other) => bail!("TEST_DATABASE={other} is none of mariadb, mariadb-11, mysql"),
        })
    }

    /// The server program.
    pub(crate) fn program(self) -> Result<PathBuf> {
        match self {
            Self::MariaDb => program("mariadbd", "mariadb-server"),
            Self::UnpackedMariaDb => unpacked("mariadbd", "mariadb-11"),
            Self::MySql => unpacked("mysqld", "mysql"),
        }
    }

    /// The flags that the installer and the server share.
    pub(crate) fn common_flags(self, buffer_pool_mib: u32) -> Result<Vec<String>> {
        let mut flags: Vec<String> = COMMON_FLAGS.map(str::to_owned).into();
        flags.push(format!("--innodb-buffer-pool-size={buffer_pool_mib}M"));
        let redo_log_mib = buffer_pool_mib / 4;
        if self == Self::MySql {
            flags.push(format!("--innodb-redo-log-capacity={redo_log_mib}M"));
        } else {
            flags.push(format!("--innodb-log-file-size={redo_log_mib}M"));
            // MySQL has no account for 127.0.0.1: it must see that this is localhost.
            flags.push("--skip-name-resolve".to_owned());
        }
        if nix::unistd::Uid::effective().is_root() {
            flags.push("--user=root".to_owned());
        }
        if self != Self::MariaDb {
            let usr = self.usr()?;
            let share = self.share()?;
            flags.extend([
                format!("--basedir={}", usr.display()),
                format!("--lc-messages-dir={}", share.display()),
                format!("--character-sets-dir={}/charsets", share.display()),
                format!("--plugin-dir={}/lib/mysql/plugin", usr.display()),
            ]);
        }
        Ok(flags)
    }

    /// The flags of the server only.
    pub(crate) fn server_flags(self) -> Vec<&'static str> {
        let own = match self {
            Self::MySql => &SERVER_FLAGS_OF_MYSQL[..],
            _ => &SERVER_FLAGS_OF_MARIADB,
        };
        SERVER_FLAGS.iter().chain(own).copied().collect()
    }

    /// The folder `usr` of the package.
    fn usr(self) -> Result<PathBuf> {
        let program = self.program()?;
        let usr = program.ancestors().nth(2).context("the program's folder")?;
        Ok(usr.to_owned())
    }

    fn share(self) -> Result<PathBuf> {
        let name = match self {
            Self::MySql => "mysql",
            _ => "mariadb",
        };
        Ok(self.usr()?.join("share").join(name))
    }

    /// Fills the folder `data` with an installation. Its log goes to `folder`. `flags` are those of the installer,
    /// without the folder, and `extra` those of the server.
    pub(crate) async fn install(
        self,
        folder: &Arc<TempDir>,
        data: &Path,
        flags: &[String],
        extra: &[String],
    ) -> Result<()> {
        let early: Vec<String> = extra
            .iter()
            .filter(|flag| flag.starts_with(LOWER_CASE))
            .cloned()
            .collect();
        let flags = [flags, &early].concat();
        if !early.is_empty() {
            return self.install_fresh(folder, data, &flags).await;
        }
        // An installation takes up to seconds; a copy of one takes a tenth of a second.
        static TEMPLATE: OnceCell<(Arc<TempDir>, Child)> = OnceCell::const_new();
        let template = TEMPLATE.get_or_try_init(async || {
            let folder = crate::process::folder("template")?;
            let guard = guard(r#"read -r word; rm -rf "$1""#, &[folder.path().as_ref()])?;
            let data = folder.path().join("data");
            self.install_fresh(&folder, &data, &flags).await?;
            // The server's identity, which each copy makes anew.
            std::fs::remove_file(data.join("auto.cnf")).ok();
            Ok::<_, anyhow::Error>((folder, guard))
        });
        let source = template.await?.0.path().join("data");
        let copied = tokio::process::Command::new("cp")
            .args(["-r", "--reflink=auto", "--sparse=always"])
            .args([source.as_path(), data])
            .status()
            .await
            .context("copying an installation")?;
        ensure!(copied.success(), "copying an installation failed");
        Ok(())
    }

    async fn install_fresh(
        self,
        folder: &Arc<TempDir>,
        data: &Path,
        flags: &[String],
    ) -> Result<()> {
        let mut args = vec![
            "--no-defaults".to_owned(),
            format!("--datadir={}", data.display()),
        ];
        args.extend(flags.iter().cloned());
        let program = match self {
            Self::MariaDb => {
                args.extend(
                    ["--auth-root-authentication-method=normal", "--skip-test-db"]
                        .map(str::to_owned),
                );
                program("mariadb-install-db", "mariadb-server")?
            }
            Self::UnpackedMariaDb => {
                std::fs::create_dir(data).context("creating a folder for data")?;
                let server = self.program()?.display().to_string();
                let share = self.share()?.display().to_string();
                let shell = ["-c", BOOTSTRAP, "bootstrap"].map(str::to_owned);
                args.splice(0..0, shell.into_iter().chain([share, server]));
                PathBuf::from("/bin/sh")
            }
            Self::MySql => {
                args.push("--initialize-insecure".to_owned());
                self.program()?
            }
        };
        let mut installer = Process::spawn_in(folder, &program, &args, &[])?;
        let status = installer.wait_exit(START_LIMIT).await?;
        let log = installer.log_tail();
        ensure!(status.success(), "installing a private server: {log}");
        Ok(())
    }
}
