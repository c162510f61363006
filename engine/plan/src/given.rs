//! What was given on the command line, as a plan file keeps it.

use std::collections::BTreeMap;

use runbook_dsl::catalogue::Type;
use runbook_dsl::checked::CheckedRunbook;
use serde_json::Value as Json;

use crate::request::Files;

/// Arguments that can be given again anywhere, and the names of those that must be given again by a person.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Given {
    /// Paths from the root: a plan may be carried out from another directory.
    pub arguments: BTreeMap<String, Json>,
    /// Parameters of type `secret`: their values are kept nowhere.
    pub secrets: Vec<String>,
}

/// Sorts arguments by what may be kept of them.
pub fn given(
    checked: &CheckedRunbook,
    arguments: &BTreeMap<String, Json>,
    files: &dyn Files,
) -> Given {
    let mut out = Given::default();
    for (name, value) in arguments {
        let parameter = checked.parameters().iter().find(|p| p.name.value == *name);
        match parameter.map(|p| &p.ty) {
            Some(ty) if holds(ty, &Type::Secret) => out.secrets.push(name.clone()),
            Some(ty) if holds(ty, &Type::Path) => {
                let rooted = rooted(ty, value, files);
                out.arguments.insert(name.clone(), rooted);
            }
            _ => drop(out.arguments.insert(name.clone(), exact(value))),
        }
    }
    out
}

/// A fraction as text, which means the same: read back as a number it might be another one, and the file's digest with it.
fn exact(value: &Json) -> Json {
    match value {
        Json::Number(n) if n.is_f64() => Json::from(n.to_string()),
        Json::Array(items) => items.iter().map(exact).collect(),
        other => other.clone(),
    }
}

fn holds(ty: &Type, wanted: &Type) -> bool {
    match ty {
        Type::Optional(of) | Type::List(of) => holds(of, wanted),
        other => other == wanted,
    }
}

fn rooted(ty: &Type, value: &Json, files: &dyn Files) -> Json {
    match (ty, value) {
        (Type::Optional(of), value) => rooted(of, value, files),
        (Type::List(of), Json::Array(items)) => {
            items.iter().map(|item| rooted(of, item, files)).collect()
        }
        // As the command line writes a list.
        (Type::List(_), Json::String(text)) => {
            let parts = text.split(',').map(str::trim).filter(|p| !p.is_empty());
            parts.map(|part| files.absolute(part)).collect()
        }
        (_, Json::String(path)) => Json::from(files.absolute(path)),
        (_, other) => other.clone(),
    }
}
