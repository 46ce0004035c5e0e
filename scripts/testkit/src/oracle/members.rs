//! The members: how many there are, how many are new, and of which types they are.

use chrono::NaiveDate;

use super::render::text;
use super::series::{Series, total};
use super::types;
use super::window::Window;
use crate::library::{Library, Member};
use crate::wall_clock::WallDate;

/// Whether a membership runs, on its last day too. A zero date is no last day.
fn is_active(member: &Member, today: NaiveDate) -> bool {
    let last = member.expire_date.calendar();
    !member.is_pending && last.is_some_and(|last| last >= today)
}

/// The first day of a membership as typed; where there is none, the day on which it was entered.
fn first_day(member: &Member) -> Option<WallDate> {
    let dates = [member.member_since_date, member.input_date];
    let mut dates = dates.into_iter().flatten();
    dates.find(|date| date.calendar().is_some())
}

/// All members by state, and the new ones.
pub(crate) fn counts(library: &Library, today: NaiveDate) -> String {
    let members = || library.members.iter();
    let active = members().filter(|it| is_active(it, today)).count();
    let pending = members().filter(|member| member.is_pending).count();
    let new = |window: Window| {
        let days = members().filter_map(first_day);
        days.filter(|day| window.contains(*day)).count()
    };
    format!(
        r#"{{"total":{},"active":{active},"expired":{},"pending":{pending},"new_this_month":{},"new_this_year":{}}}"#,
        members().count(),
        members().count() - active - pending,
        new(Window::month(today)),
        new(Window::year(today)),
    )
}

/// The new members of each month.
pub(crate) fn new_monthly(library: &Library, today: NaiveDate) -> String {
    let days = library.members.iter().filter_map(first_day);
    Series::Monthly.rows(today, days.map(|day| (day, ())), total)
}

/// The members of each type in the order of the ids, then those without a type that exists.
pub(crate) fn types(library: &Library, today: NaiveDate) -> String {
    let types = types::types(library);
    let type_of = |member: &Member| member.member_type_id.filter(|id| types.contains_key(id));
    let row = |id: Option<u32>| {
        let members = library.members.iter();
        let members: Vec<&Member> = members.filter(|member| type_of(member) == id).collect();
        let active = members.iter().filter(|it| is_active(it, today)).count();
        let name = id.and_then(|id| types.get(&id)).map(String::as_str);
        format!(
            r#"{{"member_type":{},"total":{},"active":{active}}}"#,
            text(name),
            members.len()
        )
    };
    let ids = types.keys().copied().map(Some).chain([None]);
    let rows: Vec<String> = ids.map(row).collect();
    format!("[{}]", rows.join(","))
}
