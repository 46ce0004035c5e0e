//! Before there are figures: the page says so, and nothing jumps when they come.

use crate::house::House;
use crate::page::{INDONESIAN, Page, look};
use anyhow::{Result, ensure};
use frontkit::dashboard::{WARM, WARMING};
use frontkit::figures::{TODAY, data};
use frontkit::harness::Test;
use frontkit::tools::Tool;
use frontkit::view::Screen;
use shared::catalog::Snapshot;

pub(crate) fn tests() -> Vec<Test> {
    frontkit::tests![&[Tool::Chromium];
        each_figure_comes_by_itself_and_nothing_jumps,
        nothing_jumps_in_the_lobby,
        nothing_jumps_on_a_phone,
    ]
}

/// What has moved that nobody has touched, since the page was opened, by the browser's own account: how far, and what.
const SHIFTS: &str = "const done = arguments[0]; const shifts = []; \
     const name = ({ node }) => node?.outerHTML?.slice(0, 80) ?? String(node?.textContent); \
     const add = (list) => list.forEach(({ value, sources }) => shifts.push([value, sources.map(name).join(', ')])); \
     const observer = new PerformanceObserver((list) => add(list.getEntries())); \
     observer.observe({ type: 'layout-shift', buffered: true }); \
     requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => { add(observer.takeRecords()); done(shifts); })));";
/// So high that all is in view: what is not moves unseen.
const DESK: Screen = Screen::of(1440, 2400);
const PHONE: Screen = Screen {
    height: 5000,
    ..Screen::PHONE
};
/// Of 1, where a tenth is called good; on so high a screen a line that comes is a hundredth.
const UNSEEN: f64 = 0.001;

async fn each_figure_comes_by_itself_and_nothing_jumps() -> Result<()> {
    let house = House::empty().await?;
    look(&house.at(""), INDONESIAN, async |page| {
        page.browser.set_screen(DESK).await?;
        page.browser.reload().await?;
        is_warming(page).await;
        page.browser.run("window.unloaded = false", &[]).await?;
        // The count is known long before the figures are made.
        house.desk.count(1_234, TODAY);
        page.shows(1_234, "1.234").await;
        let waiting = "figure.innerText.includes('Sedang disiapkan')";
        for snapshot in [Snapshot::Collection, Snapshot::Weekly] {
            page.figure(snapshot, waiting).await;
            house.worker.store(snapshot, data(snapshot)?).await?;
            page.figure(snapshot, "figure.dataset.state === 'fresh'")
                .await;
            page.figure(Snapshot::Monthly, "figure.dataset.state === 'warming'")
                .await;
        }
        house.worker.store_all().await?;
        page.until(WARM).await;
        page.until("window.unloaded === false").await;
        nothing_has_jumped(page).await
    })
    .await
}

async fn nothing_jumps_in_the_lobby() -> Result<()> {
    warms_on("?view=lobby", Screen::of(1280, 720)).await
}

async fn nothing_jumps_on_a_phone() -> Result<()> {
    warms_on("", PHONE).await
}

async fn warms_on(query: &str, screen: Screen) -> Result<()> {
    let house = House::empty().await?;
    look(&house.at(query), INDONESIAN, async |page| {
        page.browser.set_screen(screen).await?;
        page.browser.reload().await?;
        is_warming(page).await;
        house.fill().await?;
        page.shows(1_234, "1.234").await;
        page.until(WARM).await;
        nothing_has_jumped(page).await
    })
    .await
}

async fn is_warming(page: &Page) {
    page.until(WARMING).await;
    page.shows_no_number().await;
    page.is_connected("live").await;
}

async fn nothing_has_jumped(page: &Page) -> Result<()> {
    let shifts = page.browser.run_later(SHIFTS, &[]).await?;
    let shifts: Vec<(f64, String)> = serde_json::from_value(shifts)?;
    let sum: f64 = shifts.iter().map(|(far, _)| far).sum();
    ensure!(sum < UNSEEN, "things have moved by {sum}: {shifts:#?}");
    Ok(())
}
