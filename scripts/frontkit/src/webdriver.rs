//! A session of WebDriver (W3C) with chromedriver: JSON over HTTP on this machine, and no more of it than is needed here.

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use std::net::SocketAddr;
use testkit::http::{Answer, send};

/// One browser, as its driver knows it.
#[derive(Debug)]
pub struct Session {
    driver: SocketAddr,
    id: String,
}

impl Session {
    /// Has the driver start a browser with these capabilities.
    ///
    /// # Errors
    /// What the driver says when it does not start.
    pub async fn start(driver: SocketAddr, capabilities: Value) -> Result<Self> {
        let wishes = json!({ "capabilities": { "alwaysMatch": capabilities } });
        let started = request(driver, "POST", "/session", wishes).await;
        let started = started.context("starting the browser")?;
        let id = started["sessionId"].as_str().context("a session's id")?;
        Ok(Self {
            driver,
            id: id.to_owned(),
        })
    }

    /// What the driver answers to GET of `path` below the session, such as `window/handles`.
    ///
    /// # Errors
    /// What the driver says.
    pub async fn get(&self, path: &str) -> Result<Value> {
        self.command("GET", path, Value::Null).await
    }

    /// The same of POST.
    ///
    /// # Errors
    /// What the driver says.
    pub async fn post(&self, path: &str, body: Value) -> Result<Value> {
        self.command("POST", path, body).await
    }

    /// The same of DELETE; without a path it ends the browser.
    ///
    /// # Errors
    /// What the driver says.
    pub async fn delete(&self, path: &str) -> Result<Value> {
        self.command("DELETE", path, Value::Null).await
    }

    async fn command(&self, method: &str, path: &str, body: Value) -> Result<Value> {
        let path = format!("/session/{}/{path}", self.id);
        request(self.driver, method, path.trim_end_matches('/'), body).await
    }
}

/// One request; `Null` is no body.
async fn request(driver: SocketAddr, method: &str, path: &str, body: Value) -> Result<Value> {
    let text = match body {
        Value::Null => String::new(),
        body => body.to_string(),
    };
    let length = text.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {driver}\r\nContent-Length: {length}\r\n\r\n{text}"
    );
    value(&send(driver, request).await)
}

/// An answer's value, or its error.
fn value(answer: &Answer) -> Result<Value> {
    let json: Value =
        serde_json::from_slice(&answer.body).context("reading the driver's answer")?;
    let value = &json["value"];
    if answer.status != 200 {
        // The rest is the driver's own stack.
        let message = value["message"].as_str().unwrap_or_default();
        let message = message.lines().next().unwrap_or_default();
        bail!("{}: {message}", value["error"].as_str().unwrap_or_default());
    }
    Ok(value.clone())
}
