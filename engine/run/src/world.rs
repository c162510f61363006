//! The world as a run sees it. `engine/world` is the real one; a simulator is another.
//!
//! Reading and writing are separate traits: `check`, `plan`, `--dry-run` and `status` get an [`Observe`] and so cannot change anything.

use std::future::Future;

use runbook_model::action::{Action, Outcome};
use runbook_model::cluster::{MemberProbe, MemberQuery};
use runbook_model::facts::{HostError, HostFacts, LockFacts, ProbeRequest};
use runbook_model::host::{HostName, MemberSpec};
use runbook_model::view::SnapshotFacts;
use tokio::sync::mpsc::UnboundedSender;

/// Reads hosts, members and the clock.
pub trait Observe: Send + Sync + 'static {
    /// One round trip: everything asked about one host.
    fn probe(
        &self,
        host: &HostName,
        request: &ProbeRequest,
    ) -> impl Future<Output = Result<HostFacts, HostError>> + Send;

    /// Status, membership, alarms (and HashKV if asked) of one member, from that member alone. Never hangs past the query's timeout.
    fn member(
        &self,
        spec: &MemberSpec,
        query: MemberQuery,
    ) -> impl Future<Output = MemberProbe> + Send;

    /// Verifies a snapshot file on the control host.
    fn snapshot(
        &self,
        path: &str,
        sha256: Option<&str>,
    ) -> impl Future<Output = SnapshotFacts> + Send;

    /// Milliseconds since the epoch: for records and certificates.
    fn now_ms(&self) -> i64;

    /// Waits on the monotonic clock.
    fn sleep(&self, ms: u64) -> impl Future<Output = ()> + Send;
}

/// A host's part of a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// The run.
    pub run: String,
    /// The cluster whose lock must be held by this run on the host; the order is refused there otherwise (fencing).
    pub cluster: String,
    /// Step's number.
    pub step: usize,
    /// From 1.
    pub attempt: u32,
    /// These are undo actions.
    pub undo: bool,
    /// In order; the first failure ends the order, the rest are `NotStarted`.
    pub actions: Vec<Action>,
    /// Milliseconds for all of it.
    pub timeout_ms: u64,
}

/// Something seen while an order runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// An action began (index into the order's actions).
    Started(usize),
    /// A line of output, already escaped.
    Line(String),
    /// Bytes done, bytes in all.
    Transfer(u64, u64),
}

/// What a host can tell of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// It was never begun here.
    Never,
    /// It is still running.
    Running,
    /// It is over. [`Outcome::Unknown`]: it was begun, and the host cannot tell how it ended (as after a power cut).
    Ended(Vec<Outcome>),
}

/// Changes hosts.
pub trait World: Observe {
    /// Carries out an order on a host: one outcome an action. The same (run, step, attempt, undo) is never carried out twice on a
    /// host: where a receipt of it is found there, its recorded outcomes are returned. `Err` means that nothing of it was begun.
    ///
    /// An undo order first waits for the end of this run's forward order of the same step on that host, if one still runs there.
    fn apply(
        &self,
        host: &HostName,
        order: Order,
        progress: UnboundedSender<Progress>,
    ) -> impl Future<Output = Result<Vec<Outcome>, HostError>> + Send;

    /// What has become of an order whose outcome was not heard, by its receipt on the host; answers at once and carries nothing out.
    ///
    /// The default is for worlds that cannot look without carrying out: they apply the order, whose actions converge.
    fn receipt(
        &self,
        host: &HostName,
        order: &Order,
    ) -> impl Future<Output = Result<Receipt, HostError>> + Send {
        let order = order.clone();
        async move {
            let (progress, _) = tokio::sync::mpsc::unbounded_channel();
            let outcomes = self.apply(host, order, progress).await?;
            Ok(Receipt::Ended(outcomes))
        }
    }

    /// Takes the cluster's lock on a host, or says who holds it. Taking it again for the same run succeeds.
    fn lock(
        &self,
        host: &HostName,
        cluster: &str,
        lock: &LockFacts,
    ) -> impl Future<Output = Result<Result<(), LockFacts>, HostError>> + Send;

    /// Gives the lock back if this run holds it.
    fn unlock(
        &self,
        host: &HostName,
        cluster: &str,
        run: &str,
    ) -> impl Future<Output = Result<(), HostError>> + Send;

    /// Writes a key through one member and reads it back through every other, then deletes it: what was seen, or why not.
    fn write_probe(
        &self,
        members: &[MemberSpec],
    ) -> impl Future<Output = Result<String, String>> + Send;
}
