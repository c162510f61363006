//! A part of an order on its way: its program sent, its records read, over as many connections as that takes.

use std::ops::Range;
use std::time::Duration;

use runbook_model::action::Outcome;
use runbook_model::facts::HostError;
use tokio::time::{Instant, timeout_at};

use super::apply::Work;
use super::receipt::broken;
use super::upload::Source;
use super::watch::Watch;
use crate::frame::{Frames, Piece};
use crate::transport::{Channel, Link, LinkError};

/// After the deadline: what ending a program and asking for its receipt may take.
const GRACE: Duration = Duration::from_secs(15);
/// Pause between tries to find a lost order again.
const PAUSE: Duration = Duration::from_millis(300);

/// How a program is talked to.
#[derive(Clone, Copy)]
pub(super) enum Talk<'a> {
    /// It runs by itself, and is followed.
    Follow,
    /// It reads these files.
    Send(&'a [Source]),
}

/// What came of a connection.
pub(super) enum Followed {
    Complete,
    /// The shell ended before our program said a word.
    NeverBegan(HostError),
    Lost(String),
}

impl Work<'_> {
    /// Sends a program until its receipt is told: a connection that is lost is made again, and the program finds what it did before.
    pub(super) async fn until_told(
        &self,
        range: Range<usize>,
        program: &str,
        talk: Talk<'_>,
        nonce: &str,
    ) -> Result<Vec<Outcome>, HostError> {
        let link = self.world.shared.link(self.host)?;
        let mut watch = Watch::new(self.progress);
        let mut lost = Lost::new(self);
        // A detached program is ended on the host and tells so; files end with their sender.
        let (limit, late) = match talk {
            Talk::Follow => (
                self.deadline + GRACE,
                "the host gave no answer after the time limit",
            ),
            Talk::Send(..) => (
                self.deadline,
                "its time limit passed while it was being sent",
            ),
        };
        loop {
            let started = match talk {
                Talk::Follow => link.run(program).await,
                Talk::Send(..) => link.run_with_input(program).await,
            };
            match started {
                Ok(channel) => {
                    lost.sent = true;
                    let talked = async {
                        match talk {
                            Talk::Follow => self.follow(&link, channel, nonce, &mut watch).await,
                            Talk::Send(sources) => {
                                self.converse(channel, nonce, sources, &mut watch).await
                            }
                        }
                    };
                    match timeout_at(limit, talked).await {
                        Ok(Followed::Complete) => return self.concluded(&watch.receipt, range),
                        Ok(Followed::NeverBegan(error)) => return Err(error),
                        Ok(Followed::Lost(why)) => lost.note(why, watch.seen),
                        Err(_) => return Ok(watch.receipt.outcomes(range, late)),
                    }
                }
                Err(LinkError::NotSent(error)) if !lost.sent => return Err(error),
                Err(error) => {
                    lost.sent |= matches!(error, LinkError::Lost(_));
                    lost.note(error.to_string(), false);
                }
            }
            if lost.is_over() {
                let why = format!(
                    "the connection was lost and did not come back: {}",
                    lost.why
                );
                return Ok(watch.receipt.outcomes(range, &why));
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
                        drop(frames);
                        link.give_back(channel);
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
        if !watch.seen && (refused || channel.has_refused().await) {
            return Followed::NeverBegan(error);
        }
        Followed::Lost(error.to_string())
    }
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
