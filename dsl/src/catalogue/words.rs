//! Words that shape a file: what `explain` says of them.

/// A word's row.
#[derive(Clone, Copy, Debug)]
pub struct WordRow {
    /// The word.
    pub name: &'static str,
    /// How it is written.
    pub form: &'static str,
    /// What it means, a paragraph.
    pub doc: &'static str,
    /// Example: lines of a file that can import what runbook ships.
    pub example: &'static str,
}

/// Words by which files share steps and say what they prove.
pub static WORDS: &[WordRow] = &[
    WordRow {
        name: "import",
        form: "import PATH",
        doc: "A file of procedures, by its path below the directory of the file that says so, else among those that runbook ships (`runbook view` lists them). Stands at the top of a file. What the imported file imports for itself stays its own. A plan keeps the texts of all imports: one that was edited since makes a saved plan stale.",
        example: "import \"lib/members.etcdrb\"",
    },
    WordRow {
        name: "procedure",
        form: "procedure NAME(PARAMETER: TYPE, ...) [\"what it does\"] { ... }",
        doc: "Lines of a runbook under a name, called by `NAME(ARGUMENT, ...)` as a line of a runbook, of an outage or of another procedure. Types are those of `param` but `secret`, and `target` for hosts (`target?` where they may be none). It knows its parameters and the language's names, and nothing of the runbook that calls it. What it requires above its first step must hold before the run begins. A call means the procedure's lines with the arguments in the place of its parameters: check judges what the runbook owes to the cluster as if they stood there.",
        example: "procedure prove(members: target, patience: duration) \"The members agree.\" {\n  ensure same-hash(members) within patience\n}",
    },
    WordRow {
        name: "test",
        form: "test \"what it shows\" { given FACT ... when HAPPENING ... expect END_OR_GUARD ... }",
        doc: "What the file's runbook does to a simulated cluster, run by `runbook test`: no host is contacted and no inventory is read. `given`: `cluster of 3` (hosts etcd1 to etcd3 of the group `etcd`), `1 fresh host` behind them, `group apiserver of 2`; `etcd2 is down` (or `dead`, `unreachable`, `a learner`), `snapshot is corrupt` of a parameter of type path (or `missing`, `of another cluster`, `of version \"3.6.0\"`); `version \"3.5.9\"`, `alarm nospace`, `100 keys`, `revision 5000`; `param NAME = VALUE`, `var NAME = VALUE` of the inventory, `override NAME`. `when`: `etcd2 is dead before \"STEP\"` (also `in`, `after`; also `down`, `unreachable`, `back`), `connection to etcd2 drops in \"STEP\"`, `etcd2 fails in \"STEP\"`, `runbook is killed after \"STEP\"`, and once the run has stopped `etcd2 is back`, `operator resumes`, `operator rolls back`. `expect`: how the run ends (`done`, `failed`, `refused by GUARD`, `unreachable`, `rolled back`, `unknown`, `stuck`, `bad input`, `interrupted`), `nothing changed`, and guards that must hold at the end.",
        example: "test \"refuses while a member is down\" {\n  given cluster of 3\n  given etcd3 is down\n  expect refused by cluster-healthy\n  expect nothing changed\n}",
    },
];
