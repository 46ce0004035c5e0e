//! The kit itself: a browser that hears what is said, and that ends.

use crate::page::INDONESIAN;
use anyhow::{Result, ensure};
use frontkit::browser::{Browser, SOON};
use frontkit::harness::Test;
use frontkit::tools::Tool;
use std::fs;
use testkit::eventually::eventually;

pub(crate) fn tests() -> Vec<Test> {
    frontkit::tests![&[Tool::Chromium]; the_console_is_heard, other_hosts_are_out_of_reach, a_browser_leaves_nothing_behind]
}

async fn the_console_is_heard() -> Result<()> {
    let browser = Browser::start(INDONESIAN).await?;
    browser
        .run(
            "console.info('so it is'); setTimeout(() => { throw new Error('not so'); })",
            &[],
        )
        .await?;
    let mut heard = Vec::new();
    eventually("both were heard", SOON, async || {
        heard.extend(browser.console().await.ok()?);
        let is_said = |text: &str| heard.iter().any(|message| message.text.contains(text));
        (is_said("so it is") && is_said("not so")).then_some(())
    })
    .await;
    browser.end().await
}

async fn other_hosts_are_out_of_reach() -> Result<()> {
    let browser = Browser::start(INDONESIAN).await?;
    let fetch = "const done = arguments[0]; fetch('http://example.com/').then(() => done('reached'), () => done('away'))";
    let reached = browser.run_later(fetch, &[]).await?;
    ensure!(reached == "away", "{reached}");
    browser.end().await
}

async fn a_browser_leaves_nothing_behind() -> Result<()> {
    let browser = Browser::start(INDONESIAN).await?;
    let group = browser.pid().to_string();
    ensure!(
        members(&group) > 1,
        "the browser is not in the group of its driver"
    );
    drop(browser);
    eventually("all of its processes are gone", SOON, async || {
        (members(&group) == 0).then_some(())
    })
    .await;
    Ok(())
}

/// How many processes of a group there are, by /proc.
fn members(group: &str) -> usize {
    let folders = fs::read_dir("/proc").into_iter().flatten().flatten();
    let of_group = folders.filter(|folder| {
        let status = fs::read_to_string(folder.path().join("stat")).unwrap_or_default();
        // pid (name) state parent group
        let after = status.rsplit_once(") ").map(|(_, rest)| rest.to_owned());
        after.is_some_and(|rest| rest.split(' ').nth(2) == Some(group))
    });
    of_group.count()
}
