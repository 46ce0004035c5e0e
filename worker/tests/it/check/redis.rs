//! `worker check` of Redis: memory, permissions, existing keys.

use crate::check::{INDEXED, about, assert_complaints, healthy};
use crate::fixture::{Site, site_on};
use fred::interfaces::KeysInterface;
use shared::today::TodayCount;
use std::time::Duration;
use testkit::mariadb::shared_mariadb;
use testkit::server::Redis;
use worker::check::findings::Verdict;

/// A site on its own Redis. Its database is out of reach, so every report complains about `server`.
async fn site() -> (Site, &'static Redis) {
    let redis: &'static Redis = Box::leak(Box::new(Redis::start().await.unwrap()));
    let mut site = site_on(shared_mariadb().await, redis).await;
    site.set("MYSQL_PORT", "1");
    (site, redis)
}

#[tokio::test]
async fn a_full_redis_and_an_evicting_policy_are_reported() {
    let (site, _) = site().await;
    let set = [
        "SET",
        "maxmemory",
        "50mb",
        "maxmemory-policy",
        "allkeys-lru",
    ];
    site.redis_command("CONFIG", &set).await;
    let report = site.check().await;
    assert_complaints(&report, &["server", "memory"]);
    assert!(about(&report, "memory").what.contains("allkeys-lru"));
    site.redis_command("CONFIG", &["SET", "maxmemory-policy", "noeviction"])
        .await;
    assert_complaints(&site.check().await, &["server"]);
    site.redis_command("CONFIG", &["SET", "maxmemory", "1"])
        .await;
    let report = site.check().await;
    assert_complaints(&report, &["server", "memory", "rights"]);
    assert!(about(&report, "rights").what.contains("OOM"));
}

#[tokio::test]
async fn existing_keys_and_an_active_worker_are_reported() {
    let (site, _) = site().await;
    let what = about(&site.check().await, "keys").what.clone();
    assert!(what.starts_with("no worker is running; 0 of 11"), "{what}");
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
    assert!(what.contains("a worker is running: 313 visitors"), "{what}");
    assert!(what.contains("1 of 11"), "{what}");
    assert_eq!(site.stored("visitors:today:count").await, Some(today));
}

/// Resets the user `worker` to all permissions, changed by `rules`.
async fn set_rules(site: &Site, rules: &[&str]) {
    let user = [
        "SETUSER", "worker", "reset", "on", ">hunter2", "~*", "&*", "+@all",
    ];
    site.redis_command("ACL", &[&user, rules].concat()).await;
}

#[tokio::test]
async fn permissions_are_checked_without_executing_a_command() {
    let (mut site, redis) = site().await;
    let url = redis.url().replace("://", "://worker:hunter2@");
    site.set("REDIS_URL", &url);
    for (rules, expected) in [
        (&["-publish"][..], "refused: PUBLISH"),
        (&["-eval"], "refused: EVAL"),
        (&["resetkeys", "~other:*"], "refused: SET"),
        (&["resetchannels"], "SUBSCRIBE"),
    ] {
        set_rules(&site, rules).await;
        let report = site.check().await;
        let rights = about(&report, "rights");
        assert_eq!(rights.verdict, Verdict::Broken, "{rules:?}");
        assert!(rights.what.contains(expected), "{rules:?} {rights:?}");
    }
    // If the permissions cannot be checked, no command is executed either.
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
        set_rules(&site, rules).await;
        assert_complaints(&site.check().await, &["server"]);
    }
    let kept = site.stored("visitors:today:count").await;
    assert_eq!(kept.as_deref(), Some("kept"));

    set_rules(&site, &[">other", "<hunter2"]).await;
    let report = site.check().await;
    let server = &report.findings[1];
    assert!(server.what.contains("WRONGPASS"), "{server:?}");
    assert!(
        server.advice.as_ref().unwrap().contains("PASSWORD"),
        "{server:?}"
    );
}

#[tokio::test]
async fn a_replica_is_reported() {
    let (site, _) = site().await;
    site.redis_command("REPLICAOF", &["127.0.0.1", "1"]).await;
    let report = site.check().await;
    let rights = about(&report, "rights");
    assert!(
        rights.advice.as_ref().unwrap().contains("replica"),
        "{rights:?}"
    );
}

#[tokio::test]
async fn a_counter_that_nothing_increments_gets_advice() {
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
