//! What the staff do at the desk and to members, titles, types and rooms. Each function makes a random change to the rows and
//! returns the statements that make the same change in the database: none if there is nothing to change.

use chrono::{Days, NaiveDate};
use rand::seq::{IndexedRandom as _, IteratorRandom as _};
use rand::{Rng, RngExt as _};

use crate::library::{History, Library, Loan, MemberType, Room};
use crate::oracle::fold::fold;
use crate::schema::Shape;
use crate::sql::{Row, escaped, insert};
use crate::wall_clock::WallDate;

/// The longest time in days until a copy is due. Some copies are due on the day that they are lent.
const LONGEST_LOAN: u64 = 14;

/// What the staff type as an institution, or leave out.
const INSTITUTIONS: [Option<&str>; 6] = [
    None,
    Some("  "),
    Some("Fakultas Hukum"),
    Some(" FAKULTAS HUKUM"),
    Some("Sekolah Nu'man"),
    Some("sekolah nu'man "),
];

/// What the staff type as a classification, or leave out.
const CLASSIFICATIONS: [Option<&str>; 6] = [
    None,
    Some(""),
    Some("813"),
    Some(" 005.1"),
    Some("2X4.1"),
    Some("REF"),
];

/// Lends a copy to a member. A trigger of SLiMS writes the history.
pub fn lend(library: &mut Library, today: NaiveDate, rng: &mut impl Rng) -> Vec<String> {
    let (member, item) = (library.members.choose(rng), library.items.choose(rng));
    let (Some(member), Some(item)) = (member, item) else {
        return Vec::new();
    };
    let loan = Loan {
        loan_id: library.next_loan_id(),
        item_code: item.item_code.clone(),
        member_id: Some(member.member_id.clone()),
        loan_date: today.into(),
        due_date: due_date(today, rng),
        renewed: 0,
        is_lent: true,
        is_return: false,
        return_date: None,
    };
    let mut statements = vec![insert_row("loan", &loan)];
    let mut biblios = library.biblios.iter();
    if let Some(biblio) = biblios.find(|biblio| Some(biblio.biblio_id) == item.biblio_id) {
        let history = History {
            loan_id: loan.loan_id,
            item_code: loan.item_code.clone(),
            biblio_id: biblio.biblio_id,
            title: Some(biblio.title.chars().take(300).collect::<String>().into()),
            member_id: loan.member_id.clone(),
            member_name: Some(member.member_name.clone()),
            loan_date: loan.loan_date,
        };
        statements.push(insert_row("loan_history", &history));
        library.histories.push(history);
    }
    library.loans.push(loan);
    statements
}

/// Moves the due date of an open loan. Some renewals leave a date of return.
pub fn extend(library: &mut Library, today: NaiveDate, rng: &mut impl Rng) -> Vec<String> {
    let Some(loan) = open_loan(library, rng) else {
        return Vec::new();
    };
    loan.renewed += 1;
    loan.due_date = due_date(today, rng);
    let mut set = format!("renewed = {}, due_date = '{}'", loan.renewed, loan.due_date);
    if rng.random_bool(0.5) {
        loan.return_date = Some(today.into());
        set.push_str(&format!(", return_date = '{today}'"));
    }
    vec![format!(
        "UPDATE loan SET {set} WHERE loan_id = {}",
        loan.loan_id
    )]
}

/// Takes back the copy of an open loan.
pub fn take_back(library: &mut Library, today: NaiveDate, rng: &mut impl Rng) -> Vec<String> {
    let Some(loan) = open_loan(library, rng) else {
        return Vec::new();
    };
    loan.is_return = true;
    loan.return_date = Some(today.into());
    let id = loan.loan_id;
    vec![format!(
        "UPDATE loan SET is_return = 1, return_date = '{today}' WHERE loan_id = {id}"
    )]
}

/// Deletes an open loan; a trigger of SLiMS deletes its history.
pub fn delete_loan(library: &mut Library, rng: &mut impl Rng) -> Vec<String> {
    let Some(id) = open_loan(library, rng).map(|loan| loan.loan_id) else {
        return Vec::new();
    };
    library.loans.retain(|loan| loan.loan_id != id);
    library.histories.retain(|row| row.loan_id != id);
    ["loan", "loan_history"]
        .map(|table| format!("DELETE FROM {table} WHERE loan_id = {id}"))
        .into()
}

/// Gives a member another type, none, or one that does not exist.
pub fn change_type(library: &mut Library, rng: &mut impl Rng) -> Vec<String> {
    let types = library.member_types.iter().flatten();
    let ids = types.map(|row| Some(row.member_type_id));
    let new = ids.chain([None, Some(99)]).choose(rng).flatten();
    let Some(member) = library.members.iter_mut().choose(rng) else {
        return Vec::new();
    };
    member.member_type_id = new;
    let id = new.map_or("NULL".to_owned(), |id| id.to_string());
    vec![update_member(
        &member.member_id,
        &format!("member_type_id = {id}"),
    )]
}

/// Gives a member another institution, or none.
pub fn change_institution(library: &mut Library, rng: &mut impl Rng) -> Vec<String> {
    let Some(member) = library.members.iter_mut().choose(rng) else {
        return Vec::new();
    };
    let new = INSTITUTIONS.choose(rng).copied().flatten();
    member.inst_name = new.map(Into::into);
    let set = format!("inst_name = {}", literal(new));
    vec![update_member(&member.member_id, &set)]
}

/// Ends a membership on a day around `today` or on no day, or changes whether it is pending.
pub fn change_membership(
    library: &mut Library,
    today: NaiveDate,
    rng: &mut impl Rng,
) -> Vec<String> {
    let Some(member) = library.members.iter_mut().choose(rng) else {
        return Vec::new();
    };
    let set = match rng.random_range(0..5) {
        0 | 1 => {
            member.is_pending = !member.is_pending;
            format!("is_pending = {}", u8::from(member.is_pending))
        }
        kind => {
            member.expire_date = match kind {
                2 => WallDate::default(),
                _ => (today + Days::new(2) - Days::new(rng.random_range(0..4))).into(),
            };
            format!("expire_date = '{}'", member.expire_date)
        }
    };
    vec![update_member(&member.member_id, &set)]
}

/// Moves a title to another class, or to none.
pub fn reclassify(library: &mut Library, rng: &mut impl Rng) -> Vec<String> {
    let Some(biblio) = library.biblios.iter_mut().choose(rng) else {
        return Vec::new();
    };
    let new = CLASSIFICATIONS.choose(rng).copied().flatten();
    biblio.classification = new.map(Into::into);
    vec![format!(
        "UPDATE biblio SET classification = {} WHERE biblio_id = {}",
        literal(new),
        biblio.biblio_id
    )]
}

/// Deletes, adds or renames a room. Its visits keep the code.
pub fn edit_rooms(library: &mut Library, rng: &mut impl Rng) -> Vec<String> {
    let Some(rooms) = &mut library.rooms else {
        return Vec::new();
    };
    let next = rooms.iter().map(|row| row.id).max().unwrap_or(0) + 1;
    let name = format!("Ruang {next}, {}", rng.random_range(0..u32::MAX));
    if rooms.len() < 2 || rng.random_bool(0.2) {
        let row = Room {
            id: next,
            name: name.into(),
            // Old codes may be free again.
            unique_code: format!("r{next:02}").into(),
        };
        let mut taken = rooms.iter().map(|row| fold(&row.unique_code));
        if taken.any(|code| code == fold(&row.unique_code)) {
            return Vec::new();
        }
        let sql = insert_row("mst_visitor_room", &row);
        rooms.push(row);
        return vec![sql];
    }
    let at = rng.random_range(0..rooms.len());
    let id = rooms[at].id;
    let change = if rng.random_bool(0.3) {
        rooms.remove(at);
        "DELETE FROM mst_visitor_room".to_owned()
    } else {
        let change = format!("UPDATE mst_visitor_room SET name = '{name}'");
        rooms[at].name = name.into();
        change
    };
    vec![format!("{change} WHERE id = {id}")]
}

/// Deletes, adds or renames a type. Its members keep it.
pub fn edit_types(library: &mut Library, rng: &mut impl Rng) -> Vec<String> {
    let Some(types) = &mut library.member_types else {
        return Vec::new();
    };
    let next = types
        .iter()
        .map(|row| row.member_type_id)
        .max()
        .unwrap_or(0)
        + 1;
    let name = format!("Jenis {next}, {}", rng.random_range(0..u32::MAX));
    if types.len() < 3 || rng.random_bool(0.3) {
        let row = MemberType {
            member_type_id: next,
            member_type_name: name.into(),
        };
        let sql = insert_row("mst_member_type", &row);
        types.push(row);
        return vec![sql];
    }
    let at = rng.random_range(0..types.len());
    let id = types[at].member_type_id;
    let change = if rng.random_bool(0.5) {
        types.remove(at);
        "DELETE FROM mst_member_type".to_owned()
    } else {
        let change = format!("UPDATE mst_member_type SET member_type_name = '{name}'");
        types[at].member_type_name = name.into();
        change
    };
    vec![format!("{change} WHERE member_type_id = {id}")]
}

fn update_member(id: &str, set: &str) -> String {
    let id = literal(Some(id));
    format!("UPDATE member SET {set} WHERE member_id = {id}")
}

/// A text as SQL, or `NULL`.
fn literal(text: Option<&str>) -> String {
    let Some(text) = text else {
        return "NULL".to_owned();
    };
    let mut sql = String::new();
    escaped(&mut sql, text);
    sql
}

fn open_loan<'a>(library: &'a mut Library, rng: &mut impl Rng) -> Option<&'a mut Loan> {
    let loans = library.loans.iter_mut();
    loans.filter(|loan| loan.is_open()).choose(rng)
}

fn due_date(today: NaiveDate, rng: &mut impl Rng) -> WallDate {
    (today + Days::new(rng.random_range(0..=LONGEST_LOAN))).into()
}

fn insert_row<R: Row>(table: &str, row: &R) -> String {
    let shape = Shape::default();
    let mut sql = insert::<R>(table, &shape);
    row.write(&shape, &mut sql);
    sql
}
