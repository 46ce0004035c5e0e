//! Refreshes the daily figures: when they are due and how they are computed. Each figure or scan has its own file.

pub mod compute;
pub mod cron;
pub mod freshness;
pub mod interner;
pub mod item_catalog;
pub mod loan_scan;
pub mod member_counter;
pub mod member_names;
pub mod member_ranking;
pub mod ranking;
pub mod refresh;
pub mod schedule;
pub mod series;
pub mod top_borrowers;
pub mod top_titles;
pub mod top_visitors;
pub mod visit_scan;
