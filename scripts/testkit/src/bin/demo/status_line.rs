//! A status line that is overwritten on a terminal. Without a terminal, it is printed from time to time.

use std::io::{IsTerminal as _, Write as _, stdout};
use std::time::{Duration, Instant};

/// The time between two lines without a terminal.
const INTERVAL: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct StatusLine {
    started: Instant,
    is_terminal: bool,
    printed: Option<Instant>,
}

impl StatusLine {
    pub(crate) fn new() -> Self {
        Self {
            started: Instant::now(),
            is_terminal: stdout().is_terminal(),
            printed: None,
        }
    }

    /// Replaces the text of the line.
    pub(crate) fn show(&mut self, text: &str) {
        let seconds = self.started.elapsed().as_secs_f32();
        if self.is_terminal {
            print!("\r\x1b[K{text}  ({seconds:.1} s)");
            stdout().flush().ok();
        } else if self.printed.is_none_or(|at| at.elapsed() >= INTERVAL) {
            self.printed = Some(Instant::now());
            println!("{text}  ({seconds:.1} s)");
        }
    }

    /// Prints the final text.
    pub(crate) fn finish(self, text: &str) {
        let seconds = self.started.elapsed().as_secs_f32();
        let start = if self.is_terminal { "\r\x1b[K" } else { "" };
        println!("{start}{text}  ({seconds:.1} s)");
    }
}
