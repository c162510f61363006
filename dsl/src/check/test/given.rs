//! What is so when a test's run begins.

use super::{required, shape, whole};
use crate::ast::TestLine;
use crate::catalogue::Type;
use crate::check::entry::Checker;
use crate::checked::CheckedRunbook;
use crate::codes::Code;
use crate::diagnostic::Diagnostic;
use crate::expr::Expr;
use crate::parse::plain;
use crate::span::{Node, Span};
use crate::suggest;
use crate::tested::{FileState, Given, HostState};

const FACTS: &str = "facts are `cluster of 3`, `1 fresh host`, `group NAME of 2`, `etcd2 is down`, `PARAMETER is corrupt`, `version \"3.5.9\"`, `alarm nospace`, `100 keys`, `revision 5000`, `override NAME`, `param NAME = VALUE` and `var NAME = VALUE`";
const STATES: [&str; 4] = ["down", "dead", "unreachable", "learner"];
/// Hosts of a kind that a test may have.
const MOST: u64 = 50;

/// Keys of a store of which a test says nothing.
const STORE_KEYS: u64 = 5;
/// Revisions of a store besides one for each key: its first, and a key that was written twice.
const WRITES_BESIDE: u64 = 2;

/// A fact that may be said once, with its place.
type Said = Vec<(&'static str, Span)>;

impl Checker<'_> {
    pub(super) fn given(
        &mut self,
        name: &Node<String>,
        lines: &[Node<TestLine>],
        runbook: &CheckedRunbook,
    ) -> Given {
        let mut given = Given::default();
        let (mut said, mut states) = (Said::new(), Vec::new());
        for line in lines {
            match &line.value {
                TestLine::Given(terms) => {
                    if let Some(subject) = state_of(terms) {
                        states.push((subject, terms.as_slice()));
                    } else {
                        self.fact(terms, (&mut given, &mut said), runbook);
                    }
                }
                TestLine::Parameter(name, value) => {
                    self.parameter(name, value, (&mut given, runbook));
                }
                TestLine::Variable(name, value) => self.variable(name, value, &mut given),
                _ => {}
            }
        }
        // A host can be named above the line that says how many there are.
        let mut named: Vec<(String, HostState, Span)> = Vec::new();
        for (subject, terms) in states {
            self.state(subject, terms, (&mut given, &mut named), runbook);
        }
        given.hosts = named.into_iter().map(|(h, s, _)| (h, s)).collect();
        let counted = |what: &str| said.iter().any(|(fact, _)| *fact == what);
        if !counted("`cluster of`") && !counted("`fresh hosts`") && given.groups.is_empty() {
            self.problem(
                Diagnostic::new(
                    Code::EmptyTest,
                    "the test does not say which hosts there are",
                    name.span,
                )
                .label("no hosts")
                .help("add `given cluster of 3`, or `given 3 fresh hosts` where nothing runs yet"),
            );
        }
        self.without_cluster(&given, &said);
        self.revision_holds(&given, &said);
        given
    }

    fn fact(
        &mut self,
        terms: &[Node<Expr>],
        (given, said): (&mut Given, &mut Said),
        runbook: &CheckedRunbook,
    ) {
        let span = whole(terms);
        let fact = match shape(terms).as_slice() {
            ["cluster", "of", "#"] => {
                given.members = self.hosts_counted(&terms[2]);
                "`cluster of`"
            }
            ["#", "fresh", "host" | "hosts"] => {
                given.fresh = self.hosts_counted(&terms[0]);
                "`fresh hosts`"
            }
            ["group", group, "of", "#"] => {
                let group = (*group).to_owned();
                let count = self.hosts_counted(&terms[3]);
                self.group(&terms[1], (group, count), given);
                return;
            }
            ["version", "\""] => {
                self.default_fits(&Type::Version, &terms[1]);
                given.version = plain(&terms[1]);
                "`version`"
            }
            ["alarm", "nospace"] => {
                given.full = true;
                "`alarm`"
            }
            ["#", "key" | "keys"] => {
                let help = "say how many keys there are: `given 100 keys`";
                given.keys = self.count(&terms[0], help);
                "`keys`"
            }
            ["revision", "#"] => {
                given.revision = self.revision(&terms[1]);
                "`revision`"
            }
            ["override", name] => {
                self.overrides(
                    &Node::new((*name).to_owned(), terms[1].span),
                    given,
                    runbook,
                );
                return;
            }
            words => {
                let known = [
                    "cluster", "fresh", "group", "version", "alarm", "keys", "revision",
                    "override", "param", "var",
                ];
                let near = words
                    .iter()
                    .find_map(|word| suggest::did_you_mean(word, known));
                let help = near.unwrap_or_else(|| FACTS.to_owned());
                self.unknown_fact(span, "this is no fact that a test can give", &help);
                return;
            }
        };
        let first = said.iter().find(|(known, _)| *known == fact);
        let spans = first.map(|(_, first)| *first).into_iter().chain([span]);
        self.once(fact, spans);
        said.push((fact, span));
    }

    /// How many hosts; none where that is wrong.
    fn hosts_counted(&mut self, count: &Node<Expr>) -> usize {
        let help = "a test has 1 to 50 hosts of a kind: `given cluster of 3`";
        let Some(count) = self.count(count, help).map(|n| (n, count.span)) else {
            return 0;
        };
        if count.0 > MOST {
            self.problem(
                Diagnostic::new(Code::BadCount, "expected a count up to 50", count.1)
                    .label("too many")
                    .help(help),
            );
        }
        usize::try_from(count.0.min(MOST)).unwrap_or(0)
    }

    fn revision(&mut self, value: &Node<Expr>) -> Option<u64> {
        let found = match value.value {
            Expr::Int(n) => u64::try_from(n).ok().filter(|n| *n > 0),
            _ => None,
        };
        if found.is_none() {
            self.problem(
                Diagnostic::new(Code::BadCount, "expected a revision from 1 on", value.span)
                    .label("not a revision")
                    .help("say at which revision the store is: `given revision 5000`"),
            );
        }
        found
    }

    fn group(&mut self, word: &Node<Expr>, (group, count): (String, usize), given: &mut Given) {
        if group == "etcd" {
            self.unknown_fact(
                word.span,
                "the hosts of `etcd` are the cluster's",
                "write `given cluster of 3`, and `given 1 fresh host` for one that is no member yet",
            );
        } else if given.groups.insert(group, count).is_some() {
            self.problem(
                Diagnostic::new(Code::Duplicate, "the group is said twice", word.span)
                    .label("second time")
                    .help("keep one of them"),
            );
        }
    }

    fn overrides(&mut self, name: &Node<String>, given: &mut Given, runbook: &CheckedRunbook) {
        let declared: Vec<&str> = required(runbook)
            .iter()
            .filter_map(|g| g.override_name.as_ref())
            .map(|n| n.value.as_str())
            .collect();
        if declared.contains(&name.value.as_str()) || self.opened.missing {
            given.overrides.insert(name.value.clone());
            return;
        }
        let near = suggest::did_you_mean(&name.value, declared.iter().copied());
        let all = match declared.as_slice() {
            [] => "none of its guards can be overridden".to_owned(),
            all => format!("it declares {}", all.join(", ")),
        };
        self.problem(
            Diagnostic::new(
                Code::UndefinedName,
                format!("the runbook declares no override `{}`", name.value),
                name.span,
            )
            .label("no such override")
            .help(near.unwrap_or(all)),
        );
    }

    fn parameter(
        &mut self,
        name: &Node<String>,
        value: &Node<Expr>,
        (given, runbook): (&mut Given, &CheckedRunbook),
    ) {
        let mut known = runbook.parameters.iter();
        let Some(parameter) = known.find(|p| p.name.value == name.value) else {
            let names = runbook.parameters.iter().map(|p| p.name.value.as_str());
            let help = suggest::did_you_mean(&name.value, names);
            self.problem(
                Diagnostic::new(
                    Code::UndefinedName,
                    format!("the runbook has no parameter `{}`", name.value),
                    name.span,
                )
                .label("no such parameter")
                .help(help.unwrap_or_else(|| {
                    "a variable of the inventory is `given var NAME = VALUE`".to_owned()
                })),
            );
            return;
        };
        match &parameter.ty {
            // What a test gives is known to all who read it: no secret.
            Type::Secret => self.default_fits(&Type::Text, value),
            ty => self.default_fits(ty, value),
        }
        let twice = given.parameters.insert(name.value.clone(), value.clone());
        self.given_twice(name, twice.as_ref());
    }

    fn variable(&mut self, name: &Node<String>, value: &Node<Expr>, given: &mut Given) {
        let good = matches!(value.value, Expr::Bool(_) | Expr::Int(_)) || plain(value).is_some();
        if !good {
            self.problem(
                Diagnostic::new(
                    Code::WrongType,
                    "expected a text, a whole number or a bool",
                    value.span,
                )
                .label("not a value that a test can give")
                .help("write it as the inventory would: `given var etcd_client_port = 12379`"),
            );
        }
        let twice = given.variables.insert(name.value.clone(), value.clone());
        self.given_twice(name, twice.as_ref());
    }

    fn given_twice(&mut self, name: &Node<String>, first: Option<&Node<Expr>>) {
        if let Some(first) = first {
            self.problem(
                Diagnostic::new(
                    Code::Duplicate,
                    format!("`{}` is given twice", name.value),
                    name.span,
                )
                .label("second time")
                .and(first.span, "first value")
                .help("keep one of them"),
            );
        }
    }

    /// `SUBJECT is STATE`: of hosts, or of a file that a parameter names.
    fn state(
        &mut self,
        subject: &Node<Expr>,
        terms: &[Node<Expr>],
        (given, named): (&mut Given, &mut Vec<(String, HostState, Span)>),
        runbook: &CheckedRunbook,
    ) {
        if let Expr::Name(name) = &subject.value
            && runbook.parameters.iter().any(|p| {
                p.name.value == *name
                    && (p.ty == Type::Path || p.ty == Type::Optional(Box::new(Type::Path)))
            })
        {
            self.file(name, terms, given);
            return;
        }
        let rest = &terms[2..];
        let state = match shape(rest).as_slice() {
            ["down"] => HostState::Down,
            ["dead"] => HostState::Dead,
            ["unreachable"] => HostState::Unreachable,
            ["learner"] | ["a", "learner"] => HostState::Learner,
            words => {
                let near = words.iter().find_map(|w| suggest::did_you_mean(w, STATES));
                let all = "a host is `down` (its etcd stopped), `dead`, `unreachable` or `a learner`; a file that a parameter of type path names is `missing`, `corrupt`, `of another cluster` or `of version \"3.6.0\"`";
                self.unknown_fact(
                    whole(rest),
                    "this is no state of a host",
                    &near.unwrap_or_else(|| all.to_owned()),
                );
                return;
            }
        };
        for host in self.hosts_named(subject, given).unwrap_or_default() {
            if let Some((_, _, first)) = named.iter().find(|(h, ..)| *h == host) {
                let first = *first;
                self.contradiction(
                    whole(terms),
                    first,
                    &format!("`{host}` is said to be two things"),
                    "keep one of them",
                );
                continue;
            }
            self.fits_host(&host, state, (subject.span, given));
            named.push((host, state, whole(terms)));
        }
    }

    /// Only a member can be down, or a learner; and one of its cluster must be left to vote.
    fn fits_host(&mut self, host: &str, state: HostState, (span, given): (Span, &Given)) {
        let member = (1..=given.members).any(|n| host == format!("etcd{n}"));
        let problem = match state {
            HostState::Down if !member => "there is no etcd on this host that could be down",
            HostState::Learner if !member => "there is no member on this host",
            HostState::Learner if given.members < 2 => "a cluster's only member votes",
            _ => return,
        };
        self.problem(
            Diagnostic::new(Code::ContradictoryTest, problem, span)
                .label(format!("`{host}`"))
                .help("members are the hosts that `given cluster of N` counts: etcd1 to etcdN"),
        );
    }

    fn file(&mut self, name: &str, terms: &[Node<Expr>], given: &mut Given) {
        let rest = &terms[2..];
        let state = match shape(rest).as_slice() {
            ["missing"] => FileState::Missing,
            ["corrupt"] => FileState::Corrupt,
            ["of", "another", "cluster"] => FileState::Foreign,
            ["of", "version", "\""] => {
                self.default_fits(&Type::Version, &rest[2]);
                FileState::OfVersion(plain(&rest[2]).unwrap_or_default())
            }
            words => {
                let known = ["missing", "corrupt", "another", "version"];
                let near = words.iter().find_map(|w| suggest::did_you_mean(w, known));
                let all = "a file is `missing`, `corrupt`, `of another cluster` or `of version \"3.6.0\"`";
                self.unknown_fact(
                    whole(rest),
                    "this is no state of a file",
                    &near.unwrap_or_else(|| all.to_owned()),
                );
                return;
            }
        };
        if given.files.insert(name.to_owned(), state).is_some() {
            self.problem(
                Diagnostic::new(
                    Code::ContradictoryTest,
                    format!("the file `{name}` is said to be two things"),
                    whole(terms),
                )
                .label("second time")
                .help("keep one of them"),
            );
        }
    }

    /// Every key was written once, and one was written again after the snapshot.
    fn revision_holds(&mut self, given: &Given, said: &Said) {
        let keys = given.keys.unwrap_or(STORE_KEYS);
        let least = keys + WRITES_BESIDE;
        let place = said.iter().find(|(fact, _)| *fact == "`revision`");
        if let (Some(revision), Some((_, span))) = (given.revision, place)
            && revision < least
        {
            self.problem(
                Diagnostic::new(
                    Code::ContradictoryTest,
                    format!("a store of {keys} keys is at revision {least} at least"),
                    *span,
                )
                .label("too low")
                .help("each write is a revision: give a higher one, or fewer keys"),
            );
        }
    }

    /// What is said of a cluster where there is none.
    fn without_cluster(&mut self, given: &Given, said: &Said) {
        if given.members > 0 || said.iter().any(|(fact, _)| *fact == "`cluster of`") {
            return;
        }
        let of_cluster = ["`version`", "`alarm`", "`keys`", "`revision`"];
        for (fact, span) in said.iter().filter(|(fact, _)| of_cluster.contains(fact)) {
            self.problem(
                Diagnostic::new(
                    Code::ContradictoryTest,
                    format!("{fact} speaks of a cluster, and there is none"),
                    *span,
                )
                .label("of which cluster?")
                .help("add `given cluster of 3`"),
            );
        }
    }
}

/// The subject of `SUBJECT is STATE`.
fn state_of(terms: &[Node<Expr>]) -> Option<&Node<Expr>> {
    let verb = terms.get(1)?;
    let is = matches!(&verb.value, Expr::Name(word) if word == "is" || word == "are");
    terms.first().filter(|_| is)
}
