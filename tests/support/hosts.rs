//! Hosts for tests of the real world.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "tests"
)]

use std::collections::BTreeMap;

use runbook_model::action::{Action, Outcome};
use runbook_model::facts::{HostError, LockFacts};
use runbook_model::host::{Connection, HostName, Transport};
use runbook_run::world::{Order, Progress, World};
use runbook_world::{RealWorld, Settings};

/// One host, a world that reaches it, and a directory for both.
pub struct Lab {
    pub world: RealWorld,
    settings: Settings,
    pub host: HostName,
    dir: tempfile::TempDir,
}

#[allow(dead_code, reason = "each test target uses its part")]
impl Lab {
    /// A shell right here.
    pub fn local() -> Self {
        Self::of(Connection {
            transport: Transport::Local,
            address: "localhost".into(),
            ..Connection::default()
        })
    }

    /// A host reached so.
    pub fn of(connection: Connection) -> Self {
        let host = HostName::new("h1");
        let dir = tempfile::Builder::new().prefix("rb").tempdir().unwrap();
        let mut settings = Settings::new(
            BTreeMap::from([(host.clone(), connection)]),
            dir.path().join("c"),
        );
        settings.host_state_root = Some(dir.path().join("state").display().to_string());
        settings.reconnect_s = 10;
        Self {
            world: RealWorld::new(settings.clone()),
            settings,
            host,
            dir,
        }
    }

    /// Another world of the same settings.
    pub fn another(&self) -> RealWorld {
        RealWorld::new(self.settings.clone())
    }

    /// With other settings from now on.
    pub fn with<T>(&mut self, change: impl FnOnce(&mut Settings) -> T) {
        change(&mut self.settings);
        self.world = self.another();
    }

    pub fn root(&self) -> String {
        self.dir.path().display().to_string()
    }

    /// A path in the test's own directory.
    pub fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    /// With the lock taken.
    pub async fn locked(self, run: &str) -> Self {
        assert_eq!(
            self.world
                .lock(&self.host, "c", &lock_of(run))
                .await
                .unwrap(),
            Ok(())
        );
        self
    }

    /// Takes the lock for a run.
    pub async fn world_lock(&self, run: &str) {
        let taken = self.world.lock(&self.host, "c", &lock_of(run)).await;
        assert_eq!(taken.unwrap(), Ok(()));
    }

    /// Gives a run's lock back.
    pub async fn world_unlock(&self, run: &str) {
        self.world.unlock(&self.host, "c", run).await.unwrap();
    }

    pub async fn apply(&self, order: Order) -> Result<Vec<Outcome>, HostError> {
        self.apply_watched(order).await.0
    }

    pub async fn apply_watched(
        &self,
        order: Order,
    ) -> (Result<Vec<Outcome>, HostError>, Vec<Progress>) {
        let (tx, mut rx) = tokio::sync::mpsc::unbounded_channel();
        let outcomes = self.world.apply(&self.host, order, tx).await;
        let mut all = Vec::new();
        while let Ok(progress) = rx.try_recv() {
            all.push(progress);
        }
        (outcomes, all)
    }
}

/// First attempt of step 1.
pub fn order(run: &str, actions: Vec<Action>) -> Order {
    Order {
        run: run.into(),
        cluster: "c".into(),
        step: 1,
        attempt: 1,
        undo: false,
        actions,
        timeout_ms: 20_000,
    }
}

pub fn lock_of(run: &str) -> LockFacts {
    LockFacts {
        run: run.into(),
        holder: "op's \"desk\"@$(host)".into(),
        since: "2026-11-23T05:00:00Z".into(),
    }
}

pub fn done(changed: bool) -> Outcome {
    Outcome::Done { changed }
}

/// Status, reason and output of a failure.
#[allow(dead_code, reason = "each test target uses its part")]
pub fn failed(outcome: &Outcome) -> (Option<i32>, &str, &str) {
    match outcome {
        Outcome::Failed {
            status,
            reason,
            output,
        } => (*status, reason, output),
        other => panic!("{other:?}"),
    }
}

/// The user of this test.
pub fn whoami() -> String {
    let out = std::process::Command::new("id")
        .arg("-un")
        .output()
        .unwrap()
        .stdout;
    String::from_utf8(out).unwrap().trim().to_owned()
}
