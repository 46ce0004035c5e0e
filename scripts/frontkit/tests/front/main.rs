//! The dashboard as its readers see it: in a real browser, from a real gateway. The worker's part is played.

use std::process::ExitCode;

mod client;
mod docs;
mod page;
mod schemathesis;
mod today;

fn main() -> ExitCode {
    frontkit::harness::run(
        &[
            client::tests(),
            docs::tests(),
            schemathesis::tests(),
            today::tests(),
        ]
        .concat(),
    )
}
