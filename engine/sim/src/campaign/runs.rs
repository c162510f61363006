//! Many schedules at once, and what came of them.

use std::collections::BTreeMap;

use rayon::prelude::*;
use runbook_model::event::RunEnd;

use super::Start;
use super::dice::{Dice, id};
use super::drive::{End, Story, drive};
use super::judge::{Breach, Rule, judge};
use super::schedule::{Ground, Schedule};
use super::shrink::shrink;

/// Starting states in which a run runs, and what can go wrong in each.
#[derive(Debug)]
pub struct Campaign {
    starts: Vec<(Start, Ground)>,
    /// How the run ends from each start when nothing goes wrong.
    undisturbed: Vec<&'static str>,
    idle: Vec<(String, String)>,
}

/// What came of a campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Schedules that were run.
    pub schedules: usize,
    /// By starting state.
    pub starts: Vec<StartTally>,
    /// By kind of fault.
    pub strikes: BTreeMap<&'static str, StrikeTally>,
    /// Times runs were taken up again by their operators.
    pub taken_up: usize,
    /// Writes that the simulated clients had acknowledged.
    pub writes: usize,
    /// Schedules that broke a rule.
    pub broken: usize,
    /// The first schedule that broke each rule, shrunk.
    pub findings: Vec<Finding>,
}

/// How runs from one starting state ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StartTally {
    /// The state.
    pub name: String,
    /// How the run ends there when nothing goes wrong.
    pub undisturbed: &'static str,
    /// Schedules.
    pub schedules: usize,
    /// By how the run ended.
    pub ends: BTreeMap<&'static str, usize>,
}

/// Faults of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StrikeTally {
    /// Drawn.
    pub drawn: usize,
    /// Of those, met by a run before it was over.
    pub met: usize,
}

/// A schedule that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The schedule's id: draws it again.
    pub id: u64,
    /// Strikes in it as it was drawn.
    pub drawn: usize,
    /// Name of the starting state.
    pub start: String,
    /// The shortest schedule that breaks the same rule.
    pub shrunk: Schedule,
    /// Its strikes in words.
    pub strikes: Vec<String>,
    /// What happened in it, line by line.
    pub tale: Vec<String>,
    /// The rule, and what was seen.
    pub breach: Breach,
}

/// What is kept of one schedule.
struct Outcome {
    schedule: Schedule,
    end: &'static str,
    met: Vec<bool>,
    taken_up: usize,
    writes: usize,
    breaches: Vec<Breach>,
}

impl Campaign {
    /// Runs each start once with nothing going wrong, to learn how much can. A start whose run ends by itself before it changes
    /// anything is left out.
    pub fn new(starts: Vec<Start>) -> Self {
        let mut campaign = Self {
            starts: Vec::new(),
            undisturbed: Vec::new(),
            idle: Vec::new(),
        };
        for start in starts {
            let schedule = calm(campaign.starts.len());
            let story = drive(&start, &schedule);
            if let Some(why) = before_any_change(&story)
                && judge(&start, &schedule, &story).is_empty()
            {
                campaign.idle.push((start.name, why));
                continue;
            }
            let hosts = start.model.hosts.keys().cloned().collect();
            let mut ground = Ground::of(&start.plan, hosts);
            ground.records = story.records;
            ground.asked = story.asked;
            campaign.undisturbed.push(end_name(&story.end));
            campaign.starts.push((start, ground));
        }
        campaign
    }

    /// Starts that were left out, and why their runs ended.
    pub fn idle(&self) -> &[(String, String)] {
        &self.idle
    }

    /// Whether no start is left.
    pub const fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// The schedule of an id. The lowest ids are those of the starts with nothing going wrong.
    pub fn schedule(&self, id: u64) -> Schedule {
        let count = self.starts.len();
        if let Ok(index) = usize::try_from(id)
            && index < count
        {
            return calm(index);
        }
        let mut dice = Dice::new(id);
        let start = dice.below(count);
        let strikes = match self.starts.get(start) {
            Some((_, ground)) => ground.draw(&mut dice),
            None => Vec::new(),
        };
        Schedule {
            id,
            start,
            strikes,
            rolls_back: dice.percent(30),
            leaves: dice.percent(50),
        }
    }

    /// The ids of a seed's first `count` schedules, after those in which nothing goes wrong.
    pub fn ids(&self, seed: u64, count: usize) -> Vec<u64> {
        let calm = self.starts.len().min(count);
        let calm = (0..calm as u64).collect::<Vec<_>>();
        let drawn = (count - calm.len()) as u64;
        calm.into_iter()
            .chain((0..drawn).map(|index| id(seed, index)))
            .collect()
    }

    /// Runs schedules, on as many threads as rayon has.
    pub fn run(&self, ids: &[u64]) -> Report {
        let outcomes: Vec<Outcome> = ids
            .par_iter()
            .map(|id| self.outcome(self.schedule(*id)))
            .collect();
        let mut report = self.tally(&outcomes);
        let mut first: BTreeMap<Rule, &Outcome> = BTreeMap::new();
        for outcome in &outcomes {
            // What a schedule breaks first is what it is about.
            if let Some(breach) = outcome.breaches.first() {
                first.entry(breach.rule).or_insert(outcome);
            }
        }
        let found: Vec<_> = first.into_iter().collect();
        report.findings = found
            .par_iter()
            .filter_map(|(rule, outcome)| self.finding(*rule, &outcome.schedule))
            .collect();
        report
    }

    /// The rules that a schedule breaks.
    pub fn breaches(&self, schedule: &Schedule) -> Vec<Breach> {
        match self.starts.get(schedule.start) {
            Some((start, _)) => judge(start, schedule, &drive(start, schedule)),
            None => Vec::new(),
        }
    }

    /// A schedule that breaks a rule, shrunk as far as it still does.
    pub fn finding(&self, rule: Rule, schedule: &Schedule) -> Option<Finding> {
        let broken = |s: &Schedule| self.breaches(s).into_iter().find(|b| b.rule == rule);
        let shrunk = shrink(schedule, |s| broken(s).is_some());
        let (start, _) = self.starts.get(shrunk.start)?;
        let story = drive(start, &shrunk);
        let breach = judge(start, &shrunk, &story);
        Some(Finding {
            id: schedule.id,
            drawn: schedule.strikes.len(),
            start: start.name.clone(),
            strikes: shrunk
                .strikes
                .iter()
                .map(|s| s.words(&start.plan))
                .collect(),
            tale: story.tale,
            breach: breach.into_iter().find(|b| b.rule == rule)?,
            shrunk,
        })
    }

    fn outcome(&self, schedule: Schedule) -> Outcome {
        let Some((start, _)) = self.starts.get(schedule.start) else {
            return Outcome {
                schedule,
                end: "none",
                met: Vec::new(),
                taken_up: 0,
                writes: 0,
                breaches: Vec::new(),
            };
        };
        let story = drive(start, &schedule);
        let breaches = judge(start, &schedule, &story);
        Outcome {
            schedule,
            end: end_name(&story.end),
            met: story.met,
            taken_up: story.taken_up,
            writes: story.written.count,
            breaches,
        }
    }

    fn tally(&self, outcomes: &[Outcome]) -> Report {
        let mut report = Report {
            schedules: outcomes.len(),
            starts: self
                .starts
                .iter()
                .zip(&self.undisturbed)
                .map(|((start, _), undisturbed)| StartTally {
                    name: start.name.clone(),
                    undisturbed,
                    ..StartTally::default()
                })
                .collect(),
            strikes: BTreeMap::new(),
            taken_up: 0,
            writes: 0,
            broken: 0,
            findings: Vec::new(),
        };
        for outcome in outcomes {
            report.taken_up += outcome.taken_up;
            report.writes += outcome.writes;
            report.broken += usize::from(!outcome.breaches.is_empty());
            if let Some(start) = report.starts.get_mut(outcome.schedule.start) {
                start.schedules += 1;
                *start.ends.entry(outcome.end).or_default() += 1;
            }
            for (strike, met) in outcome.schedule.strikes.iter().zip(&outcome.met) {
                let tally = report.strikes.entry(strike.kind()).or_default();
                tally.drawn += 1;
                tally.met += usize::from(*met);
            }
        }
        report
    }
}

/// Why a run ended before it changed anything.
fn before_any_change(story: &Story) -> Option<String> {
    let End::Run(
        RunEnd::Refused { reason } | RunEnd::Failed { reason } | RunEnd::Unreachable { reason },
    ) = &story.end
    else {
        return None;
    };
    (!story.state.touched_anything()).then(|| reason.clone())
}

/// A schedule in which nothing goes wrong.
fn calm(start: usize) -> Schedule {
    Schedule {
        id: start as u64,
        start,
        strikes: Vec::new(),
        rolls_back: false,
        leaves: true,
    }
}

/// How a run ended, in a word or two.
pub const fn end_name(end: &End) -> &'static str {
    match end {
        End::Run(RunEnd::Done { .. }) => "done",
        End::Run(RunEnd::RolledBack { .. }) => "rolled back",
        End::Run(RunEnd::Refused { .. }) => "refused",
        End::Run(RunEnd::Failed { .. }) => "failed before any change",
        End::Run(RunEnd::Unreachable { .. }) => "unreachable before any change",
        End::Run(_) | End::Never(_) | End::Broke(_) => "no end",
    }
}
