//! What axe-core finds: nothing.

use crate::house::House;
use crate::page::{INDONESIAN, Page, look};
use anyhow::{Result, ensure};
use frontkit::axe;
use frontkit::dashboard::WARM;
use frontkit::harness::Test;
use frontkit::tools::Tool;
use frontkit::view::{Scheme, Screen};

pub(crate) fn tests() -> Vec<Test> {
    frontkit::tests![&[Tool::Chromium, Tool::Node];
        nothing_keeps_people_out, nothing_keeps_people_out_while_it_warms, what_is_wrong_is_found]
}

const VIEWS: [(&str, Screen); 3] = [
    ("", Screen::DESK),
    ("", Screen::PHONE),
    ("?view=lobby", Screen::of(1920, 1080)),
];

async fn nothing_keeps_people_out() -> Result<()> {
    let house = House::warm().await?;
    in_each_view(&house, WARM).await
}

async fn nothing_keeps_people_out_while_it_warms() -> Result<()> {
    let house = House::empty().await?;
    in_each_view(
        &house,
        "document.documentElement.dataset.connection === 'live'",
    )
    .await
}

async fn in_each_view(house: &House, ready: &str) -> Result<()> {
    look("about:blank", INDONESIAN, async |page| {
        let mut found = Vec::new();
        for (query, screen) in VIEWS {
            for scheme in [Scheme::Light, Scheme::Dark] {
                page.browser.set_screen(screen).await?;
                // Still, so that no colour is looked at on its way.
                page.browser.prefer(scheme, true).await?;
                page.browser.open(&house.at(query)).await?;
                page.until(ready).await;
                for violation in axe::violations(&page.browser).await? {
                    found.push(format!("{query} {screen:?} {scheme:?}: {violation}"));
                }
            }
        }
        ensure!(found.is_empty(), "{}", found.join("\n"));
        Ok(())
    })
    .await
}

async fn what_is_wrong_is_found() -> Result<()> {
    let house = House::warm().await?;
    look(&house.at(""), INDONESIAN, async |page: &Page| {
        page.until(WARM).await;
        let spoil = "document.querySelector('#language').textContent = ''; \
             document.querySelector('h1').style.color = '#eee'";
        page.browser.run(spoil, &[]).await?;
        let found = axe::violations(&page.browser).await?;
        for rule in ["button-name", "color-contrast"] {
            ensure!(
                found.iter().any(|line| line.starts_with(rule)),
                "{rule} is not in {found:?}"
            );
        }
        Ok(())
    })
    .await
}
