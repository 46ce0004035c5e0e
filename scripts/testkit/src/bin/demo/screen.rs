//! A status line that is overwritten on a terminal; without a terminal, a line now and then.

use std::io::{IsTerminal as _, Write as _, stdout};
use std::time::{Duration, Instant};

/// Without a terminal a line is worth writing this often.
const QUIET: Duration = Duration::from_secs(5);

/// A line that is written over.
#[derive(Debug)]
pub(crate) struct Line {
    began: Instant,
    terminal: bool,
    written: Option<Instant>,
}

impl Line {
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            terminal: stdout().is_terminal(),
            written: None,
        }
    }

    /// Writes over what the line said.
    pub(crate) fn show(&mut self, text: &str) {
        let seconds = self.began.elapsed().as_secs_f32();
        if self.terminal {
            print!("\r\x1b[K{text}  ({seconds:.1} s)");
            stdout().flush().ok();
        } else if self.written.is_none_or(|at| at.elapsed() >= QUIET) {
            self.written = Some(Instant::now());
            println!("{text}  ({seconds:.1} s)");
        }
    }

    /// How long ago it began.
    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Says the last word and leaves the line.
    pub(crate) fn end(self, text: &str) {
        let seconds = self.began.elapsed().as_secs_f32();
        let start = if self.terminal { "\r\x1b[K" } else { "" };
        println!("{start}{text}  ({seconds:.1} s)");
    }
}
