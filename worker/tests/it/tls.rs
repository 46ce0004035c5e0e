//! TLS to both servers, with a certificate authority of the tests: which servers are trusted, and what the worker
//! reports.

use crate::fixture::{Fixture, SOON, own};
use chrono_tz::Tz;
use mysql_async::Params;
use mysql_async::prelude::Queryable as _;
use std::net::SocketAddr;
use std::path::Path;
use testkit::certificates::{Authority, Issued};
use testkit::eventually::eventually;
use testkit::generate::{Plan, Size, generate};
use testkit::http::get;
use testkit::mariadb::{MariaDb, MariaDbOptions, shared_mariadb};
use testkit::process::{Process, free_port};
use testkit::schema::Shape;
use testkit::server::{Redis, shared_redis};
use tokio::net::TcpStream;
use worker::check::findings::{Topic, Verdict};
use worker::mysql::connection::Database;

pub(crate) fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

async fn mariadb(issued: &Issued) -> &'static MariaDb {
    mariadb_with(issued, &[]).await
}

/// Starts a MariaDB with TLS and more flags.
pub(crate) async fn mariadb_with(issued: &Issued, more: &[String]) -> &'static MariaDb {
    let certificate = [
        format!("--ssl-cert={}", text(&issued.certificate)),
        format!("--ssl-key={}", text(&issued.key)),
    ];
    let options = MariaDbOptions {
        extra: [&certificate, more].concat(),
        ..MariaDbOptions::default()
    };
    own(MariaDb::start(&options).await.unwrap())
}

/// A server that offers no TLS. MySQL does by default, with a certificate that it makes itself.
async fn without_tls() -> &'static MariaDb {
    let shared = shared_mariadb().await;
    if !shared.is_mysql() {
        return shared;
    }
    let options = MariaDbOptions {
        extra: vec!["--tls-version=".to_owned()],
        ..MariaDbOptions::default()
    };
    own(MariaDb::start(&options).await.unwrap())
}

async fn redis(issued: &Issued) -> (&'static Redis, u16) {
    redis_with(issued, &["--tls-auth-clients", "no"]).await
}

/// Starts a Redis with an additional port for TLS and more flags, and returns both.
pub(crate) async fn redis_with(issued: &Issued, more: &[&str]) -> (&'static Redis, u16) {
    let port = free_port().unwrap();
    let (certificate, key) = (text(&issued.certificate), text(&issued.key));
    let flags = [
        "--tls-port",
        &port.to_string(),
        "--tls-cert-file",
        &certificate,
        "--tls-key-file",
        &key,
    ];
    let redis = Redis::start_with(&[&flags, more].concat()).await.unwrap();
    (own(redis), port)
}

pub(crate) async fn fixture(mariadb: &'static MariaDb, redis: &'static Redis) -> Fixture {
    let plan = Plan {
        size: Size::Tiny,
        years: 1,
        now: "2025-09-23T10:00:00".parse().unwrap(),
        seed: 1,
        dirty: true,
    };
    let now = "2025-09-23T03:00:00Z".parse().unwrap();
    let (library, shape) = (generate(&plan), Shape::default());
    Fixture::on(
        mariadb,
        &redis.url(),
        library,
        Tz::Asia__Jakarta,
        now,
        shape,
    )
    .await
}

/// Whether the worker's session is encrypted, as the server reports.
async fn is_encrypted(fixture: &Fixture) -> bool {
    let sql = "SHOW SESSION STATUS LIKE 'Ssl_cipher'";
    let mut session = Database::new(&fixture.config().mysql)
        .session(SOON)
        .await
        .unwrap();
    let cipher = session.first("cipher", sql, Params::Empty, |row| Ok(row.owned_text(1)));
    !cipher
        .await
        .unwrap()
        .flatten()
        .unwrap_or_default()
        .is_empty()
}

/// Starts a worker that cannot connect, and waits for these texts in its log. `worker check` must give the last one
/// too.
pub(crate) async fn assert_reported(fixture: &Fixture, topic: Topic, texts: &[&str]) {
    let mut environment = fixture.environment();
    environment.push(("RUST_LOG", "trace".to_owned()));
    let process = Process::spawn("worker", &environment).unwrap();
    eventually(&format!("the log has {texts:?}"), SOON, async || {
        let log = process.log();
        texts.iter().all(|text| log.contains(text)).then_some(())
    })
    .await;
    drop(process);
    let report = fixture.check().await;
    let mut findings = report.findings.iter();
    let found = findings.find(|found| found.topic == topic).unwrap();
    assert_eq!(found.verdict, Verdict::Broken, "{found:?}");
    let advice = found.advice.as_deref().unwrap();
    assert!(advice.contains(texts.last().unwrap()), "{found:?}");
}

#[tokio::test]
async fn mysql_is_trusted_only_with_a_known_authority_and_its_name() {
    let (authority, stranger) = (Authority::new().unwrap(), Authority::new().unwrap());
    let mariadb = mariadb(&authority.issue("IP:127.0.0.1").unwrap()).await;
    let mut fixture = fixture(mariadb, shared_redis().await).await;
    assert!(!is_encrypted(&fixture).await, "not encrypted by default");
    fixture.set("MYSQL_TLS", "required");
    assert!(is_encrypted(&fixture).await, "without verification");
    fixture.refresh().await.unwrap();
    fixture.set("MYSQL_TLS", "verify");
    let unknown = "set MYSQL_TLS_CA to the PEM file of its certificate authority";
    assert_reported(
        &fixture,
        Topic::Database,
        &["MySQL is away", "UnknownIssuer", unknown],
    )
    .await;
    fixture.set("MYSQL_TLS_CA", &text(&stranger.certificate()));
    assert_reported(&fixture, Topic::Database, &["MySQL is away", unknown]).await;
    fixture.set("MYSQL_TLS_CA", &text(&authority.certificate()));
    assert!(is_encrypted(&fixture).await);
    fixture.refresh().await.unwrap();
    fixture.set("MYSQL_HOST", "localhost");
    let host = "set MYSQL_HOST to a name that the certificate contains";
    assert_reported(&fixture, Topic::Database, &["MySQL is away", host]).await;
}

#[tokio::test]
async fn mysql_without_tls_or_that_requires_tls_is_reported() {
    let mut fixture = fixture(without_tls().await, shared_redis().await).await;
    for wanted in ["required", "verify"] {
        fixture.set("MYSQL_TLS", wanted);
        let told = "the server offers no TLS: enable TLS on the server, or set MYSQL_TLS=off";
        assert_reported(&fixture, Topic::Database, &["MySQL is away", &told[1..]]).await;
    }
    let authority = Authority::new().unwrap();
    let mariadb = mariadb(&authority.issue("IP:127.0.0.1").unwrap()).await;
    let mut fixture = self::fixture(mariadb, shared_redis().await).await;
    let account = format!("ALTER USER '{}'@'%' REQUIRE SSL", fixture.user());
    let mut owner = fixture.conn().await;
    owner.query_drop(account).await.unwrap();
    assert_reported(
        &fixture,
        Topic::Database,
        &[
            "MySQL is away",
            "Access denied",
            "(MYSQL_TLS)",
            "(MYSQL_TLS_CERT)",
        ],
    )
    .await;
    fixture.set("MYSQL_TLS", "verify");
    fixture.set("MYSQL_TLS_CA", &text(&authority.certificate()));
    fixture.refresh().await.unwrap();
}

/// It names no host, so that it cannot be verified, even with its own authority.
#[tokio::test]
async fn a_certificate_that_mysql_made_itself_encrypts_but_cannot_be_verified() {
    let mysql = shared_mariadb().await;
    if !mysql.is_mysql() {
        return;
    }
    let mut fixture = fixture(mysql, shared_redis().await).await;
    fixture.set("MYSQL_TLS", "required");
    assert!(is_encrypted(&fixture).await);
    fixture.refresh().await.unwrap();
    fixture.set("MYSQL_TLS", "verify");
    let told = "that the server made itself";
    assert_reported(&fixture, Topic::Database, &["MySQL is away", told]).await;
    let authority = mysql.data().join("ca.pem");
    fixture.set("MYSQL_TLS_CA", &text(&authority));
    assert_reported(&fixture, Topic::Database, &["MySQL is away", told]).await;
}

#[tokio::test]
async fn redis_is_trusted_only_with_a_known_authority_and_its_name() {
    let (authority, stranger) = (Authority::new().unwrap(), Authority::new().unwrap());
    let (redis, tls_port) = redis(&authority.issue("IP:127.0.0.1").unwrap()).await;
    let mut fixture = fixture(shared_mariadb().await, redis).await;
    let url = |host: &str, port: u16| format!("rediss://{host}:{port}");
    fixture.set("REDIS_URL", &url("127.0.0.1", tls_port));
    let unknown = "set REDIS_TLS_CA to the PEM file of that authority";
    assert_reported(
        &fixture,
        Topic::Redis,
        &["Redis is away", "UnknownIssuer", unknown],
    )
    .await;
    fixture.set("REDIS_TLS_CA", &text(&stranger.certificate()));
    assert_reported(&fixture, Topic::Redis, &["Redis is away", unknown]).await;
    fixture.set("REDIS_TLS_CA", &text(&authority.certificate()));
    fixture.refresh().await.unwrap();
    fixture.await_all().await;
    let running = fixture.start();
    fixture.await_total(fixture.true_total().await).await;
    running.stop().await;
    let mut environment = fixture.environment();
    environment.retain(|(name, _)| name.starts_with("REDIS"));
    let port = free_port().unwrap();
    environment.push(("PORT", port.to_string()));
    let gateway = Process::spawn("gateway", &environment).unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    eventually("a gateway serves over TLS too", SOON, async || {
        let open = TcpStream::connect(address).await.is_ok();
        (open && get(address, "/api/visitors/weekly").await.status == 200).then_some(())
    })
    .await;
    drop(gateway);
    fixture.set("REDIS_URL", &url("localhost", tls_port));
    let host = "use the certificate's host name in REDIS_URL";
    assert_reported(&fixture, Topic::Redis, &["Redis is away", host]).await;
    fixture.set("REDIS_URL", &url("127.0.0.1", redis.port()));
    assert_reported(&fixture, Topic::Redis, &["Redis is away", "REDIS_URL"]).await;
}

#[test]
fn a_ca_file_without_tls_is_a_configuration_error() {
    let authority = Authority::new().unwrap();
    let (path, key) = (
        text(&authority.certificate()),
        text(&authority.issue("DNS:x").unwrap().key),
    );
    let complaints = |pairs: &[(&str, &str)]| {
        let lookup = |name: &str| {
            let found = pairs.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let environment = shared::environment::Environment::from_lookup(lookup);
        worker::config::Config::read(environment)
            .err()
            .unwrap()
            .to_string()
    };
    let told = complaints(&[("MYSQL_TLS_CA", &path), ("REDIS_TLS_CA", &path)]);
    assert!(told.contains("set MYSQL_TLS=verify"), "{told}");
    assert!(told.contains("it must begin with rediss://"), "{told}");
    let told = complaints(&[("MYSQL_TLS", "verify"), ("MYSQL_TLS_CA", &key)]);
    assert!(told.contains("contains no certificate"), "{told}");
}
