//! Servers on the same machine, by Unix sockets, and by IPv6.

use crate::check::about;
use crate::fixture::{SOON, fixture_at, fixture_on, own_servers};
use crate::together::Gateway;
use mysql_async::Params;
use mysql_async::prelude::Queryable as _;
use testkit::cluster::Cluster;
use testkit::mariadb::shared_mariadb;
use testkit::sentinel::Sentinels;
use testkit::server::Redis;
use worker::check::findings::Topic;
use worker::mysql::connection::Database;

#[tokio::test]
async fn mysql_is_read_over_its_socket() {
    let (mariadb, redis) = own_servers().await;
    let mut fixture = fixture_on(mariadb, redis).await;
    let socket: Option<String> = fixture
        .conn()
        .await
        .query_first("SELECT @@socket")
        .await
        .unwrap();
    let socket = socket.unwrap();
    // Host and port are not used.
    fixture.set("MYSQL_HOST", "nowhere.invalid");
    fixture.set("MYSQL_PORT", "1");
    fixture.set("MYSQL_SOCKET", &socket);
    fixture.refresh().await.unwrap();
    fixture.await_all().await;
    let report = fixture.check().await;
    let server = about(&report, "server");
    let expected = format!("at {socket}, not encrypted");
    assert!(server.what.contains(&expected), "{server:?}");
    let sql = "SELECT host FROM information_schema.processlist WHERE id = CONNECTION_ID()";
    let mut session = Database::new(&fixture.config().mysql)
        .session(SOON)
        .await
        .unwrap();
    let host = session.first("the host", sql, Params::Empty, |row| Ok(row.owned_text(0)));
    assert_eq!(host.await.unwrap().flatten().as_deref(), Some("localhost"));

    fixture.set("MYSQL_SOCKET", "/nowhere/mysqld.sock");
    let error = Database::new(&fixture.config().mysql).session(SOON).await;
    let error = format!("{:#}", error.err().unwrap());
    assert!(error.contains("/nowhere/mysqld.sock, database"), "{error}");
    let report = fixture.check().await;
    let server = about(&report, "server");
    assert!(
        server.what.contains("to /nowhere/mysqld.sock as"),
        "{server:?}"
    );
    let advice = server.advice.as_ref().unwrap();
    assert!(advice.starts_with("Check MYSQL_SOCKET"), "{server:?}");
}

/// Over its socket, with a password and a database number.
#[tokio::test]
async fn redis_is_used_over_its_socket() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("redis a+b.sock").display().to_string();
    let redis = Redis::start_with(&["--unixsocket", &socket]).await.unwrap();
    let mut fixture = fixture_at(shared_mariadb().await, &redis.url()).await;
    let set = ["CONFIG", "SET", "requirepass", "p@ss/w#rd?:%"];
    redis.command(&set).await.unwrap();
    let path = socket.replace(' ', "%20");
    for scheme in ["unix", "redis+unix"] {
        let url = format!("{scheme}://:p%40ss%2Fw%23rd%3F%3A%25@{path}?db=3");
        fixture.set("REDIS_URL", &url);
        let running = fixture.start();
        let gateway = Gateway::start(&fixture).await;
        gateway.await_all().await;
        assert!(
            gateway.process.log().contains(&socket),
            "{}",
            gateway.process.log()
        );
        running.stop().await;
    }
    let keyspace = redis
        .command(&["-a", set[3], "INFO", "keyspace"])
        .await
        .unwrap();
    assert!(
        keyspace.contains("db3:") && !keyspace.contains("db0:"),
        "{keyspace}"
    );
}

#[tokio::test]
async fn a_database_that_redis_does_not_have_is_reported() {
    let redis = Redis::start_with(&["--databases", "2"]).await.unwrap();
    let mut fixture = fixture_at(shared_mariadb().await, &redis.url()).await;
    fixture.set("REDIS_URL", &format!("{}/2", redis.url()));
    let report = fixture.check().await;
    let found = report
        .findings
        .iter()
        .find(|found| found.topic == Topic::Redis)
        .unwrap();
    assert!(found.what.contains("DB index is out of range"), "{found:?}");
    let advice = found.advice.as_ref().unwrap();
    assert!(
        advice.starts_with("REDIS_URL names a database that this Redis does not have"),
        "{found:?}"
    );
}

/// Every address is an IPv6 address.
#[tokio::test]
async fn a_cluster_and_sentinels_are_used_by_ipv6() {
    let cluster = Cluster::start(&["--cluster-announce-ip", "::1"])
        .await
        .unwrap();
    let sentinels = Sentinels::start(&[]).await.unwrap();
    for url in [cluster.url(""), sentinels.url("")] {
        let mut fixture = fixture_at(shared_mariadb().await, &url).await;
        fixture.set("REDIS_URL", &url.replace("127.0.0.1", "[::1]"));
        let running = fixture.start();
        Gateway::start(&fixture).await.await_all().await;
        running.stop().await;
    }
}
