//! The list of figures. One pass over a table serves every figure that needs it.

use crate::mysql::books::CatalogColumns;
use crate::mysql::connection::Session;
use crate::snapshots::circulation::CirculationFigure;
use crate::snapshots::classes::Classes;
use crate::snapshots::collection::{CollectionSize, Growth};
use crate::snapshots::computation::{Computation, ComputeRequest, Failure, Failures, Sink};
use crate::snapshots::day_series::DaySeries;
use crate::snapshots::figure::{
    Catalogue, Figure, Figures, Loans, Members, Requirement, Source, Visits,
};
use crate::snapshots::institutions::Institutions;
use crate::snapshots::loan_months::LoanMonths;
use crate::snapshots::members::{CountMembers, CountTypes, NewMembers};
use crate::snapshots::needs::Needs;
use crate::snapshots::new_titles::NewTitles;
use crate::snapshots::rooms::Rooms;
use crate::snapshots::title_catalog::TitleCatalog;
use crate::snapshots::top_borrowers::TopBorrowers;
use crate::snapshots::top_titles::TopTitles;
use crate::snapshots::top_visitors::TopVisitors;
use crate::snapshots::usage::CollectionUsage;
use crate::snapshots::visit_hours::VisitHours;
use crate::snapshots::visit_types::VisitTypes;
use crate::snapshots::{loan_pass, member_pass, visit_pass};
use chrono::NaiveDate;
use shared::catalog::Schedule;

/// The figures that are made from visits.
fn of_visits(today: NaiveDate) -> Vec<Box<dyn Figure<Visits>>> {
    vec![
        Box::new(DaySeries::VISITS),
        Box::new(VisitHours::new(today)),
        Box::new(VisitTypes::new(today)),
        Box::new(TopVisitors),
        Box::new(Institutions::new(today)),
        Box::new(Rooms::new(today)),
    ]
}

/// The figures that are made from members.
fn of_members(today: NaiveDate) -> Vec<Box<dyn Figure<Members>>> {
    vec![
        Box::new(CountMembers::new(today)),
        Box::new(NewMembers::new(today)),
        Box::new(CountTypes::new(today)),
    ]
}

/// The figures that are made from titles and items.
fn of_the_collection() -> Vec<Box<dyn Figure<Catalogue>>> {
    vec![
        Box::new(CollectionSize),
        Box::new(Growth),
        Box::new(NewTitles),
    ]
}

/// The figures that are made from loans.
fn of_loans(today: NaiveDate) -> Vec<Box<dyn Figure<Loans>>> {
    vec![
        Box::new(DaySeries::LOANS),
        Box::new(LoanMonths),
        Box::new(TopBorrowers),
        Box::new(TopTitles),
        Box::new(Classes),
        Box::new(CollectionUsage),
        Box::new(CirculationFigure::new(today)),
    ]
}

/// What each figure needs of the database.
pub fn requirements() -> Vec<Requirement> {
    // The columns are those of any day.
    let today = NaiveDate::default();
    let mut all = Vec::new();
    all.extend(of_visits(today).iter().map(|figure| requirement(&**figure)));
    all.extend(
        of_members(today)
            .iter()
            .map(|figure| requirement(&**figure)),
    );
    let collection = of_the_collection();
    all.extend(collection.iter().map(|figure| requirement(&**figure)));
    all.extend(of_loans(today).iter().map(|figure| requirement(&**figure)));
    all
}

fn requirement<S: Source>(figure: &dyn Figure<S>) -> Requirement {
    Requirement {
        name: figure.name(),
        snapshots: figure.snapshots(),
        columns: [S::COLUMNS, &figure.needs().columns].concat(),
    }
}

/// Computes the requested snapshots of `schedule` and passes each to `sink`. Returns those that failed. A missing table
/// or column costs only the snapshots that need it.
pub async fn compute(
    schedule: Schedule,
    session: &mut Session,
    request: &ComputeRequest<'_>,
    sink: Sink<'_>,
) -> Failures {
    let mut computation = Computation::new(session, request, sink);
    match schedule {
        Schedule::Visitors => Box::pin(visitors(&mut computation)).await,
        Schedule::Books => Box::pin(books(&mut computation)).await,
    }
    computation.into_failures()
}

async fn visitors(computation: &mut Computation<'_>) {
    let today = computation.request.today;
    let members = Figures::new(of_members(today), computation).await;
    let visits = Figures::new(of_visits(today), computation).await;
    let member_catalog = member_pass::run(members, &visits.needs(), computation).await;
    visit_pass::run(visits, member_catalog, computation).await;
}

async fn books(computation: &mut Computation<'_>) {
    let today = computation.request.today;
    let collection = Figures::new(of_the_collection(), computation).await;
    let loans = Figures::new(of_loans(today), computation).await;
    let mut needs = collection.needs();
    let is_needed = !collection.is_empty() || loans.needs().titles;
    needs.include(&loans.needs());
    let catalog = match is_needed {
        true => read_catalog(&needs, computation).await.map(Some),
        false => Ok(None),
    };
    let read = catalog.as_ref().map_err(Clone::clone);
    if let Some(read) = read.map(Option::as_ref).transpose() {
        collection.finish(read, computation).await;
    }
    loan_pass::run(loans, catalog, computation).await;
}

async fn read_catalog(
    needs: &Needs,
    computation: &mut Computation<'_>,
) -> Result<TitleCatalog, Failure> {
    let has = |table, column| needs.has(table, column);
    let columns = CatalogColumns {
        classification: has("biblio", "classification"),
        title_added: has("biblio", "input_date"),
        item_code: has("item", "item_code"),
        item_title: has("item", "biblio_id"),
        item_added: has("item", "input_date"),
    };
    let settings = &computation.request.scan;
    let catalog = TitleCatalog::read(computation.session, settings, columns).await;
    catalog.map_err(Failure::from)
}
