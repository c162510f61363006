//! Shows a run while it goes on: folds its events and hands each to the chosen form.

use std::sync::{Arc, Mutex};

use runbook_model::event::{Event, StepEnd};
use runbook_report::run::{Live, Tracker, finished_step, json_line, plain_line, summary};
use runbook_report::style::Style;

use crate::args::Output;
use crate::environment::Environment;
use crate::terminal::NoEcho;

/// Looks, 5 ms apart, for the steps before a question to be shown.
const CATCHING_UP: usize = 100;

enum Form {
    Live(Live),
    Plain,
    Steps,
    Jsonl,
}

struct Shown {
    tracker: Tracker,
    form: Form,
    again: String,
    /// Held while the live view is drawn.
    echo: Option<NoEcho>,
}

/// A view of a run, shared between the events' reader and whoever asks the operator.
#[derive(Clone)]
pub struct Progress(Arc<Mutex<Shown>>);

impl Progress {
    /// A view in the form asked for; a live one needs a terminal. `again` ends the commands that are proposed at the end.
    pub fn new(output: Output, again: String, environment: &Environment) -> Self {
        let form = match output {
            Output::Quiet => Form::Steps,
            Output::Human if environment.stderr_is_terminal => {
                Form::Live(Live::new(environment.stderr))
            }
            Output::Human | Output::Plain => Form::Plain,
            Output::Jsonl => Form::Jsonl,
        };
        let echo = matches!(form, Form::Live(_)).then(NoEcho::begin).flatten();
        Self(Arc::new(Mutex::new(Shown {
            echo,
            tracker: Tracker::default(),
            form,
            again,
        })))
    }

    /// Takes in events that were shown before (a resumed run's).
    pub fn catch_up(&self, at_ms: i64, event: &Event) {
        self.with(|shown| shown.tracker.apply(at_ms, event));
    }

    /// Takes in and shows an event.
    pub fn show(&self, at_ms: i64, event: &Event) {
        self.with(|shown| {
            shown.tracker.apply(at_ms, event);
            match &mut shown.form {
                Form::Live(live) => live.show(event, &shown.tracker),
                Form::Plain => {
                    if let Some(line) = plain_line(at_ms, event, &shown.tracker) {
                        eprintln!("{line}");
                    }
                }
                Form::Steps => {
                    if let Event::StepEnded { step, end } = event
                        && *end != StepEnd::Skipped
                    {
                        eprintln!("{}", finished_step(*step, *end, &shown.tracker));
                    }
                }
                Form::Jsonl => {
                    if let Ok(line) = json_line(at_ms, event) {
                        println!("{line}");
                    }
                }
            }
        });
    }

    /// Asks for a confirmation while nothing is drawn, once the steps before it are shown: events come on a thread of their own.
    pub fn confirm<T>(&self, prompt: &str, question: impl FnOnce() -> T) -> T {
        for _ in 0..CATCHING_UP {
            if self.with(|shown| shown.tracker.reached(prompt)) {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        self.ask(question)
    }

    /// Asks something while nothing is drawn.
    fn ask<T>(&self, question: impl FnOnce() -> T) -> T {
        self.with(|shown| match &shown.form {
            Form::Live(live) => live.suspend(question),
            Form::Plain | Form::Steps | Form::Jsonl => question(),
        })
    }

    /// Takes the view away and tells how it ended.
    pub fn finish(&self, now_ms: i64, style: Style) {
        self.with(|shown| {
            if let Form::Live(live) = &mut shown.form {
                live.finish();
            }
            shown.echo = None;
            eprint!("{}", summary(&shown.tracker, now_ms, style, &shown.again));
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut Shown) -> T) -> T {
        // A panic elsewhere must not take the operator's view away.
        let mut shown = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        act(&mut shown)
    }
}
