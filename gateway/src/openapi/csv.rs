//! Describes the CSV of the snapshots. There are many of these paths, so they share their responses.

use crate::http::response;
use crate::openapi::operation_specs::{
    ACCEPT, IF_MODIFIED, IF_NONE, OperationSpec, cacheable_responses, group_tag, text, warming,
};
use crate::openapi::responses::ResponseSpec;
use crate::openapi::{examples, figures, operations};
use shared::catalog::Snapshot;
use utoipa::openapi::path::HttpMethod;
use utoipa::openapi::{PathItem, Ref};

/// The shared 200 and 304, and the same for lists of people, which only private caches may store.
const NAMES: [&str; 2] = ["Csv", "CsvNotModified"];
const NAMES_OF_PEOPLE: [&str; 2] = ["CsvOfPeople", "CsvOfPeopleNotModified"];
const WARMING: &str = "Warming";

/// Renders the GET of the CSV of a snapshot.
pub fn path_item(snapshot: Snapshot) -> PathItem {
    let [ok, not_modified] = match snapshot.lists_people() {
        true => NAMES_OF_PEOPLE,
        false => NAMES,
    };
    let operation = operations::builder(&OperationSpec {
        id: format!("{}Csv", figures::data_name(snapshot)),
        tag: group_tag(snapshot.group()),
        summary: format!("{} as CSV", snapshot.title()),
        description: format!(
            "The rows of `{}` for spreadsheet programs. Columns: `{}`.",
            snapshot.path(),
            snapshot.columns().join("`, `")
        ),
        parameters: &[IF_NONE, IF_MODIFIED, ACCEPT],
        responses: Vec::new(),
    });
    let operation = operation
        .response("200", Ref::from_response_name(ok))
        .response("202", Ref::from_response_name(WARMING))
        .response("304", Ref::from_response_name(not_modified));
    PathItem::new(HttpMethod::Get, operation)
}

/// Returns the shared responses with their names.
pub fn common() -> Vec<(&'static str, ResponseSpec)> {
    let (state, clock) = (examples::state(), examples::clock());
    let mut common = vec![(WARMING, warming(&Snapshot::Weekly.warming()))];
    for (names, snapshot) in [
        (NAMES, Snapshot::Weekly),
        (NAMES_OF_PEOPLE, Snapshot::MonthlyTop),
    ] {
        let entry = state.snapshot(snapshot).expect("the example is complete");
        let responses = cacheable_responses(
            |request| response::snapshot(entry, &entry.csv, request, &clock),
            text("text/csv"),
        );
        common.extend(names.into_iter().zip(responses));
    }
    common
}
