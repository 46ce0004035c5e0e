//! The visits of a window by room.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::fold::fold;
use super::render::text;
use super::window::Window;
use crate::library::Library;

/// The rooms by visits, then the visits without a room.
pub(crate) fn rooms(library: &Library, window: Window) -> String {
    let mut rooms: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let mut without = 0;
    for visit in &library.visits {
        if !window.contains(visit.checkin_date.date) {
            continue;
        }
        match visit.room_code.as_deref().unwrap_or_default().trim() {
            "" => without += 1,
            code => rooms.entry(fold(code)).or_default().push(code),
        }
    }
    let row = |(key, spellings): (String, Vec<&str>)| {
        let known = library.rooms.iter().flatten();
        let known = known
            .map(|room| (room.unique_code.trim(), Some(&*room.name)))
            .find(|(code, _)| fold(code) == key);
        let smallest = spellings.iter().min().map(|code| (*code, None));
        let (code, name) = known.or(smallest)?;
        Some((Reverse(spellings.len()), code.to_owned(), name))
    };
    let mut rows: Vec<_> = rooms.into_iter().filter_map(row).collect();
    rows.sort();
    let line = |code: Option<&str>, name: Option<&str>, visits: usize| {
        let (room, name) = (text(code), text(name));
        format!(r#"{{"room":{room},"name":{name},"visits":{visits}}}"#)
    };
    let mut lines: Vec<String> = rows
        .iter()
        .map(|(Reverse(visits), code, name)| line(Some(code), *name, *visits))
        .collect();
    lines.push(line(None, None, without));
    format!("[{}]", lines.join(","))
}
