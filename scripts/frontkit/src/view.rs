//! How the screen is and what its reader prefers.

use crate::browser::Browser;
use anyhow::Result;
use serde_json::json;

/// A screen: its size in CSS pixels, and whether it is held in a hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Screen {
    /// From left to right.
    pub width: u32,
    /// From top to bottom.
    pub height: u32,
    /// Touched, not pointed at.
    pub mobile: bool,
}

/// Light or dark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Scheme {
    Light,
    Dark,
}

impl Screen {
    /// On a desk.
    pub const DESK: Self = Self::of(1440, 900);
    /// The smallest phone that is still about.
    pub const PHONE: Self = Self {
        mobile: true,
        ..Self::of(360, 740)
    };

    /// One that is pointed at.
    pub const fn of(width: u32, height: u32) -> Self {
        Self {
            width,
            height,
            mobile: false,
        }
    }
}

impl Scheme {
    const fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

impl Browser {
    /// Gives the current tab another screen.
    ///
    /// # Errors
    /// When the browser refuses.
    pub async fn set_screen(&self, screen: Screen) -> Result<()> {
        let parameters = json!({
            "width": screen.width,
            "height": screen.height,
            "deviceScaleFactor": 1,
            "mobile": screen.mobile,
        });
        let set = self.ask("Emulation.setDeviceMetricsOverride", parameters);
        set.await.map(drop)
    }

    /// Sets what the reader of the current tab prefers: light or dark, and whether things may move.
    ///
    /// # Errors
    /// When the browser refuses.
    pub async fn prefer(&self, scheme: Scheme, still: bool) -> Result<()> {
        let motion = if still { "reduce" } else { "no-preference" };
        let parameters = json!({ "features": [
            { "name": "prefers-color-scheme", "value": scheme.name() },
            { "name": "prefers-reduced-motion", "value": motion },
        ] });
        let set = self.ask("Emulation.setEmulatedMedia", parameters);
        set.await.map(drop)
    }

    /// Moves the current tab to another time zone, such as `Asia/Jakarta`.
    ///
    /// # Errors
    /// When the browser refuses.
    pub async fn set_zone(&self, zone: &str) -> Result<()> {
        let parameters = json!({ "timezoneId": zone });
        let set = self.ask("Emulation.setTimezoneOverride", parameters);
        set.await.map(drop)
    }

    /// Runs a script in the current tab before the scripts of each page that it opens from now on.
    ///
    /// # Errors
    /// When the browser refuses.
    pub async fn before_each_page(&self, script: &str) -> Result<()> {
        let parameters = json!({ "source": script });
        let set = self.ask("Page.addScriptToEvaluateOnNewDocument", parameters);
        set.await.map(drop)
    }
}
