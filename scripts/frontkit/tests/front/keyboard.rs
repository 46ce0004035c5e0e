//! Without a mouse: each control is reached, is seen to be, and does what it is for.

use crate::house::House;
use crate::page::{INDONESIAN, look};
use anyhow::{Result, ensure};
use frontkit::browser::Key;
use frontkit::dashboard::WARM;
use frontkit::harness::Test;
use frontkit::tools::Tool;
use serde_json::json;

pub(crate) fn tests() -> Vec<Test> {
    frontkit::tests![&[Tool::Chromium]; tab_reaches_every_control, keys_do_what_a_click_does]
}

/// More than the page has.
const CONTROLS: usize = 40;

async fn tab_reaches_every_control() -> Result<()> {
    let house = House::warm().await?;
    look(&house.at(""), INDONESIAN, async |page| {
        page.until(WARM).await;
        // One of a list of tabs stands for all of them: arrow keys move among them.
        let wanted = "[...document.querySelectorAll('a[href], button, [tabindex=\"0\"]')].filter((node) => \
             node.tabIndex >= 0 && node.checkVisibility({ visibilityProperty: true }))";
        page.browser.run(&format!("window.unreached = new Set({wanted})"), &[]).await?;
        let controls = page.value("window.unreached.size").await?;
        ensure!(controls.as_u64() >= Some(5), "{controls} controls");
        for _ in 0..CONTROLS {
            page.browser.press(Key::Tab).await?;
            let focus = "((node) => { window.unreached.delete(node); \
                 const { outlineStyle, outlineWidth } = getComputedStyle(node); \
                 return node === document.body || (outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2) \
                   ? null : node.outerHTML; })(document.activeElement)";
            let unseen = page.value(focus).await?;
            ensure!(unseen.is_null(), "has the focus and does not look so: {unseen}");
            if page.value("window.unreached.size").await? == json!(0) {
                return Ok(());
            }
        }
        let left = page.value("[...window.unreached].map((node) => node.outerHTML)").await?;
        ensure!(left == json!([]), "never reached: {left:#}");
        Ok(())
    })
    .await
}

async fn keys_do_what_a_click_does() -> Result<()> {
    let house = House::warm().await?;
    look(&house.at(""), INDONESIAN, async |page| {
        page.until(WARM).await;
        page.browser.run("document.querySelector('#language').focus()", &[]).await?;
        page.browser.press(Key::Enter).await?;
        page.until("document.documentElement.lang === 'en'").await;
        page.until("document.activeElement.id === 'language'").await;
        page.browser.run("document.querySelector('[role=tab]').focus()", &[]).await?;
        page.browser.press(Key::Right).await?;
        let panel = "((tab) => tab.getAttribute('aria-selected') === 'true' && tab.previousSibling !== null && \
             document.getElementById(tab.getAttribute('aria-controls')).checkVisibility({ visibilityProperty: true }))\
             (document.activeElement)";
        page.until(panel).await;
        Ok(())
    })
    .await
}
