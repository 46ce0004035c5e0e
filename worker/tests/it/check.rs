//! `worker check`: what it finds on real servers that are well, and on such as are not; and that it only looks.

use crate::fixture::{Site, own_servers, site_on};
use fred::interfaces::{ClientLike, KeysInterface};
use fred::types::{ClusterHash, CustomCommand, InfoKind, Value};
use shared::catalog::Snapshot;
use shared::time::Clock;
use std::process::{Command, Output};
use testkit::generate::{Plan, Size, generate};
use testkit::process::free_port;
use testkit::schema::{Engine, Shape};
use testkit::server::Redis;
use worker::check::check;
use worker::check::findings::{Finding, Report, Verdict};
use worker::check::needs::{Figures, TABLES};
use worker::check::report::text;

const NOW: &str = "2025-09-23T10:00:00";
const INDEXED: Shape = Shape {
    engine: Engine::InnoDb,
    room_code: true,
    loan_history: true,
    date_index: true,
};
/// What the worker must never say.
const PASSWORD: &str = "reads-only";

/// A library at the present moment, without the dirt of the field.
async fn healthy(shape: Shape) -> Site {
    let zone = chrono_tz::Asia::Jakarta;
    let now = Clock::system().now().utc().with_timezone(&zone);
    let now = now.naive_local().format("%Y-%m-%dT%H:%M:%S").to_string();
    let mut site = Site::new(zone.name(), &now, shape).await;
    site.clock = Clock::system();
    // A busy machine is no reason for advice.
    site.set("VISITOR_SYNC_MIN_INTERVAL_MS", "60000");
    for (table, column) in [("visitor_count", "checkin_date"), ("loan", "loan_date")] {
        site.sql(&format!(
            "DELETE FROM {table} WHERE {column} > '{now}' OR MONTH({column}) = 0 OR DAYOFMONTH({column}) = 0"
        ))
        .await;
    }
    site
}

impl Site {
    async fn check(&self) -> Report {
        let report = check(&self.config(), &self.clock).await;
        let texts = [
            text(&report, false),
            serde_json::to_string(&report).unwrap(),
        ];
        for text in texts {
            self.assert_discreet(&text);
        }
        report
    }

    fn worker_check(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_worker"));
        command.arg("check").args(arguments).env_clear();
        command.envs(self.environment());
        let output = command.output().unwrap();
        for stream in [&output.stdout, &output.stderr] {
            self.assert_discreet(&String::from_utf8_lossy(stream));
        }
        output
    }

    /// No secret and no member is in a text.
    fn assert_discreet(&self, text: &str) {
        assert!(
            !text.contains(PASSWORD) && !text.contains("hunter2"),
            "{text}"
        );
        for member in &self.library.members {
            let name = &*member.member_name;
            assert!(name.len() < 6 || !text.contains(name), "{name} in {text}");
        }
    }

    fn user(&self) -> String {
        let environment = self.environment();
        let user = environment
            .into_iter()
            .find(|(name, _)| *name == "MYSQL_USER");
        user.unwrap().1
    }

    /// A command that the client has no word for.
    async fn redis_does(&self, command: &'static str, arguments: &[&str]) -> Value {
        let command = CustomCommand::new_static(command, ClusterHash::FirstKey, false);
        let arguments: Vec<String> = arguments.iter().map(|text| (*text).to_owned()).collect();
        self.redis.custom(command, arguments).await.unwrap()
    }
}

/// The one finding about something.
#[track_caller]
fn about<'a>(report: &'a Report, about: &str) -> &'a Finding {
    let found = report
        .findings
        .iter()
        .filter(|finding| finding.about == about);
    let found: Vec<&Finding> = found.collect();
    // Two tables are spoken of twice: of what they are, and of their dates.
    assert!(
        !found.is_empty(),
        "{about} is not in\n{}",
        text(report, false)
    );
    found[0]
}

/// What is not well.
fn complaints(report: &Report) -> Vec<&str> {
    let bad = report
        .findings
        .iter()
        .filter(|finding| finding.verdict != Verdict::Ok);
    bad.map(|finding| finding.about.as_str()).collect()
}

#[track_caller]
fn assert_complaints(report: &Report, wanted: &[&str]) {
    assert_eq!(complaints(report), wanted, "{}", text(report, false));
}

#[tokio::test]
async fn a_healthy_library_is_well() {
    for shape in [
        INDEXED,
        Shape {
            engine: Engine::MyIsam,
            ..INDEXED
        },
        Shape {
            engine: Engine::Aria,
            ..INDEXED
        },
    ] {
        let site = healthy(shape).await;
        let report = site.check().await;
        assert_complaints(&report, &[]);
        let output = site.worker_check(&[]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{text}");
        assert!(
            output.stderr.is_empty(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(
            text.contains(&shape.engine.to_string())
                && text.ends_with("All is well: start the worker.\n"),
            "{text}"
        );
        assert!(
            text.lines().all(|line| line.chars().count() <= 100),
            "{text}"
        );
        assert!(!text.contains('\u{1b}'), "colours are for terminals");
    }
}

#[tokio::test]
async fn text_and_json_say_the_same() {
    let site = healthy(INDEXED).await;
    site.sql("ALTER TABLE loan RENAME COLUMN item_code TO code")
        .await;
    let output = site.worker_check(&["--json"]);
    assert_eq!(output.status.code(), Some(2));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["verdict"], "advice");
    let text = String::from_utf8(site.worker_check(&[]).stdout).unwrap();
    for finding in json["findings"].as_array().unwrap() {
        let mark = match finding["verdict"].as_str().unwrap() {
            "ok" => '✓',
            "advice" => '!',
            _ => '✗',
        };
        let about = finding["about"].as_str().unwrap();
        assert!(
            text.contains(&format!("{mark} {about}")),
            "{mark} {about} is not in\n{text}"
        );
    }
}

#[tokio::test]
async fn an_index_is_advised_where_it_pays() {
    let mut site = healthy(Shape {
        date_index: false,
        ..INDEXED
    })
    .await;
    for _ in 0..5 {
        site.sql(
            "INSERT INTO visitor_count (member_id, member_name, checkin_date) \
             SELECT member_id, member_name, checkin_date FROM visitor_count",
        )
        .await;
    }
    let report = site.check().await;
    assert_complaints(&report, &["today"]);
    let today = about(&report, "today");
    assert_eq!(
        today.run,
        ["CREATE INDEX checkin_date ON visitor_count (checkin_date);"]
    );
    assert!(
        today
            .advice
            .as_ref()
            .unwrap()
            .contains("TODAY_COUNT_MODE=delta"),
        "{today:?}"
    );
    let took = |name: &str| today.details[name].as_f64().unwrap();
    assert!(
        took("with_index_ms") < took("took_ms") && took("delta_ms") < took("took_ms"),
        "{today:?}"
    );

    site.set("TODAY_COUNT_MODE", "delta");
    assert_complaints(&site.check().await, &[]);
    site.set("TODAY_COUNT_MODE", "direct");
    site.sql(&today.run[0]).await;
    let report = site.check().await;
    assert_complaints(&report, &[]);
    assert_eq!(about(&report, "today").details["indexed"], true);
    assert_eq!(
        about(&report, "visits").details["ways"]["visitor_count"],
        "days"
    );
}

/// The list of needs against what really fails, column by column and table by table.
#[tokio::test]
async fn what_a_figure_needs_is_what_it_fails_without() {
    let site = Site::new("Asia/Jakarta", NOW, Shape::default()).await;
    for table in &TABLES {
        let name = table.name;
        for (column, _) in table.columns {
            let rename =
                |from: &str, to: &str| format!("ALTER TABLE {name} RENAME COLUMN {from} TO {to}");
            site.sql(&rename(column, "elsewhere")).await;
            assert_lost(
                &site,
                &table.lost_without(&[column]),
                &format!("{name}.{column}"),
            )
            .await;
            site.sql(&rename("elsewhere", column)).await;
        }
        site.sql(&format!("RENAME TABLE {name} TO elsewhere")).await;
        assert_lost(&site, &table.lost_without(&table.column_names()), name).await;
        site.sql(&format!("RENAME TABLE elsewhere TO {name}")).await;
    }
}

async fn assert_lost(site: &Site, figures: &[Figures], without: &str) {
    for snapshot in Snapshot::ALL {
        let _: i64 = site.redis.del(site.key(&snapshot.name())).await.unwrap();
    }
    let made = site.refresh().await;
    let mut lost = Vec::new();
    for snapshot in Snapshot::ALL {
        if site.stored(&snapshot.name()).await.is_none() {
            lost.push(snapshot);
        }
    }
    let of = figures.iter().flat_map(|figures| figures.snapshots());
    let mut wanted: Vec<Snapshot> = of.copied().collect();
    wanted.sort_unstable();
    assert_eq!(lost, wanted, "without {without}: {made:?}");
    let day = site.day();
    let counted = worker::source::visits::count(&mut site.parts().await.session, day).await;
    assert_eq!(
        counted.is_err(),
        figures.contains(&Figures::Today),
        "without {without}"
    );

    let report = site.check().await;
    let found = about(&report, without);
    let verdict = match figures {
        [] => Verdict::Ok,
        _ if figures.contains(&Figures::Today) => Verdict::Broken,
        _ => Verdict::Advice,
    };
    assert_eq!(found.verdict, verdict, "{found:?}");
    assert_eq!(found.details["lacking"], "missing");
}

#[tokio::test]
async fn too_many_privileges_and_too_few() {
    let site = healthy(INDEXED).await;
    let (user, database) = (site.user(), site.database.clone());
    site.sql(&format!(
        "GRANT ALL ON `{database}`.* TO '{user}'@'%' WITH GRANT OPTION"
    ))
    .await;
    let report = site.check().await;
    assert_complaints(&report, &["account"]);
    let account = about(&report, "account");
    assert!(account.what.contains("ALL PRIVILEGES"), "{account:?}");
    assert!(account.run[0].starts_with("CREATE USER"), "{account:?}");

    site.sql(&format!(
        "REVOKE ALL PRIVILEGES, GRANT OPTION FROM '{user}'@'%'"
    ))
    .await;
    for table in ["visitor_count", "member", "item", "biblio"] {
        site.sql(&format!(
            "GRANT SELECT ON `{database}`.{table} TO '{user}'@'%'"
        ))
        .await;
    }
    let columns = "loan_id, loan_date, is_lent, member_id";
    site.sql(&format!(
        "GRANT SELECT ({columns}) ON `{database}`.loan TO '{user}'@'%'"
    ))
    .await;
    let report = site.check().await;
    assert_complaints(&report, &["loan.item_code", "loan_history"]);
    let code = about(&report, "loan.item_code");
    assert!(
        code.what.contains("may not read") && code.run[0].starts_with("GRANT SELECT ON"),
        "{code:?}"
    );
    for grant in [&code.run, &about(&report, "loan_history").run] {
        site.sql(&grant[0]).await;
    }
    assert_complaints(&site.check().await, &[]);

    site.sql(&format!(
        "REVOKE SELECT ON `{database}`.visitor_count FROM '{user}'@'%'"
    ))
    .await;
    let report = site.check().await;
    assert_eq!(about(&report, "visitor_count").verdict, Verdict::Broken);
    assert_eq!(site.worker_check(&[]).status.code(), Some(1));
}

#[tokio::test]
async fn keys_that_are_gone_are_missed() {
    let site = healthy(INDEXED).await;
    site.sql("ALTER TABLE loan MODIFY loan_id int NOT NULL, DROP PRIMARY KEY, DROP KEY member_id")
        .await;
    site.sql("RENAME TABLE item TO items").await;
    site.sql("CREATE VIEW item AS SELECT * FROM items").await;
    let report = site.check().await;
    assert_complaints(&report, &["loan"]);
    assert_eq!(about(&report, "item").details["view"], true);
    let loan = about(&report, "loan");
    for statement in &loan.run {
        site.sql(statement).await;
    }
    assert_complaints(&site.check().await, &[]);
}

#[tokio::test]
async fn zero_dates_and_check_ins_from_the_future_are_told() {
    let mut site = healthy(INDEXED).await;
    site.sql("INSERT INTO visitor_count (member_name, checkin_date) VALUES ('Tamu', '0000-00-00'), ('Tamu', '2026-00-00')").await;
    let report = site.check().await;
    assert_complaints(&report, &["visitor_count"]);
    let dates = report
        .findings
        .iter()
        .find(|finding| finding.verdict == Verdict::Advice)
        .unwrap();
    assert_eq!(dates.details["zero_dates"], 2);
    let found: Vec<mysql_async::Row> = {
        use mysql_async::prelude::Queryable;
        site.conn().await.query(&dates.run[0]).await.unwrap()
    };
    assert_eq!(found.len(), 2);

    // The zone is seven hours wrong, and somebody has just come.
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
    site.set("LIBRARY_TIMEZONE", "UTC");
    let report = site.check().await;
    let found = about(&report, "check-ins");
    assert!(
        found.advice.as_ref().unwrap().contains("LIBRARY_TIMEZONE"),
        "{found:?}"
    );
    assert!(found.details["ahead"].as_u64() >= Some(1), "{found:?}");
    assert_eq!(about(&report, "clock").verdict, Verdict::Ok);
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_told() {
    let mut site = healthy(INDEXED).await;
    let now = site.clock.now().utc();
    site.clock = Clock::starting_at(now + chrono::TimeDelta::minutes(5));
    let report = site.check().await;
    assert_complaints(&report, &["clock"]);
    assert!(about(&report, "clock").what.contains("behind ours"));
}

#[tokio::test]
async fn servers_that_cannot_be_reached_are_findings_and_the_other_is_still_examined() {
    let mut site = healthy(INDEXED).await;
    site.set("MYSQL_TLS", "off");
    let good = site
        .environment()
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value));
    let good: Vec<(String, String)> = good.collect();
    let nowhere = free_port().unwrap();
    let user = site.user();
    for (name, value, told) in [
        ("MYSQL_PASSWORD", "hunter2", "Access denied"),
        ("MYSQL_USER", "nobody", "as nobody"),
        ("MYSQL_DATABASE", "elsewhere", "elsewhere"),
        ("MYSQL_PORT", &nowhere.to_string(), "refused"),
        ("MYSQL_TLS", "verify", "TLS"),
    ] {
        site.set(name, value);
        let report = site.check().await;
        let server = &report.findings[0];
        assert_eq!(
            (server.about.as_str(), server.verdict),
            ("server", Verdict::Broken),
            "{server:?}"
        );
        assert!(format!("{server:?}").contains(told), "{server:?}");
        assert!(
            server.what.contains("127.0.0.1:")
                && server
                    .what
                    .contains(if name == "MYSQL_USER" { value } else { &user }),
            "{server:?}"
        );
        assert!(
            report
                .findings
                .iter()
                .any(|finding| finding.about == "rights"),
            "Redis is examined"
        );
        for (name, value) in &good {
            site.set(name, value);
        }
    }
    site.set(
        "REDIS_URL",
        &format!("redis://:hunter2@127.0.0.1:{nowhere}"),
    );
    let report = site.check().await;
    assert_complaints(&report, &["server"]);
    assert!(
        report
            .findings
            .iter()
            .any(|finding| finding.about == "visits"),
        "MySQL is examined"
    );
    let output = site.worker_check(&[]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains(&format!(
            "✗ server            no connection to 127.0.0.1:{nowhere}"
        )),
        "{text}"
    );
}

#[tokio::test]
async fn redis_is_examined() {
    let redis: &'static Redis = Box::leak(Box::new(Redis::start().await.unwrap()));
    let mariadb = testkit::mariadb::shared_mariadb().await;
    let mut site = site_on(mariadb, redis).await;
    site.set("MYSQL_PORT", "1");
    site.redis_does(
        "CONFIG",
        &[
            "SET",
            "maxmemory",
            "50mb",
            "maxmemory-policy",
            "allkeys-lru",
        ],
    )
    .await;
    let report = site.check().await;
    assert_complaints(&report, &["server", "memory"]);
    assert!(about(&report, "memory").what.contains("allkeys-lru"));
    assert!(
        about(&report, "keys")
            .what
            .starts_with("no worker is at work; 0 of 11")
    );
    site.redis_does("CONFIG", &["SET", "maxmemory", "0"]).await;
    assert_complaints(&site.check().await, &["server"]);

    let today = shared::today::TodayCount {
        total: 313,
        generated_at: site.clock.now(),
        date: site.day(),
        expires_at: site.clock.now().after(std::time::Duration::from_secs(60)),
    };
    let _: () = site
        .redis
        .set(
            site.key("visitors:today:count"),
            serde_json::to_string(&today).unwrap(),
            None,
            None,
            false,
        )
        .await
        .unwrap();
    assert!(
        about(&site.check().await, "keys")
            .what
            .contains("a worker is at work: 313 visitors")
    );

    let everything = [
        "SETUSER", "worker", "reset", "on", ">hunter2", "~*", "&*", "+@all",
    ];
    let user = |rules: &[&'static str]| [&everything, rules].concat();
    site.set(
        "REDIS_URL",
        &redis.url().replace("://", "://worker:hunter2@"),
    );
    for (rules, told) in [
        (&["-publish"][..], "refused: PUBLISH"),
        (&["resetkeys", "~other:*"], "refused: SET"),
        (&["resetchannels"], "SUBSCRIBE"),
    ] {
        site.redis_does("ACL", &user(rules)).await;
        let report = site.check().await;
        assert_eq!(
            about(&report, "rights").verdict,
            Verdict::Broken,
            "{rules:?}"
        );
        assert!(
            about(&report, "rights").what.contains(told),
            "{rules:?} {:?}",
            about(&report, "rights")
        );
    }
    for rules in [
        &["-multi"][..],
        &["-discard"],
        &["-info"],
        &["-@transaction", "-@dangerous"],
    ] {
        site.redis_does("ACL", &user(rules)).await;
        assert_complaints(&site.check().await, &["server"]);
    }
    site.redis_does("ACL", &user(&[">other", "<hunter2"])).await;
    let report = site.check().await;
    assert!(
        report.findings[1]
            .advice
            .as_ref()
            .unwrap()
            .contains("PASSWORD"),
        "{report:?}"
    );
    site.set("REDIS_URL", &redis.url());

    let stored = site.stored("visitors:today:count").await.unwrap();
    assert!(stored.contains("313"), "nothing was written: {stored}");
    site.redis_does("REPLICAOF", &["127.0.0.1", "1"]).await;
    let report = site.check().await;
    assert!(
        about(&report, "rights")
            .advice
            .as_ref()
            .unwrap()
            .contains("replica"),
        "{report:?}"
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

/// It reads and only reads: some thousand rows of each table, whatever their size, and nothing is stored.
#[tokio::test]
async fn it_only_looks() {
    let (mariadb, redis) = own_servers().await;
    let plan = Plan {
        size: Size::School,
        years: 3,
        now: NOW.parse().unwrap(),
        seed: 3,
        dirty: true,
    };
    let zone = chrono_tz::Asia::Jakarta;
    let now = chrono::TimeZone::from_local_datetime(&zone, &plan.now)
        .unwrap()
        .to_utc();
    let shape = Shape {
        date_index: true,
        ..Shape::default()
    };
    let site = Site::on(mariadb, redis, generate(&plan), zone, now, shape).await;
    mariadb.general_log(true).await.unwrap();
    let before = testkit_rows(mariadb).await;
    site.check().await;
    let read = testkit_rows(mariadb).await - before;
    // Three samples of 5,000 rows of four tables, some of them read in another way once more.
    assert!(read < 70_000, "{read} rows");
    let user = site.user();
    let lines = mariadb.general_log_lines().await.unwrap();
    let lines = lines
        .iter()
        .filter(|line| line.user == user && ["Query", "Execute"].contains(&line.command.as_str()));
    let mut statements = 0;
    for line in lines {
        let reads = ["SELECT ", "SHOW ", "SET SESSION "]
            .iter()
            .any(|verb| line.text.starts_with(verb));
        assert!(reads, "{}", line.text);
        statements += 1;
    }
    assert!(statements > 20, "{statements} statements");
    let stats: String = site.redis.info(Some(InfoKind::CommandStats)).await.unwrap();
    for verb in ["set", "publish", "subscribe", "expire"] {
        let called = stats.lines().any(|line| {
            line.starts_with(&format!("cmdstat_{verb}:calls=")) && !line.contains("calls=0")
        });
        assert!(!called, "{verb} in {stats}");
    }
}

/// Rows that the engines have handed to the server since it began.
async fn testkit_rows(mariadb: &testkit::mariadb::MariaDb) -> u64 {
    use mysql_async::prelude::Queryable;
    let mut conn = mysql_async::Conn::new(mariadb.opts(None)).await.unwrap();
    let rows: Vec<(String, u64)> = conn
        .query("SHOW GLOBAL STATUS LIKE 'Handler\\_read\\_%'")
        .await
        .unwrap();
    conn.disconnect().await.unwrap();
    rows.iter().map(|(_, count)| count).sum()
}
