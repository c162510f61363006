//! Ansible's INI: sections of hosts, `:children` and `:vars`. Text in, statements and problems out; every line that cannot
//! be read is reported, not the first alone.

use std::ops::Range;

use serde_json::Value;

use super::address::{self, expand, split_port};
use super::lines::{lines, strip};
use super::literal;
use super::words::{Unbalanced, split};
use crate::fact::Fact;
use crate::value::names_a_secret;

/// One thing that a file says.
#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    /// `[name]`, `[name:children]`, `[name:vars]`.
    Section(Section, Range<usize>),
    /// A host line: names after ranges, port, variables.
    Hosts(Vec<String>, Option<u64>, Range<usize>, Vec<Assignment>),
    /// A line of `:children`.
    Child(String, Range<usize>),
    /// A line of `:vars`.
    Var(Assignment),
}

/// A section's group and kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// The group.
    pub group: String,
    /// The kind.
    pub kind: SectionKind,
}

/// What a section lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SectionKind {
    /// Hosts.
    Hosts,
    /// Groups.
    Children,
    /// Variables.
    Vars,
}

/// `name=value`.
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    /// The name, as Ansible takes it.
    pub name: String,
    /// The typed value.
    pub value: Value,
    /// Where the value stands.
    pub span: Range<usize>,
}

/// What a file says, and what cannot be read of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ini {
    /// In order.
    pub statements: Vec<Statement>,
    /// Errors and warnings.
    pub problems: Vec<(Fact, Range<usize>)>,
}

/// Reads a file.
pub fn parse(text: &str) -> Ini {
    let mut ini = Ini::default();
    let mut kind = SectionKind::Hosts;
    for line in lines(text) {
        let (cut, stripped) = strip(line.text);
        let at = line.start + cut;
        if stripped.is_empty() || stripped.starts_with(['#', ';']) {
            continue;
        }
        let whole = at..at + stripped.len();
        if let Some((group, tag)) = section(stripped) {
            match section_kind(tag) {
                Some(k) => {
                    kind = k;
                    let span = at + 1..at + 1 + group.len();
                    ini.statements.push(Statement::Section(
                        Section {
                            group: group.to_owned(),
                            kind,
                        },
                        span,
                    ));
                }
                None => {
                    let start = at + 2 + group.len();
                    let tag = tag.unwrap_or_default();
                    let near = nearest(tag, ["children", "vars"]);
                    ini.problems.push((
                        Fact::SectionKind {
                            tag: tag.to_owned(),
                            near,
                        },
                        start..start + tag.len(),
                    ));
                }
            }
            continue;
        }
        if stripped.starts_with('[') && (stripped.ends_with(']') || has_semicolon_comment(stripped))
        {
            ini.problems.push((Fact::BadSection, whole));
            continue;
        }
        match kind {
            SectionKind::Hosts => host_line(stripped, at, &mut ini),
            SectionKind::Vars => var_line(stripped, at, &mut ini),
            SectionKind::Children => match child(stripped) {
                Some(name) => ini
                    .statements
                    .push(Statement::Child(name.to_owned(), at..at + name.len())),
                None => ini.problems.push((Fact::NotGroupName, whole)),
            },
        }
    }
    ini
}

/// `[group]`, `[group:tag]`, then perhaps a comment.
fn section(line: &str) -> Option<(&str, Option<&str>)> {
    let (inner, rest) = line.strip_prefix('[')?.split_once(']')?;
    let rest = rest.trim_start();
    (rest.is_empty() || rest.starts_with('#')).then_some(())?;
    let (group, tag) = match inner.split_once(':') {
        Some((group, tag)) => (group, Some(tag)),
        None => (inner, None),
    };
    let word = |t: &str| !t.is_empty() && t.chars().all(|c| c.is_alphanumeric() || c == '_');
    let ok = !group.is_empty() && !group.contains(char::is_whitespace) && tag.is_none_or(word);
    ok.then_some((group, tag))
}

/// `[web] ; text`: a comment to other readers of INI, to Ansible a host of an odd name.
fn has_semicolon_comment(line: &str) -> bool {
    line.split_once(']')
        .is_some_and(|(_, rest)| rest.trim_start().starts_with(';'))
}

fn section_kind(tag: Option<&str>) -> Option<SectionKind> {
    match tag {
        None | Some("hosts") => Some(SectionKind::Hosts),
        Some("children") => Some(SectionKind::Children),
        Some("vars") => Some(SectionKind::Vars),
        Some(_) => None,
    }
}

fn child(line: &str) -> Option<&str> {
    let end = line
        .find(|c: char| c.is_whitespace() || matches!(c, ':' | ']'))
        .unwrap_or(line.len());
    let rest = line[end..].trim_start();
    // Ansible's pattern lets a `#` be part of a name, when no space stands before it.
    (end > 0 && (rest.is_empty() || rest.starts_with('#'))).then(|| &line[..end])
}

fn var_line(line: &str, at: usize, ini: &mut Ini) {
    let Some((name, value)) = line.split_once('=') else {
        let fact = Fact::NotKeyValue {
            word: crate::paths::show(line),
        };
        return ini.problems.push((fact, at..at + line.len()));
    };
    let start = name.len() + 1;
    let (cut, value) = strip(value);
    let span = at + start + cut..at + start + cut + value.len();
    let name = strip(name).1.to_owned();
    ini.statements.push(Statement::Var(Assignment {
        name,
        value: literal::value(value),
        span,
    }));
}

fn host_line(line: &str, at: usize, ini: &mut Ini) {
    let words = match split(line, true) {
        Ok(words) => words,
        Err(Unbalanced::Quote(i)) => {
            return ini.problems.push((Fact::OpenQuote, at + i..at + i + 1));
        }
        Err(Unbalanced::Escape(i)) => {
            return ini.problems.push((Fact::OpenEscape, at + i..at + i + 1));
        }
    };
    let Some(first) = words.words.first() else {
        return;
    };
    let span = at + first.span.start..at + first.span.end;
    let (names, port) = match host_names(&first.text) {
        Ok(found) => found,
        Err(fact) => {
            ini.problems.push((fact, span.clone()));
            (Vec::new(), None)
        }
    };
    let mut vars = Vec::new();
    for word in &words.words[1..] {
        let place = at + word.span.start..at + word.span.end;
        let Some((name, value)) = word.text.split_once('=') else {
            // What follows an unquoted password with a blank in it is still the password.
            let secret = vars
                .last()
                .is_some_and(|v: &Assignment| names_a_secret(&v.name));
            let word = if secret {
                "…".to_owned()
            } else {
                crate::paths::show(&word.text)
            };
            ini.problems.push((Fact::NotKeyValue { word }, place));
            continue;
        };
        let skip = line[word.span.clone()].find('=').map_or(0, |i| i + 1);
        vars.push(Assignment {
            name: name.to_owned(),
            value: literal::value(value),
            span: place.start + skip..place.end,
        });
    }
    if let Some(cut) = words.cut {
        let name = vars.last().map_or(first.text.clone(), |v| v.name.clone());
        ini.problems
            .push((Fact::CutValue { name }, at + cut..at + line.len()));
    }
    ini.statements
        .push(Statement::Hosts(names, port, span, vars));
}

/// The hosts that a word names, and their port.
pub fn host_names(word: &str) -> Result<(Vec<String>, Option<u64>), Fact> {
    let address = split_port(word);
    let names = if address.host.contains('[') {
        expand(&address.host).map_err(|(range, fault)| Fact::Range {
            range: format!("[{range}]"),
            fault,
        })?
    } else {
        vec![address.host]
    };
    let bad = |why| {
        Err(Fact::HostName {
            name: crate::paths::show(word),
            why,
        })
    };
    if word.trim().ends_with(':') && address.port.is_none() {
        return bad("it ends in `:`, which stands before a port");
    }
    if names.iter().any(|n| n.trim() == "---") {
        return bad("`---` begins a YAML file");
    }
    Ok((names, address.port))
}

/// The hosts of a comma list: no ranges there.
pub fn listed_host(word: &str) -> (String, Option<u64>) {
    match address::recognise(word) {
        Some(a) if !a.host.contains('[') => (a.host, a.port),
        _ => (word.to_owned(), None),
    }
}

/// The nearest of some names, when it is near enough to be a slip.
pub fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let near = |n: &str| strsim::damerau_levenshtein(word, n);
    let limit = (word.chars().count() / 3).clamp(1, 3);
    let best = names
        .into_iter()
        .filter(|n| n.len() < 200 && word.len() < 200)
        .min_by_key(|n| near(n))?;
    (near(best) <= limit && best != word).then(|| best.to_owned())
}
