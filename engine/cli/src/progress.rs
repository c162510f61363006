//! Shows a run while it goes on: folds its events and hands each to the chosen form.

use std::sync::{Arc, Mutex};

use runbook_model::event::{Event, StepEnd};
use runbook_model::plan::PlanItem;
use runbook_report::run::{
    Details, Live, Tracker, Verbosity, finished_step, json_line, plain_line, summary,
};
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
    details: Details,
    form: Form,
    again: String,
    /// A question stands on the terminal.
    asking: bool,
    /// Held while the live view is drawn.
    echo: Option<NoEcho>,
}

/// What is to be shown of a run, and how.
#[derive(Clone, Debug)]
pub struct Telling {
    /// The form asked for.
    pub output: Output,
    /// How much.
    pub verbosity: Verbosity,
    /// What ends the commands that are proposed at the end.
    pub again: String,
}

/// A view of a run, shared between the events' reader and whoever asks the operator.
#[derive(Clone)]
pub struct Progress(Arc<Mutex<Shown>>);

impl Progress {
    /// A view in the form asked for; a live one needs a terminal, and has no room for more than that.
    pub fn new(telling: Telling, environment: &Environment) -> Self {
        let Telling {
            output,
            verbosity,
            again,
        } = telling;
        let live = environment.stderr_is_terminal && verbosity == Verbosity::Usual;
        let form = match output {
            Output::Quiet => Form::Steps,
            Output::Human if live => Form::Live(Live::new(environment.stderr)),
            Output::Human | Output::Plain => Form::Plain,
            Output::Jsonl => Form::Jsonl,
        };
        let echo = matches!(form, Form::Live(_)).then(NoEcho::begin).flatten();
        Self(Arc::new(Mutex::new(Shown {
            echo,
            tracker: Tracker::default(),
            details: Details::new(verbosity),
            form,
            again,
            asking: false,
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
            shown.leave_question();
            shown.tell(at_ms, event);
            for line in shown.details.lines(at_ms, event, &shown.tracker) {
                eprintln!("{line}");
            }
        });
    }

    /// Asks for a confirmation while nothing is drawn, once the steps before it are shown: events come on a thread of their own.
    pub fn confirm<T>(&self, prompt: &str, question: impl FnOnce() -> T) -> T {
        let here = |item: &PlanItem| matches!(item, PlanItem::Confirm { prompt: p } if p == prompt);
        self.ask_at(here, |_| question())
    }

    /// Asks about a step, likewise; the question is given what is seen of the run.
    pub fn before_step<T>(&self, number: usize, question: impl FnOnce(&Tracker) -> T) -> T {
        let here = |item: &PlanItem| matches!(item, PlanItem::Step(s) if s.number == number);
        self.ask_at(here, question)
    }

    fn ask_at<T>(
        &self,
        here: impl Fn(&PlanItem) -> bool,
        question: impl FnOnce(&Tracker) -> T,
    ) -> T {
        for _ in 0..CATCHING_UP {
            if self.with(|shown| shown.tracker.reached(&here)) {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        // Nothing is held while the operator thinks: Ctrl-C must be seen, told and obeyed meanwhile.
        let seen = self.with(|shown| {
            shown.asking = true;
            if let Form::Live(live) = &shown.form {
                live.hide();
            }
            shown.tracker.clone()
        });
        let answer = question(&seen);
        self.with(|shown| {
            shown.asking = false;
            if let Form::Live(live) = &shown.form {
                live.draw_again();
            }
        });
        answer
    }

    /// Takes the view away and tells how it ended.
    pub fn finish(&self, now_ms: i64, style: Style) {
        self.with(|shown| {
            if let Form::Live(live) = &mut shown.form {
                live.finish();
            }
            shown.echo = None;
            shown.leave_question();
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

impl Shown {
    /// A question that nobody answers any more keeps its line.
    fn leave_question(&mut self) {
        if std::mem::take(&mut self.asking) {
            eprintln!();
        }
    }

    fn tell(&mut self, at_ms: i64, event: &Event) {
        match &mut self.form {
            Form::Live(live) => live.show(event, &self.tracker),
            Form::Plain => {
                if let Some(line) = plain_line(at_ms, event, &self.tracker) {
                    eprintln!("{line}");
                }
            }
            Form::Steps => {
                if let Event::StepEnded { step, end } = event
                    && *end != StepEnd::Skipped
                {
                    eprintln!("{}", finished_step(*step, *end, &self.tracker));
                }
            }
            Form::Jsonl => {
                if let Ok(line) = json_line(at_ms, event) {
                    println!("{line}");
                }
            }
        }
    }
}
