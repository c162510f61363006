//! One order, pursued until its end is known or cannot be: sent, asked after, sent again only when its host never had it.

use std::sync::Arc;

use runbook_model::action::Outcome;
use runbook_model::event::Event;
use runbook_model::facts::HostError;
use runbook_model::host::HostName;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;

use crate::world::{Order, Progress, Receipt, World};

/// Milliseconds that a host's own deadline is given to be heard of before the order counts as unknown.
const GRACE_MS: u64 = 30_000;
/// Milliseconds between looks at an order that still runs after its connection was lost.
const LOOK_MS: u64 = 500;
/// Milliseconds before each try to ask a host after an order.
const ASK_MS: [u64; 4] = [0, 1_000, 3_000, 10_000];
/// How often an order that never reached its host is sent again.
const RESENDS: u32 = 2;

/// How an order came to its end.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Ended {
    /// The host told, or told that it does not know.
    Told(Vec<Outcome>),
    /// It was sent, or is said to have been, and the host never began it.
    Never,
    /// The host could not be reached; nothing was begun.
    NotReached(HostError),
    /// It may have been begun, and the host cannot be asked.
    Silent(HostError),
}

/// What to do about an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Send it.
    Send,
    /// It may have been sent before: ask after it, never send it.
    Follow,
}

/// An order's end, and how long it took.
pub(super) struct Answer {
    pub(super) host: HostName,
    pub(super) ended: Ended,
    pub(super) took_ms: u64,
}

pub(super) async fn pursue<W: World>(
    world: Arc<W>,
    host: HostName,
    order: Order,
    mode: Mode,
    events: UnboundedSender<(i64, Event)>,
) -> Answer {
    let started = Instant::now();
    let ended = match mode {
        Mode::Follow => follow(&*world, &host, &order).await,
        Mode::Send => send(&world, &host, &order, &events).await,
    };
    Answer {
        host,
        ended,
        took_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    }
}

async fn send<W: World>(
    world: &Arc<W>,
    host: &HostName,
    order: &Order,
    events: &UnboundedSender<(i64, Event)>,
) -> Ended {
    for _ in 0..=RESENDS {
        let ended = match apply(world, host, order, events).await {
            Err(error) => return Ended::NotReached(error),
            Ok(outcomes) if is_unknown(&outcomes) => follow(&**world, host, order).await,
            Ok(outcomes) => return Ended::Told(complete(order, outcomes)),
        };
        if ended != Ended::Never {
            return ended;
        }
    }
    Ended::Never
}

async fn apply<W: World>(
    world: &Arc<W>,
    host: &HostName,
    order: &Order,
    events: &UnboundedSender<(i64, Event)>,
) -> Result<Vec<Outcome>, HostError> {
    let (sender, receiver) = unbounded_channel();
    let shown = tokio::spawn(show(
        world.clone(),
        host.clone(),
        order.step,
        receiver,
        events.clone(),
    ));
    let ended = tokio::select! {
        ended = world.apply(host, order.clone(), sender) => ended,
        () = world.sleep(order.timeout_ms.saturating_add(GRACE_MS)) => {
            Ok(unknown(order, "no answer came within its time limit"))
        }
    };
    // All of its output comes before its end.
    let _ = shown.await;
    ended
}

/// Asks after an order until it is over, at most for its own time limit; a silent host is asked a few times.
async fn follow<W: World>(world: &W, host: &HostName, order: &Order) -> Ended {
    let limit = u128::from(order.timeout_ms);
    let started = Instant::now();
    let mut pauses = ASK_MS.into_iter();
    let mut last = None;
    loop {
        match world.receipt(host, order).await {
            Ok(Receipt::Never) => return Ended::Never,
            Ok(Receipt::Ended(outcomes)) => return Ended::Told(complete(order, outcomes)),
            Ok(Receipt::Running) if started.elapsed().as_millis() >= limit => {
                return Ended::Told(unknown(order, "it still runs after its time limit"));
            }
            Ok(Receipt::Running) => world.sleep(LOOK_MS).await,
            Err(error) => {
                let Some(pause) = pauses.next() else {
                    return Ended::Silent(last.unwrap_or(error));
                };
                last = Some(error);
                world.sleep(pause).await;
            }
        }
    }
}

async fn show<W: World>(
    world: Arc<W>,
    host: HostName,
    step: usize,
    mut seen: UnboundedReceiver<Progress>,
    events: UnboundedSender<(i64, Event)>,
) {
    while let Some(progress) = seen.recv().await {
        let host = host.clone();
        let output = |line, transfer| Event::Output {
            step,
            host: host.clone(),
            line,
            transfer,
        };
        let event = match progress {
            Progress::Started(action) => Event::ActionStarted { step, host, action },
            Progress::Line(line) => output(line.chars().take(200).collect(), None),
            Progress::Transfer(done, all) => output(String::new(), Some((done, all))),
        };
        let _ = events.send((world.now_ms(), event));
    }
}

fn is_unknown(outcomes: &[Outcome]) -> bool {
    outcomes
        .iter()
        .any(|o| matches!(o, Outcome::Unknown { .. }))
}

/// An order of which nothing is known.
pub(super) fn unknown(order: &Order, reason: &str) -> Vec<Outcome> {
    let reason = reason.to_owned();
    vec![Outcome::Unknown { reason }; order.actions.len().max(1)]
}

/// One outcome an action, whatever the world said: what it left out was not started after a failure, and is unknown otherwise.
pub(super) fn complete(order: &Order, mut outcomes: Vec<Outcome>) -> Vec<Outcome> {
    let stopped = outcomes.iter().any(|o| !matches!(o, Outcome::Done { .. }));
    let rest = if stopped {
        Outcome::NotStarted
    } else {
        Outcome::Unknown {
            reason: "no outcome was reported".to_owned(),
        }
    };
    if outcomes.len() < order.actions.len() {
        outcomes.resize(order.actions.len(), rest);
    }
    outcomes
}
