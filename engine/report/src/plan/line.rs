//! Lines of a step: what several hosts get alike is said once.

use runbook_model::host::HostName;
use runbook_model::plan::{Change, PlanStep, PlannedAction};

use super::{effect, hosts};

/// One line of a step: the same action with the same effect on several hosts.
pub struct Line<'a> {
    /// The action of the first host.
    pub action: &'a PlannedAction,
    /// What is done, with `{host}` for the host's own name where several share the line.
    pub what: String,
    /// What comes of it, in the same way.
    pub effect: String,
    /// The hosts, in the order of the plan.
    pub hosts: Vec<&'a HostName>,
    /// Each host's own diff, where a file changes.
    pub diffs: Vec<(&'a HostName, &'a str)>,
}

impl Line<'_> {
    /// `all 3` or the names.
    pub fn on(&self, step: &PlanStep) -> String {
        if self.hosts.len() > 1 && self.hosts.len() == step.work.len() {
            format!("all {}", self.hosts.len())
        } else {
            hosts(&self.hosts)
        }
    }
}

/// Actions that differ by nothing but the host's name are one line, in the order of the first.
pub fn lines(step: &PlanStep) -> Vec<Line<'_>> {
    let mut lines: Vec<(String, Line<'_>)> = Vec::new();
    for work in &step.work {
        for action in &work.actions {
            let what = of_any_host(&action.summary, &work.host);
            let effect_of_any = of_any_host(effect(&action.change), &work.host);
            let key = format!("{} {what}: {effect_of_any}", super::sign(&action.change));
            let diff = diff_of(action).map(|diff| (&work.host, diff));
            let same = lines
                .iter_mut()
                .find(|(k, line)| *k == key && !line.hosts.contains(&&work.host));
            match same {
                Some((_, line)) => {
                    line.hosts.push(&work.host);
                    line.diffs.extend(diff);
                    line.what = what;
                    line.effect = effect_of_any;
                }
                None => lines.push((
                    key,
                    Line {
                        action,
                        what: action.summary.clone(),
                        effect: effect(&action.change).to_owned(),
                        hosts: vec![&work.host],
                        diffs: diff.into_iter().collect(),
                    },
                )),
            }
        }
    }
    lines.into_iter().map(|(_, line)| line).collect()
}

fn diff_of(action: &PlannedAction) -> Option<&str> {
    match &action.change {
        Change::Changes { diff, .. } => diff.as_deref(),
        _ => None,
    }
}

/// `text` with the host's name, where it stands as a word of its own, replaced by `{host}`.
pub fn of_any_host(text: &str, host: &HostName) -> String {
    let name = host.as_str();
    let inside = |c: char| c.is_alphanumeric() || c == '_';
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut before = None;
    while let Some(at) = rest.find(name) {
        let (head, tail) = (&rest[..at], &rest[at + name.len()..]);
        let left = head.chars().next_back().or(before);
        let alone = !left.is_some_and(inside) && !tail.chars().next().is_some_and(inside);
        out.push_str(head);
        out.push_str(if alone { "{host}" } else { name });
        before = name.chars().next_back();
        rest = tail;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use runbook_model::host::HostName;

    use super::of_any_host;

    #[test]
    fn only_whole_words_are_the_hosts_name() {
        let name = HostName::new;
        let cases = [
            (
                "upload pki/etcd1/server.crt",
                "upload pki/{host}/server.crt",
            ),
            ("run-etcd1: 3", "run-{host}: 3"),
            ("etcd10 and myetcd1 stay", "etcd10 and myetcd1 stay"),
            ("etcd1etcd1", "etcd1etcd1"),
        ];
        for (text, wanted) in cases {
            assert_eq!(of_any_host(text, &name("etcd1")), wanted);
        }
    }
}
