//! What the staff do at the desk and to the types of members. Each function makes a random change to the rows and
//! returns the statements that make the same change in the database: none if there is nothing to change.

use chrono::{Days, NaiveDate};
use rand::seq::{IndexedRandom as _, IteratorRandom as _};
use rand::{Rng, RngExt as _};

use crate::library::{History, Library, Loan, MemberType};
use crate::schema::Shape;
use crate::sql::{Row, escaped, insert};
use crate::wall_clock::WallDate;

/// The longest time in days until a copy is due. Some copies are due on the day that they are lent.
const LONGEST_LOAN: u64 = 14;

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
    let mut sql = format!("UPDATE member SET member_type_id = {id} WHERE member_id = ");
    escaped(&mut sql, &member.member_id);
    vec![sql]
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
