//! The modes of today's count: all agree once writes have settled, whatever happens to the rows.

use crate::fixture::{Fixture, SOON};
use crate::parts::Parts;
use fred::interfaces::KeysInterface;
use mysql_async::Params;
use mysql_async::prelude::Queryable;
use std::time::Duration;
use testkit::eventually::eventually;
use testkit::schema::{Engine, Shape};
use tokio::time::sleep;
use worker::config::CountMode;
use worker::mysql::connection::Session;
use worker::mysql::visits;
use worker::today::counter::Counter;
use worker::today::delta::{Delta, RecountSchedule};
use worker::today::incremental::Incremental;
use worker::today::pace::Pace;

const NOW: &str = "2025-09-23T10:00:00";

/// A schedule for tests. Every transaction here is shorter than `settle`.
const QUICK: RecountSchedule = RecountSchedule {
    settle: Duration::from_millis(600),
    recount_indexed: Duration::from_millis(200),
    recount: Duration::from_millis(200),
    recount_fully: Duration::from_millis(500),
};
/// A schedule without recounts.
const NO_RECOUNTS: RecountSchedule = RecountSchedule {
    recount_indexed: Duration::from_secs(3600),
    recount: Duration::from_secs(3600),
    recount_fully: Duration::from_secs(3600),
    ..QUICK
};

fn insert(when: &str) -> String {
    format!("INSERT INTO visitor_count (member_name, checkin_date) VALUES ('Tamu', '{when}')")
}

async fn fixture(engine: Engine, date_index: bool) -> Fixture {
    let shape = Shape {
        engine,
        date_index,
        ..Shape::default()
    };
    Fixture::new("Asia/Jakarta", NOW, shape).await
}

fn delta(parts: &Parts, schedule: RecountSchedule) -> Delta {
    Delta::new(parts.database.clone(), parts.status.clone(), schedule)
}

/// Waits until a tick of `delta` returns the true total.
async fn await_settled(fixture: &Fixture, parts: &mut Parts, delta: &mut Delta) {
    eventually("delta returns the true total", SOON, async || {
        let counted = delta
            .count(&mut parts.session, fixture.day())
            .await
            .unwrap();
        (counted == fixture.true_total().await).then_some(())
    })
    .await;
}

#[tokio::test]
async fn delta_follows_inserts_at_once() {
    let fixture = fixture(Engine::MyIsam, false).await;
    let mut parts = fixture.parts().await;
    let mut delta = delta(&parts, NO_RECOUNTS);
    for _ in 0..20 {
        assert_eq!(
            delta
                .count(&mut parts.session, fixture.day())
                .await
                .unwrap(),
            fixture.true_total().await
        );
        fixture.sql(&insert("2025-09-23 10:00:01")).await;
        // Rows of yesterday and tomorrow do not count.
        fixture.sql(&insert("2025-09-22 23:59:59")).await;
        fixture.sql(&insert("2025-09-24 00:00:00")).await;
        sleep(Duration::from_millis(60)).await;
    }
    assert_eq!(
        delta
            .count(&mut parts.session, fixture.day())
            .await
            .unwrap(),
        fixture.true_total().await
    );
}

#[tokio::test]
async fn delta_counts_a_row_that_commits_late() {
    let fixture = fixture(Engine::InnoDb, true).await;
    let mut parts = fixture.parts().await;
    let mut delta = delta(&parts, NO_RECOUNTS);
    let before = delta
        .count(&mut parts.session, fixture.day())
        .await
        .unwrap();
    let mut late = fixture.conn().await;
    late.query_drop("BEGIN").await.unwrap();
    late.query_drop(insert("2025-09-23 10:00:01"))
        .await
        .unwrap();
    // A row with a greater id commits first.
    fixture.sql(&insert("2025-09-23 10:00:02")).await;
    assert_eq!(
        delta
            .count(&mut parts.session, fixture.day())
            .await
            .unwrap(),
        before + 1
    );
    late.query_drop("COMMIT").await.unwrap();
    assert_eq!(
        delta
            .count(&mut parts.session, fixture.day())
            .await
            .unwrap(),
        before + 2
    );
    assert_eq!(parts.status.metrics.drifted_visits.get(), 0);
}

#[tokio::test]
async fn recounts_correct_delta_after_deletes_and_edits() {
    for (engine, date_index) in [
        (Engine::InnoDb, true),
        (Engine::InnoDb, false),
        (Engine::MyIsam, false),
    ] {
        let fixture = fixture(engine, date_index).await;
        let mut parts = fixture.parts().await;
        // On a busy machine a count of this test takes long, which must not look like a break.
        let schedule = RecountSchedule {
            recount_indexed: Duration::from_secs(2),
            ..QUICK
        };
        let mut delta = delta(&parts, schedule);
        await_settled(&fixture, &mut parts, &mut delta).await;
        let before = fixture.true_total().await;
        for _ in 0..10 {
            fixture.sql(&insert("2025-09-23 10:00:01")).await;
        }
        await_settled(&fixture, &mut parts, &mut delta).await;
        // Now the rows are below the watermark.
        sleep(QUICK.settle * 2).await;
        await_settled(&fixture, &mut parts, &mut delta).await;
        fixture
            .sql("DELETE FROM visitor_count WHERE checkin_date = '2025-09-23 10:00:01' LIMIT 9")
            .await;
        fixture.sql("UPDATE visitor_count SET checkin_date = '2025-09-21 10:00:01' WHERE checkin_date = '2025-09-23 10:00:01'")
            .await;
        // A row of last week moves to today. Only a full recount finds it.
        fixture.sql("UPDATE visitor_count SET checkin_date = '2025-09-23 09:00:00' ORDER BY visitor_id LIMIT 1").await;
        await_settled(&fixture, &mut parts, &mut delta).await;
        assert_eq!(
            fixture.true_total().await,
            before + 1,
            "{engine} {date_index}"
        );
        assert!(
            parts.status.metrics.drifted_visits.get() > 0,
            "the correction is counted"
        );
    }
}

/// Many check-ins that get their ids in one order and commit in another.
#[tokio::test]
async fn delta_loses_no_row_of_a_thousand_that_commit_out_of_order() {
    let fixture = fixture(Engine::InnoDb, false).await;
    let mut parts = fixture.parts().await;
    let mut delta = delta(&parts, NO_RECOUNTS);
    await_settled(&fixture, &mut parts, &mut delta).await;
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..20_u64 {
        let mut conn = fixture.conn().await;
        writers.spawn(async move {
            for turn in 0..50_u64 {
                conn.query_drop("BEGIN").await.unwrap();
                conn.query_drop(insert("2025-09-23 10:00:03"))
                    .await
                    .unwrap();
                sleep(Duration::from_millis((writer * 7 + turn * 13) % 60)).await;
                conn.query_drop("COMMIT").await.unwrap();
            }
        });
    }
    let mut last = 0;
    while !writers.is_empty() {
        while writers.try_join_next().is_some() {}
        let counted = delta
            .count(&mut parts.session, fixture.day())
            .await
            .unwrap();
        assert!(
            counted >= last,
            "a count without deletes fell from {last} to {counted}"
        );
        last = counted;
    }
    await_settled(&fixture, &mut parts, &mut delta).await;
    // The watermark has passed all rows, and none is missing.
    sleep(NO_RECOUNTS.settle * 2).await;
    for _ in 0..3 {
        assert_eq!(
            delta
                .count(&mut parts.session, fixture.day())
                .await
                .unwrap(),
            fixture.true_total().await
        );
    }
    assert_eq!(parts.status.metrics.drifted_visits.get(), 0);
}

#[tokio::test]
async fn delta_survives_a_change_of_day() {
    let fixture = fixture(Engine::InnoDb, true).await;
    let mut parts = fixture.parts().await;
    let mut delta = delta(&parts, NO_RECOUNTS);
    await_settled(&fixture, &mut parts, &mut delta).await;
    let tomorrow = fixture.day().succ_opt().unwrap();
    fixture.sql(&insert(&format!("{tomorrow} 00:00:00"))).await;
    fixture
        .clock
        .step_to(fixture.now + chrono::TimeDelta::days(1));
    assert_eq!(fixture.day(), tomorrow);
    assert!(fixture.true_total().await > 1, "rows were dated ahead");
    await_settled(&fixture, &mut parts, &mut delta).await;
}

#[tokio::test]
async fn incremental_follows_the_counter_and_the_next_base_corrects_it() {
    let fixture = fixture(Engine::InnoDb, true).await;
    let mut parts = fixture.parts().await;
    let mut incremental = Incremental::with_rebase(parts.store.clone(), Duration::from_millis(800));
    let counter = fixture.key("visitors:today:incr:2025-09-23");
    let before = incremental
        .count(&mut parts.session, fixture.day())
        .await
        .unwrap();
    assert_eq!(before, fixture.true_total().await);

    // A change of the counter shows at once, without a query.
    fixture.sql(&insert("2025-09-23 10:00:01")).await;
    let _: i64 = fixture.redis.incr(&counter).await.unwrap();
    assert_eq!(
        incremental
            .count(&mut parts.session, fixture.day())
            .await
            .unwrap(),
        before + 1
    );
    let ttl: i64 = fixture.redis.ttl(&counter).await.unwrap();
    assert!(ttl > 47 * 3600, "the counter expires one day: {ttl}");

    // One writer died before its INCR, another sent it twice, and Redis lost the counter. The next base corrects all.
    fixture.sql(&insert("2025-09-23 10:00:02")).await;
    fixture.sql(&insert("2025-09-23 10:00:02")).await;
    let _: i64 = fixture.redis.incr_by(&counter, 5).await.unwrap();
    let await_right = async |incremental: &mut Incremental, parts: &mut Parts| {
        eventually("a new base", SOON, async || {
            let counted = incremental
                .count(&mut parts.session, fixture.day())
                .await
                .unwrap();
            (counted == fixture.true_total().await).then_some(())
        })
        .await;
    };
    await_right(&mut incremental, &mut parts).await;
    let _: i64 = fixture.redis.del(&counter).await.unwrap();
    await_right(&mut incremental, &mut parts).await;
    fixture
        .sql("DELETE FROM visitor_count WHERE checkin_date = '2025-09-23 10:00:02'")
        .await;
    await_right(&mut incremental, &mut parts).await;
    let _: () = fixture
        .redis
        .set(&counter, "junk", None, None, false)
        .await
        .unwrap();
    await_right(&mut incremental, &mut parts).await;
}

#[tokio::test]
async fn the_three_modes_agree_once_settled() {
    let fixture = fixture(Engine::InnoDb, false).await;
    let mut parts = fixture.parts().await;
    let mut delta = delta(&parts, QUICK);
    let mut incremental = Incremental::with_rebase(parts.store.clone(), Duration::from_millis(300));
    let counter = fixture.key("visitors:today:incr:2025-09-23");
    for turn in 0..60 {
        fixture
            .sql(&insert(&format!("2025-09-23 10:01:{turn:02}")))
            .await;
        if turn % 3 != 0 {
            let _: i64 = fixture.redis.incr(&counter).await.unwrap();
        }
        match turn % 5 {
            0 => fixture.sql("DELETE FROM visitor_count WHERE checkin_date LIKE '2025-09-23%' ORDER BY visitor_id LIMIT 1").await,
            1 => fixture.sql(&insert("2025-09-22 10:00:00")).await,
            2 => fixture.sql(&insert("2025-09-23 23:59:59")).await,
            _ => fixture.sql(&insert("2026-01-01 00:00:00")).await,
        }
        delta
            .count(&mut parts.session, fixture.day())
            .await
            .unwrap();
        incremental
            .count(&mut parts.session, fixture.day())
            .await
            .unwrap();
    }
    eventually("the three modes agree", SOON, async || {
        let counted = [
            visits::count(&mut parts.session, fixture.day())
                .await
                .unwrap(),
            delta
                .count(&mut parts.session, fixture.day())
                .await
                .unwrap(),
            incremental
                .count(&mut parts.session, fixture.day())
                .await
                .unwrap(),
        ];
        (counted == [fixture.true_total().await; 3]).then_some(())
    })
    .await;
}

#[tokio::test]
async fn every_mode_runs() {
    for mode in ["direct", "incremental", "delta", "auto"] {
        let mut fixture = fixture(Engine::MyIsam, false).await;
        fixture.set("TODAY_COUNT_MODE", mode);
        // The smallest limit: the fast loop has one connection, everything else shares the other.
        fixture.set("MYSQL_POOL_LIMIT", "2");
        let running = fixture.start();
        fixture.await_all().await;
        fixture.await_total(fixture.true_total().await).await;
        running.stop().await;
    }
}

/// Rows of a new day may exist before it begins, far below the watermark.
#[tokio::test]
async fn every_mode_begins_a_day_with_the_right_number() {
    for date_index in [false, true] {
        let fixture = fixture(Engine::InnoDb, date_index).await;
        let tomorrow = fixture.day().succ_opt().unwrap();
        let ahead = format!(
            "INSERT INTO visitor_count (member_name, checkin_date) \
             SELECT 'Tamu', '{tomorrow} 00:00:00' FROM visitor_count LIMIT 2000"
        );
        fixture.sql(&ahead).await;
        let mut parts = fixture.parts().await;
        let mut delta = delta(&parts, NO_RECOUNTS);
        let mut incremental = Incremental::new(parts.store.clone());
        for _ in 0..2 {
            delta
                .count(&mut parts.session, fixture.day())
                .await
                .unwrap();
            let today = fixture.day();
            incremental.count(&mut parts.session, today).await.unwrap();
        }
        fixture.sql(&insert(&format!("{tomorrow} 00:00:01"))).await;
        fixture
            .clock
            .step_to(fixture.now + chrono::TimeDelta::days(1));
        let total = fixture.true_total().await;
        assert!(total > 2_000);
        let counted = delta.count(&mut parts.session, tomorrow).await.unwrap();
        assert_eq!(counted, total, "delta, {date_index}");
        let counted = incremental.count(&mut parts.session, tomorrow).await;
        assert_eq!(counted.unwrap(), total, "incremental, {date_index}");
    }
}

/// As after hours as a standby, or after an outage of the database.
#[tokio::test]
async fn delta_shows_nothing_stale_after_a_long_break() {
    for date_index in [false, true] {
        let fixture = fixture(Engine::InnoDb, date_index).await;
        for _ in 0..20 {
            fixture.sql(&insert("2025-09-23 09:00:00")).await;
        }
        let mut parts = fixture.parts().await;
        let mut delta = delta(&parts, QUICK);
        await_settled(&fixture, &mut parts, &mut delta).await;
        // So that these rows are below the watermark.
        sleep(QUICK.settle * 2).await;
        await_settled(&fixture, &mut parts, &mut delta).await;
        fixture
            .sql("DELETE FROM visitor_count WHERE checkin_date = '2025-09-23 09:00:00'")
            .await;
        sleep(QUICK.recount_fully).await;
        let counted = delta
            .count(&mut parts.session, fixture.day())
            .await
            .unwrap();
        assert_eq!(counted, fixture.true_total().await, "{date_index}");
    }
}

fn counter(parts: &Parts, mode: CountMode, interval: Duration) -> Counter {
    let pace = Pace {
        interval,
        buffer: Duration::ZERO,
    };
    let (database, store, status) = (&parts.database, &parts.store, &parts.status);
    Counter::new(mode, pace, QUICK, database, store, status)
}

async fn tick(counter: &mut Counter, parts: &mut Parts, fixture: &Fixture) -> u64 {
    let day = fixture.day();
    counter.prepare(&mut parts.session, day).await.unwrap();
    counter.count(&mut parts.session, day).await.unwrap()
}

#[tokio::test]
async fn auto_counts_directly_while_that_is_quick_enough() {
    let fixture = fixture(Engine::InnoDb, true).await;
    let mut parts = fixture.parts().await;
    // A count may take a twentieth of the interval.
    let mut auto = counter(&parts, CountMode::Auto, Duration::from_secs(3600));
    let total = tick(&mut auto, &mut parts, &fixture).await;
    assert_eq!(total, fixture.true_total().await);
    assert_eq!(parts.status.now().counted_by, CountMode::Direct);
}

#[tokio::test]
async fn auto_uses_delta_when_a_whole_count_takes_too_long() {
    let fixture = fixture(Engine::InnoDb, false).await;
    let mut parts = fixture.parts().await;
    // No count is quick enough for this interval.
    let mut auto = counter(&parts, CountMode::Auto, Duration::ZERO);
    let total = tick(&mut auto, &mut parts, &fixture).await;
    assert_eq!(total, fixture.true_total().await);
    assert_eq!(parts.status.now().counted_by, CountMode::Delta);
    // On the next day there is an index, and auto measures again. A count is still too slow.
    fixture
        .sql("CREATE INDEX by_day ON visitor_count (checkin_date)")
        .await;
    fixture
        .clock
        .step_to(fixture.now + chrono::TimeDelta::days(1));
    let total = tick(&mut auto, &mut parts, &fixture).await;
    assert_eq!(parts.status.now().counted_by, CountMode::Delta);
    assert_eq!(total, fixture.true_total().await);
}

#[tokio::test]
async fn auto_leaves_direct_counts_when_they_become_slow() {
    let fixture = fixture(Engine::InnoDb, false).await;
    let mut parts = fixture.parts().await;
    let mut auto = counter(&parts, CountMode::Auto, Duration::from_secs(2));
    tick(&mut auto, &mut parts, &fixture).await;
    assert_eq!(parts.status.now().counted_by, CountMode::Direct);
    // A count takes 0.2 s. A twentieth of the interval is 0.1 s.
    fixture.sql("RENAME TABLE visitor_count TO visits").await;
    fixture
        .sql(
            "CREATE VIEW visitor_count AS SELECT visits.* FROM visits, (SELECT SLEEP(0.2)) AS slow",
        )
        .await;
    for tick_number in 1..=3 {
        assert_eq!(
            parts.status.now().counted_by,
            CountMode::Direct,
            "{tick_number}"
        );
        tick(&mut auto, &mut parts, &fixture).await;
    }
    assert_eq!(parts.status.now().counted_by, CountMode::Delta);
}

#[tokio::test]
async fn three_corrections_in_a_row_end_delta_until_the_next_day() {
    let fixture = fixture(Engine::InnoDb, true).await;
    let mut parts = fixture.parts().await;
    let mut delta = counter(&parts, CountMode::Delta, Duration::from_secs(1));
    tick(&mut delta, &mut parts, &fixture).await;
    for _ in 0..1_000 {
        fixture.sql(&insert("2025-09-23 09:00:00")).await;
    }
    eventually("delta is given up", SOON, async || {
        // Each recount finds that a visit of this morning is missing.
        let one = "DELETE FROM visitor_count WHERE visitor_id = (SELECT * FROM (SELECT MIN(visitor_id) FROM \
                   visitor_count WHERE checkin_date >= '2025-09-23' AND checkin_date < '2025-09-24') AS first)";
        fixture.sql(one).await;
        tick(&mut delta, &mut parts, &fixture).await;
        (parts.status.now().counted_by == CountMode::Direct).then_some(())
    })
    .await;
    assert!(parts.status.metrics.drifts.get() >= 3);
    let total = tick(&mut delta, &mut parts, &fixture).await;
    assert_eq!(total, fixture.true_total().await);
    fixture
        .clock
        .step_to(fixture.now + chrono::TimeDelta::days(1));
    tick(&mut delta, &mut parts, &fixture).await;
    assert_eq!(parts.status.now().counted_by, CountMode::Delta);
}

/// Imported old visits must not be read again at each tick.
#[tokio::test]
async fn the_watermark_passes_rows_of_other_days() {
    let fixture = fixture(Engine::InnoDb, false).await;
    let mut parts = fixture.parts().await;
    let mut delta = delta(&parts, NO_RECOUNTS);
    delta
        .count(&mut parts.session, fixture.day())
        .await
        .unwrap();
    for _ in 0..200 {
        fixture.sql(&insert("2020-02-02 10:00:00")).await;
    }
    delta
        .count(&mut parts.session, fixture.day())
        .await
        .unwrap();
    sleep(NO_RECOUNTS.settle).await;
    // This tick moves the watermark past them, so later ticks do not read them.
    delta
        .count(&mut parts.session, fixture.day())
        .await
        .unwrap();
    let before = rows_read(&mut parts.session).await;
    delta
        .count(&mut parts.session, fixture.day())
        .await
        .unwrap();
    let read = rows_read(&mut parts.session).await - before;
    assert!(read < 100, "{read} rows were read");
}

/// The number of rows that this session has read by an index.
async fn rows_read(session: &mut Session) -> u64 {
    let sql = "SHOW SESSION STATUS LIKE 'Handler_read_next'";
    let read = session.first("rows read", sql, Params::Empty, |cells| cells.count(1));
    read.await.unwrap().unwrap()
}
