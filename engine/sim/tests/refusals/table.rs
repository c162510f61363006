//! The matrix: a row a cell.

use super::states::State::{self, *};

type Arguments = &'static [(&'static str, &'static str)];

/// A cell: a shipped runbook on a cluster, or with arguments, that is not fit for it.
pub struct Row {
    pub runbook: &'static str,
    pub arguments: Arguments,
    pub state: State,
    /// Exit code.
    pub code: u8,
    /// What must be said.
    pub says: &'static [&'static str],
}

const fn row(
    (runbook, arguments): (&'static str, Arguments),
    state: State,
    code: u8,
    says: &'static [&'static str],
) -> Row {
    Row {
        runbook,
        arguments,
        state,
        code,
        says,
    }
}

const BACKUP: (&str, Arguments) = ("backup", &[("to", "m.db")]);
const DEPLOY: (&str, Arguments) = ("deploy", &[]);
const MAINTAIN: (&str, Arguments) = ("maintain", &[("to", "m.db")]);
const MEMBER_UPDATE: (&str, Arguments) = ("member-update", &[]);
const PREFLIGHT: (&str, Arguments) = ("preflight", &[]);
const RECOVER_MAJORITY: (&str, Arguments) = ("recover-majority", &[("to", "m.db")]);
const RECOVER_NOSPACE: (&str, Arguments) = ("recover-nospace", &[("to", "m.db")]);
const REPLACE: (&str, Arguments) = ("replace", &[("failed", "etcd3"), ("by", "etcd3")]);
const RESTORE: (&str, Arguments) = ("restore", &[("snapshot", "backup.db")]);
const ROLLING_RESTART: (&str, Arguments) = ("rolling-restart", &[]);
const ROTATE_AUTHORITY: (&str, Arguments) = ("rotate-authority", &[]);
const ROTATE_CERTS: (&str, Arguments) = ("rotate-certs", &[]);
const SCALE_DOWN: (&str, Arguments) = ("scale-down", &[("leaving", "etcd3")]);
const SCALE_UP: (&str, Arguments) = ("scale-up", &[]);
const SET_QUOTA: (&str, Arguments) = ("set-quota", &[]);
const UPGRADE: (&str, Arguments) = ("upgrade", &[("to_version", "3.5.17"), ("to", "m.db")]);

/// Every shipped runbook, with arguments that are right where the third member is what is wrong.
pub const RUNBOOKS: &[(&str, Arguments)] = &[
    BACKUP, DEPLOY, MAINTAIN, MEMBER_UPDATE, PREFLIGHT, RECOVER_MAJORITY, RECOVER_NOSPACE, REPLACE, RESTORE, ROLLING_RESTART,
    ROTATE_AUTHORITY, ROTATE_CERTS, SCALE_DOWN, SCALE_UP, SET_QUOTA, UPGRADE,
];

pub const ROWS: &[Row] = &[
    row(SCALE_DOWN, Formed(4, 3), 3, &["a member `etcd4` that the inventory does not know"]),
];
