//! The plan: what a reviewer reads and the executor carries out. Versioned data; the same inputs give the same bytes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::guard::{Guard, Verdict};
use crate::host::{HostName, MemberSpec};
use crate::quorum::Quorum;

/// Format of [`Plan`] and of the journal.
pub const PLAN_VERSION: u32 = 1;

/// A run, decided before it starts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Plan {
    /// [`PLAN_VERSION`].
    pub version: u32,
    /// This tool's version.
    pub tool: String,
    /// Run id: also in paths and tokens. Derived from inputs in dry runs, fresh for a real one.
    pub run: String,
    /// Runbook's name.
    pub runbook: String,
    /// Its `about`.
    pub about: String,
    /// Where its text came from and what it hashes to.
    pub sources: Vec<Source>,
    /// Cluster's name.
    pub cluster: String,
    /// Parameters as shown: no secrets.
    pub parameters: Vec<Parameter>,
    /// Targets resolved.
    pub targets: BTreeMap<String, Vec<HostName>>,
    /// Members concerned, by host.
    pub members: BTreeMap<HostName, MemberSpec>,
    /// Quorum as observed at plan time.
    pub quorum_before: Quorum,
    /// Whole runbook is already so: reason. Then `items` is empty.
    pub converged: Option<String>,
    /// Guards checked before anything starts.
    pub requires: Vec<PlannedGuard>,
    /// In order.
    pub items: Vec<PlanItem>,
    /// What a failure leads to.
    pub on_failure: OnFailure,
    /// Warnings for the reviewer.
    pub warnings: Vec<String>,
}

/// How the reason begins for which a rehearsal leaves a step of its runbook out.
pub const NOT_REHEARSED: &str = "not rehearsed: ";

impl Plan {
    /// Whether it rehearses a runbook beside the living cluster.
    pub fn is_rehearsal(&self) -> bool {
        self.steps()
            .flat_map(|s| &s.work)
            .flat_map(|w| &w.actions)
            .any(|a| matches!(a.action, Action::RehearseMember { .. }))
    }

    /// Steps in order, outages opened.
    pub fn steps(&self) -> impl Iterator<Item = &PlanStep> {
        self.items.iter().filter_map(|item| match item {
            PlanItem::Step(step) => Some(step.as_ref()),
            _ => None,
        })
    }

    /// The first step before the one of this number that is not already so, or of which that cannot be told before it runs.
    pub fn undone_before(&self, number: usize) -> Option<&PlanStep> {
        let mut before = self.steps().take_while(|step| step.number < number);
        before.find(|step| step.skipped.is_none() && step.may_change().next().is_some())
    }

    /// Whether any action is expected to change anything, or cannot be told.
    pub fn changes(&self) -> bool {
        self.steps()
            .flat_map(|s| &s.work)
            .flat_map(|w| &w.actions)
            .any(|a| !matches!(a.change, Change::None { .. }))
    }
}

/// A text that the plan stands on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Source {
    /// Path, or `embedded:restore.etcdrb`.
    pub name: String,
    /// Lower-case hex.
    pub sha256: String,
    /// The text itself, so that failures can point at its lines also after the file changed.
    pub text: String,
}

/// Where in a source something stands: byte offsets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Place {
    /// Index into [`Plan::sources`].
    pub source: usize,
    /// First byte.
    pub start: usize,
    /// After the last byte.
    pub end: usize,
}

/// A parameter's value as shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Parameter {
    /// Name.
    pub name: String,
    /// Value, `********` for a secret.
    pub value: String,
    /// `command line`, `host`, `group etcd (prod.inv:3)`, `default`.
    pub from: String,
}

/// A guard in the plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PlannedGuard {
    /// The guard.
    pub guard: Guard,
    /// `not GUARD`: the verdict's opposite is wanted (unknown stays unknown). `verdict` is that of the whole.
    #[serde(default)]
    pub negated: bool,
    /// As the runbook writes it, arguments filled in.
    pub text: String,
    /// Verdict on the view at plan time; on the predicted view for guards inside the run.
    pub verdict: Verdict,
    /// `else` message.
    pub otherwise: Option<String>,
    /// Name of the override that the runbook declares for it.
    pub override_name: Option<String>,
    /// Reason given with `--override`, if it was.
    pub overridden: Option<String>,
    /// Only warns.
    pub warn_only: bool,
    /// Milliseconds that an `ensure` may take; none for `require`.
    pub within_ms: Option<u64>,
    /// Where it stands.
    pub place: Place,
}

/// An element of the run's order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "item", rename_all = "kebab-case")]
pub enum PlanItem {
    /// A step, and a barrier after it.
    Step(Box<PlanStep>),
    /// From here the cluster may be without quorum.
    OutageBegins {
        /// Why.
        reason: String,
    },
    /// Until here.
    OutageEnds,
    /// The operator is asked before the run goes on; by `--yes` the answer is given beforehand.
    Confirm {
        /// What the operator confirms.
        prompt: String,
    },
    /// After this nothing can be undone. Asks nothing: a [`PlanItem::Confirm`] stands where the operator is asked.
    Irreversible {
        /// What happens here, in words.
        prompt: String,
    },
    /// A condition that must come true.
    Ensure(Box<PlannedGuard>),
}

/// Work on several hosts under one title.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PlanStep {
    /// Position among steps from 1.
    pub number: usize,
    /// Title.
    pub title: String,
    /// Where it stands.
    pub place: Place,
    /// Order among hosts.
    pub strategy: Strategy,
    /// Hosts whose member leads go last.
    pub leader_last: bool,
    /// Milliseconds for one host's program.
    pub timeout_ms: u64,
    /// Attempts after the first.
    pub retries: u32,
    /// Milliseconds between attempts.
    pub retry_pause_ms: u64,
    /// What an unreachable host means.
    pub on_unreachable: OnUnreachable,
    /// Re-checked on a fresh view before each host's (or batch's) effect.
    pub requires: Vec<PlannedGuard>,
    /// Must come true after the step (on its hosts) before the barrier opens.
    pub ensures: Vec<PlannedGuard>,
    /// Per host, in inventory order. Work of the control host itself stands under the host it is for.
    pub work: Vec<HostWork>,
    /// Whole step left out: reason.
    pub skipped: Option<String>,
    /// Predicted after the step.
    pub quorum_after: Quorum,
}

impl PlanStep {
    /// The hosts on which something is to be changed, or of which that cannot be told.
    pub fn may_change(&self) -> impl Iterator<Item = &HostName> {
        let so = |a: &PlannedAction| matches!(a.change, Change::None { .. } | Change::Reads);
        let works = self.work.iter();
        let open = works.filter(move |work| !work.actions.iter().all(so));
        open.map(|work| &work.host)
    }
}

/// One host's part of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HostWork {
    /// The host.
    pub host: HostName,
    /// In order; one program, one round trip.
    pub actions: Vec<PlannedAction>,
}

/// An action with what it will do here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PlannedAction {
    /// What.
    pub action: Action,
    /// In words: `write /etc/etcd/etcd.conf`.
    pub summary: String,
    /// Predicted effect.
    pub change: Change,
    /// How to take it back; none: cannot be.
    pub undo: Vec<Action>,
    /// Where the verb stands.
    pub place: Place,
}

/// Predicted effect of an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum Change {
    /// Already so.
    None {
        /// What was found.
        found: String,
    },
    /// It will change.
    Changes {
        /// `stopped -> running`, `absent -> 41 MiB`.
        summary: String,
        /// Unified diff, for text.
        diff: Option<String>,
    },
    /// Depends on what is not known before the run.
    Unknown {
        /// Why.
        why: String,
    },
    /// A shell command: nothing is known of its effect.
    Opaque,
    /// Reads only.
    Reads,
}

/// Order among a step's hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Strategy {
    /// All at once (within the fork limit).
    Parallel,
    /// This many at a time.
    Rolling {
        /// At a time.
        batch: usize,
    },
    /// As many at once as the quorum budget allows on a fresh view.
    RollingQuorumSafe,
}

/// What an unreachable host means to a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum OnUnreachable {
    /// The step fails.
    Fail,
    /// Try again for this long.
    Wait {
        /// Milliseconds.
        limit_ms: u64,
    },
    /// Leave the host out and say so.
    Skip,
}

/// What a failure leads to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// Stop where it is; `resume` or `rollback` later.
    #[default]
    Pause,
    /// Undo what was done.
    Rollback,
    /// Undo if nothing irreversible was passed, else pause.
    RollbackBeforeIrreversible,
}
