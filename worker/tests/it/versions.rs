//! Workers of several versions on one Redis: each leaves alone what it does not know, in both directions.

use crate::fixture::{Fixture, SOON};
use fred::interfaces::{HashesInterface, KeysInterface};
use fred::types::Expiration;
use shared::catalog::Snapshot;
use std::time::Duration;
use testkit::eventually::eventually;
use testkit::oracle::Names;
use testkit::schema::Shape;
use tokio::time::{Instant, sleep};

const NOW: &str = "2025-09-23T10:00:00";

async fn fixture() -> Fixture {
    Fixture::new("Asia/Jakarta", NOW, Shape::default()).await
}

/// Fields that a later version may write, and fields that no version writes.
#[tokio::test]
async fn snapshot_notes_of_another_version_are_left_alone() {
    let fixture = fixture().await;
    let made = fixture.key("worker:made");
    let unknown: [(&str, &[u8]); 3] = [
        ("members:unheard-of", b"9.9.9 slims Asia/Jakarta Full 90000"),
        ("schema", b"{\"version\":7}"),
        ("bytes", &[0xff, 0x00, 0xfe]),
    ];
    for (field, value) in unknown {
        let _: i64 = fixture.redis.hset(&made, (field, value)).await.unwrap();
    }
    // Settings that this version cannot read count as other settings.
    let known: [&[u8]; 3] = [b"\xff\xfe", b"", b"{\"settings\":1}"];
    for (snapshot, settings) in Snapshot::ALL.into_iter().zip(known) {
        let _: i64 = fixture
            .redis
            .hset(&made, (snapshot.name(), settings))
            .await
            .unwrap();
    }
    let snapshot = fixture.key("members:unheard-of");
    let _: () = fixture
        .redis
        .set(&snapshot, "of a later version", None, None, false)
        .await
        .unwrap();
    let running = fixture.start();
    fixture.await_all().await;
    fixture.assert_all(Names::Full).await;
    for (field, value) in unknown {
        let kept: Option<Vec<u8>> = fixture.redis.hget(&made, field).await.unwrap();
        assert_eq!(kept.as_deref(), Some(value), "{field}");
    }
    let own = fixture.config().settings();
    for snapshot in Snapshot::ALL {
        let noted: Option<String> = fixture.redis.hget(&made, snapshot.name()).await.unwrap();
        assert_eq!(noted.as_ref(), Some(&own), "{snapshot}");
    }
    assert_eq!(
        fixture.stored("members:unheard-of").await.unwrap(),
        "of a later version"
    );
    running.stop().await;
}

/// A lease with any text is respected while it lives. A lease without a TTL is not a worker's, and gets one.
#[tokio::test]
async fn a_lease_of_another_format_is_respected_and_ends() {
    for text in [
        "{\"worker\":\"x\",\"epoch\":7}",
        "",
        "7",
        "v2 7 host:1:ab",
        "18446744073709551615 x",
    ] {
        for endless in [false, true] {
            let fixture = fixture().await;
            let life = Duration::from_secs(3);
            let end = (!endless).then_some(Expiration::PX(3_000));
            let lease = fixture.key("worker:lease");
            let _: () = fixture
                .redis
                .set(&lease, text, end, None, false)
                .await
                .unwrap();
            let began = Instant::now();
            let running = fixture.start();
            while began.elapsed() < life - Duration::from_millis(500) {
                assert_eq!(fixture.stored("worker:lease").await.as_deref(), Some(text));
                sleep(Duration::from_millis(100)).await;
            }
            eventually(&format!("the lease {text} has ended"), SOON, async || {
                let lease = fixture.stored("worker:lease").await?;
                (lease != text && lease.contains(':') && lease.contains(' ')).then_some(())
            })
            .await;
            fixture.await_total(fixture.true_total().await).await;
            running.stop().await;
        }
    }
}

#[tokio::test]
async fn an_invalid_epoch_is_replaced() {
    for text in [
        "",
        "x",
        "nan",
        "inf",
        "-5",
        "1e300",
        "0x7f",
        "99999999999999999999",
        "7 and more",
    ] {
        let fixture = fixture().await;
        let epoch = fixture.key("worker:epoch");
        let _: () = fixture
            .redis
            .set(&epoch, text, None, None, false)
            .await
            .unwrap();
        let running = fixture.start();
        fixture.await_total(fixture.true_total().await).await;
        let lease = fixture.stored("worker:lease").await.unwrap();
        let number = lease.split(' ').next().unwrap().to_owned();
        assert_eq!(
            fixture.stored("worker:epoch").await.unwrap(),
            number,
            "{text:?}"
        );
        let number: u64 = number.parse().unwrap();
        // Milliseconds since 1970.
        assert!(
            (1_600_000_000_000..10_000_000_000_000).contains(&number),
            "{text:?}: {lease}"
        );
        running.stop().await;
    }
}
