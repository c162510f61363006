//! What goes wrong in a schedule: as data, and in an operator's words.

use runbook_model::host::HostName;
use runbook_model::plan::Plan;

use crate::faults::{Fault, Moment, When};

/// Something that goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Strike {
    /// An order's connection, action or host fails.
    Order {
        /// The order.
        when: When,
        /// What.
        fault: Fault,
    },
    /// Something befalls a host.
    Host {
        /// When.
        at: Moment,
        /// The host.
        host: HostName,
        /// What.
        mishap: Mishap,
    },
    /// The process of the run is killed.
    Killed {
        /// As it keeps this record of its journal, from 0.
        record: usize,
        /// Right after it kept it; else right before.
        kept: bool,
    },
}

/// What befalls a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// It loses power.
    Off {
        /// Milliseconds until it comes back; none: when the operator turns it on.
        back_ms: Option<u64>,
    },
    /// It restarts.
    Restarts,
    /// The other members do not hear it.
    CutOff {
        /// The control host does not either.
        from_control: bool,
        /// Milliseconds until it is heard again; none: when the operator mends the network.
        back_ms: Option<u64>,
    },
    /// Every trip to it takes this long.
    Slows {
        /// Milliseconds.
        ms: u64,
    },
    /// A file that the run sent there is damaged.
    Damaged {
        /// The file.
        path: String,
    },
    /// A snapshot that the run saved on the control host is damaged.
    SavedDamaged {
        /// The file.
        path: String,
    },
    /// Its member becomes the leader.
    Leads,
}

impl Strike {
    /// The kind of fault, in one word or two.
    pub const fn kind(&self) -> &'static str {
        match self {
            Strike::Order { fault, .. } => match fault {
                Fault::NotReached => "host not reached",
                Fault::LostBefore | Fault::LostDuring | Fault::LostAfter => "dropped connection",
                Fault::Fails { .. } => "failing action",
                Fault::PowerOff { .. } => "host death",
                Fault::Slow { .. } => "slow host",
            },
            Strike::Host { mishap, .. } => match mishap {
                Mishap::Off { .. } => "host death",
                Mishap::Restarts => "host restart",
                Mishap::CutOff { .. } => "partition",
                Mishap::Slows { .. } => "slow host",
                Mishap::Damaged { .. } | Mishap::SavedDamaged { .. } => "corrupt disk",
                Mishap::Leads => "leader change",
            },
            Strike::Killed { .. } => "killed runbook",
        }
    }

    /// In one sentence.
    pub fn words(&self, plan: &Plan) -> String {
        match self {
            Strike::Order { when, fault } => {
                let place = order(when, plan);
                let action = |index| action(when, index, plan);
                match fault {
                    Fault::NotReached => format!("{place}: the host is not reached"),
                    Fault::LostBefore => {
                        format!("{place}: the connection drops before the order arrives")
                    }
                    Fault::LostDuring => {
                        format!("{place}: the connection drops while the order runs")
                    }
                    Fault::LostAfter => {
                        format!("{place}: the connection drops before the answer arrives")
                    }
                    Fault::Fails { action: index } => format!("{place}: {} fails", action(*index)),
                    Fault::PowerOff { action: index } => {
                        format!("{place}: the host loses power before {}", action(*index))
                    }
                    Fault::Slow { ms } => format!("{place}: takes {} longer", time(*ms)),
                }
            }
            Strike::Host { at, host, mishap } => {
                format!("{}: {}", moment(at, plan), mishap.words(host))
            }
            Strike::Killed { record, kept } => format!(
                "`runbook` is killed right {} it writes record {record} of its journal",
                if *kept { "after" } else { "before" }
            ),
        }
    }
}

impl Mishap {
    /// Of a host, in one sentence.
    pub fn words(&self, host: &HostName) -> String {
        match self {
            Mishap::Off { back_ms } => match back_ms {
                Some(ms) => format!("{host} loses power, and is back after {}", time(*ms)),
                None => format!("{host} loses power"),
            },
            Mishap::Restarts => format!("{host} restarts"),
            Mishap::CutOff {
                from_control,
                back_ms,
            } => {
                let whom = if *from_control {
                    "the other members and from here"
                } else {
                    "the other members"
                };
                match back_ms {
                    Some(ms) => format!("{host} is cut off from {whom} for {}", time(*ms)),
                    None => format!("{host} is cut off from {whom}"),
                }
            }
            Mishap::Slows { ms } => {
                format!("{host} becomes slow: every trip there takes {}", time(*ms))
            }
            Mishap::Damaged { path } => format!("{path} on {host} is damaged"),
            Mishap::SavedDamaged { path } => format!("{path} on this machine is damaged"),
            Mishap::Leads => format!("the member on {host} becomes the leader"),
        }
    }
}

/// A step as the runbook names it.
pub(super) fn step(number: usize, plan: &Plan) -> String {
    match plan.steps().find(|s| s.number == number) {
        Some(step) => format!("step {number} \"{}\"", step.title),
        None => format!("step {number}"),
    }
}

pub(super) fn order(when: &When, plan: &Plan) -> String {
    let undo = if when.undo { "undo of " } else { "" };
    format!("{undo}{} on {}", step(when.step, plan), when.host)
}

fn action(when: &When, index: usize, plan: &Plan) -> String {
    let step = plan.steps().find(|s| s.number == when.step);
    let work = step.and_then(|s| s.work.iter().find(|w| w.host == when.host));
    match work.and_then(|w| w.actions.get(index)) {
        Some(action) if !when.undo => format!("`{}`", action.summary),
        _ => format!("action {}", index + 1),
    }
}

fn moment(at: &Moment, plan: &Plan) -> String {
    match at {
        Moment::Begins(when) => format!("as {} begins", order(when, plan)),
        Moment::Ends(when) => format!("as {} ends", order(when, plan)),
        Moment::Asked(count) => format!("when members have answered {count} times"),
    }
}

fn time(ms: u64) -> String {
    if ms >= 10_000 {
        format!("{} s", ms / 1000)
    } else {
        format!("{ms} ms")
    }
}
