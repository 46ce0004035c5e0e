//! The source files of each crate import each other in one direction only.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use regex_lite::Regex;

/// The text of each module without its tests, by the module's path such as `mysql::scan`.
type Sources = BTreeMap<String, String>;

#[test]
fn source_files_do_not_import_each_other_in_a_circle() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for name in ["shared", "gateway", "worker"] {
        let mut sources = Sources::new();
        read_sources(&root.join(name).join("src"), "", &mut sources);
        assert!(sources.len() > 10, "the sources of {name} are found");
        let mut done = BTreeSet::new();
        for module in sources.keys() {
            let circle = find_circle(&sources, &mut vec![module.clone()], &mut done);
            assert_eq!(circle, None, "in {name}");
        }
    }
}

/// Leaves out the roots of the crate: they import everything, and nothing imports them.
fn read_sources(folder: &Path, module: &str, sources: &mut Sources) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().expect("a name").to_string_lossy();
        let child = format!("{module}::{name}")
            .trim_start_matches(':')
            .to_owned();
        if path.is_dir() {
            read_sources(&path, &child, sources);
        } else if path.extension().is_some_and(|it| it == "rs") && name != "lib" && name != "main" {
            let text = fs::read_to_string(&path).expect("a source");
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            let module = if name == "mod" { module } else { &child };
            sources.insert(module.to_owned(), code.to_owned());
        }
    }
}

/// The modules in `use crate::a::b;` and `use crate::a::{b, c};`.
fn imports(sources: &Sources, module: &str) -> BTreeSet<String> {
    let pattern = r"(?m)^(?:pub(?:\(crate\))? )?use crate::([\w:]+)(?:\{([^}]*)\})?";
    let pattern = Regex::new(pattern).expect("a pattern");
    let paths = pattern.captures_iter(&sources[module]).flat_map(|import| {
        let group = import.get(2).map_or("", |group| group.as_str()).split(',');
        let paths = group.map(|item| format!("{}{}", &import[1], item.trim()));
        paths.collect::<Vec<_>>()
    });
    // An import names a module, or an item of a module.
    let modules = paths.filter_map(|path| {
        let parent = path.rsplit_once("::").map_or("", |(parent, _)| parent);
        let mut candidates = [&path, parent].into_iter();
        candidates
            .find(|it| sources.contains_key(*it))
            .map(str::to_owned)
    });
    modules.filter(|other| other != module).collect()
}

/// Follows the imports from the end of `path` until they come back to a part of it.
fn find_circle(
    sources: &Sources,
    path: &mut Vec<String>,
    done: &mut BTreeSet<String>,
) -> Option<String> {
    let last = path.last()?.clone();
    for next in imports(sources, &last) {
        if let Some(at) = path.iter().position(|module| *module == next) {
            return Some(format!("{} -> {next}", path[at..].join(" -> ")));
        }
        if !done.contains(&next) {
            path.push(next);
            let circle = find_circle(sources, path, done);
            if circle.is_some() {
                return circle;
            }
            path.pop();
        }
    }
    done.insert(last);
    None
}
