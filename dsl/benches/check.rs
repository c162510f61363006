//! How long `check` and `format` take. `cargo bench -p runbook-dsl`.
//!
//! Target: 30 ms for a runbook of 1,000 steps.

#![allow(clippy::expect_used, missing_docs)]

use std::time::Duration;

use runbook_dsl::checked::SourceText;
use runbook_dsl::{LoadError, Loader, check, format, parse};

#[path = "../tests/common/mod.rs"]
mod common;

struct Nothing;

impl Loader for Nothing {
    fn template(&self, _: &str) -> Result<SourceText, LoadError> {
        Err(LoadError::NotFound {
            looked_in: Vec::new(),
        })
    }

    fn import(&self, _: &str, _: &str) -> Result<SourceText, LoadError> {
        Err(LoadError::NotFound {
            looked_in: Vec::new(),
        })
    }
}

/// Time that this thread has had a processor: a busy machine does not change it much.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    let nanoseconds = stat.split(' ').next().and_then(|n| n.parse().ok());
    Duration::from_nanos(nanoseconds.expect("a number"))
}

fn median(mut run: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..15)
        .map(|_| {
            let start = processor_time();
            run();
            processor_time().saturating_sub(start)
        })
        .collect();
    times.sort();
    times[times.len() / 2]
}

fn main() {
    for steps in [100, 1_000] {
        let text = common::runbook_of(steps);
        let source = SourceText {
            name: "generated".to_owned(),
            text: text.clone(),
        };
        let parsing = median(|| drop(parse(&text).expect("parses")));
        let checking = median(|| drop(check(source.clone(), &Nothing).expect("checks")));
        let formatting = median(|| drop(format(&text).expect("formats")));
        println!(
            "{steps} steps, {} KiB: parse {parsing:?}, check {checking:?}, format {formatting:?}",
            text.len() / 1024
        );
    }
}
