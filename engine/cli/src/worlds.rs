//! The real world, and driving a run in it: events to the view, signals to the run.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use runbook_inventory::Inventory;
use runbook_model::event::{Event, Record};
use runbook_model::host::{Connection, HostName, MemberSpec};
use runbook_report::run::Verbosity;
use runbook_report::text::escape;
use runbook_run::{Finished, RunError, StopSignal, stop_channel};
use runbook_world::{Listener, RealWorld, Settings, preferred_cipher};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::args::ConnectionArgs;
use crate::command::Ended;
use crate::environment::Environment;
use crate::exit;
use crate::failure::Failure;
use crate::operator::ask_secret;
use crate::progress::{Progress, Telling};

/// What blocking work that nobody waits for any more is given to end by itself.
const LEFT_OVER: Duration = Duration::from_millis(500);

/// Runs a future to its end on a runtime of its own.
pub fn run(work: impl Future<Output = Ended>) -> Ended {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let ended = runtime.block_on(work);
    // Ctrl-C ends the run while a question is still being asked: nobody is to press Enter for it.
    runtime.shutdown_timeout(LEFT_OVER);
    ended
}

/// The real world with these connections. Nothing is contacted yet.
pub fn real(
    connections: BTreeMap<HostName, Connection>,
    members: BTreeMap<HostName, MemberSpec>,
    args: &ConnectionArgs,
    inventory: &Inventory,
    environment: &Environment,
) -> Result<Arc<RealWorld>, Failure> {
    let passwords = connections
        .iter()
        .filter(|(_, connection)| connection.r#become.is_some())
        .filter_map(|(host, _)| Some((host.clone(), inventory.become_password(host)?)));
    let passwords = passwords.collect();
    let mut settings = Settings::new(connections, environment.control_dir());
    settings.become_passwords = passwords;
    settings.forks = args.forks;
    settings.ciphers = preferred_cipher(&environment.home);
    settings.tools_file = Some(environment.state_dir.join("tools.json"));
    settings.members = members;
    settings.access = environment.access.clone();
    if Verbosity::of(args.verbose) == Verbosity::Connections {
        settings.listener = Some(Listener::new(|host, heard| {
            eprintln!("{}", escape(&format!("{host}: {heard}")));
        }));
    }
    if args.ask_become_pass {
        settings.become_password = Some(ask_secret("sudo password: ", environment)?);
    }
    Ok(Arc::new(RealWorld::new(settings)))
}

/// Starts a run and sees it through: shows its events, hands it the operator's wish to stop, tells how it ended.
pub async fn drive<F, Run>(
    telling: Telling,
    environment: &Environment,
    before: Vec<Record>,
    start: F,
) -> Ended
where
    F: FnOnce(UnboundedSender<(i64, Event)>, StopSignal, Progress) -> Run,
    Run: Future<Output = Result<Finished, RunError>>,
{
    let progress = Progress::new(telling, environment);
    for record in &before {
        progress.catch_up(record.at_ms, &record.event);
    }
    let (events, mut seen) = unbounded_channel::<(i64, Event)>();
    let (stop, signal) = stop_channel();
    let reader = tokio::spawn({
        let progress = progress.clone();
        async move {
            while let Some((at_ms, event)) = seen.recv().await {
                progress.show(at_ms, &event);
            }
        }
    });
    let signals = tokio::spawn(async move {
        let mut terminate =
            match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
                Ok(stream) => stream,
                Err(_) => return,
            };
        loop {
            tokio::select! {
                result = tokio::signal::ctrl_c() => if result.is_err() { return },
                _ = terminate.recv() => {}
            }
            stop.request();
        }
    });
    let finished = start(events, signal, progress.clone()).await;
    signals.abort();
    let _ = reader.await;
    progress.finish(jiff::Timestamp::now().as_millisecond(), environment.stderr);
    match finished {
        Ok(finished) => Ok(finished.end.exit_code()),
        Err(error @ (RunError::Over { .. } | RunError::Irreversible { .. } | RunError::Empty)) => {
            Err(Failure::say(exit::REFUSED, error, None))
        }
        Err(RunError::Journal(error)) => Err(Failure::journal(&error)),
        Err(error) => Err(Failure::say(exit::INTERNAL, error, None)),
    }
}
