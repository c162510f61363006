//! The live view on a terminal: a line a finished step, a lane a host of the running one, a quorum meter at the foot.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use runbook_model::event::{Event, StepEnd};
use runbook_model::host::HostName;
use runbook_model::units::{bytes, duration};

use super::plain::finished_step;
use super::tracker::{HostView, Tracker};
use crate::plan::quorum_words;
use crate::style::Style;
use crate::text::{escape, one_line, pad, wrap};

/// A view that is drawn again as events come in.
pub struct Live {
    bars: MultiProgress,
    current: ProgressBar,
    lanes: BTreeMap<HostName, ProgressBar>,
    foot: ProgressBar,
    style: Style,
}

impl Live {
    /// An empty view on standard error.
    pub fn new(style: Style) -> Self {
        Self::on(MultiProgress::new(), style)
    }

    /// An empty view wherever these bars are drawn.
    pub fn on(bars: MultiProgress, style: Style) -> Self {
        let current = bars.add(ProgressBar::new_spinner());
        current.set_style(line_style("{wide_msg}"));
        let foot = bars.add(ProgressBar::new_spinner());
        foot.set_style(line_style("{spinner} {wide_msg}"));
        foot.enable_steady_tick(TICK);
        Self {
            bars,
            current,
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
            Event::StepEnded { step, end } => self.close(*step, *end, tracker),
            Event::GuardChecked {
                step,
                text,
                verdict,
                overridden,
                ..
            } if !verdict.holds() => {
                let planned = tracker.guard(*step, text);
                let waits = planned.is_some_and(|g| g.within_ms.is_some());
                let text = format!("{}: {}", escape(text), one_line(verdict.text(), 200));
                if waits {
                    // It has time to come true: no news for the list.
                    self.current.set_message(format!("     waiting for {text}"));
                } else if overridden.is_some() {
                    self.print(&self.style.warn(format!("     overridden: {text}")));
                } else {
                    self.print(&self.style.bad(format!("     does not hold: {text}")));
                }
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
        self.foot.set_message(foot(tracker, self.style));
    }

    /// Takes the view away.
    pub fn finish(&mut self) {
        self.foot.finish_and_clear();
        self.current.finish_and_clear();
        for bar in self.lanes.values() {
            bar.finish_and_clear();
        }
        let _ = self.bars.clear();
    }

    /// Draws nothing until [`Self::draw_again`]: a question stands on the terminal.
    pub fn hide(&self) {
        let _ = self.bars.clear();
        self.bars.set_draw_target(ProgressDrawTarget::hidden());
    }

    /// Draws on standard error from here on.
    pub fn draw_again(&self) {
        self.bars.set_draw_target(ProgressDrawTarget::stderr());
    }

    fn print(&self, line: &str) {
        let _ = self.bars.println(wrap(line, self.style.width, "     "));
    }

    fn open(&mut self, step: usize, tracker: &Tracker) {
        for (_, bar) in std::mem::take(&mut self.lanes) {
            bar.finish_and_clear();
        }
        let limit = tracker.planned(step).map(|s| duration(s.timeout_ms));
        let title = self.style.bold(one_line(&tracker.title(step), 44));
        let limit = self
            .style
            .dim(format!("at most {}", limit.unwrap_or_default()));
        self.current
            .set_message(format!("{step:>3}. {title}  {limit}"));
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
            bar.enable_steady_tick(TICK);
            bar
        });
        bar.set_message(format!(
            "{}  {}",
            pad(
                &one_line(host.as_str(), LONGEST_NAME),
                name_width(step, tracker)
            ),
            lane_text(step, host, view, tracker)
        ));
    }

    fn close(&mut self, step: usize, end: StepEnd, tracker: &Tracker) {
        for (_, bar) in std::mem::take(&mut self.lanes) {
            bar.finish_and_clear();
        }
        self.current.set_message(String::new());
        let text = finished_step(step, end, tracker);
        self.print(&match end {
            StepEnd::Unchanged | StepEnd::Changed => text,
            StepEnd::Skipped => self.style.dim(text),
            StepEnd::Interrupted => self.style.warn(text),
            _ => self.style.bad(text),
        });
    }
}

/// How often spinners turn.
const TICK: Duration = Duration::from_millis(200);
/// Columns of a lane that a host's name may take.
const LONGEST_NAME: usize = 24;

/// `demo  3/3 healthy, can lose 1  step 4/9`.
fn foot(tracker: &Tracker, style: Style) -> String {
    let cluster = tracker
        .plan
        .as_ref()
        .map(|p| escape(&p.cluster))
        .unwrap_or_default();
    let mut text = style.bold(cluster);
    if let Some(seen) = tracker.quorum {
        let words = quorum_words(seen);
        text += &format!(
            "  {}",
            if seen.holds() {
                style.good(words)
            } else {
                style.bad(words)
            }
        );
    }
    if let Some(step) = tracker.steps.keys().next_back() {
        text += &style.dim(format!("  step {step} of {}", tracker.step_count()));
    }
    if tracker.rolling_back {
        text += &style.warn("  rolling back");
    }
    text
}

fn name_width(step: usize, tracker: &Tracker) -> usize {
    let names = tracker.planned(step).into_iter().flat_map(|s| &s.work);
    let widest = names
        .map(|w| console::measure_text_width(w.host.as_str()))
        .max();
    widest.unwrap_or(0).min(LONGEST_NAME)
}

fn lane_text(step: usize, host: &HostName, view: &HostView, tracker: &Tracker) -> String {
    if let Some(reason) = &view.skipped {
        return format!("left out: {}", escape(reason));
    }
    if let Some((done, all)) = view.transfer {
        return transfer(done, all, view.seen_ms - view.transfer_since_ms);
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

/// `12.0 MiB of 80.0 MiB, 40.0 MiB/s, 1.7 s left`.
fn transfer(done: u64, all: u64, took_ms: i64) -> String {
    let mut text = format!("{} of {}", bytes(done), bytes(all));
    let took = u64::try_from(took_ms).unwrap_or(0);
    if took > 0 && done > 0 {
        let rate = done.saturating_mul(1000) / took;
        let left = all.saturating_sub(done).saturating_mul(1000) / rate.max(1);
        text += &format!(", {}/s, {} left", bytes(rate), duration(left));
    }
    text
}

/// INVARIANT: the templates are constants of this file and parse.
fn line_style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

#[cfg(test)]
mod tests {
    use super::transfer;

    #[test]
    fn a_transfer_tells_rate_and_time_left() {
        assert_eq!(transfer(0, 1 << 20, 0), "0 B of 1.0 MiB");
        assert_eq!(
            transfer(12 << 20, 80 << 20, 300),
            "12.0 MiB of 80.0 MiB, 40.0 MiB/s, 1.7 s left"
        );
    }
}
