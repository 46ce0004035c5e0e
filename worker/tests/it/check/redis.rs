//! `worker check` of Redis: memory, permissions, existing keys.

use crate::check::{INDEXED, about, assert_complaints, healthy};
use crate::fixture::{Fixture, fixture_on, own};
use fred::interfaces::KeysInterface;
use shared::today::TodayCount;
use std::time::Duration;
use testkit::mariadb::shared_mariadb;
use testkit::server::Redis;
use worker::check::findings::Verdict;

/// A fixture on its own Redis. Its database is out of reach, so every report complains about `server`.
async fn fixture() -> (Fixture, &'static Redis) {
    let redis = own(Redis::start().await.unwrap());
    let mut fixture = fixture_on(shared_mariadb().await, redis).await;
    fixture.set("MYSQL_PORT", "1");
    (fixture, redis)
}

#[tokio::test]
async fn a_full_redis_and_an_evicting_policy_are_reported() {
    let (fixture, _) = fixture().await;
    let set = [
        "SET",
        "maxmemory",
        "50mb",
        "maxmemory-policy",
        "allkeys-lru",
    ];
    fixture.redis_command("CONFIG", &set).await;
    let report = fixture.check().await;
    assert_complaints(&report, &["server", "memory"]);
    assert!(about(&report, "memory").what.contains("allkeys-lru"));
    fixture
        .redis_command("CONFIG", &["SET", "maxmemory-policy", "noeviction"])
        .await;
    assert_complaints(&fixture.check().await, &["server"]);
    fixture
        .redis_command("CONFIG", &["SET", "maxmemory", "1"])
        .await;
    let report = fixture.check().await;
    assert_complaints(&report, &["server", "memory", "rights"]);
    assert!(about(&report, "rights").what.contains("OOM"));
}

#[tokio::test]
async fn existing_keys_and_an_active_worker_are_reported() {
    let (fixture, _) = fixture().await;
    let what = about(&fixture.check().await, "keys").what.clone();
    assert!(what.starts_with("no worker is running; 0 of 31"), "{what}");
    let now = fixture.clock.now();
    let today = TodayCount {
        total: 313,
        generated_at: now,
        date: fixture.day(),
        expires_at: now.plus(Duration::from_secs(60)),
    };
    let today = serde_json::to_string(&today).unwrap();
    for (name, value) in [
        ("visitors:today:count", today.as_str()),
        ("visitors:weekly", "{}"),
    ] {
        let set = fixture
            .redis
            .set(fixture.key(name), value, None, None, false);
        let () = set.await.unwrap();
    }
    let what = about(&fixture.check().await, "keys").what.clone();
    assert!(what.contains("a worker is running: 313 visitors"), "{what}");
    assert!(what.contains("1 of 31"), "{what}");
    assert_eq!(fixture.stored("visitors:today:count").await, Some(today));
}

/// Resets the user `worker` to all permissions, changed by `rules`.
async fn set_rules(fixture: &Fixture, rules: &[&str]) {
    let user = [
        "SETUSER", "worker", "reset", "on", ">hunter2", "~*", "&*", "+@all",
    ];
    fixture.redis_command("ACL", &[&user, rules].concat()).await;
}

#[tokio::test]
async fn permissions_are_checked_without_executing_a_command() {
    let (mut fixture, redis) = fixture().await;
    let url = redis.url().replace("://", "://worker:hunter2@");
    fixture.set("REDIS_URL", &url);
    for (rules, expected) in [
        (&["-publish"][..], "refused: PUBLISH"),
        (&["-eval"], "refused: EVAL"),
        (&["resetkeys", "~other:*"], "refused: SET"),
        (&["resetchannels"], "SUBSCRIBE"),
    ] {
        set_rules(&fixture, rules).await;
        let report = fixture.check().await;
        let rights = about(&report, "rights");
        assert_eq!(rights.verdict, Verdict::Broken, "{rules:?}");
        assert!(rights.what.contains(expected), "{rules:?} {rights:?}");
    }
    // If the permissions cannot be checked, no command is executed either.
    let () = fixture
        .redis
        .set(
            fixture.key("visitors:today:count"),
            "kept",
            None,
            None,
            false,
        )
        .await
        .unwrap();
    for rules in [
        &["-multi"][..],
        &["-discard"],
        &["-info"],
        &["-@transaction", "-@dangerous"],
    ] {
        set_rules(&fixture, rules).await;
        assert_complaints(&fixture.check().await, &["server"]);
    }
    let kept = fixture.stored("visitors:today:count").await;
    assert_eq!(kept.as_deref(), Some("kept"));

    // An account that has neither is the gateway's.
    let gateway = [
        "-@all",
        "+get",
        "+hello",
        "+auth",
        "+client|id",
        "+client|setname",
        "+select",
        "+ping",
        "+info",
    ];
    set_rules(&fixture, &gateway).await;
    let report = fixture.check().await;
    assert_complaints(&report, &["server", "rights"]);
    let rights = about(&report, "rights");
    assert!(
        rights.advice.as_ref().unwrap().contains("redis.acl"),
        "{rights:?}"
    );
    assert_eq!(report.findings[1].details["mode"], "standalone");

    set_rules(&fixture, &[">other", "<hunter2"]).await;
    let report = fixture.check().await;
    let server = &report.findings[1];
    assert!(server.what.contains("WRONGPASS"), "{server:?}");
    assert!(
        server.advice.as_ref().unwrap().contains("PASSWORD"),
        "{server:?}"
    );
}

#[tokio::test]
async fn a_replica_is_reported() {
    let (fixture, _) = fixture().await;
    fixture
        .redis_command("REPLICAOF", &["127.0.0.1", "1"])
        .await;
    let report = fixture.check().await;
    let rights = about(&report, "rights");
    assert!(
        rights.advice.as_ref().unwrap().contains("replica"),
        "{rights:?}"
    );
}

#[tokio::test]
async fn a_counter_that_nothing_increments_gets_advice() {
    let mut fixture = healthy(INDEXED).await;
    fixture.set("TODAY_COUNT_MODE", "incremental");
    let now = fixture
        .clock
        .now()
        .utc()
        .with_timezone(&fixture.zone)
        .naive_local();
    fixture
        .sql(&format!(
            "INSERT INTO visitor_count (member_name, checkin_date) VALUES ('Tamu', '{now}')"
        ))
        .await;
    assert_complaints(&fixture.check().await, &["counter"]);
    let key = fixture.key(&format!("visitors:today:incr:{}", fixture.day()));
    let _: i64 = fixture.redis.incr(key).await.unwrap();
    assert_complaints(&fixture.check().await, &[]);
}
