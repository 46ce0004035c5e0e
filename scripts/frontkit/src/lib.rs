//! What stands on the other side of the wire: a browser that looks at the dashboard, and who plays the worker behind it.
//! Only tests and `scripts/pictures` use it.
//!
//! # Layout
//! - [`browser`], [`webdriver`], [`view`]: a headless Chromium, how it is told what to do, and how its screen is
//! - [`dashboard`], [`axe`]: what can be told of the page, and what axe-core finds on it
//! - [`gateway`], [`worker`], [`desk`], [`figures`]: the real gateway, and the worker's part, played
//! - [`harness`], [`tools`], [`packages`]: tests that say themselves when something that they need is not installed

pub mod axe;
pub mod browser;
pub mod dashboard;
pub mod desk;
pub mod figures;
pub mod gateway;
pub mod harness;
pub mod packages;
pub mod tools;
pub mod view;
pub mod webdriver;
pub mod worker;
