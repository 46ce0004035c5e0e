//! The dashboard in a browser.

use anyhow::{Result, ensure};
use frontkit::browser::{Browser, Message};
use frontkit::dashboard;
use frontkit::view::{Scheme, Screen};
use serde_json::Value;
use shared::catalog::Snapshot;

/// What readers prefer; the first counts.
pub(crate) const INDONESIAN: &str = "id-ID,id";
pub(crate) const ENGLISH: &str = "en-GB,en";

/// A page that somebody looks at.
pub(crate) struct Page {
    pub(crate) browser: Browser,
}

/// Looks at `url` on a desk, in the light. Whatever is said on the console, and not [`heard`](Page::heard), is a failure.
pub(crate) async fn look(
    url: &str,
    languages: &str,
    seeing: impl AsyncFnOnce(&Page) -> Result<()>,
) -> Result<()> {
    let page = Page {
        browser: Browser::start(languages).await?,
    };
    page.browser.set_screen(Screen::DESK).await?;
    page.browser.prefer(Scheme::Light, false).await?;
    page.browser.open(url).await?;
    seeing(&page).await?;
    let console = page.heard().await?;
    ensure!(console.is_empty(), "on the console: {console:#?}");
    page.browser.end().await
}

impl Page {
    /// What a JavaScript expression is.
    pub(crate) async fn value(&self, expression: &str) -> Result<Value> {
        self.browser.run(&format!("return {expression}"), &[]).await
    }

    /// Waits until a JavaScript expression is true.
    #[track_caller]
    pub(crate) fn until(&self, expression: impl Into<String>) -> impl Future<Output = ()> {
        self.browser.until(expression)
    }

    /// Waits until today's number is `total`, written `text`.
    #[track_caller]
    pub(crate) fn shows(&self, total: u64, text: &str) -> impl Future<Output = ()> {
        self.until(format!(
            "document.querySelector('#today').dataset.total === '{total}' \
             && document.querySelector('#today').textContent === '{text}'"
        ))
    }

    /// Waits until no number is shown as today's, and words say what is the matter.
    #[track_caller]
    pub(crate) fn shows_no_number(&self) -> impl Future<Output = ()> {
        self.until(dashboard::UNCOUNTED)
    }

    /// Waits until `<html data-connection>` is `state`.
    #[track_caller]
    pub(crate) fn is_connected(&self, state: &str) -> impl Future<Output = ()> {
        self.until(dashboard::is_connected(state))
    }

    /// Waits until the expression, of which `figure` is a snapshot's section, is true.
    #[track_caller]
    pub(crate) fn figure(&self, snapshot: Snapshot, expression: &str) -> impl Future<Output = ()> {
        self.until(format!(
            "((figure) => {expression})(document.querySelector('[data-figure=\"{snapshot}\"]'))"
        ))
    }

    /// The text of an element as it stands in the document.
    pub(crate) async fn text(&self, selector: &str) -> Result<String> {
        let text = format!("document.querySelector('{selector}').textContent");
        let text = self.value(&text).await?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// What was said on the console since this was last asked, a line each.
    pub(crate) async fn heard(&self) -> Result<Vec<String>> {
        let console = self.browser.console().await?;
        let line =
            |message: &Message| format!("{} {}: {}", message.level, message.source, message.text);
        Ok(console.iter().map(line).collect())
    }
}
