//! `deploy/systemd`, which is validated by systemd-analyze.

use crate::files::{file, read, run};
use crate::variables::{self, Binary};
use anyhow::{Context as _, Result, ensure};
use frontkit::harness::Test;
use frontkit::tools::{Tool, systemd_analyze};
use std::fs;
use tempfile::TempDir;

/// What the units stand among; only a machine that systemd has started has them all.
const OTHERS: [&str; 6] = [
    "basic.target",
    "multi-user.target",
    "network-online.target",
    "shutdown.target",
    "sysinit.target",
    "umount.target",
];
/// Tenths, of 100: 12 is what the units get.
const EXPOSURE: &str = "--threshold=20";

pub(crate) fn tests() -> Vec<Test> {
    let mut tests = frontkit::tests![&[Tool::Systemd];
        nothing_is_wrong_with_them,
        what_is_wrong_is_found,
        they_are_hardened,
    ];
    tests.extend(frontkit::tests![&[]; each_variable_is_one_of_the_process]);
    tests
}

fn unit(binary: Binary) -> Result<(String, String)> {
    let name = format!("library-dashboard-{}.service", binary.name());
    let text = read(&format!("deploy/systemd/{name}"))?;
    Ok((name, text))
}

/// What is found in a unit; it says so, and is content all the same.
fn verify(name: &str, text: &str) -> Result<String> {
    let folder = TempDir::new()?;
    for other in OTHERS {
        file(&folder, other, "[Unit]\nDescription=stub\n")?;
    }
    // What it starts is not installed here.
    let installed = text.lines().find(|line| line.starts_with("ExecStart="));
    let text = text.replace(
        installed.context("it starts something")?,
        "ExecStart=/bin/true",
    );
    let path = file(&folder, name, &text)?;
    let only = folder.path().display().to_string();
    run(
        systemd_analyze()?,
        &["verify", "--man=no", &path],
        &[("SYSTEMD_UNIT_PATH", &only)],
    )
}

async fn nothing_is_wrong_with_them() -> Result<()> {
    for binary in Binary::ALL {
        let (name, text) = unit(binary)?;
        let said = verify(&name, &text)?;
        ensure!(said.is_empty(), "{said}");
        ensure!(text.contains(&format!(
            "ExecStart=/usr/lib/library-dashboard/{}\n",
            binary.name()
        )));
    }
    Ok(())
}

async fn what_is_wrong_is_found() -> Result<()> {
    let (name, text) = unit(Binary::Gateway)?;
    let said = verify(&name, &text.replace("ProtectHome=", "ProtectHomes="))?;
    ensure!(said.contains("ProtectHomes"), "{said}");
    Ok(())
}

async fn they_are_hardened() -> Result<()> {
    let judge = |path: &str| {
        run(
            systemd_analyze()?,
            &["security", "--offline=true", EXPOSURE, path],
            &[],
        )
    };
    for binary in Binary::ALL {
        let (name, text) = unit(binary)?;
        judge(&format!("deploy/systemd/{name}"))?;
        let folder = TempDir::new()?;
        let soft = text
            .replace("CapabilityBoundingSet=\n", "")
            .replace("SystemCallFilter=", "#");
        ensure!(
            judge(&file(&folder, &name, &soft)?).is_err(),
            "{name} without its limits"
        );
        drop(fs::remove_dir_all(folder.path()));
    }
    Ok(())
}

async fn each_variable_is_one_of_the_process() -> Result<()> {
    for binary in Binary::ALL {
        let (name, text) = unit(binary)?;
        let known = variables::of(binary)?;
        let lines = text
            .lines()
            .filter_map(|line| line.strip_prefix("Environment="));
        let set = lines
            .flat_map(|line| line.split(' '))
            .filter_map(|set| set.split_once('='));
        let set: Vec<(&str, &str)> = set.collect();
        ensure!(set.len() > 1, "{name}: {set:?}");
        for (variable, value) in set {
            ensure!(
                known.iter().any(|known| known == variable),
                "{name}: {variable}"
            );
            if let Some(secret) = value.strip_prefix("%d/") {
                let loaded = format!("LoadCredential={secret}:/etc/library-dashboard/{secret}\n");
                ensure!(text.contains(&loaded), "{name}: {secret}");
            }
        }
    }
    Ok(())
}
