//! `/health` when Redis refuses a command or a key holds an invalid value: the gateway serves its cache, names the
//! failing part, and recovers.

use crate::fixture::{Fixture, LONG, SOON, Worker, envelope, message};
use fred::interfaces::ClientLike;
use fred::types::{ClusterHash, CustomCommand, Value};
use serde_json::Value as Json;
use shared::catalog::Snapshot;
use std::sync::Arc;
use std::time::Duration;
use testkit::eventually::eventually;
use testkit::server::Redis;

/// The Redis account of the gateway, from the file for operators.
const ACCOUNTS: &str = include_str!("../../../deploy/rights/redis.acl");
const PASSWORD: &str = "change-the-password-of-gateway";

/// Each command of the account, and the part that fails without it; `None` if the gateway runs and reconnects without
/// it.
const COMMANDS: [(&str, Option<&str>); 14] = [
    ("get", Some("today")),
    ("getrange", Some("reads")),
    ("pttl", Some("today")),
    ("subscribe", Some("subscription")),
    ("publish", Some("refresh_requests")),
    // Redis allows these to every account.
    ("hello", None),
    ("auth", None),
    ("client|id", None),
    ("client|setname", None),
    ("select", None),
    ("ping", None),
    ("info", None),
    ("quit", None),
    ("unsubscribe", None),
];

/// The rules of the account, without one of its commands. The text in brackets is one rule.
fn rules(without: Option<&str>) -> Vec<String> {
    let mut lines = ACCOUNTS.lines();
    let line = lines.find_map(|line| line.strip_prefix("user gateway "));
    let mut rules: Vec<String> = Vec::new();
    for word in line.unwrap().split(' ') {
        match rules
            .last_mut()
            .filter(|rule| rule.starts_with('(') && !rule.ends_with(')'))
        {
            Some(rule) => {
                rule.push(' ');
                rule.push_str(word);
            }
            None => rules.push(word.to_owned()),
        }
    }
    let Some(without) = without else { return rules };
    let command = format!("+{without}");
    let before = rules.clone();
    rules.retain(|rule| *rule != command);
    for rule in &mut rules {
        *rule = rule.replace(&format!("({command} "), "(");
    }
    assert_ne!(rules, before, "{without} is not among the rights");
    rules
}

struct Site {
    fixture: Fixture,
    _redis: Redis,
}

impl Site {
    async fn start() -> Self {
        let redis = Redis::start().await.unwrap();
        let worker = Arc::new(Worker::on(&redis.url(), "").await);
        set_rules(&worker, None).await;
        let url = format!("redis://gateway:{PASSWORD}@127.0.0.1:{}", redis.port());
        let often = |config: &mut gateway::config::Config| {
            config.limits.reread = Duration::from_millis(300);
        };
        let fixture = Fixture::with_worker(worker, &url, &[], often).await;
        Self {
            fixture,
            _redis: redis,
        }
    }

    async fn health(&self) -> Json {
        self.fixture.get("/health").await.json()
    }

    /// Waits until nothing fails, then checks that new values arrive.
    async fn assert_recovered(&self, version: u32) {
        let worker = &self.fixture.worker;
        eventually("nothing fails", SOON, async || {
            let health = self.health().await;
            let errors = health["errors"].as_object().unwrap();
            (errors.is_empty() && health["redis"] == "connected").then_some(())
        })
        .await;
        let value = envelope(Snapshot::Monthly, version);
        worker.store(Snapshot::Monthly, &value).await;
        self.fixture.shows(Snapshot::Monthly.path(), &value).await;
        let total = u64::from(version) + 1_000;
        worker.publish_count(&message(total, LONG), LONG).await;
        eventually("the count arrives", SOON, async || {
            (self.health().await["today"]["total"] == total).then_some(())
        })
        .await;
    }

    async fn assert_serves_cache(&self) {
        let answer = self.fixture.get(Snapshot::Weekly.path()).await;
        assert_eq!(answer.text(), envelope(Snapshot::Weekly, 1));
        assert_eq!(self.fixture.get("/readyz").await.status, 200);
    }
}

async fn run_command(worker: &Worker, name: &'static str, arguments: Vec<String>) -> Value {
    let command = CustomCommand::new_static(name, ClusterHash::FirstKey, false);
    worker.redis.custom(command, arguments).await.unwrap()
}

async fn set_rules(worker: &Worker, without: Option<&str>) {
    let mut arguments = ["SETUSER", "gateway", "reset"].map(str::to_owned).to_vec();
    arguments.extend(rules(without));
    run_command(worker, "ACL", arguments).await;
}

/// Kills the gateway's connection, so that it reconnects.
async fn kill_connection(worker: &Worker) {
    let arguments = ["KILL", "USER", "gateway"].map(str::to_owned).to_vec();
    run_command(worker, "CLIENT", arguments).await;
}

#[tokio::test]
async fn each_refused_command_is_named_and_the_gateway_recovers() {
    let site = Site::start().await;
    let worker = &site.fixture.worker;
    site.fixture.warm().await;
    site.assert_recovered(2).await;
    let granted = rules(None).join(" ");
    let granted = granted.matches('+').count();
    assert_eq!(
        COMMANDS.len(),
        granted,
        "every command of the account is tried"
    );
    for (round, (command, part)) in (3..).zip(COMMANDS) {
        set_rules(worker, Some(command)).await;
        kill_connection(worker).await;
        match part {
            Some(part) => {
                let health = eventually(
                    &format!("without {command} {part} fails"),
                    SOON,
                    async || {
                        // A request that finds no count sends a refresh request.
                        worker.delete(worker.keys.today_count()).await;
                        let short = Duration::from_millis(1);
                        worker
                            .publish_message(&message(u64::from(round), short))
                            .await;
                        drop(site.fixture.get("/api/visitors/today").await);
                        let health = site.health().await;
                        health["errors"][part].is_string().then_some(health)
                    },
                )
                .await;
                println!("{command}: {}", health["errors"]);
                assert_eq!(health["status"], "degraded");
                assert!(!health.to_string().contains(PASSWORD));
            }
            None => site.assert_recovered(round + 100).await,
        }
        site.assert_serves_cache().await;
        set_rules(worker, None).await;
        site.assert_recovered(round).await;
    }
}

/// Like the account of an earlier version.
#[tokio::test]
async fn without_getrange_every_change_is_found_by_full_reads() {
    let site = Site::start().await;
    let worker = &site.fixture.worker;
    site.fixture.warm().await;
    set_rules(worker, Some("getrange")).await;
    let errors = eventually("the right is named", SOON, async || {
        let errors = site.health().await["errors"].clone();
        errors["reads"].is_string().then_some(errors)
    })
    .await;
    assert!(
        errors["reads"].as_str().unwrap().contains("getrange"),
        "{errors}"
    );
    assert_eq!(errors.as_object().unwrap().len(), 1, "{errors}");
    let value = envelope(Snapshot::Weekly, 2);
    let key = worker.keys.snapshot(Snapshot::Weekly);
    worker.set(&key, &value).await;
    site.fixture.shows(Snapshot::Weekly.path(), &value).await;
    set_rules(worker, None).await;
    site.assert_recovered(3).await;
}

#[tokio::test]
async fn refused_password_is_reported_and_the_gateway_recovers() {
    let site = Site::start().await;
    let worker = &site.fixture.worker;
    site.fixture.warm().await;
    let rules = |password: &str| {
        let rules = ["SETUSER", "gateway", "resetpass", password];
        rules.map(str::to_owned).to_vec()
    };
    run_command(worker, "ACL", rules(">another")).await;
    kill_connection(worker).await;
    let errors = eventually("the password is refused", SOON, async || {
        let errors = site.health().await["errors"].clone();
        let is_reported = errors["redis"].as_str()?.contains("password");
        is_reported.then_some(errors)
    })
    .await;
    assert!(!errors.to_string().contains(PASSWORD), "{errors}");
    site.assert_serves_cache().await;
    run_command(worker, "ACL", rules(&format!(">{PASSWORD}"))).await;
    site.assert_recovered(2).await;
}

/// No command is refused, but no messages arrive, like from a worker that may not publish.
#[tokio::test]
async fn counts_without_messages_are_reported() {
    let often = |config: &mut gateway::config::Config| {
        config.limits.reread = Duration::from_millis(200);
    };
    let fixture = Fixture::with(&[], often).await;
    let mut total = 0;
    eventually("missing messages are reported", SOON, async || {
        total += 1;
        fixture.worker.set_count(&message(total, LONG), LONG).await;
        let health = fixture.get("/health").await.json();
        let error = health["errors"]["messages"].as_str()?;
        error.contains("no message").then_some(())
    })
    .await;
    assert_eq!(fixture.get("/api/visitors/today").await.status, 200);
    fixture
        .worker
        .publish_count(&message(total + 1, LONG), LONG)
        .await;
    eventually("no error is left", SOON, async || {
        let health = fixture.get("/health").await.json();
        health["errors"].as_object()?.is_empty().then_some(())
    })
    .await;
}

#[tokio::test]
async fn invalid_key_is_reported_by_name() {
    let often = |config: &mut gateway::config::Config| {
        config.limits.reread = Duration::from_millis(200);
    };
    let fixture = Fixture::with(&[], often).await;
    let worker = &fixture.worker;
    fixture.warm().await;
    let keys = Snapshot::ALL.map(|snapshot| (snapshot.name(), worker.keys.snapshot(snapshot)));
    let today = ("today".to_owned(), worker.keys.today_count());
    for (part, key) in keys.into_iter().chain([today]) {
        for wrong_type in [true, false] {
            worker.delete(key.clone()).await;
            if wrong_type {
                worker.push(&key, "x").await;
            } else {
                worker.set(&key, "nonsense").await;
            }
            eventually(&format!("{part} fails"), SOON, async || {
                let health = fixture.get("/health").await.json();
                (health["errors"][&part].is_string() && health["status"] == "degraded")
                    .then_some(())
            })
            .await;
        }
        for snapshot in Snapshot::ALL {
            let answer = fixture.get(snapshot.path()).await;
            assert_eq!(answer.text(), envelope(snapshot, 1));
        }
        worker.delete(key).await;
        eventually(&format!("{part} fails no longer"), SOON, async || {
            let health = fixture.get("/health").await.json();
            health["errors"].as_object()?.is_empty().then_some(())
        })
        .await;
    }
    worker.publish_message("nonsense").await;
    eventually("an invalid message is reported", SOON, async || {
        let health = fixture.get("/health").await.json();
        health["errors"]["messages"].is_string().then_some(())
    })
    .await;
    worker.publish_message(&message(1, LONG)).await;
    eventually("a valid message clears the error", SOON, async || {
        let health = fixture.get("/health").await.json();
        health["errors"].as_object()?.is_empty().then_some(())
    })
    .await;
}
