//! Extracts Swagger UI from the archive in a crate, so that nothing is downloaded and its files are not in this repository.

use anyhow::Context as _;
use std::fs::File;
use std::io::{self, Cursor};
use std::path::Path;
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;
use zip::ZipArchive;

/// The extracted files, and the names under which `src/http/assets.rs` includes them.
const EXTRACTED: [(&str, &str); 2] = [
    ("/dist/swagger-ui-bundle.js", "swagger-ui.js"),
    ("/dist/swagger-ui.css", "swagger-ui.css"),
];

#[expect(
    clippy::disallowed_methods,
    reason = "Cargo passes OUT_DIR in the environment"
)]
fn main() -> anyhow::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    let folder = std::env::var_os("OUT_DIR").context("reading OUT_DIR")?;
    let archive = Cursor::new(SWAGGER_UI_VENDORED);
    let mut archive = ZipArchive::new(archive).context("opening the archive")?;
    for (path, name) in EXTRACTED {
        let found = archive.file_names().find(|name| name.ends_with(path));
        let found = found.with_context(|| format!("finding {path}"))?.to_owned();
        let mut source = archive.by_name(&found)?;
        let mut target = File::create(Path::new(&folder).join(name))?;
        io::copy(&mut source, &mut target).with_context(|| format!("extracting {path}"))?;
    }
    Ok(())
}
