//! Every kind of diagnostic, in one table: name, severity, explanation.

/// Whether a diagnostic stops a runbook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The runbook is refused.
    Error,
    /// The runbook may run; a reviewer should look.
    Warning,
}

/// A kind's row.
#[derive(Clone, Copy, Debug)]
pub struct CodeRow {
    /// Which.
    pub code: Code,
    /// As `runbook::check::unknown_verb`.
    pub name: &'static str,
    /// Error or warning.
    pub severity: Severity,
    /// What it means and how to mend it, a paragraph.
    pub explanation: &'static str,
}

macro_rules! codes {
    ($($severity:ident $variant:ident $name:literal $explanation:literal)*) => {
        /// A kind of diagnostic.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code {
            $(#[doc = $explanation] $variant,)*
        }

        /// Every kind, in the order of the reference.
        pub static CODES: &[CodeRow] = &[
            $(CodeRow {
                code: Code::$variant,
                name: $name,
                severity: Severity::$severity,
                explanation: $explanation,
            },)*
        ];
    };
}

codes! {
    Error Syntax "runbook::parse::syntax"
        "The words at this place do not fit the language. The message names what could stand there. Each line is read by itself, so several such errors are independent of each other."
    Error UnknownStatement "runbook::parse::unknown_statement"
        "A line of a runbook begins with a word that says what it is: `about`, `edition`, `param`, `target`, `let`, `done when`, `require`, `warn`, `step`, `outage`, `confirm`, `irreversible`, `ensure` or `on failure`; or it calls a procedure, `name(...)`. Verbs such as `service` stand inside a step."
    Error UnclosedText "runbook::parse::unclosed_text"
        "A text begins with a quotation mark and ends with one on the same line. A text of several lines stands between three quotation marks."
    Error UnclosedBracket "runbook::parse::unclosed_bracket"
        "Every `{`, `(` and `[` is closed by its partner. The place shown is the one that is left open; where the indentation tells, the line that lacks the closing one is shown too."
    Error UnmatchedBracket "runbook::parse::unmatched_bracket"
        "A closing bracket has no opening partner, or closes a bracket of another kind."
    Error BadCharacter "runbook::parse::bad_character"
        "Outside of texts and comments a runbook is written in letters, digits and the marks of the language. Typographic quotation marks, invisible characters and control characters are refused everywhere, since a reviewer could not see them for what they are."
    Error BadNumber "runbook::parse::bad_number"
        "Numbers are whole: `3`, `1_000_000`, octal after a leading zero `0644`. Sizes carry a unit (`200MiB`, `2GB`), times as well (`90s`, `1m30s`). A value is refused when it does not fit 64 bits."
    Error BadText "runbook::parse::bad_text"
        "In a text, braces hold an expression: `\"{run.id}\"`; a brace itself is written twice, `{{`. A backslash stands before `\"`, `\\`, `n`, `t` or `r`. In a text between three quotation marks nothing is special."
    Error TooDeep "runbook::parse::too_deep"
        "Brackets nest at most 32 deep, and an expression has at most 256 parts. No runbook needs more; the limit keeps hostile texts from exhausting the machine."
    Error TooLarge "runbook::parse::too_large"
        "A runbook has at most 4 MiB, with the files that it imports."
    Error NoRunbook "runbook::parse::no_runbook"
        "A file holds exactly one `runbook NAME { ... }`, or procedures for other files to import."

    Error FormatDiffers "runbook::format::differs"
        "The formatter parses what it wrote and compares. Here the two differed, so the file was left as it was: a bug of runbook, please report it with the file."

    Error MissingAbout "runbook::check::missing_about"
        "`about \"...\"` says in a sentence what the runbook does. It heads every plan, so a reviewer knows what is asked."
    Error MissingEdition "runbook::check::missing_edition"
        "`edition 1` fixes the meaning of the words in the file: a later edition of the language cannot change what this runbook does."
    Error UnsupportedEdition "runbook::check::unsupported_edition"
        "This version of runbook reads edition 1 only."
    Error Duplicate "runbook::check::duplicate"
        "This may be said once only: the second one would silently win or lose."
    Error Misplaced "runbook::check::misplaced"
        "Parameters, targets, lets and requirements are decided before a run begins, so they stand at the top level of the runbook and before its first step. Inside an outage stand steps, confirmations and `ensure`; in a procedure stand these, outages, and `require` above the first of them. Imports stand above everything else in their file."
    Error DuplicateName "runbook::check::duplicate_name"
        "Parameters, targets and lets share one set of names, and a name means one thing."
    Error ShadowedName "runbook::check::shadowed_name"
        "`run`, `cluster`, `host`, `member`, `initial_cluster`, `token` and `state` are names of the language. A parameter, target or let may not hide them."
    Error UndefinedName "runbook::check::undefined_name"
        "A name is a parameter, a target or a let declared above the place where it is used, or one of the language's: `run.id`, `cluster`, and inside a step `host.name`, `host.address` and `member.*`. A procedure knows its own parameters and the language's names, and none of the runbook that calls it."
    Error UnusedParameter "runbook::check::unused_parameter"
        "A parameter that nothing reads misleads whoever sets it."
    Error UnusedTarget "runbook::check::unused_target"
        "A target that no step and no guard uses suggests that its hosts are looked after when they are not."
    Error UnusedLet "runbook::check::unused_let"
        "A `let` that nothing reads may be what a step was meant to use."
    Error BadImport "runbook::check::bad_import"
        "`import` names a file by its path below the importing file's directory, else below the library that runbook ships: `import \"lib/members.etcdrb\"`. No other file can be named: no path from the root, no `..`, nothing that is put together."
    Error ImportMissing "runbook::check::import_missing"
        "The imported file is neither below the importing file's directory nor among those that runbook ships, or it cannot be read."
    Error ImportCycle "runbook::check::import_cycle"
        "A file imports itself, maybe by way of others. What two files need of each other stands in a third."
    Error NotALibrary "runbook::check::not_a_library"
        "Only procedures can be imported: a file with a runbook is carried out, not imported, and a file of procedures is imported, not carried out."
    Error UnusedImport "runbook::check::unused_import"
        "An import of which no procedure is called makes the reader look for a use that is not there, and its edits would make saved plans stale for nothing."
    Error DuplicateProcedure "runbook::check::duplicate_procedure"
        "A file's own procedures and those of the files that it imports share one set of names, and a name means one thing."
    Error UnknownProcedure "runbook::check::unknown_procedure"
        "A line `name(...)` calls a procedure of the same file or of a file that it imports. What an imported file imports for itself is not known here."
    Error RecursiveProcedure "runbook::check::recursive_procedure"
        "A procedure calls itself, maybe by way of others: it would never end."
    Error UnusedProcedure "runbook::check::unused_procedure"
        "A procedure in a runbook's own file is there for this runbook; one that it never calls may be what it was meant to do. Procedures for others stand in a library."
    Error TooManyItems "runbook::check::too_many_items"
        "With its procedures opened, a runbook has at most 2,000 lines, calls nest at most 16 deep, and an argument grows to at most 256 parts; it imports at most 64 files. No runbook needs more; the limit keeps hostile texts from exhausting the machine."
    Error UnknownType "runbook::check::unknown_type"
        "Types are bool, int, bytes, duration, string, path, url, host, version, sha256, enum(words), list(type) and secret; a `?` after a type lets the parameter stay unset. A procedure's parameter may be a `target` as well (`target?` may have no hosts), and is never a secret."
    Error WrongType "runbook::check::wrong_type"
        "The value is of one type where another is wanted. Sizes and times are not plain numbers: write `64MiB`, `30s`."
    Error UnknownVerb "runbook::check::unknown_verb"
        "A line of a step begins with a verb, or with `require`, `warn` or `ensure`. `runbook explain VERB` shows each verb with its arguments."
    Error UnknownGuard "runbook::check::unknown_guard"
        "A guard is a proposition about the cluster, out of a fixed list, so that checker, plan and simulator know what it means."
    Error UnknownFunction "runbook::check::unknown_function"
        "Functions name hosts (`group`, `hosts`, `first`, `leader`, `followers`, `gone`, `best`, `furthest`, `listed`, `unlisted`) or read a file on this machine (`snapshot.inspect`)."
    Error UnknownField "runbook::check::unknown_field"
        "The value has no field of this name."
    Error UnknownWord "runbook::check::unknown_word"
        "At this place stands one of a few fixed words."
    Error MissingArgument "runbook::check::missing_argument"
        "A verb, guard or function lacks an argument that it cannot do without."
    Error ExtraArgument "runbook::check::extra_argument"
        "A verb, guard or function was given more than it takes, or the same thing twice."
    Error AmbiguousWord "runbook::check::ambiguous_word"
        "A bare word at this place is the word itself (a service's or user's name), never a parameter's value; yet a parameter of this name exists. Write `\"{name}\"` for the value, `\"name\"` for the word."
    Error BadCount "runbook::check::bad_count"
        "Counts are whole numbers from 1 on. A target that may have no hosts says `expect any`."
    Error HostNameOutsideStep "runbook::check::host_name_outside_step"
        "`host.*` and `member.*` have a value for each host, so they can be used in the arguments of a step's verbs and in templates only: titles, guards and questions are said once for all hosts."
    Error MaybeUnset "runbook::check::maybe_unset"
        "The parameter's type ends in `?`, so it may have no value, and this place needs one."
    Error TemplateMissing "runbook::check::template_missing"
        "Templates stand beside the runbook, in its directory `templates`, or are among those that runbook ships."
    Error TemplateSyntax "runbook::check::template_syntax"
        "The template is not valid: see minijinja's syntax, which is Jinja's."
    Error TemplateUndefined "runbook::check::template_undefined"
        "A template uses a name that has no value: only parameters, lets, `run.id`, `cluster`, `host.*` and `member.*` do (and `initial_cluster`, `token`, `state` in the member's environment file)."
    Error SecretExposed "runbook::check::secret_exposed"
        "A secret may flow into a template whose file only its owner can read (`mode 0600`), and nowhere else: command lines, titles, questions, paths and world-readable files are seen by others and are journaled."
    Error EmptyStep "runbook::check::empty_step"
        "A step without a verb, an `ensure` or a `warn` does nothing, nor does a procedure without a line."
    Error UnreachableStep "runbook::check::unreachable_step"
        "The step can never run: its conditions contradict each other, or its hosts are excluded by themselves."
    Error MaybeEmptyTarget "runbook::check::maybe_empty_target"
        "These hosts may turn out to be none: a step would silently do nothing, and a guard over no members would hold without proving anything. Give them a name with `target NAME = ... expect any` if a step may have no hosts; guards about members need hosts."

    Error StopsVoters "runbook::check::stops_voters"
        "Stopping or restarting members can cost quorum. Outside an `outage` a step that does so goes host by host (`rolling 1` or `rolling quorum-safe`) and says `require quorum-safe(members)`, which is checked on a fresh view before each host. Where quorum is to be given up, say so: `outage \"why\" { ... }`."
    Error DataOutsideOutage "runbook::check::data_outside_outage"
        "Setting data dirs aside or restoring them takes every member down. It stands inside `outage \"why\" { ... }`, so that a plan shows where the cluster is without quorum."
    Error DataWithoutSnapshot "runbook::check::data_without_snapshot"
        "Data may be set aside or replaced only when a snapshot was proven whole before: `require snapshot-verified(...)` above, or in the step."
    Error DataWhileRunning "runbook::check::data_while_running"
        "A member that still runs would go on writing into a data dir that is moved or replaced, or would talk to the new cluster. The step says `require all-stopped(members)`, which proves it on every host."
    Error RestoreUnfit "runbook::check::restore_unfit"
        "A snapshot of a newer etcd cannot be read by an older one. `require snapshot-fits(members, snapshot)` asks before anything stops."
    Error RestoreUntried "runbook::check::restore_untried"
        "A snapshot is believed only after it restored on the very host: `trial-restore` of the same file, in a step before."
    Error RestoreOtherFile "runbook::check::restore_other_file"
        "The file that is restored must be the one that was verified: `upload` it from the path that `snapshot-verified` names, to the path that `restore` reads."
    Error NewStateFormed "runbook::check::new_state_formed"
        "A member with an empty data dir that is told `new` although the cluster is formed makes a private cluster of one. The step says `require cluster-absent(members)`, or is left out by `when not cluster-formed(members)`."
    Error RollbackPastIrreversible "runbook::check::rollback_past_irreversible"
        "After `irreversible` nothing can be taken back, so a plain `rollback` cannot be promised. Write `on failure { rollback before irreversible, else pause }`."
    Error UndoAfterIrreversible "runbook::check::undo_after_irreversible"
        "An `undo` after `irreversible` would never be carried out."
    Error ReversibleStart "runbook::check::reversible_start"
        "Once a member serves restored data, clients may write to it: a rollback would throw their writes away. Put `irreversible \"...\"` before the step that starts the members."
    Error IrreversibleUnconfirmed "runbook::check::irreversible_unconfirmed"
        "What cannot be undone is confirmed by a person first: `confirm \"...?\"` before, best before the first member stops, or `irreversible confirm \"...?\"`."

    Error VoterAdded "runbook::check::voter_added"
        "A member that is added as a voter counts against quorum before its process has ever started: of one member it takes quorum away at once. Add it as a learner, start it, and promote it once it keeps up. Inside an `outage` this is not asked."
    Error SecondAdd "runbook::check::second_add"
        "One member at a time is in flux: each one that is added is started before the next is added. Two that were added and never started can make the living ones too few for quorum, and then nothing can be taken back. A step that adds on several hosts goes `rolling 1` and starts the member itself."
    Error DirtyJoin "runbook::check::dirty_join"
        "A member that joins fetches everything from the others. What an old member left in its data dir would start instead: the step says `require data-dir-empty(...)` of its hosts."
    Error MembershipUnguarded "runbook::check::membership_unguarded"
        "Members are added, removed and renamed while all others are well: the step says `require membership-settled(members)`, and for a removal `require removal-safe(members, leaving)`, which are checked on a fresh view before each host. Where quorum is lost already, the step stands in an `outage`."
    Error MembershipAtOnce "runbook::check::membership_at_once"
        "Changes of membership are made one after the other, with the guards asked anew in between: `rolling 1`."
    Error RemovedLeftRunning "runbook::check::removed_left_running"
        "etcd ends when its member is removed, and its unit starts it again and again; after a boot the same. The runbook says `service etcd stopped disabled` on the hosts whose members it removes, before or after. Hosts that are dead, `gone(...)`, are not asked for it: fence them before they come back."
    Error PausesVoters "runbook::check::pauses_voters"
        "A member that is defragmented answers nothing until its file is rewritten, so it counts as stopped: one at a time (`rolling 1`), behind `require quorum-safe(...)`."
    Error CompactUnsaved "runbook::check::compact_unsaved"
        "Compaction drops what backups and watches may still need, and cannot be taken back. A snapshot is saved and verified first: `save-snapshot` in a step before, and `ensure snapshot-verified(...)`."
    Error DisarmFirst "runbook::check::disarm_first"
        "As long as the file is over its quota, a NOSPACE alarm that is disarmed comes back with the next write. Compact, defragment every member, then disarm."
    Error AuthorityUntrusted "runbook::check::authority_untrusted"
        "A member trusts the authorities that its CA file held when it started. Certificates of a new authority are refused until every member was restarted with a file that holds both: `rotate-authority add`, `install-certificates` and `service etcd restarted` host by host, and only then `rotate-authority switch`."
    Error AuthorityInUse "runbook::check::authority_in_use"
        "An old authority is dropped only after every certificate was issued again by the new one (`rotate-authority switch`, `issue-certificates`), installed, and seen: the step says `require certificates-served(members)`, which compares what each member serves with what was issued."
    Error AuthorityReversible "runbook::check::authority_reversible"
        "Until the old authority is dropped everything can be taken back, since all trust both. Afterwards a rollback would bring back certificates that the members refuse, and cut them off from each other: put `irreversible` before `rotate-authority drop`."
    Error AuthorityKept "runbook::check::authority_kept"
        "That an authority is dropped on this machine changes nothing for members that run: each read its CA file when it started. `install-certificates` and `service etcd restarted`, host by host, after `rotate-authority drop`."
    Error UnknownFact "runbook::check::unknown_fact"
        "A line of a test says in fixed words what the simulated cluster is (`given`), what befalls it or the run (`when`), and how it ends (`expect`). `runbook explain test` lists them."
    Error UnknownStep "runbook::check::unknown_step"
        "What befalls a run befalls it before, in or after one of the runbook's steps, named by its title as it is written; where several have that title the first is meant."
    Error UnknownHost "runbook::check::unknown_host"
        "The hosts of a test are `etcd1`, `etcd2` and so on, as many as its cluster and its fresh hosts are, and those of further groups: `given group apiserver of 2` are `apiserver1` and `apiserver2`."
    Error ContradictoryTest "runbook::check::contradictory_test"
        "Two lines of a test cannot both be so: then it would fail whatever the runbook does, or show nothing."
    Error EmptyTest "runbook::check::empty_test"
        "A test says what the simulated hosts are and expects something of the run; without either it would show nothing."
    Error DuplicateTest "runbook::check::duplicate_test"
        "Two tests of a file have the same name: a report could not tell which of them failed."
    Error ShellBypasses "runbook::check::shell_bypasses"
        "A program in `shell` that changes members, data or etcd's service passes every guard, the plan and the undo by. The language has a verb for each of these, and names it."

    Warning OpaqueShell "runbook::check::opaque_shell"
        "Nothing is known of what the program changes: the plan shows it as OPAQUE with its text, and the run asks first. Say `creates PATH`, `check \"PROGRAM\"` or `changes nothing`."
    Warning EvenMembers "runbook::check::even_members"
        "An even number of members tolerates no more failures than one fewer: 3 and 4 members both survive one loss, 5 and 6 both two. The extra member only adds load and one more machine that can fail."
    Warning ManyMembers "runbook::check::many_members"
        "More than 7 members are discouraged: each write waits for a larger quorum (9 members need 5), for little gain in what may fail."
    Warning ConfirmInOutage "runbook::check::confirm_in_outage"
        "The question is asked while members are stopped: the outage lasts until somebody answers. Ask before the outage begins."
    Warning NothingIrreversible "runbook::check::nothing_irreversible"
        "`rollback before irreversible` speaks of a point that the runbook does not have; plain `rollback` says the same."
}

impl Code {
    /// Its row.
    pub fn row(self) -> &'static CodeRow {
        // INVARIANT: the macro makes variants and rows from the same list, in the same order.
        &CODES[self as usize]
    }

    /// As `runbook::check::unknown_verb`.
    pub fn as_str(self) -> &'static str {
        self.row().name
    }
}
