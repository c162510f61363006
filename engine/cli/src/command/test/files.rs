//! This machine's files, as a test sees them: none of the real ones.

use std::collections::BTreeMap;

use runbook_dsl::catalogue::Type;
use runbook_dsl::checked::{CheckedRunbook, Parameter};
use runbook_dsl::expr::{Expr, TextPart};
use runbook_dsl::span::Node;
use runbook_dsl::tested::{FileState, Given};
use runbook_plan::Digest;

/// Directory that relative paths count from.
const HERE: &str = "/simulated";
/// Bytes of a file.
const SIZE: u64 = 20_512;

/// What is said of files, by path.
#[derive(Debug, Default)]
pub(super) struct Simulated {
    states: BTreeMap<String, FileState>,
}

impl Simulated {
    pub(super) fn new(runbook: &CheckedRunbook, given: &Given) -> Self {
        let states = runbook.parameters().iter().filter_map(|parameter| {
            let state = given.files.get(&parameter.name.value)?;
            Some((absolute(&path(parameter, given)), state.clone()))
        });
        Self {
            states: states.collect(),
        }
    }

    pub(super) fn state(&self, path: &str) -> Option<&FileState> {
        self.states.get(path)
    }

    pub(super) fn is_missing(&self, path: &str) -> bool {
        self.state(path) == Some(&FileState::Missing)
    }
}

/// The path that a parameter has in a test: given, by default, or named after it.
pub(super) fn path(parameter: &Parameter, given: &Given) -> String {
    let name = &parameter.name.value;
    let said = given.parameters.get(name).or(parameter.default.as_ref());
    said.and_then(plain).unwrap_or_else(|| name.clone())
}

/// Whether a parameter is a path that a test stands in for: it must have a value, or something is said of its file.
pub(super) fn stands_in(parameter: &Parameter, given: &Given) -> bool {
    let name = &parameter.name.value;
    let wanted = match &parameter.ty {
        Type::Path => true,
        Type::Optional(of) => **of == Type::Path && given.files.contains_key(name),
        _ => false,
    };
    wanted && parameter.default.is_none() && !given.parameters.contains_key(name)
}

/// A text without values.
pub(super) fn plain(node: &Node<Expr>) -> Option<String> {
    let Expr::Text(parts) = &node.value else {
        return None;
    };
    let literal = |part: &TextPart| match part {
        TextPart::Literal(literal) => Some(literal.clone()),
        TextPart::Expr(_) => None,
    };
    parts.iter().map(literal).collect()
}

fn absolute(path: &str) -> String {
    if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("{HERE}/{path}")
    }
}

impl runbook_plan::Files for Simulated {
    fn digest(&self, path: &str) -> Result<Digest, String> {
        if self.is_missing(path) {
            return Err("no such file".to_owned());
        }
        Ok(Digest {
            size: SIZE,
            sha256: digest(path),
        })
    }

    fn exists(&self, _: &str) -> bool {
        false
    }

    fn absolute(&self, path: &str) -> String {
        absolute(path)
    }
}

/// 64 hex digits that name the path.
pub(super) fn digest(path: &str) -> String {
    let mut text: String = path.bytes().map(|byte| format!("{byte:02x}")).collect();
    text.truncate(64);
    format!("{text:0<64}")
}
