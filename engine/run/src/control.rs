//! The operator's wish to stop.

use tokio::sync::watch;

/// How urgently.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stop {
    /// Go on.
    #[default]
    No,
    /// Let running work end, begin nothing new.
    Finish,
    /// Stop at once; what runs is unknown from here.
    Now,
}

/// Asks a run to stop: the first Ctrl-C, then the second.
#[derive(Clone, Debug)]
pub struct StopSender(watch::Sender<Stop>);

/// What the run listens to.
#[derive(Clone, Debug)]
pub struct StopSignal(watch::Receiver<Stop>);

/// A run's stop signal.
pub fn stop_channel() -> (StopSender, StopSignal) {
    let (sender, receiver) = watch::channel(Stop::No);
    (StopSender(sender), StopSignal(receiver))
}

impl StopSender {
    /// Asks once more: first to finish, then to stop at once. Says what is asked now.
    pub fn request(&self) -> Stop {
        self.0.send_modify(|stop| {
            *stop = match *stop {
                Stop::No => Stop::Finish,
                Stop::Finish | Stop::Now => Stop::Now,
            };
        });
        *self.0.borrow()
    }
}

impl StopSignal {
    /// What is asked now.
    pub fn now(&self) -> Stop {
        *self.0.borrow()
    }

    /// Returns when at least this is asked; never, if nobody can ask any more.
    pub async fn at_least(&mut self, stop: Stop) {
        if self.0.wait_for(|s| *s >= stop).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
