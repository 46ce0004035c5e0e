//! A cluster moves the slot of a library, and loses the server that owns it.

use super::Setup;
use super::rights::Rights;
use testkit::cluster::Cluster;

#[tokio::test]
async fn clients_notice_no_resharding() {
    let rights = Rights::with("+cluster|slots +cluster|info");
    let redis = Cluster::start(&rights.flags()).await.unwrap();
    let setup = Setup::on(|account| redis.url(account), &rights, &redis.nodes).await;
    let key = setup.fixture.key("visitors:today:count");
    // A server without slots becomes a replica of the server that has them.
    let first = redis.owner(&key).await.unwrap();
    let (_, second) = redis.replica_and_other_primary(first).await.unwrap();
    setup
        .assert_survives("Cluster, all slots move to another", async {
            redis.reshard(first, second).await.unwrap();
            redis.await_new_owner(&key, first).await;
        })
        .await;
    let (_, third) = redis.replica_and_other_primary(second).await.unwrap();
    setup
        .assert_survives("Cluster, all slots move to the third", async {
            redis.reshard(second, third).await.unwrap();
            redis.await_new_owner(&key, second).await;
        })
        .await;
    let (replica, _) = redis.replica_and_other_primary(third).await.unwrap();
    setup
        .assert_survives("Cluster, an operator's order", async {
            redis.fail_over_to(replica).await;
            redis.await_new_owner(&key, third).await;
        })
        .await;
    setup.stop().await;
}

/// The primary is killed, and frozen until after the fail-over.
#[tokio::test]
async fn clients_notice_no_cluster_fail_over() {
    let rights = Rights::with("+cluster|slots +cluster|info");
    let redis = Cluster::start(&rights.flags()).await.unwrap();
    let mut setup = Setup::on(|account| redis.url(account), &rights, &redis.nodes).await;
    let key = setup.fixture.key("visitors:today:count");
    let first = redis.owner(&key).await.unwrap();
    setup
        .assert_survives("Cluster, the primary is killed", async {
            redis.nodes[first].kill().await.unwrap();
            redis.await_new_owner(&key, first).await;
        })
        .await;
    setup
        .assert_survives("Cluster, the killed server comes back empty", async {
            redis.nodes[first].start_again().await.unwrap();
            redis.nodes[first].await_in_sync().await;
        })
        .await;
    let owner = redis.owner(&key).await.unwrap();
    let (_, other) = redis.replica_and_other_primary(owner).await.unwrap();
    let (replica, _) = redis.replica_and_other_primary(other).await.unwrap();
    setup
        .assert_survives("Cluster, the primary of other slots is killed", async {
            redis.nodes[other].kill().await.unwrap();
            redis.await_primary(replica).await;
        })
        .await;
    setup
        .assert_survives("Cluster, the other killed server comes back empty", async {
            redis.nodes[other].start_again().await.unwrap();
            redis.nodes[other].await_in_sync().await;
        })
        .await;
    setup
        .assert_survives("Cluster, the primary is frozen", async {
            redis.nodes[owner].freeze().unwrap();
            redis.await_new_owner(&key, owner).await;
        })
        .await;
    setup
        .assert_survives("Cluster, the frozen server goes on", async {
            redis.nodes[owner].thaw().unwrap();
            redis.nodes[owner].await_in_sync().await;
        })
        .await;
    let owner = redis.owner(&key).await.unwrap();
    let lease = setup.kill_the_active_worker().await;
    setup
        .assert_survives("Cluster, primary and active worker are killed", async {
            redis.nodes[owner].kill().await.unwrap();
            redis.await_new_owner(&key, owner).await;
        })
        .await;
    assert_ne!(setup.lease().await, lease, "another worker is active");
    setup.stop().await;
}
