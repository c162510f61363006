//! The files of `group_vars/` and `host_vars/` beside a source.

use std::path::{Path, PathBuf};

use super::draft::{Draft, place};
use super::source::read_text;
use crate::fact::Fact;
use crate::files::{Files, Kind};
use crate::problem::{Place, Problem, Source};
use crate::syntax::yaml::{self, Data, Node};
use crate::value::{Layer, Origin, Var, Vars};

const ENDINGS: [&str; 4] = ["", ".yml", ".yaml", ".json"];
/// Directories of variables nest no deeper.
const DEPTH: usize = 16;

/// Reads the variables that stand in `dir`, for every group and host; they are those of source number `nth`.
pub fn read(dir: &Path, nth: usize, files: &dyn Files, draft: &mut Draft) {
    let names: Vec<String> = draft.groups.keys().cloned().collect();
    let group_dir = listing(&dir.join("group_vars"), files);
    for name in names {
        let vars = entity(
            &group_dir,
            &name,
            &Layer::GroupFile(name.clone()),
            files,
            &mut draft.problems,
        );
        let all = &mut draft.add_group(&name).file_vars;
        all.resize_with(nth, Vars::new);
        all.push(vars);
    }
    let host_dir = listing(&dir.join("host_vars"), files);
    for (name, host) in &mut draft.hosts {
        let vars = entity(
            &host_dir,
            name,
            &Layer::HostFile,
            files,
            &mut draft.problems,
        );
        host.file_vars.resize_with(nth, Vars::new);
        host.file_vars.push(vars);
    }
}

/// A directory and its names: one listing spares four questions a host.
struct Listing {
    dir: PathBuf,
    names: std::collections::HashSet<String>,
}

fn listing(dir: &Path, files: &dyn Files) -> Listing {
    let names = match files.kind(dir) {
        Some(Kind::Dir) => files
            .list_dir(dir)
            .unwrap_or_default()
            .into_iter()
            .collect(),
        _ => std::collections::HashSet::new(),
    };
    Listing {
        dir: dir.to_path_buf(),
        names,
    }
}

/// The first of NAME, NAME.yml, NAME.yaml, NAME.json that is there; a directory stands for all its files.
fn entity(
    listing: &Listing,
    name: &str,
    layer: &Layer,
    files: &dyn Files,
    problems: &mut Vec<Problem>,
) -> Vars {
    let mut vars = Vars::new();
    // A name with a slash could lead out of the directory.
    if name.contains('/') || matches!(name, "." | "..") {
        return vars;
    }
    let Some(found) = ENDINGS
        .iter()
        .map(|e| format!("{name}{e}"))
        .find(|f| listing.names.contains(f))
    else {
        return vars;
    };
    let path = listing.dir.join(found);
    let mut paths = Vec::new();
    match files.kind(&path) {
        Some(Kind::Dir) => walk(&path, 0, files, &mut paths),
        _ => paths.push(path),
    }
    for path in paths {
        file(&path, layer, files, problems, &mut vars);
    }
    vars
}

fn walk(dir: &Path, depth: usize, files: &dyn Files, found: &mut Vec<PathBuf>) {
    let mut names = files.list_dir(dir).unwrap_or_default();
    names.sort_unstable();
    for name in names {
        if name.starts_with('.') || name.ends_with('~') || depth > DEPTH {
            continue;
        }
        let path = dir.join(&name);
        let ending = path
            .extension()
            .map_or(String::new(), |e| format!(".{}", e.to_string_lossy()));
        match files.kind(&path) {
            Some(Kind::Dir) if ending.is_empty() => walk(&path, depth + 1, files, found),
            Some(Kind::File) if ENDINGS.contains(&ending.as_str()) => found.push(path),
            _ => {}
        }
    }
}

fn file(
    path: &Path,
    layer: &Layer,
    files: &dyn Files,
    problems: &mut Vec<Problem>,
    vars: &mut Vars,
) {
    let source = match read_text(path, files) {
        Ok(source) => source,
        Err(problem) => return problems.push(problem),
    };
    let document = match yaml::parse(source.text()) {
        Ok(d) => d,
        Err(e) => {
            return problems.push(Problem::new(
                Fact::Yaml { why: e.why },
                place(&source, &e.at),
            ));
        }
    };
    let entries = match &document.root.data {
        Data::Map(entries) => entries,
        _ if document.root.is_falsy() => return,
        _ => {
            let fact = super::tree::shape("a file of variables", "a mapping", &document.root);
            return problems.push(Problem::new(fact, place(&source, &document.root.span)));
        }
    };
    problems.extend(
        document
            .twice
            .iter()
            .map(|(at, key)| Problem::new(Fact::Twice { key: key.clone() }, place(&source, at))),
    );
    for (key, value) in entries {
        let origin = Origin {
            layer: layer.clone(),
            place: value_place(&source, key, value),
        };
        vars.insert(
            key.key(),
            Var {
                value: value.to_value(),
                origin,
            },
        );
    }
}

fn value_place(source: &std::sync::Arc<Source>, key: &Node, value: &Node) -> Place {
    let own = matches!(value.data, Data::Scalar(_)) && !value.span.is_empty();
    place(source, if own { &value.span } else { &key.span })
}
