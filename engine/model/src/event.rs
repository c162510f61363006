//! What happens in a run, one fact at a time: the journal's records and the reporters' input. State is a fold over them.

use serde::{Deserialize, Serialize};

use crate::action::Outcome;
use crate::guard::Verdict;
use crate::host::HostName;
use crate::plan::Plan;
use crate::quorum::Quorum;
use crate::saved::Reached;

/// A fact with its time and position.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// From 0, without gaps.
    pub seq: u64,
    /// Milliseconds since the epoch, by the control host's clock: for people, never for decisions.
    pub at_ms: i64,
    /// What.
    pub event: Event,
}

/// A fact of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The run begins; carries the whole plan.
    RunStarted {
        /// The plan.
        plan: Box<Plan>,
        /// `user@host` of the operator.
        operator: String,
        /// SHA-256 of the plan file that was carried out; none: planned on the spot.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        saved: Option<String>,
        /// How its hosts were reached; none: a run of before this was kept.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reached: Option<Box<Reached>>,
    },
    /// The cluster's lock was taken on these hosts.
    Locked {
        /// Hosts.
        hosts: Vec<HostName>,
    },
    /// A guard was evaluated on a fresh view.
    GuardChecked {
        /// Step's number; none before the first.
        step: Option<usize>,
        /// Host about to be worked on, where the guard is per host.
        host: Option<HostName>,
        /// As written, arguments filled in.
        text: String,
        /// Verdict.
        verdict: Verdict,
        /// Reason of an override that let the run go on all the same.
        overridden: Option<String>,
    },
    /// A step begins.
    StepStarted {
        /// Its number.
        step: usize,
    },
    /// Intent: from now on the host may have been changed.
    WorkIntended {
        /// Step's number.
        step: usize,
        /// Host.
        host: HostName,
        /// From 1.
        attempt: u32,
        /// The undo actions are what is sent.
        undo: bool,
    },
    /// An action on a host began (not journaled; for live view).
    ActionStarted {
        /// Step's number.
        step: usize,
        /// Host.
        host: HostName,
        /// Index in the host's actions.
        action: usize,
    },
    /// A line of output, or progress of a transfer (not journaled).
    Output {
        /// Step's number.
        step: usize,
        /// Host.
        host: HostName,
        /// Escaped, cut to 200 characters.
        line: String,
        /// Bytes done and in all, for transfers.
        transfer: Option<(u64, u64)>,
    },
    /// Outcome of a host's part of a step: one outcome an action.
    WorkEnded {
        /// Step's number.
        step: usize,
        /// Host.
        host: HostName,
        /// From 1.
        attempt: u32,
        /// The undo actions were sent.
        undo: bool,
        /// In order of the actions.
        outcomes: Vec<Outcome>,
        /// Milliseconds.
        took_ms: u64,
    },
    /// A host was left out.
    HostSkipped {
        /// Step's number.
        step: usize,
        /// Host.
        host: HostName,
        /// Why.
        reason: String,
    },
    /// A step is over on all its hosts.
    StepEnded {
        /// Its number.
        step: usize,
        /// How.
        end: StepEnd,
    },
    /// The quorum was seen to be this.
    QuorumSeen {
        /// Quorum.
        quorum: Quorum,
    },
    /// The operator agreed to what cannot be undone.
    Confirmed {
        /// What was shown.
        prompt: String,
    },
    /// What cannot be undone was begun.
    IrreversiblePassed,
    /// The operator asked to stop (Ctrl-C): running work ends, nothing new starts.
    StopRequested,
    /// Undo begins.
    RollbackStarted {
        /// Why.
        reason: String,
    },
    /// The lock was given back on these hosts.
    Unlocked {
        /// Hosts.
        hosts: Vec<HostName>,
    },
    /// The run is over.
    RunEnded {
        /// How.
        end: RunEnd,
    },
}

impl Event {
    /// Whether the journal keeps it. Output and live progress are not kept.
    pub const fn is_durable(&self) -> bool {
        !matches!(self, Event::Output { .. } | Event::ActionStarted { .. })
    }
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepEnd {
    /// Done on all hosts, nothing changed.
    Unchanged,
    /// Done, something changed.
    Changed,
    /// Left out by the plan.
    Skipped,
    /// A guard said no; nothing was begun on the hosts it guards.
    Refused,
    /// Failed on at least one host.
    Failed,
    /// A host could not be reached.
    Unreachable,
    /// Some outcome is not known.
    Unknown,
    /// An `ensure` did not come true in time.
    NotEnsured,
    /// Stopped by the operator before it was done.
    Interrupted,
}

/// How a run ended; each has its published exit code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "kebab-case")]
pub enum RunEnd {
    /// All done.
    Done {
        /// Whether anything was changed.
        changed: bool,
    },
    /// A guard refused before anything was changed.
    Refused {
        /// Guard's text and verdict.
        reason: String,
    },
    /// A step failed; what was done stays.
    Failed {
        /// Why.
        reason: String,
    },
    /// A host could not be reached; what was done stays.
    Unreachable {
        /// Why.
        reason: String,
    },
    /// A step failed and everything was undone.
    RolledBack {
        /// Why it failed.
        reason: String,
    },
    /// Something was begun whose outcome is not known.
    Unknown {
        /// What.
        reason: String,
    },
    /// Another run holds the lock.
    Locked {
        /// Who, since when.
        holder: String,
    },
    /// An undo failed: a person is needed.
    Stuck {
        /// What.
        reason: String,
    },
    /// Stopped by the operator; can be resumed.
    Interrupted,
}

impl RunEnd {
    /// The published exit code.
    pub const fn exit_code(&self) -> u8 {
        match self {
            RunEnd::Done { .. } => 0,
            RunEnd::Failed { .. } => 2,
            RunEnd::Refused { .. } => 3,
            RunEnd::Unreachable { .. } => 4,
            RunEnd::RolledBack { .. } => 5,
            RunEnd::Unknown { .. } => 6,
            RunEnd::Locked { .. } => 7,
            RunEnd::Stuck { .. } => 9,
            RunEnd::Interrupted => 130,
        }
    }
}
