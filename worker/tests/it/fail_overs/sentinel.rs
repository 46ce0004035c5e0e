//! Sentinels make a replica the primary.

use super::Place;
use super::rights::Rights;
use testkit::sentinel::Guarded;

/// Killed, frozen for as long as that takes and longer, and by an operator's order.
#[tokio::test]
async fn clients_notice_no_sentinel_fail_over() {
    let rights = Rights::with("+role");
    let redis = Guarded::start(&rights.flags()).await.unwrap();
    let mut place = Place::on(|account| redis.url(account), &rights, &redis.servers).await;
    let first = redis.primary().await.unwrap();
    place
        .survives("Sentinel, the primary is killed", async {
            redis.servers[first].kill().await.unwrap();
            redis.another_than(first).await;
        })
        .await;
    let second = redis.primary().await.unwrap();
    place
        .survives("Sentinel, what was killed comes back empty", async {
            redis.servers[first].start_again().await.unwrap();
            redis.servers[first].follows().await;
        })
        .await;
    place
        .survives("Sentinel, the primary is frozen", async {
            redis.servers[second].freeze().unwrap();
            redis.another_than(second).await;
        })
        .await;
    let third = redis.primary().await.unwrap();
    place
        .survives("Sentinel, what was frozen goes on", async {
            redis.servers[second].thaw().unwrap();
            redis.servers[second].follows().await;
        })
        .await;
    place
        .survives("Sentinel, an operator's order", async {
            redis.fail_over().await;
            redis.another_than(third).await;
        })
        .await;
    let fourth = redis.primary().await.unwrap();
    let lease = place.kill_the_active_worker().await;
    place
        .survives("Sentinel, primary and active worker are killed", async {
            redis.servers[fourth].kill().await.unwrap();
            redis.another_than(fourth).await;
        })
        .await;
    assert_ne!(place.lease().await, lease, "another worker is active");
    place.leave().await;
}
