//! Each gateway reads only its own replica, while the worker writes to the primary.

use super::Setup;
use crate::fixture::fixture_at;
use std::time::Duration;
use testkit::mariadb::shared_mariadb;
use testkit::server::Redis;
use tokio::time::sleep;

/// A replica receives its primary's data at once.
const AT_ONCE: [&str; 2] = ["--repl-diskless-sync-delay", "0"];
/// Longer than a gateway waits for a reply.
const OUTAGE: Duration = Duration::from_secs(4);

#[tokio::test]
async fn clients_notice_no_failure_of_a_gateways_replica() {
    let primary = Redis::start_with(&AT_ONCE).await.unwrap();
    let of = primary.port().to_string();
    let flags = [&AT_ONCE[..], &["--replicaof", "127.0.0.1", &of]].concat();
    let replica = Redis::start_with(&flags).await.unwrap();
    let of = replica.port().to_string();
    let flags = [&AT_ONCE[..], &["--replicaof", "127.0.0.1", &of]].concat();
    // A chain: the primary does not have to feed all replicas.
    let replica_of_replica = Redis::start_with(&flags).await.unwrap();
    let redises = [&replica, &replica_of_replica];
    for redis in redises {
        redis.await_in_sync().await;
    }
    let fixture = fixture_at(shared_mariadb().await, &primary.url()).await;
    let setup = Setup::begin(fixture, &redises.map(Redis::url)).await;
    setup
        .assert_survives(
            "Replicas, the last one is killed and comes back empty",
            async {
                replica_of_replica.kill().await.unwrap();
                sleep(OUTAGE).await;
                replica_of_replica.start_again().await.unwrap();
                replica_of_replica.await_in_sync().await;
            },
        )
        .await;
    setup
        .assert_survives("Replicas, the first one is frozen for a while", async {
            replica.freeze().unwrap();
            sleep(OUTAGE).await;
            replica.thaw().unwrap();
        })
        .await;
    setup
        .assert_survives(
            "Replicas, the primary is killed and comes back empty",
            async {
                primary.kill().await.unwrap();
                sleep(OUTAGE).await;
                primary.start_again().await.unwrap();
                for redis in redises {
                    redis.await_in_sync().await;
                }
            },
        )
        .await;
    setup.stop().await;
}
