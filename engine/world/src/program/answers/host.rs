//! The host itself: what it is, which tools, users and packages it has.

use runbook_model::facts::Tool;

use super::{Known, ProbeAnswers};

impl ProbeAnswers<'_> {
    pub(super) fn base(&mut self, text: &str) {
        let mut lines = text.lines().map(str::to_owned);
        let mut next = || lines.next().unwrap_or_default();
        self.facts.machine_id = next();
        self.facts.boot_id = next();
        self.facts.hostname = next();
        self.facts.arch = next();
        self.facts.cores = next().parse().unwrap_or(0);
        self.facts.memory_bytes = next().parse::<u64>().unwrap_or(0) * 1024;
        self.facts.user = next();
        self.facts.has_systemd = next() == "1";
    }

    pub(super) fn tool(&mut self, text: &str, known: &Known) {
        let mut lines = text.splitn(5, '\n');
        let mut next = || lines.next().unwrap_or_default();
        let (name, file, path, can, said) = (next(), next(), next(), next(), next());
        let print = format!("{file} {path}");
        if !can.starts_with('f') {
            if let Some((_, before)) = known.get(name).filter(|(p, _)| *p == print) {
                // Where it is the host says, whatever was remembered.
                let tool = Tool {
                    name: name.to_owned(),
                    path: path.to_owned(),
                    ..before.clone()
                };
                self.tools.insert(name.to_owned(), (print, tool));
            }
            return;
        }
        let tool = Tool {
            name: name.to_owned(),
            path: path.to_owned(),
            version: version(said),
            restore_bump: can.contains('b'),
            can_restore: can.contains('r'),
        };
        self.tools.insert(name.to_owned(), (print, tool));
    }

    pub(super) fn users(&mut self, payload: &[u8]) {
        for user in payload.split(|b| *b == 0).filter(|u| !u.is_empty()) {
            self.facts
                .users
                .insert(String::from_utf8_lossy(user).into_owned(), true);
        }
    }

    pub(super) fn packages(&mut self, text: &str) {
        for line in text.lines() {
            if let [package, version, "installed"] = line.split(' ').collect::<Vec<_>>()[..] {
                self.facts
                    .packages
                    .insert(package.to_owned(), Some(version.to_owned()));
            }
        }
    }
}

pub(super) fn os(text: &str) -> String {
    let value = |key: &str| {
        let found = text
            .lines()
            .find_map(|l| l.strip_prefix(key))
            .unwrap_or_default();
        found.trim_matches(['"', '\'']).to_owned()
    };
    format!("{} {}", value("ID="), value("VERSION_ID="))
        .trim()
        .to_owned()
}

/// The first word of the form `3.5.16`.
fn version(said: &str) -> String {
    let is_version = |w: &&str| w.contains('.') && w.starts_with(|c: char| c.is_ascii_digit());
    said.split_whitespace()
        .find(is_version)
        .unwrap_or_default()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn versions_are_found_in_what_tools_print() {
        assert_eq!(
            version("etcd Version: 3.4.23\nGit SHA: Not provided\nGo Version: go1.19.5\n"),
            "3.4.23"
        );
        assert_eq!(
            version("etcdctl version: 3.5.16\nAPI version: 3.5\n"),
            "3.5.16"
        );
        assert_eq!(version(""), "");
    }
}
