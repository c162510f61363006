//! Plan files: a plan kept by `runbook plan -o`, carried out by `runbook exec FILE`, compared by `runbook plan diff`.
//!
//! The run id is made when the plan is saved and reserved for the one run that carries it out. It stands in paths on the hosts and
//! in the token of a new cluster: with an id made later, what is done would not be what was reviewed. Hosts keep their receipts
//! under it, so that a second run of the same plan is known there too, from whatever machine it comes.

mod diff;
mod exec;
mod save;
mod told;
mod used;

use std::io::Read;
use std::path::Path;

use runbook_plan::{PlanFile, is_plan_file, read_plan_file};

use crate::args::RunbookArgs;
use crate::exit;
use crate::failure::Failure;

pub use diff::compare;
pub use exec::exec;
pub(super) use save::{Saved, carries_out, pinned, save, valid_ms};
pub(super) use told::grouped;
pub(super) use used::use_up;

/// The plan file of this name; none where it is something else, such as a runbook.
pub(super) fn named(name: &str) -> Result<Option<PlanFile>, Failure> {
    if claims(Path::new(name)) {
        read(Path::new(name)).map(Some)
    } else {
        Ok(None)
    }
}

/// By its content, not its ending.
fn claims(path: &Path) -> bool {
    let mut start = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(64).read_to_end(&mut start))
        .is_ok()
        && is_plan_file(&start)
}

fn read(path: &Path) -> Result<PlanFile, Failure> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::input(format!("cannot read `{shown}`: {error}"), None))?;
    read_plan_file(&text).map_err(|error| told::unbelieved(&shown.to_string(), &error))
}

/// A plan is not planned again under another name.
pub(super) fn refuse_as_runbook(args: &RunbookArgs) -> Result<(), Failure> {
    if !claims(Path::new(&args.runbook)) {
        return Ok(());
    }
    Err(Failure::say(
        exit::USAGE,
        format!("`{}` is no runbook but a saved plan", args.runbook),
        "`runbook exec FILE -C` compares it with the hosts and shows it; `runbook exec FILE` runs it"
            .to_owned(),
    ))
}
