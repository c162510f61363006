//! Sequences that operators go through, and those that they should not.

use std::thread;

use runbook_model::change::ClusterChange;
use runbook_model::host::HostName;

use crate::operations::Operation::{self, *};
use crate::operations::{existing, new};
use crate::pair::Pair;
use crate::support::versions;

type Sequence = (&'static str, usize, Vec<Operation>);

fn put(through: usize, key: &str) -> Operation {
    Put(through, key.to_owned())
}

fn delete(through: usize, key: &str) -> Operation {
    Delete(through, key.to_owned())
}

fn host(i: usize) -> HostName {
    HostName::new(format!("e{}", i + 1))
}

fn sequences() -> Vec<Sequence> {
    vec![
        ("grow by a learner", 3, grow()),
        ("grow one by one", 1, from_one()),
        ("two voters in a row", 1, two_in_a_row()),
        ("two voters in a row on three", 3, two_on_three()),
        ("shrink", 3, shrink()),
        ("the leader goes", 3, leader_goes()),
        ("quorum lost and regained", 3, lost_and_regained()),
        ("history", 3, history()),
        ("a full store", 1, full()),
        ("wrong beginnings", 3, wrong_beginnings()),
        ("learners", 1, learners()),
        ("a snapshot restored", 1, restored()),
        ("a learner renamed", 1, renamed()),
    ]
}

fn grow() -> Vec<Operation> {
    vec![
        put(0, "a"),
        Add(0, 3, true),
        Settle,
        Add(0, 3, true),
        Add(1, 3, true),
        put(1, "b"),
        Promote(0, 3),
        Start(3, existing(&[0, 1, 2, 3])),
        put(3, "refused"),
        MoveLeader(None, 3),
        Promote(1, 3),
        put(3, "c"),
        Add(0, 2, false),
        MoveLeader(None, 3),
        delete(0, "a"),
        HashAt(0),
    ]
}

fn from_one() -> Vec<Operation> {
    vec![
        put(0, "a"),
        Add(0, 1, false),
        put(0, "unanswered"),
        Add(0, 2, false),
        Start(1, existing(&[0, 1])),
        put(1, "b"),
        Add(0, 2, false),
        Settle,
        Add(0, 2, false),
        put(0, "c"),
        Add(0, 3, false),
        Start(2, existing(&[0, 1, 2])),
        Stop(1),
        put(2, "d"),
        Remove(0, 1),
        put(0, "e"),
    ]
}

fn two_in_a_row() -> Vec<Operation> {
    vec![
        Add(0, 1, false),
        Add(0, 2, false),
        Remove(0, 1),
        Promote(0, 1),
        put(0, "unanswered"),
        Compact(0, 0),
        Stop(0),
        Start(0, existing(&[0])),
        Start(1, existing(&[0, 1])),
        put(0, "a"),
    ]
}

fn two_on_three() -> Vec<Operation> {
    vec![
        Settle,
        Add(0, 3, false),
        put(0, "a"),
        Add(0, 3, false),
        Stop(2),
        put(0, "unanswered"),
        Start(2, existing(&[0, 1, 2])),
        put(0, "b"),
        Remove(0, 3),
        Settle,
        Remove(0, 3),
        Add(0, 3, true),
        Remove(0, 3),
        Add(0, 3, true),
        Start(3, existing(&[0, 1, 2, 3])),
        Promote(2, 3),
    ]
}

fn shrink() -> Vec<Operation> {
    vec![
        put(0, "a"),
        Remove(0, 2),
        Settle,
        Remove(0, 3),
        Remove(0, 2),
        Start(2, existing(&[0, 1, 2])),
        put(0, "b"),
        Stop(1),
        put(0, "unanswered"),
        Remove(0, 1),
        Start(1, existing(&[0, 1])),
        Settle,
        Remove(0, 1),
        put(0, "c"),
        Remove(0, 0),
        Update(0, 0, 1),
        put(0, "d"),
    ]
}

fn leader_goes() -> Vec<Operation> {
    vec![
        MoveLeader(None, 0),
        put(0, "a"),
        MoveLeader(Some(1), 2),
        MoveLeader(Some(0), 0),
        MoveLeader(Some(0), 3),
        MoveLeader(Some(0), 2),
        MoveLeader(None, 0),
        Settle,
        Remove(0, 0),
        put(1, "b"),
        Start(0, existing(&[0, 1, 2])),
        Forget(0),
        Add(1, 0, true),
        Start(0, existing(&[0, 1, 2])),
        Promote(1, 0),
        put(0, "c"),
    ]
}

fn lost_and_regained() -> Vec<Operation> {
    vec![
        put(0, "a"),
        Stop(2),
        put(0, "b"),
        Stop(1),
        put(0, "unanswered"),
        Add(0, 3, true),
        Defragment(0),
        HashAt(2),
        Stop(0),
        Start(0, existing(&[0, 1, 2])),
        Start(1, existing(&[0, 1, 2])),
        put(1, "c"),
        Start(2, existing(&[0, 1, 2])),
        put(2, "d"),
    ]
}

fn history() -> Vec<Operation> {
    vec![
        put(0, "a"),
        put(1, "a"),
        put(2, "b"),
        delete(0, "b"),
        delete(0, "never there"),
        put(0, "c"),
        HashAt(4),
        HashAt(0),
        Compact(0, -1),
        Compact(0, 2),
        HashAt(3),
        HashAt(4),
        HashAt(5),
        HashAt(6),
        HashAt(7),
        Compact(0, 2),
        Compact(1, 3),
        HashAt(5),
        put(0, "a"),
        Compact(1, 0),
        Compact(2, 0),
        HashAt(0),
        Stop(1),
        put(0, "d"),
        Start(1, existing(&[0, 1, 2])),
        HashAt(0),
        HashAt(8),
        Compact(0, 0),
        HashAt(8),
        Stop(2),
        Start(2, existing(&[0, 1, 2])),
        HashAt(8),
        Defragment(2),
    ]
}

fn full() -> Vec<Operation> {
    vec![
        put(0, "a"),
        Fill(0),
        put(0, "refused"),
        Fill(0),
        Disarm(0, 0),
        put(0, "refused"),
        delete(0, "a"),
        Compact(0, 0),
        put(0, "refused"),
        Defragment(0),
        put(0, "refused"),
        Stop(0),
        Start(0, existing(&[0])),
        put(0, "refused"),
        Disarm(0, 0),
        put(0, "b"),
        Disarm(0, 0),
    ]
}

fn wrong_beginnings() -> Vec<Operation> {
    vec![
        put(0, "a"),
        Settle,
        Start(3, existing(&[0, 1, 2, 3])),
        Forget(3),
        Add(0, 3, true),
        Start(3, existing(&[0, 1, 3])),
        Forget(3),
        Start(3, existing(&[3])),
        Forget(3),
        Stop(2),
        Forget(2),
        Start(2, new(&[0, 1, 2])),
        Forget(2),
        Start(3, existing(&[0, 1, 2, 3])),
        put(0, "b"),
    ]
}

fn learners() -> Vec<Operation> {
    vec![
        put(0, "a"),
        Add(0, 1, true),
        Add(0, 2, true),
        Add(0, 2, false),
        Promote(0, 0),
        Promote(0, 3),
        put(0, "b"),
        Start(1, existing(&[0, 1, 2])),
        put(0, "c"),
        Stop(1),
        put(0, "d"),
        Promote(0, 1),
    ]
}

fn restored() -> Vec<Operation> {
    vec![
        put(0, "a"),
        put(0, "b"),
        delete(0, "a"),
        Save(0),
        put(0, "c"),
        HashAt(4),
        Stop(0),
        Forget(0),
        Restore(0, "another"),
        Start(0, new(&[0])),
        HashAt(4),
        put(0, "d"),
        Add(0, 1, true),
        Stop(0),
        Forget(0),
        Restore(0, "test"),
        Start(0, new(&[0])),
        HashAt(4),
        Save(0),
    ]
}

fn renamed() -> Vec<Operation> {
    vec![
        put(0, "a"),
        Add(0, 1, true),
        Update(0, 1, 1),
        put(0, "b"),
        Promote(0, 1),
        Add(0, 2, true),
        Add(0, 2, false),
        Stop(0),
        Start(0, existing(&[0])),
        put(0, "c"),
        Remove(0, 1),
        put(0, "d"),
        Add(0, 1, true),
    ]
}

/// As plans make them: what is so already is not changed.
fn planned(pair: &Pair) -> Vec<Operation> {
    let peer_urls = vec![pair.peer_url(3)];
    let name = "e4".to_owned();
    let add = ClusterChange::AddMember {
        name: name.clone(),
        peer_urls: peer_urls.clone(),
        learner: true,
    };
    let promote = ClusterChange::PromoteMember {
        member: host(3),
        peer_urls: peer_urls.clone(),
        lag: 1_000,
    };
    let remove = ClusterChange::RemoveMember {
        name,
        id: None,
        peer_urls,
    };
    let leader = ClusterChange::MoveLeader { from: host(0) };
    let compact = |keep| ClusterChange::Compact { keep };
    let disarm = ClusterChange::DisarmNospace { member: host(0) };
    let defragment = |above| ClusterChange::Defragment {
        member: host(1),
        above,
    };
    let rewrite = |n| ClusterChange::Defragment {
        member: host(n),
        above: 0,
    };
    let changes = [
        leader.clone(),
        leader,
        promote.clone(),
        remove.clone(),
        add.clone(),
        add,
    ];
    let mut all: Vec<_> = changes.into_iter().map(|c| Change(0, c)).collect();
    all.push(Start(3, existing(&[0, 1, 2, 3])));
    all.push(Change(1, promote.clone()));
    all.push(Change(0, promote));
    all.push(put(3, "a"));
    all.push(put(0, "a"));
    for keep in [1, 1, 100] {
        all.push(Change(3, compact(keep)));
    }
    all.push(Change(1, defragment(1 << 30)));
    all.push(Change(1, defragment(0)));
    // Whoever leads by now: it hands over first.
    all.extend((0..3).map(|n| Change(n, rewrite(n))));
    all.push(Change(0, disarm));
    all.push(Change(0, remove.clone()));
    all.push(Change(2, remove.clone()));
    all.extend([Stop(1), Stop(2)]);
    all.push(Change(0, remove));
    all.push(Change(0, compact(0)));
    all
}

fn run_planned(version: &str) -> Result<Pair, String> {
    let mut pair = Pair::form(version, 3)?;
    for operation in planned(&pair) {
        pair.perform(&operation)?;
    }
    Ok(pair)
}

/// A run's name, and what it does: how much agreed, or where the two differ.
pub type Run<'a> = (
    String,
    Box<dyn Fn() -> Result<Pair, String> + Send + Sync + 'a>,
);

/// Runs them all at the same time: they mostly wait.
fn ends(runs: &[Run<'_>]) -> Vec<Result<Pair, String>> {
    thread::scope(|scope| {
        let started: Vec<_> = runs.iter().map(|(_, run)| scope.spawn(run)).collect();
        let panicked = |_| Err("it panicked".to_owned());
        let ended = started.into_iter().map(|s| s.join());
        ended.map(|s| s.unwrap_or_else(panicked)).collect()
    })
}

/// What differs is done once more: a machine that stands still for seconds does not do so at the same place again.
pub fn agree(runs: Vec<Run<'_>>) {
    let first = ends(&runs);
    let (again, first): (Vec<_>, Vec<_>) = runs
        .into_iter()
        .zip(first)
        .partition(|(_, end)| end.is_err());
    for (run, end) in &again {
        if let Err(differs) = end {
            println!("once more: {}: {differs}", run.0);
        }
    }
    let again: Vec<_> = again.into_iter().map(|(run, _)| run).collect();
    let second = ends(&again);
    let ends: Vec<_> = again
        .into_iter()
        .zip(second)
        .chain(first)
        .map(|((name, _), end)| (name, end))
        .collect();
    let (mut agreed, mut how) = (0, [0; 3]);
    let mut differ = Vec::new();
    for (name, end) in &ends {
        match end {
            Ok(pair) => {
                agreed += pair.agreed;
                (0..3).for_each(|i| how[i] += pair.ends[i]);
            }
            Err(differs) => differ.push(format!("{name}: {differs}")),
        }
    }
    let [done, refused, unanswered] = how;
    println!(
        "{} operations ended alike ({done} done, {refused} refused, {unanswered} unanswered) and {} views agreed, in {} runs",
        how.iter().sum::<usize>(),
        agreed - how.iter().sum::<usize>(),
        ends.len()
    );
    assert!(
        differ.is_empty(),
        "{} differ\n{}",
        differ.len(),
        differ.join("\n")
    );
}

fn run(version: &str, first: usize, operations: &[Operation]) -> Result<Pair, String> {
    let mut pair = Pair::form(version, first)?;
    for operation in operations {
        pair.perform(operation)?;
    }
    Ok(pair)
}

/// `RUNBOOK_TEST_SEQUENCE=learner` runs those with that in their name alone.
#[test]
fn real_members_do_as_the_simulated_ones() {
    let only = std::env::var("RUNBOOK_TEST_SEQUENCE").unwrap_or_default();
    let mut runs: Vec<Run<'_>> = Vec::new();
    for version in versions() {
        for (name, first, operations) in sequences() {
            if name.contains(&only) {
                let version = version.clone();
                runs.push((
                    format!("{name}, {version}"),
                    Box::new(move || run(&version, first, &operations)),
                ));
            }
        }
        if "planned changes".contains(&only) {
            let name = format!("planned changes, {version}");
            runs.push((name, Box::new(move || run_planned(&version))));
        }
    }
    agree(runs);
}
