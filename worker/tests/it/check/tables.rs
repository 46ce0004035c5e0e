//! `worker check` of tables, figures and dates: what is missing, too expensive or dirty.

use crate::check::{INDEXED, about, assert_complaints, healthy};
use crate::fixture::Fixture;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row};
use shared::catalog::Snapshot;
use testkit::schema::{Engine, Shape};
use worker::check::findings::Verdict;
use worker::check::requirements::TABLES;
use worker::snapshots::figure::Requirement;

const NOW: &str = "2025-09-23T10:00:00";

#[tokio::test]
async fn an_index_is_advised_when_it_saves_time() {
    let mut fixture = healthy(Shape {
        date_index: false,
        ..INDEXED
    })
    .await;
    for _ in 0..5 {
        fixture
            .sql(
                "INSERT INTO visitor_count (member_id, member_name, checkin_date) \
             SELECT member_id, member_name, checkin_date FROM visitor_count",
            )
            .await;
    }
    let report = fixture.check().await;
    assert_complaints(&report, &["today"]);
    let today = about(&report, "today");
    assert_eq!(
        today.run,
        [
            "SET SESSION sql_mode = '';",
            "CREATE INDEX checkin_date ON visitor_count (checkin_date);"
        ]
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

    fixture.set("TODAY_COUNT_MODE", "delta");
    assert_complaints(&fixture.check().await, &[]);
    fixture.set("TODAY_COUNT_MODE", "direct");
    fixture.sql(&today.run[1]).await;
    let report = fixture.check().await;
    assert_complaints(&report, &[]);
    assert_eq!(about(&report, "today").details["indexed"], true);
    assert_eq!(
        about(&report, "visits").details["ways"]["visitor_count"],
        "days"
    );
}

/// Compares the list of requirements with what really fails, column by column and table by table.
#[tokio::test]
async fn exactly_the_figures_that_require_a_column_fail_without_it() {
    let fixture = Fixture::new("Asia/Jakarta", NOW, Shape::default()).await;
    for table in &TABLES {
        let name = table.name;
        for column in table.column_names() {
            let rename =
                |from: &str, to: &str| format!("ALTER TABLE {name} RENAME COLUMN {from} TO {to}");
            fixture.sql(&rename(column, "elsewhere")).await;
            assert_lost(
                &fixture,
                &table.lost_without(&[column]),
                &format!("{name}.{column}"),
            )
            .await;
            fixture.sql(&rename("elsewhere", column)).await;
        }
        fixture
            .sql(&format!("RENAME TABLE {name} TO elsewhere"))
            .await;
        assert_lost(&fixture, &table.lost_without(&table.column_names()), name).await;
        fixture
            .sql(&format!("RENAME TABLE elsewhere TO {name}"))
            .await;
    }
}

async fn assert_lost(fixture: &Fixture, figures: &[Requirement], without: &str) {
    fixture.delete_snapshots().await;
    let refreshed = fixture.refresh().await;
    let mut lost = Vec::new();
    for snapshot in Snapshot::ALL {
        if fixture.stored(&snapshot.name()).await.is_none() {
            lost.push(snapshot);
        }
    }
    let snapshots = figures.iter().flat_map(|figures| figures.snapshots);
    let mut wanted: Vec<Snapshot> = snapshots.copied().collect();
    wanted.sort_unstable();
    assert_eq!(lost, wanted, "without {without}: {refreshed:?}");
    let day = fixture.day();
    let counted = worker::mysql::visits::count(&mut fixture.parts().await.session, day).await;
    assert_eq!(
        counted.is_err(),
        figures.iter().any(Requirement::is_today),
        "without {without}"
    );

    let report = fixture.check().await;
    let found = about(&report, without);
    let verdict = match figures {
        [] => Verdict::Ok,
        _ if figures.iter().any(Requirement::is_today) => Verdict::Broken,
        _ => Verdict::Advice,
    };
    assert_eq!(found.verdict, verdict, "{found:?}");
    assert_eq!(found.details["lacking"], "missing");
}

#[tokio::test]
async fn too_many_and_too_few_privileges_are_reported() {
    let fixture = healthy(INDEXED).await;
    let (user, database) = (fixture.user(), fixture.database.clone());
    fixture
        .sql(&format!(
            "GRANT ALL ON `{database}`.* TO '{user}'@'%' WITH GRANT OPTION"
        ))
        .await;
    let report = fixture.check().await;
    assert_complaints(&report, &["account"]);
    let account = about(&report, "account");
    assert!(account.what.contains("ALL PRIVILEGES"), "{account:?}");
    assert!(account.run[0].starts_with("CREATE USER"), "{account:?}");

    fixture
        .sql(&format!(
            "REVOKE ALL PRIVILEGES, GRANT OPTION FROM '{user}'@'%'"
        ))
        .await;
    for table in [
        "visitor_count",
        "member",
        "mst_member_type",
        "mst_visitor_room",
        "item",
        "biblio",
    ] {
        fixture
            .sql(&format!(
                "GRANT SELECT ON `{database}`.{table} TO '{user}'@'%'"
            ))
            .await;
    }
    let columns = "loan_id, loan_date, is_lent, member_id, is_return, due_date, return_date";
    fixture
        .sql(&format!(
            "GRANT SELECT ({columns}) ON `{database}`.loan TO '{user}'@'%'"
        ))
        .await;
    let report = fixture.check().await;
    assert_complaints(&report, &["loan.item_code", "loan_history"]);
    let code = about(&report, "loan.item_code");
    assert!(
        code.what.contains("may not read") && code.run[0].starts_with("GRANT SELECT ON"),
        "{code:?}"
    );
    for grant in [&code.run, &about(&report, "loan_history").run] {
        fixture.sql(&grant[0]).await;
    }
    assert_complaints(&fixture.check().await, &[]);

    fixture
        .sql(&format!(
            "REVOKE SELECT ON `{database}`.visitor_count FROM '{user}'@'%'"
        ))
        .await;
    let report = fixture.check().await;
    assert_eq!(about(&report, "visitor_count").verdict, Verdict::Broken);
    assert_eq!(fixture.worker_check(&[]).status.code(), Some(1));
}

#[tokio::test]
async fn missing_indexes_get_statements_that_create_them() {
    let fixture = healthy(INDEXED).await;
    fixture
        .sql("ALTER TABLE loan MODIFY loan_id int NOT NULL, DROP PRIMARY KEY, DROP KEY member_id")
        .await;
    fixture.sql("RENAME TABLE item TO items").await;
    fixture.sql("CREATE VIEW item AS SELECT * FROM items").await;
    let report = fixture.check().await;
    assert_complaints(&report, &["loan"]);
    assert_eq!(about(&report, "item").details["view"], true);
    let loan = about(&report, "loan");
    for statement in &loan.run {
        fixture.sql(statement).await;
    }
    assert_complaints(&fixture.check().await, &[]);
}

/// The server's own mode is strict, as that of MySQL is.
#[tokio::test]
async fn advised_statements_work_in_spite_of_zero_dates() {
    let shape = Shape {
        engine: Engine::MyIsam,
        ..INDEXED
    };
    let fixture = healthy(shape).await;
    fixture.sql("ALTER TABLE loan DROP KEY member_id").await;
    fixture
        .sql("INSERT INTO loan (loan_date, due_date) VALUES ('0000-00-00', '0000-00-00')")
        .await;
    let report = fixture.check().await;
    let options = fixture.mariadb.opts(Some(&fixture.database));
    let mut conn = Conn::new(options).await.unwrap();
    for statement in &about(&report, "loan").run {
        conn.query_drop(statement).await.unwrap();
    }
    let report = fixture.check().await;
    assert_eq!(about(&report, "loan").verdict, Verdict::Ok);
}

#[tokio::test]
async fn zero_dates_and_check_ins_from_the_future_are_reported() {
    let mut fixture = healthy(INDEXED).await;
    fixture.sql("INSERT INTO visitor_count (member_name, checkin_date) VALUES ('Tamu', '0000-00-00'), ('Tamu', '2026-00-00')").await;
    let report = fixture.check().await;
    assert_complaints(&report, &["visitor_count"]);
    let dates = report
        .findings
        .iter()
        .find(|finding| finding.verdict == Verdict::Advice)
        .unwrap();
    assert_eq!(dates.details["zero_dates"], 2);
    let found: Vec<Row> = fixture.conn().await.query(&dates.run[0]).await.unwrap();
    assert_eq!(found.len(), 2);

    // The time zone is seven hours wrong, and a visitor has just checked in.
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
    fixture.set("LIBRARY_TIMEZONE", "UTC");
    let report = fixture.check().await;
    let found = about(&report, "check-ins");
    assert!(
        found.advice.as_ref().unwrap().contains("LIBRARY_TIMEZONE"),
        "{found:?}"
    );
    assert!(found.details["ahead"].as_u64() >= Some(1), "{found:?}");
    assert_eq!(about(&report, "clock").verdict, Verdict::Ok);
}
