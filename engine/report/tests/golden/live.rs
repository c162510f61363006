//! The live view, drawn on a terminal in memory.

use indicatif::{InMemoryTerm, MultiProgress, ProgressDrawTarget};
use insta::assert_snapshot;
use runbook_model::event::{Event, StepEnd};
use runbook_report::run::{Live, Tracker};
use runbook_report::style::Style;

use crate::support::{Line, host, recorded, starts};

/// A terminal of this width, with the view that draws on it.
struct Window {
    term: InMemoryTerm,
    live: Live,
    tracker: Tracker,
    width: u16,
}

impl Window {
    fn of(width: u16) -> Self {
        let term = InMemoryTerm::new(40, width);
        let target = ProgressDrawTarget::term_like(Box::new(term.clone()));
        let style = Style {
            colour: false,
            width: usize::from(width),
        };
        Self {
            live: Live::on(MultiProgress::with_draw_target(target), style),
            tracker: Tracker::default(),
            term,
            width,
        }
    }

    fn show(&mut self, events: impl IntoIterator<Item = Line>) {
        for line in events {
            self.tracker.apply(line.at_ms, &line.event);
            self.live.show(&line.event, &self.tracker);
            for drawn in self.term.contents().lines() {
                let columns = console::measure_text_width(drawn);
                assert!(columns <= usize::from(self.width), "{columns}: {drawn}");
            }
        }
    }

    /// What is seen; spinners turn by a clock, so any of their signs is `*`.
    fn seen(&self) -> String {
        let turned = |c: char| {
            if ('\u{2800}'..='\u{28ff}').contains(&c) {
                '*'
            } else {
                c
            }
        };
        self.term.contents().chars().map(turned).collect()
    }
}

/// The recorded restore up to the work of a step, and `more` in the middle of it.
fn within(step: usize, more: Vec<Event>) -> Vec<Line> {
    let whole = recorded("restore");
    let begun = whole.iter().position(|l| starts(step)(&l.event)).unwrap();
    let intended = |l: &Line| matches!(l.event, Event::WorkIntended { .. });
    let mut lines: Vec<Line> = Vec::new();
    for (at, line) in whole.into_iter().enumerate() {
        if at > begun
            && !intended(&line)
            && !matches!(
                line.event,
                Event::GuardChecked { .. } | Event::Output { .. }
            )
        {
            break;
        }
        lines.push(line);
    }
    let at_ms = lines.last().unwrap().at_ms;
    lines.extend(more.into_iter().map(|event| Line { at_ms, event }));
    lines
}

fn output(step: usize, name: &str, line: &str, transfer: Option<(u64, u64)>) -> Event {
    Event::Output {
        step,
        host: host(name),
        line: line.to_owned(),
        transfer,
    }
}

#[test]
fn a_lane_a_host_under_the_steps_that_are_over() {
    for width in [80, 200] {
        let mut window = Window::of(width);
        window.show(within(
            6,
            vec![
                output(6, "etcd1", "restored snapshot", None),
                output(
                    6,
                    "etcd2",
                    &"a line much longer than the window is wide ".repeat(9),
                    None,
                ),
            ],
        ));
        assert_snapshot!(format!("lanes_{width}"), window.seen());
    }
}

#[test]
fn an_upload_tells_how_far_it_is() {
    let mut window = Window::of(80);
    window.show(within(
        1,
        vec![output(1, "etcd1", "", Some((12 << 20, 80 << 20)))],
    ));
    assert_snapshot!(window.seen());
}

#[test]
fn names_and_output_in_cjk_keep_to_the_window() {
    let mut window = Window::of(80);
    let wide = "漢字の長い行が端末の幅を超えて続く".repeat(6);
    window.show(within(6, vec![output(6, "etcd1", &wide, None)]));
    assert!(window.seen().contains('漢'));
}

#[test]
fn a_wish_to_stop_is_told_and_nothing_stays_behind() {
    let mut window = Window::of(80);
    window.show(within(6, vec![Event::StopRequested]));
    let at_ms = 0;
    window.show([Line {
        at_ms,
        event: Event::StepEnded {
            step: 6,
            end: StepEnd::Interrupted,
        },
    }]);
    window.live.finish();
    assert_snapshot!(window.seen());
}
