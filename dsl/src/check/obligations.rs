//! What a runbook owes to the cluster: judged on the checked runbook alone, before any host is known.

use super::calls::{is_etcd, may_be_etcd};
use super::hosts::{covers, named, requires};
use super::told::Told;
use super::walk::{self, Visitor};
use crate::catalogue::{GuardName, Verb};
use crate::checked::{Call, CheckedRunbook, GuardUse, Item, OnFailure, Step, Strategy, Target};
use crate::codes::Code;
use crate::diagnostic::Diagnostic;
use crate::expr::Expr;
use crate::span::Span;

/// Adds what is owed and not given.
pub(super) fn check(runbook: &CheckedRunbook, problems: &mut Vec<Diagnostic>) {
    let targets = named(runbook);
    let mut walk = Walk {
        told: Told::new(problems),
        targets: &targets,
        on_failure: runbook.on_failure,
        verified: Vec::new(),
        fits: false,
        uploads: Vec::new(),
        tried: Vec::new(),
        removed: Vec::new(),
        in_outage: false,
        stopped: false,
        restored: None,
        confirmed: false,
        irreversible: None,
    };
    walk.guards(&runbook.requires);
    walk::walk(&mut walk, &runbook.body);
    if walk.irreversible.is_none() && runbook.on_failure == OnFailure::RollbackBeforeIrreversible {
        let end = runbook
            .body
            .iter()
            .map(item_span)
            .next_back()
            .unwrap_or_default();
        walk.told.say(
            Diagnostic::new(
                Code::NothingIrreversible,
                "`rollback before irreversible` speaks of a point that the runbook does not have",
                end,
            )
            .label("nothing up to here is `irreversible`")
            .help("write `on failure { rollback }`, or mark the point with `irreversible \"...\"`"),
        );
    }
}

/// What is known at a point of the runbook.
struct Walk<'a> {
    told: Told<'a>,
    targets: &'a [Target],
    on_failure: OnFailure,
    /// Paths that `snapshot-verified` named.
    verified: Vec<&'a Expr>,
    fits: bool,
    /// Destination and source.
    uploads: Vec<(&'a Expr, &'a Expr)>,
    /// Files that restored for trial, and on which hosts.
    tried: Vec<(&'a Expr, &'a Expr)>,
    /// Hosts whose members were removed from the cluster, whatever happens.
    removed: Vec<&'a Expr>,
    in_outage: bool,
    /// Members were stopped in this outage.
    stopped: bool,
    /// A data dir was restored, and no member has started since.
    restored: Option<Span>,
    confirmed: bool,
    irreversible: Option<Span>,
}

impl<'a> Visitor<'a> for Walk<'a> {
    fn told(&mut self) -> &mut Told<'a> {
        &mut self.told
    }

    fn outage_begins(&mut self) {
        self.in_outage = true;
        self.stopped = false;
    }

    fn outage_ends(&mut self) {
        self.in_outage = false;
    }

    fn guards(&mut self, guards: &'a [GuardUse]) {
        for guard in guards.iter().filter(|g| !g.negated && !g.warn_only) {
            match guard.name {
                GuardName::SnapshotVerified => {
                    self.verified
                        .extend(guard.arguments.get("path").map(|p| &p.value));
                }
                GuardName::SnapshotFits => self.fits = true,
                _ => {}
            }
        }
    }

    fn confirm(&mut self, span: Span) {
        self.confirmed = true;
        if self.in_outage && self.stopped {
            self.told.say(
                Diagnostic::new(Code::ConfirmInOutage, "the question is asked while members are stopped", span)
                    .label("the outage lasts until somebody answers")
                    .help("ask before the outage: `confirm \"...?\"` above it, and `irreversible \"...\"` here"),
            );
        }
    }

    fn irreversible(&mut self, span: Span) {
        if !self.confirmed {
            self.told.say(
                Diagnostic::new(Code::IrreversibleUnconfirmed, "nobody was asked before this", span)
                    .label("cannot be undone from here on")
                    .help("add `confirm \"...?\"` before the first member stops, or write `irreversible confirm \"...?\"`"),
            );
        }
        if self.on_failure == OnFailure::Rollback {
            self.told.say(
                Diagnostic::new(
                    Code::RollbackPastIrreversible,
                    "`on failure { rollback }` promises what cannot be done after this",
                    span,
                )
                .label("no rollback past this point")
                .help("write `on failure { rollback before irreversible, else pause }`"),
            );
        }
        self.irreversible.get_or_insert(span);
    }

    fn step(&mut self, step: &'a Step) {
        let before = (
            self.verified.len(),
            self.fits,
            self.uploads.len(),
            self.tried.len(),
        );
        self.calls(step);
        if !step.when.is_empty() {
            // A step that may be left out proves nothing for those after it.
            self.verified.truncate(before.0);
            self.fits = before.1;
            self.uploads.truncate(before.2);
            self.tried.truncate(before.3);
        }
    }
}

impl<'a> Walk<'a> {
    fn calls(&mut self, step: &'a Step) {
        self.guards(&step.requires);
        for call in &step.calls {
            if stops_voter(call) && !self.is_removed(&step.on.value) {
                self.stops(step, call);
            }
            match call.verb {
                Verb::Archive | Verb::Restore => self.data(step, call),
                Verb::Upload => {
                    if let (Some(dest), Some(source)) =
                        (call.arguments.get("dest"), call.arguments.get("source"))
                    {
                        self.uploads.push((&dest.value, &source.value));
                    }
                }
                Verb::TrialRestore => self.tried.extend(
                    call.arguments
                        .get("path")
                        .map(|p| (&p.value, &step.on.value)),
                ),
                Verb::Configure => self.configure(step, call),
                Verb::RemoveMember if step.when.is_empty() => {
                    let of = call.arguments.get("of");
                    self.removed.push(of.map_or(&step.on.value, |of| &of.value));
                }
                _ => {}
            }
            if starts_voter(call) {
                self.starts(call);
            }
            if let (Some(point), Some(undo)) = (
                self.irreversible,
                call.undo.as_ref().and_then(|u| u.first()),
            ) {
                self.told.say(
                    Diagnostic::new(
                        Code::UndoAfterIrreversible,
                        "this `undo` would never be carried out",
                        undo.span,
                    )
                    .label("after the point of no return")
                    .and(point, "nothing can be undone once this is passed")
                    .help("remove the `undo`, or move the step above `irreversible`"),
                );
            }
        }
        self.guards(&step.ensures);
    }

    fn stops(&mut self, step: &Step, call: &Call) {
        if self.in_outage {
            self.stopped = true;
            return;
        }
        let rolling = step.strategy != Strategy::Parallel;
        let guarded = self.requires(step, GuardName::QuorumSafe);
        // `archive` outside an outage is told by its own code.
        if (rolling && guarded) || call.verb == Verb::Archive {
            return;
        }
        let on = self.told.hosts(&step.on.value);
        let help = match (rolling, guarded) {
            (true, _) => format!("add `require quorum-safe({on})` to the step"),
            (false, true) => {
                "write `rolling 1` or `rolling quorum-safe` instead of `parallel`".to_owned()
            }
            (false, false) => format!(
                "write `rolling 1` instead of `parallel` and add `require quorum-safe({on})` to the step; or put the step into `outage \"why\" {{ ... }}`"
            ),
        };
        self.told.say(
            Diagnostic::new(
                Code::StopsVoters,
                "members stop outside an outage, and nothing keeps quorum",
                call.span,
            )
            .label("may cost quorum")
            .and(
                step.span,
                if rolling {
                    "host by host, but unguarded"
                } else {
                    "on all hosts at once"
                },
            )
            .help(help),
        );
    }

    fn data(&mut self, step: &Step, call: &'a Call) {
        let on = self.told.hosts(&step.on.value);
        // Of a member that is no member any more the others have everything.
        let removed = call.verb == Verb::Archive && self.is_removed(&step.on.value);
        if !self.in_outage && !removed {
            self.told.owes(
                Code::DataOutsideOutage,
                call,
                "data is taken from members outside an outage",
                "every member is down meanwhile",
                "put the steps from the stop to the start into `outage \"why\" { ... }`".to_owned(),
            );
        }
        if self.verified.is_empty() && !removed {
            self.told.owes(
                Code::DataWithoutSnapshot,
                call,
                "data is replaced although no snapshot was proven whole",
                "what if the snapshot is damaged?",
                "add `require snapshot-verified(snapshot)` above the first step".to_owned(),
            );
        }
        if !self.requires(step, GuardName::AllStopped) {
            self.told.owes(
                Code::DataWhileRunning,
                call,
                "nothing proves that the members are stopped",
                "a running member would go on writing",
                format!("add `require all-stopped({on})` to the step"),
            );
        }
        if call.verb == Verb::Restore {
            self.restore(step, call);
        }
    }

    fn restore(&mut self, step: &Step, call: &'a Call) {
        self.restored = Some(call.span);
        let on = self.told.hosts(&step.on.value);
        if !self.fits {
            self.told.owes(
                Code::RestoreUnfit,
                call,
                "nothing says that the members' etcd can read the snapshot",
                "may be of a newer etcd",
                format!("add `require snapshot-fits({on}, snapshot)` above the first step"),
            );
        }
        let Some(source) = call.arguments.get("source").map(|s| &s.value) else {
            return;
        };
        let tried = self
            .tried
            .iter()
            .any(|(path, on)| *path == source && covers(self.targets, on, &step.on.value));
        if !tried {
            self.told.owes(
                Code::RestoreUntried,
                call,
                "the file was not restored for trial before",
                "first time that this file is restored here",
                "add `trial-restore` of the same file, in a step before anything stops".to_owned(),
            );
        }
        let proven = self
            .uploads
            .iter()
            .any(|(dest, from)| *dest == source && self.verified.contains(from));
        if !proven && !self.verified.is_empty() {
            self.told.owes(
                Code::RestoreOtherFile,
                call,
                "the file restored is not the one that was verified",
                "comes from elsewhere",
                "`upload` the path that `snapshot-verified` names to the path that `restore` reads"
                    .to_owned(),
            );
        }
    }

    fn starts(&mut self, call: &Call) {
        let Some(restored) = self.restored.take() else {
            return;
        };
        // `runbook rollback` can be typed whatever a failure leads to by itself.
        if self.irreversible.is_none() {
            self.told.say(
                Diagnostic::new(
                    Code::ReversibleStart,
                    "a rollback after this would throw away what clients write",
                    call.span,
                )
                .label("clients may write from here on")
                .and(restored, "onto the data restored here")
                .help("put `irreversible \"...\"` before the step that starts the members"),
            );
        }
    }

    fn configure(&mut self, step: &Step, call: &Call) {
        let new = call
            .arguments
            .get("state")
            .is_some_and(|s| s.value == Expr::Name("new".to_owned()));
        let safe = self.requires(step, GuardName::ClusterAbsent)
            || step
                .when
                .iter()
                .any(|w| w.name == GuardName::ClusterFormed && w.negated)
            || step
                .when
                .iter()
                .any(|w| w.name == GuardName::ClusterAbsent && !w.negated);
        if new && !safe {
            let on = self.told.hosts(&step.on.value);
            self.told.owes(
                Code::NewStateFormed,
                call,
                "a member of a formed cluster would be told to bootstrap a new one",
                "`new` although the cluster may be formed",
                format!("add `require cluster-absent({on})` to the step, or `when not cluster-formed({on})` to its head"),
            );
        }
    }

    fn requires(&self, step: &Step, guard: GuardName) -> bool {
        requires(self.targets, step, guard)
    }

    /// Whether the members of these hosts belong to the cluster no more.
    fn is_removed(&self, hosts: &Expr) -> bool {
        let mut removed = self.removed.iter();
        removed.any(|of| covers(self.targets, of, hosts))
    }
}

fn stops_voter(call: &Call) -> bool {
    match call.verb {
        Verb::Archive => true,
        Verb::Service => {
            let name = call.arguments.get("name");
            name.is_some_and(|n| may_be_etcd(&n.value))
                && (is_word(call, "state", "stopped") || is_word(call, "state", "restarted"))
        }
        _ => false,
    }
}

fn starts_voter(call: &Call) -> bool {
    call.verb == Verb::Service
        && is_member_service(call)
        && (is_word(call, "state", "running") || is_word(call, "state", "restarted"))
}

pub(super) fn is_member_service(call: &Call) -> bool {
    call.arguments
        .get("name")
        .is_some_and(|n| is_etcd(&n.value))
}

pub(super) fn is_word(call: &Call, argument: &str, word: &str) -> bool {
    call.arguments
        .get(argument)
        .is_some_and(|a| a.value == Expr::Name(word.to_owned()))
}

fn item_span(item: &Item) -> Span {
    match item {
        Item::Step(step) => step.span,
        Item::Outage { span, .. }
        | Item::Confirm { span, .. }
        | Item::Irreversible { span, .. }
        | Item::Called { span, .. } => *span,
        Item::Ensure(guard) => guard.span,
    }
}
