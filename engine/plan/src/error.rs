//! What keeps a plan from being made: each error a fact with its data, pointing at the runbook where one line is to blame.

use std::fmt;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};
use runbook_dsl::checked::CheckedRunbook;
use runbook_dsl::span::Span;
use thiserror::Error;

/// How the hosts of a target are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChosenBy {
    /// They are a group of the inventory.
    Group,
    /// By what was seen of the cluster.
    Observation,
    /// By names, and by what these leave of a group.
    Name,
}

/// A fact that forbids the plan.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum Fault {
    /// `-e NAME=...` of a name that the runbook does not know.
    #[error("the runbook `{runbook}` has no parameter `{name}`")]
    UnknownArgument {
        /// As given.
        name: String,
        /// The runbook.
        runbook: String,
        /// Nearest parameter.
        meant: Option<String>,
        /// All parameters.
        known: Vec<String>,
    },
    /// A required parameter has no value.
    #[error("the parameter `{name}` has no value")]
    MissingParameter {
        /// Name.
        name: String,
        /// What it is.
        doc: String,
        /// As `-e snapshot=FILE`.
        example: String,
    },
    /// A value is not of its parameter's type.
    #[error("`{name}` is {value}, which is not {expected} ({from})")]
    BadValue {
        /// Parameter.
        name: String,
        /// As given, in backticks; never a secret.
        value: String,
        /// As `a whole number`.
        expected: String,
        /// Where the value came from.
        from: String,
    },
    /// Two groups, neither above the other, give a parameter different values.
    #[error("two groups of `{host}` disagree on `{name}`: {first} and {second}")]
    Disagree {
        /// Parameter.
        name: String,
        /// Host.
        host: String,
        /// Where the one value was written.
        first: String,
        /// Where the other was.
        second: String,
    },
    /// A group that the inventory does not have.
    #[error("the inventory has no group `{name}`")]
    UnknownGroup {
        /// As written.
        name: String,
        /// Nearest.
        meant: Option<String>,
        /// All groups.
        known: Vec<String>,
    },
    /// A host that the inventory does not have.
    #[error("the inventory has no host `{name}`")]
    UnknownHost {
        /// As given.
        name: String,
        /// Nearest.
        meant: Option<String>,
        /// All hosts.
        known: Vec<String>,
    },
    /// A host of the inventory where one of a group is wanted.
    #[error("`{parameter}` is `{name}`, which is not in the group `{group}`")]
    NotInGroup {
        /// Parameter.
        parameter: String,
        /// As given.
        name: String,
        /// The group.
        group: String,
        /// Its hosts.
        known: String,
    },
    /// What the inventory says of a host is not fit: its own error, at its own place.
    #[error("{0}")]
    Inventory(Box<runbook_inventory::Problem>),
    /// A host pattern that means nothing.
    #[error("{text}")]
    Pattern {
        /// What is wrong with it.
        text: String,
        /// The mend.
        help: Option<String>,
    },
    /// No host in a target that may not be empty.
    #[error("the target `{name}` is empty")]
    EmptyTarget {
        /// Target.
        name: String,
        /// How its hosts are told.
        by: ChosenBy,
    },
    /// A number of hosts that the runbook does not allow.
    #[error("the target `{name}` has {found} hosts ({hosts}), and the runbook expects {expected}")]
    TargetCount {
        /// Target.
        name: String,
        /// Hosts found.
        found: usize,
        /// Their names.
        hosts: String,
        /// As `1, 3 or 5`.
        expected: String,
    },
    /// `--limit` leaves nothing to work on.
    #[error("`--limit {pattern}` leaves no host to work on")]
    LimitEmpty {
        /// Pattern.
        pattern: String,
        /// Hosts without it.
        hosts: String,
    },
    /// `--override` of a name that the runbook does not declare.
    #[error("the runbook `{runbook}` declares no override `{name}`")]
    UnknownOverride {
        /// As given.
        name: String,
        /// The runbook.
        runbook: String,
        /// Nearest.
        meant: Option<String>,
        /// Declared ones.
        known: Vec<String>,
    },
    /// Members of several clusters in one run.
    #[error("the members belong to several clusters: {clusters}")]
    SeveralClusters {
        /// Names.
        clusters: String,
    },
    /// A value that would be read as something else where it goes.
    #[error("{what} of {host} {why}: {value}")]
    UnsafeValue {
        /// Variable or field.
        what: String,
        /// Host.
        host: String,
        /// As `has a line break`.
        why: String,
        /// Escaped, in backticks.
        value: String,
    },
    /// A path that a run must not touch.
    #[error("the path {path} {why}")]
    UnsafePath {
        /// Escaped, in backticks.
        path: String,
        /// As `is not absolute`.
        why: &'static str,
    },
    /// A template that is not there.
    #[error("there is no template `{name}`: {detail}")]
    NoTemplate {
        /// Name.
        name: String,
        /// Where was looked.
        detail: String,
    },
    /// A template that does not render.
    #[error("the template `{name}` does not render for {host}: {detail}")]
    Template {
        /// Name.
        name: String,
        /// Host.
        host: String,
        /// minijinja's words; no values.
        detail: String,
    },
    /// A secret where it would be seen.
    #[error("the secret `{name}` would be written into {into}")]
    SecretShown {
        /// Parameter.
        name: String,
        /// As `the plan`.
        into: &'static str,
    },
    /// A file on this machine that cannot be used.
    #[error("`{path}` cannot be read: {detail}")]
    LocalFile {
        /// Path.
        path: String,
        /// Why.
        detail: String,
    },
    /// A file on this machine that would be replaced.
    #[error("`{path}` exists already")]
    WouldOverwrite {
        /// Path.
        path: String,
    },
    /// A service is to run that is not there.
    #[error("`{host}` has no service `{unit}`, and nothing before this brings one")]
    NoService {
        /// Host.
        host: String,
        /// Unit.
        unit: String,
    },
    /// An expression without a value.
    #[error("{why}")]
    Expression {
        /// Why.
        why: String,
    },
    /// Certificates cannot be planned.
    #[error("certificates in `{dir}` cannot be used: {detail}")]
    Pki {
        /// Directory on the control host.
        dir: String,
        /// Why.
        detail: String,
        /// The mend.
        help: &'static str,
    },
}

impl Fault {
    const fn code(&self) -> &'static str {
        match self {
            Fault::UnknownArgument { .. } => "runbook::plan::unknown-parameter",
            Fault::MissingParameter { .. } => "runbook::plan::missing-parameter",
            Fault::BadValue { .. } => "runbook::plan::bad-value",
            Fault::Disagree { .. } => "runbook::plan::groups-disagree",
            Fault::UnknownGroup { .. } => "runbook::plan::unknown-group",
            Fault::UnknownHost { .. } => "runbook::plan::unknown-host",
            Fault::NotInGroup { .. } => "runbook::plan::not-in-group",
            Fault::Inventory(_) => "runbook::plan::inventory",
            Fault::Pattern { .. } => "runbook::plan::pattern",
            Fault::EmptyTarget { .. } => "runbook::plan::empty-target",
            Fault::TargetCount { .. } => "runbook::plan::target-count",
            Fault::LimitEmpty { .. } => "runbook::plan::limit-empty",
            Fault::UnknownOverride { .. } => "runbook::plan::unknown-override",
            Fault::SeveralClusters { .. } => "runbook::plan::several-clusters",
            Fault::UnsafeValue { .. } => "runbook::plan::unsafe-value",
            Fault::UnsafePath { .. } => "runbook::plan::unsafe-path",
            Fault::NoTemplate { .. } => "runbook::plan::no-template",
            Fault::Template { .. } => "runbook::plan::template",
            Fault::SecretShown { .. } => "runbook::plan::secret-shown",
            Fault::LocalFile { .. } => "runbook::plan::local-file",
            Fault::WouldOverwrite { .. } => "runbook::plan::would-overwrite",
            Fault::NoService { .. } => "runbook::plan::no-service",
            Fault::Expression { .. } => "runbook::plan::expression",
            Fault::Pki { .. } => "runbook::plan::certificates",
        }
    }

    fn mend(&self) -> Option<String> {
        const SHOWN: usize = 12;
        let listed = |names: &[String]| match names {
            [] => "it has none".to_owned(),
            names if names.len() > SHOWN => {
                let first = names[..SHOWN].join(", ");
                format!("it has {first} and {} more", names.len() - SHOWN)
            }
            names => format!("it has {}", names.join(", ")),
        };
        let nearest = |meant: &Option<String>, known: &[String]| match meant {
            Some(name) => format!("did you mean `{name}`? {}", listed(known)),
            None => listed(known),
        };
        Some(match self {
            Fault::UnknownArgument { meant, known, .. }
            | Fault::UnknownGroup { meant, known, .. }
            | Fault::UnknownHost { meant, known, .. }
            | Fault::UnknownOverride { meant, known, .. } => nearest(meant, known),
            Fault::NotInGroup {
                parameter,
                group,
                known,
                ..
            } => format!(
                "write `-e {parameter}=NAME` of one of {known}; or put the host into the inventory's group `{group}`"
            ),
            Fault::MissingParameter { doc, example, .. } if doc.is_empty() => {
                format!("give it: {example}")
            }
            Fault::MissingParameter { doc, example, .. } => format!("{doc}. Give it: {example}"),
            Fault::Disagree { name, .. } => {
                format!(
                    "say which on the command line (-e {name}=...) or in the host's own variables"
                )
            }
            Fault::Pattern { help, .. } => return help.clone(),
            Fault::Pki { help, .. } => (*help).to_owned(),
            Fault::EmptyTarget { by, .. } => match by {
                ChosenBy::Group => {
                    "put hosts into the group, or write `expect any` if none is fine"
                }
                ChosenBy::Observation => {
                    "no member fits that now: `runbook status` shows who serves"
                }
                ChosenBy::Name => {
                    "at least one host has to be there: name others, or fewer, with `-e`"
                }
            }
            .to_owned(),
            Fault::TargetCount { found, .. } if found.is_multiple_of(2) => format!(
                "{found} members tolerate as many failures as {}: take a host out of the group, or add one",
                found - 1
            ),
            Fault::LimitEmpty { hosts, .. } => format!("without it the run works on {hosts}"),
            Fault::SeveralClusters { .. } => {
                "run once a cluster, or give all hosts the same etcd_cluster".to_owned()
            }
            Fault::SecretShown { .. } => {
                "keep it in a file and use `upload`: its content stays out of plans and logs"
                    .to_owned()
            }
            Fault::NoService { .. } => {
                "`deploy.etcdrb` makes a member's unit; others are made by what they belong to"
                    .to_owned()
            }
            Fault::WouldOverwrite { .. } => "name another file, or move this one away".to_owned(),
            _ => return None,
        })
    }
}

/// A fault and where it stands, inside the planner.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) fault: Box<Fault>,
    pub(crate) span: Option<Span>,
}

impl Problem {
    /// Points at a place of the runbook, unless one is known already.
    pub(crate) fn at(mut self, span: Span) -> Self {
        self.span = self.span.or(Some(span));
        self
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        Self {
            fault: Box::new(fault),
            span: None,
        }
    }
}

/// Shorthand of the planner's leaves.
pub(crate) type Outcome<T> = Result<T, Problem>;

/// An error of planning, ready to be shown.
#[derive(Clone, Debug)]
pub struct PlanError {
    fault: Fault,
    source: Option<NamedSource<String>>,
    span: Option<Span>,
}

impl PlanError {
    pub(crate) fn new(problem: Problem, runbook: &CheckedRunbook) -> Self {
        let source = problem
            .span
            .and_then(|span| runbook.sources().get(span.source))
            .map(|s| NamedSource::new(&s.name, s.text.clone()));
        Self {
            fault: *problem.fault,
            source,
            span: problem.span,
        }
    }

    /// What is wrong.
    pub const fn fault(&self) -> &Fault {
        &self.fault
    }

    /// Where in the runbook's sources, if one place is to blame.
    pub const fn span(&self) -> Option<Span> {
        self.span
    }
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.fmt(f)
    }
}

impl std::error::Error for PlanError {}

impl Diagnostic for PlanError {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        if let Fault::Inventory(problem) = &self.fault {
            return problem.code();
        }
        Some(Box::new(self.fault.code()))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        if let Fault::Inventory(problem) = &self.fault {
            return problem.help();
        }
        self.fault
            .mend()
            .map(|text| Box::new(text) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        if let Fault::Inventory(problem) = &self.fault {
            return problem.source_code();
        }
        self.source.as_ref().map(|s| s as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        if let Fault::Inventory(problem) = &self.fault {
            return problem.labels();
        }
        let span = self.span?;
        self.source.as_ref()?;
        let label = LabeledSpan::new(None, span.start, span.end.saturating_sub(span.start));
        Some(Box::new(std::iter::once(label)))
    }
}

/// A value as shown in messages: escaped, cut, in backticks.
pub(crate) fn shown(text: &str) -> String {
    const LONGEST: usize = 80;
    let mut out: String = text.chars().take(LONGEST).flat_map(escape).collect();
    if text.chars().nth(LONGEST).is_some() {
        out.push_str("...");
    }
    format!("`{out}`")
}

fn escape(c: char) -> Vec<char> {
    if c.is_control() || is_bidi(c) {
        c.escape_default().collect()
    } else {
        vec![c]
    }
}

const fn is_bidi(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
}

/// The nearest of `known` to `name`, if one alone is near enough to be a slip.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut near: Vec<_> = known
        .map(|k| (strsim::damerau_levenshtein(name, k), k))
        .filter(|(distance, k)| *distance <= 1 + name.len().min(k.len()) / 3)
        .collect();
    near.sort_unstable();
    match near.as_slice() {
        // Numbered hosts are all as near: to name one of them would be a guess.
        [(first, _), (second, _), ..] if first == second => None,
        [(_, one), ..] => Some((*one).to_owned()),
        [] => None,
    }
}

/// A span as the plan keeps it.
pub(crate) const fn place(span: Span) -> runbook_model::plan::Place {
    runbook_model::plan::Place {
        source: span.source,
        start: span.start,
        end: span.end,
    }
}
