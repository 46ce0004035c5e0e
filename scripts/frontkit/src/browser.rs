//! A headless Chromium with a new profile, driven over WebDriver. It ends with its holder, however that ends.

use crate::webdriver::Session;
use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;
use testkit::eventually::eventually;
use testkit::http::PATIENCE;
use testkit::process::{Process, free_port};
use testkit::server::program;
use tokio::net::TcpStream;

/// Far above what anything takes here, for a machine that is busy.
pub const SOON: Duration = Duration::from_secs(60);

/// Alone with the page: no sandbox, which root has not; nothing that asks the world.
const FLAGS: [&str; 12] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    // Whoever asks another host is told that there is none, and says so on the console.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.*",
    // In place of a port: the browser ends when its driver does.
    "--remote-debugging-pipe",
];

/// A running browser. Dropping it kills it.
#[derive(Debug)]
pub struct Browser {
    session: Session,
    driver: Process,
}

/// A message on the console: of a script, of the network, or of the policy that a page is under.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Message {
    /// `INFO`, `WARNING`, `SEVERE`.
    pub level: String,
    /// `console-api`, `javascript`, `network`, `security`, …
    pub source: String,
    /// Where and what.
    #[serde(rename = "message")]
    pub text: String,
}

/// A key without a character of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Key {
    Tab,
    Enter,
    Right,
}

impl Key {
    /// As WebDriver has it.
    const fn code(self) -> char {
        match self {
            Self::Tab => '\u{e004}',
            Self::Enter => '\u{e007}',
            Self::Right => '\u{e014}',
        }
    }
}

impl Browser {
    /// Starts one whose reader prefers `languages`, such as `id-ID,id`.
    ///
    /// # Errors
    /// When it is not installed or does not start.
    pub async fn start(languages: &str) -> Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let port = format!("--port={}", address.port());
        let driver = program("chromedriver", "chromium-driver")?;
        let driver = Process::spawn_at(Path::new(&driver), &[&port], &[])?;
        let profile = driver.folder().join("profile");
        fs::create_dir(&profile).context("making a profile")?;
        eventually("chromedriver listens", SOON, async || {
            TcpStream::connect(address).await.ok()
        })
        .await;
        let mut flags = FLAGS.map(str::to_owned).to_vec();
        flags.push(format!("--user-data-dir={}", profile.display()));
        let limit = PATIENCE.as_millis();
        let capabilities = json!({
            "timeouts": { "script": limit, "pageLoad": limit },
            "goog:loggingPrefs": { "browser": "ALL" },
            "goog:chromeOptions": {
                "binary": program("chromium", "chromium")?,
                "args": flags,
                "prefs": { "intl.accept_languages": languages },
            },
        });
        let session = Session::start(address, capabilities).await?;
        Ok(Self { session, driver })
    }

    /// The pid of its driver, which leads the group of all that belongs to it.
    pub fn pid(&self) -> u32 {
        self.driver.pid()
    }

    /// Opens `url` in the current tab and waits until it has loaded.
    ///
    /// # Errors
    /// When it does not.
    pub async fn open(&self, url: &str) -> Result<()> {
        let opened = self.session.post("url", json!({ "url": url })).await;
        opened.map(drop).with_context(|| format!("opening {url}"))
    }

    /// Loads the page of the current tab anew.
    ///
    /// # Errors
    /// When it does not load.
    pub async fn reload(&self) -> Result<()> {
        let loaded = self.session.post("refresh", json!({})).await;
        loaded.map(drop).context("reloading")
    }

    /// Opens another tab and goes there.
    ///
    /// # Errors
    /// When the browser refuses.
    pub async fn open_tab(&self) -> Result<()> {
        let tab = self.session.post("window/new", json!({ "type": "tab" }));
        let tab = tab.await.context("opening a tab")?;
        self.go_to_tab(&tab["handle"]).await
    }

    /// Closes the current tab and goes to one of those that are left, in the order in which they were opened, from 0.
    ///
    /// # Errors
    /// When there is none.
    pub async fn close_tab(&self, next: usize) -> Result<()> {
        let left = self.session.delete("window").await;
        let left = left.context("closing a tab")?;
        let next = left.get(next).context("there is no such tab")?;
        self.go_to_tab(next).await
    }

    async fn go_to_tab(&self, handle: &Value) -> Result<()> {
        let there = self
            .session
            .post("window", json!({ "handle": handle }))
            .await;
        there.map(drop).context("going to a tab")
    }

    /// What the body of a function gives in the page, such as `return document.title`; `arguments` are its own.
    ///
    /// # Errors
    /// When it throws.
    pub async fn run(&self, body: &str, arguments: &[Value]) -> Result<Value> {
        self.execute("execute/sync", body, arguments).await
    }

    /// The same of a function that calls its last argument with what it gives, now or later.
    ///
    /// # Errors
    /// When it throws, or does not call in time.
    pub async fn run_later(&self, body: &str, arguments: &[Value]) -> Result<Value> {
        self.execute("execute/async", body, arguments).await
    }

    async fn execute(&self, path: &str, body: &str, arguments: &[Value]) -> Result<Value> {
        let script = json!({ "script": body, "args": arguments });
        let given = self.session.post(path, script).await;
        given.with_context(|| format!("running {}", beginning(body)))
    }

    /// Presses and releases a key, as a person does.
    ///
    /// # Errors
    /// When the browser refuses.
    pub async fn press(&self, key: Key) -> Result<()> {
        let [down, up] =
            ["keyDown", "keyUp"].map(|way| json!({ "type": way, "value": key.code() }));
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": [down, up] });
        let pressed = self
            .session
            .post("actions", json!({ "actions": [keyboard] }))
            .await;
        pressed
            .map(drop)
            .with_context(|| format!("pressing {key:?}"))
    }

    /// What a method of the Chrome DevTools Protocol answers, such as `Emulation.setEmulatedMedia`.
    ///
    /// # Errors
    /// When the browser refuses.
    pub async fn ask(&self, method: &str, parameters: Value) -> Result<Value> {
        let command = json!({ "cmd": method, "params": parameters });
        let answer = self.session.post("goog/cdp/execute", command).await;
        answer.with_context(|| format!("asking the browser for {method}"))
    }

    /// What the tabs have logged since this was last asked.
    ///
    /// # Errors
    /// When the browser does not tell.
    pub async fn console(&self) -> Result<Vec<Message>> {
        let log = self
            .session
            .post("se/log", json!({ "type": "browser" }))
            .await;
        let log = log.context("reading the console")?;
        serde_json::from_value(log).context("reading the console")
    }

    /// What is to be seen now, as PNG in Base64.
    ///
    /// # Errors
    /// When the browser does not paint.
    pub async fn picture(&self) -> Result<String> {
        let picture = self.session.get("screenshot").await;
        let picture = picture.context("taking a picture")?;
        let picture = picture.as_str().context("a picture is a text")?;
        ensure!(
            picture.starts_with("iVBORw0KGgo"),
            "the picture is not a PNG"
        );
        Ok(picture.to_owned())
    }

    /// Ends it in good order.
    ///
    /// # Errors
    /// When it is no longer there.
    pub async fn end(self) -> Result<()> {
        let ended = self.session.delete("").await;
        ended.map(drop).context("ending the browser")
    }
}

/// As much of a script as an error shows.
fn beginning(script: &str) -> String {
    script.chars().take(100).collect()
}
