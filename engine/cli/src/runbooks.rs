//! Runbooks as commands take them: found, checked, given their parameters.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use runbook_dsl::checked::{Checked, CheckedRunbook, SourceText};
use runbook_dsl::{Diagnostic, LoadError, Loader};
use serde_json::Value;

use crate::command::warn;
use crate::environment::Environment;
use crate::exit;
use crate::failure::Failure;
use crate::library::{EMBEDDED, Found, LIBRARY, LookupError, Shipped, find, import, template};

impl From<LookupError> for Failure {
    fn from(error: LookupError) -> Self {
        let help = match &error {
            LookupError::NotFound { name, shipped } => {
                let near = shipped
                    .iter()
                    .map(|s| {
                        (
                            strsim::jaro_winkler(
                                name.trim_end_matches(".etcdrb"),
                                s.trim_end_matches(".etcdrb"),
                            ),
                            s,
                        )
                    })
                    .filter(|(likeness, _)| *likeness > 0.75)
                    .max_by(|a, b| a.0.total_cmp(&b.0))
                    .map(|(_, s)| format!("did you mean `{s}`? "))
                    .unwrap_or_default();
                Some(format!("{near}shipped ones: {}", shipped.join(", ")))
            }
            LookupError::Unreadable { .. } => None,
        };
        Failure::input(error, help)
    }
}

/// Templates and imports beside the runbook, then the embedded ones.
struct Beside(Option<PathBuf>);

impl Loader for Beside {
    fn template(&self, name: &str) -> Result<SourceText, LoadError> {
        match template(name, self.0.as_deref()) {
            Some(found) => Ok(SourceText {
                name: found.name,
                text: found.text,
            }),
            None => {
                let beside = self
                    .0
                    .iter()
                    .flat_map(|dir| [dir.join("templates"), dir.clone()]);
                let looked_in = beside
                    .map(|d| d.display().to_string())
                    .chain(["the shipped ones".to_owned()])
                    .collect();
                Err(LoadError::NotFound { looked_in })
            }
        }
    }

    fn import(&self, path: &str, from: &str) -> Result<SourceText, LoadError> {
        match import(path, from) {
            Ok(Some(found)) => Ok(SourceText {
                name: found.name,
                text: found.text,
            }),
            Ok(None) => {
                let beside = Path::new(from).parent().filter(|_| !is_shipped(from));
                let looked_in = beside
                    .map(|dir| Path::new(".").join(dir).display().to_string())
                    .into_iter()
                    .chain([format!("the shipped ones ({})", names(LIBRARY))])
                    .collect();
                Err(LoadError::NotFound { looked_in })
            }
            Err(LookupError::Unreadable { path, source }) => Err(LoadError::Unreadable {
                path,
                reason: source.to_string(),
            }),
            Err(other) => Err(LoadError::Unreadable {
                path: path.to_owned(),
                reason: other.to_string(),
            }),
        }
    }
}

fn is_shipped(name: &str) -> bool {
    name.starts_with(EMBEDDED)
}

fn names(shipped: &[Shipped]) -> String {
    let names: Vec<&str> = shipped.iter().map(|s| s.name).collect();
    names.join(", ")
}

/// Checks a text that was found, a runbook or a library.
pub fn check_found(found: &Found) -> Result<(Checked, Vec<Diagnostic>), Vec<Diagnostic>> {
    runbook_dsl::check_file(source_of(found), &Beside(found.dir.clone()))
}

fn source_of(found: &Found) -> SourceText {
    SourceText {
        name: found.name.clone(),
        text: found.text.clone(),
    }
}

/// Finds and checks a runbook; shows its warnings.
pub fn read(name: &str, environment: &Environment) -> Result<CheckedRunbook, Failure> {
    let found = find(name, &environment.runbook_path)?;
    let (checked, warnings) = runbook_dsl::check(source_of(&found), &Beside(found.dir.clone()))
        .map_err(|errors| Failure::all(exit::BAD_INPUT, errors))?;
    warn(
        warnings.iter().map(|w| w as &dyn miette::Diagnostic),
        environment,
    );
    Ok(checked)
}

/// `-e NAME=VALUE` and `-e @FILE`, later ones winning.
pub fn parameters(given: &[String]) -> Result<BTreeMap<String, Value>, Failure> {
    let mut values = BTreeMap::new();
    for text in given {
        if let Some(file) = text.strip_prefix('@') {
            values.extend(from_file(file)?);
        } else if let Some((name, value)) = text.split_once('=') {
            values.insert(name.trim().to_owned(), Value::String(value.to_owned()));
        } else {
            return Err(Failure::say(
                exit::USAGE,
                format!("`-e {text}` has no value"),
                "write `-e NAME=VALUE`, or `-e @FILE` for a YAML or JSON file of them".to_owned(),
            ));
        }
    }
    Ok(values)
}

fn from_file(file: &str) -> Result<BTreeMap<String, Value>, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::input(format!("cannot read `{file}`: {error}"), None))?;
    serde_saphyr::from_str(&text).map_err(|error| {
        Failure::input(
            format!("`{file}` does not hold parameters: {error}"),
            "it must be a YAML or JSON mapping of names to values".to_owned(),
        )
    })
}
