//! The live view on a terminal: a line a finished step, a lane a host of the running one, a quorum meter at the foot.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use runbook_model::event::Event;
use runbook_model::host::HostName;
use runbook_model::units::{bytes, duration};

use super::plain::step_end;
use super::tracker::{HostView, Tracker};
use crate::plan::quorum_words;
use crate::style::Style;
use crate::text::{escape, one_line, pad};

/// Draws on standard error.
pub struct Live {
    bars: MultiProgress,
    lanes: BTreeMap<HostName, ProgressBar>,
    foot: ProgressBar,
    style: Style,
}

impl Live {
    /// An empty view.
    pub fn new(style: Style) -> Self {
        let bars = MultiProgress::new();
        let foot = bars.add(ProgressBar::new_spinner());
        foot.set_style(line_style("{spinner} {wide_msg}"));
        foot.enable_steady_tick(Duration::from_millis(120));
        Self {
            bars,
            lanes: BTreeMap::new(),
            foot,
            style,
        }
    }

    /// Shows an event that `tracker` has taken in.
    pub fn show(&mut self, event: &Event, tracker: &Tracker) {
        match event {
            Event::StepStarted { step } => self.open(*step, tracker),
            Event::WorkIntended { step, host, .. } => self.lane(*step, host, tracker),
            Event::ActionStarted { step, host, .. } | Event::Output { step, host, .. } => {
                self.lane(*step, host, tracker);
            }
            Event::WorkEnded { step, host, .. } | Event::HostSkipped { step, host, .. } => {
                self.lane(*step, host, tracker);
                if let Some(bar) = self.lanes.get(host) {
                    bar.disable_steady_tick();
                }
            }
            Event::StepEnded { step, end } => self.close(*step, step_end(*end), tracker),
            Event::GuardChecked {
                text,
                verdict,
                overridden,
                ..
            } if !verdict.holds() => {
                let word = if overridden.is_some() {
                    "overridden"
                } else {
                    "does not hold"
                };
                self.print(&format!(
                    "  guard {} {word}: {}",
                    escape(text),
                    one_line(verdict.text(), 200)
                ));
            }
            Event::RollbackStarted { reason } => {
                self.print(&self.style.bad(format!("rolling back: {}", escape(reason))));
            }
            Event::StopRequested => self.print(
                &self
                    .style
                    .warn("stopping: running work ends, nothing new starts"),
            ),
            _ => {}
        }
        if let Some(seen) = tracker.quorum {
            let cluster = tracker
                .plan
                .as_ref()
                .map(|p| escape(&p.cluster))
                .unwrap_or_default();
            self.foot
                .set_message(format!("{cluster}  {}", quorum_words(seen)));
        }
    }

    /// Takes the view away.
    pub fn finish(&mut self) {
        self.foot.finish_and_clear();
        for bar in self.lanes.values() {
            bar.finish_and_clear();
        }
        let _ = self.bars.clear();
    }

    /// Runs `ask` while nothing is drawn.
    pub fn suspend<T>(&self, ask: impl FnOnce() -> T) -> T {
        self.bars.suspend(ask)
    }

    fn print(&self, line: &str) {
        let _ = self.bars.println(line);
    }

    fn open(&mut self, step: usize, tracker: &Tracker) {
        for (_, bar) in std::mem::take(&mut self.lanes) {
            bar.finish_and_clear();
        }
        let all = tracker.plan.as_ref().map_or(0, |plan| plan.steps().count());
        self.foot
            .set_message(format!("{step}/{all} {}", escape(&tracker.title(step))));
    }

    fn lane(&mut self, step: usize, host: &HostName, tracker: &Tracker) {
        let Some(view) = tracker.steps.get(&step).and_then(|s| s.hosts.get(host)) else {
            return;
        };
        let bar = self.lanes.entry(host.clone()).or_insert_with(|| {
            let bar = self
                .bars
                .insert_before(&self.foot, ProgressBar::new_spinner());
            bar.set_style(line_style("    {spinner} {elapsed:>4} {wide_msg}"));
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        bar.set_message(format!(
            "{}  {}",
            pad(host.as_str(), 12),
            lane_text(step, host, view, tracker)
        ));
    }

    fn close(&mut self, step: usize, end: &str, tracker: &Tracker) {
        let now = tracker.steps.get(&step);
        let took = now.map_or(0, |s| {
            s.hosts.values().map(|h| h.took_ms).max().unwrap_or(0)
        });
        for (_, bar) in std::mem::take(&mut self.lanes) {
            bar.finish_and_clear();
        }
        let title = pad(&escape(&tracker.title(step)), 40);
        let text = format!("{step:>3}. {title} {end}");
        let text = if end.contains(|c: char| c.is_ascii_uppercase()) {
            self.style.bad(text)
        } else {
            text
        };
        self.print(&format!("{text} {}", self.style.dim(duration(took))));
    }
}

fn lane_text(step: usize, host: &HostName, view: &HostView, tracker: &Tracker) -> String {
    if let Some(reason) = &view.skipped {
        return format!("left out: {}", escape(reason));
    }
    if let Some((done, all)) = view.transfer {
        return format!("{} of {}", bytes(done), bytes(all));
    }
    let summary = tracker
        .planned(step)
        .and_then(|s| s.work.iter().find(|w| &w.host == host))
        .and_then(|w| w.actions.get(view.action))
        .map(|a| escape(&a.summary))
        .unwrap_or_default();
    match &view.outcomes {
        Some(_) if view.failure().is_some() => "FAILED".to_owned(),
        Some(_) => format!("done in {}", duration(view.took_ms)),
        None if view.line.is_empty() => summary,
        None => format!("{summary}  {}", one_line(&view.line, 60)),
    }
}

/// INVARIANT: the templates are constants of this file and parse.
fn line_style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}
