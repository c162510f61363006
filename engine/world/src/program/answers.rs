//! A probe's records back to facts.

use std::collections::BTreeMap;

use runbook_model::facts::{
    BlockDevice, COMPARED_SETTINGS, DataDirFacts, DirFacts, DiskFacts, EtcdProcess, FileFacts,
    FileKind, FsyncFacts, HostFacts, LinkFacts, Listener, LockFacts, ProbeRequest, ServiceFacts,
    Tool,
};
use sha2::{Digest, Sha256};

use super::names::path;
use super::probe::{systemd_units, usable};
use crate::frame::Frame;

/// Tools as a host had them the last time: the file's `INODE SIZE MTIME PATH`, and what running it told.
pub type Known = BTreeMap<String, (String, Tool)>;

/// One path as `stat` sees it.
#[derive(Clone, Debug, Default)]
struct Stat {
    kind: FileKind,
    mode: u32,
    owner: String,
    group: String,
    size: u64,
    mount: String,
}

/// Records of one probe, read one after the other.
#[derive(Debug)]
pub struct ProbeAnswers<'a> {
    request: &'a ProbeRequest,
    facts: HostFacts,
    stats: BTreeMap<String, Stat>,
    hashes: BTreeMap<String, String>,
    contents: BTreeMap<usize, Vec<u8>>,
    /// Tools found; what is known of them is kept for the next probe.
    tools: Known,
    /// Host's clock when it answered, milliseconds since the epoch.
    host_ms: Option<i64>,
    ended: bool,
}

impl<'a> ProbeAnswers<'a> {
    /// No answer yet.
    pub fn new(request: &'a ProbeRequest) -> Self {
        Self {
            request,
            facts: HostFacts::default(),
            stats: BTreeMap::new(),
            hashes: BTreeMap::new(),
            contents: BTreeMap::new(),
            tools: Known::new(),
            host_ms: None,
            ended: false,
        }
    }

    /// Whether the last record came.
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// Reads a record; `known` are tools as they were found before.
    pub fn read(&mut self, frame: &Frame, known: &Known) {
        match frame.tag() {
            "clock" => {
                self.host_ms = frame
                    .head
                    .get(1)
                    .and_then(|ns| ns.parse::<i64>().ok())
                    .map(|ns| ns / 1_000_000)
            }
            "base" => self.base(&frame.text()),
            "os" => self.facts.os = os(&frame.text()),
            "tool" => self.tool(&frame.text(), known),
            "stats" => self.read_stats(&frame.payload),
            "hashes" => self.read_hashes(&frame.payload),
            "contents" => self.read_contents(frame),
            "names" => self.names(frame),
            "certificate" => {
                let found = frame
                    .number(0)
                    .and_then(|at| self.request.certificates.get(at));
                if let (Some(path), false) = (found, frame.payload.is_empty()) {
                    self.facts.certificates.insert(path.clone(), frame.text());
                }
            }
            "used" | "data-dir" | "origin" | "aside" => self.data_dir(frame),
            "disks" => self.disks(&frame.text()),
            "media" => self.media(frame),
            "card" => self.card(frame),
            "fsync" => self.facts.fsync = fsync(&frame.text()),
            "ss" => self.ports(ss_listeners(&frame.text())),
            "proc-net" => self.ports(proc_listeners(&frame.text())),
            "units" => self.units(&frame.text()),
            "at-boot" => self.at_boot(&frame.text()),
            "process" => self.process(frame),
            "users" => self.users(&frame.payload),
            "packages" => self.packages(&frame.text()),
            "etcd" => self.etcd(frame),
            "lock" => self.facts.lock = lock(&frame.text()),
            "end" => self.ended = true,
            _ => {}
        }
    }

    /// The facts, and what is known of the tools. The round trip began and ended at these times of the control host's clock.
    pub fn finish(mut self, began_ms: i64, ended_ms: i64) -> (HostFacts, Known) {
        if let Some(host_ms) = self.host_ms {
            self.facts.clock_offset_ms = host_ms - (began_ms + ended_ms) / 2;
        }
        self.files();
        self.dirs();
        self.data_dirs();
        self.absent();
        self.facts.tools = super::probe::TOOLS
            .iter()
            .filter_map(|t| self.tools.get(*t))
            .map(|(_, t)| t.clone())
            .collect();
        (self.facts, self.tools)
    }

    fn base(&mut self, text: &str) {
        let mut lines = text.lines().map(str::to_owned);
        let mut next = || lines.next().unwrap_or_default();
        self.facts.machine_id = next();
        self.facts.boot_id = next();
        self.facts.hostname = next();
        self.facts.arch = next();
        self.facts.cores = next().parse().unwrap_or(0);
        self.facts.memory_bytes = next().parse::<u64>().unwrap_or(0) * 1024;
        self.facts.user = next();
        self.facts.has_systemd = next() == "1";
    }

    fn tool(&mut self, text: &str, known: &Known) {
        let mut lines = text.splitn(5, '\n');
        let mut next = || lines.next().unwrap_or_default();
        let (name, file, path, can, said) = (next(), next(), next(), next(), next());
        let print = format!("{file} {path}");
        if !can.starts_with('f') {
            if let Some((_, before)) = known.get(name).filter(|(p, _)| *p == print) {
                // Where it is the host says, whatever was remembered.
                let tool = Tool {
                    name: name.to_owned(),
                    path: path.to_owned(),
                    ..before.clone()
                };
                self.tools.insert(name.to_owned(), (print, tool));
            }
            return;
        }
        let tool = Tool {
            name: name.to_owned(),
            path: path.to_owned(),
            version: version(said),
            restore_bump: can.contains('b'),
            can_restore: can.contains('r'),
        };
        self.tools.insert(name.to_owned(), (print, tool));
    }

    fn read_stats(&mut self, payload: &[u8]) {
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

    fn read_hashes(&mut self, payload: &[u8]) {
        for line in payload.split(|b| *b == 0) {
            let text = String::from_utf8_lossy(line);
            // `HEX`, a blank, a blank or `*`, the name.
            if let (Some(hex), Some(name)) = (text.get(..64), text.get(66..)) {
                self.hashes.insert(name.to_owned(), hex.to_owned());
            }
        }
    }

    fn names(&mut self, frame: &Frame) {
        let Some(asked) = frame.number(0).and_then(|at| self.request.dirs.get(at)) else {
            return;
        };
        let names = frame.payload.split(|b| *b == 0).filter(|n| !n.is_empty());
        let entries = names
            .map(|n| String::from_utf8_lossy(n).into_owned())
            .collect();
        self.facts.dirs.entry(asked.clone()).or_default().entries = entries;
    }

    fn data_dir(&mut self, frame: &Frame) {
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
    fn read_contents(&mut self, frame: &Frame) {
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

    fn files(&mut self) {
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

    fn dirs(&mut self) {
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

    fn data_dirs(&mut self) {
        for asked in &self.request.data_dirs {
            let facts: &mut DataDirFacts = self.facts.data_dirs.entry(asked.clone()).or_default();
            let Ok(asked) = path(asked) else { continue };
            if let Some(stat) = self.stats.get(&asked) {
                facts.mount_point |= stat.mount == asked;
            }
        }
    }

    /// What was asked and is not there is there as absent.
    fn absent(&mut self) {
        for port in &self.request.ports {
            self.facts.ports.entry(*port).or_insert(None);
        }
        for user in &self.request.users {
            self.facts.users.entry(user.clone()).or_insert(false);
        }
        for package in &self.request.packages {
            self.facts.packages.entry(package.clone()).or_insert(None);
        }
        for query in &self.request.services {
            self.facts
                .services
                .entry(query.unit.clone())
                .or_insert_with(|| ServiceFacts {
                    active: "inactive".to_owned(),
                    ..ServiceFacts::default()
                });
        }
    }

    fn disks(&mut self, text: &str) {
        for (asked, line) in usable(&self.request.disks)
            .into_iter()
            .zip(text.lines().skip(1))
        {
            let mut words = line.split_whitespace();
            let mut number = || words.next().and_then(|w| w.parse().ok()).unwrap_or(0);
            let (available, total) = (number(), number());
            let mount = words.collect::<Vec<_>>().join(" ");
            for key in self
                .request
                .disks
                .iter()
                .filter(|d| path(d).as_ref() == Ok(&asked))
            {
                self.facts.disks.insert(
                    key.clone(),
                    DiskFacts {
                        available,
                        total,
                        mount: mount.clone(),
                    },
                );
            }
        }
    }

    fn media(&mut self, frame: &Frame) {
        let Some(asked) = frame.number(0).and_then(|at| self.request.media.get(at)) else {
            return;
        };
        let device = |line: &str| {
            let mut words = line.split(' ');
            let name = words.next().filter(|n| !n.is_empty())?.to_owned();
            let rotational = match words.next() {
                Some("1") => Some(true),
                Some("0") => Some(false),
                _ => None,
            };
            Some(BlockDevice { name, rotational })
        };
        let devices = frame.text().lines().filter_map(device).collect();
        self.facts.media.insert(asked.clone(), devices);
    }

    fn card(&mut self, frame: &Frame) {
        let Some(asked) = frame.number(0).and_then(|at| self.request.links.get(at)) else {
            return;
        };
        let text = frame.text();
        let mut words = text.split_whitespace();
        let interface = words.next().unwrap_or_default().to_owned();
        // The kernel says -1 of one that is down.
        let mbit = words.next().and_then(|speed| speed.parse().ok());
        let link = LinkFacts { interface, mbit };
        self.facts.links.insert(asked.clone(), link);
    }

    fn ports(&mut self, listeners: Vec<(u16, Listener)>) {
        for (port, listener) in listeners {
            if self.request.ports.contains(&port) {
                self.facts.ports.insert(port, Some(listener));
            }
        }
    }

    fn units(&mut self, text: &str) {
        let units = systemd_units(&self.request.services);
        for (unit, block) in units.into_iter().zip(text.split("\n\n")) {
            let value = |key: &str| {
                block
                    .lines()
                    .find_map(|l| l.strip_prefix(key)?.strip_prefix('='))
                    .unwrap_or_default()
            };
            let sources = [value("FragmentPath")]
                .into_iter()
                .chain(value("DropInPaths").split_whitespace());
            let facts = ServiceFacts {
                exists: value("LoadState") != "not-found",
                enabled: false,
                active: value("ActiveState").to_owned(),
                pid: value("MainPID").parse().unwrap_or(0),
                restarts: value("NRestarts").parse().unwrap_or(0),
                sources: sources
                    .filter(|s| !s.is_empty())
                    .map(str::to_owned)
                    .collect(),
            };
            self.facts.services.insert(unit.to_owned(), facts);
        }
    }

    fn at_boot(&mut self, text: &str) {
        let units = systemd_units(&self.request.services);
        for (unit, state) in units.into_iter().zip(text.lines()) {
            let enabled = matches!(
                state,
                "enabled" | "enabled-runtime" | "static" | "alias" | "generated"
            );
            if let Some(facts) = self.facts.services.get_mut(unit) {
                facts.enabled = enabled;
            }
        }
    }

    fn process(&mut self, frame: &Frame) {
        let Some(query) = frame.number(0).and_then(|at| self.request.services.get(at)) else {
            return;
        };
        let running = frame.number(2) == Some(1);
        let facts = ServiceFacts {
            exists: frame.number(1) == Some(1),
            active: if running { "active" } else { "inactive" }.to_owned(),
            pid: if running {
                frame
                    .number(3)
                    .and_then(|p| u32::try_from(p).ok())
                    .unwrap_or(0)
            } else {
                0
            },
            ..ServiceFacts::default()
        };
        self.facts.services.insert(query.unit.clone(), facts);
    }

    fn users(&mut self, payload: &[u8]) {
        for user in payload.split(|b| *b == 0).filter(|u| !u.is_empty()) {
            self.facts
                .users
                .insert(String::from_utf8_lossy(user).into_owned(), true);
        }
    }

    fn packages(&mut self, text: &str) {
        for line in text.lines() {
            if let [package, version, "installed"] = line.split(' ').collect::<Vec<_>>()[..] {
                self.facts
                    .packages
                    .insert(package.to_owned(), Some(version.to_owned()));
            }
        }
    }

    fn etcd(&mut self, frame: &Frame) {
        let Some(pid) = frame.number(0).and_then(|p| u32::try_from(p).ok()) else {
            return;
        };
        let text = frame.text();
        let parts: Vec<&str> = text.split("\n=\n").collect();
        let (flags, env, cwd) = (
            parts.first(),
            parts.get(1),
            parts.get(2).map_or("", |c| c.trim_end_matches('\n')),
        );
        // etcd lets a flag win over the environment.
        let found = flags
            .and_then(|f| flag_value(f))
            .or_else(|| env.and_then(|e| e.lines().last()).map(str::to_owned));
        let data_dir = found.filter(|d| !d.is_empty()).map(|d| {
            if d.starts_with('/') {
                d
            } else {
                format!("{cwd}/{d}")
            }
        });
        let started = parts.get(3).unwrap_or(&"");
        let settings = started.lines().filter_map(|l| l.split_once('='));
        let settings = settings
            .filter(|(name, _)| COMPARED_SETTINGS.contains(name))
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        self.facts.etcd_processes.push(EtcdProcess {
            pid,
            data_dir,
            settings: settings.collect(),
        });
    }
}

/// The directory on the first line, then the seconds of one write a line.
fn fsync(text: &str) -> Option<FsyncFacts> {
    let (dir, times) = text.split_once('\n')?;
    let seconds: Vec<f64> = times.lines().filter_map(|t| t.parse().ok()).collect();
    FsyncFacts::of(dir, &seconds)
}

/// `--data-dir=X`, or `--data-dir` and `X` on the next line.
fn flag_value(lines: &str) -> Option<String> {
    let mut lines = lines.lines();
    let flag = lines.next()?;
    match flag.split_once('=') {
        Some((_, value)) => Some(value.to_owned()),
        None => lines.next().map(str::to_owned),
    }
}

fn os(text: &str) -> String {
    let value = |key: &str| {
        let found = text
            .lines()
            .find_map(|l| l.strip_prefix(key))
            .unwrap_or_default();
        found.trim_matches(['"', '\'']).to_owned()
    };
    format!("{} {}", value("ID="), value("VERSION_ID="))
        .trim()
        .to_owned()
}

/// The first word of the form `3.5.16`.
fn version(said: &str) -> String {
    let is_version = |w: &&str| w.contains('.') && w.starts_with(|c: char| c.is_ascii_digit());
    said.split_whitespace()
        .find(is_version)
        .unwrap_or_default()
        .to_owned()
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

/// `LISTEN 0 128 127.0.0.1:2379 0.0.0.0:* users:(("etcd",pid=7,fd=3))`.
fn ss_listeners(text: &str) -> Vec<(u16, Listener)> {
    let line = |l: &str| {
        let port = l
            .split_whitespace()
            .nth(3)?
            .rsplit_once(':')?
            .1
            .parse()
            .ok()?;
        let user = l.split_once("users:((\"").map(|(_, rest)| rest);
        let command = user
            .and_then(|u| u.split_once('"'))
            .map(|(c, _)| c.to_owned())
            .unwrap_or_default();
        let pid = user
            .and_then(|u| u.split_once("pid="))
            .and_then(|(_, p)| p.split([',', ')']).next()?.parse().ok());
        Some((
            port,
            Listener {
                command,
                pid: pid.unwrap_or(0),
            },
        ))
    };
    text.lines().filter_map(line).collect()
}

/// `0: 0100007F:094B 00000000:0000 0A ...`.
fn proc_listeners(text: &str) -> Vec<(u16, Listener)> {
    let line = |l: &str| {
        let port = l.split_whitespace().nth(1)?.rsplit_once(':')?.1;
        Some((u16::from_str_radix(port, 16).ok()?, Listener::default()))
    };
    text.lines().filter_map(line).collect()
}

/// A lock file: the run on the first line, JSON after it.
pub(crate) fn lock(text: &str) -> Option<LockFacts> {
    let (run, json) = text.split_once('\n')?;
    let found = serde_json::from_str::<LockFacts>(json).ok();
    found.or_else(|| {
        (!run.is_empty()).then(|| LockFacts {
            run: run.to_owned(),
            holder: String::new(),
            since: String::new(),
        })
    })
}

#[cfg(test)]
mod tests;
