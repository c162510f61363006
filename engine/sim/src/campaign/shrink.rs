//! The shortest schedule that still breaks the same rule.

use super::schedule::Schedule;
use super::strike::{Mishap, Strike};
use crate::faults::Fault;

/// Runs that shrinking may cost.
const BUDGET: usize = 400;

/// Drops strikes one at a time, then makes the rest as plain as they can be. `breaks`: whether a schedule still does.
pub(super) fn shrink(schedule: &Schedule, breaks: impl Fn(&Schedule) -> bool) -> Schedule {
    let mut shortest = schedule.clone();
    let mut left = BUDGET;
    loop {
        let mut shorter = None;
        for candidate in fewer(&shortest).into_iter().chain(plainer(&shortest)) {
            if left == 0 {
                return shortest;
            }
            left -= 1;
            if breaks(&candidate) {
                shorter = Some(candidate);
                break;
            }
        }
        match shorter {
            Some(shorter) => shortest = shorter,
            None => return shortest,
        }
    }
}

fn fewer(schedule: &Schedule) -> Vec<Schedule> {
    (0..schedule.strikes.len())
        .map(|index| {
            let mut fewer = schedule.clone();
            fewer.strikes.remove(index);
            fewer
        })
        .collect()
}

/// Each way to make one thing plainer; each of them leads to an end.
fn plainer(schedule: &Schedule) -> Vec<Schedule> {
    let mut all = Vec::new();
    if schedule.rolls_back {
        all.push(Schedule {
            rolls_back: false,
            ..schedule.clone()
        });
    }
    if !schedule.leaves {
        all.push(Schedule {
            leaves: true,
            ..schedule.clone()
        });
    }
    for (index, strike) in schedule.strikes.iter().enumerate() {
        for plain in simpler(strike) {
            let mut plainer = schedule.clone();
            plainer.strikes[index] = plain;
            all.push(plainer);
        }
    }
    all
}

fn simpler(strike: &Strike) -> Vec<Strike> {
    match strike {
        Strike::Order { when, fault } => {
            let order = |fault| Strike::Order {
                when: when.clone(),
                fault,
            };
            match fault {
                Fault::PowerOff { action } => vec![order(Fault::Fails { action: *action })],
                Fault::LostBefore | Fault::LostDuring => vec![order(Fault::LostAfter)],
                Fault::Slow { ms } if *ms > 1_000 => vec![order(Fault::Slow { ms: ms / 2 })],
                _ => Vec::new(),
            }
        }
        Strike::Host { at, host, mishap } => {
            let befalls = |mishap| Strike::Host {
                at: at.clone(),
                host: host.clone(),
                mishap,
            };
            match mishap {
                Mishap::Off { back_ms: Some(_) } => vec![
                    befalls(Mishap::Restarts),
                    befalls(Mishap::Off { back_ms: None }),
                ],
                Mishap::Off { back_ms: None } => vec![befalls(Mishap::Restarts)],
                Mishap::CutOff {
                    from_control,
                    back_ms: Some(_),
                } => vec![befalls(Mishap::CutOff {
                    from_control: *from_control,
                    back_ms: None,
                })],
                Mishap::CutOff {
                    from_control: true,
                    back_ms: None,
                } => vec![befalls(Mishap::CutOff {
                    from_control: false,
                    back_ms: None,
                })],
                _ => Vec::new(),
            }
        }
        Strike::Killed { .. } => Vec::new(),
    }
}
