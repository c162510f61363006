//! Steps: heads, conditions, calls.

use super::calls::is_etcd;
use super::entry::Checker;
use super::typing::{Place, described, hosts};
use crate::ast::{self, StepOption};
use crate::catalogue::Verb;
use crate::checked::{Call, GuardUse, OnUnreachable, Step, Strategy};
use crate::codes::Code;
use crate::diagnostic::Diagnostic;
use crate::expr::{Expr, Op};
use crate::span::Node;

impl Checker<'_> {
    pub(super) fn step(&mut self, step: &ast::Step) -> Option<Step> {
        self.type_of(&step.title, Place::Once);
        let on = self.step_hosts(&step.on);
        let mut out = Step {
            title: step.title.clone(),
            on: step.on.clone(),
            strategy: Strategy::default(),
            leader_last: false,
            timeout_ms: None,
            retry: None,
            on_unreachable: OnUnreachable::default(),
            when: Vec::new(),
            requires: Vec::new(),
            ensures: Vec::new(),
            calls: Vec::new(),
            span: step.head.span,
        };
        self.options(step, &mut out);
        self.working_on = Some(step.on.value.clone());
        for line in &step.block.lines {
            match &line.value {
                ast::Statement::Require(require) => out.requires.extend(self.require(require)),
                ast::Statement::Ensure(ensure) => out.ensures.extend(self.ensure(ensure)),
                ast::Statement::Call(call) => out.calls.extend(self.call(call, line.span)),
            }
        }
        self.working_on = None;
        self.order(step);
        if out.calls.iter().any(works_on_member) {
            self.stand_for_members(&step.on);
        }
        // A warning is all that some steps are for; what is required keeps from something.
        let does = |s: &Node<ast::Statement>| match &s.value {
            ast::Statement::Require(require) => require.warn_only,
            _ => true,
        };
        if !step.block.lines.iter().any(does) {
            self.problem(
                Diagnostic::new(Code::EmptyStep, "the step does nothing", step.head.span)
                    .label("no verb in it")
                    .help("remove it, or write what it is to do"),
            );
        }
        self.reachable(&out);
        on.then_some(out)
    }

    /// Whether the step's hosts are hosts.
    fn step_hosts(&mut self, on: &Node<Expr>) -> bool {
        let Some(ty) = self.type_of(on, Place::Once) else {
            return false;
        };
        if !hosts(&ty) {
            self.problem(
                Diagnostic::new(
                    Code::WrongType,
                    format!("a step works on hosts, found {}", described(&ty)),
                    on.span,
                )
                .label(format!("this is {}", described(&ty)))
                .help("name hosts by a target, `group(NAME)` or `hosts(\"PATTERN\")`"),
            );
            return false;
        }
        // A target that may be empty has said so by `expect any`.
        if !matches!(on.value, Expr::Name(_)) && self.may_be_empty(on) {
            let shown = self.shown(on.span);
            self.problem(
                Diagnostic::new(
                    Code::MaybeEmptyTarget,
                    "these hosts may turn out to be none, and the step would silently do nothing",
                    on.span,
                )
                .label("may be no hosts")
                .help(format!(
                    "declare `target NAME = {shown}   expect any` and use its name"
                )),
            );
        }
        true
    }

    fn options(&mut self, step: &ast::Step, out: &mut Step) {
        for (i, option) in step.options.iter().enumerate() {
            let first = step.options[..i].iter().find(|o| {
                o.value.kind() == option.value.kind()
                    && !matches!(option.value, StepOption::When(_))
            });
            if let Some(first) = first {
                self.problem(
                    Diagnostic::new(
                        Code::Duplicate,
                        format!("{} is said twice", option.value.kind()),
                        option.span,
                    )
                    .label("second time")
                    .and(first.span, "first time")
                    .help("keep one of them"),
                );
            }
            match &option.value {
                StepOption::Parallel => out.strategy = Strategy::Parallel,
                StepOption::Rolling(count) => {
                    let help =
                        "write how many hosts at a time: `rolling 1`, or `rolling quorum-safe`";
                    if let Some(n) = self.count(count, help) {
                        out.strategy = Strategy::Rolling(usize::try_from(n).unwrap_or(usize::MAX));
                    }
                }
                StepOption::RollingQuorumSafe => out.strategy = Strategy::RollingQuorumSafe,
                StepOption::LeaderLast => out.leader_last = true,
                StepOption::Timeout(time) => out.timeout_ms = self.milliseconds(time),
                StepOption::Retry(count, pause) => {
                    let help = "write how many further attempts are made: `retry 3 every 5s`";
                    let count = self.count(count, help);
                    if let (Some(count), Some(pause)) = (count, self.milliseconds(pause)) {
                        out.retry = Some((u32::try_from(count).unwrap_or(u32::MAX), pause));
                    }
                }
                StepOption::UnreachableFail => out.on_unreachable = OnUnreachable::Fail,
                StepOption::UnreachableSkip => out.on_unreachable = OnUnreachable::Skip,
                StepOption::UnreachableWait(time) => {
                    if let Some(ms) = self.milliseconds(time) {
                        out.on_unreachable = OnUnreachable::Wait(ms);
                    }
                }
                StepOption::When(guards) => out.when.extend(self.guards(guards)),
            }
        }
    }

    /// What is required stands before what it guards, what is ensured after: a reader takes the order for the meaning.
    fn order(&mut self, step: &ast::Step) {
        let lines = &step.block.lines;
        let is_call = |s: &Node<ast::Statement>| matches!(s.value, ast::Statement::Call(_));
        let first_call = lines.iter().position(is_call);
        let last_call = lines.iter().rposition(is_call);
        for (i, line) in lines.iter().enumerate() {
            let found = match &line.value {
                ast::Statement::Require(_) if first_call.is_some_and(|c| i > c) => Some((
                    "`require` is checked before the step's first verb",
                    "move it above the verbs, or make a step of its own of what follows",
                )),
                ast::Statement::Ensure(_) if last_call.is_some_and(|c| i < c) => Some((
                    "`ensure` is checked after the step's last verb",
                    "move it below the verbs, or make a step of its own of what follows",
                )),
                _ => None,
            };
            if let Some((message, help)) = found {
                self.problem(
                    Diagnostic::new(Code::Misplaced, message, line.span)
                        .label("stands among the verbs")
                        .help(help),
                );
            }
        }
    }

    fn reachable(&mut self, step: &Step) {
        let clash = |a: &GuardUse, b: &GuardUse| {
            a.name == b.name && a.arguments == b.arguments && a.negated != b.negated
        };
        for (i, when) in step.when.iter().enumerate() {
            let other = step.when[..i]
                .iter()
                .chain(step.requires.iter().filter(|r| !r.warn_only))
                .find(|o| clash(when, o));
            if let Some(other) = other {
                self.problem(
                    Diagnostic::new(Code::UnreachableStep, "the step can never run", when.span)
                        .label("this and its contrary are both demanded")
                        .and(other.span, "the contrary")
                        .help("remove one of the two conditions"),
                );
            }
        }
        if let Expr::Binary(Op::Except, left, right) = &step.on.value
            && left == right
        {
            self.problem(
                Diagnostic::new(
                    Code::UnreachableStep,
                    "the step can never run",
                    step.on.span,
                )
                .label("these hosts without themselves are none")
                .help("name the hosts that are to be left out"),
            );
        }
    }
}

/// Verbs that make sense on an etcd member only.
fn works_on_member(call: &Call) -> bool {
    match call.verb {
        Verb::Archive | Verb::Restore | Verb::Configure | Verb::InstallCertificates => true,
        Verb::Service => call
            .arguments
            .get("name")
            .is_some_and(|n| is_etcd(&n.value)),
        _ => false,
    }
}
