//! What a runbook owes to members whose certificate authority it replaces: at every moment each trusts what the others show.

use super::hosts::{covers, demanded, named};
use super::obligations::{is_member_service, is_word};
use super::told::Told;
use super::walk::{self, Visitor};
use crate::catalogue::{GuardName, Verb};
use crate::checked::{Call, CheckedRunbook, GuardUse, Step, Target};
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
        irreversible: false,
        passed: Vec::new(),
        dropped: None,
    };
    walk::walk(&mut walk, &runbook.body);
    if let Some((span, hosts)) = walk.dropped
        && !walk.through(&[Passed::Drop, Passed::Install, Passed::Restart], hosts)
    {
        walk.told.say(
            Diagnostic::new(
                Code::AuthorityKept,
                "the old authority is dropped here, and the members go on trusting it",
                span,
            )
            .label("each read its CA file when it started")
            .help("add a `rolling 1` step after it: `install-certificates`, then `service etcd restarted`"),
        );
    }
}

/// What was done, in order, whatever happens.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Passed {
    Add,
    Switch,
    Issue,
    Drop,
    Install,
    Restart,
    Served,
}

struct Walk<'a> {
    told: Told<'a>,
    targets: &'a [Target],
    irreversible: bool,
    /// With the hosts.
    passed: Vec<(Passed, &'a Expr)>,
    dropped: Option<(Span, &'a Expr)>,
}

impl<'a> Visitor<'a> for Walk<'a> {
    fn told(&mut self) -> &mut Told<'a> {
        &mut self.told
    }

    fn irreversible(&mut self, _: Span) {
        self.irreversible = true;
    }

    fn guards(&mut self, guards: &'a [GuardUse]) {
        let served = |g: &&GuardUse| g.name == GuardName::CertificatesServed;
        for guard in guards
            .iter()
            .filter(served)
            .filter(|g| !g.negated && !g.warn_only)
        {
            let of = guard.arguments.get("members");
            self.passed.extend(of.map(|m| (Passed::Served, &m.value)));
        }
    }

    fn step(&mut self, step: &'a Step) {
        let before = self.passed.len();
        self.guards(&step.requires);
        for call in &step.calls {
            self.call(step, call);
        }
        self.guards(&step.ensures);
        if !step.when.is_empty() {
            // A step that may be left out proves nothing for those after it.
            self.passed.truncate(before);
        }
    }
}

impl<'a> Walk<'a> {
    fn call(&mut self, step: &'a Step, call: &'a Call) {
        let on = &step.on.value;
        let passed = match call.verb {
            Verb::RotateAuthority if is_word(call, "to", "add") => Passed::Add,
            Verb::RotateAuthority if is_word(call, "to", "switch") => {
                self.switches(on, call);
                Passed::Switch
            }
            Verb::RotateAuthority => {
                self.drops(step, call);
                self.dropped = Some((call.span, on));
                Passed::Drop
            }
            Verb::IssueCertificates => Passed::Issue,
            Verb::InstallCertificates => Passed::Install,
            // Whether an earlier run installed and did not get to the restart cannot be seen: `if changed` proves nothing.
            Verb::Service if is_member_service(call) && restarts(call) => Passed::Restart,
            _ => return,
        };
        self.passed.push((passed, on));
    }

    /// Whether these things were done on all of the hosts, one after the other.
    fn through(&self, wanted: &[Passed], hosts: &Expr) -> bool {
        let mut wanted = wanted.iter().peekable();
        for (done, on) in &self.passed {
            if wanted.peek() == Some(&done) && covers(self.targets, on, hosts) {
                wanted.next();
            }
        }
        wanted.peek().is_none()
    }

    fn switches(&mut self, on: &Expr, call: &Call) {
        if self.through(&[Passed::Add, Passed::Install, Passed::Restart], on) {
            return;
        }
        self.told.say(
            Diagnostic::new(
                Code::AuthorityUntrusted,
                "the new authority would issue certificates that the members do not trust yet",
                call.span,
            )
            .label("members would refuse each other")
            .help("before it: `rotate-authority add`, then a `rolling 1` step with `install-certificates` and `service etcd restarted`"),
        );
    }

    fn drops(&mut self, step: &Step, call: &Call) {
        let on = &step.on.value;
        let sequence = [Passed::Switch, Passed::Issue, Passed::Install];
        let reissued = self.through(&sequence, on);
        let proven = demanded(
            self.targets,
            &step.requires,
            GuardName::CertificatesServed,
            ("members", on),
        );
        if !reissued || !proven {
            let help = if reissued {
                format!(
                    "add `require certificates-served({})` to the step",
                    self.told.hosts(on)
                )
            } else {
                "before it: `rotate-authority switch`, `issue-certificates`, and `install-certificates` on every member"
                    .to_owned()
            };
            self.told.say(
                Diagnostic::new(
                    Code::AuthorityInUse,
                    "the old authority is dropped, and nothing says that the members use it no longer",
                    call.span,
                )
                .label("a member that shows an old certificate would be refused by the others")
                .help(help),
            );
        }
        if !self.irreversible {
            self.told.say(
                Diagnostic::new(
                    Code::AuthorityReversible,
                    "a rollback after this would bring back certificates that members refuse",
                    call.span,
                )
                .label("the old authority is trusted no longer from here on")
                .help("put `irreversible \"...\"` before the step"),
            );
        }
    }
}

fn restarts(call: &Call) -> bool {
    is_word(call, "state", "restarted") && !call.arguments.contains_key("if")
}
