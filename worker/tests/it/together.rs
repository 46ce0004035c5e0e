//! The worker and the real gateway together, on real servers, as clients and operators see them.

use crate::fixture::{Fixture, SOON, fixture_on, own_servers};
use fred::interfaces::KeysInterface;
use nix::sys::signal::Signal;
use shared::catalog::{Group, Snapshot};
use shared::time::Clock;
use std::net::SocketAddr;
use std::time::Duration;
use testkit::document::Document;
use testkit::eventually::eventually;
use testkit::http::{Events, Response, get};
use testkit::oracle::PATHS;
use testkit::process::{Process, free_port};
use testkit::schema::{Engine, Shape};
use tokio::time::timeout;

const NOW: &str = "2025-09-23T10:00:00";

/// The real gateway on the Redis of a fixture.
pub(crate) struct Gateway {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
}

impl Gateway {
    pub(crate) async fn start(fixture: &Fixture) -> Self {
        let port = free_port().unwrap();
        let mut environment = fixture.environment();
        environment.retain(|(name, _)| name.starts_with("REDIS"));
        environment.push(("PORT", port.to_string()));
        environment.push(("HOST", "127.0.0.1".to_owned()));
        environment.push(("SHUTDOWN_DRAIN_SECONDS", "1".to_owned()));
        let process = Process::spawn("gateway", &environment).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        eventually("the gateway is ready", SOON, async || {
            let open = tokio::net::TcpStream::connect(address).await.is_ok();
            (open && get(address, "/readyz").await.status == 200).then_some(())
        })
        .await;
        Self { process, address }
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        get(self.address, path).await
    }

    /// Waits until every snapshot and the count are served.
    pub(crate) async fn await_all(&self) {
        for path in paths() {
            eventually(&format!("{path} is 200"), SOON, async || {
                (self.get(&path).await.status == 200).then_some(())
            })
            .await;
        }
    }
}

/// Every path that is served once everything is stored.
pub(crate) fn paths() -> Vec<String> {
    let snapshots = Snapshot::ALL.map(|snapshot| snapshot.path().to_owned());
    let summaries = [Group::Visitors, Group::Books].map(|group| group.summary_path().to_owned());
    let today = ["/api/visitors/today".to_owned()];
    [&snapshots[..], &summaries, &today].concat()
}

async fn innodb(zone: &str, now: &str) -> Fixture {
    let shape = Shape {
        engine: Engine::InnoDb,
        ..Shape::default()
    };
    Fixture::new(zone, now, shape).await
}

#[tokio::test]
async fn every_endpoint_is_right_through_both() {
    let fixture = innodb("Asia/Jakarta", NOW).await;
    let running = fixture.start();
    let gateway = Gateway::start(&fixture).await;
    gateway.await_all().await;
    let oracle = fixture.oracle();
    for path in PATHS {
        let answer = gateway.get(&format!("/api/{path}")).await;
        let stored = fixture.stored(&path.replace('/', ":")).await.unwrap();
        assert_eq!(answer.text(), stored, "{path} is served byte for byte");
        let tail = format!(r#""data":{}}}"#, oracle.data(path));
        assert!(stored.ends_with(&tail), "{path}: {stored}");
    }
    let today = gateway.get("/api/visitors/today").await.json();
    assert_eq!(today["total"], oracle.today_total());
    assert_eq!(today["date"], oracle.today_date());
    let fields = |group: Group| {
        let fields = group.summary().map(|snapshot| {
            let data = oracle.data(snapshot.path().trim_start_matches("/api/"));
            format!(r#""{}":{data}"#, snapshot.field())
        });
        fields.collect::<Vec<_>>().join(",")
    };
    let books = gateway.get("/api/books/summary").await;
    let wanted = format!(r#""data":{{{}}}}}"#, fields(Group::Books));
    assert!(books.text().ends_with(&wanted), "{}", books.text());
    // A count lives for a fifth of a second here, so that there may be none for a moment.
    let visitors = eventually("the summary has a count", SOON, async || {
        let visitors = gateway.get("/api/visitors/summary").await;
        (!visitors.json()["data"]["today"].is_null()).then_some(visitors)
    })
    .await;
    let wanted = format!(r#"}},{}}}}}"#, fields(Group::Visitors));
    assert!(visitors.text().ends_with(&wanted), "{}", visitors.text());
    let count = &visitors.json()["data"]["today"];
    assert_eq!(count["total"], oracle.today_total());
    running.stop().await;
}

/// A library with dirty rows, with each setting of `MEMBER_NAMES`.
#[tokio::test]
async fn worker_output_matches_the_openapi_document() {
    for names in ["full", "masked", "hidden"] {
        let mut fixture = innodb("Asia/Jakarta", NOW).await;
        fixture.set("MEMBER_NAMES", names);
        fixture.refresh().await.unwrap();
        let gateway = Gateway::start(&fixture).await;
        let document = Document(gateway.get("/docs/json").await.json());
        for path in paths().iter().filter(|path| !path.ends_with("/today")) {
            let answer = eventually(&format!("{path} is 200"), SOON, async || {
                let answer = gateway.get(path).await;
                (answer.status == 200).then_some(answer)
            });
            document.check("GET", path, &answer.await);
        }
    }
}

#[tokio::test]
async fn without_a_worker_nothing_is_served_and_a_stream_waits() {
    let fixture = innodb("Asia/Jakarta", NOW).await;
    let gateway = Gateway::start(&fixture).await;
    for path in paths().iter().filter(|path| !path.ends_with("/today")) {
        let answer = gateway.get(path).await;
        assert_eq!(
            (answer.status, answer.header("retry-after")),
            (202, Some("5")),
            "{path}"
        );
        assert!(
            answer.took < Duration::from_millis(900),
            "{path} does not wait"
        );
    }
    let mut stream = Events::open(gateway.address).await;
    assert_eq!(stream.status, 200);
    let running = fixture.start();
    let first = stream.next().await.unwrap();
    assert_eq!(first.event, "init");
    let count: serde_json::Value = serde_json::from_str(&first.data).unwrap();
    assert_eq!(count["total"], fixture.true_total().await);
    assert_eq!(stream.next().await.unwrap().event, "update");
    gateway.await_all().await;
    running.stop().await;
}

/// Follows the count over HTTP and in a stream from before midnight until it is that of `last_day`. Asserts that no
/// count of a past day is shown.
async fn watch_midnight(fixture: &Fixture, gateway: &Gateway, last_day: &str) {
    let mut stream = Events::open(gateway.address).await;
    let http = async {
        loop {
            // The day is read before the request, since it may end meanwhile.
            let day = fixture.day().to_string();
            let answer = gateway.get("/api/visitors/today").await;
            let summary = gateway.get("/api/visitors/summary").await.json();
            for count in [&answer.json(), &summary["data"]["today"], &summary["today"]] {
                if let Some(shown) = count["date"].as_str() {
                    assert!(shown >= day.as_str(), "{shown} is shown on {day}: {count}");
                }
            }
            if answer.status == 200 && answer.json()["date"] == last_day {
                assert_eq!(answer.json()["total"], fixture.true_total().await);
                return;
            }
        }
    };
    let events = async {
        loop {
            let block = stream.next().await.unwrap();
            // An event may be in flight for a tenth of a second.
            let day = fixture.clock.now().minus(Duration::from_millis(100));
            let day = day
                .utc()
                .with_timezone(&fixture.zone)
                .date_naive()
                .to_string();
            if let Ok(count) = serde_json::from_str::<serde_json::Value>(&block.data) {
                let shown = count["date"].as_str().unwrap();
                assert!(shown >= day.as_str(), "{shown} is streamed on {day}");
                if shown == last_day {
                    return;
                }
            }
        }
    };
    timeout(SOON, async { tokio::join!(http, events) })
        .await
        .expect("the new day's count");
}

#[tokio::test]
async fn yesterdays_count_is_not_served_after_midnight() {
    for (zone, day, new_day) in [
        ("Asia/Jakarta", "2025-09-30", "2025-10-01"),
        ("Africa/Cairo", "2026-04-23", "2026-04-24"),
    ] {
        let fixture = innodb(zone, &format!("{day}T23:59:55")).await;
        let running = fixture.start();
        let gateway = Gateway::start(&fixture).await;
        gateway.await_all().await;
        let began = fixture.clock.now();
        watch_midnight(&fixture, &gateway, new_day).await;
        assert!(
            fixture.clock.now().since(began) < Duration::from_secs(8),
            "within 3 s of midnight"
        );
        running.stop().await;
    }
}

#[tokio::test]
async fn a_worker_that_dies_before_midnight_leaves_nothing_of_yesterday() {
    let mut fixture = innodb("Asia/Jakarta", "2025-09-30T23:59:55").await;
    fixture.set("VISITOR_SYNC_MIN_INTERVAL_MS", "60000");
    let running = fixture.start();
    let gateway = Gateway::start(&fixture).await;
    gateway.await_all().await;
    let mut before = Events::open(gateway.address).await;
    assert_eq!(before.next().await.unwrap().event, "init");
    running.kill();
    eventually("the day ends", SOON, async || {
        (fixture.day().to_string() == "2025-10-01").then_some(())
    })
    .await;
    let answer = gateway.get("/api/visitors/today").await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    let summary = gateway.get("/api/visitors/summary").await.json();
    assert_eq!(summary["data"]["today"], serde_json::Value::Null);
    let mut after = Events::open(gateway.address).await;
    for stream in [&mut before, &mut after] {
        assert_eq!(stream.next_within(Duration::from_secs(1)).await, None);
    }
    // A new worker on the new day.
    let running = fixture.start();
    for (stream, event) in [(&mut before, "update"), (&mut after, "init")] {
        let block = stream.next().await.unwrap();
        assert_eq!(block.event, event);
        assert!(block.data.contains("2025-10-01"), "{}", block.data);
    }
    running.stop().await;
}

#[tokio::test]
async fn everything_is_back_after_redis_restarts_empty() {
    let (mariadb, redis) = own_servers().await;
    let fixture = fixture_on(mariadb, redis).await;
    let running = fixture.start();
    let gateway = Gateway::start(&fixture).await;
    gateway.await_all().await;
    let before = gateway.get("/api/visitors/weekly").await.body;
    redis.kill().await.unwrap();
    let requests = async {
        for _ in 0..40 {
            for path in paths().iter().filter(|path| !path.ends_with("/today")) {
                let answer = gateway.get(path).await;
                assert_eq!(answer.status, 200, "{path} comes from the cache");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let restart = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        redis.start_again().await.unwrap();
    };
    tokio::join!(requests, restart);
    fixture.await_all().await;
    gateway.await_all().await;
    assert_eq!(
        gateway.get("/api/visitors/weekly").await.body,
        before,
        "restored without a refresh"
    );
    running.stop().await;
}

#[tokio::test]
async fn gateway_clients_do_not_notice_a_database_outage() {
    let (mariadb, redis) = own_servers().await;
    let fixture = fixture_on(mariadb, redis).await;
    let running = fixture.start();
    let gateway = Gateway::start(&fixture).await;
    gateway.await_all().await;
    let mut stream = Events::open(gateway.address).await;
    assert_eq!(stream.next().await.unwrap().event, "init");
    mariadb.kill().await.unwrap();
    for path in paths().iter().filter(|path| !path.ends_with("/today")) {
        assert_eq!(gateway.get(path).await.status, 200, "{path}");
    }
    eventually("the count has expired", SOON, async || {
        (gateway.get("/api/visitors/today").await.status == 202).then_some(())
    })
    .await;
    mariadb.start_again().await.unwrap();
    gateway.await_all().await;
    assert_eq!(stream.next().await.unwrap().event, "update");
    running.stop().await;
}

#[tokio::test]
async fn no_request_reaches_the_database_and_a_herd_costs_one_count() {
    let (mariadb, redis) = own_servers().await;
    let mut fixture = fixture_on(mariadb, redis).await;
    fixture.set("VISITOR_SYNC_MIN_INTERVAL_MS", "3600000");
    let running = fixture.start();
    fixture.await_all().await;
    fixture.await_total(fixture.true_total().await).await;
    let gateway = Gateway::start(&fixture).await;
    gateway.await_all().await;

    mariadb.general_log(true).await.unwrap();
    for _ in 0..50 {
        for path in paths() {
            assert_eq!(gateway.get(&path).await.status, 200);
        }
    }
    assert_eq!(queries(&fixture, mariadb).await, Vec::<String>::new());

    // The count is missing, and a gateway that never saw it gets a thousand requests at once.
    let _: i64 = fixture
        .redis
        .del(fixture.key("visitors:today:count"))
        .await
        .unwrap();
    let cold = Gateway::start(&fixture).await;
    let mut herd = tokio::task::JoinSet::new();
    for _ in 0..1_000 {
        let address = cold.address;
        herd.spawn(async move { get(address, "/api/visitors/today").await });
    }
    let mut waited = 0;
    while let Some(answer) = herd.join_next().await {
        let answer = answer.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        waited += usize::from(answer.json()["source"] == "db");
    }
    assert!(waited > 0, "some requests wait for the count");
    let counts = queries(&fixture, mariadb).await;
    assert_eq!(counts.len(), 1, "{counts:?}");
    running.stop().await;
}

/// The queries of tables by the worker's account since the log was turned on.
pub(crate) async fn queries(fixture: &Fixture, mariadb: &testkit::mariadb::MariaDb) -> Vec<String> {
    let user = fixture.user();
    let lines = mariadb.general_log_lines().await.unwrap();
    let queries = lines
        .into_iter()
        .filter(|line| line.user == user && line.text.contains(" FROM "));
    // A new connection first asks for its own id.
    queries
        .filter(|line| line.command != "Prepare" && !line.text.contains("CONNECTION_ID()"))
        .map(|line| line.text)
        .collect()
}

#[tokio::test]
async fn both_real_processes_follow_a_check_in_and_end_cleanly() {
    let fixture = innodb("Asia/Jakarta", NOW).await;
    // A real process has only the real time.
    let now = Clock::system().now().utc();
    fixture.clock.step_to(now);
    let mut worker = Process::spawn("worker", &fixture.environment()).unwrap();
    let mut gateway = Gateway::start(&fixture).await;
    gateway.await_all().await;
    let mut stream = Events::open(gateway.address).await;
    assert_eq!(stream.next().await.unwrap().event, "init");
    let before = fixture.true_total().await;
    let minute = now.with_timezone(&fixture.zone).format("%Y-%m-%d %H:%M:%S");
    fixture
        .sql(&format!(
            "INSERT INTO visitor_count (member_name, checkin_date) VALUES ('Tamu', '{minute}')"
        ))
        .await;
    eventually("the stream shows the check-in", SOON, async || {
        let count: serde_json::Value = serde_json::from_str(&stream.next().await?.data).ok()?;
        (count["total"] == before + 1).then_some(())
    })
    .await;
    for process in [&mut worker, &mut gateway.process] {
        process.signal(Signal::SIGTERM).unwrap();
        assert_eq!(
            process.wait_exit(SOON).await.unwrap().code(),
            Some(0),
            "{}",
            process.log()
        );
    }
    assert_eq!(
        stream.next().await.map(|block| block.retry.is_some()),
        Some(true)
    );
    assert!(
        stream.next().await.is_none() && stream.clean_end,
        "a clean end"
    );
}

#[tokio::test]
async fn a_figure_that_cannot_be_computed_says_why() {
    let fixture = innodb("Asia/Jakarta", NOW).await;
    fixture.sql("ALTER TABLE loan DROP COLUMN due_date").await;
    fixture.sql("DROP TABLE visitor_count").await;
    let running = fixture.start();
    let gateway = Gateway::start(&fixture).await;
    let says = async |path: &str, reason: &str| {
        let what = format!("{path} says: {reason}");
        eventually(&what, SOON, async || {
            let answer = gateway.get(path).await;
            let message = answer.json()["message"].as_str()?.to_owned();
            (answer.status == 202 && message.contains(reason)).then_some(())
        })
        .await;
    };
    let column = "cannot be computed: column loan.due_date is missing in the database";
    says("/api/books/circulation", column).await;
    let table = "cannot be computed: table visitor_count is missing in the database";
    says("/api/visitors/summary", table).await;
    says("/api/visitors/daily.csv", table).await;
    let health = gateway.get("/health").await.json();
    let reason = &health["snapshots"]["books:circulation"]["reason"];
    assert_eq!(reason, "column loan.due_date is missing in the database");
    assert_eq!(gateway.get("/api/books/loans/monthly").await.status, 200);

    // Once it can be computed, nothing says otherwise.
    fixture
        .sql("ALTER TABLE loan ADD COLUMN due_date date NOT NULL")
        .await;
    eventually("the circulation is served", SOON, async || {
        let served = gateway.get("/api/books/circulation").await.status == 200;
        let health = gateway.get("/health").await.json();
        let reason = &health["snapshots"]["books:circulation"]["reason"];
        (served && reason.is_null()).then_some(())
    })
    .await;
    running.stop().await;
}
