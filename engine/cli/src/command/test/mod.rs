//! `runbook test`: a runbook's own tests, each a run of the real planner and executor in a world that is none.

mod files;
mod inventory;
mod judge;
mod play;
mod setting;
mod told;

use std::time::{Duration, Instant};

use rayon::prelude::*;
use runbook_dsl::checked::{Checked, CheckedRunbook};
use runbook_dsl::tested::Test;

use super::{Ended, print, print_json, warn};
use crate::args::{TestArgs, TestFormat};
use crate::environment::Environment;
use crate::exit;
use crate::failure::Failure;
use crate::library::find;
use crate::runbooks::check_found;
use judge::Unmet;
use told::Told;

/// A file with its tests.
struct Tested {
    name: String,
    /// None: a library.
    runbook: Option<CheckedRunbook>,
}

/// What came of a test.
pub(super) struct Verdict {
    test: String,
    took: Duration,
    unmet: Vec<Unmet>,
}

/// Runs the tests of runbooks: 0 where all pass, 2 where one fails, 10 where a file cannot be read or checked.
pub fn test(args: &TestArgs, environment: &Environment) -> Ended {
    let files = read(args, environment)?;
    let chosen: Vec<(usize, &CheckedRunbook, &Test)> = files
        .iter()
        .enumerate()
        .filter_map(|(at, file)| Some((at, file.runbook.as_ref()?)))
        .flat_map(|(at, runbook)| runbook.tests().iter().map(move |test| (at, runbook, test)))
        .filter(|(_, _, test)| is_meant(args, &test.name.value))
        .collect();
    if let Some(pattern) = args.name.as_ref().filter(|_| chosen.is_empty()) {
        return Err(Failure::input(
            format!("no test's name contains `{pattern}`"),
            names(&files),
        ));
    }
    let verdicts: Vec<(usize, Result<Verdict, Failure>)> = chosen
        .par_iter()
        .map(|(at, runbook, test)| (*at, one(runbook, test)))
        .collect();
    let mut told = Told::new(files.iter().map(|file| file.name.clone()));
    for (at, verdict) in verdicts {
        told.add(at, verdict?);
    }
    match args.format {
        TestFormat::Human => {
            print(&told.human(environment.stdout))?;
            warn(told.reports(), environment);
            print(&told.summary(environment.stdout))?;
        }
        TestFormat::Junit => print(&told.junit())?,
        TestFormat::Json => print_json(&told.json())?,
    }
    Ok(if told.failed() == 0 {
        exit::OK
    } else {
        exit::TEST_FAILED
    })
}

fn is_meant(args: &TestArgs, name: &str) -> bool {
    let pattern = args.name.as_ref();
    pattern.is_none_or(|pattern| name.to_lowercase().contains(&pattern.to_lowercase()))
}

fn names(files: &[Tested]) -> String {
    let runbooks = files.iter().filter_map(|file| file.runbook.as_ref());
    let names: Vec<_> = runbooks
        .flat_map(|runbook| runbook.tests())
        .map(|test| format!("`{}`", test.name.value))
        .collect();
    if names.is_empty() {
        "these files have no tests: `runbook explain test` shows how one is written".to_owned()
    } else {
        format!("there are {}", names.join(", "))
    }
}

/// Every file, checked; all errors of all of them.
fn read(args: &TestArgs, environment: &Environment) -> Result<Vec<Tested>, Failure> {
    let (mut files, mut errors) = (Vec::new(), Vec::new());
    for file in &args.files {
        let found = find(file, &environment.runbook_path)?;
        match check_found(&found) {
            Ok((checked, warnings)) => {
                warn(
                    warnings.iter().map(|w| w as &dyn miette::Diagnostic),
                    environment,
                );
                let runbook = match checked {
                    Checked::Runbook(runbook) => Some(*runbook),
                    Checked::Library(_) => None,
                };
                files.push(Tested {
                    name: found.name,
                    runbook,
                });
            }
            Err(problems) => errors.extend(problems),
        }
    }
    if errors.is_empty() {
        Ok(files)
    } else {
        Err(Failure::all(exit::BAD_INPUT, errors))
    }
}

fn one(runbook: &CheckedRunbook, test: &Test) -> Result<Verdict, Failure> {
    let began = Instant::now();
    let story = play::story(runbook, test)?;
    Ok(Verdict {
        test: test.name.value.clone(),
        unmet: judge::judge(runbook, test, &story),
        took: began.elapsed(),
    })
}
