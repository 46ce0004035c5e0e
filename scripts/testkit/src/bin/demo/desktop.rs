//! Opens a page in the browser of this machine's desktop, if it has one.

use std::process::{Command, Stdio};

/// Opens `url` if there is a desktop. Over a remote login it does nothing, since the address is printed.
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
        // If this fails, the address is on the terminal.
        drop(opener);
    }
}
