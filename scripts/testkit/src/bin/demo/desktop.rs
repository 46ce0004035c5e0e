//! Opens a page in the browser of this machine's desktop, if it has one.

use std::process::{Command, Stdio};

/// Shows `url`, where there is a desktop; who comes over the network is told where to look, and no more.
#[allow(
    clippy::disallowed_methods,
    reason = "whether there is a screen is no configuration"
)]
pub(crate) fn open(url: &str) {
    let is_desktop = ["DISPLAY", "WAYLAND_DISPLAY"]
        .iter()
        .any(|name| std::env::var_os(name).is_some());
    if is_desktop {
        let opener = Command::new("xdg-open")
            .arg(url)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        // Without it the address stands on the terminal.
        drop(opener);
    }
}
