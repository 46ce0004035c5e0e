//! Takes the pictures of the README: the real page on the demo's library, with people coming in. Nothing else is left
//! behind.

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{Timelike as _, Utc};
use clap::Parser;
use frontkit::browser::Browser;
use frontkit::dashboard::{COUNTED, STILL, UNCOUNTED, WARM, WARMING, is_connected};
use frontkit::gateway::Gateway;
use frontkit::view::{Scheme, Screen};
use nix::sys::signal::Signal;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use testkit::eventually::eventually;
use testkit::http::get;
use testkit::process::{Process, binary_path, free_port};
use testkit::server::Redis;
use tokio::net::TcpStream;

/// A university takes minutes to be invented, loaded and counted.
const DEMO_LIMIT: Duration = Duration::from_secs(900);
/// The demo drains its gateway for two seconds; the rest is for a busy machine.
const END_LIMIT: Duration = Duration::from_secs(60);
/// Of a day in which most who come have come.
const AFTERNOON: u32 = 15;
/// The same, as most readers of the README have it.
const LANGUAGES: &str = "id-ID,id";

const DESK: Screen = Screen::of(1440, 900);
const LOBBY: Screen = Screen::of(1280, 720);
const PHONE: Screen = Screen {
    mobile: true,
    ..Screen::of(390, 844)
};

/// Takes the pictures of the dashboard that the README shows, on a library that is invented for them.
///
/// Build the real binaries first, in the same profile; `scripts/pictures` does.
#[derive(Debug, Parser)]
#[command(name = "pictures", version)]
struct Arguments {
    /// Where they go.
    #[arg(long, default_value = "deploy/pictures")]
    folder: PathBuf,
    /// How large the library is: school, university or national.
    #[arg(long, default_value = "university")]
    size: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let Arguments { folder, size } = Arguments::parse();
    fs::create_dir_all(&folder).context("making a folder for pictures")?;
    let browser = Browser::start(LANGUAGES).await?;

    let redis = Redis::start().await?;
    let empty = Gateway::start(&redis.url(), "", &[]).await?;
    show(&browser, &empty.url("/"), DESK, Scheme::Light).await?;
    browser.until(WARMING).await;
    browser.until(is_connected("live")).await;
    take(&browser, &folder.join("warming.png")).await?;

    let port = free_port()?;
    let mut demo = demo(port, &size).await?;
    let url = format!("http://127.0.0.1:{port}/");
    let lobby = format!("{url}?view=lobby");
    for (name, url, screen, scheme) in [
        ("lobby", &lobby, LOBBY, Scheme::Dark),
        ("phone", &url, PHONE, Scheme::Light),
        ("dark", &url, DESK, Scheme::Dark),
        ("desktop", &url, DESK, Scheme::Light),
    ] {
        show(&browser, url, screen, scheme).await?;
        browser.until(WARM).await;
        browser.until(COUNTED).await;
        browser.until(is_connected("live")).await;
        take(&browser, &folder.join(format!("{name}.png"))).await?;
    }

    // What a reader keeps when all behind the page has gone.
    demo.signal(Signal::SIGTERM)?;
    demo.wait_exit(END_LIMIT).await?;
    browser.until(is_connected("lost")).await;
    browser.until(UNCOUNTED).await;
    take(&browser, &folder.join("outage.png")).await?;
    browser.end().await
}

async fn show(browser: &Browser, url: &str, screen: Screen, scheme: Scheme) -> Result<()> {
    browser.set_screen(screen).await?;
    browser.prefer(scheme, true).await?;
    browser.open(url).await
}

async fn take(browser: &Browser, path: &Path) -> Result<()> {
    browser.until(STILL).await;
    let picture = browser.picture().await?;
    let picture = STANDARD.decode(picture).context("decoding a picture")?;
    fs::write(path, picture).with_context(|| format!("writing {}", path.display()))
}

/// Starts the demo and waits until all of its figures are there.
async fn demo(port: u16, size: &str) -> Result<Process> {
    let (port_text, zone) = (port.to_string(), zone());
    let arguments = ["--size", size, "--port", &port_text, "--zone", &zone];
    let demo = Process::spawn_at(&binary_path("demo")?, &arguments, &[])?;
    eventually("the demo has all of its figures", DEMO_LIMIT, async || {
        let address = ([127, 0, 0, 1], port).into();
        TcpStream::connect(address).await.ok()?;
        for path in ["/api/visitors/summary", "/api/books/summary"] {
            (get(address, path).await.status == 200).then_some(())?;
        }
        Some(())
    })
    .await;
    Ok(demo)
}

/// One in which it is afternoon now, so that the pictures show a day with people in it, whenever they are taken.
#[allow(clippy::disallowed_methods, reason = "the demo lives in the present")]
fn zone() -> String {
    let west = (Utc::now().hour() + 24 - AFTERNOON) % 24;
    // Such names count to the west.
    if west <= 12 {
        format!("Etc/GMT+{west}")
    } else {
        format!("Etc/GMT-{}", 24 - west)
    }
}
