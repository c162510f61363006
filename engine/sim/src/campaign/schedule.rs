//! A schedule of faults, drawn from one number.

use runbook_model::action::Action;
use runbook_model::host::HostName;
use runbook_model::plan::{Change, Plan};

use super::dice::Dice;
use super::strike::{Mishap, Strike};
use crate::faults::{Fault, Moment, When};

/// What goes wrong in one run, and what its operator does about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The number that it was drawn from.
    pub id: u64,
    /// Index of the starting state.
    pub start: usize,
    /// In no order.
    pub strikes: Vec<Strike>,
    /// The operator answers the first pause by `runbook rollback`; else by `runbook resume`.
    pub rolls_back: bool,
    /// The operator leaves a run alone that ended before it changed anything; else tries again.
    pub leaves: bool,
}

/// Where in a plan something can go wrong, and how much of it there is when nothing does.
#[derive(Clone, Debug, Default)]
pub(super) struct Ground {
    /// Orders that a run sends: step, host, number of actions.
    orders: Vec<(usize, HostName, usize)>,
    hosts: Vec<HostName>,
    members: Vec<HostName>,
    /// Files that the run sends.
    sent: Vec<(HostName, String)>,
    /// Snapshots that it saves on the control host, and in which order.
    saved: Vec<(When, String)>,
    /// Records of a run in which nothing goes wrong.
    pub(super) records: usize,
    /// Questions to members in such a run.
    pub(super) asked: u64,
}

impl Ground {
    pub(super) fn of(plan: &Plan, hosts: Vec<HostName>) -> Self {
        let mut ground = Self {
            hosts,
            members: plan.members.keys().cloned().collect(),
            ..Self::default()
        };
        for step in plan.steps().filter(|s| s.skipped.is_none()) {
            for work in &step.work {
                let so = |a: &runbook_model::plan::PlannedAction| {
                    matches!(a.change, Change::None { .. })
                };
                if work.actions.iter().all(so) {
                    continue;
                }
                let host = work.host.clone();
                for action in &work.actions {
                    match &action.action {
                        Action::Upload {
                            dest,
                            sha256: Some(_),
                            ..
                        } => ground.sent.push((host.clone(), dest.clone())),
                        Action::SaveSnapshot { dest, .. } => {
                            let when = When {
                                host: host.clone(),
                                step: step.number,
                                undo: false,
                            };
                            ground.saved.push((when, dest.clone()));
                        }
                        _ => {}
                    }
                }
                ground.orders.push((step.number, host, work.actions.len()));
            }
        }
        ground
    }

    /// The strikes of a schedule.
    pub(super) fn draw(&self, dice: &mut Dice) -> Vec<Strike> {
        let count = match dice.below(100) {
            0..40 => 1,
            40..70 => 2,
            70..88 => 3,
            _ => 4,
        };
        (0..count).filter_map(|_| self.strike(dice)).collect()
    }

    fn strike(&self, dice: &mut Dice) -> Option<Strike> {
        match dice.below(100) {
            0..44 => self.order(dice),
            44..62 => Some(Strike::Killed {
                record: 1 + dice.below(self.records + self.records / 4),
                kept: dice.percent(50),
            }),
            62..72 if !self.sent.is_empty() || !self.saved.is_empty() => self.damage(dice),
            _ => self.mishap(dice),
        }
    }

    fn order(&self, dice: &mut Dice) -> Option<Strike> {
        let (when, actions) = self.when(dice)?;
        let fault = match dice.below(9) {
            0 => Fault::NotReached,
            1 => Fault::LostBefore,
            2 => Fault::LostDuring,
            3 => Fault::LostAfter,
            4 | 5 => Fault::Fails {
                action: dice.below(actions),
            },
            6 | 7 => Fault::PowerOff {
                action: dice.below(actions),
            },
            _ => Fault::Slow {
                ms: 1_000 + dice.next() % 89_000,
            },
        };
        Some(Strike::Order { when, fault })
    }

    fn when(&self, dice: &mut Dice) -> Option<(When, usize)> {
        let (step, host, actions) = dice.pick(&self.orders)?;
        let when = When {
            host: host.clone(),
            step: *step,
            undo: dice.percent(20),
        };
        Some((when, *actions))
    }

    fn moment(&self, dice: &mut Dice) -> Option<Moment> {
        let asked = usize::try_from(self.asked).unwrap_or(0);
        if asked > 0 && dice.percent(50) {
            let count = 1 + dice.below(asked + asked / 4);
            return Some(Moment::Asked(count as u64));
        }
        let (when, _) = self.when(dice)?;
        Some(if dice.percent(50) {
            Moment::Begins(when)
        } else {
            Moment::Ends(when)
        })
    }

    fn damage(&self, dice: &mut Dice) -> Option<Strike> {
        // What a run saved is its own to check only until it has done so.
        if let Some((when, path)) = dice.pick(&self.saved).filter(|_| dice.percent(60)) {
            return Some(Strike::Host {
                at: Moment::Ends(when.clone()),
                host: when.host.clone(),
                mishap: Mishap::SavedDamaged { path: path.clone() },
            });
        }
        let (host, path) = dice.pick(&self.sent)?.clone();
        Some(Strike::Host {
            at: self.moment(dice)?,
            host,
            mishap: Mishap::Damaged { path },
        })
    }

    fn mishap(&self, dice: &mut Dice) -> Option<Strike> {
        let at = self.moment(dice)?;
        let back_ms = dice.percent(60).then(|| 500 + dice.next() % 59_500);
        let mishap = match dice.below(10) {
            0..3 => Mishap::Off { back_ms },
            3 | 4 => Mishap::Restarts,
            5 | 6 => Mishap::CutOff {
                from_control: dice.percent(40),
                back_ms,
            },
            7 => Mishap::Slows {
                ms: 100 + dice.next() % 4_900,
            },
            _ => Mishap::Leads,
        };
        let from = match mishap {
            Mishap::Leads | Mishap::CutOff { .. } if !self.members.is_empty() => &self.members,
            _ => &self.hosts,
        };
        let host = dice.pick(from)?.clone();
        Some(Strike::Host { at, host, mishap })
    }
}
