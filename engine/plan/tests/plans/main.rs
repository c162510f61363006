//! Planner cases: each folder of `tests/cases` has a request and facts; the golden beside it is the plan or the errors.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test

mod again;
mod certificates;
mod procedures;
mod saved;
mod support;

use support::case::Case;

#[test]
fn every_case_gives_its_plan() {
    let cases = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut dirs: Vec<_> = std::fs::read_dir(&cases)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    dirs.sort();
    assert!(!dirs.is_empty());
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for dir in dirs {
        let case = Case::read(&dir);
        let text = case.outcome(&dir);
        let text = text.replace(&format!("{}/", dir.display()), "");
        settings.set_snapshot_path(&dir);
        settings.bind(|| insta::assert_snapshot!("expected", text));
    }
}
