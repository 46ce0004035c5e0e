//! A gateway with a wrong clock shows the right counts for the right time; only the ages are wrong.

use crate::fixture::{Fixture, SOON, message};
use chrono::{DateTime, Utc};
use shared::catalog::{Group, Snapshot};
use std::time::Duration;
use testkit::eventually::eventually;
use testkit::http::Events;

const TODAY: &str = "/api/visitors/today";

fn clocks() -> Vec<DateTime<Utc>> {
    let now = shared::time::Clock::system().now().utc();
    let hours = [-48, -5, -1, 1, 5, 48].map(|hours| now + chrono::Duration::hours(hours));
    let dates = [
        "1890-01-01T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00Z",
        "2038-01-19T03:14:08Z",
        "9999-12-31T23:59:50Z",
        "9999-12-31T23:59:59.999Z",
    ];
    let dates = dates.map(|date| date.parse().unwrap());
    [&hours[..], &dates[..]].concat()
}

#[tokio::test]
async fn count_lives_for_its_lifetime_under_every_clock() {
    let fixture = Fixture::with(&[], |config| {
        config.limits.count_wait = Duration::from_millis(20);
    })
    .await;
    fixture.warm().await;
    let life = Duration::from_millis(1_500);
    for (total, time) in (1..).zip(clocks()) {
        // The clock is set while the count is current.
        fixture
            .worker
            .publish_count(&message(total, life), life)
            .await;
        let mut stream = eventually("the count is on a stream", SOON, async || {
            let mut stream = Events::open(fixture.address).await;
            let first = stream.next_within(Duration::from_millis(50)).await?;
            first
                .data
                .contains(&format!("\"total\":{total},"))
                .then_some(stream)
        })
        .await;
        fixture.clock.step_to(time);
        for snapshot in Snapshot::ALL {
            let answer = fixture.get(snapshot.path()).await;
            assert_eq!(answer.status, 200);
            let age: i64 = answer.header("age").unwrap().parse().unwrap();
            let stored = answer.json()["generated_at"].as_str().unwrap().to_owned();
            let stored: DateTime<Utc> = stored.parse().unwrap();
            let expected = (time - stored).num_seconds().max(0);
            assert!((expected..expected + 60).contains(&age), "{time}: {age}");
        }
        let health = fixture.get("/health").await;
        assert_eq!(health.status, 200, "{time}");
        let metrics = fixture.get("/metrics").await;
        assert!(
            metrics
                .text()
                .contains("gateway_snapshot_timestamp_seconds")
        );
        // The head of a stream contains the time too.
        assert_eq!(Events::open(fixture.address).await.status, 200, "{time}");
        eventually("the count has expired", SOON, async || {
            let today = fixture.get(TODAY).await;
            let summary = fixture.get(Group::Visitors.summary_path()).await.json();
            if today.status == 200 {
                assert_eq!(today.json()["total"], total, "{time}");
                return None;
            }
            summary["data"]["today"].is_null().then_some(())
        })
        .await;
        // The next count follows on the same stream.
        let next = message(1_000 + total, life);
        fixture.worker.publish_count(&next, life).await;
        assert_eq!(stream.next().await.unwrap().data, next, "{time}");
        eventually("that has expired too", SOON, async || {
            (fixture.get(TODAY).await.status == 202).then_some(())
        })
        .await;
    }
}
