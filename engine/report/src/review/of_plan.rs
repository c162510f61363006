//! A plan, for who has to approve it.

use runbook_model::guard::Verdict;
use runbook_model::host::HostName;
use runbook_model::plan::{Plan, PlannedGuard};

use super::{Fact, Judgement, ParameterRow, Reason, Review, Tone};
use super::{entries, guards, hosts, quorum, risks, timeline};
use crate::plan::{Standing, hosts as names, on_failure, quorum_words, readiness, standing, stops};

/// The rows of a plan.
pub fn of_plan(plan: &Plan) -> Review {
    Review {
        verdict: judgement(plan),
        facts: facts(plan),
        guards: guards::planned(plan),
        quorum: quorum::rows(plan),
        entries: entries::entries(plan, None),
        hosts: hosts::rows(plan, None),
        timeline: timeline::planned(plan),
        data: "runbook plan ... --format json".to_owned(),
        ..common(plan)
    }
}

/// What a plan and its run have in common.
pub(super) fn common(plan: &Plan) -> Review {
    Review {
        runbook: plan.runbook.clone(),
        about: plan.about.clone(),
        cluster: plan.cluster.clone(),
        verdict: judgement(plan),
        facts: Vec::new(),
        warnings: plan.warnings.clone(),
        risks: risks::risks(plan),
        guards: Vec::new(),
        quorum: Vec::new(),
        entries: Vec::new(),
        hosts: Vec::new(),
        failures: Vec::new(),
        left: Vec::new(),
        parameters: parameters(plan),
        sources: plan
            .sources
            .iter()
            .map(|s| Fact::new(&s.name, s.sha256.as_str()))
            .collect(),
        timeline: timeline::Timeline::default(),
        ran: false,
        data: String::new(),
    }
}

fn parameters(plan: &Plan) -> Vec<ParameterRow> {
    plan.parameters
        .iter()
        .map(|p| ParameterRow {
            name: p.name.clone(),
            value: p.value.clone(),
            from: p.from.clone(),
        })
        .collect()
}

fn judgement(plan: &Plan) -> Judgement {
    let seen = readiness(plan);
    let passed_over = |g: &&PlannedGuard| g.overridden.is_some() && !g.verdict.holds();
    let overridden = plan.requires.iter().filter(passed_over).count();
    let (tone, word, sentence) = match standing(plan) {
        Standing::Converged => (
            Tone::Good,
            "nothing to do",
            plan.converged.clone().unwrap_or_default(),
        ),
        Standing::Ready if overridden > 0 => (
            Tone::Warn,
            "ready",
            format!(
                "{}, {overridden} {} OVERRIDDEN",
                seen.sentence(),
                if overridden == 1 { "guard" } else { "guards" }
            ),
        ),
        Standing::Ready => (Tone::Good, "ready", seen.sentence()),
        Standing::Refused => (Tone::Bad, "refused", seen.sentence()),
        Standing::Untold => (Tone::Bad, "cannot be told", seen.sentence()),
    };
    let reasons = if plan.converged.is_some() {
        Vec::new()
    } else {
        let refusing = plan.requires.iter().filter(|g| stops(g));
        refusing
            .map(|guard| Reason {
                what: guard.text.clone(),
                seen: match &guard.verdict {
                    Verdict::Unknown { why } => format!("cannot be told: {why}"),
                    verdict => verdict.headline().to_owned(),
                },
                help: guards::help(guard),
            })
            .collect()
    };
    Judgement {
        tone,
        word: word.to_owned(),
        sentence,
        reasons,
    }
}

fn facts(plan: &Plan) -> Vec<Fact> {
    let mut facts = head(plan);
    if quorum::has_members(plan) {
        facts.push(Fact::new("quorum now", quorum_words(plan.quorum_before)));
    }
    if plan.converged.is_none() {
        facts.push(Fact::new("on failure", on_failure(plan.on_failure)));
    }
    facts.push(Fact::new("made by", format!("runbook {}", plan.tool)));
    facts
}

/// Cluster and members.
pub(super) fn head(plan: &Plan) -> Vec<Fact> {
    let members: Vec<&HostName> = plan.members.keys().collect();
    let mut facts = vec![Fact::new("cluster", plan.cluster.as_str())];
    if !members.is_empty() {
        facts.push(Fact::new("members", names(&members)));
    }
    facts
}
