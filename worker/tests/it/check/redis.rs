//! Redis: memory, rights, and who is there.

use crate::check::{INDEXED, about, assert_complaints, healthy};
use crate::fixture::{Site, site_on};
use fred::interfaces::KeysInterface;
use shared::today::TodayCount;
use std::time::Duration;
use testkit::mariadb::shared_mariadb;
use testkit::server::Redis;
use worker::check::findings::Verdict;

/// On a Redis of its own; the database is out of reach, which is a complaint about its server.
async fn site() -> (Site, &'static Redis) {
    let redis: &'static Redis = Box::leak(Box::new(Redis::start().await.unwrap()));
    let mut site = site_on(shared_mariadb().await, redis).await;
    site.set("MYSQL_PORT", "1");
    (site, redis)
}

#[tokio::test]
async fn what_happens_when_it_is_full() {
    let (site, _) = site().await;
    let set = [
        "SET",
        "maxmemory",
        "50mb",
        "maxmemory-policy",
        "allkeys-lru",
    ];
    site.redis_does("CONFIG", &set).await;
    let report = site.check().await;
    assert_complaints(&report, &["server", "memory"]);
    assert!(about(&report, "memory").what.contains("allkeys-lru"));
    site.redis_does("CONFIG", &["SET", "maxmemory-policy", "noeviction"])
        .await;
    assert_complaints(&site.check().await, &["server"]);
    site.redis_does("CONFIG", &["SET", "maxmemory", "1"]).await;
    let report = site.check().await;
    assert_complaints(&report, &["server", "memory", "rights"]);
    assert!(about(&report, "rights").what.contains("OOM"));
}

#[tokio::test]
async fn who_is_there() {
    let (site, _) = site().await;
    let what = about(&site.check().await, "keys").what.clone();
    assert!(what.starts_with("no worker is at work; 0 of 11"), "{what}");
    let now = site.clock.now();
    let today = TodayCount {
        total: 313,
        generated_at: now,
        date: site.day(),
        expires_at: now.after(Duration::from_secs(60)),
    };
    let today = serde_json::to_string(&today).unwrap();
    for (name, value) in [
        ("visitors:today:count", today.as_str()),
        ("visitors:weekly", "{}"),
    ] {
        let set = site.redis.set(site.key(name), value, None, None, false);
        let () = set.await.unwrap();
    }
    let what = about(&site.check().await, "keys").what.clone();
    assert!(what.contains("a worker is at work: 313 visitors"), "{what}");
    assert!(what.contains("1 of 11"), "{what}");
    assert_eq!(site.stored("visitors:today:count").await, Some(today));
}

/// A user who may do nearly everything.
async fn allow(site: &Site, rules: &[&str]) {
    let user = [
        "SETUSER", "worker", "reset", "on", ">hunter2", "~*", "&*", "+@all",
    ];
    site.redis_does("ACL", &[&user, rules].concat()).await;
}

#[tokio::test]
async fn rights_are_asked_and_not_used() {
    let (mut site, redis) = site().await;
    let url = redis.url().replace("://", "://worker:hunter2@");
    site.set("REDIS_URL", &url);
    for (rules, told) in [
        (&["-publish"][..], "refused: PUBLISH"),
        (&["-eval"], "refused: EVAL"),
        (&["resetkeys", "~other:*"], "refused: SET"),
        (&["resetchannels"], "SUBSCRIBE"),
    ] {
        allow(&site, rules).await;
        let report = site.check().await;
        let rights = about(&report, "rights");
        assert_eq!(rights.verdict, Verdict::Broken, "{rules:?}");
        assert!(rights.what.contains(told), "{rules:?} {rights:?}");
    }
    // Where it cannot be asked it is not tried either.
    let () = site
        .redis
        .set(site.key("visitors:today:count"), "kept", None, None, false)
        .await
        .unwrap();
    for rules in [
        &["-multi"][..],
        &["-discard"],
        &["-info"],
        &["-@transaction", "-@dangerous"],
    ] {
        allow(&site, rules).await;
        assert_complaints(&site.check().await, &["server"]);
    }
    let kept = site.stored("visitors:today:count").await;
    assert_eq!(kept.as_deref(), Some("kept"));

    allow(&site, &[">other", "<hunter2"]).await;
    let report = site.check().await;
    let server = &report.findings[1];
    assert!(server.what.contains("WRONGPASS"), "{server:?}");
    assert!(
        server.advice.as_ref().unwrap().contains("PASSWORD"),
        "{server:?}"
    );
}

#[tokio::test]
async fn a_replica_is_told() {
    let (site, _) = site().await;
    site.redis_does("REPLICAOF", &["127.0.0.1", "1"]).await;
    let report = site.check().await;
    let rights = about(&report, "rights");
    assert!(
        rights.advice.as_ref().unwrap().contains("replica"),
        "{rights:?}"
    );
}

#[tokio::test]
async fn whoever_writes_visits_must_raise_the_counter() {
    let mut site = healthy(INDEXED).await;
    site.set("TODAY_COUNT_MODE", "incremental");
    let now = site
        .clock
        .now()
        .utc()
        .with_timezone(&site.zone)
        .naive_local();
    site.sql(&format!(
        "INSERT INTO visitor_count (member_name, checkin_date) VALUES ('Tamu', '{now}')"
    ))
    .await;
    assert_complaints(&site.check().await, &["counter"]);
    let key = site.key(&format!("visitors:today:incr:{}", site.day()));
    let _: i64 = site.redis.incr(key).await.unwrap();
    assert_complaints(&site.check().await, &[]);
}
