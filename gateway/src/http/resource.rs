//! The list of everything that can be requested, with its path. Imports only the list of the dashboard's files.

use crate::http::dashboard_files::DASHBOARD_FILES;
use shared::catalog::{Group, Snapshot};

/// A resource that clients can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// A snapshot, such as `/api/visitors/weekly`.
    Snapshot(Snapshot),
    /// The rows of a snapshot as CSV, such as `/api/visitors/weekly.csv`.
    Csv(Snapshot),
    /// All snapshots of a group in one response.
    Summary(Group),
    /// Today's count.
    Today,
    /// Today's count as an event stream.
    Stream,
    /// `/badge.svg`.
    Badge,
    /// `/api/library`.
    Library,
    /// `/logo`.
    Logo,
    /// `/livez`.
    Live,
    /// `/readyz`.
    Ready,
    /// `/health`.
    Health,
    /// `/metrics`.
    Metrics,
    /// A file of the dashboard or of the API documentation.
    Page(Asset),
}

/// A file for browsers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asset {
    /// The file of the dashboard with this index in [`DASHBOARD_FILES`].
    Dashboard(usize),
    /// The page of the API documentation.
    Docs,
    /// The OpenAPI document.
    Document,
    /// The script of Swagger UI.
    DocsScript,
    /// The style sheet of Swagger UI.
    DocsStyle,
}

impl Resource {
    /// Every resource.
    pub const ALL: [Self; FIRST_CSV + Snapshot::WITH_ROWS.len()] = {
        let mut all = [Self::Today; FIRST_CSV + Snapshot::WITH_ROWS.len()];
        let mut index = 0;
        while index < all.len() {
            all[index] = if index < OTHERS.len() {
                OTHERS[index]
            } else if index < FIRST_ASSET {
                Self::Snapshot(Snapshot::ALL[index - OTHERS.len()])
            } else if index < FIRST_CSV {
                Self::Page(Asset::ALL[index - FIRST_ASSET])
            } else {
                Self::Csv(Snapshot::WITH_ROWS[index - FIRST_CSV])
            };
            index += 1;
        }
        all
    };

    /// Returns the resource under `path`. Paths are compared as raw bytes: nothing is decoded, and a trailing slash
    /// makes another path.
    pub fn find(path: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|resource| resource.path() == path)
    }

    /// Returns the URL path.
    pub fn path(self) -> &'static str {
        match self {
            Self::Snapshot(snapshot) => snapshot.path(),
            Self::Csv(snapshot) => snapshot.csv_path(),
            Self::Summary(group) => group.summary_path(),
            Self::Today => "/api/visitors/today",
            Self::Stream => "/api/visitors/today/stream",
            Self::Badge => "/badge.svg",
            Self::Library => "/api/library",
            Self::Logo => "/logo",
            Self::Live => "/livez",
            Self::Ready => "/readyz",
            Self::Health => "/health",
            Self::Metrics => "/metrics",
            Self::Page(asset) => asset.path(),
        }
    }

    /// Returns the index in [`Self::ALL`].
    pub fn index(self) -> usize {
        match self {
            Self::Snapshot(snapshot) => OTHERS.len() + snapshot.index(),
            Self::Page(asset) => FIRST_ASSET + asset.index(),
            other => Self::ALL
                .iter()
                .position(|resource| *resource == other)
                .unwrap_or(0),
        }
    }
}

const OTHERS: [Resource; 12] = [
    Resource::Today,
    Resource::Summary(Group::Visitors),
    Resource::Summary(Group::Books),
    Resource::Summary(Group::Members),
    Resource::Stream,
    Resource::Badge,
    Resource::Library,
    Resource::Logo,
    Resource::Live,
    Resource::Ready,
    Resource::Health,
    Resource::Metrics,
];
const FIRST_ASSET: usize = OTHERS.len() + Snapshot::ALL.len();
/// The index of the first CSV. [`Resource::find`] compares in this order, and CSVs are requested least.
const FIRST_CSV: usize = FIRST_ASSET + Asset::ALL.len();

impl Asset {
    /// Every asset.
    pub const ALL: [Self; DASHBOARD_FILES.len() + 4] = {
        let mut all = [Self::Dashboard(0); DASHBOARD_FILES.len() + 4];
        let mut index = 0;
        while index < DASHBOARD_FILES.len() {
            all[index] = Self::Dashboard(index);
            index += 1;
        }
        all[Self::Docs.index()] = Self::Docs;
        all[Self::Document.index()] = Self::Document;
        all[Self::DocsScript.index()] = Self::DocsScript;
        all[Self::DocsStyle.index()] = Self::DocsStyle;
        all
    };

    /// Returns the index in [`Self::ALL`].
    pub const fn index(self) -> usize {
        match self {
            Self::Dashboard(index) => index,
            Self::Docs => DASHBOARD_FILES.len(),
            Self::Document => DASHBOARD_FILES.len() + 1,
            Self::DocsScript => DASHBOARD_FILES.len() + 2,
            Self::DocsStyle => DASHBOARD_FILES.len() + 3,
        }
    }

    /// Returns the URL path.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Dashboard(index) => DASHBOARD_FILES[index].path,
            Self::Docs => "/docs",
            Self::Document => "/docs/json",
            Self::DocsScript => "/docs/swagger-ui.js",
            Self::DocsStyle => "/docs/swagger-ui.css",
        }
    }

    /// Returns the media type.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Dashboard(index) => DASHBOARD_FILES[index].kind.content_type(),
            Self::Docs => "text/html; charset=utf-8",
            Self::DocsScript => "text/javascript; charset=utf-8",
            Self::Document => "application/json",
            Self::DocsStyle => "text/css; charset=utf-8",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_resource_is_found_only_under_its_own_path() {
        for (index, resource) in Resource::ALL.into_iter().enumerate() {
            assert_eq!(Resource::find(resource.path()), Some(resource));
            assert_eq!(resource.index(), index);
        }
        for path in [
            "",
            "//",
            "*",
            "/api/visitors/weekly/",
            "//api/visitors/weekly",
            "/api/visitors/Weekly",
            "/api/visitors/week%6cy",
            "/api/visitors/weekly.CSV",
            "/api/visitors/today.csv",
            "/api/visitors/summary.csv",
            "/api/books/collection.csv",
            "/api",
            "/dashboard",
            "/dashboard/",
            "/dashboard/index.html",
            "/index.html",
            "/health/",
        ] {
            assert_eq!(Resource::find(path), None, "{path}");
        }
    }
}
