//! Tests of a runbook, as checked: what the simulated cluster is, what befalls it, what is expected of the run.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalogue::GuardName;
use crate::checked::GuardUse;
use crate::expr::Expr;
use crate::span::{Node, Span};

/// `test "..." { ... }`.
#[derive(Clone, Debug)]
pub struct Test {
    /// What it shows.
    pub name: Node<String>,
    /// What is so when the run begins.
    pub given: Given,
    /// What happens, in order.
    pub when: Vec<Node<Happening>>,
    /// What must be so at the end.
    pub expect: Vec<Node<Expectation>>,
}

/// What a test's `given` lines say.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// Members of the cluster, on hosts `etcd1` to `etcdN`; zero: there is no cluster.
    pub members: usize,
    /// Hosts of the group `etcd` behind them, on which nothing runs.
    pub fresh: usize,
    /// Hosts of other groups, by group.
    pub groups: BTreeMap<String, usize>,
    /// Hosts that are not well.
    pub hosts: Vec<(String, HostState)>,
    /// Files that parameters name, by parameter.
    pub files: BTreeMap<String, FileState>,
    /// Version of etcd that the members run.
    pub version: Option<String>,
    /// The store is over its quota, and the alarm raised.
    pub full: bool,
    /// Keys in the store.
    pub keys: Option<u64>,
    /// Revision of the store.
    pub revision: Option<u64>,
    /// Parameters of the run.
    pub parameters: BTreeMap<String, Node<Expr>>,
    /// Variables of all hosts, as the inventory would say them.
    pub variables: BTreeMap<String, Node<Expr>>,
    /// Guards that the operator overrides.
    pub overrides: BTreeSet<String>,
}

impl Given {
    /// The hosts that there are.
    pub fn all_hosts(&self) -> Vec<String> {
        let etcd = (1..=self.members + self.fresh).map(|n| format!("etcd{n}"));
        let others = self
            .groups
            .iter()
            .flat_map(|(group, count)| (1..=*count).map(move |n| format!("{group}{n}")));
        etcd.chain(others).collect()
    }
}

/// What a host is, or becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostState {
    /// Its etcd is stopped.
    Down,
    /// It has no power.
    Dead,
    /// Neither this machine nor the other members reach it.
    Unreachable,
    /// Its member is a learner that was never promoted.
    Learner,
    /// It is powered, reachable, and what ran on it runs again.
    Back,
}

impl HostState {
    /// As written.
    pub const fn as_str(self) -> &'static str {
        match self {
            HostState::Down => "down",
            HostState::Dead => "dead",
            HostState::Unreachable => "unreachable",
            HostState::Learner => "learner",
            HostState::Back => "back",
        }
    }
}

/// What a file on this machine is that a parameter names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileState {
    /// It is not there.
    Missing,
    /// Its bytes are not those that were written.
    Corrupt,
    /// It is a snapshot of another cluster.
    Foreign,
    /// It is a snapshot that no older etcd than this reads.
    OfVersion(String),
}

/// What happens in a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// `etcd2 is dead after "..."`; without a moment: once the run has stopped.
    Befalls {
        /// Hosts.
        hosts: Vec<String>,
        /// What they become.
        state: HostState,
        /// When.
        at: Option<Moment>,
    },
    /// `connection to etcd2 drops in "..."`: the host carries its order out, and its answer is lost.
    Drops {
        /// Host.
        host: String,
        /// The step's place.
        step: Span,
    },
    /// `etcd2 fails in "..."`: its first action there fails, without effect.
    Fails {
        /// Host.
        host: String,
        /// The step's place.
        step: Span,
    },
    /// `runbook is killed after "..."`.
    Killed(Moment),
    /// `operator resumes`.
    Resumes,
    /// `operator rolls back`.
    RollsBack,
}

/// A moment of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// On which side of the step.
    pub side: Side,
    /// The step's place: its head.
    pub step: Span,
}

/// Before, in or after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// As it begins: nothing of it was done.
    Before,
    /// As the first of its hosts is sent its order.
    In,
    /// As it ends.
    After,
}

/// What is expected of a run.
#[derive(Clone, Debug)]
pub enum Expectation {
    /// It ends so; where a guard is named, that one refused.
    End(End, Option<GuardName>),
    /// Everything is as it was before the run.
    NothingChanged,
    /// A proposition about the cluster at the end.
    Guard(Box<GuardUse>),
}

/// How a run ends: each end has its published exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// All done: 0.
    Done,
    /// A step failed: 2.
    Failed,
    /// A guard refused, and nothing was changed: 3.
    Refused,
    /// A host was not reached: 4.
    Unreachable,
    /// It failed, and all was undone: 5.
    RolledBack,
    /// An outcome is not known: 6.
    Unknown,
    /// A person is needed: 9.
    Stuck,
    /// Parameter, inventory or file is bad: 10.
    BadInput,
    /// Killed, and nobody went on with it: 130.
    Interrupted,
}

impl End {
    /// All of them.
    pub const ALL: [End; 9] = [
        End::Done,
        End::Failed,
        End::Refused,
        End::Unreachable,
        End::RolledBack,
        End::Unknown,
        End::Stuck,
        End::BadInput,
        End::Interrupted,
    ];

    /// As written.
    pub const fn as_str(self) -> &'static str {
        match self {
            End::Done => "done",
            End::Failed => "failed",
            End::Refused => "refused",
            End::Unreachable => "unreachable",
            End::RolledBack => "rolled back",
            End::Unknown => "unknown",
            End::Stuck => "stuck",
            End::BadInput => "bad input",
            End::Interrupted => "interrupted",
        }
    }
}
