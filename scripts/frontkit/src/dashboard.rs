//! What can be told of the dashboard in the current tab, as JavaScript, and waiting for it.

use crate::browser::{Browser, SOON};
use serde_json::Value;
use testkit::eventually::eventually;

/// Every figure is there.
pub const WARM: &str = "document.querySelectorAll('[data-figure][data-state=fresh]').length === 11";
/// No figure is there.
pub const WARMING: &str =
    "document.querySelectorAll('[data-figure][data-state=warming]').length === 11";
/// Today's count is shown.
pub const COUNTED: &str = "'total' in document.querySelector('#today').dataset";
/// No number is shown as today's, and words say what is the matter.
pub const UNCOUNTED: &str = "!('total' in document.querySelector('#today').dataset) \
     && document.querySelector('#today').textContent === '–' \
     && document.querySelector('#today-note').textContent.length > 5";
/// What moved has come to rest.
pub const STILL: &str =
    "document.getAnimations().every(({ playState }) => playState !== 'running')";

/// `<html data-connection>` is `state`.
pub fn is_connected(state: &str) -> String {
    format!("document.documentElement.dataset.connection === '{state}'")
}

impl Browser {
    /// Waits until an expression is true; after a minute it panics with the expression.
    #[track_caller]
    pub fn until(&self, expression: impl Into<String>) -> impl Future<Output = ()> {
        let expression = expression.into();
        let body = format!("return {expression}");
        eventually(&expression, SOON, async move || {
            let value = self.run(&body, &[]).await.ok()?;
            (value == Value::Bool(true)).then_some(())
        })
    }
}
