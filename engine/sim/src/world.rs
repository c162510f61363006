//! The world that a run sees: the model behind connections that take time and break.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use runbook_model::action::Outcome;
use runbook_model::cluster::{MemberProbe, MemberQuery};
use runbook_model::facts::{HostError, HostFacts, LockFacts, ProbeRequest};
use runbook_model::host::{HostName, MemberSpec};
use runbook_model::view::SnapshotFacts;
use runbook_run::world::{Observe, Order, Progress, Receipt, World};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{Instant, sleep};

use crate::actions::carry_out;
use crate::faults::{Fault, Moment, Script, When};
use crate::look::Look;
use crate::model::{Doing, Host, Model};
use crate::receipts::{Kept, key};

/// Milliseconds since the epoch at which simulated time begins: 2026-01-01.
const EPOCH_MS: i64 = 1_767_225_600_000;
/// Milliseconds between looks at something that is waited for.
const POLL_MS: u64 = 50;
/// Milliseconds until a dead host counts as unreachable.
const CONNECT_MS: u64 = 3_000;

/// Runs a future to its end in simulated time: whenever all wait, the clock jumps to whoever waits least.
///
/// # Panics
/// Where no runtime can be made.
pub fn run<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(future),
        // INVARIANT: a runtime without I/O asks nothing of the system that could be refused.
        Err(error) => panic!("no runtime: {error}"),
    }
}

/// A simulated world. Clones share it.
#[derive(Clone)]
pub struct SimWorld {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    started: Instant,
}

struct State {
    model: Model,
    faults: BTreeMap<When, Vec<Fault>>,
    scripts: Vec<(Moment, Script)>,
    asked: u64,
    attendant: Option<Attendant>,
    met: Vec<(When, Fault)>,
    look: Look,
}

/// Who looks at the model, and may change it, at every moment.
type Attendant = Box<dyn FnMut(&Moment, &mut Model) + Send>;

impl State {
    fn asks(&mut self) {
        self.look.asks(self.model.now_ms);
    }

    fn is_answered(&mut self) {
        self.look.is_answered(self.model.now_ms);
    }
}

impl SimWorld {
    /// A world. Must be called in [`run`], whose clock it shares.
    pub fn new(mut model: Model) -> Self {
        model.elect();
        model.has_long_been_so();
        model.quorum_losses.clear();
        Self {
            shared: Arc::new(Shared {
                state: Mutex::new(State {
                    model,
                    faults: BTreeMap::new(),
                    scripts: Vec::new(),
                    asked: 0,
                    attendant: None,
                    met: Vec::new(),
                    look: Look::default(),
                }),
                started: Instant::now(),
            }),
        }
    }

    /// A copy of everything there is now.
    pub fn model(&self) -> Model {
        self.lock().model.clone()
    }

    /// Reaches into the model.
    pub fn edit<T>(&self, change: impl FnOnce(&mut Model) -> T) -> T {
        let mut state = self.lock();
        let changed = change(&mut state.model);
        state.model.elect();
        changed
    }

    /// The next such order meets this fault. Several queue up.
    pub fn inject(&self, when: When, fault: Fault) {
        let mut state = self.lock();
        state.faults.entry(when).or_default().push(fault);
    }

    /// Reaches into the model at a moment to come, once.
    pub fn at(&self, moment: Moment, script: impl FnOnce(&mut Model) + Send + 'static) {
        self.lock().scripts.push((moment, Box::new(script)));
    }

    /// Lets somebody look at the model, and change it, at every moment.
    pub fn attend(&self, attendant: impl FnMut(&Moment, &mut Model) + Send + 'static) {
        self.lock().attendant = Some(Box::new(attendant));
    }

    /// From now on nothing goes wrong any more, and nobody attends.
    pub fn calm(&self) {
        let mut state = self.lock();
        state.faults.clear();
        state.attendant = None;
        let scripts = std::mem::take(&mut state.scripts);
        // A script may hold the world itself.
        drop(state);
        drop(scripts);
    }

    /// Faults that orders have met so far.
    pub fn met(&self) -> Vec<(When, Fault)> {
        self.lock().met.clone()
    }

    /// Questions to members that were answered so far.
    pub fn asked(&self) -> u64 {
        self.lock().asked
    }

    fn elapsed_ms(&self) -> i64 {
        i64::try_from(self.shared.started.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        let state = self.shared.state.lock();
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        state.model.now_ms = self.elapsed_ms();
        if state.model.is_due() {
            state.model.elect();
        }
        state
    }

    /// Reaches into the model on behalf of an order.
    pub(crate) fn edit_for<T>(&self, doing: &Doing, change: impl FnOnce(&mut Model) -> T) -> T {
        let mut state = self.lock();
        state.model.acting = Some(doing.clone());
        let changed = change(&mut state.model);
        state.model.elect();
        state.model.acting = None;
        changed
    }

    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut Model) -> T) -> T {
        look(&mut self.lock().model)
    }

    fn reaches(&self, moment: &Moment) {
        let mut state = self.lock();
        while let Some(index) = state.scripts.iter().position(|(m, _)| m == moment) {
            let (_, script) = state.scripts.remove(index);
            script(&mut state.model);
            state.model.elect();
        }
        if let Some(mut attendant) = state.attendant.take() {
            attendant(moment, &mut state.model);
            state.attendant = Some(attendant);
        }
    }

    fn take_fault(&self, when: &When) -> Option<Fault> {
        let mut state = self.lock();
        let queue = state.faults.get_mut(when)?;
        if queue.is_empty() {
            return None;
        }
        let fault = queue.remove(0);
        state.met.push((when.clone(), fault.clone()));
        Some(fault)
    }

    async fn ask(&self, host: &HostName, request: &ProbeRequest) -> Result<HostFacts, HostError> {
        self.travel(host).await?;
        let facts = self.with(|model| model.facts(host, request));
        self.travel(host).await?;
        facts.ok_or_else(|| unreachable(host))
    }

    /// A trip to a host: how long it takes, and whether anybody is there.
    async fn travel(&self, host: &HostName) -> Result<(), HostError> {
        let (there, ms) = self.with(|model| match model.hosts.get(host) {
            Some(Host {
                reachable: true,
                latency_ms,
                ..
            }) => (true, *latency_ms),
            _ => (false, CONNECT_MS),
        });
        sleep(Duration::from_millis(ms)).await;
        if there {
            return Ok(());
        }
        Err(unreachable(host))
    }

    /// The host's side of an order: goes on whatever becomes of the connection.
    async fn carry(self, doing: Doing, order: Order, fault: Option<Fault>, boot: u32) {
        let host = doing.host.clone();
        let when = when(&host, &order);
        self.reaches(&Moment::Begins(when.clone()));
        if let Some(Fault::Slow { ms }) = fault {
            sleep(Duration::from_millis(ms)).await;
        }
        for index in 0..order.actions.len() {
            if fault == Some(Fault::PowerOff { action: index }) {
                self.edit(|model| model.power_off(&host));
            }
            if self.boot(&host) != boot {
                return;
            }
            let outcome = if fault == Some(Fault::Fails { action: index }) {
                failed("it was made to fail")
            } else {
                carry_out(&self, &doing, &order, index).await
            };
            let stop = !matches!(outcome, Outcome::Done { .. });
            let alive = self.keep(&host, &order, outcome, boot);
            if stop || !alive {
                break;
            }
        }
        self.end(&host, &order, boot);
        self.reaches(&Moment::Ends(when));
    }

    fn boot(&self, host: &HostName) -> u32 {
        self.with(|model| model.hosts.get(host).map_or(0, |h| h.boot))
    }

    fn keep(&self, host: &HostName, order: &Order, outcome: Outcome, boot: u32) -> bool {
        self.with(|model| {
            let Some(host) = model.hosts.get_mut(host).filter(|h| h.boot == boot) else {
                return false;
            };
            if let Some(receipt) = host.receipts.get_mut(&key(order)) {
                receipt.outcomes.push(outcome);
            }
            true
        })
    }

    fn end(&self, host: &HostName, order: &Order, boot: u32) {
        self.with(|model| {
            if let Some(host) = model.hosts.get_mut(host).filter(|h| h.boot == boot)
                && let Some(receipt) = host.receipts.get_mut(&key(order))
            {
                receipt.ended = true;
                receipt
                    .outcomes
                    .resize(order.actions.len(), Outcome::NotStarted);
            }
        });
    }

    /// Waits for the end of an order that reached the host; none: it did not.
    async fn follow(&self, host: &HostName, order: &Order) -> Option<Vec<Outcome>> {
        let limit = Instant::now() + Duration::from_millis(order.timeout_ms);
        loop {
            let trace = self.with(|model| {
                let host = model.hosts.get(host);
                host.map_or(Receipt::Never, |h| h.trace(order))
            });
            match trace {
                Receipt::Never => return None,
                Receipt::Ended(outcomes) => return Some(outcomes),
                Receipt::Running if Instant::now() >= limit => {
                    return Some(unknown(order, "its time limit passed"));
                }
                Receipt::Running => sleep(Duration::from_millis(POLL_MS)).await,
            }
        }
    }

    /// An order as it is sent: what its run could know of the members by then.
    fn doing(&self, host: &HostName, order: &Order) -> Doing {
        let (now_ms, look) = (self.elapsed_ms(), self.lock().look);
        Doing {
            host: host.clone(),
            step: order.step,
            undo: order.undo,
            since_ms: look.since_ms(now_ms),
        }
    }

    /// Lets an order begin on its host, if it may.
    async fn begin(
        &self,
        doing: Doing,
        order: &Order,
        fault: Option<Fault>,
    ) -> Result<(), HostError> {
        let host = &doing.host.clone();
        while order.undo
            && self.with(|m| {
                m.hosts
                    .get(host)
                    .is_some_and(|h| h.is_busy(&order.run, order.step))
            })
        {
            sleep(Duration::from_millis(POLL_MS)).await;
        }
        let boot = self.with(|model| {
            let Some(found) = model.hosts.get_mut(host) else {
                return Err(unreachable(host));
            };
            let lock = found.locks.get(&order.cluster);
            if lock.is_none_or(|l| l.run != order.run) {
                return Err(HostError::Fenced {
                    host: host.clone(),
                    lock: lock.cloned(),
                });
            }
            if found.receipts.contains_key(&key(order)) {
                return Ok(None);
            }
            let receipt = Kept {
                boot: found.boot,
                outcomes: Vec::new(),
                ended: false,
            };
            found.receipts.insert(key(order), receipt);
            Ok(Some(found.boot))
        })?;
        if let Some(boot) = boot {
            tokio::spawn(self.clone().carry(doing, order.clone(), fault, boot));
        }
        Ok(())
    }
}

impl Observe for SimWorld {
    async fn probe(&self, host: &HostName, request: &ProbeRequest) -> Result<HostFacts, HostError> {
        self.lock().asks();
        let facts = self.ask(host, request).await;
        self.lock().is_answered();
        facts
    }

    async fn member(&self, spec: &MemberSpec, query: MemberQuery) -> MemberProbe {
        let probe = {
            let mut state = self.lock();
            state.asks();
            state.model.probe_member(spec, query)
        };
        let wait = match &probe {
            MemberProbe::Serving(_) => 1,
            MemberProbe::Silent { .. } => query.timeout_ms,
        };
        sleep(Duration::from_millis(wait)).await;
        let asked = {
            let mut state = self.lock();
            state.asked += 1;
            state.is_answered();
            state.asked
        };
        self.reaches(&Moment::Asked(asked));
        probe
    }

    async fn snapshot(&self, path: &str, _sha256: Option<&str>) -> SnapshotFacts {
        let file = self.with(|model| model.control.get(path).cloned());
        match file {
            Some(file) => file.facts(),
            None => SnapshotFacts {
                refused: vec!["no such file".to_owned()],
                ..SnapshotFacts::default()
            },
        }
    }

    fn now_ms(&self) -> i64 {
        EPOCH_MS.saturating_add(self.elapsed_ms())
    }

    async fn sleep(&self, ms: u64) {
        sleep(Duration::from_millis(ms)).await;
    }
}

impl World for SimWorld {
    async fn apply(
        &self,
        host: &HostName,
        order: Order,
        progress: UnboundedSender<Progress>,
    ) -> Result<Vec<Outcome>, HostError> {
        let doing = self.doing(host, &order);
        let fault = self.take_fault(&when(host, &order));
        match fault {
            Some(Fault::NotReached) => {
                sleep(Duration::from_millis(CONNECT_MS)).await;
                return Err(unreachable(host));
            }
            Some(Fault::LostBefore) => return Ok(unknown(&order, "the connection was lost")),
            _ => {}
        }
        self.travel(host).await?;
        let lost = fault == Some(Fault::LostAfter);
        let cut = fault == Some(Fault::LostDuring);
        self.begin(doing, &order, fault).await?;
        if cut {
            return Ok(unknown(&order, "the connection was lost"));
        }
        for index in 0..order.actions.len() {
            let _ = progress.send(Progress::Started(index));
        }
        let outcomes = self.follow(host, &order).await;
        let silent = lost || self.travel(host).await.is_err();
        match outcomes {
            Some(outcomes) if !silent => Ok(outcomes),
            _ => Ok(unknown(&order, "the connection was lost")),
        }
    }

    async fn receipt(&self, host: &HostName, order: &Order) -> Result<Receipt, HostError> {
        self.travel(host).await?;
        let trace = self.with(|model| model.hosts.get(host).map(|h| h.trace(order)));
        Ok(trace.unwrap_or(Receipt::Never))
    }

    async fn lock(
        &self,
        host: &HostName,
        cluster: &str,
        lock: &LockFacts,
    ) -> Result<Result<(), LockFacts>, HostError> {
        self.travel(host).await?;
        self.with(|model| {
            let Some(found) = model.hosts.get_mut(host) else {
                return Err(unreachable(host));
            };
            let held = found.locks.entry(cluster.to_owned());
            let held = held.or_insert_with(|| lock.clone());
            Ok(if held.run == lock.run {
                Ok(())
            } else {
                Err(held.clone())
            })
        })
    }

    async fn unlock(&self, host: &HostName, cluster: &str, run: &str) -> Result<(), HostError> {
        self.travel(host).await?;
        self.with(|model| {
            if let Some(found) = model.hosts.get_mut(host) {
                found.locks.retain(|c, l| c != cluster || l.run != run);
            }
        });
        Ok(())
    }

    async fn write_probe(&self, members: &[MemberSpec]) -> Result<String, String> {
        const KEY: &str = "runbook/probe";
        sleep(Duration::from_millis(2)).await;
        self.with(|model| {
            let first = members.first().ok_or("there are no members")?;
            let written = model.put(&first.host, KEY, "written");
            let silent: Vec<_> = members
                .iter()
                .filter(|m| {
                    let seen = model.running_member(&m.host);
                    seen.is_none_or(|d| !d.store.keys.contains_key(KEY))
                })
                .map(|m| m.name.as_str())
                .collect();
            let result = if written && silent.is_empty() {
                Ok(format!("written through `{}`, read everywhere", first.name))
            } else if written {
                Err(format!("not read back through {}", silent.join(", ")))
            } else {
                Err(format!("`{}` takes no write", first.name))
            };
            model.delete(&first.host, KEY);
            result
        })
    }
}

fn when(host: &HostName, order: &Order) -> When {
    When {
        host: host.clone(),
        step: order.step,
        undo: order.undo,
    }
}

fn unreachable(host: &HostName) -> HostError {
    HostError::Unreachable {
        host: host.clone(),
        detail: "connection timed out".to_owned(),
    }
}

fn unknown(order: &Order, reason: &str) -> Vec<Outcome> {
    let reason = reason.to_owned();
    vec![Outcome::Unknown { reason }; order.actions.len()]
}

pub(crate) fn failed(reason: impl Into<String>) -> Outcome {
    Outcome::Failed {
        status: Some(1),
        reason: reason.into(),
        output: String::new(),
    }
}
