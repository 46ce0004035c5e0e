//! The source files of each crate import each other in one direction only.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use regex_lite::Regex;

/// The text of each module without its tests, by the module's path such as `mysql::scan`.
type Sources = BTreeMap<String, String>;

#[test]
fn source_files_do_not_import_each_other_in_a_circle() {
    for name in ["shared", "gateway", "worker"] {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../{name}/src"));
        let mut sources = Sources::new();
        read_sources(&root, &root, &mut sources);
        assert!(sources.len() > 10, "the sources of {name} are found");
        let mut done = BTreeSet::new();
        for module in sources.keys() {
            let circle = find_circle(&sources, &mut vec![module.clone()], &mut done);
            assert_eq!(circle, None, "in {name}");
        }
    }
}

fn read_sources(root: &Path, folder: &Path, sources: &mut Sources) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            read_sources(root, &path, sources);
        } else if path.extension().is_some_and(|it| it == "rs") {
            let text = fs::read_to_string(&path).expect("a source");
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            let module = path.strip_prefix(root).expect("a path below the root");
            let module = module
                .with_extension("")
                .display()
                .to_string()
                .replace('/', "::");
            sources.insert(module.trim_end_matches("::mod").to_owned(), code.to_owned());
        }
    }
}

/// The modules in `use crate::a::b;` and `use crate::a::{b, c};`.
fn imports(sources: &Sources, module: &str) -> BTreeSet<String> {
    let pattern =
        Regex::new(r"(?m)^(?:pub )?use crate::([\w:]+)(?:\{([^}]*)\})?").expect("a pattern");
    let paths = pattern.captures_iter(&sources[module]).flat_map(|import| {
        let group = import.get(2).map_or("", |group| group.as_str()).split(',');
        let paths = group.map(|item| format!("{}{}", &import[1], item.trim()));
        paths.collect::<Vec<_>>()
    });
    // An import names a module, or an item of a module.
    let modules = paths.map(|path| match path.rsplit_once("::") {
        Some((parent, _)) if !sources.contains_key(&path) => parent.to_owned(),
        _ => path,
    });
    let is_other = |it: &String| it != module && sources.contains_key(it);
    modules.filter(is_other).collect()
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
