//! Disks, what they are made of, network cards, and how long a small write takes.

use runbook_model::facts::{BlockDevice, DiskFacts, FsyncFacts, LinkFacts};

use super::ProbeAnswers;
use crate::frame::Frame;
use crate::program::names::path;
use crate::program::probe::usable;

impl ProbeAnswers<'_> {
    pub(super) fn disks(&mut self, text: &str) {
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

    pub(super) fn media(&mut self, frame: &Frame) {
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

    pub(super) fn card(&mut self, frame: &Frame) {
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
}

/// The directory on the first line, then the seconds of one write a line.
pub(super) fn fsync(text: &str) -> Option<FsyncFacts> {
    let (dir, times) = text.split_once('\n')?;
    let seconds: Vec<f64> = times.lines().filter_map(|t| t.parse().ok()).collect();
    FsyncFacts::of(dir, &seconds)
}
