//! Who starts simulated runs: somebody who agrees to everything and is asked nothing.

use std::sync::Arc;

use runbook_run::{Options, stop_channel};
use tokio::sync::mpsc::unbounded_channel;

/// How a run is carried out; `repeat_unknown`: what no host can tell is done again.
pub(crate) fn options(repeat_unknown: bool) -> Options {
    let (_, stop) = stop_channel();
    let (events, _) = unbounded_channel();
    Options {
        operator: "operator@simulated".to_owned(),
        forks: 50,
        confirm: Arc::new(|_| true),
        events,
        stop,
        local_lock: None,
        repeat_unknown,
        saved: None,
        reached: None,
        ask_step: None,
    }
}
