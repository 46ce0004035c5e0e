//! Tests the files of `deploy/prometheus` and `deploy/grafana` against the metrics of real processes, with a real
//! Prometheus. `scripts/validate-deploy` also checks them with promtool.

mod dashboard;
mod faults;
mod names;
mod scene;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}

fn read(path: &str) -> String {
    fs::read_to_string(deploy().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The names of all alerts.
fn alerts() -> BTreeSet<String> {
    let rules = read("prometheus/alerts.yml");
    let names = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "));
    names.map(str::to_owned).collect()
}

/// The alerts that a text names as whole words.
fn alerts_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    let names = words.filter(|word| word.starts_with("Library") && word.len() > "Library".len());
    names.map(str::to_owned).collect()
}

#[test]
fn each_alert_is_tested_documented_and_fired() {
    let alerts = alerts();
    assert!(alerts.len() > 10, "{alerts:?}");
    for (file, text) in [
        ("alerts.test.yml", read("prometheus/alerts.test.yml")),
        ("README.md", read("prometheus/README.md")),
        ("faults.rs", include_str!("faults.rs").to_owned()),
    ] {
        assert_eq!(alerts_in(&text), alerts, "{file}");
    }
}
