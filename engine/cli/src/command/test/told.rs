//! What tests came to: for people, and for programs.

use std::fmt::Write as _;

use runbook_report::style::Style;
use runbook_report::text::escape;
use serde_json::{Value as Json, json};

use super::Verdict;
use super::judge::Unmet;

/// Every test's verdict, by file.
pub(super) struct Told {
    files: Vec<(String, Vec<Verdict>)>,
}

impl Told {
    pub(super) fn new(files: impl Iterator<Item = String>) -> Self {
        Self {
            files: files.map(|file| (file, Vec::new())).collect(),
        }
    }

    pub(super) fn add(&mut self, file: usize, verdict: Verdict) {
        if let Some((_, verdicts)) = self.files.get_mut(file) {
            verdicts.push(verdict);
        }
    }

    fn all(&self) -> impl Iterator<Item = &Verdict> {
        self.files.iter().flat_map(|(_, verdicts)| verdicts)
    }

    pub(super) fn failed(&self) -> usize {
        self.all().filter(|v| !v.unmet.is_empty()).count()
    }

    /// One line a test.
    pub(super) fn human(&self, style: Style) -> String {
        let mut out = String::new();
        for (file, verdicts) in &self.files {
            if verdicts.is_empty() {
                let _ = writeln!(out, "{}: no tests", escape(file));
                continue;
            }
            let _ = writeln!(out, "{}", style.name(escape(file)));
            for verdict in verdicts {
                let word = if verdict.unmet.is_empty() {
                    style.good("ok    ")
                } else {
                    style.bad("FAILED")
                };
                let took = style.dim(format!("{} ms", verdict.took.as_millis()));
                let _ = writeln!(out, "  {word}  {}  {took}", escape(&verdict.test));
            }
        }
        out
    }

    /// What was not met, in order.
    pub(super) fn reports(&self) -> impl Iterator<Item = &dyn miette::Diagnostic> {
        let unmet = self.all().flat_map(|v| &v.unmet);
        unmet.map(|u: &Unmet| u as &dyn miette::Diagnostic)
    }

    pub(super) fn summary(&self, style: Style) -> String {
        let (all, failed) = (self.all().count(), self.failed());
        match (all, failed) {
            (0, _) => "No test was run.\n".to_owned(),
            (1, 0) => format!("{}\n", style.good("1 test passed.")),
            (all, 0) => format!("{}\n", style.good(format!("{all} tests passed."))),
            (all, failed) => format!(
                "{}\n",
                style.bad(format!("{failed} of {all} tests failed."))
            ),
        }
    }

    pub(super) fn json(&self) -> Json {
        let unmet = |u: &Unmet| {
            json!({
                "line": u.line(),
                "message": u.message(),
                "seen": u.seen(),
                "events": u.last_events(),
            })
        };
        let test = |verdict: &Verdict| {
            json!({
                "name": verdict.test,
                "passed": verdict.unmet.is_empty(),
                "took_ms": u64::try_from(verdict.took.as_millis()).unwrap_or(u64::MAX),
                "unmet": verdict.unmet.iter().map(unmet).collect::<Vec<_>>(),
            })
        };
        let files = self.files.iter().map(|(file, verdicts)| {
            json!({
                "file": file,
                "tests": verdicts.iter().map(test).collect::<Vec<_>>(),
            })
        });
        json!({
            "files": files.collect::<Vec<_>>(),
            "tests": self.all().count(),
            "failed": self.failed(),
        })
    }

    /// `JUnit`'s XML, as continuous integration reads it.
    pub(super) fn junit(&self) -> String {
        let mut out = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites tests=\"{}\" failures=\"{}\">\n",
            self.all().count(),
            self.failed()
        );
        for (file, verdicts) in &self.files {
            let failed = verdicts.iter().filter(|v| !v.unmet.is_empty()).count();
            let _ = writeln!(
                out,
                "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failed}\">",
                xml(file),
                verdicts.len()
            );
            for verdict in verdicts {
                case(&mut out, file, verdict);
            }
            out.push_str("  </testsuite>\n");
        }
        out.push_str("</testsuites>\n");
        out
    }
}

fn case(out: &mut String, file: &str, verdict: &Verdict) {
    let _ = write!(
        out,
        "    <testcase classname=\"{}\" name=\"{}\" time=\"{:.3}\"",
        xml(file),
        xml(&verdict.test),
        verdict.took.as_secs_f64()
    );
    if verdict.unmet.is_empty() {
        out.push_str("/>\n");
        return;
    }
    out.push_str(">\n");
    for unmet in &verdict.unmet {
        let events = unmet.last_events().unwrap_or_default();
        let _ = writeln!(
            out,
            "      <failure message=\"{}\">{}:{}: {}\n{}</failure>",
            xml(unmet.message()),
            xml(file),
            unmet.line(),
            xml(unmet.seen()),
            lines(events)
        );
    }
    out.push_str("    </testcase>\n");
}

/// Several lines, each escaped: XML knows no control characters.
fn lines(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(xml).collect();
    lines.join("\n")
}

fn xml(text: &str) -> String {
    escape(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
