//! The copy of a member that a rehearsal makes, with real etcd.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "../../../tests/support/etcd.rs"]
mod etcd;
#[path = "../../../tests/support/hosts.rs"]
mod hosts;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hosts::{Lab, done, failed, order, whoami};
use runbook_model::action::{Action, Outcome, Rehearsal};
use runbook_model::facts::DataDirOrigin;
use runbook_run::world::Order;
use runbook_snapshot::ids;

const CLUSTER: &str = "e1=http://127.0.0.1:1";
const TOKEN: &str = "rehearsal-r1-h1";
const WAIT_S: u64 = 60;

/// A copy of one version of etcd in a lab of its own.
struct Copy {
    lab: Lab,
    version: String,
    life_s: u64,
    /// Of its directory's path all but the run.
    base: String,
}

impl Copy {
    async fn of(version: &str, snapshot: &str) -> Self {
        let lab = Lab::local().locked("r1").await;
        let fixture = format!(
            "{}/../../tests/fixtures/snapshots/3.4.23/{snapshot}.db.gz",
            env!("CARGO_MANIFEST_DIR")
        );
        let out = std::fs::File::create(lab.path("snapshot.db")).unwrap();
        let unpacked = Command::new("gzip")
            .args(["-dc", &fixture])
            .stdout(Stdio::from(out))
            .status();
        assert!(unpacked.unwrap().success());
        let base = lab.path("etcd.rehearsal-");
        Self {
            lab,
            version: version.to_owned(),
            life_s: 120,
            base,
        }
    }

    fn tool(&self, name: &str) -> String {
        etcd::bin_dir(&self.version)
            .join(name)
            .display()
            .to_string()
    }

    /// What restores here: 3.4 has no etcdutl.
    fn restorer(&self) -> String {
        let utl = self.tool("etcdutl");
        if Path::new(&utl).exists() {
            utl
        } else {
            self.tool("etcdctl")
        }
    }

    fn dir(&self, run: &str) -> String {
        format!("{}{run}", self.base)
    }

    fn part(&self, part: Rehearsal) -> Action {
        let dir = self.dir("r1");
        Action::RehearseMember { dir, part }
    }

    fn made(&self) -> Vec<Action> {
        vec![
            self.part(Rehearsal::Prepare { user: whoami() }),
            Action::RestoreDataDir {
                tool: self.restorer(),
                snapshot: self.lab.path("snapshot.db"),
                data_dir: format!("{}/data", self.dir("r1")),
                name: "e1".into(),
                initial_cluster: CLUSTER.into(),
                token: TOKEN.into(),
                peer_url: "http://127.0.0.1:1".into(),
                bump: None,
                owner: whoami(),
                skip_hash_check: false,
                origin: DataDirOrigin {
                    run: "r1".into(),
                    snapshot_sha256: String::new(),
                    token: TOKEN.into(),
                    cluster_id: String::new(),
                    revision: 0,
                },
            },
        ]
    }

    fn started(&self) -> Action {
        self.part(Rehearsal::Start {
            etcd: self.tool("etcd"),
            etcdctl: self.tool("etcdctl"),
            name: "e1".into(),
            user: whoami(),
            quota_bytes: 1 << 31,
            wait_s: WAIT_S,
            life_s: self.life_s,
        })
    }

    fn read(&self, revision: i64, keys: Option<u64>) -> Action {
        let cluster_id = ids::cluster_id(TOKEN, CLUSTER).unwrap().to_string();
        self.part(Rehearsal::ReadBack {
            etcdctl: self.tool("etcdctl"),
            cluster_id,
            revision,
            keys,
        })
    }

    async fn apply(&self, step: usize, actions: Vec<Action>) -> Vec<Outcome> {
        let order = Order {
            step,
            timeout_ms: 100_000,
            ..order("r1", actions)
        };
        self.lab.apply(order).await.unwrap()
    }

    /// Ids of its processes, by where they work.
    fn processes(&self) -> Vec<u32> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc").unwrap() {
            let entry = entry.unwrap();
            let id = entry.file_name().to_string_lossy().parse();
            let cwd = std::fs::read_link(entry.path().join("cwd"));
            if let (Ok(id), Ok(cwd)) = (id, cwd)
                && cwd.starts_with(self.lab.root())
            {
                found.push(id);
            }
        }
        found
    }

    fn nothing_left(&self) {
        assert_eq!(self.processes(), Vec::<u32>::new(), "no process is left");
        assert!(!Path::new(&self.dir("r1")).exists(), "no directory is left");
    }
}

/// Ports on which processes listen, by their id.
fn listeners(ids: &[u32]) -> String {
    let out = Command::new("ss").args(["-Hltunp"]).output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    let theirs = |line: &&str| ids.iter().any(|id| line.contains(&format!("pid={id},")));
    text.lines().filter(theirs).collect()
}

/// What the reader finds in the snapshot that the copy is made from.
fn expected(copy: &Copy) -> (i64, u64, bool) {
    let path = copy.lab.path("snapshot.db");
    let verified =
        runbook_snapshot::verify(Path::new(&path), None, runbook_snapshot::Allow::default())
            .unwrap();
    let database = verified.report().database.as_ref().unwrap();
    (
        database.revision,
        database.total_key_36,
        database.auth.enabled,
    )
}

#[tokio::test]
async fn a_copy_serves_what_the_snapshot_holds_and_nothing_is_left() {
    for version in etcd::versions() {
        let copy = Copy::of(&version, "before").await;
        let (revision, keys, _) = expected(&copy);
        assert!(keys > 0);
        assert_eq!(
            copy.apply(1, copy.made()).await,
            [done(true), done(true)],
            "{version}"
        );
        assert_eq!(
            copy.apply(2, vec![copy.started()]).await,
            [done(true)],
            "{version}"
        );
        let running = copy.processes();
        assert_eq!(running.len(), 2, "timeout and etcd: {running:?}");
        assert_eq!(listeners(&running), "", "it takes no port");
        for id in &running {
            let score = std::fs::read_to_string(format!("/proc/{id}/oom_score_adj")).unwrap();
            assert_eq!(score.trim(), "1000");
            let name = std::fs::read_to_string(format!("/proc/{id}/comm")).unwrap();
            let environment = std::fs::read(format!("/proc/{id}/environ")).unwrap();
            let own = !String::from_utf8_lossy(&environment).contains("HOME=");
            assert!(
                own || name.trim() == "timeout",
                "etcd has its settings alone"
            );
        }
        let all = vec![copy.started(), copy.read(revision, Some(keys))];
        assert_eq!(
            copy.apply(3, all).await,
            [done(false), done(false)],
            "{version}: it runs already"
        );
        let wrong = copy
            .apply(4, vec![copy.read(revision, Some(keys + 1))])
            .await;
        assert!(
            failed(&wrong[0]).1.contains(&format!("holds {keys} keys")),
            "{wrong:?}"
        );
        let ahead = copy.apply(5, vec![copy.read(revision + 1, None)]).await;
        assert!(failed(&ahead[0]).1.contains("is at revision"), "{ahead:?}");
        let removed = copy.apply(6, vec![copy.part(Rehearsal::Remove)]).await;
        assert_eq!(removed, [done(true)]);
        copy.nothing_left();
        let again = copy.apply(7, vec![copy.part(Rehearsal::Remove)]).await;
        assert_eq!(
            again,
            [done(false)],
            "removed twice, it is gone all the same"
        );
        let gone = copy.apply(8, vec![copy.read(revision, Some(keys))]).await;
        assert!(failed(&gone[0]).1.contains("gives no answer"), "{gone:?}");
    }
}

#[tokio::test]
async fn of_a_snapshot_with_users_the_revision_is_compared() {
    let copy = Copy::of("3.5.16", "auth").await;
    let (revision, keys, auth) = expected(&copy);
    assert!(auth);
    let all = [copy.made(), vec![copy.started(), copy.read(revision, None)]].concat();
    let told = copy.apply(1, all).await;
    assert_eq!(told, [done(true), done(true), done(true), done(false)]);
    let refused = copy.apply(2, vec![copy.read(revision, Some(keys))]).await;
    let (_, reason, output) = failed(&refused[0]);
    assert!(
        reason.contains("no answer") && output.contains("user name is empty"),
        "{refused:?}"
    );
    copy.apply(3, vec![copy.part(Rehearsal::Remove)]).await;
    copy.nothing_left();
}

#[tokio::test]
async fn an_answer_of_another_cluster_is_not_taken_for_the_copys() {
    let copy = Copy::of("3.5.16", "before").await;
    let (revision, ..) = expected(&copy);
    let mut read = copy.read(revision, None);
    if let Action::RehearseMember {
        part: Rehearsal::ReadBack { cluster_id, .. },
        ..
    } = &mut read
    {
        *cluster_id = "18446744073709551615".to_owned();
    }
    let all = [copy.made(), vec![copy.started(), read]].concat();
    let told = copy.apply(1, all).await;
    assert!(
        failed(&told[3])
            .1
            .contains("not the copy's (18446744073709551615)"),
        "{told:?}"
    );
    copy.apply(2, vec![copy.part(Rehearsal::Remove)]).await;
    copy.nothing_left();
}

#[tokio::test]
async fn a_copy_that_cannot_run_says_why() {
    let copy = Copy::of("3.5.16", "before").await;
    copy.apply(1, copy.made()).await;
    std::fs::write(format!("{}/data/member/snap/db", copy.dir("r1")), "torn").unwrap();
    let told = copy.apply(2, vec![copy.started()]).await;
    let (_, reason, output) = failed(&told[0]);
    assert!(
        reason.contains("ended before it served") && !output.is_empty(),
        "{told:?}"
    );
    copy.apply(3, vec![copy.part(Rehearsal::Remove)]).await;
    copy.nothing_left();
}

#[tokio::test]
async fn a_copy_that_nobody_removes_ends_by_itself() {
    let mut copy = Copy::of("3.5.16", "before").await;
    copy.life_s = 5;
    copy.apply(1, [copy.made(), vec![copy.started()]].concat())
        .await;
    let begun = Instant::now();
    while !copy.processes().is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it still runs");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    copy.apply(2, vec![copy.part(Rehearsal::Remove)]).await;
    copy.nothing_left();
}

/// Cut off while it starts: the copy is a shell then, or one of the programs that become etcd. The directory must not go from under it.
#[tokio::test]
async fn a_copy_that_is_about_to_be_one_is_ended_too() {
    let copy = Copy::of("3.5.16", "before").await;
    copy.apply(1, vec![copy.part(Rehearsal::Prepare { user: whoami() })])
        .await;
    let mut children: Vec<_> = ["sh", "setsid", "env"]
        .iter()
        .map(|name| {
            let program = copy.lab.path(name);
            std::fs::copy("/usr/bin/sleep", &program).unwrap();
            let mut sleeping = Command::new(&program);
            sleeping
                .arg("600")
                .current_dir(format!("{}/run", copy.dir("r1")));
            sleeping.spawn().unwrap()
        })
        .collect();
    let left = copy.processes().len();
    let told = copy.apply(2, vec![copy.part(Rehearsal::Remove)]).await;
    let after = copy.processes();
    for child in &mut children {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert_eq!((left, after, told), (3, Vec::new(), vec![done(true)]));
    copy.nothing_left();
}

#[tokio::test]
async fn what_a_dead_rehearsal_left_is_ended_by_the_next() {
    let copy = Copy::of("3.5.16", "before").await;
    copy.apply(1, [copy.made(), vec![copy.started()]].concat())
        .await;
    assert_eq!(copy.processes().len(), 2);
    // Its controller is gone; the next run has the lock.
    copy.lab.world_unlock("r1").await;
    copy.lab.world_lock("r2").await;
    let foreign = copy.lab.path("etcd.rehearsal-notes");
    std::fs::create_dir(&foreign).unwrap();
    std::fs::write(format!("{foreign}/kept"), "a person's").unwrap();
    let prepare = Action::RehearseMember {
        dir: copy.dir("r2"),
        part: Rehearsal::Prepare { user: whoami() },
    };
    let told = copy.lab.apply(order("r2", vec![prepare])).await.unwrap();
    assert_eq!(told, [done(true)]);
    copy.nothing_left();
    assert!(Path::new(&copy.dir("r2")).exists());
    assert!(
        Path::new(&foreign).join("kept").exists(),
        "what no rehearsal made stays"
    );
    let remove = Action::RehearseMember {
        dir: foreign.clone(),
        part: Rehearsal::Remove,
    };
    let mut refused = order("r2", vec![remove]);
    refused.step = 2;
    let told = copy.lab.apply(refused).await.unwrap();
    assert!(
        failed(&told[0]).1.contains("was not made by a rehearsal"),
        "{told:?}"
    );
}

/// Where the data dir cannot be renamed (a mount point, or a link) the copy is within it; a run in need sets the rest aside.
#[tokio::test]
async fn a_copy_within_the_data_dir_holds_no_run_up() {
    let mut copy = Copy::of("3.5.16", "before").await;
    let (revision, keys, _) = expected(&copy);
    let data = copy.lab.path("etcd");
    std::fs::create_dir_all(copy.lab.path("disk/member")).unwrap();
    std::os::unix::fs::symlink(copy.lab.path("disk"), &data).unwrap();
    copy.base = format!("{data}/.runbook-rehearsal-");
    let all = [copy.made(), vec![copy.started()]].concat();
    let told = copy.apply(1, all).await;
    assert_eq!(told, [done(true), done(true), done(true)]);
    let archive = Action::ArchiveDataDir {
        data_dir: data.clone(),
        aside: format!("{data}.r1"),
    };
    assert_eq!(copy.apply(2, vec![archive]).await, [done(true)]);
    assert!(!Path::new(&format!("{data}/member")).exists());
    let read = copy.apply(3, vec![copy.read(revision, Some(keys))]).await;
    assert_eq!(read, [done(false)], "the copy goes on");
    let removed = copy.apply(4, vec![copy.part(Rehearsal::Remove)]).await;
    assert_eq!(removed, [done(true)]);
    copy.nothing_left();
}
