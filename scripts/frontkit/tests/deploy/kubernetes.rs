//! `deploy/kubernetes`, which is rendered by kubectl and validated by the schemas of Kubernetes.

use crate::files::{file, python, run, yaml};
use crate::variables::{self, Binary};
use anyhow::{Context as _, Result, ensure};
use frontkit::harness::Test;
use frontkit::tools::{Tool, kubectl};
use serde_json::Value;
use tempfile::TempDir;

/// The first with `preStop: sleep`, and the newest that the validator knows.
const VERSIONS: [&str; 2] = ["1.30", "1.37"];

pub(crate) fn tests() -> Vec<Test> {
    frontkit::tests![&[Tool::Kubectl, Tool::Python];
        each_resource_is_of_its_schema,
        the_schemas_find_what_is_wrong,
        each_variable_is_one_of_the_process,
        pods_may_do_nothing_and_secrets_are_only_referred_to,
    ]
}

fn rendered() -> Result<String> {
    run(kubectl()?, &["kustomize", "deploy/kubernetes"], &[])
}

fn resources(folder: &TempDir) -> Result<Vec<Value>> {
    yaml(&file(folder, "rendered.yaml", &rendered()?)?)
}

fn validate(path: &str, version: &str) -> Result<String> {
    let how = ["--strict", "--kubernetes-version", version, path];
    python("kubernetes-validate", &how)
}

async fn each_resource_is_of_its_schema() -> Result<()> {
    let folder = TempDir::new()?;
    let path = file(&folder, "rendered.yaml", &rendered()?)?;
    let count = yaml(&path)?.len();
    for version in VERSIONS {
        let said = validate(&path, version)?;
        let passed = said.matches(" passed for resource ").count();
        ensure!(passed == count && count > 8, "{passed} of {count}: {said}");
    }
    Ok(())
}

async fn the_schemas_find_what_is_wrong() -> Result<()> {
    let folder = TempDir::new()?;
    let wrong = rendered()?.replace("readOnlyRootFilesystem", "readonlyRootFilesystem");
    let path = file(&folder, "wrong.yaml", &wrong)?;
    for version in VERSIONS {
        ensure!(
            validate(&path, version).is_err(),
            "an unknown field in {version}"
        );
    }
    Ok(())
}

async fn each_variable_is_one_of_the_process() -> Result<()> {
    let folder = TempDir::new()?;
    let resources = resources(&folder)?;
    for binary in [Binary::Worker, Binary::Gateway] {
        let known = variables::of(binary)?;
        let name = binary.name();
        let container = &deployment(&resources, name)?["containers"][0];
        let map = container["envFrom"][0]["configMapRef"]["name"].as_str();
        let map = find(&resources, "ConfigMap", map.context("a ConfigMap")?)?;
        let own = container["env"].as_array().into_iter().flatten();
        let own = own.filter_map(|variable| variable["name"].as_str());
        let given = map["data"].as_object().context("data")?;
        let named: Vec<&str> = given.keys().map(String::as_str).chain(own).collect();
        ensure!(named.len() > 1, "{named:?}");
        for variable in named {
            ensure!(
                known.iter().any(|known| known == variable),
                "{name}: {variable}"
            );
        }
    }
    Ok(())
}

async fn pods_may_do_nothing_and_secrets_are_only_referred_to() -> Result<()> {
    let folder = TempDir::new()?;
    let resources = resources(&folder)?;
    ensure!(
        resources
            .iter()
            .all(|resource| resource["kind"] != "Secret")
    );
    for name in ["worker", "gateway"] {
        let pod = deployment(&resources, name)?;
        let container = &pod["containers"][0];
        let may = &container["securityContext"];
        ensure!(pod["securityContext"]["runAsNonRoot"] == true, "{name}");
        ensure!(may["readOnlyRootFilesystem"] == true, "{name}");
        ensure!(may["allowPrivilegeEscalation"] == false, "{name}");
        // Clients who take all places of the public port must not have their gateway killed.
        ensure!(
            container["livenessProbe"]["httpGet"]["port"] == "admin",
            "{name}"
        );
        find(&resources, "NetworkPolicy", name)?;
        find(&resources, "PodDisruptionBudget", name)?;
    }
    Ok(())
}

fn find<'a>(resources: &'a [Value], kind: &str, name: &str) -> Result<&'a Value> {
    let found = resources
        .iter()
        .find(|resource| resource["kind"] == kind && resource["metadata"]["name"] == name);
    found.with_context(|| format!("there is no {kind} {name}"))
}

/// What its pods are.
fn deployment<'a>(resources: &'a [Value], name: &str) -> Result<&'a Value> {
    Ok(&find(resources, "Deployment", name)?["spec"]["template"]["spec"])
}
