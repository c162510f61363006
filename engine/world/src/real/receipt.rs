//! What an order's records say of its actions.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use runbook_model::action::Outcome;
use runbook_model::facts::HostError;
use runbook_model::host::HostName;
use tokio::io::AsyncRead;

use crate::frame::{Frame, Frames, Piece};
use crate::text::HeadTail;
use crate::transport::{Channel, sudo_error};

/// Bytes of an action's output shown when it failed.
const SHOWN: usize = 4096;

/// A record being put together from its pieces.
#[derive(Debug)]
pub struct Assembly {
    open: Option<Frame>,
    noise: HeadTail,
}

impl Default for Assembly {
    fn default() -> Self {
        Self {
            open: None,
            noise: HeadTail::new(512),
        }
    }
}

impl Assembly {
    /// What came before the first record, escaped.
    pub fn noise(&self) -> String {
        self.noise.shown()
    }
}

/// The next whole record; none at the end of the stream. A payload is cut at the limit. `end` is whole at once.
pub async fn next_frame<R: AsyncRead + Unpin>(
    frames: &mut Frames<R>,
    state: &mut Assembly,
    limit: usize,
) -> Option<Frame> {
    if state.open.as_ref().is_some_and(is_last) {
        return state.open.take();
    }
    loop {
        match frames.next().await {
            Ok(Some(Piece::Head(head))) => {
                let done = state.open.replace(Frame {
                    head,
                    payload: Vec::new(),
                });
                if state.open.as_ref().is_some_and(is_last) {
                    // Nobody waits for another record after it: give out the one before, then this.
                    return match done {
                        Some(done) => Some(done),
                        None => state.open.take(),
                    };
                }
                if done.is_some() {
                    return done;
                }
            }
            Ok(Some(Piece::Data(data))) => match state.open.as_mut() {
                Some(frame) => {
                    let room = limit.saturating_sub(frame.payload.len()).min(data.len());
                    frame.payload.extend_from_slice(&data[..room]);
                }
                None => state.noise.push(&data),
            },
            Ok(None) | Err(_) => return state.open.take().filter(is_last),
        }
    }
}

fn is_last(frame: &Frame) -> bool {
    frame.head == ["end"]
}

/// Why a stream ended before its last record.
pub async fn broken(host: &HostName, channel: &mut Channel, noise: &str) -> HostError {
    let errors = channel.error_text().await;
    if let Some(error) = sudo_error(host, &errors) {
        return error;
    }
    let said: Vec<&str> = [noise.trim(), errors.trim()]
        .into_iter()
        .filter(|t| !t.is_empty())
        .collect();
    let detail = if said.is_empty() {
        "the connection ended".to_owned()
    } else {
        crate::text::cut(&said.join("; "), 600)
    };
    HostError::Garbled {
        host: host.clone(),
        detail,
    }
}

/// Where an order stands that was asked after.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// There is a receipt, or it is being written.
    #[default]
    Told,
    /// It was never begun.
    Never,
    /// It still runs.
    Running,
}

/// An order's records so far.
#[derive(Debug, Default)]
pub struct Receipt {
    /// Where it stands.
    pub standing: Standing,
    begun: BTreeSet<usize>,
    /// By action: the status of its shell.
    ended: BTreeMap<usize, i32>,
    output: BTreeMap<usize, HeadTail>,
    /// Bytes of output dropped on the host.
    dropped: BTreeMap<usize, u64>,
    reason: Option<(usize, Option<i32>, String)>,
    /// Status that the whole left behind; none: not known (yet).
    pub status: Option<String>,
    current: Option<usize>,
    stopped: bool,
    in_reason: bool,
    in_tail: bool,
    /// The last record came.
    pub complete: bool,
    /// The order was refused: the lock that is there.
    pub fenced: Option<String>,
    /// The host could not take the order.
    pub error: Option<String>,
}

impl Receipt {
    /// Takes the head of a record. Whether anything changed for whoever watches: the action that began.
    pub fn head(&mut self, head: &[String]) -> Option<usize> {
        let number = |at: usize| head.get(at).and_then(|w| w.parse::<usize>().ok());
        self.in_reason = false;
        self.in_tail = false;
        match head.first().map_or("", String::as_str) {
            // What came before was for show: the receipt tells all of it again.
            "receipt" => {
                *self = Self {
                    status: head.get(1).cloned(),
                    ..Self::default()
                };
            }
            "begin" => {
                self.current = number(1);
                self.begun.extend(self.current);
                return self.current;
            }
            "end" if head.len() == 1 => self.complete = true,
            "end" => {
                if let (Some(at), Some(status)) =
                    (number(1), head.get(2).and_then(|s| s.parse().ok()))
                {
                    self.ended.insert(at, status);
                }
                self.current = None;
            }
            "more" => {
                if let (Some(at), Some(bytes)) = (number(1), number(2)) {
                    self.dropped.insert(at, bytes as u64);
                    self.current = Some(at);
                    self.in_tail = true;
                }
            }
            "reason" => {
                let status = head.get(2).and_then(|s| s.parse().ok());
                self.reason = number(1).map(|at| (at, status, String::new()));
                self.in_reason = true;
            }
            "never" => self.standing = Standing::Never,
            "running" => self.standing = Standing::Running,
            "stopped" => (self.stopped, self.current) = (true, None),
            "fenced" => self.fenced = Some(String::new()),
            "error" => self.error = Some(String::new()),
            _ => self.current = None,
        }
        None
    }

    /// Takes bytes of the record that is open.
    pub fn data(&mut self, data: &[u8]) {
        if let Some(lock) = self.fenced.as_mut().or(self.error.as_mut()) {
            if lock.len() < 65536 {
                lock.push_str(&String::from_utf8_lossy(data));
            }
            return;
        }
        if self.in_reason {
            if let Some((_, _, text)) = self.reason.as_mut().filter(|(_, _, t)| t.len() < 65536) {
                text.push_str(&String::from_utf8_lossy(data));
            }
            return;
        }
        if let Some(at) = self.current {
            let kept = self
                .output
                .entry(at)
                .or_insert_with(|| HeadTail::new(SHOWN));
            if self.in_tail && self.dropped.contains_key(&at) {
                // The tail's own bytes were counted among those dropped: they are here after all.
                let dropped = self.dropped.entry(at).or_default();
                *dropped = dropped.saturating_sub(data.len() as u64);
            }
            kept.push(data);
        }
    }

    /// Whether the host said that it ended by itself.
    pub fn has_stopped(&self) -> bool {
        self.stopped
    }

    /// Whether output of an action is what comes now.
    pub fn shows_output(&self) -> bool {
        self.current.is_some() && !self.in_reason
    }

    /// One outcome an action. What has no end is `unknown` where it may have begun, for the reason given.
    pub fn outcomes(&self, actions: Range<usize>, why_unknown: &str) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(actions.len());
        let mut over = false;
        for at in actions {
            let outcome = match self.ended.get(&at) {
                // Files renamed by one program: some may be in place behind one that could not be.
                None if over => Outcome::NotStarted,
                Some(0) => Outcome::Done { changed: false },
                Some(10) => Outcome::Done { changed: true },
                Some(status) => {
                    over = true;
                    self.failed(at, *status)
                }
                None => {
                    // A program that a deadline ended is gone: what it had not begun, it never will.
                    over = self.ended_by_deadline() && self.begun.contains(&at);
                    Outcome::Unknown {
                        reason: why_unknown.to_owned(),
                    }
                }
            };
            outcomes.push(outcome);
        }
        outcomes
    }

    /// Whether the host ended it because its time was up.
    pub fn ended_by_deadline(&self) -> bool {
        matches!(self.status.as_deref(), Some("124" | "137"))
    }

    fn failed(&self, at: usize, status: i32) -> Outcome {
        let output = self
            .output
            .get(&at)
            .map(|kept| self.shown(at, kept))
            .unwrap_or_default();
        match &self.reason {
            Some((of, status, reason)) if *of == at && !reason.is_empty() => {
                let reason = crate::text::cut(
                    crate::text::escape(reason.trim_end_matches('\n').as_bytes()).trim(),
                    600,
                );
                Outcome::Failed {
                    status: *status,
                    reason,
                    output,
                }
            }
            _ => Outcome::Failed {
                status: Some(status),
                reason: format!("it ended with status {status}"),
                output,
            },
        }
    }

    fn shown(&self, at: usize, kept: &HeadTail) -> String {
        let text = kept.shown();
        match self.dropped.get(&at) {
            Some(bytes @ 1..) => format!("{text}\n({bytes} bytes more were left out on the host)"),
            _ => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(receipt: &mut Receipt, records: &[(&str, &str)]) {
        for (head, data) in records {
            let words: Vec<String> = head.split(' ').map(str::to_owned).collect();
            receipt.head(&words);
            receipt.data(data.as_bytes());
        }
    }

    #[test]
    fn a_failure_ends_the_order_and_keeps_its_words() {
        let mut receipt = Receipt::default();
        feed(
            &mut receipt,
            &[
                ("live", ""),
                ("begin 0", ""),
                ("receipt 0", ""),
                ("begin 0", ""),
                ("end 0 10", ""),
                ("begin 1", "out\x1b[2J"),
                ("end 1 3", ""),
            ],
        );
        feed(
            &mut receipt,
            &[("reason 1 7", "it broke"), ("stopped", ""), ("end", "")],
        );
        assert!(receipt.complete);
        assert_eq!(
            receipt.outcomes(0..3, "why"),
            [
                Outcome::Done { changed: true },
                Outcome::Failed {
                    status: Some(7),
                    reason: "it broke".into(),
                    output: "out\\x1b[2J".into()
                },
                Outcome::NotStarted
            ]
        );
    }

    #[test]
    fn without_a_receipt_nothing_is_known_but_what_ended() {
        let mut receipt = Receipt::default();
        feed(
            &mut receipt,
            &[
                ("live", ""),
                ("begin 0", ""),
                ("end 0 0", ""),
                ("begin 1", "x"),
            ],
        );
        let unknown = Outcome::Unknown {
            reason: "cut".into(),
        };
        assert_eq!(
            receipt.outcomes(0..3, "cut"),
            [Outcome::Done { changed: false }, unknown.clone(), unknown]
        );
    }

    #[test]
    fn what_a_deadline_kept_from_beginning_never_began() {
        let mut receipt = Receipt::default();
        feed(
            &mut receipt,
            &[("receipt 137", ""), ("begin 0", ""), ("end", "")],
        );
        assert_eq!(
            receipt.outcomes(0..2, "late"),
            [
                Outcome::Unknown {
                    reason: "late".into()
                },
                Outcome::NotStarted
            ]
        );
    }
}
