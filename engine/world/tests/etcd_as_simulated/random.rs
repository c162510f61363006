//! Sequences that nobody thought of.

use std::collections::BTreeSet;

use runbook_model::cluster::{MemberProbe, MemberStatus, SilentCause};

use crate::operations::Operation::{self, *};
use crate::operations::existing;
use crate::pair::{PLACES, Pair};
use crate::seen::statuses;
use crate::support::versions;
use crate::table::{Run, agree};

/// Operations of one sequence.
const LENGTH: usize = 14;

/// `RUNBOOK_TEST_SEEDS="5 6 7"` names others.
fn seeds() -> Vec<u64> {
    let named = std::env::var("RUNBOOK_TEST_SEEDS").unwrap_or_else(|_| "1 2 3".to_owned());
    named
        .split_whitespace()
        .map(|s| s.parse().unwrap())
        .collect()
}

/// A small generator of its own: what a seed means does not change with a crate.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        (!all.is_empty()).then(|| all[self.below(all.len())])
    }
}

/// What there is to choose from.
struct Choice {
    serving: Vec<usize>,
    running: Vec<usize>,
    ended: Vec<usize>,
    /// Learners that started and do not run: how far they were is a matter of single entries.
    halted: BTreeSet<usize>,
    revision: i64,
    /// Listed, as a member last told.
    known: BTreeSet<usize>,
}

impl Choice {
    fn of(pair: &mut Pair, started: &BTreeSet<usize>, known: &mut BTreeSet<usize>) -> Self {
        let probes = pair.simulated();
        let ended = |p: &MemberProbe| matches!(p, MemberProbe::Silent { cause, .. } if *cause == SilentCause::Refused);
        let all = 0..probes.len();
        let (ended, running): (Vec<_>, Vec<_>) = all.partition(|i| ended(&probes[*i]));
        let come = |s: &&MemberStatus| (s.raft_term, s.raft_index);
        let told = statuses(&probes)
            .map(|(_, s)| s)
            .filter(|s| s.members.is_some());
        let list = told.max_by_key(come).and_then(|s| s.members.clone());
        let list = list.unwrap_or_default();
        let place = |urls: &[String]| (0..PLACES).find(|i| urls.contains(&pair.peer_url(*i)));
        let of = |m: &runbook_model::cluster::Member| place(&m.peer_urls);
        let listed: BTreeSet<usize> = list.iter().filter_map(of).collect();
        if !listed.is_empty() {
            known.clone_from(&listed);
        }
        let learners = list.iter().filter(|m| m.is_learner).filter_map(of);
        Self {
            serving: statuses(&probes).map(|(i, _)| i).collect(),
            halted: learners
                .filter(|i| started.contains(i) && ended.contains(i))
                .collect(),
            revision: statuses(&probes)
                .map(|(_, s)| s.revision)
                .min()
                .unwrap_or(0),
            running,
            ended,
            known: known.clone(),
        }
    }
}

/// The next operation; none: this throw makes none.
fn next(dice: &mut Dice, choice: &Choice) -> Option<Operation> {
    let through = dice.of(&choice.serving);
    let whom = dice.below(PLACES);
    let key = ["a", "b", "c"][dice.below(3)].to_owned();
    Some(match dice.below(16) {
        0 | 1 => Put(through?, key),
        2 => Delete(through?, key),
        3 | 4 => {
            let i = dice.of(&choice.ended)?;
            // Removed, with nobody to tell it: whether it finds that in its own log is chance.
            if choice.running.is_empty() && !choice.known.contains(&i) {
                return None;
            }
            let mut with = choice.known.clone();
            with.insert(i);
            Start(i, existing(&with.into_iter().collect::<Vec<_>>()))
        }
        5 | 6 => Stop(dice.of(&choice.running)?),
        7 | 8 => Add(through?, whom, dice.below(3) > 0),
        9 | 10 if !choice.halted.contains(&whom) => Promote(through?, whom),
        11 => Remove(through?, whom),
        12 if choice.running.contains(&whom) => {
            MoveLeader(if dice.below(2) == 0 { None } else { through }, whom)
        }
        13 => {
            // To revision 0 etcd compacts once, which does nothing; nobody asks for it.
            let before = i64::try_from(dice.below(4)).unwrap() - 1;
            Compact(through?, before.min(choice.revision - 1))
        }
        14 => {
            let revision = i64::try_from(dice.below(6)).unwrap();
            HashAt(revision)
        }
        15 => match dice.of(&choice.ended) {
            Some(i) if !choice.known.contains(&i) => Forget(i),
            _ => Settle,
        },
        _ => return None,
    })
}

fn sequence(version: &str, seed: u64) -> Result<Pair, String> {
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let first = [1, 3][dice.below(2)];
    let mut pair = Pair::form(version, first)?;
    let mut started: BTreeSet<usize> = (0..first).collect();
    let mut known = started.clone();
    let mut done = 0;
    while done < LENGTH {
        let choice = Choice::of(&mut pair, &started, &mut known);
        let Some(operation) = next(&mut dice, &choice) else {
            continue;
        };
        if let Start(i, _) = operation {
            started.insert(i);
        }
        pair.perform(&operation)?;
        done += 1;
    }
    Ok(pair)
}

#[test]
fn real_members_do_as_the_simulated_ones_whatever_is_done() {
    let mut runs: Vec<Run<'_>> = Vec::new();
    for version in versions() {
        for seed in seeds() {
            let version = version.clone();
            runs.push((
                format!("seed {seed}, {version}"),
                Box::new(move || sequence(&version, seed)),
            ));
        }
    }
    agree(runs);
}
