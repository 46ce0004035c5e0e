//! A replica beside each gateway, which reads and hears it alone, while the worker writes to the primary.

use super::Place;
use crate::fixture::site_at;
use std::time::Duration;
use testkit::mariadb::shared_mariadb;
use testkit::server::Redis;
use tokio::time::sleep;

/// A replica takes over its primary's data at once.
const AT_ONCE: [&str; 2] = ["--repl-diskless-sync-delay", "0"];
/// Longer than a gateway waits for an answer.
const OUTAGE: Duration = Duration::from_secs(4);

#[tokio::test]
async fn clients_notice_no_failure_of_a_gateways_replica() {
    let primary = Redis::start_with(&AT_ONCE).await.unwrap();
    let of = primary.port().to_string();
    let flags = [&AT_ONCE[..], &["--replicaof", "127.0.0.1", &of]].concat();
    let replica = Redis::start_with(&flags).await.unwrap();
    let of = replica.port().to_string();
    let flags = [&AT_ONCE[..], &["--replicaof", "127.0.0.1", &of]].concat();
    // A tree: one primary need not feed all.
    let replica_of_replica = Redis::start_with(&flags).await.unwrap();
    let redises = [&replica, &replica_of_replica];
    for redis in redises {
        redis.follows().await;
    }
    let site = site_at(shared_mariadb().await, &primary.url()).await;
    let place = Place::begin(site, &redises.map(Redis::url)).await;
    place
        .survives(
            "Replicas, the last one is killed and comes back empty",
            async {
                replica_of_replica.kill().await.unwrap();
                sleep(OUTAGE).await;
                replica_of_replica.start_again().await.unwrap();
                replica_of_replica.follows().await;
            },
        )
        .await;
    place
        .survives(
            "Replicas, the one between stands still for a while",
            async {
                replica.freeze().unwrap();
                sleep(OUTAGE).await;
                replica.thaw().unwrap();
            },
        )
        .await;
    place
        .survives(
            "Replicas, the primary is killed and comes back empty",
            async {
                primary.kill().await.unwrap();
                sleep(OUTAGE).await;
                primary.start_again().await.unwrap();
                for redis in redises {
                    redis.follows().await;
                }
            },
        )
        .await;
    place.leave().await;
}
