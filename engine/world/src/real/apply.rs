use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use runbook_model::action::{Action, Outcome};
use runbook_model::facts::{HostError, LockFacts};
use runbook_model::host::{HostName, MemberSpec};
use runbook_run::world::{Order, Progress, World};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{Instant, timeout_at};

use super::receipt::{Receipt, broken};
use super::world::RealWorld;
use crate::frame::{self, Frames, Piece};
use crate::program::{self, Context, Key, Part};
use crate::transport::{Channel, Link, LinkError};

/// After the deadline: what ending a program and asking for its receipt may take.
pub(super) const GRACE: Duration = Duration::from_secs(15);
/// For a write to be carried out and read back everywhere.
const WRITE_LIMIT: Duration = Duration::from_secs(15);
/// Pause between tries to find a lost order again.
pub(super) const PAUSE: Duration = Duration::from_millis(300);

impl World for RealWorld {
    async fn apply(
        &self,
        host: &HostName,
        order: Order,
        progress: UnboundedSender<Progress>,
    ) -> Result<Vec<Outcome>, HostError> {
        if let Err((at, bad)) = program::check(&order.actions) {
            let mut outcomes = vec![Outcome::NotStarted; order.actions.len()];
            outcomes[at] = Outcome::Failed {
                status: None,
                reason: bad.to_string(),
                output: String::new(),
            };
            return Ok(outcomes);
        }
        let work = Work {
            world: self,
            host,
            order: &order,
            progress: &progress,
            deadline: Instant::now() + Duration::from_millis(order.timeout_ms),
        };
        work.carry_out().await
    }

    async fn receipt(
        &self,
        host: &HostName,
        order: &Order,
    ) -> Result<runbook_run::world::Receipt, HostError> {
        // Nobody watches a question.
        let (progress, _) = tokio::sync::mpsc::unbounded_channel();
        let work = Work {
            world: self,
            host,
            order,
            progress: &progress,
            deadline: Instant::now() + Duration::from_millis(order.timeout_ms),
        };
        work.told().await
    }

    async fn lock(
        &self,
        host: &HostName,
        cluster: &str,
        lock: &LockFacts,
    ) -> Result<Result<(), LockFacts>, HostError> {
        self.take_lock(host, cluster, lock).await
    }

    async fn unlock(&self, host: &HostName, cluster: &str, run: &str) -> Result<(), HostError> {
        self.release_lock(host, cluster, run).await
    }

    async fn write_probe(&self, members: &[MemberSpec]) -> Result<String, String> {
        let proven = self.members.write_probe(members, WRITE_LIMIT).await;
        proven.map_err(|error| error.to_string())
    }
}

/// An order on its way.
pub(super) struct Work<'a> {
    pub world: &'a RealWorld,
    pub host: &'a HostName,
    pub order: &'a Order,
    pub progress: &'a UnboundedSender<Progress>,
    pub deadline: Instant,
}

impl Work<'_> {
    async fn carry_out(&self) -> Result<Vec<Outcome>, HostError> {
        let actions = &self.order.actions;
        let mut outcomes: Vec<Outcome> = Vec::with_capacity(actions.len());
        for (number, part) in program::parts(actions).into_iter().enumerate() {
            let key = self.key(number);
            let part_outcomes = match part {
                Part::Detached(range) => self.detached(&key, range).await,
                Part::Uploads(range) => self.uploads(&key, range).await,
                Part::Control(at) => Ok(vec![self.control(&actions[at]).await]),
            };
            match part_outcomes {
                Ok(more) => outcomes.extend(more),
                Err(error) if outcomes.is_empty() => return Err(error),
                Err(error) => outcomes.push(Outcome::Failed {
                    status: None,
                    reason: error.to_string(),
                    output: String::new(),
                }),
            }
            if outcomes.iter().any(|o| !matches!(o, Outcome::Done { .. })) {
                break;
            }
        }
        outcomes.resize(actions.len(), Outcome::NotStarted);
        Ok(outcomes)
    }

    pub(super) fn key(&self, part: usize) -> Key {
        let Order {
            step,
            attempt,
            undo,
            timeout_ms,
            ..
        } = self.order;
        let after = undo.then_some((*step, *timeout_ms));
        let undo = if *undo { "-undo" } else { "" };
        let part = if part == 0 {
            String::new()
        } else {
            format!(".{part}")
        };
        Key {
            name: format!("{step}-{attempt}{undo}{part}"),
            after,
        }
    }

    pub(super) fn context<'a>(&'a self, nonce: &'a str) -> Context<'a> {
        Context {
            nonce,
            state_root: self.world.shared.settings.host_state_root.as_deref(),
            cluster: &self.order.cluster,
            host: self.host.as_str(),
            run: &self.order.run,
        }
    }

    pub(super) fn nonce(&self) -> Result<String, HostError> {
        frame::nonce().map_err(|e| HostError::Garbled {
            host: self.host.clone(),
            detail: e.to_string(),
        })
    }

    /// A program that runs on the host whatever becomes of the connection; a lost one is found again by its receipt.
    async fn detached(&self, key: &Key, range: Range<usize>) -> Result<Vec<Outcome>, HostError> {
        let link = self.world.shared.link(self.host)?;
        let nonce = self.nonce()?;
        let numbered: Vec<(usize, &Action)> = range
            .clone()
            .map(|at| (at, &self.order.actions[at]))
            .collect();
        let left = self
            .deadline
            .saturating_duration_since(Instant::now())
            .as_millis()
            .max(1);
        let compiled = program::detached(
            &self.context(&nonce),
            key,
            &numbered,
            u64::try_from(left).unwrap_or(u64::MAX),
        );
        // INVARIANT: `apply` checked every action.
        let program = compiled.map_err(|(_, e)| HostError::Garbled {
            host: self.host.clone(),
            detail: e.to_string(),
        })?;
        let mut watch = Watch::new(self.progress);
        let mut lost = Lost::new(self);
        loop {
            match link.run(&program).await {
                Ok(channel) => {
                    lost.sent = true;
                    match timeout_at(
                        self.deadline + GRACE,
                        self.follow(&link, channel, &nonce, &mut watch),
                    )
                    .await
                    {
                        Ok(Followed::Complete) => return self.concluded(&watch.receipt, range),
                        Ok(Followed::NeverBegan(error)) => return Err(error),
                        Ok(Followed::Lost(why)) => lost.note(why, watch.seen),
                        Err(_) => {
                            return Ok(watch
                                .receipt
                                .outcomes(range, "the host gave no answer after the time limit"));
                        }
                    }
                }
                Err(LinkError::NotSent(error)) if !lost.sent => return Err(error),
                Err(error) => {
                    lost.sent |= matches!(error, LinkError::Lost(_));
                    lost.note(error.to_string(), false);
                }
            }
            if lost.is_over() {
                return Ok(watch.receipt.outcomes(
                    range,
                    &format!(
                        "the connection was lost and did not come back: {}",
                        lost.why
                    ),
                ));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Reads records until the last, or until the stream ends.
    pub(super) async fn follow(
        &self,
        link: &Link,
        mut channel: Channel,
        nonce: &str,
        watch: &mut Watch<'_>,
    ) -> Followed {
        let mut frames = Frames::new(&mut channel.output, nonce);
        watch.seen = false;
        let mut noise = crate::text::HeadTail::new(512);
        while let Ok(Some(piece)) = frames.next().await {
            match piece {
                Piece::Head(head) => {
                    watch.seen = true;
                    if let ["nonce", other] =
                        head.iter().map(String::as_str).collect::<Vec<_>>()[..]
                    {
                        frames.accept(other);
                    } else {
                        watch.head(&head);
                    }
                    if watch.receipt.complete {
                        return Followed::Complete;
                    }
                }
                Piece::Data(data) if watch.seen => watch.data(&data),
                Piece::Data(data) => noise.push(&data),
            }
        }
        drop(frames);
        let error = broken(link.host(), &mut channel, &noise.shown()).await;
        let refused = matches!(
            error,
            HostError::SudoPassword { .. } | HostError::Sudo { .. }
        );
        if !watch.seen && (refused || channel.has_exited().await) {
            return Followed::NeverBegan(error);
        }
        Followed::Lost(error.to_string())
    }

    pub(super) fn concluded(
        &self,
        receipt: &Receipt,
        range: Range<usize>,
    ) -> Result<Vec<Outcome>, HostError> {
        if let Some(lock) = &receipt.fenced {
            return Err(HostError::Fenced {
                host: self.host.clone(),
                lock: program::held_lock(lock),
            });
        }
        if let Some(error) = &receipt.error {
            let reason = crate::text::line(error.as_bytes());
            let mut outcomes = vec![Outcome::NotStarted; range.len()];
            outcomes[0] = Outcome::Failed {
                status: None,
                reason,
                output: String::new(),
            };
            return Ok(outcomes);
        }
        let why = if receipt.ended_by_deadline() {
            format!(
                "its time limit of {} s passed and it was ended",
                self.order.timeout_ms.div_ceil(1000)
            )
        } else {
            "it was interrupted on the host (a power cut, or it was killed)".to_owned()
        };
        Ok(receipt.outcomes(range, &why))
    }
}

pub(super) enum Followed {
    Complete,
    /// The shell ended before our program said a word.
    NeverBegan(HostError),
    Lost(String),
}

/// How long an order's connection has been gone.
pub(super) struct Lost<'a> {
    /// Some of it may have reached the host.
    pub sent: bool,
    pub why: String,
    since: Option<Instant>,
    limit: Duration,
    deadline: Instant,
    _work: std::marker::PhantomData<&'a ()>,
}

impl<'a> Lost<'a> {
    pub fn new(work: &Work<'a>) -> Self {
        let limit = Duration::from_secs(work.world.shared.settings.reconnect_s);
        Self {
            sent: false,
            why: String::new(),
            since: None,
            limit,
            deadline: work.deadline + GRACE,
            _work: std::marker::PhantomData,
        }
    }

    /// It is gone; `answered`: not before the host had answered this time.
    pub fn note(&mut self, why: String, answered: bool) {
        self.why = why;
        let now = Instant::now();
        self.since = if answered {
            Some(now)
        } else {
            self.since.or(Some(now))
        };
    }

    /// Whether it is time to stop trying.
    pub fn is_over(&self) -> bool {
        let now = Instant::now();
        now > self.deadline
            || self
                .since
                .is_some_and(|since| now.duration_since(since) > self.limit)
    }
}

/// The receipt as it comes in, told to whoever watches.
pub(super) struct Watch<'a> {
    pub receipt: Receipt,
    /// A record came over the present connection.
    pub seen: bool,
    progress: &'a UnboundedSender<Progress>,
    announced: BTreeSet<usize>,
    line: Vec<u8>,
}

impl<'a> Watch<'a> {
    pub fn new(progress: &'a UnboundedSender<Progress>) -> Self {
        Self {
            receipt: Receipt::default(),
            seen: false,
            progress,
            announced: BTreeSet::new(),
            line: Vec::new(),
        }
    }

    pub fn head(&mut self, head: &[String]) {
        self.flush();
        if let Some(at) = self.receipt.head(head)
            && self.announced.insert(at)
        {
            let _ = self.progress.send(Progress::Started(at));
        }
    }

    pub fn data(&mut self, data: &[u8]) {
        self.receipt.data(data);
        // Once the receipt is told there is nothing new in it.
        if self.receipt.status.is_some() || !self.receipt.shows_output() {
            return;
        }
        for byte in data {
            match byte {
                b'\n' => self.flush(),
                // A line longer than anybody reads is shown by its beginning.
                other if self.line.len() < 1024 => self.line.push(*other),
                _ => {}
            }
        }
    }

    fn flush(&mut self) {
        if !self.line.is_empty() {
            let _ = self
                .progress
                .send(Progress::Line(crate::text::line(&self.line)));
            self.line.clear();
        }
    }
}
