//! Files on hosts: what writing one changes there, and how it is taken back.

use runbook_model::action::{Access, Action};
use runbook_model::facts::{FileFacts, FileKind, HostFacts};
use runbook_model::plan::{Change, Source};
use runbook_model::units;
use sha2::{Digest, Sha256};
use similar::TextDiff;

use crate::verbs::Draft;

/// Files up to this size are brought back and diffed.
pub(crate) const CONTENT_LIMIT: u64 = 256 * 1024;

/// Lower-case hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// A text with its digest.
pub fn source(name: &str, text: &str) -> Source {
    Source {
        name: name.to_owned(),
        sha256: sha256(text.as_bytes()),
        text: text.to_owned(),
    }
}

/// A unified diff with the path in its head.
pub(crate) fn diff(path: &str, old: &str, new: &str) -> String {
    TextDiff::from_lines(old, new)
        .unified_diff()
        .context_radius(3)
        .header(&format!("{path} (now)"), &format!("{path} (then)"))
        .to_string()
}

/// Writes a text, unless it stands there already.
pub(crate) fn write(facts: &HostFacts, path: &str, content: String, access: Access) -> Draft {
    let change = match facts.files.get(path) {
        None => Change::Unknown {
            why: "the file was not looked at".to_owned(),
        },
        Some(found) => written(found, path, &content, &access),
    };
    let undo = match (&change, facts.files.get(path)) {
        (Change::None { .. }, _) | (_, None) => Vec::new(),
        (_, Some(found)) => put_back(found, path),
    };
    Draft {
        summary: format!("write {path}"),
        action: Action::WriteFile {
            path: path.to_owned(),
            content,
            access,
        },
        change,
        undo,
    }
}

fn written(found: &FileFacts, path: &str, content: &str, access: &Access) -> Change {
    let size = units::bytes(content.len() as u64);
    if found.kind != FileKind::File {
        let before = match found.kind {
            FileKind::Absent => "absent",
            FileKind::Link => "a symbolic link",
            _ => "not a file",
        };
        return Change::Changes {
            summary: format!("{before} -> {size}"),
            diff: Some(diff(path, "", content)),
        };
    }
    let same = found.sha256.as_deref() == Some(sha256(content.as_bytes()).as_str());
    let mut parts: Vec<String> = access_change(found.mode, &found.owner, access);
    if same && parts.is_empty() {
        return Change::None {
            found: "the same content".to_owned(),
        };
    }
    let text = (!same).then_some(found.content.as_deref()).flatten();
    if !same {
        parts.insert(0, format!("{} -> {size}", units::bytes(found.size)));
    }
    Change::Changes {
        summary: parts.join(", "),
        diff: text.map(|old| diff(path, old, content)),
    }
}

/// What differs in mode and owner, in words.
pub(crate) fn access_change(mode: u32, owner: &str, access: &Access) -> Vec<String> {
    let mut parts = Vec::new();
    if mode != access.mode {
        parts.push(format!("mode {mode:04o} -> {:04o}", access.mode));
    }
    if let Some(wanted) = &access.owner
        && wanted != owner
    {
        parts.push(format!("owner {owner} -> {wanted}"));
    }
    parts
}

fn put_back(found: &FileFacts, path: &str) -> Vec<Action> {
    match (found.kind, &found.content) {
        (FileKind::Absent, _) => vec![Action::RemoveCreated {
            path: path.to_owned(),
            directory: false,
        }],
        (FileKind::File, Some(content)) => vec![Action::WriteFile {
            path: path.to_owned(),
            content: content.clone(),
            access: Access {
                mode: found.mode,
                owner: Some(found.owner.clone()),
                group: Some(found.group.clone()),
            },
        }],
        _ => Vec::new(),
    }
}

/// A directory with this access.
pub(crate) fn directory(facts: &HostFacts, path: &str, access: Access) -> Draft {
    let (change, undo) = match facts.dirs.get(path) {
        None => (
            Change::Unknown {
                why: "the directory was not looked at".to_owned(),
            },
            Vec::new(),
        ),
        Some(found) if !found.exists => (
            Change::Changes {
                summary: format!("absent -> directory, mode {:04o}", access.mode),
                diff: None,
            },
            vec![Action::RemoveCreated {
                path: path.to_owned(),
                directory: true,
            }],
        ),
        Some(found) => match access_change(found.mode, &found.owner, &access) {
            parts if parts.is_empty() => (
                Change::None {
                    found: "it is there".to_owned(),
                },
                Vec::new(),
            ),
            parts => (
                Change::Changes {
                    summary: parts.join(", "),
                    diff: None,
                },
                vec![Action::Directory {
                    path: path.to_owned(),
                    access: Access {
                        mode: found.mode,
                        owner: Some(found.owner.clone()),
                        group: Some(found.group.clone()),
                    },
                }],
            ),
        },
    };
    Draft {
        summary: format!("make directory {path}"),
        action: Action::Directory {
            path: path.to_owned(),
            access,
        },
        change,
        undo,
    }
}

/// The directory, only where nothing stands there: one that exists keeps its access.
pub(crate) fn missing_directory(facts: &HostFacts, path: &str, access: Access) -> Option<Draft> {
    let there = facts.dirs.get(path).is_some_and(|dir| dir.exists);
    (path != "/" && !there).then(|| directory(facts, path, access))
}

/// Root's, readable by all.
pub(crate) const fn public(mode: u32) -> Access {
    Access {
        mode,
        owner: None,
        group: None,
    }
}

/// A user's own.
pub(crate) fn owned(mode: u32, owner: &str) -> Access {
    Access {
        mode,
        owner: Some(owner.to_owned()),
        group: None,
    }
}
