//! The files that a runbook is made of: read before anything is judged, and what each can call.

use std::collections::BTreeMap;
use std::ops::Range;

use super::entry::{LoadError, Loader};
use super::rings::rings;
use crate::ast::{Procedure, Runbook, Top};
use crate::checked::SourceText;
use crate::codes::Code;
use crate::diagnostic::Diagnostic;
use crate::expr::Expr;
use crate::parse::{MAX_BYTES, parse_source, plain};
use crate::span::{Node, Span};

/// Files that a runbook may be made of.
const MAX_FILES: usize = 64;

/// Every file, the runbook's at 0; a file's index is that of its text.
#[derive(Debug, Default)]
pub(super) struct Program {
    pub files: Vec<Unit>,
    /// Every procedure, file by file: its file, its line in there.
    procedures: Vec<(usize, usize)>,
}

/// A file.
#[derive(Debug, Default)]
pub(super) struct Unit {
    pub lines: Vec<Node<Top>>,
    pub imports: Vec<Import>,
    /// Numbers of its own procedures.
    own: Range<usize>,
    /// Procedures that it can call, by name.
    pub names: BTreeMap<String, usize>,
    /// It or one that it imports could not be read: names may be missing.
    pub torn: bool,
}

/// An `import` that was found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Import {
    /// The path as written.
    pub span: Span,
    pub file: usize,
}

impl Program {
    /// A procedure by its number.
    pub fn procedure(&self, id: usize) -> Option<(usize, &Procedure)> {
        let (file, line) = self.procedures.get(id)?;
        match &self.files.get(*file)?.lines.get(*line)?.value {
            Top::Procedure(procedure) => Some((*file, procedure)),
            _ => None,
        }
    }

    /// Numbers of all procedures, file by file.
    pub fn ids(&self) -> Range<usize> {
        0..self.procedures.len()
    }

    /// Procedures of a file itself.
    pub fn of_file(&self, file: usize) -> impl Iterator<Item = (usize, &Procedure)> {
        let own = self.files.get(file).map_or(0..0, |unit| unit.own.clone());
        own.filter_map(|id| Some((id, self.procedure(id)?.1)))
    }

    /// The runbook of a file.
    pub fn runbook(&self, file: usize) -> Option<&Runbook> {
        let lines = &self.files.get(file)?.lines;
        lines.iter().find_map(|line| match &line.value {
            Top::Runbook(runbook) => Some(runbook.as_ref()),
            _ => None,
        })
    }
}

/// Reads a file and all that it imports.
pub(super) fn load(
    source: SourceText,
    loader: &dyn Loader,
) -> (Program, Vec<SourceText>, Vec<Diagnostic>) {
    let mut loading = Loading {
        loader,
        sources: vec![source],
        program: Program::default(),
        problems: Vec::new(),
    };
    while loading.program.files.len() < loading.sources.len() {
        loading.next();
    }
    loading.no_rings();
    loading.tear();
    loading.names();
    (loading.program, loading.sources, loading.problems)
}

struct Loading<'a> {
    loader: &'a dyn Loader,
    sources: Vec<SourceText>,
    program: Program,
    problems: Vec<Diagnostic>,
}

impl Loading<'_> {
    /// The next text that was found.
    fn next(&mut self) {
        let at = self.program.files.len();
        let mut unit = Unit::default();
        match parse_source(&self.sources[at].text, at) {
            Err(problems) => {
                self.problems.extend(problems);
                unit.torn = true;
            }
            Ok(file) => unit.lines = file.lines,
        }
        for line in &unit.lines {
            let Top::Import(path) = &line.value else {
                continue;
            };
            let Some(file) = self.import(path, at) else {
                unit.torn = true;
                continue;
            };
            let span = path.span;
            match unit.imports.iter().find(|i| i.file == file) {
                Some(first) => self.problems.push(
                    Diagnostic::new(Code::Duplicate, "the file is imported twice", span)
                        .label("second time")
                        .and(first.span, "first time")
                        .help("keep one of them"),
                ),
                None => unit.imports.push(Import { span, file }),
            }
        }
        let first = self.program.procedures.len();
        for (line, top) in unit.lines.iter().enumerate() {
            if matches!(top.value, Top::Procedure(_)) {
                self.program.procedures.push((at, line));
            }
        }
        unit.own = first..self.program.procedures.len();
        self.program.files.push(unit);
    }

    /// The index of the file at a path.
    fn import(&mut self, path: &Node<Expr>, from: usize) -> Option<usize> {
        let name = plain(path).unwrap_or_default();
        if let Some((label, help)) = fault(path, &name) {
            self.problems.push(
                Diagnostic::new(Code::BadImport, "this path cannot be imported", path.span)
                    .label(label)
                    .help(help),
            );
            return None;
        }
        let found = match self.loader.import(&name, &self.sources[from].name) {
            Ok(found) => found,
            Err(error) => {
                self.missing(&name, path.span, &error);
                return None;
            }
        };
        if let Some(known) = self.sources.iter().position(|s| s.name == found.name) {
            return Some(known);
        }
        let bytes: usize = self.sources.iter().map(|s| s.text.len()).sum();
        let beyond = if self.sources.len() == MAX_FILES {
            Some((
                Code::TooManyItems,
                format!("the runbook is made of more than {MAX_FILES} files"),
            ))
        } else if bytes + found.text.len() > MAX_BYTES {
            let message = "the runbook and what it imports have more than 4 MiB".to_owned();
            Some((Code::TooLarge, message))
        } else {
            None
        };
        if let Some((code, message)) = beyond {
            self.problems.push(
                Diagnostic::new(code, message, path.span)
                    .label("one too many")
                    .help("import what is called and nothing else"),
            );
            return None;
        }
        self.sources.push(found);
        Some(self.sources.len() - 1)
    }

    fn missing(&mut self, name: &str, span: Span, error: &LoadError) {
        let (label, help) = match error {
            LoadError::NotFound { .. } => (
                "no such file",
                "write the path as it is below the directory of the file that imports it",
            ),
            LoadError::Unreadable { .. } => (
                "cannot be read",
                "make the file readable, as UTF-8 text, or import another one",
            ),
        };
        self.problems.push(
            Diagnostic::new(
                Code::ImportMissing,
                format!("import `{name}`: {error}"),
                span,
            )
            .label(label)
            .help(help),
        );
    }

    /// Refuses files that import themselves.
    fn no_rings(&mut self) {
        let edges: Vec<Vec<usize>> = self
            .program
            .files
            .iter()
            .map(|unit| unit.imports.iter().map(|i| i.file).collect())
            .collect();
        for ring in rings(&edges) {
            let unit = &self.program.files[ring.from];
            let (Some(import), Some(first)) = (unit.imports.get(ring.edge), ring.through.first())
            else {
                continue;
            };
            let name = &self.sources[*first].name;
            let way = by_way(ring.through.iter().skip(1).map(|f| &self.sources[*f].name));
            self.problems.push(
                Diagnostic::new(
                    Code::ImportCycle,
                    format!("`{name}` imports itself{way}"),
                    import.span,
                )
                .label("leads back to it")
                .help("move what both need into a third file, and import that"),
            );
        }
    }

    /// A file that imports a torn one lacks its names.
    fn tear(&mut self) {
        let torn: Vec<bool> = self.program.files.iter().map(|u| u.torn).collect();
        for unit in &mut self.program.files {
            unit.torn |= unit.imports.iter().any(|i| torn[i.file]);
        }
    }

    /// What each file can call: its own procedures, and those of the files that it imports.
    fn names(&mut self) {
        for file in 0..self.program.files.len() {
            // Where each name came from: the procedure's own name, or the import.
            let mut places: BTreeMap<String, (usize, Span)> = BTreeMap::new();
            let own = self.program.of_file(file);
            let own = own.map(|(id, p)| (id, p.name.value.clone(), p.name.span));
            let mut all: Vec<(usize, String, Span)> = own.collect();
            let imports = self.program.files[file].imports.iter();
            for import in imports.filter(|i| i.file != file) {
                let of = self.program.of_file(import.file);
                all.extend(of.map(|(id, p)| (id, p.name.value.clone(), import.span)));
            }
            for (id, name, place) in all {
                match places.get(&name) {
                    Some((_, first)) => {
                        let first = *first;
                        self.twice(&name, place, first);
                    }
                    None => {
                        places.insert(name, (id, place));
                    }
                }
            }
            let names = places.into_iter().map(|(name, (id, _))| (name, id));
            self.program.files[file].names = names.collect();
        }
    }

    fn twice(&mut self, name: &str, second: Span, first: Span) {
        self.problems.push(
            Diagnostic::new(
                Code::DuplicateProcedure,
                format!("there are two procedures `{name}`"),
                second,
            )
            .label("second")
            .and(first, "first")
            .help("a name means one thing: rename one of them"),
        );
    }
}

/// ", by way of `a` and `b`".
pub(super) fn by_way<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<String> = names.map(|n| format!("`{n}`")).collect();
    if names.is_empty() {
        String::new()
    } else {
        format!(", by way of {}", names.join(", "))
    }
}

/// What is wrong with a path that is imported, and the help.
fn fault(path: &Node<Expr>, name: &str) -> Option<(&'static str, &'static str)> {
    const BELOW: &str = "name a file below this one's directory, or one that runbook ships: `\"lib/members.etcdrb\"`";
    if plain(path).is_none() {
        return Some((
            "has braces",
            "an import is a plain text, so that a reader knows the file",
        ));
    }
    if name.starts_with(['/', '~']) {
        return Some(("begins outside of the directory", BELOW));
    }
    if name.split('/').any(|part| part == "..") {
        return Some(("leads out of the directory", BELOW));
    }
    let unfit = |c: char| !(c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '/'));
    if name.contains(unfit) {
        return Some((
            "has a character that no import has",
            "a path is written in letters, digits, `.`, `_`, `-` and `/`",
        ));
    }
    if name.split('/').any(|part| part.is_empty() || part == ".") {
        return Some(("has a part that names nothing", BELOW));
    }
    (!name.ends_with(".etcdrb")).then_some((
        "not a file of the language",
        "files of the language end in `.etcdrb`",
    ))
}
