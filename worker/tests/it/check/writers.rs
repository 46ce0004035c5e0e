//! `worker check` of who writes the rows: ids and times that disagree, double visits, triggers that do not run.

use crate::check::{INDEXED, about, assert_complaints, healthy};
use chrono::TimeDelta;
use mysql_async::Row;
use mysql_async::prelude::Queryable as _;

#[tokio::test]
async fn signs_of_faulty_writers_are_reported() {
    let fixture = healthy(INDEXED).await;
    let now = fixture
        .clock
        .now()
        .utc()
        .with_timezone(&fixture.zone)
        .naive_local();
    // Between the visit at midnight and the next one there may be seven hours, and their ids the wrong way round.
    let guests = "DELETE FROM visitor_count WHERE member_name = 'Tamu'";
    fixture.sql(guests).await;
    // SLiMS writes local time, another program UTC.
    for minutes in (1..=9).rev() {
        for offset in [0, 7] {
            let time = now - TimeDelta::hours(offset) - TimeDelta::minutes(minutes);
            let insert = format!(
                "INSERT INTO visitor_count (member_name, checkin_date) VALUES ('Tamu', '{time}')"
            );
            fixture.sql(&insert).await;
        }
    }
    let report = fixture.check().await;
    assert_complaints(&report, &["second clock"]);
    let found = about(&report, "second clock");
    assert_eq!(found.details["jumps"], 9, "{found:?}");
    assert!(
        found.advice.as_ref().unwrap().contains("Asia/Jakarta"),
        "{found:?}"
    );

    fixture.sql(guests).await;
    for time in [now, now, now, now, now - TimeDelta::seconds(1)] {
        let insert = format!(
            "INSERT INTO visitor_count (member_id, member_name, checkin_date) VALUES ('X1', 'Tamu', '{time}')"
        );
        fixture.sql(&insert).await;
    }
    for _ in 0..4 {
        let again = "INSERT INTO visitor_count (member_id, member_name, checkin_date) \
                     SELECT member_id, member_name, checkin_date FROM visitor_count WHERE member_id = 'X1'";
        fixture.sql(again).await;
    }
    let report = fixture.check().await;
    assert_complaints(&report, &["double visits"]);
    let found = about(&report, "double visits");
    assert!(
        found.details["doubles"].as_u64() >= Some(63 + 15),
        "{found:?}"
    );
    let rows: Vec<Row> = fixture.conn().await.query(&found.run[0]).await.unwrap();
    let has_64 = |row: &Row| row.get::<i64, _>(2) == Some(64);
    assert!(rows.iter().any(has_64), "{rows:?}");

    fixture
        .sql("DELETE FROM visitor_count WHERE member_id = 'X1'")
        .await;
    assert_complaints(&fixture.check().await, &[]);
    let old = "DELETE FROM loan_history WHERE loan_date > DATE_SUB(CURDATE(), INTERVAL 30 DAY)";
    fixture.sql(old).await;
    let report = fixture.check().await;
    assert_complaints(&report, &["loan_history"]);
    assert!(
        report
            .findings
            .iter()
            .any(|found| found.what.starts_with("it ends on ")),
        "{report:?}"
    );
    fixture.sql("DELETE FROM loan_history").await;
    let report = fixture.check().await;
    assert!(
        report
            .findings
            .iter()
            .any(|found| found.what.starts_with("it is empty")),
        "{report:?}"
    );
}
