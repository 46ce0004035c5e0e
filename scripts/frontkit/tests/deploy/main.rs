//! The files of deploy/ that no machine of ours can run: each before the validator that is made for it, and beside what the
//! binaries say of themselves. deploy/README.md says of each file which of the two it was.

use std::process::ExitCode;

mod compose;
mod container;
mod files;
mod kubernetes;
mod package;
mod systemd;
mod table;
mod variables;

fn main() -> ExitCode {
    let tests = [
        compose::tests(),
        container::tests(),
        kubernetes::tests(),
        package::tests(),
        systemd::tests(),
        table::tests(),
        variables::tests(),
    ];
    frontkit::harness::run(&tests.concat())
}
