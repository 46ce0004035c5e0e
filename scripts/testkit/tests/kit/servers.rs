//! The private servers against the real programs.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use mysql_async::Conn;
use mysql_async::prelude::Queryable as _;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use testkit::eventually::eventually;
use testkit::mariadb::shared_mariadb;
use testkit::process::Process;
use testkit::server::{Redis, unique};

const LIMIT: Duration = Duration::from_secs(10);

/// Whether a process of that pid is there.
fn lives(pid: &str) -> bool {
    let pid = pid.parse().expect("a pid");
    kill(Pid::from_raw(pid), None).is_ok()
}

#[tokio::test]
async fn servers_go_when_their_holder_is_killed() {
    let mut holder = Command::new(env!("CARGO_BIN_EXE_hold"))
        .stdout(Stdio::piped())
        .spawn()
        .expect("the holder starts");
    let output = BufReader::new(holder.stdout.take().expect("an output"));
    let held: Vec<String> = output
        .lines()
        .take(4)
        .map(|line| line.expect("a line"))
        .collect();
    let held: Vec<(&str, &str)> = held
        .iter()
        .map(|line| line.split_once(' ').expect("a pid and a folder"))
        .collect();
    assert_eq!(held.len(), 4);
    assert!(
        held.iter()
            .all(|(pid, folder)| lives(pid) && Path::new(folder).is_dir()),
        "{held:?}"
    );
    holder.kill().expect("SIGKILL");
    holder.wait().expect("it ends");
    eventually(
        "the servers and their folders are gone",
        LIMIT,
        async || {
            held.iter()
                .all(|(pid, folder)| !lives(pid) && !Path::new(folder).exists())
                .then_some(())
        },
    )
    .await;
}

#[tokio::test]
async fn mariadb_comes_back_with_its_data_and_freezes() {
    let maria = testkit::mariadb::MariaDb::start(&testkit::mariadb::MariaDbOptions::default())
        .await
        .expect("it starts");
    maria.create_database("kept").await.expect("a database");
    maria
        .execute(Some("kept"), "CREATE TABLE t (a INT) ENGINE = InnoDB")
        .await
        .expect("a table");
    maria
        .execute(Some("kept"), "INSERT INTO t VALUES (7)")
        .await
        .expect("a row");
    maria.stop().await.expect("it stops");
    assert!(Conn::new(maria.opts(None)).await.is_err());
    maria.start_again().await.expect("it starts again");
    maria.kill().await.expect("it is killed");
    maria
        .start_again()
        .await
        .expect("it starts again after a kill");
    let mut conn = Conn::new(maria.opts(Some("kept")))
        .await
        .expect("a connection");
    let row: Option<i32> = conn.query_first("SELECT a FROM t").await.expect("a row");
    assert_eq!(row, Some(7));
    maria.freeze().expect("it freezes");
    // Its threads stop one by one; one may answer still.
    let silence = async {
        let moment = Duration::from_millis(300);
        while tokio::time::timeout(moment, conn.query_drop("SELECT 1"))
            .await
            .is_ok()
        {}
    };
    let silent = tokio::time::timeout(LIMIT, silence).await;
    silent.expect("a frozen server answers no more");
    drop(conn);
    maria.thaw().expect("it thaws");
    maria
        .execute(None, "SELECT 1")
        .await
        .expect("it answers again");
    let folder = maria.dir().to_owned();
    drop(maria);
    assert!(!folder.exists());
}

#[tokio::test]
async fn the_reader_may_select_in_its_database_alone() {
    let maria = shared_mariadb().await;
    let (mine, other) = (unique("mine"), unique("other"));
    for name in [&mine, &other] {
        maria.create_database(name).await.expect("a database");
        maria
            .execute(Some(name), "CREATE TABLE t (a INT)")
            .await
            .expect("a table");
    }
    let user = unique("reader");
    maria
        .grant_select(&user, "it's secret", &mine)
        .await
        .expect("a grant");
    maria.general_log(true).await.expect("the log goes on");
    let mut conn = Conn::new(maria.account(&user, "it's secret", Some(&mine)))
        .await
        .expect("a connection");
    conn.query_drop("SELECT a FROM t")
        .await
        .expect("it may read");
    conn.query_drop("INSERT INTO t VALUES (1)")
        .await
        .expect_err("it may not write");
    conn.query_drop(format!("SELECT a FROM {other}.t"))
        .await
        .expect_err("it may not read elsewhere");
    let mode: Option<(String, String)> = conn
        .query_first("SELECT @@GLOBAL.sql_mode, @@time_zone")
        .await
        .expect("settings");
    let (mode, zone) = mode.expect("one row");
    assert!(
        mode.contains("NO_ZERO_DATE") && mode.contains("ONLY_FULL_GROUP_BY"),
        "{mode}"
    );
    assert_eq!(zone, "+00:00");
    conn.disconnect().await.expect("it leaves");
    let lines = maria.general_log_lines().await.expect("the log");
    assert!(
        lines
            .iter()
            .any(|line| line.user == user && line.text == "SELECT a FROM t"),
        "{lines:?}"
    );
    maria.general_log(false).await.expect("the log goes off");
}

#[tokio::test]
async fn redis_servers_stand_side_by_side_and_come_back_empty() {
    let (one, two) = tokio::join!(Redis::start(), Redis::start());
    let (one, two) = (
        one.expect("the first starts"),
        two.expect("the second starts"),
    );
    assert_ne!(one.port(), two.port());
    assert_eq!(one.url(), format!("redis://127.0.0.1:{}", one.port()));
    one.kill().await.expect("it is killed");
    assert!(std::net::TcpStream::connect(("127.0.0.1", one.port())).is_err());
    one.start_again().await.expect("it starts again");
    one.freeze().expect("it freezes");
    one.stop().await.expect("even a frozen one stops");
}

#[tokio::test]
async fn a_process_has_our_environment_alone_and_tells_how_it_ended() {
    let mut env = Process::spawn_at(
        Path::new("/usr/bin/env"),
        &[],
        &[("ONLY", "this".to_owned())],
    )
    .expect("it starts");
    assert!(env.wait_exit(LIMIT).await.expect("it ends").success());
    let mut lines: Vec<String> = env.log().lines().map(str::to_owned).collect();
    lines.retain(|line| !line.starts_with("PATH="));
    assert_eq!(lines, ["ONLY=this"]);
    let mut sleeper = Process::spawn_at(Path::new("/usr/bin/tail"), &[], &[]).expect("it starts");
    sleeper
        .wait_exit(LIMIT)
        .await
        .expect("it reads an empty input and ends");
    assert!(sleeper.signal(Signal::SIGTERM).is_err());
    let missing = Process::spawn("no-such-binary", &[])
        .expect_err("it is not there")
        .to_string();
    assert!(missing.contains("cargo build"), "{missing}");
}
