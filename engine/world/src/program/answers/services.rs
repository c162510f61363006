//! Units, plain processes, and the etcd processes that run.

use runbook_model::facts::{COMPARED_SETTINGS, EtcdProcess, ServiceFacts};

use super::ProbeAnswers;
use crate::frame::Frame;
use crate::program::probe::systemd_units;

impl ProbeAnswers<'_> {
    pub(super) fn units(&mut self, text: &str) {
        let units = systemd_units(&self.request.services);
        for (unit, block) in units.into_iter().zip(text.split("\n\n")) {
            let value = |key: &str| {
                block
                    .lines()
                    .find_map(|l| l.strip_prefix(key)?.strip_prefix('='))
                    .unwrap_or_default()
            };
            let sources = [value("FragmentPath")]
                .into_iter()
                .chain(value("DropInPaths").split_whitespace());
            let facts = ServiceFacts {
                exists: value("LoadState") != "not-found",
                enabled: false,
                active: value("ActiveState").to_owned(),
                pid: value("MainPID").parse().unwrap_or(0),
                restarts: value("NRestarts").parse().unwrap_or(0),
                sources: sources
                    .filter(|s| !s.is_empty())
                    .map(str::to_owned)
                    .collect(),
            };
            self.facts.services.insert(unit.to_owned(), facts);
        }
    }

    pub(super) fn at_boot(&mut self, text: &str) {
        let units = systemd_units(&self.request.services);
        for (unit, state) in units.into_iter().zip(text.lines()) {
            let enabled = matches!(
                state,
                "enabled" | "enabled-runtime" | "static" | "alias" | "generated"
            );
            if let Some(facts) = self.facts.services.get_mut(unit) {
                facts.enabled = enabled;
            }
        }
    }

    pub(super) fn process(&mut self, frame: &Frame) {
        let Some(query) = frame.number(0).and_then(|at| self.request.services.get(at)) else {
            return;
        };
        let running = frame.number(2) == Some(1);
        let facts = ServiceFacts {
            exists: frame.number(1) == Some(1),
            active: if running { "active" } else { "inactive" }.to_owned(),
            pid: if running {
                frame
                    .number(3)
                    .and_then(|p| u32::try_from(p).ok())
                    .unwrap_or(0)
            } else {
                0
            },
            ..ServiceFacts::default()
        };
        self.facts.services.insert(query.unit.clone(), facts);
    }

    pub(super) fn etcd(&mut self, frame: &Frame) {
        let Some(pid) = frame.number(0).and_then(|p| u32::try_from(p).ok()) else {
            return;
        };
        let text = frame.text();
        let parts: Vec<&str> = text.split("\n=\n").collect();
        let (flags, env, cwd) = (
            parts.first(),
            parts.get(1),
            parts.get(2).map_or("", |c| c.trim_end_matches('\n')),
        );
        // etcd lets a flag win over the environment.
        let found = flags
            .and_then(|f| flag_value(f))
            .or_else(|| env.and_then(|e| e.lines().last()).map(str::to_owned));
        let data_dir = found.filter(|d| !d.is_empty()).map(|d| {
            if d.starts_with('/') {
                d
            } else {
                format!("{cwd}/{d}")
            }
        });
        let started = parts.get(3).unwrap_or(&"");
        let settings = started.lines().filter_map(|l| l.split_once('='));
        let settings = settings
            .filter(|(name, _)| COMPARED_SETTINGS.contains(name))
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        self.facts.etcd_processes.push(EtcdProcess {
            pid,
            data_dir,
            settings: settings.collect(),
        });
    }
}

/// `--data-dir=X`, or `--data-dir` and `X` on the next line.
fn flag_value(lines: &str) -> Option<String> {
    let mut lines = lines.lines();
    let flag = lines.next()?;
    match flag.split_once('=') {
        Some((_, value)) => Some(value.to_owned()),
        None => lines.next().map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::flag_value;

    #[test]
    fn a_data_dir_is_told_by_flag_or_environment() {
        assert_eq!(flag_value("--data-dir=/a"), Some("/a".into()));
        assert_eq!(flag_value("-data-dir\n/b c"), Some("/b c".into()));
    }
}
