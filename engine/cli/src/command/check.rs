//! `runbook check`, `fmt`, `explain`, `view`.

use std::io::Read;
use std::path::Path;

use runbook_dsl::checked::{Checked, SourceText};
use runbook_dsl::codes::Severity;
use runbook_dsl::diagnostic::bind;
use runbook_dsl::explain::did_you_mean;
use runbook_dsl::{Diagnostic, explain, format};
use serde_json::json;

use super::{Ended, print, print_json};
use crate::args::{CheckArgs, ExplainArgs, FmtArgs, Format, ViewArgs};
use crate::environment::Environment;
use crate::exit;
use crate::failure::{Failure, render};
use crate::library::{EMBEDDED, LIBRARY, RUNBOOKS, find};
use crate::runbooks::check_found;

/// Checks runbooks: 0 where all are good, 10 where one is not.
pub fn check(args: &CheckArgs, environment: &Environment) -> Ended {
    let mut found = Vec::new();
    for file in &args.files {
        let text = find(file, &environment.runbook_path)?;
        let (good, diagnostics) = match check_found(&text) {
            Ok((_, warnings)) => (true, warnings),
            Err(errors) => (false, errors),
        };
        found.push((text.name, good, diagnostics));
    }
    let all_good = found.iter().all(|(_, good, _)| *good);
    match args.format {
        Format::Json => {
            let list: Vec<_> = found
                .iter()
                .flat_map(|(file, _, all)| all.iter().map(move |d| as_json(file, d)))
                .collect();
            print_json(&json!(list))?;
        }
        Format::Table => {
            for diagnostic in found.iter().flat_map(|(_, _, all)| all) {
                eprint!("{}", render(diagnostic, environment.stderr));
            }
            eprint!("{}", counted(&found, environment));
        }
    }
    Ok(if all_good { exit::OK } else { exit::BAD_INPUT })
}

fn counted(found: &[(String, bool, Vec<Diagnostic>)], environment: &Environment) -> String {
    let style = environment.stderr;
    let mut out = String::new();
    for (file, good, all) in found {
        let warnings = all
            .iter()
            .filter(|d| d.severity() == Severity::Warning)
            .count();
        let errors = all.len() - warnings;
        let notes = if warnings == 0 {
            String::new()
        } else {
            format!(", {}", plural(warnings, "warning"))
        };
        out += &if *good {
            format!("{file}: {}{notes}\n", style.good("good"))
        } else {
            format!("{file}: {}{notes}\n", style.bad(plural(errors, "error")))
        };
    }
    out
}

fn plural(count: usize, what: &str) -> String {
    if count == 1 {
        format!("1 {what}")
    } else {
        format!("{count} {what}s")
    }
}

fn as_json(file: &str, diagnostic: &Diagnostic) -> serde_json::Value {
    json!({
        "file": file,
        "code": miette::Diagnostic::code(diagnostic).map(|c| c.to_string()),
        "severity": if diagnostic.severity() == Severity::Warning { "warning" } else { "error" },
        "message": diagnostic.message(),
        "labels": diagnostic.labels().iter().map(|l| json!({
            "source": l.span.source, "file": diagnostic.file_of(l),
            "start": l.span.start, "end": l.span.end, "text": l.text,
        })).collect::<Vec<_>>(),
        "help": diagnostic.help_text(),
    })
}

/// Formats runbooks in place; `--check` only says which would change (then 10).
pub fn fmt(args: &FmtArgs, environment: &Environment) -> Ended {
    let mut differing = 0;
    for file in &args.files {
        let text = read(file)?;
        let formatted = format(&text).map_err(|all| {
            let name = file.display().to_string();
            let text = text.clone();
            Failure::all(exit::BAD_INPUT, bind(all, vec![SourceText { name, text }]))
        })?;
        if file == Path::new("-") {
            print(&formatted)?;
        } else if formatted != text {
            differing += 1;
            if args.check {
                eprintln!("{}: not formatted", environment.stderr.bad(file.display()));
            } else {
                replace(file, &formatted)?;
                eprintln!("{}: formatted", file.display());
            }
        }
    }
    Ok(if args.check && differing > 0 {
        exit::BAD_INPUT
    } else {
        exit::OK
    })
}

fn read(file: &Path) -> Result<String, Failure> {
    if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        return Ok(text);
    }
    std::fs::read_to_string(file)
        .map_err(|error| Failure::input(format!("cannot read `{}`: {error}", file.display()), None))
}

/// Writes beside and renames, so that a full disk leaves the old text.
fn replace(file: &Path, text: &str) -> Result<(), Failure> {
    let beside = file.with_extension("etcdrb.part");
    let written = std::fs::write(&beside, text)
        .and_then(|()| std::fs::set_permissions(&beside, std::fs::metadata(file)?.permissions()))
        .and_then(|()| std::fs::rename(&beside, file));
    written.map_err(|error| {
        let _ = std::fs::remove_file(&beside);
        Failure::input(format!("cannot write `{}`: {error}", file.display()), None)
    })
}

/// Explains a word of the language or of its diagnostics.
pub fn explain_word(args: &ExplainArgs) -> Ended {
    match explain(&args.word) {
        Some(text) => {
            print(&text)?;
            Ok(exit::OK)
        }
        None => Err(Failure::input(
            format!("there is nothing named `{}`", args.word),
            did_you_mean(&args.word).map_or_else(
                || "give a code such as `runbook::check::unknown_verb`, a verb, a guard, a function or a type".to_owned(),
                |near| format!("did you mean `{near}`?"),
            ),
        )),
    }
}

/// What a runbook is about, or which procedures a library has.
fn about(checked: &Checked) -> String {
    match checked {
        Checked::Runbook(runbook) => runbook.about().to_owned(),
        Checked::Library(library) => {
            let procedures = library.procedures().iter();
            let names: Vec<&str> = procedures.map(|p| p.name.as_str()).collect();
            format!("To import: {}.", names.join(", "))
        }
    }
}

/// Prints a shipped runbook, or their names.
pub fn view(args: &ViewArgs, environment: &Environment) -> Ended {
    match &args.name {
        Some(name) => print(&find(name, &environment.runbook_path)?.text)?,
        None => {
            for shipped in RUNBOOKS.iter().chain(LIBRARY) {
                let name = format!("{EMBEDDED}{}", shipped.name);
                let about = check_found(&find(&name, &[])?)
                    .map(|(checked, _)| about(&checked))
                    .unwrap_or_default();
                print(&format!("{:<22} {about}\n", shipped.name))?;
            }
        }
    }
    Ok(exit::OK)
}
