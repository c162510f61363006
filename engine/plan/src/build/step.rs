//! One step: its hosts, its guards, and each host's work on what is predicted by then.

use std::collections::BTreeMap;

use runbook_dsl::catalogue::Verb;
use runbook_dsl::checked::{self, Call, Step};
use runbook_model::action::Action;
use runbook_model::cluster::MemberProbe;
use runbook_model::guard::{Guard, Verdict};
use runbook_model::host::HostName;
use runbook_model::plan::{
    Change, HostWork, OnUnreachable, Place, PlanStep, PlannedAction, PlannedGuard, Strategy,
};
use runbook_model::view::View;

use super::{Builder, first_against};
use crate::error::Outcome;
use crate::eval::{Scope, hosts_of};
use crate::prepare::arguments;
use crate::value::Value;
use crate::verbs::{self, Script, Site, Work};
use crate::{guards, place, targets};

/// Milliseconds for one host's part of a step that names no limit: every wait has one.
const TIMEOUT_MS: u64 = 300_000;

/// Milliseconds between attempts where the runbook names none.
const RETRY_PAUSE_MS: u64 = 1_000;

impl<'a> Builder<'a> {
    /// Plans a step and moves the prediction past it.
    pub(super) fn step(&mut self, step: &'a Step) -> Outcome<PlanStep> {
        self.steps += 1;
        let hosts = self.hosts(step)?;
        let view = &self.prediction.view;
        let batch = &first_batch(step, &hosts, view);
        let request = &self.prepared.request;
        let scope = self.scope(view);
        let when = step
            .when
            .iter()
            .map(|g| guards::planned(request, &scope, g, batch, view))
            .collect::<Outcome<Vec<_>>>()?;
        let requires = step
            .requires
            .iter()
            .map(|g| guards::planned(request, &scope, g, batch, view))
            .map(|g| g.map(|g| self.as_by_then(g)))
            .collect::<Outcome<Vec<_>>>()?;
        // Left out and carried out are both decisions: what cannot be told must not make either.
        let untold = |g: &&PlannedGuard| matches!(g.verdict, Verdict::Unknown { .. });
        let undecided: Vec<_> = when.iter().filter(untold).cloned().collect();
        self.undecided.extend(undecided);
        let skipped = first_against(&when).or_else(|| {
            hosts
                .is_empty()
                .then(|| "there is no host to work on".to_owned())
        });
        let (retries, retry_pause_ms) = step.retry.unwrap_or((0, RETRY_PAUSE_MS));
        let mut planned = PlanStep {
            number: self.steps,
            title: self.prose(&step.title)?,
            place: place(step.span),
            strategy: match step.strategy {
                checked::Strategy::Parallel => Strategy::Parallel,
                checked::Strategy::Rolling(batch) => Strategy::Rolling { batch },
                checked::Strategy::RollingQuorumSafe => Strategy::RollingQuorumSafe,
            },
            leader_last: step.leader_last,
            timeout_ms: step.timeout_ms.unwrap_or(TIMEOUT_MS),
            retries,
            retry_pause_ms,
            on_unreachable: match step.on_unreachable {
                checked::OnUnreachable::Fail => OnUnreachable::Fail,
                checked::OnUnreachable::Wait(limit_ms) => OnUnreachable::Wait { limit_ms },
                checked::OnUnreachable::Skip => OnUnreachable::Skip,
            },
            requires,
            ensures: Vec::new(),
            work: Vec::new(),
            quorum_after: self.quorum(&self.prediction.view),
            skipped,
        };
        if planned.skipped.is_some() {
            return Ok(planned);
        }
        // How many may be stopped at once is decided by what is seen then.
        if step.strategy != checked::Strategy::RollingQuorumSafe {
            self.foresee(&planned.requires);
        }
        self.work(step, &hosts, &mut planned)?;
        self.prediction.settle();
        planned.quorum_after = self.quorum(&self.prediction.view);
        planned.ensures = step
            .ensures
            .iter()
            .map(|g| self.ensure(g, &hosts))
            .collect::<Outcome<Vec<_>>>()?;
        Ok(planned)
    }

    /// What will keep a step from being begun is told before the first one is.
    fn foresee(&mut self, requires: &[PlannedGuard]) {
        let refuses = |g: &&PlannedGuard| {
            let binding = !g.warn_only && g.overridden.is_none();
            binding && matches!(g.verdict, Verdict::Violated { .. }) && is_as_now(g, self.observed)
        };
        if !self.opaque {
            let refusing: Vec<_> = requires.iter().filter(refuses).cloned().collect();
            self.foreseen.extend(refusing);
        }
    }

    /// Marks a verdict as predicted where it is not the one on what was observed.
    fn as_by_then(&self, guard: PlannedGuard) -> PlannedGuard {
        if let Guard::FsyncWithin { .. } = guard.guard {
            // The run measures first.
            return guards::expected(guard);
        }
        if is_as_now(&guard, self.observed) {
            guard
        } else {
            guards::predicted(guard)
        }
    }

    /// The step's hosts on what is predicted, within `--limit`.
    fn hosts(&self, step: &Step) -> Outcome<Vec<HostName>> {
        let mut hosts = hosts_of(&self.scope(&self.prediction.view), &step.on)?;
        hosts.retain(|h| self.prepared.is_within(h));
        Ok(hosts)
    }

    fn work(&mut self, step: &'a Step, hosts: &[HostName], planned: &mut PlanStep) -> Outcome<()> {
        let mut notes = Notes::default();
        let mut lost = Vec::new();
        // A leader that hands over before its turn must not hand over to one whose turn comes after.
        for host in &in_turn(step, hosts, &self.prediction.view) {
            if self.prediction.view.facts(host).is_none() {
                lost.push(host.clone());
                continue;
            }
            let mut actions = Vec::new();
            for call in &step.calls {
                let idle = |a: &PlannedAction| is_idle(&a.change);
                let changed = !actions.iter().all(idle);
                let work = self.call(step, call, (host, hosts, changed))?;
                for guard in work.requires {
                    self.implied(guard, place(call.span));
                }
                notes.add(host, work.notes);
                actions.extend(work.actions);
            }
            if !actions.is_empty() {
                planned.work.push(HostWork {
                    host: host.clone(),
                    actions,
                });
            }
        }
        let place_of = |host: &HostName| hosts.iter().position(|h| h == host);
        planned.work.sort_by_key(|work| place_of(&work.host));
        lost.sort_by_key(place_of);
        let reached_all = lost.is_empty();
        if planned.on_unreachable != OnUnreachable::Skip {
            self.wanted.extend(lost.iter().cloned());
        }
        self.lost.extend(lost);
        let notes = notes.texts(hosts);
        if planned.work.is_empty() && step.ensures.is_empty() && reached_all {
            planned.skipped = Some(notes.join("; ")).filter(|why| !why.is_empty());
        } else {
            notes.into_iter().for_each(|note| self.warn(note));
        }
        Ok(())
    }

    /// A guard that a verb brings is asked before the run starts: nothing is changed where it does not hold. Of several hosts
    /// it is one guard.
    fn implied(&mut self, guard: Guard, at: Place) {
        if let Guard::ToolsPresent { members, tools } = &guard {
            let same = self.implied.iter_mut().find_map(|(known, _)| match known {
                Guard::ToolsPresent {
                    members,
                    tools: others,
                } if others == tools => Some(members),
                _ => None,
            });
            if let Some(known) = same {
                for host in members {
                    if !known.contains(host) {
                        known.push(host.clone());
                    }
                }
                return;
            }
        }
        self.implied.push((guard, at));
    }

    /// One verb on one host; the prediction moves past its actions.
    fn call(
        &mut self,
        step: &Step,
        call: &Call,
        (host, hosts, changed): (&HostName, &[HostName], bool),
    ) -> Outcome<Placed> {
        let work = self.work_of(step, call, (host, hosts, changed))?;
        let by_author = match &call.undo {
            None => None,
            Some(_) if work.drafts.iter().all(|d| is_idle(&d.change)) => Some(Vec::new()),
            Some(undo) => Some(self.undo(step, undo, host, hosts)?),
        };
        let mut actions: Vec<PlannedAction> = work
            .drafts
            .into_iter()
            .map(|draft| PlannedAction {
                action: draft.action,
                summary: draft.summary,
                change: draft.change,
                undo: draft.undo,
                place: place(call.span),
            })
            .collect();
        if let Some(undo) = by_author {
            replace_undo(&mut actions, undo);
        }
        for action in &actions {
            let unseen = matches!(action.action, Action::Shell { .. });
            self.opaque |= unseen && !is_idle(&action.change);
            self.prediction.apply(host, &action.action);
        }
        Ok(Placed {
            actions,
            requires: work.requires,
            notes: work.notes,
        })
    }

    /// The author's own undo: its verbs on the facts that the call itself found.
    fn undo(
        &self,
        step: &Step,
        calls: &[Call],
        host: &HostName,
        hosts: &[HostName],
    ) -> Outcome<Vec<Action>> {
        let mut out = Vec::new();
        for call in calls {
            let work = self.work_of(step, call, (host, hosts, true))?;
            out.extend(work.drafts.into_iter().map(|d| d.action));
        }
        Ok(out)
    }

    fn work_of(
        &self,
        step: &Step,
        call: &Call,
        (host, hosts, changed): (&HostName, &[HostName], bool),
    ) -> Outcome<Work> {
        let Some(facts) = self.prediction.view.facts(host) else {
            return Ok(Work::default());
        };
        let values = self.prepared.values_on(&self.values, host);
        let member = self.prepared.member(host);
        let scope = Scope {
            values: &values,
            host: Some(host),
            member,
            ..self.scope(&self.prediction.view)
        };
        let arguments: BTreeMap<&'static str, Value> = arguments(&scope, call)?;
        let script = match call.arguments.get("script") {
            Some(node) if call.verb == Verb::Shell => Some(verbs::script(&scope, node)?),
            _ => None,
        };
        let site = Site {
            call: verbs::Call {
                run: self.prepared.run(),
                host,
                member,
                arguments: &arguments,
            },
            facts,
            view: &self.prediction.view,
            observed: self.observed,
            scope,
            step_hosts: hosts,
            changed,
            timeout_ms: step.timeout_ms.unwrap_or(TIMEOUT_MS),
            script: script.as_ref() as Option<&Script>,
        };
        (verbs::row(call.verb).work)(&site).map_err(|p| p.at(call.span))
    }
}

/// What verbs say beside their actions, and on which hosts.
#[derive(Default)]
struct Notes(Vec<(String, Vec<HostName>)>);

impl Notes {
    fn add(&mut self, host: &HostName, notes: Vec<String>) {
        for note in notes {
            match self.0.iter_mut().find(|(known, _)| *known == note) {
                Some((_, hosts)) => hosts.push(host.clone()),
                None => self.0.push((note, vec![host.clone()])),
            }
        }
    }

    /// One text a note; the hosts are named where they are not all of the step's.
    fn texts(self, all: &[HostName]) -> Vec<String> {
        self.0
            .into_iter()
            .map(|(note, hosts)| {
                let named = hosts.iter().all(|h| note.contains(&format!("`{h}`")));
                if named || hosts.len() == all.len() {
                    note
                } else {
                    format!("{note} ({})", targets::names(&hosts))
                }
            })
            .collect()
    }
}

/// What a call came to.
struct Placed {
    actions: Vec<PlannedAction>,
    requires: Vec<Guard>,
    notes: Vec<String>,
}

fn is_as_now(guard: &PlannedGuard, observed: &View) -> bool {
    guard.verdict == guards::verdict_on(guard, observed)
}

const fn is_idle(change: &Change) -> bool {
    matches!(change, Change::None { .. } | Change::Reads)
}

/// The author's undo takes the place of the catalogue's, under the first action that changes anything.
fn replace_undo(actions: &mut [PlannedAction], undo: Vec<Action>) {
    for action in actions.iter_mut() {
        action.undo.clear();
    }
    if let Some(first) = actions.iter_mut().find(|a| !is_idle(&a.change)) {
        first.undo = undo;
    }
}

/// The hosts that are worked on at once, first.
fn first_batch(step: &Step, hosts: &[HostName], view: &View) -> Vec<HostName> {
    let mut hosts = in_turn(step, hosts, view);
    let size = match step.strategy {
        checked::Strategy::Parallel => hosts.len(),
        checked::Strategy::Rolling(batch) => batch.min(hosts.len()),
        checked::Strategy::RollingQuorumSafe => hosts.len().min(1),
    };
    hosts.truncate(size);
    hosts
}

/// The hosts in the order in which the run chooses among them.
fn in_turn(step: &Step, hosts: &[HostName], view: &View) -> Vec<HostName> {
    let mut hosts = hosts.to_vec();
    if step.leader_last {
        let rank = |host: &HostName| match view.cluster.members.get(host) {
            Some(MemberProbe::Serving(s)) if s.leader == 0 || s.is_learner => 0,
            Some(MemberProbe::Serving(s)) if s.leader == s.member_id => 2,
            Some(MemberProbe::Serving(_)) => 1,
            _ => 0,
        };
        hosts.sort_by_key(rank);
    }
    hosts
}
