//! What stands on the other side of the wire, on a real gateway: the dashboard as its readers see it, in a real browser; the
//! API's document as it is read, tried, and made clients of. The worker's part is played.

use std::process::ExitCode;

mod access;
mod breaks;
mod client;
mod docs;
mod figures;
mod house;
mod keyboard;
mod kit;
mod page;
mod privacy;
mod restarts;
mod schemathesis;
mod screens;
mod streams;
mod today;
mod trust;
mod warming;
mod words;

fn main() -> ExitCode {
    let tests = [
        access::tests(),
        breaks::tests(),
        client::tests(),
        docs::tests(),
        figures::tests(),
        keyboard::tests(),
        kit::tests(),
        privacy::tests(),
        restarts::tests(),
        schemathesis::tests(),
        screens::tests(),
        streams::tests(),
        today::tests(),
        trust::tests(),
        warming::tests(),
        words::tests(),
    ];
    frontkit::harness::run(&tests.concat())
}
