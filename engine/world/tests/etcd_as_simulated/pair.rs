//! A real cluster and its simulation, side by side.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::{Duration, Instant};

use runbook_model::cluster::MemberProbe;
use runbook_model::host::Scheme;

use crate::operations::{Came, Joining, Operation, QUOTA, SETTLED, SURELY_YOUNG, new};
use crate::real::Real;
use crate::seen::{Seen, seen, statuses};
use crate::simulated::Simulated;
use crate::support::{Cluster, Options};

/// For the real members to come to what the simulator says they will come to.
const COMES: Duration = Duration::from_secs(20);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(60);
/// etcd makes a new member's id from its URLs and the second.
const SECOND: Duration = Duration::from_millis(1_050);
/// Members that have a place.
pub const PLACES: usize = 4;

pub struct Pair {
    real: Real,
    simulated: Simulated,
    /// Until when the simulator's time has passed.
    clock: Instant,
    /// When members were started, and when they had come.
    comings: Vec<(Instant, Instant)>,
    /// When a member was last added.
    added: Instant,
    /// What is in use after a compaction is told only when something is written.
    in_use_is_told: bool,
    /// Subtracted from revisions: how many large values fit is not the simulator's business.
    since: (i64, i64),
    /// Hashes seen at a revision.
    hashes: BTreeMap<i64, Vec<(u32, u32)>>,
    pub agreed: usize,
    /// Operations that were done, refused, and waited for in vain.
    pub ends: [usize; 3],
    done: Vec<String>,
}

/// Where the two differ.
pub type Differs = String;

fn terms(probes: &[MemberProbe]) -> u64 {
    statuses(probes)
        .map(|(_, s)| s.raft_term)
        .max()
        .unwrap_or(0)
}

fn indexes(probes: &[MemberProbe]) -> u64 {
    statuses(probes)
        .map(|(_, s)| s.raft_index)
        .max()
        .unwrap_or(0)
}

/// What real members do in one of two ways, by chance: whoever removes itself may stop before it has answered.
fn known(operation: &Operation, real: Came) -> Came {
    let stopped = Came::Refused("etcdserver: server stopped".to_owned());
    match operation {
        Operation::Remove(through, whom) if through == whom && real == stopped => Came::Done,
        _ => real,
    }
}

impl Pair {
    /// A cluster of the first members, formed.
    pub fn form(version: &str, first: usize) -> Result<Self, Differs> {
        let quota = QUOTA.to_string();
        let cluster = Cluster::prepare(&Options {
            version,
            members: PLACES,
            scheme: Scheme::Http,
            flags: &["--quota-backend-bytes", &quota, "--log-level", "info"],
        });
        let mut pair = Self {
            simulated: Simulated::new(cluster.specs(), version),
            real: Real::new(cluster),
            clock: Instant::now(),
            comings: Vec::new(),
            added: Instant::now(),
            in_use_is_told: true,
            since: (0, 0),
            hashes: BTreeMap::new(),
            agreed: 0,
            ends: [0; 3],
            done: vec![format!("form {first} on {version}")],
        };
        let started = Instant::now();
        let all: Vec<_> = (0..first).collect();
        for i in 0..first {
            pair.simulated.start(i, &new(&all))?;
            pair.real.start(i, &new(&all));
        }
        pair.come_to_agree()?;
        pair.comings.push((started, Instant::now()));
        Ok(pair)
    }

    /// What the simulated members say.
    pub fn simulated(&mut self) -> Vec<MemberProbe> {
        self.simulated.probes(None)
    }

    pub fn peer_url(&self, i: usize) -> String {
        self.real.cluster.members[i].spec.peer_url()
    }

    fn keep_time(&mut self) {
        let now = Instant::now();
        self.simulated.pass(now - self.clock);
        self.clock = now;
    }

    fn differs(
        &self,
        what: &str,
        simulated: &dyn std::fmt::Debug,
        real: &dyn std::fmt::Debug,
    ) -> Differs {
        let mut text = format!("{what}\n  after {}\n", self.done.join("; "));
        let _ = writeln!(text, "  simulated: {simulated:?}\n  real:      {real:?}");
        text
    }

    /// Both say the same, after a while.
    fn come_to_agree(&mut self) -> Result<(), Differs> {
        let limit = Instant::now() + COMES;
        loop {
            let real = self.real.probes(Some(0));
            self.keep_time();
            self.follow_leader(&real);
            let simulated = self.simulated.probes(Some(0));
            let mut real = seen(&self.real.names, &real, self.since.0);
            let mut simulated = seen(&self.simulated.names, &simulated, self.since.1);
            if !self.in_use_is_told {
                real.leave_in_use_out();
                simulated.leave_in_use_out();
            }
            if real == simulated {
                self.agreed += 1;
                return Ok(());
            }
            if Instant::now() >= limit {
                return Err(self.first_difference(&simulated, &real));
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn first_difference(&self, simulated: &Seen, real: &Seen) -> Differs {
        let both = simulated.0.iter().zip(&real.0).enumerate();
        let (i, (simulated, real)) = both.into_iter().find(|(_, (s, r))| s != r).unwrap();
        let text = self.differs(&format!("member {i} is seen"), simulated, real);
        format!("{text}{}", self.real.cluster.log(i))
    }

    /// Who wins an election is not for a rule to say: the simulator is told.
    fn follow_leader(&mut self, real: &[MemberProbe]) {
        let leads = |(_, s): &(usize, &_)| {
            let s: &runbook_model::cluster::MemberStatus = s;
            s.leader == s.member_id
        };
        if let Some((i, _)) = statuses(real).find(leads) {
            self.simulated.lead(i);
        }
    }

    fn leader(&mut self) -> usize {
        let probes = self.simulated.probes(None);
        statuses(&probes)
            .find(|(_, s)| s.leader == s.member_id)
            .map_or(0, |(i, _)| i)
    }

    /// Carries an operation out on both and compares how it ended and what is seen afterwards.
    pub fn perform(&mut self, operation: &Operation) -> Result<(), Differs> {
        self.done.push(format!("{operation:?}"));
        self.be_sure_of_age(operation);
        let started = Instant::now();
        let before = (self.real.probes(None), self.simulated.probes(None));
        let (simulated, real) = self.on_both(operation)?;
        if simulated != real {
            return Err(self.differs("it ended", &simulated, &real));
        }
        match operation {
            Operation::Fill(_) => self.forget_revisions(),
            Operation::Add(..) => self.added = Instant::now(),
            Operation::Compact(..) => self.in_use_is_told = false,
            Operation::Put(..) | Operation::Defragment(_) if simulated == Came::Done => {
                self.in_use_is_told = true;
            }
            _ => {}
        }
        self.agreed += 1;
        self.ends[match simulated {
            Came::Refused(_) | Came::Died(_) => 1,
            Came::Unanswered | Came::Silent => 2,
            _ => 0,
        }] += 1;
        self.come_to_agree()?;
        if matches!(operation, Operation::Start(..)) && simulated == Came::Done {
            self.comings.push((started, Instant::now()));
        }
        let after = (self.real.probes(None), self.simulated.probes(None));
        let grew = |of: fn(&[MemberProbe]) -> u64| {
            (of(&after.0) > of(&before.0), of(&after.1) > of(&before.1))
        };
        // A real cluster may hold more elections than it must, and append more than is asked for.
        for (what, (real, simulated)) in [("term", grew(terms)), ("index", grew(indexes))] {
            if simulated && !real && !statuses(&after.0).all(|(_, s)| s.leader == 0) {
                return Err(self.differs(&format!("the {what} grew"), &simulated, &real));
            }
        }
        Ok(())
    }

    /// Where it depends on the members' age, it is clear what they are.
    fn be_sure_of_age(&mut self, operation: &Operation) {
        let depends = matches!(
            operation,
            Operation::Add(..) | Operation::Remove(..) | Operation::Change(..)
        );
        self.comings.retain(|(_, came)| came.elapsed() < SETTLED);
        let mut comings = self.comings.iter();
        let unsure = depends && comings.any(|(started, _)| started.elapsed() > SURELY_YOUNG);
        if unsure || matches!(operation, Operation::Settle) {
            let ages = self.comings.iter().map(|(_, came)| came.elapsed());
            let youngest = ages.min().unwrap_or(SETTLED);
            std::thread::sleep(SETTLED.saturating_sub(youngest));
        }
        let since = self.added.elapsed();
        if matches!(operation, Operation::Add(..)) && since < SECOND {
            std::thread::sleep(SECOND - since);
        }
        self.keep_time();
    }

    fn on_both(&mut self, operation: &Operation) -> Result<(Came, Came), Differs> {
        Ok(match operation {
            Operation::Start(i, joining) => self.start(*i, joining),
            Operation::Stop(i) => {
                self.simulated.stop(*i);
                self.real.cluster.kill(*i);
                (Came::Done, Came::Done)
            }
            Operation::Forget(i) => {
                self.simulated.forget(*i);
                let dir = &self.real.cluster.members[*i].spec.data_dir;
                // One that never started has none.
                let _ = std::fs::remove_dir_all(dir);
                (Came::Done, Came::Done)
            }
            Operation::Settle => (Came::Done, Came::Done),
            Operation::HashAt(revision) => self.hash_at(*revision)?,
            other => {
                let leader = self.leader();
                let simulated = self.simulated.carry_out(other, leader);
                let answered = simulated != Came::Unanswered;
                let real = self.real.carry_out(other, leader, answered);
                (simulated, known(other, real))
            }
        })
    }

    fn start(&mut self, i: usize, joining: &Joining) -> (Came, Came) {
        // What ended by itself is let go.
        self.real.cluster.kill(i);
        let said = self.real.said(i).len();
        let simulated = self.simulated.start(i, joining);
        self.real.start(i, joining);
        let Err(words) = simulated else {
            return (Came::Done, Came::Done);
        };
        let limit = Instant::now() + COMES;
        while !self.real.cluster.has_ended(i) && Instant::now() < limit {
            std::thread::sleep(PAUSE);
        }
        let log = self.real.said(i).split_off(said);
        let last = words.rsplit(": ").next().unwrap_or_default().to_owned();
        let real = if !self.real.cluster.has_ended(i) {
            Came::Done
        } else if log.contains(&last) {
            Came::Died(words.clone())
        } else {
            Came::Died(self.real.cluster.log(i))
        };
        (Came::Died(words), real)
    }

    fn forget_revisions(&mut self) {
        let newest = |probes: Vec<MemberProbe>| statuses(&probes).map(|(_, s)| s.revision).max();
        let real = newest(self.real.probes(None)).unwrap_or(0);
        let simulated = newest(self.simulated.probes(None)).unwrap_or(0);
        self.since = (real, simulated);
    }

    fn hash_at(&mut self, revision: i64) -> Result<(Came, Came), Differs> {
        let hashes = |probes: &[MemberProbe]| -> Vec<Option<u32>> {
            let hash = |p: &MemberProbe| match p {
                MemberProbe::Serving(status) => status.hash.map(|h| h.hash),
                MemberProbe::Silent { .. } => None,
            };
            probes.iter().map(hash).collect()
        };
        let real = hashes(&self.real.probes(Some(revision + self.since.0)));
        let simulated = hashes(&self.simulated.probes(Some(revision + self.since.1)));
        let known = self.hashes.entry(revision).or_default();
        for (r, s) in real.iter().zip(&simulated) {
            if let (Some(r), Some(s)) = (r, s) {
                known.push((*r, *s));
            }
        }
        // Members agree, and agree with what they said before, in both worlds or in neither.
        let alike = |a: &(u32, u32), b: &(u32, u32)| (a.0 == b.0) == (a.1 == b.1);
        if !known.iter().all(|a| known.iter().all(|b| alike(a, b))) {
            let known = known.clone();
            return Err(self.differs("hashes at a revision agree", &simulated, &known));
        }
        let told =
            |hashes: &[Option<u32>]| Came::Hashes(hashes.iter().map(|h| h.map(|_| 1)).collect());
        Ok((told(&simulated), told(&real)))
    }
}
