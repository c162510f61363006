//! Every fact that can be wrong with an inventory: its words, its code, its mend. One table.

/// What is wrong with a range such as `[1:3]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RangeFault {
    /// Not two or three parts.
    #[error("it is not `begin:end` or `begin:end:step`")]
    Shape,
    /// `[1:]`.
    #[error("it has no end")]
    NoEnd,
    /// `[3:1]`: Ansible makes no host of it, silently.
    #[error("it runs backwards, so it names no host")]
    Backwards,
    /// `[01:100]`.
    #[error("its ends differ in length, though the first has leading zeros")]
    Width,
    /// `[a:3]`, `[x1:x3]`.
    #[error("its ends are neither two numbers nor two letters")]
    Ends,
    /// `[1:9:0]`.
    #[error("its step is not a number above zero")]
    Step,
    /// `h[1:3` or `h]`.
    #[error("its brackets do not match")]
    Brackets,
    /// More names than any fleet has.
    #[error("it names more than 100000 hosts")]
    TooMany,
}

/// One thing that is wrong (or, for those of [`Fact::is_warning`], doubtful) with an inventory.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[allow(missing_docs)] // the message beside each variant is its documentation
pub enum Fact {
    // reading
    #[error("there is no inventory at `{path}`")]
    NotFound { path: String, near: Option<String> },
    #[error("cannot be read: {why}")]
    Unreadable { why: String },
    #[error("the text is not UTF-8")]
    NotText,
    #[error("`{path}` holds no inventory file")]
    EmptyDirectory { path: String },
    #[error("{what} are not supported")]
    Unsupported {
        what: &'static str,
        instead: &'static str,
    },
    #[error("the inventory script {why}")]
    Script { why: String, stderr: String },
    // INI
    #[error("this is not a section header that Ansible would read")]
    BadSection,
    #[error("`{tag}` is no kind of section")]
    SectionKind { tag: String, near: Option<String> },
    #[error("a quote is opened here and never closed")]
    OpenQuote,
    #[error("a backslash at the end of the line escapes nothing")]
    OpenEscape,
    #[error("`{word}` is not `name=value`")]
    NotKeyValue { word: String },
    #[error("a group name is wanted here")]
    NotGroupName,
    #[error("the range `{range}` is wrong: {fault}")]
    Range { range: String, fault: RangeFault },
    #[error("`{name}` is not a host name: {why}")]
    HostName { name: String, why: &'static str },
    // groups
    #[error("group `{child}` is not defined")]
    UndefinedChild { child: String, near: Option<String> },
    #[error("variables for group `{group}`, which is not defined")]
    UndefinedVars { group: String, near: Option<String> },
    #[error("group `{child}` under `{parent}` closes a circle")]
    Cycle { parent: String, child: String },
    #[error("`ansible_group_priority` wants a whole number")]
    Priority,
    // YAML and JSON
    #[error("this is not YAML: {why}")]
    Yaml { why: String },
    #[error("this is not JSON: {why}")]
    Json { why: String },
    #[error("{what} wants {wanted}, and this is {found}")]
    Shape {
        what: String,
        wanted: &'static str,
        found: &'static str,
    },
    // values that this tool reads
    #[error("`{name}` wants {wanted}")]
    Value {
        name: String,
        wanted: String,
        found: Option<String>,
    },
    #[error("`{name}` is a template, and values are never evaluated")]
    Template { name: String },
    #[error("`{name}` is not fit for {purpose}: {why}")]
    Unsafe {
        name: String,
        purpose: &'static str,
        why: &'static str,
    },
    #[error("`{name}` is missing, and {because}")]
    Missing {
        name: &'static str,
        because: &'static str,
    },
    #[error("`{name}` may not be `{path}`: {why}")]
    Path {
        name: String,
        path: String,
        why: &'static str,
    },
    #[error("`{this}` and `{that}` have the same {what}")]
    Clash {
        this: String,
        that: String,
        what: String,
    },
    // warnings
    #[error("`#` starts a comment here and cuts the value of `{name}`")]
    CutValue { name: String },
    #[error("`{name}` is a password in plain text")]
    PlainPassword { name: String },
    #[error("`{name}` is the name of a group and of a host")]
    HostLikeGroup { name: String },
    #[error("`{key}` says nothing here and is skipped")]
    Skipped { key: String, near: Option<String> },
    #[error("`{key}` stands twice; the last one counts")]
    Twice { key: String },
    #[error("`{name}` is not a variable that runbook knows")]
    UnknownVariable { name: String, near: Option<String> },
    #[error("the port of `{host}` was set where the host first appeared; this one does not count")]
    IgnoredPort { host: String },
    #[error("the inventory script wrote to standard error")]
    ScriptNoise { stderr: String },
    #[error("`{name}` is not used: logins are by key")]
    UnusedPassword { name: String },
    #[error("this is YAML's name, but it reads as INI")]
    IniInYaml,
}

impl Fact {
    /// The last part of its diagnostic code.
    pub fn code(&self) -> &'static str {
        match self {
            Fact::NotFound { .. } => "not_found",
            Fact::Unreadable { .. } => "unreadable",
            Fact::NotText => "not_text",
            Fact::EmptyDirectory { .. } => "empty_directory",
            Fact::Unsupported { .. } => "unsupported",
            Fact::Script { .. } => "script",
            Fact::BadSection => "section",
            Fact::SectionKind { .. } => "section_kind",
            Fact::OpenQuote => "open_quote",
            Fact::OpenEscape => "open_escape",
            Fact::NotKeyValue { .. } => "not_key_value",
            Fact::NotGroupName => "group_name",
            Fact::Range { .. } => "range",
            Fact::HostName { .. } => "host_name",
            Fact::UndefinedChild { .. } => "undefined_child",
            Fact::UndefinedVars { .. } => "undefined_group",
            Fact::Cycle { .. } => "cycle",
            Fact::Priority => "priority",
            Fact::Yaml { .. } => "yaml",
            Fact::Json { .. } => "json",
            Fact::Shape { .. } => "shape",
            Fact::Value { .. } => "value",
            Fact::Template { .. } => "template",
            Fact::Unsafe { .. } => "unsafe",
            Fact::Missing { .. } => "missing",
            Fact::Path { .. } => "path",
            Fact::Clash { .. } => "clash",
            Fact::CutValue { .. } => "cut_value",
            Fact::PlainPassword { .. } => "plain_password",
            Fact::HostLikeGroup { .. } => "host_like_group",
            Fact::Skipped { .. } => "skipped",
            Fact::Twice { .. } => "twice",
            Fact::UnknownVariable { .. } => "unknown_variable",
            Fact::IgnoredPort { .. } => "ignored_port",
            Fact::ScriptNoise { .. } => "script_noise",
            Fact::UnusedPassword { .. } => "unused_password",
            Fact::IniInYaml => "ini_in_yaml",
        }
    }

    /// Is the inventory usable all the same?
    pub fn is_warning(&self) -> bool {
        matches!(
            self,
            Fact::CutValue { .. }
                | Fact::PlainPassword { .. }
                | Fact::HostLikeGroup { .. }
                | Fact::Skipped { .. }
                | Fact::Twice { .. }
                | Fact::UnknownVariable { .. }
                | Fact::IgnoredPort { .. }
                | Fact::ScriptNoise { .. }
                | Fact::UnusedPassword { .. }
                | Fact::IniInYaml
        )
    }

    /// The word beside the underline.
    pub fn label(&self) -> Option<&'static str> {
        Some(match self {
            Fact::OpenQuote => "opened here",
            Fact::UndefinedChild { .. } | Fact::UndefinedVars { .. } => "no such group",
            Fact::Cycle { .. } => "already an ancestor",
            Fact::CutValue { .. } => "ignored from here on",
            Fact::Template { .. } => "kept as text",
            Fact::Clash { .. } | Fact::Twice { .. } => "again here",
            _ => "here",
        })
    }

    /// The mend.
    pub fn help(&self) -> Option<String> {
        let near = |near: &Option<String>| near.as_ref().map(|n| format!("did you mean `{n}`?"));
        Some(match self {
            Fact::NotFound { path, near } => match near {
                Some(near) => format!("did you mean `{near}`?"),
                // No host's name has a slash, and few end like a file's.
                None if path.contains('/') || is_file_name(path) => {
                    "a relative path begins at the current directory".into()
                }
                None => format!("a list of hosts ends with a comma: `-i {path},`"),
            },
            Fact::NotText => "save the file as UTF-8".into(),
            Fact::EmptyDirectory { .. } => {
                "files ending in ~ .bak .cfg .md .orig .retry .rpm .rst .swp .txt and hidden ones are skipped".into()
            }
            Fact::Unsupported { instead, .. } => (*instead).into(),
            Fact::Script { stderr, .. } | Fact::ScriptNoise { stderr } if !stderr.is_empty() => {
                format!("it wrote: {stderr}")
            }
            Fact::BadSection => {
                "write `[name]`, `[name:children]` or `[name:vars]`, without spaces; a comment after it starts with `#`".into()
            }
            Fact::SectionKind { near: n, .. } => {
                near(n).unwrap_or_else(|| "the kinds are `children` and `vars`; a group of hosts has none".into())
            }
            Fact::OpenQuote => "close the quote, or escape it with a backslash".into(),
            Fact::OpenEscape => "write two backslashes, or put the value in quotes".into(),
            Fact::NotKeyValue { .. } => "no spaces around `=`; a value with spaces stands in quotes".into(),
            Fact::NotGroupName => "one name a line, without spaces, `:` or `]`".into(),
            Fact::Range { .. } => "for example `etcd[1:3]`, `etcd[01:09:2]`, `etcd-[a:c]`".into(),
            Fact::UndefinedChild { child, near: n } => near(n).unwrap_or_else(|| format!("add a section `[{child}]`")),
            Fact::UndefinedVars { group, near: n } => near(n).unwrap_or_else(|| format!("add a section `[{group}]`")),
            Fact::Cycle { child, parent } => format!("take `{child}` out of `{parent}`, or `{parent}` out of what stands below `{child}`"),
            Fact::Value { found: Some(found), .. } => format!("it is `{found}`"),
            Fact::Template { .. } => "write the value itself".into(),
            Fact::Missing { name, .. } => format!("set `{name}` for the group or the host"),
            Fact::Path { .. } => "name a directory of its own, such as `/var/lib/etcd`".into(),
            Fact::Clash { .. } => "give one of them another value".into(),
            Fact::CutValue { .. } => "put the value in quotes to keep the `#`".into(),
            Fact::PlainPassword { .. } => {
                "take it out of the inventory: log in by key, let sudo ask nothing, or use -K".into()
            }
            Fact::UnusedPassword { .. } => "set up a key for ssh and remove the variable".into(),
            Fact::HostLikeGroup { .. } => "Ansible then gives the host's own variables to the group; rename one of them".into(),
            Fact::Skipped { near: n, .. } => near(n).unwrap_or_else(|| "a group has `hosts`, `vars` and `children`".into()),
            Fact::UnknownVariable { near: n, .. } => near(n)?,
            Fact::IniInYaml => "name the file `.ini`".into(),
            _ => return None,
        })
    }
}

/// Whether the name ends as inventories do.
fn is_file_name(name: &str) -> bool {
    let ending = std::path::Path::new(name).extension();
    ending.is_some_and(|e| {
        ["inv", "ini", "yml", "yaml", "json"]
            .iter()
            .any(|known| e == *known)
    })
}
