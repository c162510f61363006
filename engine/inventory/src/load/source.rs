//! One `-i` after the other: a list of hosts, a directory, a script, a file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::draft::{Draft, place};
use super::{groups, script, tree, vars_files};
use crate::fact::Fact;
use crate::files::{Files, Kind};
use crate::inventory::Inventory;
use crate::problem::{Errors, Place, Problem, Source};
use crate::syntax::ini::{self, SectionKind, Statement, nearest};

/// What stands after `-i`: a path, or names with commas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InventorySpec(String);

impl InventorySpec {
    /// As it was given.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Directories of inventories nest no deeper.
const DEPTH: usize = 16;
/// Endings that Ansible skips in a directory.
const SKIPPED: [&str; 12] = [
    ".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".rst", ".orig", ".cfg", ".retry",
];

/// Reads all sources in order; a later one adds to and overrides an earlier one. Errors: every one that was found.
pub fn load(specs: &[InventorySpec], files: &dyn Files) -> Result<Inventory, Errors> {
    let mut draft = Draft::default();
    let mut dirs: Vec<PathBuf> = Vec::new();
    for spec in specs {
        let path = Path::new(spec.as_str());
        match files.kind(path) {
            Some(kind) => {
                let absolute = files.absolute(path);
                dirs.push(match kind {
                    Kind::Dir => path.to_path_buf(),
                    Kind::File => parent(path),
                });
                draft.dir = parent(&absolute);
                read_source(path, kind, 0, files, &mut draft);
            }
            None if spec.as_str().contains(',') => read_list(spec.as_str(), files, &mut draft),
            None => {
                let fact = Fact::NotFound {
                    path: crate::paths::show(spec.as_str()),
                    near: beside(path, files),
                };
                draft.report(
                    fact,
                    Place::whole(&Source::new(crate::paths::show(spec.as_str()), "")),
                );
            }
        }
    }
    groups::settle(&mut draft);
    for (nth, dir) in dirs.iter().enumerate() {
        vars_files::read(dir, nth, files, &mut draft);
    }
    let (warnings, errors): (Vec<_>, Vec<_>) = std::mem::take(&mut draft.problems)
        .into_iter()
        .partition(|p| p.fact.is_warning());
    Errors::unless_empty(errors, ()).map(|()| Inventory::new(draft, warnings))
}

/// What stands where the path points, under a name that is nearly its.
fn beside(path: &Path, files: &dyn Files) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let dir = Path::new(".").join(parent(path));
    let mut names = files.list_dir(&dir).ok()?;
    names.sort();
    let near = nearest(name, names.iter().map(String::as_str))?;
    Some(crate::paths::show(path.with_file_name(near).to_str()?))
}

fn parent(path: &Path) -> PathBuf {
    path.parent().map(Path::to_path_buf).unwrap_or_default()
}

/// `h1,h2:2222,`.
fn read_list(list: &str, files: &dyn Files, draft: &mut Draft) {
    draft.dir = files.absolute(Path::new("."));
    let source = Source::new("-i", list);
    let mut at = 0;
    for part in list.split(',') {
        let name = part.trim();
        let start = at + (part.len() - part.trim_start().len());
        at += part.len() + 1;
        if name.is_empty() {
            continue;
        }
        let (host, port) = ini::listed_host(name);
        if !draft.hosts.contains_key(&host) {
            draft.add_host(
                &host,
                "ungrouped",
                port,
                &Place::new(&source, start..start + name.len()),
            );
        }
    }
}

fn read_source(path: &Path, kind: Kind, depth: usize, files: &dyn Files, draft: &mut Draft) {
    match kind {
        Kind::Dir => read_dir(path, depth, files, draft),
        Kind::File => {
            if let Err(problem) = read_file(path, files, draft) {
                draft.problems.push(problem);
            }
        }
    }
}

fn read_dir(dir: &Path, depth: usize, files: &dyn Files, draft: &mut Draft) {
    let nameless = |fact| {
        Problem::new(
            fact,
            Place::whole(&Source::new(dir.display().to_string(), "")),
        )
    };
    let mut names = match files.list_dir(dir) {
        Ok(names) if depth < DEPTH => names,
        Ok(_) => {
            return draft.problems.push(nameless(Fact::Unreadable {
                why: "nested too deeply".into(),
            }));
        }
        Err(e) => {
            return draft
                .problems
                .push(nameless(Fact::Unreadable { why: e.to_string() }));
        }
    };
    names.sort_unstable();
    let ignored = |n: &String| {
        n.starts_with('.')
            || matches!(n.as_str(), "host_vars" | "group_vars" | "vars_plugins")
            || SKIPPED.iter().any(|e| n.ends_with(e))
    };
    names.retain(|n| !ignored(n));
    if names.is_empty() && depth == 0 {
        return draft.problems.push(nameless(Fact::EmptyDirectory {
            path: dir.display().to_string(),
        }));
    }
    for name in names {
        let path = dir.join(name);
        let Some(kind) = files.kind(&path) else {
            continue;
        };
        draft.dir = parent(&files.absolute(&path));
        read_source(&path, kind, depth + 1, files, draft);
    }
}

/// Reads a text file, comments of an INI that are not UTF-8 blotted out.
pub(super) fn read_text(path: &Path, files: &dyn Files) -> Result<Arc<Source>, Problem> {
    let name = path.display().to_string();
    let wrong = |fact| Problem::new(fact, Place::whole(&Source::new(name.clone(), "")));
    let bytes = files
        .read(path)
        .map_err(|e| wrong(Fact::Unreadable { why: e.to_string() }))?;
    if bytes.starts_with(b"$ANSIBLE_VAULT;") {
        let instead = "decrypt the file with `ansible-vault decrypt`, or keep secrets out of what runbook reads";
        return Err(wrong(Fact::Unsupported {
            what: "files encrypted by ansible-vault",
            instead,
        }));
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Source::new(name, without_bom(text))),
        Err(e) => match comments_blotted(e.as_bytes()) {
            Some(text) => Ok(Source::new(name, without_bom(text))),
            None => {
                let at = e.utf8_error().valid_up_to();
                let source = Source::new(name, String::from_utf8_lossy(e.as_bytes()));
                Err(Problem::new(Fact::NotText, place(&source, &(at..at + 3))))
            }
        },
    }
}

/// A byte order mark becomes blanks: columns of the first line stay right.
fn without_bom(text: String) -> String {
    match text.strip_prefix('\u{FEFF}') {
        Some(rest) => rest.to_owned(),
        None => text,
    }
}

/// Old files have Latin-1 in their comments; nowhere else may it be.
fn comments_blotted(bytes: &[u8]) -> Option<String> {
    let mut text = String::with_capacity(bytes.len());
    for line in bytes.split_inclusive(|b| *b == b'\n') {
        match std::str::from_utf8(line) {
            Ok(line) => text.push_str(line),
            Err(_) if matches!(line.first(), Some(b'#' | b';')) => {
                text.extend(
                    line.iter()
                        .map(|b| if b.is_ascii() { char::from(*b) } else { '?' }),
                );
            }
            Err(_) => return None,
        }
    }
    Some(text)
}

fn read_file(path: &Path, files: &dyn Files, draft: &mut Draft) -> Result<(), Problem> {
    let ending = path
        .extension()
        .map(|e| e.to_string_lossy().to_lowercase())
        .unwrap_or_default();
    if files.is_executable(path) && runs(path, files) {
        return script::read(path, files, draft);
    }
    if ending == "toml" {
        let fact = Fact::Unsupported {
            what: "TOML inventories",
            instead: "write it as INI or YAML",
        };
        return Err(Problem::new(
            fact,
            Place::whole(&Source::new(path.display().to_string(), "")),
        ));
    }
    let source = read_text(path, files)?;
    let yaml_ending = matches!(ending.as_str(), "yml" | "yaml" | "json");
    if !yaml_ending && path.extension().is_some() {
        read_ini(&source, draft);
        return Ok(());
    }
    // As Ansible does: YAML first, and INI when it is none. Which of the two the operator meant, only the text tells.
    let before = draft.clone();
    let Err(not_yaml) = tree::read(&source, draft) else {
        return Ok(());
    };
    if matches!(*not_yaml.fact, Fact::Unsupported { .. }) {
        return Err(not_yaml);
    }
    *draft = before.clone();
    read_ini(&source, draft);
    let ini_failed = draft.problems[before.problems.len()..]
        .iter()
        .any(|p| !p.fact.is_warning());
    if ini_failed && looks_like_yaml(source.text(), yaml_ending) {
        *draft = before;
        return Err(not_yaml);
    }
    if yaml_ending && !ini_failed && !source.text().trim().is_empty() {
        draft.report(Fact::IniInYaml, place(&source, &(0..1)));
    }
    Ok(())
}

/// A program or a script with `#!`: a data file that merely has the x bit is read, never run.
fn runs(path: &Path, files: &dyn Files) -> bool {
    files
        .read(path)
        .is_ok_and(|b| b.starts_with(b"#!") || b.starts_with(b"\x7fELF"))
}

fn looks_like_yaml(text: &str, yaml_ending: bool) -> bool {
    let first = text
        .lines()
        .map(str::trim)
        .find(|l| !l.is_empty() && !l.starts_with(['#', ';']));
    match first {
        Some(line) if line.starts_with('[') => false,
        Some(line) => yaml_ending || line == "---" || line.ends_with(':') || line.starts_with('{'),
        None => yaml_ending,
    }
}

/// A child of a section, until all sections are known.
struct Edge {
    parent: String,
    child: String,
    place: Place,
}

fn read_ini(source: &Arc<Source>, draft: &mut Draft) {
    let ini = ini::parse(source.text());
    draft.problems.extend(
        ini.problems
            .into_iter()
            .map(|(fact, at)| Problem::new(fact, place(source, &at))),
    );
    let mut declared: indexmap::IndexSet<String> = draft.groups.keys().cloned().collect();
    let (mut edges, mut vars_of): (Vec<Edge>, Vec<(String, Place)>) = (Vec::new(), Vec::new());
    let mut group = "ungrouped".to_owned();
    for statement in ini.statements {
        match statement {
            Statement::Section(section, at) => {
                group = section.group;
                draft.add_group(&group);
                if section.kind == SectionKind::Vars {
                    vars_of.push((group.clone(), place(source, &at)));
                } else {
                    declared.insert(group.clone());
                }
            }
            Statement::Hosts(names, port, at, vars) => {
                let at = place(source, &at);
                let vars: Vec<_> = vars
                    .into_iter()
                    .map(|v| (v.name, v.value, place(source, &v.span)))
                    .collect();
                for name in &names {
                    draft.add_host(name, &group, port, &at);
                    for (key, value, at) in &vars {
                        draft.set_host(name, key, value.clone(), at);
                    }
                }
            }
            Statement::Child(child, at) => edges.push(Edge {
                parent: group.clone(),
                child,
                place: place(source, &at),
            }),
            Statement::Var(v) => draft.set_group(&group, &v.name, v.value, &place(source, &v.span)),
        }
    }
    for Edge {
        parent,
        child,
        place,
    } in edges
    {
        if declared.contains(&child) {
            draft.add_child(&parent, &child, &place);
        } else {
            let near = nearest(&child, declared.iter().map(String::as_str));
            draft.report(Fact::UndefinedChild { child, near }, place);
        }
    }
    for (group, place) in vars_of {
        if !declared.contains(&group) {
            let near = nearest(&group, declared.iter().map(String::as_str));
            draft.report(Fact::UndefinedVars { group, near }, place);
        }
    }
}
