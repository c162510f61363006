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
const REPLACE: (&str, Arguments) = ("replace", &[("member", "etcd3"), ("with", "etcd3")]);
const RESTORE: (&str, Arguments) = ("restore", &[("snapshot", "backup.db")]);
const ROLLING_RESTART: (&str, Arguments) = ("rolling-restart", &[]);
const ROTATE_AUTHORITY: (&str, Arguments) = ("rotate-authority", &[]);
const ROTATE_CERTS: (&str, Arguments) = ("rotate-certs", &[]);
const SCALE_DOWN: (&str, Arguments) = ("scale-down", &[("member", "etcd3")]);
const SCALE_UP: (&str, Arguments) = ("scale-up", &[]);
const SET_QUOTA: (&str, Arguments) = ("set-quota", &[]);
const UPGRADE: (&str, Arguments) = ("upgrade", &[("version", "3.5.17"), ("to", "m.db")]);

/// Every shipped runbook, with arguments that are right where the third member is what is wrong.
pub const RUNBOOKS: &[(&str, Arguments)] = &[
    BACKUP,
    DEPLOY,
    MAINTAIN,
    MEMBER_UPDATE,
    PREFLIGHT,
    RECOVER_MAJORITY,
    RECOVER_NOSPACE,
    REPLACE,
    RESTORE,
    ROLLING_RESTART,
    ROTATE_AUTHORITY,
    ROTATE_CERTS,
    SCALE_DOWN,
    SCALE_UP,
    SET_QUOTA,
    UPGRADE,
];

/// Warned of, and carried out: an even number, and one beyond seven.
#[rustfmt::skip] // a row a line
pub const WARNED: &[Row] = &[
    row(("scale-down", &[("member", "etcd4")]), Formed(3, 4), 0, &["`etcd4` is no member of the cluster: there is nothing to remove"]),
    row(("replace", &[("member", "etcd4"), ("with", "etcd4")]), Formed(3, 4), 0, &["`etcd4` is no member of the cluster: there is nothing to remove"]),
    row(SCALE_UP, Formed(3, 4), 0, &["4 members afterwards tolerate the loss of 1, as 3 would", "members 3 -> 4: quorum 2 -> 3, may fail 1 -> 1"]),
    row(SCALE_UP, Formed(3, 5), 0, &["members 3 -> 5: quorum 2 -> 3, may fail 1 -> 2"]),
    row(SCALE_UP, Formed(7, 8), 0, &["8 members afterwards: every write waits for 5 of them; 7 are enough", "members 7 -> 8: quorum 4 -> 5, may fail 3 -> 3"]),
    row(SCALE_DOWN, Formed(3, 3), 0, &["2 members afterwards tolerate the loss of 0, as 1 would", "members 3 -> 2: quorum 2 -> 2, may fail 1 -> 0"]),
    row(("scale-down", &[("member", "etcd2")]), MixedVersions, 0, &["an upgrade is half-way"]),
    // What lies or does not answer beside the cluster is none of a removal's business.
    row(SCALE_DOWN, DirtyNewcomer, 0, &[]),
    row(SCALE_DOWN, DeadNewcomer, 0, &[]),
    row(REPLACE, Formed(3, 4), 0, &[]),
    row(("scale-down", &[("member", "etcd4")]), Learner, 0, &[]),
    row(("scale-down", &[("member", "etcd4,etcd5")]), TwoDead, 0, &[]),
    // The first of two runs names both that are lost.
    row(("replace", &[("member", "etcd4"), ("with", "etcd4"), ("also", "etcd5")]), OneOfTwoIsBack, 0, &["members 5 -> 4: quorum 3 -> 3, may fail 2 -> 1"]),
];

/// Refused, with nothing changed.
#[rustfmt::skip] // a row a line
pub const ROWS: &[Row] = &[
    row(ROLLING_RESTART, Formed(1, 1), 3, &["stopping `etcd1` would lose quorum", "one member alone has nobody to stand in for it"]),
    row(MAINTAIN, Formed(3, 4), 3, &["the cluster does not know `etcd4`", "`scale-up.etcdrb` makes members of them"]),
    row(MEMBER_UPDATE, Formed(3, 4), 3, &["the cluster does not know `etcd4`", "`scale-up.etcdrb` makes members of them"]),
    row(ROLLING_RESTART, Formed(3, 4), 3, &["the cluster does not know `etcd4`", "`scale-up.etcdrb` makes members of them"]),
    row(ROTATE_AUTHORITY, Formed(3, 4), 3, &["the cluster does not know `etcd4`", "`scale-up.etcdrb` makes members of them"]),
    row(ROTATE_CERTS, Formed(3, 4), 3, &["the cluster does not know `etcd4`", "`scale-up.etcdrb` makes members of them"]),
    row(SET_QUOTA, Formed(3, 4), 3, &["the cluster does not know `etcd4`", "`scale-up.etcdrb` makes members of them"]),
    row(UPGRADE, Formed(3, 4), 3, &["the cluster does not know `etcd4`", "`scale-up.etcdrb` makes members of them"]),
    row(DEPLOY, Formed(3, 5), 3, &["the cluster does not know `etcd4`, `etcd5`", "`scale-up.etcdrb` makes members of them"]),
    row(ROLLING_RESTART, Formed(7, 8), 3, &["the cluster does not know `etcd8`", "`scale-up.etcdrb` makes members of them"]),
    row(DEPLOY, Formed(4, 3), 3, &["a member `etcd4` that the inventory does not know", "add its host to the inventory's group; `scale-down.etcdrb` then removes it"]),
    row(MAINTAIN, Formed(4, 3), 3, &["a member `etcd4` that the inventory does not know", "add its host to the inventory's group; `scale-down.etcdrb` then removes it"]),
    row(MEMBER_UPDATE, Formed(4, 3), 3, &["a member `etcd4` that the inventory does not know", "add its host to the inventory's group; `scale-down.etcdrb` then removes it"]),
    row(REPLACE, Formed(4, 3), 3, &["a member `etcd4` that the inventory does not know", "add its host to the inventory's group; `scale-down.etcdrb` then removes it"]),
    row(ROLLING_RESTART, Formed(4, 3), 3, &["a member `etcd4` that the inventory does not know", "add its host to the inventory's group; `scale-down.etcdrb` then removes it"]),
    row(ROTATE_AUTHORITY, Formed(4, 3), 3, &["a member `etcd4` that the inventory does not know", "add its host to the inventory's group; `scale-down.etcdrb` then removes it"]),
    row(SCALE_DOWN, Formed(4, 3), 3, &["a member `etcd4` that the inventory does not know", "add its host to the inventory's group; `scale-down.etcdrb` then removes it"]),
    row(SCALE_UP, Formed(4, 3), 3, &["a member `etcd4` that the inventory does not know", "add its host to the inventory's group; `scale-down.etcdrb` then removes it"]),
    row(SET_QUOTA, Formed(4, 3), 3, &["a member `etcd4` that the inventory does not know", "add its host to the inventory's group; `scale-down.etcdrb` then removes it"]),
    row(UPGRADE, Formed(4, 3), 3, &["a member `etcd4` that the inventory does not know", "add its host to the inventory's group; `scale-down.etcdrb` then removes it"]),
    row(DEPLOY, Formed(3, 4), 10, &["has 4 hosts (etcd1, etcd2, etcd3, etcd4)", "4 members tolerate as many failures as 3: take a host out of the group"]),
    row(DEPLOY, Formed(7, 8), 10, &["has 8 hosts", "8 members tolerate as many failures as 7"]),
    row(RESTORE, Formed(3, 4), 10, &["has 4 hosts (etcd1, etcd2, etcd3, etcd4)", "4 members tolerate as many failures as 3: take a host out of the group"]),
    row(RESTORE, Formed(7, 8), 10, &["has 8 hosts", "8 members tolerate as many failures as 7"]),
    row(RECOVER_MAJORITY, Formed(3, 4), 10, &["has 4 hosts (etcd1, etcd2, etcd3, etcd4)", "4 members tolerate as many failures as 3: take a host out of the group"]),
    row(RECOVER_MAJORITY, Formed(7, 8), 10, &["has 8 hosts", "8 members tolerate as many failures as 7"]),
    row(SCALE_UP, DirtyNewcomer, 3, &["`/var/lib/etcd` on `etcd4` holds", "`mv /var/lib/etcd /var/lib/etcd.old` on `etcd4` sets it aside"]),
    row(("replace", &[("member", "etcd3"), ("with", "etcd4")]), DirtyNewcomer, 3, &["`/var/lib/etcd` on `etcd4` holds", "`mv /var/lib/etcd /var/lib/etcd.old` on `etcd4` sets it aside"]),
    row(SCALE_UP, DeadNewcomer, 4, &["`etcd4` is unreachable"]),
    row(PREFLIGHT, DeadNewcomer, 4, &["`etcd4` is unreachable"]),
    row(MAINTAIN, DeadNewcomer, 4, &["`etcd4` is unreachable"]),
    row(SET_QUOTA, DeadNewcomer, 4, &["`etcd4` is unreachable"]),
    row(UPGRADE, DeadNewcomer, 4, &["`etcd4` is unreachable"]),
    row(("replace", &[("member", "etcd3"), ("with", "etcd4")]), DeadNewcomer, 4, &["`etcd4` is unreachable", "mend it, or name another one"]),
    row(SCALE_UP, MixedNewcomer, 3, &["an upgrade is half-way", "`etcd3` 3.6.1", "finish it first: `upgrade.etcdrb`"]),
    row(MEMBER_UPDATE, MixedVersions, 3, &["an upgrade is half-way", "`etcd3` 3.6.1", "finish it first: `upgrade.etcdrb`"]),
    row(("replace", &[("member", "etcd2"), ("with", "etcd2")]), MixedVersions, 3, &["an upgrade is half-way", "`etcd3` 3.6.1", "finish it first: `upgrade.etcdrb`"]),
    row(DEPLOY, Alarm, 3, &["alarm NOSPACE is active on `etcd2`", "`recover-nospace.etcdrb` frees room and disarms it"]),
    row(MAINTAIN, Alarm, 3, &["alarm NOSPACE is active on `etcd2`", "`recover-nospace.etcdrb` frees room and disarms it"]),
    row(MEMBER_UPDATE, Alarm, 3, &["alarm NOSPACE is active on `etcd2`", "`recover-nospace.etcdrb` frees room and disarms it"]),
    row(REPLACE, Alarm, 3, &["alarm NOSPACE is active on `etcd2`", "`recover-nospace.etcdrb` frees room and disarms it"]),
    row(ROLLING_RESTART, Alarm, 3, &["alarm NOSPACE is active on `etcd2`", "`recover-nospace.etcdrb` frees room and disarms it"]),
    row(ROTATE_AUTHORITY, Alarm, 3, &["alarm NOSPACE is active on `etcd2`", "`recover-nospace.etcdrb` frees room and disarms it"]),
    row(SCALE_DOWN, Alarm, 3, &["alarm NOSPACE is active on `etcd2`", "`recover-nospace.etcdrb` frees room and disarms it"]),
    row(UPGRADE, Alarm, 3, &["alarm NOSPACE is active on `etcd2`", "`recover-nospace.etcdrb` frees room and disarms it"]),
    row(SCALE_DOWN, AlarmAndDeadHost, 3, &["alarm NOSPACE is active on `etcd2`", "`recover-nospace.etcdrb` frees room and disarms it"]),
    row(MAINTAIN, Learner, 3, &["`etcd4` (https://10.0.0.4:2380) is a learner left half-way", "`runbook resume` or `runbook rollback`", "`scale-down.etcdrb` with `-e member=etcd4`"]),
    row(MEMBER_UPDATE, Learner, 3, &["`etcd4` (https://10.0.0.4:2380) is a learner left half-way", "`runbook resume` or `runbook rollback`", "`scale-down.etcdrb` with `-e member=etcd4`"]),
    row(REPLACE, Learner, 3, &["`etcd4` (https://10.0.0.4:2380) is a learner left half-way", "`runbook resume` or `runbook rollback`", "`scale-down.etcdrb` with `-e member=etcd4`"]),
    row(ROLLING_RESTART, Learner, 3, &["`etcd4` (https://10.0.0.4:2380) is a learner left half-way", "`runbook resume` or `runbook rollback`", "`scale-down.etcdrb` with `-e member=etcd4`"]),
    row(ROTATE_AUTHORITY, Learner, 3, &["`etcd4` (https://10.0.0.4:2380) is a learner left half-way", "`runbook resume` or `runbook rollback`", "`scale-down.etcdrb` with `-e member=etcd4`"]),
    row(ROTATE_CERTS, Learner, 3, &["`etcd4` (https://10.0.0.4:2380) is a learner left half-way", "`runbook resume` or `runbook rollback`", "`scale-down.etcdrb` with `-e member=etcd4`"]),
    row(SCALE_DOWN, Learner, 3, &["`etcd4` (https://10.0.0.4:2380) is a learner left half-way", "`runbook resume` or `runbook rollback`", "`scale-down.etcdrb` with `-e member=etcd4`"]),
    row(SCALE_UP, Learner, 3, &["`etcd4` (https://10.0.0.4:2380) is a learner left half-way", "`runbook resume` or `runbook rollback`", "`scale-down.etcdrb` with `-e member=etcd4`"]),
    row(SET_QUOTA, Learner, 3, &["`etcd4` (https://10.0.0.4:2380) is a learner left half-way", "`runbook resume` or `runbook rollback`", "`scale-down.etcdrb` with `-e member=etcd4`"]),
    row(UPGRADE, Learner, 3, &["`etcd4` (https://10.0.0.4:2380) is a learner left half-way", "`runbook resume` or `runbook rollback`", "`scale-down.etcdrb` with `-e member=etcd4`"]),
    row(DEPLOY, UnknownLearner, 3, &["(https://10.0.0.4:2380) that the inventory does not know", "add its host to the inventory's group; `scale-down.etcdrb` then removes it"]),
    row(MAINTAIN, UnknownLearner, 3, &["(https://10.0.0.4:2380) that the inventory does not know", "add its host to the inventory's group; `scale-down.etcdrb` then removes it"]),
    row(MEMBER_UPDATE, UnknownLearner, 3, &["(https://10.0.0.4:2380) that the inventory does not know", "add its host to the inventory's group; `scale-down.etcdrb` then removes it"]),
    row(REPLACE, UnknownLearner, 3, &["(https://10.0.0.4:2380) that the inventory does not know", "add its host to the inventory's group; `scale-down.etcdrb` then removes it"]),
    row(ROLLING_RESTART, UnknownLearner, 3, &["(https://10.0.0.4:2380) that the inventory does not know", "add its host to the inventory's group; `scale-down.etcdrb` then removes it"]),
    row(ROTATE_AUTHORITY, UnknownLearner, 3, &["(https://10.0.0.4:2380) that the inventory does not know", "add its host to the inventory's group; `scale-down.etcdrb` then removes it"]),
    row(SCALE_DOWN, UnknownLearner, 3, &["(https://10.0.0.4:2380) that the inventory does not know", "add its host to the inventory's group; `scale-down.etcdrb` then removes it"]),
    row(SCALE_UP, UnknownLearner, 3, &["(https://10.0.0.4:2380) that the inventory does not know", "add its host to the inventory's group; `scale-down.etcdrb` then removes it"]),
    row(SET_QUOTA, UnknownLearner, 3, &["(https://10.0.0.4:2380) that the inventory does not know", "add its host to the inventory's group; `scale-down.etcdrb` then removes it"]),
    row(UPGRADE, UnknownLearner, 3, &["(https://10.0.0.4:2380) that the inventory does not know", "add its host to the inventory's group; `scale-down.etcdrb` then removes it"]),
    row(DEPLOY, DeadHost, 4, &["`etcd3` is unreachable"]),
    row(MAINTAIN, DeadHost, 4, &["`etcd3` is unreachable"]),
    row(MEMBER_UPDATE, DeadHost, 4, &["`etcd3` is unreachable"]),
    row(PREFLIGHT, DeadHost, 4, &["`etcd3` is unreachable"]),
    row(RESTORE, DeadHost, 4, &["`etcd3` is unreachable"]),
    row(ROLLING_RESTART, DeadHost, 4, &["`etcd3` is unreachable"]),
    row(ROTATE_AUTHORITY, DeadHost, 4, &["`etcd3` is unreachable"]),
    row(ROTATE_CERTS, DeadHost, 4, &["`etcd3` is unreachable"]),
    row(SET_QUOTA, DeadHost, 4, &["`etcd3` is unreachable"]),
    row(UPGRADE, DeadHost, 4, &["`etcd3` is unreachable"]),
    row(REPLACE, DeadHost, 4, &["`etcd3` is unreachable", "mend it, or name another one"]),
    row(MAINTAIN, DownMember, 3, &["`etcd3` is down", "start it again; if it is lost, `replace.etcdrb` brings it back, and `scale-down.etcdrb` with `-e member=etcd3` takes it out"]),
    row(MEMBER_UPDATE, DownMember, 3, &["`etcd3` is down", "start it again; if it is lost, `replace.etcdrb` brings it back, and `scale-down.etcdrb` with `-e member=etcd3` takes it out"]),
    row(ROLLING_RESTART, DownMember, 3, &["`etcd3` is down", "start it again; if it is lost, `replace.etcdrb` brings it back, and `scale-down.etcdrb` with `-e member=etcd3` takes it out"]),
    row(ROTATE_AUTHORITY, DownMember, 3, &["`etcd3` is down", "start it again; if it is lost, `replace.etcdrb` brings it back, and `scale-down.etcdrb` with `-e member=etcd3` takes it out"]),
    row(ROTATE_CERTS, DownMember, 3, &["`etcd3` is down", "start it again; if it is lost, `replace.etcdrb` brings it back, and `scale-down.etcdrb` with `-e member=etcd3` takes it out"]),
    row(SET_QUOTA, DownMember, 3, &["`etcd3` is down", "start it again; if it is lost, `replace.etcdrb` brings it back, and `scale-down.etcdrb` with `-e member=etcd3` takes it out"]),
    row(UPGRADE, DownMember, 3, &["`etcd3` is down", "start it again; if it is lost, `replace.etcdrb` brings it back, and `scale-down.etcdrb` with `-e member=etcd3` takes it out"]),
    row(("scale-down", &[("member", "etcd1")]), DownMember, 3, &["without `etcd1` 1 of 2 voters are healthy", "remove fewer of those that are healthy"]),
    row(("replace", &[("member", "etcd1"), ("with", "etcd1")]), DownMember, 3, &["without `etcd1` 1 of 2 voters are healthy", "remove fewer of those that are healthy"]),
    row(SCALE_DOWN, TwoDead, 4, &["`etcd4` is unreachable", "what is lost as well leaves in the same run, by name"]),
    row(REPLACE, TwoDead, 4, &["`etcd5` is unreachable", "what is lost as well leaves in this run, with `-e also=HOST`"]),
    row(("replace", &[("member", "etcd4"), ("with", "etcd4")]), OneOfTwoIsBack, 4, &["`etcd5` is unreachable", "what is lost as well leaves in this run, with `-e also=HOST`"]),
    row(REPLACE, DownMajority, 3, &["`recover-majority.etcdrb` goes on from what a survivor has"]),
    row(SCALE_DOWN, DownMajority, 3, &["`recover-majority.etcdrb` goes on from what a survivor has"]),
    row(SET_QUOTA, DownMajority, 3, &["`recover-majority.etcdrb` goes on from what a survivor has"]),
    row(MEMBER_UPDATE, DownMajority, 3, &["`recover-majority.etcdrb` goes on from what a survivor has"]),
    row(UPGRADE, DownMajority, 3, &["`recover-majority.etcdrb` goes on from what a survivor has"]),
    row(RECOVER_MAJORITY, Formed(3, 3), 3, &["While quorum lives, "]),
    row(RECOVER_MAJORITY, DownMember, 3, &["While quorum lives, "]),
    row(RESTORE, Formed(3, 3), 3, &["While quorum lives, "]),
    row(RESTORE, DownMember, 3, &["While quorum lives, "]),
    row(RECOVER_MAJORITY, DeadMajority, 4, &["`etcd2`, `etcd3` may be alive behind a partition or hung", "--override attested-dead"]),
    row(RECOVER_MAJORITY, DeadHost, 3, &["While quorum lives, replace.etcdrb"]),
    row(RECOVER_MAJORITY, Fresh, 10, &["the target `one` is empty", "`runbook status` shows who serves"]),
    row(RESTORE, Fresh, 10, &["`etcd1` has no service `etcd`", "`deploy.etcdrb` makes a member's unit"]),
    row(BACKUP, Fresh, 3, &["No member answers"]),
    row(("scale-down", &[("member", "etcd9")]), Formed(3, 3), 10, &["the inventory has no host `etcd9`", "it has etcd1, etcd2, etcd3"]),
    row(("scale-down", &[("member", "etcd1,etcd2,etcd3")]), Formed(3, 3), 10, &["is empty", "name others, or fewer"]),
    row(("scale-down", &[("member", "")]), Formed(3, 3), 10, &["is not a list of hosts of the group `etcd`"]),
    row(("scale-down", &[]), Formed(3, 3), 10, &["the parameter `member` has no value", "-e member=HOST"]),
    row(("replace", &[("member", "etcd9"), ("with", "etcd3")]), Formed(3, 3), 10, &["the inventory has no host `etcd9`", "it has etcd1, etcd2, etcd3"]),
    row(("replace", &[("member", "etcd3"), ("with", "etcd9")]), Formed(3, 3), 10, &["the inventory has no host `etcd9`"]),
    row(("replace", &[("member", "etcd3"), ("with", "etcd1")]), Formed(3, 3), 3, &["`etcd1` is a member of the cluster already", "name a host that is no member yet"]),
    row(("member-update", &[("port", "2380")]), Formed(3, 3), 10, &["the runbook `member-update` has no parameter `port`"]),
    row(("upgrade", &[("version", "3.7.0"), ("to", "m.db")]), Formed(3, 3), 3, &["3.7.0 skips a minor", "one minor at a time: 3.6 first"]),
    row(UPGRADE, Formed(3, 3), 3, &["the inventory installs nothing (etcd_install=present)", "put etcd 3.5.17 there first"]),
];

/// What is said next, as the guide has it: each stands in a cell and in the guide's table.
pub const DOCUMENTED: &[&str] = &[
    "name a host that is no member yet",
    "name others, or fewer",
    "`mv /var/lib/etcd /var/lib/etcd.old`",
    "add its host to the inventory's group; `scale-down.etcdrb` then removes it, if it is not wanted",
    "`scale-up.etcdrb` makes members of them; or take them out of the inventory's group",
    "`runbook resume` or `runbook rollback` of the run that added it; or take it out: `scale-down.etcdrb` with `-e member=",
    "start it again; if it is lost, `replace.etcdrb` brings it back",
    "`recover-nospace.etcdrb` frees room and disarms it",
    "finish it first: `upgrade.etcdrb` with the newer version",
    "`recover-majority.etcdrb` goes on from what a survivor has, `restore.etcdrb` from a snapshot",
    "take a host out of the group, or add one",
    "what is lost as well leaves in th",
];
