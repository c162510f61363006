//! Operations on real members.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use etcd_client::{
    AlarmAction, AlarmOptions, AlarmType, Client, CompactionOptions, Error, MemberAddOptions,
};
use runbook_model::change::ClusterChange;
use runbook_model::cluster::{MemberProbe, MemberQuery};
use runbook_world::etcd::{AccessFiles, ChangeError, Cluster as Target, Members, NoForward};

use crate::operations::{Came, Joining, Operation, VALUES, at_port};
use crate::seen::Names;
use crate::support::Cluster;

/// For a call that the simulator says will not be answered.
const BRIEF: Duration = Duration::from_millis(900);
/// For one that will be.
const LONG: Duration = Duration::from_secs(20);
/// For a member to tell what it knows.
const ASK_MS: u64 = 1_000;

pub struct Real {
    pub cluster: Cluster,
    pub names: Names,
    members: Arc<Members<NoForward>>,
    runtime: tokio::runtime::Runtime,
}

async fn within<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, Error>>,
) -> Result<T, Came> {
    match tokio::time::timeout(limit, call).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(Error::GRpcStatus(status))) => Err(Came::Refused(status.message().to_owned())),
        Ok(Err(other)) => panic!("{other}"),
        Err(_) => Err(Came::Unanswered),
    }
}

impl Real {
    pub fn new(cluster: Cluster) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        Self {
            cluster,
            names: Names::default(),
            members: Arc::new(Members::new(NoForward, AccessFiles::default())),
            runtime: runtime.unwrap(),
        }
    }

    /// What all members say, asked at the same time.
    pub fn probes(&mut self, hash_at: Option<i64>) -> Vec<MemberProbe> {
        let query = MemberQuery {
            hash_at,
            timeout_ms: ASK_MS,
        };
        let specs = self.cluster.specs();
        let probes = self.runtime.block_on(async {
            let mut asked = Vec::new();
            for spec in specs.clone() {
                let members = Arc::clone(&self.members);
                asked.push(tokio::spawn(
                    async move { members.probe(&spec, query).await },
                ));
            }
            let mut probes = Vec::new();
            for one in asked {
                probes.push(one.await.unwrap());
            }
            probes
        });
        self.names.learn(&specs, &probes);
        probes
    }

    /// All that a member's processes have printed.
    pub fn said(&self, i: usize) -> String {
        let name = format!("{}.log", self.cluster.members[i].spec.name);
        let said = std::fs::read(self.cluster.dir.path().join(name));
        String::from_utf8_lossy(&said.unwrap_or_default()).into_owned()
    }

    fn id(&self, i: usize) -> u64 {
        self.names.id(&self.cluster.members[i].spec.name)
    }

    pub fn start(&mut self, i: usize, joining: &Joining) {
        let specs = self.cluster.specs();
        let pair = |i: &usize| format!("{}={}", specs[*i].name, specs[*i].peer_url());
        let initial: Vec<_> = joining.with.iter().map(pair).collect();
        self.cluster
            .run_with(i, joining.state, &initial.join(","), joining.token);
    }

    /// Carries an operation out; `answered`: whether the simulator says that there is an answer.
    pub fn carry_out(&mut self, operation: &Operation, leader: usize, answered: bool) -> Came {
        let limit = if answered { LONG } else { BRIEF };
        let through = match operation {
            Operation::Put(t, _)
            | Operation::Delete(t, _)
            | Operation::Add(t, _, _)
            | Operation::Promote(t, _)
            | Operation::Remove(t, _)
            | Operation::Update(t, _, _)
            | Operation::Compact(t, _)
            | Operation::Defragment(t)
            | Operation::Fill(t)
            | Operation::Disarm(t, _) => *t,
            Operation::MoveLeader(t, _) => t.unwrap_or(leader),
            Operation::Change(t, change) => return self.change(*t, change),
            Operation::Start(..) | Operation::Stop(_) | Operation::Forget(_) => unreachable!(),
            Operation::HashAt(_) | Operation::Settle => unreachable!(),
            Operation::Save(i) => return self.save(*i),
            Operation::Restore(i, token) => return self.restore(*i, token),
        };
        let spec = self.cluster.members[through].spec.clone();
        let members = Arc::clone(&self.members);
        let call = async {
            let access = members.access(&spec).unwrap();
            let connecting = members.routes().connect(&spec, &access, LONG);
            let Ok(connection) = connecting.await else {
                return Err(Came::Silent);
            };
            self.call(connection.client(), operation, limit).await
        };
        match self.runtime.block_on(call) {
            Ok(added) => {
                if let (Operation::Add(_, i, _), Some(id)) = (operation, added) {
                    let name = self.cluster.members[*i].spec.name.clone();
                    self.names.know(&name, id);
                }
                Came::Done
            }
            Err(came) => came,
        }
    }

    async fn call(
        &self,
        mut client: Client,
        operation: &Operation,
        limit: Duration,
    ) -> Result<Option<u64>, Came> {
        match operation {
            Operation::Put(_, key) => {
                let put = client.put(key.as_str(), "a value", None);
                within(limit, put).await?;
            }
            Operation::Delete(_, key) => {
                within(limit, client.delete(key.as_str(), None)).await?;
            }
            Operation::Add(_, i, learner) => {
                let options = MemberAddOptions::new();
                let options = if *learner {
                    options.with_is_learner()
                } else {
                    options
                };
                let urls = [self.cluster.members[*i].spec.peer_url()];
                let added = within(limit, client.member_add(urls, Some(options))).await?;
                return Ok(added.member().map(|m| m.id()));
            }
            Operation::Promote(_, i) => {
                within(limit, client.member_promote(self.id(*i))).await?;
            }
            Operation::Remove(_, i) => {
                within(limit, client.member_remove(self.id(*i))).await?;
            }
            Operation::Update(_, i, port) => {
                let urls = [at_port(&self.cluster.members[*i].spec, *port)];
                within(limit, client.member_update(self.id(*i), urls)).await?;
            }
            Operation::MoveLeader(_, to) => {
                within(limit, client.move_leader(self.id(*to))).await?;
            }
            Operation::Compact(_, before) => {
                let status = within(limit, client.status()).await?;
                let revision = status.header().map_or(0, |h| h.revision()) - before;
                let options = CompactionOptions::new().with_physical();
                within(limit, client.compact(revision, Some(options))).await?;
            }
            Operation::Defragment(_) => {
                within(limit, client.defragment()).await?;
            }
            Operation::Fill(t) => return self.fill(client, *t).await,
            Operation::Disarm(_, i) => {
                self.disarm(&mut client, *i, limit).await?;
            }
            _ => unreachable!(),
        }
        Ok(None)
    }

    async fn fill(&self, mut client: Client, through: usize) -> Result<Option<u64>, Came> {
        let mut last = Ok(None);
        for size in VALUES {
            self.disarm(&mut client, through, LONG).await?;
            last = Ok(None);
            while last.is_ok() {
                let value = "7".repeat(size);
                last = within(LONG, client.put("large", value, None))
                    .await
                    .map(|_| None);
            }
        }
        last
    }

    async fn disarm(&self, client: &mut Client, i: usize, limit: Duration) -> Result<(), Came> {
        let mut options = AlarmOptions::new();
        options.with_member(self.id(i));
        let (off, kind) = (AlarmAction::Deactivate, AlarmType::Nospace);
        within(limit, client.alarm(off, kind, Some(options))).await?;
        Ok(())
    }

    fn snapshot(&self) -> std::path::PathBuf {
        self.cluster.dir.path().join("kept.db")
    }

    fn save(&mut self, i: usize) -> Came {
        let _ = std::fs::remove_file(self.snapshot());
        let path = self.snapshot().display().to_string();
        self.cluster.etcdctl(i, &["snapshot", "save", &path]);
        let options = runbook_snapshot::Options {
            hash_kv: true,
            ..runbook_snapshot::Options::default()
        };
        let report = runbook_snapshot::inspect(&self.snapshot(), &options).unwrap();
        assert!(report.verdict.reasons().is_empty());
        let kept = report.database.unwrap();
        let MemberProbe::Serving(status) = self.probes(Some(kept.revision)).swap_remove(i) else {
            return Came::Silent;
        };
        let alike =
            |h: runbook_model::cluster::HashKv| kept.hash_kv.is_some_and(|k| k.hash == h.hash);
        Came::Saved(kept.revision, status.hash.is_some_and(alike))
    }

    fn restore(&mut self, i: usize, token: &str) -> Came {
        let spec = self.cluster.members[i].spec.clone();
        let path = self.snapshot().display().to_string();
        let initial = format!("{}={}", spec.name, spec.peer_url());
        let (dir, url) = (spec.data_dir.clone(), spec.peer_url());
        self.cluster.etcdctl(
            i,
            &[
                "snapshot",
                "restore",
                &path,
                "--name",
                &spec.name,
                "--data-dir",
                &dir,
                "--initial-cluster",
                &initial,
                "--initial-cluster-token",
                token,
                "--initial-advertise-peer-urls",
                &url,
            ],
        );
        Came::Done
    }

    /// A planned change, by the code that runs carry it out with.
    fn change(&mut self, through: usize, change: &ClusterChange) -> Came {
        let specs = self.cluster.specs();
        let specs = specs.into_iter().map(|s| (s.host.clone(), s)).collect();
        let through = [self.cluster.members[through].spec.host.clone()];
        let changed = self.runtime.block_on(async {
            let target = Target {
                specs: &specs,
                id: None,
                through: &through,
                deadline: tokio::time::Instant::now() + LONG,
            };
            self.members.change(target, change).await
        });
        match changed {
            Ok(changed) => Came::Changed(changed),
            Err(ChangeError::Unknown { .. }) => Came::Unanswered,
            Err(error) => Came::Refused(error.to_string()),
        }
    }
}
