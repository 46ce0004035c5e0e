//! Tests that are asynchronous, have an end, and say themselves when something that they need is not installed: then
//! they are counted as ignored, never as passed.

use crate::tools::Tool;
use anyhow::Result;
use libtest_mimic::{Arguments, Completion, Conclusion, Failed, Trial};
use std::io::Write as _;
use std::pin::Pin;
use std::process::ExitCode;
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::time::timeout;

/// Far above what any of them takes beside others on a busy machine.
const LIMIT: Duration = Duration::from_secs(300);
/// Most of a test is waiting, though a browser that starts keeps a core busy for a second.
const THREADS: usize = 4;

/// A test: its name, what it needs, and how it goes.
#[derive(Clone, Copy, Debug)]
pub struct Test {
    /// With the names of its modules.
    pub name: &'static str,
    /// Without one of these it cannot run.
    pub needs: &'static [Tool],
    /// An error or a panic is a failure.
    pub run: fn() -> Going,
}

/// A test on its way.
pub type Going = Pin<Box<dyn Future<Output = Result<()>>>>;

/// The tests of a module: `tests![&[Tool::Chromium]; one, another]`, each an `async fn() -> Result<()>`.
#[macro_export]
macro_rules! tests {
    ($needs:expr; $($test:ident),+ $(,)?) => {
        vec![$($crate::harness::Test {
            name: concat!(module_path!(), "::", stringify!($test)),
            needs: $needs,
            run: || Box::pin($test()),
        }),+]
    };
}

/// Runs the tests that the command line chooses. Loud about what is missing.
pub fn run(tests: &[Test]) -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(THREADS);
    let look = |tool: Tool| Some((tool, format!("{:#}", tool.find().err()?)));
    let missing: Vec<(Tool, String)> = Tool::ALL.into_iter().filter_map(look).collect();
    for (tool, what) in &missing {
        let skipped = tests.iter().filter(|test| test.needs.contains(tool));
        let (name, skipped) = (tool.name(), skipped.count());
        if skipped > 0 {
            let line = format!(
                "{skipped} TESTS ARE SKIPPED: {what}; `scripts/install {name}` installs it"
            );
            writeln!(std::io::stderr(), "{line}").ok();
        }
    }
    conclude(&arguments, tests, &missing).exit_code()
}

fn conclude(arguments: &Arguments, tests: &[Test], missing: &[(Tool, String)]) -> Conclusion {
    let trials = tests.iter().map(|test| trial(*test, missing));
    libtest_mimic::run(arguments, trials.collect())
}

fn trial(test: Test, missing: &[(Tool, String)]) -> Trial {
    let lacks = missing.iter().find(|(tool, _)| test.needs.contains(tool));
    let lacks = lacks.map(|(_, what)| what.clone());
    Trial::ignorable_test(test.name, move || match lacks {
        Some(what) => Ok(Completion::ignored_with(what)),
        None => complete(test).map(|()| Completion::Completed),
    })
}

/// Each on a runtime of its own, so that nothing of one is left when another runs.
fn complete(test: Test) -> Result<(), Failed> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(async { timeout(LIMIT, (test.run)()).await });
    let outcome = ended.map_err(|_| Failed::from(format!("no end within {LIMIT:?}")))?;
    outcome.map_err(|error| Failed::from(format!("{error:#}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;

    async fn passes() -> Result<()> {
        Ok(())
    }

    async fn fails() -> Result<()> {
        bail!("as it should")
    }

    async fn panics() -> Result<()> {
        panic!("as it should")
    }

    #[test]
    fn what_cannot_run_is_ignored_and_never_passes() {
        let mut tests = crate::tests![&[]; passes, fails, panics];
        tests.extend(crate::tests![&[Tool::Chromium, Tool::Node]; passes, fails]);
        let counts = |missing: &[(Tool, String)]| {
            // Who counts the results of all tests is not to count these.
            let silent = Arguments {
                logfile: Some("/dev/null".to_owned()),
                ..Arguments::default()
            };
            let ended = conclude(&silent, &tests, missing);
            (ended.num_passed, ended.num_failed, ended.num_ignored)
        };
        assert_eq!(counts(&[]), (2, 3, 0));
        assert_eq!(counts(&[(Tool::Node, "away".to_owned())]), (1, 2, 2));
    }
}
