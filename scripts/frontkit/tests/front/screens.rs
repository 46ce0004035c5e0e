//! Screens in lobbies and in hands: all of it is to be seen, and large enough.

use crate::house::House;
use crate::page::{ENGLISH, INDONESIAN, Page, look};
use anyhow::{Result, ensure};
use frontkit::dashboard::{COUNTED, WARM};
use frontkit::harness::Test;
use frontkit::tools::Tool;
use frontkit::view::{Scheme, Screen};
use serde_json::json;

pub(crate) fn tests() -> Vec<Test> {
    frontkit::tests![&[Tool::Chromium];
        the_lobby_fits_its_screen,
        the_lobby_can_be_read_from_afar,
        rankings_take_turns_in_the_lobby,
        a_phone_scrolls_in_one_direction,
        nothing_moves_for_who_wants_it_still,
    ]
}

const LOBBIES: [Screen; 3] = [
    Screen::of(1280, 720),
    Screen::of(1920, 1080),
    Screen::of(3840, 2160),
];

/// What holds a text that is to be seen: its nodes, their places, and what of them is cut off by what they lie in.
const TEXTS: &str = "\
    const seen = [...document.querySelectorAll('body *')].filter((node) => \
      [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim()) && \
      node.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && !node.closest('.unseen, script, noscript')); \
    const texts = seen.map((node) => { \
      const range = document.createRange(); range.selectNodeContents(node); \
      const { left, top, right, bottom } = node.getBoundingClientRect(); \
      let clip = { left: -1e9, top: -1e9, right: 1e9, bottom: 1e9 }; \
      for (let around = node.parentElement; around !== document.body; around = around.parentElement) { \
        if (getComputedStyle(around).overflow === 'visible') continue; \
        const box = around.getBoundingClientRect(); \
        clip = { left: Math.max(clip.left, box.left), top: Math.max(clip.top, box.top), \
          right: Math.min(clip.right, box.right), bottom: Math.min(clip.bottom, box.bottom) }; \
      } \
      const away = bottom <= clip.top + 1 || top >= clip.bottom - 1; \
      const whole = top >= clip.top - 1 && bottom <= clip.bottom + 1; \
      return { text: node.textContent, size: parseFloat(getComputedStyle(node).fontSize), away, whole, left, top, right, bottom }; \
    }).filter(({ away }) => !away); ";

async fn the_lobby_fits_its_screen() -> Result<()> {
    let (warm, empty) = (House::warm().await?, House::empty().await?);
    look("about:blank", INDONESIAN, async |page| {
        for screen in LOBBIES {
            page.browser.set_screen(screen).await?;
            page.browser.open(&empty.at("?view=lobby")).await?;
            page.is_connected("live").await;
            all_is_on_screen(page, screen).await?;
            page.browser.open(&warm.at("?view=lobby&lang=en")).await?;
            page.until(WARM).await;
            page.shows(1_234, "1,234").await;
            all_is_on_screen(page, screen).await?;
        }
        Ok(())
    })
    .await
}

/// Nothing to scroll to, nothing beyond an edge, nothing cut in two.
async fn all_is_on_screen(page: &Page, screen: Screen) -> Result<()> {
    let scrolled = "[document.documentElement, document.body].filter((node) => node.scrollHeight > innerHeight || \
         node.scrollWidth > innerWidth).map((node) => [node.scrollWidth, node.scrollHeight])";
    let scrolled = page.value(scrolled).await?;
    ensure!(
        scrolled == json!([]),
        "{screen:?}: there is something to scroll to: {scrolled}"
    );
    let beyond = format!(
        "{TEXTS} return texts.filter(({{ whole, left, top, right, bottom }}) => \
         !whole || left < -1 || top < -1 || right > innerWidth + 1 || bottom > innerHeight + 1)"
    );
    let beyond = page.browser.run(&beyond, &[]).await?;
    ensure!(beyond == json!([]), "{screen:?}: {beyond:#}");
    Ok(())
}

/// 16 px where the screen is 720 high.
async fn the_lobby_can_be_read_from_afar() -> Result<()> {
    let house = House::warm().await?;
    look(&house.at("?view=lobby"), INDONESIAN, async |page| {
        for screen in LOBBIES {
            page.browser.set_screen(screen).await?;
            page.until(WARM).await;
            page.until(format!("innerHeight === {}", screen.height))
                .await;
            let small =
                format!("{TEXTS} return texts.filter(({{ size }}) => size < innerHeight / 45)");
            let small = page.browser.run(&small, &[]).await?;
            ensure!(small == json!([]), "{screen:?}: {small:#}");
        }
        Ok(())
    })
    .await
}

async fn rankings_take_turns_in_the_lobby() -> Result<()> {
    let house = House::warm().await?;
    look(&house.at("?view=lobby"), INDONESIAN, async |page| {
        page.until(WARM).await;
        let shown = "[...document.querySelectorAll('[role=tabpanel]')].filter((panel) => \
             panel.checkVisibility({ visibilityProperty: true })).map((panel) => panel.dataset.figure)";
        let first = page.value(shown).await?;
        ensure!(first.as_array().is_some_and(|shown| shown.len() == 1), "{first}");
        page.until(format!("JSON.stringify({shown}) !== '{first}'")).await;
        Ok(())
    })
    .await
}

async fn a_phone_scrolls_in_one_direction() -> Result<()> {
    let house = House::warm().await?;
    look("about:blank", ENGLISH, async |page| {
        page.browser.set_screen(Screen::PHONE).await?;
        for language in ["id", "en"] {
            page.browser.open(&house.at(&format!("?lang={language}"))).await?;
            page.until(WARM).await;
            page.until(COUNTED).await;
            let widths = "[document.documentElement.scrollWidth, innerWidth]";
            let widths = page.value(widths).await?;
            ensure!(widths == json!([360, 360]), "{language}: {widths}");
            let beyond = format!(
                "{TEXTS} return texts.filter(({{ whole, left, right }}) => !whole || left < -1 || right > innerWidth + 1)"
            );
            let beyond = page.browser.run(&beyond, &[]).await?;
            ensure!(beyond == json!([]), "{beyond:#}");
        }
        Ok(())
    })
    .await
}

async fn nothing_moves_for_who_wants_it_still() -> Result<()> {
    let house = House::warm().await?;
    look("about:blank", INDONESIAN, async |page| {
        for query in ["", "?view=lobby"] {
            let moving = "[...document.querySelectorAll('*')].filter((node) => { \
                 const { transitionDuration, animationName } = getComputedStyle(node); \
                 return animationName !== 'none' || transitionDuration.split(', ').some((time) => parseFloat(time) > 0); }).length";
            page.browser.prefer(Scheme::Light, false).await?;
            page.browser.open(&house.at(query)).await?;
            page.until(WARM).await;
            let moved = page.value(moving).await?;
            ensure!(moved.as_u64() > Some(0), "nothing to be still");
            page.browser.prefer(Scheme::Light, true).await?;
            let still = page.value(moving).await?;
            ensure!(still == json!(0), "{query}: {still} move all the same");
        }
        Ok(())
    })
    .await
}
