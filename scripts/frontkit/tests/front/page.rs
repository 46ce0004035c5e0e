//! A gateway with a worker that is played, and a browser that looks at the dashboard.

use anyhow::{Result, ensure};
use frontkit::browser::{Browser, SOON};
use frontkit::figures::TODAY;
use frontkit::gateway::Gateway;
use frontkit::view::{Scheme, Screen};
use frontkit::worker::{LONG, Worker};
use serde_json::Value;
use testkit::eventually::eventually;
use testkit::server::{shared_redis, unique};

/// What most readers prefer.
pub(crate) const INDONESIAN: &str = "id-ID,id";

/// What runs behind the page.
pub(crate) struct House {
    pub(crate) gateway: Gateway,
    pub(crate) worker: Worker,
}

impl House {
    /// On the shared Redis, without a figure.
    pub(crate) async fn empty(variables: &[(&'static str, &str)]) -> Result<Self> {
        Self::on(&shared_redis().await.url(), &unique("front"), variables).await
    }

    /// With every figure, and 1234 visits today.
    pub(crate) async fn warm() -> Result<Self> {
        let house = Self::empty(&[]).await?;
        house.worker.store_all().await?;
        house.worker.count(1234, TODAY, LONG).await?;
        Ok(house)
    }

    /// On the Redis at `url`, under a prefix.
    pub(crate) async fn on(
        url: &str,
        prefix: &str,
        variables: &[(&'static str, &str)],
    ) -> Result<Self> {
        Ok(Self {
            worker: Worker::on(url, prefix).await?,
            gateway: Gateway::start(url, prefix, variables).await?,
        })
    }

    /// A browser on the dashboard, at a desk; `query` is empty or begins with `?`.
    pub(crate) async fn page(&self, languages: &str, query: &str) -> Result<Page> {
        let browser = Browser::start(languages).await?;
        browser.set_screen(Screen::DESK).await?;
        browser.prefer(Scheme::Light, false).await?;
        browser
            .open(&self.gateway.url(&format!("/{query}")))
            .await?;
        Ok(Page { browser })
    }
}

/// A dashboard that somebody looks at.
pub(crate) struct Page {
    pub(crate) browser: Browser,
}

impl Page {
    /// What a JavaScript expression is.
    pub(crate) async fn value(&self, expression: &str) -> Result<Value> {
        self.browser.run(&format!("return {expression}"), &[]).await
    }

    /// Waits until a JavaScript expression is true.
    #[track_caller]
    pub(crate) fn until(&self, expression: impl Into<String>) -> impl Future<Output = ()> {
        let expression = expression.into();
        let what = expression.clone();
        eventually(&what, SOON, async move || {
            let value = self.value(&expression).await.ok()?;
            (value == Value::Bool(true)).then_some(())
        })
    }

    /// Ends it; nothing may have been said on the console.
    pub(crate) async fn end(self) -> Result<()> {
        let console = self.browser.console().await?;
        ensure!(console.is_empty(), "on the console: {console:?}");
        self.browser.end().await
    }
}
