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

/// Words by which files share steps.
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
];
