//! Programs in `shell` that do what a verb does: no guard sees them, nothing undoes them.

use super::entry::Checker;
use crate::codes::Code;
use crate::diagnostic::Diagnostic;
use crate::expr::{Expr, TextPart};
use crate::span::{Node, Span};

/// What a program may not say, and what says it instead. All words must occur in one command, in this order.
static BYPASSES: &[(&[&str], &str)] = &[
    (&["--force-new-cluster"], "`recover-majority.etcdrb`"),
    (&["etcdctl", "member", "add"], "`add-member as learner`"),
    (&["etcdctl", "member", "promote"], "`promote-member`"),
    (&["etcdctl", "member", "remove"], "`remove-member`"),
    (&["etcdctl", "member", "update"], "`update-member`"),
    (&["etcdctl", "move-leader"], "`move-leader`"),
    (&["etcdctl", "snapshot", "restore"], "`restore data-dir`"),
    (&["etcdutl", "snapshot", "restore"], "`restore data-dir`"),
    (&["etcdctl", "snapshot", "save"], "`save-snapshot`"),
    (&["etcdctl", "compact"], "`compact`"),
    (&["etcdctl", "compaction"], "`compact`"),
    (&["etcdctl", "defrag"], "`defragment`"),
    (&["etcdctl", "alarm", "disarm"], "`disarm nospace`"),
    (&["systemctl", "stop", "etcd"], "`service etcd stopped`"),
    (
        &["systemctl", "restart", "etcd"],
        "`service etcd restarted`",
    ),
    (&["systemctl", "start", "etcd"], "`service etcd running`"),
    (&["rm", "/var/lib/etcd"], "`archive data-dir`"),
    (&["rm", "{member.data_dir}"], "`archive data-dir`"),
];

impl Checker<'_> {
    /// Refuses what has a verb.
    pub(super) fn bypass(&mut self, script: &Node<Expr>) {
        let text = said(script, |span| self.shown(span));
        // A line that goes on behind a backslash is one command.
        let text = text.replace("\\\n", " ");
        for command in text.split(['\n', ';', '|', '&']) {
            let words: Vec<&str> = command
                .split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '(' | ')'))
                .filter(|word| !word.is_empty())
                .collect();
            let Some((found, instead)) = BYPASSES.iter().find(|(said, _)| in_order(said, &words))
            else {
                continue;
            };
            self.problem(
                Diagnostic::new(
                    Code::ShellBypasses,
                    format!("`{}` in a program passes every guard by", found.join(" ")),
                    script.span,
                )
                .label("neither checked nor undone")
                .help(format!("the language has {instead} for it")),
            );
            return;
        }
    }
}

/// The program's text; what it takes from elsewhere as it is written.
fn said(script: &Node<Expr>, shown: impl Fn(Span) -> String) -> String {
    let Expr::Text(parts) = &script.value else {
        return String::new();
    };
    parts
        .iter()
        .map(|part| match part {
            TextPart::Literal(text) => text.clone(),
            TextPart::Expr(expr) => format!("{{{}}}", shown(expr.span)),
        })
        .collect()
}

/// Whether each is a word of the command, in this order: a program by its name with any path before it, a path with anything below it.
fn in_order(said: &[&str], words: &[&str]) -> bool {
    let mut words = words.iter();
    said.iter().all(|wanted| {
        words.any(|word| {
            let rest = word.strip_prefix(wanted);
            *word == *wanted
                || word.ends_with(&format!("/{wanted}"))
                || (wanted.starts_with(['/', '{'])
                    && rest.is_some_and(|r| r.starts_with(['/', '*'])))
                || (wanted.starts_with("--") && rest.is_some_and(|r| r.starts_with('=')))
                || rest == Some(".service")
        })
    })
}
