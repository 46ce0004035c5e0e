//! What axe-core finds on a page: what keeps people from reading it who cannot see it, or not well, or who type.

use crate::browser::Browser;
use crate::packages;
use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::Value;

const ENGINE: &str = "axe-core/axe.min.js";
/// By all of its rules, those that are its own advice included.
const RUN: &str = "const done = arguments[0]; \
     axe.run(document, { resultTypes: ['violations'] }).then((found) => done(found.violations), (error) => done(`${error}`));";

/// A rule that is broken, and where.
#[derive(Clone, Debug, Deserialize)]
struct Violation {
    id: String,
    help: String,
    nodes: Vec<Node>,
}

#[derive(Clone, Debug, Deserialize)]
struct Node {
    html: String,
}

/// Every rule that the page in the current tab breaks, a line for each place.
///
/// # Errors
/// When axe-core is not installed or cannot look.
pub async fn violations(browser: &Browser) -> Result<Vec<String>> {
    browser.run(&packages::text(ENGINE)?, &[]).await?;
    let found: Value = browser.run_later(RUN, &[]).await?;
    let what = || format!("axe-core does not tell what it found: {found}");
    let found: Vec<Violation> = serde_json::from_value(found.clone()).with_context(what)?;
    let lines = found.iter().flat_map(|violation| {
        let Violation { id, help, nodes } = violation;
        let line = move |node: &Node| format!("{id} ({help}): {}", node.html);
        nodes.iter().map(line)
    });
    Ok(lines.collect())
}
