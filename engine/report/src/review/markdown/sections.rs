//! The parts of the page, each within its room.

use super::safe::cell;
use super::{Piece, code, fenced, fit, html, paragraph, prose};
use crate::review::{
    DiffRow, Entry, Fact, GuardRow, LineRow, QuorumRow, Review, Seen, StepRow, Tone,
};
use crate::text::{escape, one_line, pad};

/// What the parts are made of.
pub(super) struct Part<'a> {
    pub(super) review: &'a Review,
    /// Where everything is.
    pub(super) data: &'a str,
    /// Room left for diffs.
    pub(super) diffs: usize,
}

impl Part<'_> {
    /// A part under its title; nothing where there are no pieces.
    fn part(&self, title: &str, what: &str, pieces: Vec<Piece>, room: usize) -> String {
        if pieces.is_empty() {
            return String::new();
        }
        let data = self.data;
        let rest = |n: usize| format!("\n**{n} {what} not shown here**: {data}.\n");
        let body = fit(pieces, room, rest).text;
        format!("\n{title}{}\n", body.trim_end())
    }

    /// Verdict, reasons, facts, warnings.
    pub(super) fn head(&self, room: usize) -> String {
        let review = self.review;
        let verdict = &review.verdict;
        let mut out = format!(
            "## {}: {} on cluster {}\n\n**{}**\n\n{}\n",
            verdict.word.to_uppercase(),
            code(&review.runbook),
            code(&review.cluster),
            prose(&verdict.sentence),
            paragraph(&review.about)
        );
        let reasons: Vec<Piece> = verdict
            .reasons
            .iter()
            .map(|reason| {
                let mut text = format!("> - {}: {}\n", code(&reason.what), prose(&reason.seen));
                for help in &reason.help {
                    text += &format!(">   - {}\n", prose(help));
                }
                text.into()
            })
            .collect();
        out += &self.part("> Refused now by\n", "reasons", reasons, room / 2);
        let facts = |facts: &[Fact]| -> Vec<Piece> {
            let row = |f: &Fact| format!("| {} | {} |\n", prose(&f.label), cell(&f.value)).into();
            facts.iter().map(row).collect()
        };
        out += &self.part(
            "| | |\n|---|---|\n",
            "facts",
            facts(&review.facts),
            room / 4,
        );
        let warning = |text: &String| format!("> **Warning:** {}\n\n", prose(text)).into();
        let warnings = review.warnings.iter().map(warning).collect();
        out + &self.part("", "warnings", warnings, room / 4)
    }

    /// What failed, of a run.
    pub(super) fn failures(&self, room: usize) -> String {
        let pieces = self.review.failures.iter().map(|failure| {
            let place = failure.place.iter().map(|p| format!(" ({})", code(p)));
            let mut text = format!(
                "- {} **{}** on {}: {}{}\n",
                code(&failure.what),
                failure.word,
                prose(&failure.on),
                prose(&failure.reason),
                place.collect::<String>()
            );
            for output in failure.outputs.iter().take(2) {
                let end: Vec<_> = output.value.lines().rev().take(10).collect();
                let end: Vec<_> = end.into_iter().rev().map(|l| one_line(l, 160)).collect();
                text += &folded(
                    &format!("output on {}", output.label),
                    "text",
                    &end.join("\n"),
                );
            }
            text.into()
        });
        self.part("### What failed\n\n", "failures", pieces.collect(), room)
    }

    /// What was left, of a run.
    pub(super) fn left(&self, room: usize) -> String {
        let row = |f: &Fact| format!("- **{}:** {}\n", f.label, value(&f.label, &f.value)).into();
        let pieces = self.review.left.iter().map(row).collect();
        self.part("### What was left\n\n", "lines", pieces, room)
    }

    /// What cannot be undone, destroys or interrupts.
    pub(super) fn risks(&self, room: usize) -> String {
        let pieces = self.review.risks.iter().map(|risk| {
            let title = match risk.tone {
                Tone::Bad => format!("**{}**", prose(&risk.title)),
                _ => prose(&risk.title),
            };
            format!("- {title}: {}\n", prose(&risk.text)).into()
        });
        let title = "### What cannot be undone, replaces data or interrupts\n\n";
        self.part(title, "of these", pieces.collect(), room)
    }

    /// Every guard with what was observed.
    pub(super) fn guards(&self, room: usize) -> String {
        let pieces = self.review.guards.iter().map(|g| guard(g).into());
        let title = "### Guards\n\n| when | guard | verdict | observed |\n|---|---|---|---|\n";
        self.part(title, "guards", pieces.collect(), room)
    }

    /// The picture of the quorum.
    pub(super) fn quorum(&self, room: usize) -> String {
        let rows = &self.review.quorum;
        if rows.is_empty() {
            return String::new();
        }
        let wide = rows.iter().map(dots_wide).max().unwrap_or(0).max(6);
        let head = format!(
            "{}  {}  {}  after\n",
            pad("step", 36),
            pad("before", wide),
            pad("during", wide)
        );
        let data = self.data;
        let rest = |n: usize| format!("{n} lines not shown here: {data}\n");
        let lines = rows.iter().map(|row| picture(row, wide).into()).collect();
        let body = head + &fit(lines, room, rest).text;
        format!(
            "\n### Quorum before, during and after each step\n\n{}",
            fenced("text", &body, "")
        )
    }

    /// Which host changes where.
    pub(super) fn hosts(&self, room: usize) -> String {
        let pieces = self.review.hosts.iter().map(|host| {
            let at = if host.at.is_empty() { "none" } else { &host.at };
            format!(
                "| {} | {} | {} | {at} |\n",
                cell(&host.host),
                host.changes,
                host.unknown
            )
            .into()
        });
        let title = "### Changes by host\n\n| host | changes | not known before | in steps |\n|---|---|---|---|\n";
        self.part(title, "hosts", pieces.collect(), room)
    }

    /// The steps, diffs folded.
    pub(super) fn steps(&mut self, room: usize) -> String {
        let review = self.review;
        let count = review.entries.len().max(1);
        let each = if room == usize::MAX {
            room
        } else {
            (room / count).max(500)
        };
        let pieces = review
            .entries
            .iter()
            .map(|entry| match entry {
                Entry::Step(step) => self.step(step, each),
                Entry::Mark { title, text, .. } if text.is_empty() => {
                    format!("**{title}**\n\n").into()
                }
                Entry::Mark { title, text, .. } => {
                    format!("**{title}:** {}\n\n", prose(text)).into()
                }
            })
            .collect();
        let title = "### Steps\n\n`~` changes, `=` already so, `.` reads only, `?` not known before the run, `!` opaque shell\n\n";
        self.part(title, "steps", pieces, room)
    }

    fn step(&mut self, step: &StepRow, room: usize) -> Piece {
        let mut head = format!("{}\\. **{}**", step.number, prose(&step.title));
        if let Some(ended) = &step.ended {
            let took = ended.took.iter().map(|t| format!(" in {t}"));
            head += &format!(": {}{}", ended.word, took.collect::<String>());
            if !ended.hosts.is_empty() {
                head += &format!(" ({})", prose(&ended.hosts));
            }
        }
        if let Some(reason) = &step.skipped {
            return format!("{head}, left out: {}\n\n", prose(reason)).into();
        }
        head += &format!("  \n{}\n\n", prose(&step.order));
        let mut lines: Vec<Piece> = Vec::new();
        for text in &step.requires {
            lines.push(format!("- require {}\n", code(text)).into());
        }
        for line in &step.lines {
            lines.push(self.line(line));
        }
        for text in &step.ensures {
            lines.push(format!("- ensure {}\n", code(text)).into());
        }
        // The lines stay with their step: what is left out of one is said in it.
        let data = self.data;
        let rest = |n: usize| format!("- **{n} lines of this step not shown here**: {data}\n");
        let body = fit(lines, room, rest);
        Piece {
            text: format!("{head}{}\n", body.text),
            free: body.free,
        }
    }

    fn line(&mut self, line: &LineRow) -> Piece {
        let mut text = format!(
            "- `{}` {}: {} [{}]\n",
            line.sign,
            prose(&line.what),
            prose(&line.effect),
            prose(&line.on)
        );
        let mut free = 0;
        for diff in &line.diffs {
            let shown = folded(&titled(diff), "diff", &diff.text);
            if shown.len() <= self.diffs {
                self.diffs -= shown.len();
                free += shown.len();
                text += &shown;
            } else {
                let title = prose(&titled(diff));
                text += &format!("  - **{title} not shown here**: {}\n", self.data);
            }
        }
        Piece { text, free }
    }

    /// Parameters and sources.
    pub(super) fn parameters(&self, room: usize) -> String {
        let parameters = self.review.parameters.iter().map(|p| {
            let (name, value) = (cell(&p.name), cell(&p.value));
            format!("| {name} | {value} | {} |\n", prose(&p.from)).into()
        });
        let title = "### Parameters\n\n| parameter | value | from |\n|---|---|---|\n";
        let mut out = self.part(title, "parameters", parameters.collect(), room / 2);
        let sources = self.review.sources.iter();
        let sources =
            sources.map(|s| format!("| {} | {} |\n", cell(&s.label), cell(&s.value)).into());
        let title = "### Made from\n\n| source | SHA-256 |\n|---|---|\n";
        out += &self.part(title, "sources", sources.collect(), room / 2);
        out
    }
}

/// Commands to type are code, the rest is prose.
fn value(label: &str, text: &str) -> String {
    if label == "next" && text.starts_with("runbook ") {
        code(text)
    } else {
        prose(text)
    }
}

fn titled(diff: &DiffRow) -> String {
    match &diff.host {
        Some(host) => format!("diff on {host}, {} lines", diff.size),
        None => format!("diff, the same on each, {} lines", diff.size),
    }
}

fn guard(guard: &GuardRow) -> String {
    let word = match guard.tone {
        Tone::Bad | Tone::Warn => format!("**{}**", guard.word),
        Tone::Plain | Tone::Good => guard.word.clone(),
    };
    let mark = if guard.predicted { "*predicted:* " } else { "" };
    let seen: Vec<String> = std::iter::once(&guard.observed)
        .chain(&guard.notes)
        .filter(|text| !text.is_empty())
        .map(|text| prose(text))
        .collect();
    let seen = format!("{mark}{}", seen.join("; "));
    format!(
        "| {} | {} | {word} | {seen} |\n",
        prose(&guard.when),
        cell(&guard.text)
    )
}

fn dots_wide(row: &QuorumRow) -> usize {
    match row {
        QuorumRow::Step { before, during, .. } => {
            before.dots.chars().count().max(during.dots.chars().count())
        }
        QuorumRow::Idle { .. } | QuorumRow::Mark { .. } => 0,
    }
}

fn picture(row: &QuorumRow, wide: usize) -> String {
    let named =
        |number: &usize, title: &String| pad(&one_line(&format!("{number:>2}. {title}"), 36), 36);
    let dots = |seen: &Seen| pad(&seen.dots, wide);
    match row {
        QuorumRow::Step {
            number,
            title,
            before,
            during,
            after,
            outage,
            words,
        } => format!(
            "{}  {}  {}  {}  {}{words}\n",
            named(number, title),
            dots(before),
            dots(during),
            dots(after),
            if *outage { "OUTAGE  " } else { "" }
        ),
        QuorumRow::Idle { number, title, why } => format!("{}  {why}\n", named(number, title)),
        QuorumRow::Mark { text, .. } => format!("--- {}\n", one_line(&escape(text), 100)),
    }
}

/// Text behind a fold, within a list.
fn folded(title: &str, language: &str, text: &str) -> String {
    format!(
        "  <details><summary>{}</summary>\n\n{}  </details>\n",
        html(title),
        fenced(language, text, "  ")
    )
}
