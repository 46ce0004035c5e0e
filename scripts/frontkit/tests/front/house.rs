//! What runs behind the page: a gateway, and a worker that is played.

use anyhow::Result;
use frontkit::desk::Desk;
use frontkit::figures::TODAY;
use frontkit::gateway::Gateway;
use frontkit::worker::Worker;
use testkit::server::{Redis, shared_redis, unique};

/// A library.
pub(crate) struct House {
    pub(crate) gateway: Gateway,
    pub(crate) worker: Worker,
    pub(crate) desk: Desk,
}

impl House {
    /// On the shared Redis, without a figure.
    pub(crate) async fn empty() -> Result<Self> {
        Self::with(&[]).await
    }

    /// The same with more variables for the gateway.
    pub(crate) async fn with(variables: &[(&'static str, &str)]) -> Result<Self> {
        Self::beside(&shared_redis().await.url(), &unique("front"), variables).await
    }

    /// With every figure, and 1234 visits today.
    pub(crate) async fn warm() -> Result<Self> {
        let house = Self::empty().await?;
        house.fill().await?;
        Ok(house)
    }

    /// On a Redis of its own, which the test may break, with everything too.
    pub(crate) async fn on(redis: &Redis) -> Result<Self> {
        let house = Self::beside(&redis.url(), "", &[]).await?;
        house.fill().await?;
        Ok(house)
    }

    /// Stores every figure, and counts 1234 visits today.
    pub(crate) async fn fill(&self) -> Result<()> {
        self.desk.count(1_234, TODAY);
        self.worker.store_all().await
    }

    /// The dashboard's address; `query` is empty or begins with `?`.
    pub(crate) fn at(&self, query: &str) -> String {
        self.gateway.url(&format!("/{query}"))
    }

    async fn beside(url: &str, prefix: &str, more: &[(&'static str, &str)]) -> Result<Self> {
        let worker = Worker::on(url, prefix).await?;
        Ok(Self {
            desk: Desk::new(worker.clone()),
            worker,
            gateway: Gateway::start(url, prefix, more).await?,
        })
    }
}
