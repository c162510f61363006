//! A probe's records back to facts.

mod api_server;
mod hardware;
mod host;
mod lock;
mod network;
mod paths;
mod ports;
mod services;

use std::collections::BTreeMap;

use runbook_model::facts::{HostFacts, ProbeRequest, ServiceFacts, Tool};

use crate::frame::Frame;
use hardware::fsync;
use host::os;
pub(crate) use lock::lock;
use paths::Stat;
use ports::{proc_listeners, ss_listeners};

/// Tools as a host had them the last time: the file's `INODE SIZE MTIME PATH`, and what running it told.
pub type Known = BTreeMap<String, (String, Tool)>;

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
            "connect" => self.connect(frame),
            "connects-none" => self.not_tried("it has no `bash` and `timeout` to try it with"),
            "api-manifest" | "api-unreadable" | "api-unit" => self.api_server(frame),
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
            self.facts.clock_offset_ms = super::clock::offset(host_ms, began_ms, ended_ms);
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

    /// What was asked and is not there is there as absent.
    fn absent(&mut self) {
        self.not_tried("it was not tried");
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
}
