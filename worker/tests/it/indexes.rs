//! An index counts as one only if the server can read by it: not if it is hidden from the optimiser, disabled, or of an
//! expression.

use crate::check::{INDEXED, about, healthy};
use crate::fixture::{Fixture, SOON};
use testkit::oracle::Names;
use testkit::schema::{Engine, Shape};
use worker::mysql::connection::Database;
use worker::mysql::visits::has_date_index;

async fn is_indexed(fixture: &Fixture) -> bool {
    let database = Database::new(&fixture.config().mysql);
    let mut session = database.session(SOON).await.unwrap();
    has_date_index(&mut session).await.unwrap()
}

#[tokio::test]
async fn an_index_that_the_server_does_not_read_by_is_none() {
    let shape = Shape {
        engine: Engine::MyIsam,
        ..INDEXED
    };
    let fixture = Fixture::new("Asia/Jakarta", "2025-09-23T10:00:00", shape).await;
    assert!(is_indexed(&fixture).await);
    let (hide, show) = match fixture.mariadb.is_mysql() {
        true => ("INVISIBLE", "VISIBLE"),
        false => ("IGNORED", "NOT IGNORED"),
    };
    let hide = format!("ALTER INDEX checkin_date {hide}");
    let show = format!("ALTER INDEX checkin_date {show}");
    for (change, restore) in [
        (&*hide, &*show),
        ("DISABLE KEYS", "ENABLE KEYS"),
        ("DROP KEY checkin_date", "ADD KEY (checkin_date, member_id)"),
    ] {
        fixture
            .sql(&format!("ALTER TABLE visitor_count {change}"))
            .await;
        assert!(!is_indexed(&fixture).await, "{change}");
        fixture.refresh().await.unwrap();
        fixture.assert_all(Names::Full).await;
        fixture
            .sql(&format!("ALTER TABLE visitor_count {restore}"))
            .await;
        assert!(is_indexed(&fixture).await, "{restore}");
    }
}

#[tokio::test]
async fn an_index_of_an_expression_is_shown_and_is_none_of_the_column() {
    let fixture = healthy(INDEXED).await;
    if !fixture.mariadb.is_mysql() {
        return;
    }
    fixture
        .sql("ALTER TABLE visitor_count DROP KEY checkin_date, ADD KEY by_day ((DATE(checkin_date)), member_id)")
        .await;
    assert!(!is_indexed(&fixture).await);
    let report = fixture.check().await;
    let table = about(&report, "visitor_count");
    assert!(
        table
            .what
            .contains("(cast(`checkin_date` as date), member_id)"),
        "{table:?}"
    );
    assert_eq!(about(&report, "today").details["indexed"], false);
    fixture
        .sql("ALTER TABLE visitor_count ADD KEY (checkin_date DESC)")
        .await;
    assert!(is_indexed(&fixture).await, "in either direction");
}

#[tokio::test]
async fn worker_check_does_not_show_a_hidden_index() {
    let fixture = healthy(INDEXED).await;
    let hide = match fixture.mariadb.is_mysql() {
        true => "INVISIBLE",
        false => "IGNORED",
    };
    fixture
        .sql(&format!(
            "ALTER TABLE visitor_count ALTER INDEX checkin_date {hide}"
        ))
        .await;
    let report = fixture.check().await;
    let table = about(&report, "visitor_count");
    assert!(!table.what.contains("checkin_date"), "{table:?}");
}
