//! Host patterns with Ansible's meaning: `a:b`, `a,b`, `a:&b`, `a:!b`, globs, `~regex`, `a[0]`, `a[1:3]`, `@file`. What
//! matches nothing is an error here, and an empty pattern is not `all`.

use std::path::Path;

use indexmap::IndexSet;
use regex::Regex;
use runbook_model::host::HostName;

use crate::files::Files;
use crate::inventory::Inventory;
use crate::syntax::address::recognise;
use crate::syntax::ini::nearest;

/// Why a pattern chooses no hosts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub enum PatternError {
    /// Nothing but blanks and separators.
    #[error("the host pattern `{0}` is empty")]
    #[diagnostic(
        code(runbook::inventory::pattern_empty),
        help("`all` chooses every host")
    )]
    Empty(String),
    /// Neither a host nor a group.
    #[error("`{pattern}` is neither a host nor a group of the inventory")]
    #[diagnostic(code(runbook::inventory::pattern_unknown))]
    Unknown {
        /// The part that matches nothing.
        pattern: String,
        /// The mend.
        #[help]
        help: Option<String>,
    },
    /// A subscript past the end, or backwards.
    #[error("`{pattern}` counts past the {count} hosts that it has")]
    #[diagnostic(
        code(runbook::inventory::pattern_subscript),
        help("the first is [0], the last is [-1], ranges are inclusive: [0:2]")
    )]
    Subscript {
        /// The part.
        pattern: String,
        /// Hosts before the subscript.
        count: usize,
    },
    /// Not a regular expression.
    #[error("`{pattern}` is not a regular expression: {why}")]
    #[diagnostic(
        code(runbook::inventory::pattern_regex),
        help("look-around is not supported: exclude with `:!pattern` instead")
    )]
    Regex {
        /// The part.
        pattern: String,
        /// The reason.
        why: String,
    },
    /// `@file` that cannot be read or names nothing.
    #[error("the list of hosts `{path}` {why}")]
    #[diagnostic(code(runbook::inventory::pattern_file))]
    List {
        /// The path.
        path: String,
        /// The reason.
        why: String,
    },
}

impl Inventory {
    /// The hosts that a pattern chooses, without `@file`. Never empty for want of a match; empty when groups are empty or
    /// exclusions leave nothing.
    pub fn pattern(&self, pattern: &str) -> Result<Vec<HostName>, PatternError> {
        self.choose(pattern, None)
    }

    /// As [`Inventory::pattern`], with `@file`: one pattern a line.
    pub fn pattern_with(
        &self,
        pattern: &str,
        files: &dyn Files,
    ) -> Result<Vec<HostName>, PatternError> {
        self.choose(pattern, Some(files))
    }

    /// Those of `hosts` that `--limit` chooses too, in their order.
    pub fn limit(
        &self,
        hosts: &[HostName],
        limit: &str,
        files: &dyn Files,
    ) -> Result<Vec<HostName>, PatternError> {
        let chosen: IndexSet<HostName> = self.choose(limit, Some(files))?.into_iter().collect();
        Ok(hosts
            .iter()
            .filter(|h| chosen.contains(*h))
            .cloned()
            .collect())
    }

    fn choose(
        &self,
        pattern: &str,
        files: Option<&dyn Files>,
    ) -> Result<Vec<HostName>, PatternError> {
        let mut parts = Vec::new();
        for part in split(pattern) {
            match part.strip_prefix('@') {
                Some(path) => parts.extend(list(path, files)?),
                None => parts.push(part),
            }
        }
        if parts.is_empty() {
            return Err(PatternError::Empty(crate::paths::show(pattern)));
        }
        let of = |first: &[char]| {
            parts
                .iter()
                .filter(|p| p.starts_with(first))
                .cloned()
                .collect::<Vec<_>>()
        };
        let (and, not) = (of(&['&']), of(&['!']));
        let mut plain: Vec<String> = parts
            .iter()
            .filter(|p| !p.starts_with(['&', '!']))
            .cloned()
            .collect();
        if plain.is_empty() {
            plain.push("all".into());
        }
        let mut chosen: IndexSet<&str> = IndexSet::new();
        for part in &plain {
            chosen.extend(self.one(part)?);
        }
        for part in &and {
            let keep = self.one(&part[1..])?;
            chosen.retain(|h| keep.contains(h));
        }
        for part in &not {
            let drop = self.one(&part[1..])?;
            chosen.retain(|h| !drop.contains(h));
        }
        Ok(chosen.into_iter().map(HostName::new).collect())
    }

    /// One part, without its `&` or `!`.
    fn one(&self, part: &str) -> Result<IndexSet<&str>, PatternError> {
        if let Some((name, _)) = self.hosts.get_key_value(part) {
            return Ok(IndexSet::from([name.as_str()]));
        }
        let (name, subscript) = split_subscript(part);
        let found = self.matches(name, part)?;
        let hosts: Vec<&str> = found.into_iter().collect();
        let Some((first, last)) = subscript.filter(|_| !hosts.is_empty()) else {
            return Ok(hosts.into_iter().collect());
        };
        let wrong = || PatternError::Subscript {
            pattern: crate::paths::show(part),
            count: hosts.len(),
        };
        let index = |i: i64| usize::try_from(if i < 0 { i + hosts.len() as i64 } else { i }).ok();
        match last {
            None => {
                let at = index(first)
                    .filter(|i| *i < hosts.len())
                    .ok_or_else(wrong)?;
                Ok(IndexSet::from([hosts[at]]))
            }
            Some(last) => {
                let (from, to) = (
                    index(first).ok_or_else(wrong)?,
                    index(last).ok_or_else(wrong)?,
                );
                let to = to.min(hosts.len() - 1);
                if from > to {
                    return Err(wrong());
                }
                Ok(hosts[from..=to].iter().copied().collect())
            }
        }
    }

    fn matches(&self, name: &str, part: &str) -> Result<IndexSet<&str>, PatternError> {
        let test = Test::new(name)?;
        let groups: Vec<&str> = self
            .groups
            .keys()
            .map(String::as_str)
            .filter(|g| test.holds(g))
            .collect();
        let mut hosts: IndexSet<&str> = IndexSet::new();
        for group in &groups {
            hosts.extend(self.members(group));
        }
        if groups.is_empty() || name.starts_with('~') || name.contains(['.', '?', '*', '[']) {
            hosts.extend(
                self.hosts
                    .keys()
                    .map(String::as_str)
                    .filter(|h| test.holds(h)),
            );
        }
        if hosts.is_empty() && groups.is_empty() {
            return Err(PatternError::Unknown {
                pattern: crate::paths::show(part),
                help: self.mend(name),
            });
        }
        Ok(hosts)
    }

    fn mend(&self, name: &str) -> Option<String> {
        let names = self
            .hosts
            .keys()
            .chain(self.groups.keys())
            .map(String::as_str);
        if let Some(near) = nearest(name, names) {
            return Some(format!("did you mean `{near}`?"));
        }
        match name {
            "localhost" | "127.0.0.1" | "::1" => {
                Some("write it into the inventory: `localhost ansible_connection=local`".into())
            }
            _ => None,
        }
    }
}

/// `a:b`, `a,b`: commas first; colons unless they belong to a range or an address.
fn split(pattern: &str) -> Vec<String> {
    let parts: Vec<&str> = if pattern.contains(',') {
        pattern.split(',').collect()
    } else if recognise(pattern).is_some() {
        vec![pattern]
    } else {
        at_colons(pattern)
    };
    parts
        .into_iter()
        .map(str::trim)
        .filter(|p| !p.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Runs of characters that are neither blanks nor colons, brackets with their content being part of a run.
fn at_colons(pattern: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = None;
    let mut at = 0;
    while let Some(c) = pattern[at..].chars().next() {
        let mut next = at + c.len_utf8();
        let inside = match c {
            '[' => match pattern[at..].find(']') {
                Some(len) => {
                    next = at + len + 1;
                    true
                }
                None => false,
            },
            ']' | ':' => false,
            c => !c.is_whitespace(),
        };
        match (inside, start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                parts.push(&pattern[from..at]);
                start = None;
            }
            _ => {}
        }
        at = next;
    }
    parts.extend(start.map(|from| &pattern[from..]));
    parts
}

fn list(path: &str, files: Option<&dyn Files>) -> Result<Vec<String>, PatternError> {
    let wrong = |why: &str| PatternError::List {
        path: crate::paths::show(path),
        why: why.to_owned(),
    };
    let files = files.ok_or_else(|| wrong("can be given to --limit only"))?;
    let bytes = files
        .read(Path::new(path))
        .map_err(|e| wrong(&format!("cannot be read: {e}")))?;
    let text = String::from_utf8(bytes).map_err(|_| wrong("is not UTF-8 text"))?;
    let lines: Vec<String> = text
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty())
        .map(str::to_owned)
        .collect();
    if lines.is_empty() {
        Err(wrong("is empty"))
    } else {
        Ok(lines)
    }
}

/// First index and, for a range, the last one.
type Subscript = (i64, Option<i64>);

/// `name[1]`, `name[-1]`, `name[1:3]`, `name[1:]`, and `name[1-3]` as of old.
fn split_subscript(part: &str) -> (&str, Option<Subscript>) {
    let none = (part, None);
    if part.starts_with('~') {
        return none;
    }
    let Some((name, inner)) = part.strip_suffix(']').and_then(|p| p.rsplit_once('[')) else {
        return none;
    };
    if name.is_empty() {
        return none;
    }
    let number = |t: &str| {
        t.bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| t.parse::<i64>().ok())
            .flatten()
    };
    if let Some(i) = number(inner).or_else(|| inner.strip_prefix('-').and_then(number).map(|i| -i))
    {
        return (name, Some((i, None)));
    }
    let Some((from, to)) = inner.split_once([':', '-']) else {
        return none;
    };
    match (
        number(from),
        if to.is_empty() { Some(-1) } else { number(to) },
    ) {
        (Some(from), Some(to)) => (name, Some((from, Some(to)))),
        _ => none,
    }
}

/// A glob, or a regular expression after `~`.
enum Test {
    Glob(Vec<Piece>),
    Regex(Box<Regex>),
}

enum Piece {
    One(char),
    Any,
    Many,
    Set(bool, Vec<(char, char)>),
}

impl Test {
    fn new(pattern: &str) -> Result<Self, PatternError> {
        let Some(regex) = pattern.strip_prefix('~') else {
            return Ok(Test::Glob(glob(pattern)));
        };
        // Python matches from the start of the name, not necessarily to its end.
        match Regex::new(&format!("^(?:{regex})")) {
            Ok(r) => Ok(Test::Regex(Box::new(r))),
            Err(e) => {
                let why = e
                    .to_string()
                    .lines()
                    .last()
                    .unwrap_or_default()
                    .trim_start_matches("error: ")
                    .to_owned();
                Err(PatternError::Regex {
                    pattern: crate::paths::show(pattern),
                    why,
                })
            }
        }
    }

    fn holds(&self, name: &str) -> bool {
        match self {
            Test::Regex(r) => r.is_match(name),
            Test::Glob(pieces) => fits(pieces, &name.chars().collect::<Vec<_>>()),
        }
    }
}

/// Python's fnmatch: `*`, `?`, `[seq]`, `[!seq]`; a bracket that is not closed is itself.
fn glob(pattern: &str) -> Vec<Piece> {
    let chars: Vec<char> = pattern.chars().collect();
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let c = chars[at];
        at += 1;
        match c {
            '*' => pieces.push(Piece::Many),
            '?' => pieces.push(Piece::Any),
            '[' => {
                let not = chars.get(at) == Some(&'!');
                let from = at + usize::from(not);
                let search = from + usize::from(chars.get(from) == Some(&']'));
                match chars.iter().skip(search).position(|c| *c == ']') {
                    Some(len) => {
                        pieces.push(Piece::Set(not, set(&chars[from..search + len])));
                        at = search + len + 1;
                    }
                    None => pieces.push(Piece::One('[')),
                }
            }
            c => pieces.push(Piece::One(c)),
        }
    }
    pieces
}

fn set(chars: &[char]) -> Vec<(char, char)> {
    let mut ranges = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        if at + 2 < chars.len() && chars[at + 1] == '-' {
            ranges.push((chars[at], chars[at + 2]));
            at += 3;
        } else {
            ranges.push((chars[at], chars[at]));
            at += 1;
        }
    }
    ranges
}

/// Linear in the name for each star: a star that failed is given one more character, the stars before it never again.
fn fits(pieces: &[Piece], name: &[char]) -> bool {
    let (mut p, mut n, mut retry) = (0, 0, None);
    loop {
        let hit = match pieces.get(p) {
            Some(Piece::Many) => {
                retry = Some((p, n));
                p += 1;
                continue;
            }
            None if n == name.len() => return true,
            None => false,
            Some(piece) => name.get(n).is_some_and(|c| match piece {
                Piece::One(o) => o == c,
                Piece::Set(not, ranges) => ranges.iter().any(|(a, b)| a <= c && c <= b) != *not,
                Piece::Any | Piece::Many => true,
            }),
        };
        if hit {
            (p, n) = (p + 1, n + 1);
            continue;
        }
        match retry {
            Some((star, from)) if from < name.len() => {
                retry = Some((star, from + 1));
                (p, n) = (star + 1, from + 1);
            }
            _ => return false,
        }
    }
}
