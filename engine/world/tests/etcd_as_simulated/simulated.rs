//! The same operations on simulated members.

use std::collections::BTreeMap;
use std::time::Duration;

use runbook_model::action::{Action, Outcome};
use runbook_model::change::ClusterChange;
use runbook_model::cluster::{MemberProbe, MemberQuery};
use runbook_model::facts::{DataDirOrigin, LockFacts};
use runbook_model::host::{HostName, MemberSpec};
use runbook_run::world::{Observe, Order, World};
use runbook_sim::{File, Model, Refusal, SimWorld, config_text, unit_text};

use crate::operations::{Came, Joining, Operation, QUOTA, VALUES, at_port};
use crate::seen::{Names, statuses};

const RUN: &str = "r1";
const SNAPSHOT: &str = "/var/tmp/kept.db";

pub struct Simulated {
    pub names: Names,
    specs: Vec<MemberSpec>,
    world: SimWorld,
    orders: usize,
    runtime: tokio::runtime::Runtime,
}

fn came<T>(answer: Result<T, Refusal>) -> Came {
    match answer {
        Ok(_) => Came::Done,
        Err(Refusal::Silent) => Came::Silent,
        Err(Refusal::Unanswered) => Came::Unanswered,
        Err(Refusal::Words(words)) => Came::Refused(words.to_owned()),
    }
}

impl Simulated {
    pub fn new(specs: Vec<MemberSpec>, version: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let by_host: BTreeMap<_, _> = specs.iter().map(|s| (s.host.clone(), s.clone())).collect();
        let mut model = Model::bare(&by_host);
        for host in model.hosts.values_mut() {
            for tool in &mut host.tools {
                version.clone_into(&mut tool.version);
            }
        }
        let world = runtime.block_on(async { SimWorld::new(model) });
        Self {
            names: Names::default(),
            specs,
            world,
            orders: 0,
            runtime,
        }
    }

    /// Lets time pass.
    pub fn pass(&self, time: Duration) {
        self.runtime
            .block_on(async { tokio::time::sleep(time).await });
    }

    pub fn edit<T>(&self, change: impl FnOnce(&mut Model) -> T) -> T {
        self.runtime.block_on(async { self.world.edit(change) })
    }

    pub fn probes(&mut self, hash_at: Option<i64>) -> Vec<MemberProbe> {
        let query = MemberQuery {
            hash_at,
            timeout_ms: 1,
        };
        let probes: Vec<_> = self.runtime.block_on(async {
            let mut probes = Vec::new();
            for spec in &self.specs {
                probes.push(self.world.member(spec, query).await);
            }
            probes
        });
        self.names.learn(&self.specs, &probes);
        probes
    }

    fn host(&self, i: usize) -> HostName {
        self.specs[i].host.clone()
    }

    fn id(&self, i: usize) -> u64 {
        self.names.id(&self.specs[i].name)
    }

    /// The words with which it dies, where it does.
    pub fn start(&mut self, i: usize, joining: &Joining) -> Result<(), String> {
        let spec = &self.specs[i];
        let pair = |i: &usize| format!("{}={}", self.specs[*i].name, self.specs[*i].peer_url());
        let initial: Vec<_> = joining.with.iter().map(pair).collect();
        let mut config = config_text(spec, &initial.join(","), joining.token, joining.state);
        config.push_str(&format!("ETCD_QUOTA_BACKEND_BYTES={QUOTA}\n"));
        let file = |content: String| File {
            content: Some(content),
            ..File::default()
        };
        let unit = format!("/etc/systemd/system/{}.service", spec.unit);
        self.edit(|model| {
            let host = model.hosts.get_mut(&spec.host).unwrap();
            host.files.insert(spec.config.clone(), file(config));
            host.files.insert(unit, file(unit_text(spec)));
            model.start(&spec.host, &spec.unit)
        })
    }

    pub fn stop(&mut self, i: usize) {
        let spec = &self.specs[i];
        self.edit(|model| model.stop(&spec.host, &spec.unit));
    }

    pub fn forget(&mut self, i: usize) {
        let spec = &self.specs[i];
        self.edit(|model| {
            let host = model.hosts.get_mut(&spec.host).unwrap();
            host.data.remove(&spec.data_dir);
        });
    }

    /// Who leads, where the real members know it.
    pub fn lead(&mut self, i: usize) {
        let host = self.host(i);
        self.edit(|model| model.move_leader(&host));
    }

    fn revision(&mut self, i: usize) -> i64 {
        let probes = self.probes(None);
        let revision = statuses(&probes).find(|(at, _)| *at == i);
        revision.map_or(0, |(_, s)| s.revision)
    }

    pub fn carry_out(&mut self, operation: &Operation, leader: usize) -> Came {
        match operation {
            Operation::Put(t, key) => {
                let t = self.host(*t);
                came(self.edit(|m| m.write(&t, key, Some("a value"))))
            }
            Operation::Delete(t, key) => {
                let t = self.host(*t);
                came(self.edit(|m| m.write(&t, key, None)))
            }
            Operation::Add(t, i, learner) => self.add(*t, *i, *learner),
            Operation::Promote(t, i) => {
                let (t, id) = (self.host(*t), self.id(*i));
                came(self.edit(|m| m.member_promote(&t, id)))
            }
            Operation::Remove(t, i) => {
                let (t, id) = (self.host(*t), self.id(*i));
                came(self.edit(|m| m.member_remove(&t, id)))
            }
            Operation::Update(t, i, port) => {
                let (t, id) = (self.host(*t), self.id(*i));
                let urls = [at_port(&self.specs[*i], *port)];
                came(self.edit(|m| m.member_update(&t, id, &urls)))
            }
            Operation::MoveLeader(t, to) => {
                let (t, id) = (self.host(t.unwrap_or(leader)), self.id(*to));
                came(self.edit(|m| m.transfer_leader(&t, id)))
            }
            Operation::Compact(t, before) => {
                let revision = self.revision(*t) - before;
                let t = self.host(*t);
                came(self.edit(|m| m.compact(&t, revision)))
            }
            Operation::Defragment(i) => self.defragment(*i),
            Operation::Fill(t) => self.fill(*t),
            Operation::Disarm(t, i) => {
                let (t, id) = (self.host(*t), self.id(*i));
                came(self.edit(|m| m.disarm_nospace(&t, id)))
            }
            Operation::Change(t, change) => self.change(*t, change),
            Operation::Start(..) | Operation::Stop(_) | Operation::Forget(_) => unreachable!(),
            Operation::HashAt(_) | Operation::Settle => unreachable!(),
            Operation::Save(i) => self.save(*i),
            Operation::Restore(i, token) => self.restore(*i, token),
        }
    }

    fn add(&mut self, through: usize, i: usize, learner: bool) -> Came {
        let (host, urls) = (self.host(through), [self.specs[i].peer_url()]);
        let added = self.edit(|m| m.member_add(&host, &urls, learner));
        if let Ok(id) = added {
            let name = self.specs[i].name.clone();
            self.names.know(&name, id);
        }
        came(added)
    }

    fn defragment(&mut self, i: usize) -> Came {
        let host = self.host(i);
        let takes = self.edit(|m| m.defragment(&host));
        self.pass(Duration::from_millis(takes.unwrap_or(0)));
        came(takes)
    }

    fn fill(&mut self, through: usize) -> Came {
        let host = self.host(through);
        let id = self.id(through);
        let mut last = Came::Done;
        for size in VALUES {
            let value = "7".repeat(size);
            last = came(self.edit(|m| m.disarm_nospace(&host, id)));
            while last == Came::Done {
                last = came(self.edit(|m| m.write(&host, "large", Some(&value))));
            }
        }
        last
    }

    fn save(&mut self, i: usize) -> Came {
        let action = Action::SaveSnapshot {
            member: self.host(i),
            dest: SNAPSHOT.to_owned(),
        };
        self.order(i, action);
        let kept = self.edit(|m| m.control[SNAPSHOT].clone());
        let facts = kept.facts();
        let MemberProbe::Serving(status) = self.probes(Some(facts.revision)).swap_remove(i) else {
            return Came::Silent;
        };
        let same = status.hash.is_some_and(|h| h.hash == facts.hash);
        Came::Saved(facts.revision, same)
    }

    fn restore(&mut self, i: usize, token: &str) -> Came {
        let spec = self.specs[i].clone();
        let initial = format!("{}={}", spec.name, spec.peer_url());
        self.edit(|model| {
            let kept = model.control[SNAPSHOT].clone();
            let file = File {
                snapshot: kept.snapshot,
                ..File::default()
            };
            let host = model.hosts.get_mut(&spec.host).unwrap();
            host.files.insert(SNAPSHOT.to_owned(), file);
        });
        let restore = Action::RestoreDataDir {
            tool: "/usr/bin/etcdutl".to_owned(),
            snapshot: SNAPSHOT.to_owned(),
            data_dir: spec.data_dir.clone(),
            name: spec.name.clone(),
            initial_cluster: initial,
            token: token.to_owned(),
            peer_url: spec.peer_url(),
            bump: None,
            owner: spec.user.clone(),
            skip_hash_check: false,
            origin: DataDirOrigin {
                run: RUN.to_owned(),
                snapshot_sha256: String::new(),
                token: token.to_owned(),
                cluster_id: String::new(),
                revision: 0,
            },
        };
        match self.order(i, restore) {
            Came::Changed(true) => Came::Done,
            other => other,
        }
    }

    fn change(&mut self, through: usize, change: &ClusterChange) -> Came {
        let change = Action::ChangeCluster {
            change: change.clone(),
            cluster_id: None,
            through: vec![self.host(through)],
        };
        self.order(through, change)
    }

    /// An action on a member's host, as runs order it.
    fn order(&mut self, i: usize, action: Action) -> Came {
        self.orders += 1;
        let order = Order {
            run: RUN.to_owned(),
            cluster: "test".to_owned(),
            step: self.orders,
            attempt: 1,
            undo: false,
            actions: vec![action],
            timeout_ms: 20_000,
        };
        let host = self.host(i);
        let lock = LockFacts {
            run: RUN.to_owned(),
            holder: "root@ops1".to_owned(),
            since: String::new(),
        };
        let outcomes = self.runtime.block_on(async {
            let (progress, _) = tokio::sync::mpsc::unbounded_channel();
            let locked = self.world.lock(&host, "test", &lock).await;
            locked.unwrap().unwrap();
            self.world.apply(&host, order, progress).await.unwrap()
        });
        match &outcomes[0] {
            Outcome::Done { changed } => Came::Changed(*changed),
            Outcome::Failed { reason, .. } => Came::Refused(reason.clone()),
            _ => Came::Unanswered,
        }
    }
}
