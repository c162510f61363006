//! What a runbook owes to a cluster whose members it changes, pauses, or whose history it drops.

use super::hosts::{all_that_answer, covers, demanded, gone, named, one_at_most, requires};
use super::obligations::{is_member_service, is_word};
use super::told::Told;
use super::walk::{self, Visitor};
use crate::catalogue::{Effect, GuardName, Verb};
use crate::checked::{Call, CheckedRunbook, GuardUse, OnFailure, Step, Strategy, Target};
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
        in_outage: false,
        irreversible: false,
        saved: false,
        unstarted: None,
        defragmented: Vec::new(),
        removed: Vec::new(),
        stopped: Vec::new(),
    };
    walk::walk(&mut walk, &runbook.body);
    walk.left_running();
}

/// What is known at a point of the runbook.
struct Walk<'a> {
    told: Told<'a>,
    targets: &'a [Target],
    on_failure: OnFailure,
    in_outage: bool,
    irreversible: bool,
    /// A snapshot was saved and verified.
    saved: bool,
    /// A member was added and not started since.
    unstarted: Option<Span>,
    /// Hosts whose members were defragmented.
    defragmented: Vec<&'a Expr>,
    /// Hosts whose members were removed, and where.
    removed: Vec<(&'a Expr, Span)>,
    /// Hosts whose member's service was stopped for good.
    stopped: Vec<&'a Expr>,
}

impl<'a> Visitor<'a> for Walk<'a> {
    fn told(&mut self) -> &mut Told<'a> {
        &mut self.told
    }

    fn outage_begins(&mut self) {
        self.in_outage = true;
    }

    fn outage_ends(&mut self) {
        self.in_outage = false;
    }

    fn irreversible(&mut self, _: Span) {
        self.irreversible = true;
    }

    /// `save-snapshot` verifies what it saves: the step alone would do. It is the author's word that counts.
    fn guards(&mut self, guards: &'a [GuardUse]) {
        self.saved |= guards
            .iter()
            .any(|g| g.name == GuardName::SnapshotVerified && !g.negated && !g.warn_only);
    }

    fn step(&mut self, step: &'a Step) {
        for call in &step.calls {
            let effects = call.verb.row().effects;
            let has = |effect: Effect| effects.contains(&effect);
            if has(Effect::AddsMember) {
                self.adds(step, call);
            }
            if has(Effect::RemovesMember) {
                self.removes(step, call);
            }
            if has(Effect::RenamesPeer) {
                self.guarded(step, call, GuardName::MembershipSettled);
                self.one_by_one(step, call, "members are renamed");
            }
            if has(Effect::PausesMember) {
                self.pauses(step, call);
            }
            if has(Effect::DropsHistory) {
                self.drops_history(call);
            }
            if has(Effect::ClearsAlarm) {
                self.clears_alarm(step, call);
            }
            if call.verb == Verb::Service && is_member_service(call) {
                self.service(step, call);
            }
        }
        self.guards(&step.ensures);
    }
}

impl<'a> Walk<'a> {
    fn service(&mut self, step: &'a Step, call: &Call) {
        if is_word(call, "state", "stopped") {
            if is_word(call, "enabled", "disabled") {
                self.stopped.push(&step.on.value);
            }
        } else {
            self.unstarted = None;
        }
    }

    fn adds(&mut self, step: &'a Step, call: &Call) {
        let on = self.told.hosts(&step.on.value);
        if is_word(call, "kind", "voter") && !self.in_outage {
            self.told.owes(
                Code::VoterAdded,
                call,
                "a voter is added that has not started",
                "counts against quorum from this moment",
                "write `add-member as learner`, start it, then `promote-member`".to_owned(),
            );
        }
        if !requires(self.targets, step, GuardName::DataDirEmpty) {
            self.told.owes(
                Code::DirtyJoin,
                call,
                "nothing says that the newcomer's data dir is empty",
                "an old member's data would start instead",
                format!("add `require data-dir-empty({on})` to the step"),
            );
        }
        self.guarded(step, call, GuardName::MembershipSettled);
        if let Some(first) = self.unstarted {
            self.second_add(call.span, first);
            return;
        }
        self.unstarted = Some(call.span);
        // The same lines are carried out host after host: the second host's add comes after the first one's last line.
        let after = step.calls.iter().skip_while(|c| c.span != call.span);
        let starts = after.clone().any(starts_member);
        let alone = one_at_most(self.targets, &step.on.value);
        let host_by_host = step.strategy == Strategy::Rolling(1);
        if !alone && (!host_by_host || !starts) {
            self.told.say(
                Diagnostic::new(
                    Code::SecondAdd,
                    "a second member may be added before the first has started",
                    call.span,
                )
                .label("once for each host")
                .and(
                    step.span,
                    if host_by_host {
                        "host by host, but none is started here"
                    } else {
                        "on all hosts at once"
                    },
                )
                .help("write `rolling 1`, and `service etcd running` after it in the same step"),
            );
        }
    }

    fn second_add(&mut self, span: Span, first: Span) {
        self.told.say(
            Diagnostic::new(
                Code::SecondAdd,
                "a second member is added before the first has started",
                span,
            )
            .label("with two votes unheard, the members that live may not be quorum")
            .and(first, "added here, and not started since")
            .help("start the first one (`service etcd running`) before the next is added"),
        );
    }

    fn removes(&mut self, step: &'a Step, call: &'a Call) {
        let leaving = call
            .arguments
            .get("of")
            .map_or(&step.on.value, |of| &of.value);
        let safe = demanded(
            self.targets,
            &step.requires,
            GuardName::RemovalSafe,
            ("leaving", leaving),
        );
        if !safe && !self.in_outage {
            self.told.owes(
                Code::MembershipUnguarded,
                call,
                "a member is removed, and nothing keeps quorum",
                "may leave too few healthy voters",
                format!(
                    "add `require removal-safe(members, {})` to the step",
                    self.told.hosts(leaving)
                ),
            );
        }
        if !call.arguments.contains_key("of") {
            self.one_by_one(step, call, "members are removed");
        }
        self.taken_for_good(call);
        self.removed.push((leaving, call.span));
    }

    /// Outside an outage changes of membership are made on members that are all well.
    fn guarded(&mut self, step: &Step, call: &Call, guard: GuardName) {
        let given = step
            .requires
            .iter()
            .any(|g| g.name == guard && !g.negated && !g.warn_only);
        if given || self.in_outage {
            return;
        }
        self.told.owes(
            Code::MembershipUnguarded,
            call,
            "the members change, and nothing says that they are well",
            "one that is down already may cost quorum",
            format!("add `require {}(members)` to the step", guard.as_str()),
        );
    }

    fn one_by_one(&mut self, step: &Step, call: &Call, what: &str) {
        let alone = one_at_most(self.targets, &step.on.value);
        if alone || step.strategy == Strategy::Rolling(1) || self.in_outage {
            return;
        }
        self.told.say(
            Diagnostic::new(
                Code::MembershipAtOnce,
                format!("{what} on all hosts at once"),
                call.span,
            )
            .label("once for each host")
            .and(step.span, "not one after the other")
            .help("write `rolling 1`: one member at a time is in flux"),
        );
    }

    fn pauses(&mut self, step: &'a Step, call: &Call) {
        let on = self.told.hosts(&step.on.value);
        let alone = one_at_most(self.targets, &step.on.value);
        let guarded = requires(self.targets, step, GuardName::QuorumSafe);
        let one = alone || step.strategy == Strategy::Rolling(1);
        let safe = one && guarded;
        if !safe && !self.in_outage {
            self.told.owes(
                Code::PausesVoters,
                call,
                "members are defragmented, and nothing keeps quorum",
                "a member answers nothing meanwhile",
                format!("go host by host with `rolling 1`, and add `require quorum-safe({on})` to the step"),
            );
        }
        self.defragmented.push(&step.on.value);
    }

    fn drops_history(&mut self, call: &Call) {
        if !self.saved {
            self.told.owes(
                Code::CompactUnsaved,
                call,
                "history is dropped before a snapshot was saved",
                "old revisions cannot be read after this",
                "`save-snapshot` in a step before, and `ensure snapshot-verified` of its file"
                    .to_owned(),
            );
        }
        self.cannot_undo(call, "dropped history");
    }

    fn clears_alarm(&mut self, step: &Step, call: &Call) {
        let freed = self
            .defragmented
            .iter()
            .any(|of| covers(self.targets, of, &step.on.value));
        if !freed {
            self.told.owes(
                Code::DisarmFirst,
                call,
                "the alarm is disarmed before space was freed",
                "comes back with the next write",
                "`compact` and `defragment` every member before".to_owned(),
            );
        }
    }

    /// What comes after a removal must not be undone either, whoever types `runbook rollback`: its process cannot start again.
    fn taken_for_good(&mut self, call: &Call) {
        if !self.irreversible {
            self.told.owes(
                Code::RollbackPastIrreversible,
                call,
                "a removed member does not come back by a rollback",
                "cannot be undone",
                "put `irreversible \"...\"` before the step, and ask before it".to_owned(),
            );
        }
    }

    fn cannot_undo(&mut self, call: &Call, what: &str) {
        if self.on_failure == OnFailure::Pause || self.irreversible {
            return;
        }
        self.told.owes(
            Code::RollbackPastIrreversible,
            call,
            &format!("{what} does not come back by a rollback"),
            "cannot be undone",
            "write `on failure { pause }`, or put `irreversible \"...\"` before the step"
                .to_owned(),
        );
    }

    /// A unit that stays enabled brings the old process back at the next boot.
    fn left_running(&mut self) {
        for (hosts, span) in std::mem::take(&mut self.removed) {
            let stopped = self
                .stopped
                .iter()
                .any(|on| all_that_answer(self.targets, on, hosts));
            if stopped || gone(self.targets, hosts) {
                continue;
            }
            self.told.say(
                Diagnostic::new(
                    Code::RemovedLeftRunning,
                    "the process of a removed member is left as it is",
                    span,
                )
                .label("starts again and again, and at each boot")
                .help(format!(
                    "`service etcd stopped disabled` in a step on {}; hosts that are dead are `gone(...)`",
                    self.told.hosts(hosts)
                )),
            );
        }
    }
}

fn starts_member(call: &Call) -> bool {
    call.verb == Verb::Service && is_member_service(call) && !is_word(call, "state", "stopped")
}
