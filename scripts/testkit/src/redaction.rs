//! Finds secrets and names of people in logs: the people of every loaded library, and the secrets in a process's
//! environment. The log of each [`Process`](crate::process::Process) is searched when it is dropped, so every test of a
//! real process checks it.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::sync::{Mutex, PoisonError};

use crate::library::Library;

/// Shorter names are also words, such as `Tamu` (guest).
const SHORTEST_NAME: usize = 6;

/// The names of all libraries of this test run, since a process may see any of them.
static NAMES: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Adds the people of `library` to the names that no log may contain.
pub fn protect(library: &Library) {
    let members = library.members.iter().map(|member| &member.member_name);
    let guests = library.visits.iter().map(|visit| &visit.member_name);
    let names = members.chain(guests).map(|name| name.trim());
    let names = names.filter(|name| name.len() >= SHORTEST_NAME);
    NAMES
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .extend(names.map(str::to_owned));
}

/// The secrets in the environment of a process: passwords, passwords in URLs, and the contents of files that it names.
pub fn secrets(env: &[(&str, String)]) -> Vec<String> {
    let values = env
        .iter()
        .flat_map(|(name, value)| match name.strip_suffix("_FILE") {
            Some(name) => Some((name, fs::read_to_string(value).ok()?.trim_end().to_owned())),
            None => Some((*name, value.clone())),
        });
    let secrets = values.filter_map(|(name, value)| {
        if name.ends_with("_URL") {
            let (_, rest) = value.split_once("://")?;
            let (account, _) = rest.rsplit_once('@')?;
            Some(account.split_once(':')?.1.to_owned())
        } else {
            name.ends_with("_PASSWORD").then_some(value)
        }
    });
    secrets.filter(|secret| !secret.is_empty()).collect()
}

/// Returns the first line of `text` that contains a protected name or one of `secrets`.
pub fn find<'a>(text: &'a str, secrets: &[String]) -> Option<&'a str> {
    let names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    // By their first bytes: otherwise thousands of names in megabytes of log would take minutes.
    let mut by_start: HashMap<&[u8], Vec<&str>> = HashMap::new();
    for name in names.iter() {
        let start = &name.as_bytes()[..SHORTEST_NAME];
        by_start.entry(start).or_default().push(name);
    }
    let has_name = |line: &str| {
        let line = line.as_bytes();
        line.windows(SHORTEST_NAME).enumerate().any(|(at, start)| {
            let mut names = by_start.get(start).into_iter().flatten();
            names.any(|name| line[at..].starts_with(name.as_bytes()))
        })
    };
    text.lines()
        .find(|line| secrets.iter().any(|secret| line.contains(secret.as_str())) || has_name(line))
}
