//! Both languages: which one, and that no word is missing.

use crate::house::House;
use crate::page::{ENGLISH, INDONESIAN, Page, look};
use anyhow::{Result, ensure};
use frontkit::dashboard::{COUNTED, WARM};
use frontkit::harness::Test;
use frontkit::tools::Tool;

pub(crate) fn tests() -> Vec<Test> {
    frontkit::tests![&[Tool::Chromium];
        the_readers_language_counts,
        another_language_is_indonesian,
        the_address_counts_more_and_the_button_most,
        no_word_is_missing,
    ]
}

async fn the_readers_language_counts() -> Result<()> {
    let house = House::empty().await?;
    look(&house.at(""), ENGLISH, async |page| {
        speaks(page, "en", "Visitors today").await
    })
    .await?;
    look(&house.at(""), "fr-FR,en,id", async |page| {
        speaks(page, "en", "Visitors today").await
    })
    .await?;
    look(&house.at(""), INDONESIAN, async |page| {
        speaks(page, "id", "Pengunjung hari ini").await
    })
    .await
}

async fn another_language_is_indonesian() -> Result<()> {
    let house = House::empty().await?;
    look(&house.at(""), "fr-FR,fr", async |page| {
        speaks(page, "id", "Pengunjung hari ini").await
    })
    .await
}

async fn the_address_counts_more_and_the_button_most() -> Result<()> {
    let house = House::warm().await?;
    look(&house.at("?lang=en"), INDONESIAN, async |page| {
        page.until(WARM).await;
        speaks(page, "en", "Visitors today").await?;
        page.browser
            .run(
                "window.unloaded = false; document.querySelector('#language').click()",
                &[],
            )
            .await?;
        speaks(page, "id", "Pengunjung hari ini").await?;
        page.shows(1_234, "1.234").await;
        page.until("window.unloaded === false").await;
        page.browser
            .run("document.querySelector('#language').click()", &[])
            .await?;
        speaks(page, "en", "Visitors today").await?;
        // It is remembered.
        page.browser.open(&house.at("")).await?;
        speaks(page, "en", "Visitors today").await
    })
    .await
}

async fn speaks(page: &Page, language: &str, heading: &str) -> Result<()> {
    page.until(format!("document.documentElement.lang === '{language}'"))
        .await;
    let found = page.text("h1").await?;
    ensure!(found == heading, "{found}");
    Ok(())
}

async fn no_word_is_missing() -> Result<()> {
    let (warm, empty) = (House::warm().await?, House::empty().await?);
    look("about:blank", INDONESIAN, async |page| {
        for view in ["page", "lobby"] {
            for language in ["id", "en"] {
                let query = format!("?lang={language}&view={view}");
                page.browser.open(&empty.at(&query)).await?;
                page.is_connected("live").await;
                all_words_are_there(page).await?;
                page.browser.open(&warm.at(&query)).await?;
                page.until(WARM).await;
                page.until(COUNTED).await;
                all_words_are_there(page).await?;
            }
        }
        Ok(())
    })
    .await
}

async fn all_words_are_there(page: &Page) -> Result<()> {
    let text = page.text("body > header").await? + &page.text("main").await?;
    for sign in ["undefined", "null", "NaN", "Invalid", "[object"] {
        ensure!(!text.contains(sign), "{sign} in {text}");
    }
    let empty = "[...document.querySelectorAll('[data-word], h1, h2, button, th, #connection')]\
         .filter((node) => node.textContent.trim() === '').map((node) => node.outerHTML)";
    let empty = page.value(empty).await?;
    ensure!(empty == serde_json::json!([]), "without a word: {empty}");
    Ok(())
}
