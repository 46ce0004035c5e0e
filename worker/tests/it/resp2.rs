//! A Redis, or a proxy before it, that does not know RESP3.

use crate::fixture::{SOON, fixture_at};
use crate::tls::assert_reported;
use testkit::eventually::eventually;
use testkit::mariadb::shared_mariadb;
use testkit::process::{Process, free_port};
use testkit::server::{Redis, shared_redis};
use worker::check::findings::Topic;

/// Redis repeats the arguments of an unknown command, which are user and password here. Dropping a process searches its
/// log for them.
#[tokio::test]
async fn a_server_without_hello_is_reported_without_the_password() {
    let redis = Redis::start_with(&["--rename-command", "HELLO", ""])
        .await
        .unwrap();
    redis
        .command(&["CONFIG", "SET", "requirepass", "hunter2"])
        .await
        .unwrap();
    let mut fixture = fixture_at(shared_mariadb().await, &shared_redis().await.url()).await;
    fixture.set(
        "REDIS_URL",
        &format!("redis://:hunter2@127.0.0.1:{}", redis.port()),
    );
    let told = ["Redis is away", "does not know HELLO", "RESP3"];
    assert_reported(&fixture, Topic::Redis, &told).await;

    let mut environment = fixture.environment();
    environment.retain(|(name, _)| name.starts_with("REDIS"));
    environment.push(("PORT", free_port().unwrap().to_string()));
    environment.push(("RUST_LOG", "trace".to_owned()));
    let gateway = Process::spawn("gateway", &environment).unwrap();
    eventually("the gateway names it", SOON, async || {
        let log = gateway.log();
        let is_named = log.contains("does not know HELLO") && log.contains("does not know RESP3");
        is_named.then_some(())
    })
    .await;
}
