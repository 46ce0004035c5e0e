//! Dirty places: institutions and rooms in several spellings, renamed, blank and unknown.

use std::sync::Arc;

use crate::library::{Library, Room};

/// How many institutions the guests make up: more than the figure names.
const SCHOOLS: usize = 43;

/// Codes as the page address may have them.
const ROOMS: [&str; 9] = ["r01", " R02", "R03 ", "", "  ", "X9", "x9", "É1", "e1"];

/// Spoils the institutions of members and of visits, and the rooms.
pub(crate) fn spoil(library: &mut Library) {
    for (nth, member) in library.members.iter_mut().enumerate() {
        match nth % 12 {
            // The visits keep the old name.
            2 => member.inst_name = Some("Fakultas Vokasi".into()),
            4 | 7 | 11 => respell(&mut member.inst_name, nth),
            _ => {}
        }
    }
    let guests = library.visits.iter_mut();
    let guests = guests.filter(|visit| visit.institution.is_none());
    for (nth, visit) in guests.enumerate() {
        if nth % 3 > 0 {
            let school = format!("SMA Swasta {}", nth * nth % SCHOOLS);
            visit.institution = Some(school.into());
        }
    }
    for (nth, visit) in library.visits.iter_mut().enumerate() {
        if nth % 3 == 0 {
            respell(&mut visit.institution, nth / 3);
        }
        match nth % 40 {
            // A former member is of the place on each visit.
            8 => visit.institution = Some("Alumni".into()),
            17 => visit.institution = Some(" \t ".into()),
            _ => {}
        }
        match nth % 20 {
            place if place < ROOMS.len() => visit.room_code = Some(ROOMS[place].into()),
            place if place < 10 => visit.room_code = None,
            _ => {}
        }
    }
    spoil_rooms(library);
}

/// Spells a text in capitals, in small letters, or with white space around it.
fn respell(text: &mut Option<Arc<str>>, nth: usize) {
    if let Some(was) = text {
        *was = match nth % 5 {
            0 => was.to_uppercase().into(),
            1 => was.to_lowercase().into(),
            2 => format!("  {was}").into(),
            3 => format!("{was} \r\n").into(),
            _ => format!("\t{was}\u{a0}").into(),
        };
    }
}

/// A room without a name row, one whose row spells the code in another way, a blank name, and a room without visits.
fn spoil_rooms(library: &mut Library) {
    let more = [
        (7, "", "e1"),
        (5, "Ruang \"Diskusi\", lt. 2 é’", "R09"),
        (9, "Tanpa Kode", " "),
    ];
    let Some(rooms) = &mut library.rooms else {
        return;
    };
    rooms.retain(|room| &*room.unique_code != "R03");
    for room in rooms.iter_mut().filter(|room| &*room.unique_code == "R02") {
        room.unique_code = "r02".into();
    }
    rooms.extend(more.map(|(id, name, code)| Room {
        id,
        name: name.into(),
        unique_code: code.into(),
    }));
    rooms.sort_by_key(|room| room.id);
}
