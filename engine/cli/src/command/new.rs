//! `runbook new`: a runbook to begin with.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::Path;

use super::Ended;
use crate::args::NewArgs;
use crate::exit;
use crate::failure::Failure;

/// A runbook that checks, with tests that pass.
const TEMPLATE: &str = include_str!("new.etcdrb");
/// Its name, for which the file's stands in.
const NAME: &str = "new-runbook";

/// Writes a runbook with its tests; a file that is there is left as it is.
pub fn new(args: &NewArgs) -> Ended {
    let file = args.file.with_extension("etcdrb");
    let name = name_of(&file)?;
    let text = TEMPLATE.replacen(NAME, &name, 1);
    let opened = OpenOptions::new().write(true).create_new(true).open(&file);
    let written = opened.and_then(|mut made| made.write_all(text.as_bytes()));
    if let Err(error) = written {
        return Err(if error.kind() == ErrorKind::AlreadyExists {
            Failure::input(
                format!("`{}` is there already", file.display()),
                "choose another name: nothing was written".to_owned(),
            )
        } else {
            Failure::input(format!("cannot write `{}`: {error}", file.display()), None)
        });
    }
    eprintln!(
        "{}: written; `runbook test {}` runs its tests",
        file.display(),
        file.display()
    );
    Ok(exit::OK)
}

/// The file's name, where it can be a runbook's.
fn name_of(file: &Path) -> Result<String, Failure> {
    let name = file.file_stem().and_then(|stem| stem.to_str());
    let name = name.unwrap_or_default();
    if runbook_dsl::parse(&TEMPLATE.replacen(NAME, name, 1)).is_err() {
        return Err(Failure::input(
            format!("`{name}` cannot be a runbook's name"),
            "a name is letters, digits and `_`, with single `-` inside, and begins with a letter"
                .to_owned(),
        ));
    }
    Ok(name.to_owned())
}
