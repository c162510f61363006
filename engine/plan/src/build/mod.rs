//! The plan: the whole body, run on a prediction of the view.

mod notes;
mod step;

use std::collections::{BTreeMap, BTreeSet};

use runbook_dsl::checked::{GuardUse, Item, OnFailure};
use runbook_dsl::expr::Expr;
use runbook_dsl::span::Node;
use runbook_model::guard::{Guard, Verdict};
use runbook_model::host::HostName;
use runbook_model::plan::{self, PLAN_VERSION, Place, Plan, PlanItem, PlannedGuard, Source};
use runbook_model::quorum::Quorum;
use runbook_model::view::View;

use crate::error::{Outcome, PlanError, Problem};
use crate::eval::{Scope, eval};
use crate::predict::Prediction;
use crate::prepare::{Prepared, lets};
use crate::value::Value;
use crate::{files, guards, targets};

/// Plans the run on what was observed. Same inputs, same bytes.
pub fn plan(prepared: &Prepared<'_>, view: &View) -> Result<Plan, Vec<PlanError>> {
    let mut observed = view.clone();
    for member in &prepared.members {
        observed
            .specs
            .entry(member.host.clone())
            .or_insert_with(|| member.clone());
    }
    let mut problems = Vec::new();
    let plan = Builder::new(prepared, &observed, &mut problems).and_then(|b| b.finish());
    match plan {
        Ok(plan) if problems.is_empty() => Ok(plan),
        Ok(_) => Err(errors(prepared, problems)),
        Err(problem) => {
            problems.push(problem);
            Err(errors(prepared, problems))
        }
    }
}

/// Guards as they would be asked in the run that is planned on this view: for who judges how it ended.
///
/// # Errors
/// The first that cannot be said: a name without a value, hosts that there are not.
pub fn propositions(
    prepared: &Prepared<'_>,
    view: &View,
    used: &[GuardUse],
) -> Result<Vec<PlannedGuard>, Vec<PlanError>> {
    let mut problems = Vec::new();
    let builder = Builder::new(prepared, view, &mut problems);
    builder
        .and_then(|builder| builder.guards(used, view))
        .map_err(|problem| errors(prepared, vec![problem]))
}

fn errors(prepared: &Prepared<'_>, problems: Vec<Problem>) -> Vec<PlanError> {
    problems
        .into_iter()
        .map(|p| PlanError::new(p, prepared.request.checked))
        .collect()
}

/// The state of planning: what is known by then, and what was decided so far.
struct Builder<'a> {
    prepared: &'a Prepared<'a>,
    observed: &'a View,
    /// Parameters, targets and lets on what was observed.
    values: BTreeMap<String, Value>,
    prediction: Prediction,
    steps: usize,
    /// Guards that verbs bring, and the verbs' places.
    implied: Vec<(Guard, Place)>,
    /// `when` of steps that cannot be told: neither leaving the step out nor carrying it out would be right.
    undecided: Vec<PlannedGuard>,
    /// Guards of steps that do not hold now, and that nothing before them changes: better refused before the first step than half-way.
    foreseen: Vec<PlannedGuard>,
    /// A program of the author's is planned, of which nothing is known: it may change anything.
    opaque: bool,
    /// Hosts of steps that were not reached.
    lost: BTreeSet<HostName>,
    /// Those of them that no step leaves out.
    wanted: BTreeSet<HostName>,
    warnings: Vec<String>,
    items: Vec<PlanItem>,
}

impl<'a> Builder<'a> {
    fn new(
        prepared: &'a Prepared<'a>,
        observed: &'a View,
        problems: &mut Vec<Problem>,
    ) -> Outcome<Self> {
        let request = &prepared.request;
        let mut values = prepared.parameters.common.clone();
        let nothing = BTreeMap::new();
        let scope = Scope {
            values: &nothing,
            run: request.run,
            cluster: &prepared.cluster,
            targets: request.checked.targets(),
            inventory: request.inventory,
            connection: request.connection,
            view: Some(observed),
            host: None,
            member: None,
        };
        let declared = (request.checked.targets(), request.checked.parameters());
        let warnings = targets::resolve(declared, &scope, &mut values, problems);
        lets(request, &scope, &mut values, problems);
        Ok(Self {
            prepared,
            observed,
            values,
            prediction: Prediction::new(observed),
            steps: 0,
            implied: Vec::new(),
            undecided: Vec::new(),
            foreseen: Vec::new(),
            opaque: false,
            lost: BTreeSet::new(),
            wanted: BTreeSet::new(),
            warnings,
            items: Vec::new(),
        })
    }

    fn finish(mut self) -> Outcome<Plan> {
        let request = &self.prepared.request;
        let converged = self.converged()?;
        let mut requires = Vec::new();
        if converged.is_none() {
            requires = self.guards(request.checked.requires(), self.observed)?;
            self.body_or_refusal(&requires)?;
            requires.extend(self.unreached(&requires));
            let undecided = std::mem::take(&mut self.undecided);
            for guard in undecided
                .into_iter()
                .chain(std::mem::take(&mut self.foreseen))
            {
                if !requires.iter().any(|known| known.text == guard.text) {
                    requires.push(guard);
                }
            }
            for (guard, place) in &self.implied {
                requires.push(guards::implied(guard.clone(), self.observed, *place));
            }
        }
        let mut warnings = notes::standing(
            self.prepared,
            (self.observed, &self.prediction.view),
            &self.values,
        );
        warnings.extend(notes::lost(&self.lost));
        warnings.append(&mut self.warnings);
        Ok(Plan {
            version: PLAN_VERSION,
            tool: request.tool.to_owned(),
            run: request.run.to_owned(),
            runbook: request.checked.name().to_owned(),
            about: request.checked.about().to_owned(),
            sources: self.sources(),
            cluster: self.prepared.cluster.clone(),
            parameters: self.prepared.parameters.shown.clone(),
            targets: self.targets(),
            members: self.observed.specs.clone(),
            quorum_before: self.quorum(self.observed),
            converged,
            requires,
            items: self.items,
            on_failure: match request.checked.on_failure() {
                OnFailure::Pause => plan::OnFailure::Pause,
                OnFailure::Rollback => plan::OnFailure::Rollback,
                OnFailure::RollbackBeforeIrreversible => {
                    plan::OnFailure::RollbackBeforeIrreversible
                }
            },
            warnings,
        })
    }

    fn quorum(&self, view: &View) -> Quorum {
        view.cluster.quorum(self.prepared.members.len())
    }

    fn sources(&self) -> Vec<Source> {
        self.prepared
            .request
            .checked
            .sources()
            .iter()
            .map(|s| files::source(&s.name, &s.text))
            .collect()
    }

    fn targets(&self) -> BTreeMap<String, Vec<HostName>> {
        let declared = self.prepared.request.checked.targets().iter();
        declared
            .filter_map(|t| match self.values.get(&t.name.value) {
                Some(Value::Hosts(hosts)) => Some((t.name.value.clone(), hosts.clone())),
                _ => None,
            })
            .collect()
    }

    /// Names where no host is meant, on a view.
    fn scope<'s>(&'s self, view: &'s View) -> Scope<'s> {
        let request = &self.prepared.request;
        Scope {
            values: &self.values,
            run: request.run,
            cluster: &self.prepared.cluster,
            targets: request.checked.targets(),
            inventory: request.inventory,
            connection: request.connection,
            view: Some(view),
            host: None,
            member: None,
        }
    }

    fn guards(&self, used: &[GuardUse], view: &View) -> Outcome<Vec<PlannedGuard>> {
        used.iter()
            .map(|g| guards::planned(&self.prepared.request, &self.scope(view), g, &[], view))
            .collect()
    }

    /// `done when`: all of it holds on what was observed.
    fn converged(&self) -> Outcome<Option<String>> {
        let used = self.prepared.request.checked.done_when();
        let planned = self.guards(used, self.observed)?;
        let done = !planned.is_empty() && planned.iter().all(|g| g.verdict.holds());
        Ok(done.then(|| {
            planned
                .iter()
                .map(|g| g.verdict.headline())
                .collect::<Vec<_>>()
                .join("; ")
        }))
    }

    fn body(&mut self, items: &'a [Item]) -> Outcome<()> {
        for item in items {
            match item {
                Item::Step(step) => {
                    let planned = self.step(step)?;
                    self.items.push(PlanItem::Step(Box::new(planned)));
                }
                Item::Outage { reason, items, .. } => {
                    let reason = self.prose(reason)?;
                    self.items.push(PlanItem::OutageBegins { reason });
                    self.body(items)?;
                    self.items.push(PlanItem::OutageEnds);
                }
                Item::Confirm { prompt, .. } => {
                    let prompt = self.prose(prompt)?;
                    self.items.push(PlanItem::Confirm { prompt });
                }
                Item::Irreversible { prompt, .. } => {
                    let prompt = self.prose(prompt)?;
                    self.items.push(PlanItem::Irreversible { prompt });
                }
                Item::Ensure(used) => {
                    let guard = self.ensure(used, &[])?;
                    self.items.push(PlanItem::Ensure(Box::new(guard)));
                }
                Item::Called { items, .. } => self.body(items)?,
            }
        }
        Ok(())
    }

    /// The steps; where none can be planned on a cluster that guards refuse anyway, the guards are what there is to say.
    fn body_or_refusal(&mut self, requires: &[PlannedGuard]) -> Outcome<()> {
        let planned = self.body(self.prepared.request.checked.body());
        let refuses = |g: &PlannedGuard| {
            let binding = !g.warn_only && g.overridden.is_none();
            binding && !g.verdict.holds()
        };
        match planned {
            Err(problem) if requires.iter().any(refuses) => {
                self.warn(format!("no step is planned: {}", problem.fault));
                self.items.clear();
                self.implied.clear();
                Ok(())
            }
            other => other,
        }
    }

    fn ensure(&self, used: &GuardUse, batch: &[HostName]) -> Outcome<PlannedGuard> {
        let view = &self.prediction.view;
        let request = &self.prepared.request;
        guards::planned(request, &self.scope(view), used, batch, view).map(guards::expected)
    }

    /// A text for people: what is not known is said to be so, and nothing is refused for it.
    fn prose(&self, node: &Node<Expr>) -> Outcome<String> {
        let view = &self.prediction.view;
        Ok(match eval(&self.scope(view), node)? {
            Value::Unknown(why) => format!("(not known: {why})"),
            value => value.text().unwrap_or_default(),
        })
    }

    fn warn(&mut self, text: String) {
        if !text.is_empty() && !self.warnings.contains(&text) {
            self.warnings.push(text);
        }
    }

    /// A host that work was to be done on and that was not reached keeps the run from starting.
    fn unreached(&self, requires: &[PlannedGuard]) -> Option<PlannedGuard> {
        let covered = |host: &HostName| {
            requires
                .iter()
                .any(|g| matches!(&g.guard, Guard::Reachable { hosts } if hosts.contains(host)))
        };
        let hosts: Vec<HostName> = self
            .wanted
            .iter()
            .filter(|h| !covered(h))
            .cloned()
            .collect();
        let place = Place::default();
        (!hosts.is_empty())
            .then(|| guards::implied(Guard::Reachable { hosts }, self.observed, place))
    }
}

/// Whether every verdict holds; else the first that does not, in words.
fn first_against(planned: &[PlannedGuard]) -> Option<String> {
    planned.iter().find(|g| !g.verdict.holds()).map(|g| {
        let what = match g.verdict {
            Verdict::Unknown { .. } => "cannot be told",
            _ => "does not hold",
        };
        format!("`{}` {what}: {}", g.text, g.verdict.headline())
    })
}
