//! Sentinels make a replica the primary.

use super::Setup;
use super::rights::Rights;
use testkit::sentinel::Sentinels;

/// The primary is killed, frozen until after the fail-over, and replaced by an operator's order.
#[tokio::test]
async fn clients_notice_no_sentinel_fail_over() {
    let rights = Rights::with("+role");
    let redis = Sentinels::start(&rights.flags()).await.unwrap();
    let mut setup = Setup::on(|account| redis.url(account), &rights, &redis.servers).await;
    let first = redis.primary().await.unwrap();
    setup
        .assert_survives("Sentinel, the primary is killed", async {
            redis.servers[first].kill().await.unwrap();
            redis.await_new_primary(first).await;
        })
        .await;
    let second = redis.primary().await.unwrap();
    setup
        .assert_survives("Sentinel, the killed server comes back empty", async {
            redis.servers[first].start_again().await.unwrap();
            redis.servers[first].await_in_sync().await;
        })
        .await;
    setup
        .assert_survives("Sentinel, the primary is frozen", async {
            redis.servers[second].freeze().unwrap();
            redis.await_new_primary(second).await;
        })
        .await;
    let third = redis.primary().await.unwrap();
    setup
        .assert_survives("Sentinel, the frozen server goes on", async {
            redis.servers[second].thaw().unwrap();
            redis.servers[second].await_in_sync().await;
        })
        .await;
    setup
        .assert_survives("Sentinel, an operator's order", async {
            redis.fail_over().await;
            redis.await_new_primary(third).await;
        })
        .await;
    let fourth = redis.primary().await.unwrap();
    let lease = setup.kill_the_active_worker().await;
    setup
        .assert_survives("Sentinel, primary and active worker are killed", async {
            redis.servers[fourth].kill().await.unwrap();
            redis.await_new_primary(fourth).await;
        })
        .await;
    assert_ne!(setup.lease().await, lease, "another worker is active");
    setup.stop().await;
}
