//! Files and directories, data dirs among them.

use runbook_model::facts::{DataDirFacts, DirFacts, FileFacts, FileKind};
use sha2::{Digest, Sha256};

use super::ProbeAnswers;
use crate::frame::Frame;
use crate::program::names::path;

/// One path as `stat` sees it.
#[derive(Clone, Debug, Default)]
pub(super) struct Stat {
    kind: FileKind,
    mode: u32,
    owner: String,
    group: String,
    size: u64,
    mount: String,
}

impl ProbeAnswers<'_> {
    pub(super) fn read_stats(&mut self, payload: &[u8]) {
        let fields: Vec<&[u8]> = payload.split(|b| *b == 0).collect();
        for pair in fields.chunks_exact(2) {
            let (facts, name) = (
                String::from_utf8_lossy(pair[0]),
                String::from_utf8_lossy(pair[1]),
            );
            if let Some(stat) = stat(&facts) {
                self.stats.insert(name.into_owned(), stat);
            }
        }
    }

    pub(super) fn read_hashes(&mut self, payload: &[u8]) {
        for line in payload.split(|b| *b == 0) {
            let text = String::from_utf8_lossy(line);
            // `HEX`, a blank, a blank or `*`, the name.
            if let (Some(hex), Some(name)) = (text.get(..64), text.get(66..)) {
                self.hashes.insert(name.to_owned(), hex.to_owned());
            }
        }
    }

    pub(super) fn names(&mut self, frame: &Frame) {
        let Some(asked) = frame.number(0).and_then(|at| self.request.dirs.get(at)) else {
            return;
        };
        let names = frame.payload.split(|b| *b == 0).filter(|n| !n.is_empty());
        let entries = names
            .map(|n| String::from_utf8_lossy(n).into_owned())
            .collect();
        self.facts.dirs.entry(asked.clone()).or_default().entries = entries;
    }

    pub(super) fn data_dir(&mut self, frame: &Frame) {
        let Some(asked) = frame
            .number(0)
            .and_then(|at| self.request.data_dirs.get(at))
        else {
            return;
        };
        let facts = self.facts.data_dirs.entry(asked.clone()).or_default();
        match frame.tag() {
            "used" => facts.bytes = frame.head.get(2).and_then(|b| b.parse().ok()).unwrap_or(0),
            "data-dir" => {
                facts.exists = true;
                facts.has_member = frame.number(1) == Some(1);
                facts.empty = frame.number(2) == Some(1);
                let text = frame.text();
                let (owner, real) = text.split_once('\n').unwrap_or_default();
                facts.owner = owner.to_owned();
                // A link to elsewhere cannot be renamed any more than a mount point can.
                facts.mount_point = path(asked).is_ok_and(|p| p != real.trim_end_matches('\n'));
            }
            "origin" => facts.origin = serde_json::from_slice(&frame.payload).ok(),
            _ => facts.aside = newest_first(&frame.payload),
        }
    }

    /// Contents stand one after the other, cut at their limits. Each must have the digest that its file had: one that was changed
    /// meanwhile is as one that was not asked for.
    pub(super) fn read_contents(&mut self, frame: &Frame) {
        let mut rest = frame.payload.as_slice();
        let indices = frame
            .head
            .iter()
            .skip(1)
            .filter_map(|w| w.parse::<usize>().ok());
        for at in indices {
            let query = self.request.files.get(at);
            let found = query.and_then(|q| Some((q.content_limit, path(&q.path).ok()?)));
            let Some((limit, stat, hash)) = found.and_then(|(limit, path)| {
                Some((limit, self.stats.get(&path)?, self.hashes.get(&path)?))
            }) else {
                return;
            };
            let length = stat.size.min(limit.saturating_add(1));
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            let (content, after) = rest.split_at(length.min(rest.len()));
            rest = after;
            if hex::encode(Sha256::digest(content)) == *hash {
                self.contents.insert(at, content.to_vec());
            }
        }
    }

    pub(super) fn files(&mut self) {
        for (at, query) in self.request.files.iter().enumerate() {
            let Some(stat) = path(&query.path)
                .ok()
                .and_then(|p| self.stats.get(&p).cloned())
            else {
                self.facts
                    .files
                    .insert(query.path.clone(), FileFacts::default());
                continue;
            };
            let text = self
                .contents
                .get(&at)
                .filter(|bytes| bytes.len() as u64 <= query.content_limit);
            let hash = match text {
                Some(bytes) => Some(hex::encode(Sha256::digest(bytes))),
                None => path(&query.path)
                    .ok()
                    .and_then(|p| self.hashes.get(&p).cloned()),
            };
            let content = text.and_then(|bytes| String::from_utf8(bytes.clone()).ok());
            let Stat {
                kind,
                mode,
                owner,
                group,
                size,
                ..
            } = stat;
            let facts = FileFacts {
                kind,
                mode,
                owner,
                group,
                size,
                sha256: hash,
                content,
            };
            self.facts.files.insert(query.path.clone(), facts);
        }
    }

    pub(super) fn dirs(&mut self) {
        for asked in &self.request.dirs {
            let facts = self.facts.dirs.entry(asked.clone()).or_default();
            if let Some(stat) = path(asked).ok().and_then(|p| self.stats.get(&p)) {
                let DirFacts {
                    exists,
                    mode,
                    owner,
                    group,
                    ..
                } = facts;
                (*exists, *mode) = (stat.kind == FileKind::Dir, stat.mode);
                (*owner, *group) = (stat.owner.clone(), stat.group.clone());
            }
        }
    }

    pub(super) fn data_dirs(&mut self) {
        for asked in &self.request.data_dirs {
            let facts: &mut DataDirFacts = self.facts.data_dirs.entry(asked.clone()).or_default();
            let Ok(asked) = path(asked) else { continue };
            if let Some(stat) = self.stats.get(&asked) {
                facts.mount_point |= stat.mount == asked;
            }
        }
    }
}

/// `%f %u %U %g %G %s %Y %m`.
fn stat(text: &str) -> Option<Stat> {
    let mut words = text.splitn(8, ' ');
    let raw = u32::from_str_radix(words.next()?, 16).ok()?;
    let named = |number: &str, name: &str| {
        if name == "UNKNOWN" {
            number.to_owned()
        } else {
            name.to_owned()
        }
    };
    let owner = named(words.next()?, words.next()?);
    let group = named(words.next()?, words.next()?);
    let size = words.next()?.parse().ok()?;
    let kind = match raw & 0o170_000 {
        0o100_000 => FileKind::File,
        0o040_000 => FileKind::Dir,
        0o120_000 => FileKind::Link,
        _ => FileKind::Other,
    };
    Some(Stat {
        kind,
        mode: raw & 0o7777,
        owner,
        group,
        size,
        mount: words.nth(1)?.to_owned(),
    })
}

fn newest_first(payload: &[u8]) -> Vec<String> {
    let entries = payload.split(|b| *b == 0).filter(|e| !e.is_empty());
    let mut dated: Vec<(i64, String)> = entries
        .filter_map(|entry| {
            let text = String::from_utf8_lossy(entry);
            let (date, name) = text.split_once(' ')?;
            Some((date.parse().ok()?, name.to_owned()))
        })
        .collect();
    dated.sort_by(|a, b| b.cmp(a));
    dated.into_iter().map(|(_, name)| name).collect()
}
