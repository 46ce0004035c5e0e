//! Servers that demand a client certificate, and pairs of files that cannot be one.

use crate::fixture::Fixture;
use crate::tls::{assert_reported, fixture, mariadb_with, redis_with, text};
use crate::together::Gateway;
use mysql_async::prelude::Queryable as _;
use std::fs;
use std::process::Command;
use testkit::certificates::{Authority, Issued};
use testkit::mariadb::shared_mariadb;
use testkit::server::shared_redis;
use worker::check::findings::Topic;

fn set_pair(fixture: &mut Fixture, names: [&str; 2], issued: &Issued) {
    for (name, path) in names.iter().zip([&issued.certificate, &issued.key]) {
        fixture.set(name, &text(path));
    }
}

#[tokio::test]
async fn an_account_that_requires_x509_is_used_with_a_certificate() {
    let (authority, stranger) = (Authority::new().unwrap(), Authority::new().unwrap());
    let trusted = format!("--ssl-ca={}", text(&authority.certificate()));
    let mariadb = mariadb_with(&authority.issue("IP:127.0.0.1").unwrap(), &[trusted]).await;
    let mut fixture = fixture(mariadb, shared_redis().await).await;
    let account = format!("ALTER USER '{}'@'%' REQUIRE X509", fixture.user());
    fixture.conn().await.query_drop(account).await.unwrap();
    fixture.set("MYSQL_TLS", "verify");
    fixture.set("MYSQL_TLS_CA", &text(&authority.certificate()));
    let missing = ["MySQL is away", "Access denied", "(MYSQL_TLS_CERT)"];
    assert_reported(&fixture, Topic::Database, &missing).await;

    let names = ["MYSQL_TLS_CERT", "MYSQL_TLS_KEY"];
    set_pair(&mut fixture, names, &stranger.issue("DNS:worker").unwrap());
    let refused = ["MySQL is away", "its ssl_ca have signed"];
    assert_reported(&fixture, Topic::Database, &refused).await;

    set_pair(&mut fixture, names, &authority.issue("DNS:worker").unwrap());
    fixture.refresh().await.unwrap();
    fixture.set("MYSQL_TLS", "required");
    fixture.set("MYSQL_TLS_CA", "");
    fixture.refresh().await.unwrap();
}

#[tokio::test]
async fn a_redis_that_demands_certificates_gets_one_from_both_processes() {
    let (authority, stranger) = (Authority::new().unwrap(), Authority::new().unwrap());
    let trusted = text(&authority.certificate());
    // Its default: tls-auth-clients yes.
    let issued = authority.issue("IP:127.0.0.1").unwrap();
    let (redis, port) = redis_with(&issued, &["--tls-ca-cert-file", &trusted]).await;
    let mut fixture = fixture(shared_mariadb().await, redis).await;
    fixture.set("REDIS_URL", &format!("rediss://127.0.0.1:{port}"));
    fixture.set("REDIS_TLS_CA", &trusted);
    let missing = ["Redis is away", "set REDIS_TLS_CERT and REDIS_TLS_KEY"];
    assert_reported(&fixture, Topic::Redis, &missing).await;

    let names = ["REDIS_TLS_CERT", "REDIS_TLS_KEY"];
    set_pair(&mut fixture, names, &stranger.issue("DNS:worker").unwrap());
    let refused = ["Redis is away", "its tls-ca-cert-file has signed"];
    assert_reported(&fixture, Topic::Redis, &refused).await;

    set_pair(&mut fixture, names, &authority.issue("DNS:worker").unwrap());
    let running = fixture.start();
    Gateway::start(&fixture).await.await_all().await;
    running.stop().await;
}

/// Each pair is refused at the start, by the name of the variable.
#[test]
fn files_that_are_no_pair_end_both_processes_with_status_64() {
    let authority = Authority::new().unwrap();
    let [one, other] = ["DNS:one", "DNS:other"].map(|name| authority.issue(name).unwrap());
    let [certificate, key, other_key] =
        [&one.certificate, &one.key, &other.key].map(|path| text(path));
    let encrypted = authority.certificate().with_file_name("encrypted");
    fs::write(&encrypted, "-----BEGIN ENCRYPTED PRIVATE KEY-----\n").unwrap();
    let encrypted = text(&encrypted);
    for (certificate_file, key_file, expected) in [
        (
            &*certificate,
            "",
            &["CERT is set, but ", "KEY is not: set both"][..],
        ),
        ("", &*key, &["KEY is set, but ", "CERT is not: set both"]),
        ("/nowhere", &*key, &["CERT=/nowhere cannot be read"]),
        (&*certificate, "/nowhere", &["KEY=/nowhere cannot be read"]),
        (
            &*certificate,
            &*other_key,
            &["KEY is not the private key of ", "CERT: name"],
        ),
        (&*key, &*key, &["contains no certificate"]),
        (&*certificate, &*certificate, &["contains no private key"]),
        (
            &*certificate,
            &*encrypted,
            &["is encrypted: name a key without a passphrase"],
        ),
        (&*certificate, &*key, &["TLS"]),
    ] {
        for (process, server) in [
            ("worker", "MYSQL"),
            ("worker", "REDIS"),
            ("gateway", "REDIS"),
        ] {
            let is_good = certificate_file == certificate && key_file == key;
            // A good pair is refused only without TLS.
            let [mysql_tls, scheme] = if is_good {
                ["off", "redis"]
            } else {
                ["required", "rediss"]
            };
            let output = Command::new(testkit::process::binary_path(process).unwrap())
                .env_clear()
                .envs([
                    ("MYSQL_USER", "u"),
                    ("MYSQL_DATABASE", "d"),
                    ("MYSQL_TLS", mysql_tls),
                ])
                .env("REDIS_URL", format!("{scheme}://127.0.0.1:1"))
                .env("REDIS_TLS_CA", if is_good { "" } else { &certificate })
                .env(format!("{server}_TLS_CERT"), certificate_file)
                .env(format!("{server}_TLS_KEY"), key_file)
                .output()
                .unwrap();
            let error = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(64), "{process}: {error}");
            let line = error
                .lines()
                .find(|line| expected.iter().all(|text| line.contains(text)));
            let line = line.unwrap_or_else(|| panic!("{process}: {expected:?} is not in {error}"));
            assert!(
                line.trim_start().starts_with(&format!("{server}_TLS_")),
                "{line}"
            );
        }
    }
}
