//! A receipt as it comes in, told to whoever watches.

use std::collections::BTreeSet;

use runbook_run::world::Progress;
use tokio::sync::mpsc::UnboundedSender;

use super::receipt::Receipt;

/// The receipt as it comes in, told to whoever watches.
pub(super) struct Watch<'a> {
    pub receipt: Receipt,
    /// A record came over the present connection.
    pub seen: bool,
    progress: &'a UnboundedSender<Progress>,
    announced: BTreeSet<usize>,
    line: Vec<u8>,
}

impl<'a> Watch<'a> {
    pub fn new(progress: &'a UnboundedSender<Progress>) -> Self {
        Self {
            receipt: Receipt::default(),
            seen: false,
            progress,
            announced: BTreeSet::new(),
            line: Vec::new(),
        }
    }

    pub fn head(&mut self, head: &[String]) {
        self.flush();
        if let Some(at) = self.receipt.head(head)
            && self.announced.insert(at)
        {
            let _ = self.progress.send(Progress::Started(at));
        }
    }

    pub fn data(&mut self, data: &[u8]) {
        self.receipt.data(data);
        // Once the receipt is told there is nothing new in it.
        if self.receipt.status.is_some() || !self.receipt.shows_output() {
            return;
        }
        for byte in data {
            match byte {
                b'\n' => self.flush(),
                // A line longer than anybody reads is shown by its beginning.
                other if self.line.len() < 1024 => self.line.push(*other),
                _ => {}
            }
        }
    }

    fn flush(&mut self) {
        if !self.line.is_empty() {
            let _ = self
                .progress
                .send(Progress::Line(crate::text::line(&self.line)));
            self.line.clear();
        }
    }
}
