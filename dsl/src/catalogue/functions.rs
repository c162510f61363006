//! Functions: expressions that name hosts or read a file.

use super::args::{PATH, TEXT, at};
use super::{Argument, ArgumentType, Type};

/// A function of the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Function {
    /// `group(NAME)`
    Group,
    /// `hosts("PATTERN")`
    Hosts,
    /// `first(TARGET)`
    First,
    /// `leader(TARGET)`
    Leader,
    /// `followers(TARGET)`
    Followers,
    /// `gone(TARGET)`
    Gone,
    /// `best(TARGET)`
    Best,
    /// `furthest(TARGET)`
    Furthest,
    /// `listed(TARGET)`
    Listed,
    /// `unlisted(TARGET)`
    Unlisted,
    /// `snapshot.inspect(PATH)`
    SnapshotInspect,
}

/// A function's row.
#[derive(Clone, Debug)]
pub struct FunctionRow {
    /// Which.
    pub function: Function,
    /// As written.
    pub name: &'static str,
    /// Arguments, all by position.
    pub arguments: &'static [Argument],
    /// Type of its value.
    pub result: Type,
    /// Whether it can give no host although its argument has some.
    pub may_be_empty: bool,
    /// One sentence: what it gives.
    pub doc: &'static str,
    /// Example.
    pub example: &'static str,
}

const TARGET: &[Argument] = &[at("target", ArgumentType::Target, "hosts to choose from")];

const fn of_target(
    function: Function,
    name: &'static str,
    may_be_empty: bool,
    doc: &'static str,
    example: &'static str,
) -> FunctionRow {
    FunctionRow {
        function,
        name,
        arguments: TARGET,
        result: Type::Target,
        may_be_empty,
        doc,
        example,
    }
}

/// Every function, in the order of the reference.
pub static FUNCTIONS: &[FunctionRow] = &[
    FunctionRow {
        function: Function::Group,
        name: "group",
        arguments: &[at(
            "name",
            ArgumentType::WordOrText,
            "group of the inventory",
        )],
        result: Type::Target,
        may_be_empty: false,
        doc: "the hosts of a group of the inventory; none where the inventory lacks the group",
        example: "target members = group(etcd)",
    },
    FunctionRow {
        function: Function::Hosts,
        name: "hosts",
        arguments: &[at("pattern", TEXT, "host pattern as Ansible reads it")],
        result: Type::Target,
        may_be_empty: false,
        doc: "the hosts that an Ansible host pattern selects",
        example: "target canary = hosts(\"etcd:&blue:!etcd3\")",
    },
    of_target(
        Function::First,
        "first",
        false,
        "the first host, in inventory order",
        "step \"Try it on one\" on first(members) { ... }",
    ),
    of_target(
        Function::Leader,
        "leader",
        true,
        "the host whose member leads; none where nobody leads",
        "target boss = leader(members) expect any",
    ),
    of_target(
        Function::Followers,
        "followers",
        true,
        "the hosts whose members serve and do not lead",
        "target others = followers(members) expect any",
    ),
    of_target(
        Function::Gone,
        "gone",
        true,
        "the hosts that do not answer: they are never contacted; one that refuses a login, its key or sudo is not gone",
        "target alive = members except gone(members)",
    ),
    of_target(
        Function::Best,
        "best",
        false,
        "one member: serving, furthest ahead, not the leader where another will do",
        "step \"Save the snapshot\" on best(members) { ... }",
    ),
    of_target(
        Function::Furthest,
        "furthest",
        false,
        "one member: serving, with the latest revision, whether it leads or not",
        "target survivor = furthest(members)",
    ),
    of_target(
        Function::Listed,
        "listed",
        true,
        "the hosts whose members the cluster lists, when the run begins; all of them where no member tells",
        "target formed = listed(members) expect any",
    ),
    of_target(
        Function::Unlisted,
        "unlisted",
        true,
        "the hosts whose members the cluster does not list, when the run begins; none where no member tells",
        "target newcomers = unlisted(members) expect any",
    ),
    FunctionRow {
        function: Function::SnapshotInspect,
        name: "snapshot.inspect",
        arguments: &[at("path", PATH, "snapshot file on this machine")],
        result: Type::Snapshot,
        may_be_empty: false,
        doc: "what the snapshot reader finds in a file: size, revision, sha256, hash, total-keys",
        example: "let snap = snapshot.inspect(snapshot)",
    },
];

impl Function {
    /// Its row.
    pub fn row(self) -> &'static FunctionRow {
        // INVARIANT: a test holds that every function has a row.
        FUNCTIONS
            .iter()
            .find(|r| r.function == self)
            .unwrap_or(&FUNCTIONS[0])
    }

    /// As written in a runbook.
    pub fn as_str(self) -> &'static str {
        self.row().name
    }

    /// The function of this name.
    pub fn parse(name: &str) -> Option<Self> {
        FUNCTIONS
            .iter()
            .find(|r| r.name == name)
            .map(|r| r.function)
    }
}
