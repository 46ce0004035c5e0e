//! The dashboard as its readers see it: in a real browser, from a real gateway. The worker's part is played.

use std::process::ExitCode;

mod page;
mod today;

fn main() -> ExitCode {
    frontkit::harness::run(&[today::tests()].concat())
}
