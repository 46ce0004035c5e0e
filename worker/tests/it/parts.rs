//! The parts of a worker, for tests that drive them directly.

use crate::fixture::{Fixture, SOON};
use fred::clients::Client;
use shared::redis::Connection;
use std::sync::Arc;
use worker::mysql::connection::{Database, Session};
use worker::ops::status::Status;
use worker::publish::publisher::Publisher;
use worker::snapshots::freshness::FreshnessPolicy;

/// The parts that a counter needs.
pub(crate) struct Parts {
    pub(crate) database: Arc<Database>,
    pub(crate) store: Arc<Publisher>,
    pub(crate) status: Arc<Status>,
    pub(crate) session: Session,
}

impl Fixture {
    /// Makes the parts for a counter that a test ticks itself.
    pub(crate) async fn parts(&self) -> Parts {
        let config = self.config();
        let (database, store) = (
            Arc::new(Database::new(&config.mysql)),
            self.active("parts").await,
        );
        Parts {
            session: database.session(SOON).await.unwrap(),
            store,
            status: Arc::new(Status::new(config.mode)),
            database,
        }
    }

    /// The publisher of a worker that becomes active and stays it.
    pub(crate) async fn active(&self, name: &str) -> Arc<Publisher> {
        let client = self.config().redis.client(SOON).unwrap();
        let connection = Connection::start(&client);
        let store = Arc::new(self.store_on(client, name));
        let keeper = store.clone();
        tokio::spawn(async move { keeper.lease().keep(&connection, &keeper).await });
        store.lease().wait_until_active().await;
        store
    }

    /// The publisher of a worker of that name, which a test drives itself.
    pub(crate) fn store(&self, name: &str) -> Publisher {
        self.store_on(self.redis.clone(), name)
    }

    fn store_on(&self, redis: Client, name: &str) -> Publisher {
        let config = self.config();
        let due = FreshnessPolicy::new(&config, &self.clock);
        Publisher::new(
            redis,
            config.keys.clone(),
            due,
            config.settings(),
            name.to_owned(),
        )
    }
}
