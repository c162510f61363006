//! Values of parameters and expressions, and how text becomes one.

use std::fmt;

use runbook_dsl::catalogue::Type;
use runbook_model::host::HostName;
use serde_json::Value as Json;

/// A value. `Debug` and `Display` never show a secret.
#[derive(Clone, PartialEq)]
pub(crate) enum Value {
    /// An optional parameter that was not given.
    Unset,
    Bool(bool),
    Int(i64),
    /// Bytes.
    Bytes(u64),
    /// Milliseconds.
    Duration(u64),
    /// Text, path, url, version, sha256, enum.
    Text(String),
    /// Of the parameter of this name. The value itself is not kept: nothing that plans may show it.
    Secret(String),
    List(Vec<Value>),
    Hosts(Vec<HostName>),
    /// What `snapshot.inspect` gives: the file's path.
    Snapshot(String),
    /// Cannot be known before the run, or before the probe: why.
    Unknown(String),
}

impl Value {
    /// As it stands inside a text; none where it has no text form.
    pub(crate) fn text(&self) -> Option<String> {
        Some(match self {
            Value::Bool(b) => b.to_string(),
            Value::Int(n) => n.to_string(),
            Value::Bytes(n) => n.to_string(),
            Value::Duration(ms) => duration_text(*ms),
            Value::Text(text) => text.clone(),
            Value::List(items) => items
                .iter()
                .map(Value::text)
                .collect::<Option<Vec<_>>>()?
                .join(","),
            Value::Hosts(hosts) => hosts
                .iter()
                .map(HostName::as_str)
                .collect::<Vec<_>>()
                .join(","),
            Value::Snapshot(path) => path.clone(),
            Value::Unset | Value::Secret(_) | Value::Unknown(_) => return None,
        })
    }

    /// What it is, in words.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Value::Unset => "unset",
            Value::Bool(_) => "a bool",
            Value::Int(_) => "a whole number",
            Value::Bytes(_) => "a size",
            Value::Duration(_) => "a duration",
            Value::Text(_) => "text",
            Value::Secret(_) => "a secret",
            Value::List(_) => "a list",
            Value::Hosts(_) => "hosts",
            Value::Snapshot(_) => "a snapshot",
            Value::Unknown(_) => "unknown",
        }
    }

    /// For minijinja: none for what a template must not or cannot show.
    pub(crate) fn json(&self) -> Option<Json> {
        Some(match self {
            Value::Unset => Json::Null,
            Value::Bool(b) => Json::from(*b),
            Value::Int(n) => Json::from(*n),
            Value::Bytes(n) => Json::from(*n),
            Value::List(items) => {
                Json::Array(items.iter().map(Value::json).collect::<Option<Vec<_>>>()?)
            }
            Value::Hosts(hosts) => hosts.iter().map(HostName::as_str).collect(),
            Value::Secret(_) | Value::Unknown(_) => return None,
            other => Json::from(other.text()?),
        })
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Unset => f.write_str("unset"),
            Value::Secret(_) => f.write_str("********"),
            Value::Unknown(_) => f.write_str("known in the run"),
            Value::Bytes(n) => f.write_str(&runbook_model::units::bytes(*n)),
            other => f.write_str(&other.text().unwrap_or_default()),
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// As the language writes it: `1m30s`.
pub(crate) fn duration_text(ms: u64) -> String {
    if ms == 0 {
        return "0s".to_owned();
    }
    let mut rest = ms;
    let mut out = String::new();
    for (unit, scale) in [("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)] {
        if rest >= scale {
            out.push_str(&format!("{}{unit}", rest / scale));
            rest %= scale;
        }
    }
    out
}

/// What a type wants, in words: also the end of "which is not ...".
pub(crate) fn wanted(ty: &Type) -> String {
    match ty {
        Type::Bool => "`true` or `false`".to_owned(),
        Type::Int => "a whole number".to_owned(),
        Type::Bytes => "a size as `200MiB`".to_owned(),
        Type::Duration => "a duration as `5m` or `1m30s`".to_owned(),
        Type::Text | Type::Secret => "text".to_owned(),
        Type::Path => "a path".to_owned(),
        Type::Url => "a URL as `https://10.0.0.1:2380`".to_owned(),
        Type::Host => "a host of the inventory".to_owned(),
        Type::HostOf(group) => format!("a host of the group `{group}`"),
        Type::Version => "a version as `3.5.16`".to_owned(),
        Type::Sha256 => "a SHA-256: 64 hex digits".to_owned(),
        Type::Enum(words) => format!("one of {}", words.join(", ")),
        Type::List(of) => match of.as_ref() {
            Type::HostOf(group) => format!("a list of hosts of the group `{group}`"),
            of => format!("a list, each {}", wanted(of)),
        },
        Type::Optional(of) => wanted(of),
        Type::Target => "hosts".to_owned(),
        Type::Snapshot => "a snapshot".to_owned(),
    }
}

/// A placeholder for examples on the command line: `FILE`.
pub(crate) fn placeholder(ty: &Type) -> String {
    match ty {
        Type::Bool => "true".to_owned(),
        Type::Int => "N".to_owned(),
        Type::Bytes => "200MiB".to_owned(),
        Type::Duration => "5m".to_owned(),
        Type::Text => "TEXT".to_owned(),
        Type::Secret => "SECRET".to_owned(),
        Type::Path | Type::Snapshot => "FILE".to_owned(),
        Type::Url => "URL".to_owned(),
        Type::Host | Type::HostOf(_) | Type::Target => "HOST".to_owned(),
        Type::Version => "3.5.16".to_owned(),
        Type::Sha256 => "HEX".to_owned(),
        Type::Enum(words) => words.join("|"),
        Type::List(of) => format!("{0}[,{0}]", placeholder(of)),
        Type::Optional(of) => placeholder(of),
    }
}

/// A value of type `ty` from what stands on a command line, in a file or an inventory; none where it is not one.
pub(crate) fn read(name: &str, raw: &Json, ty: &Type) -> Option<Value> {
    match (ty, raw) {
        (Type::Optional(_), Json::Null) => Some(Value::Unset),
        (Type::Optional(of), raw) => read(name, raw, of),
        (_, Json::Null | Json::Object(_)) => None,
        (Type::List(of), Json::Array(items)) => items
            .iter()
            .map(|item| read(name, item, of))
            .collect::<Option<Vec<_>>>()
            .filter(|items| holds_some(of, items))
            .map(Value::List),
        (_, Json::Array(_)) => None,
        (ty, Json::String(text)) => parse(name, text, ty),
        (ty, Json::Bool(b)) => parse(name, if *b { "true" } else { "false" }, ty),
        (ty, Json::Number(n)) => parse(name, &n.to_string(), ty),
    }
}

/// No host at all is nobody's choice: a variable that was empty would leave every step out.
const fn holds_some(of: &Type, items: &[Value]) -> bool {
    !matches!(of, Type::Host | Type::HostOf(_)) || !items.is_empty()
}

fn parse(name: &str, text: &str, ty: &Type) -> Option<Value> {
    let sound = !text.contains('\0');
    match ty {
        Type::Bool => match text {
            "true" | "True" | "yes" => Some(Value::Bool(true)),
            "false" | "False" | "no" => Some(Value::Bool(false)),
            _ => None,
        },
        Type::Int => int(text).map(Value::Int),
        Type::Bytes => bytes(text).map(Value::Bytes),
        Type::Duration => duration(text).map(Value::Duration),
        Type::Secret => Some(Value::Secret(name.to_owned())),
        Type::Text => sound.then(|| Value::Text(text.to_owned())),
        Type::Path => {
            let fine = !text.is_empty() && !text.chars().any(char::is_control);
            fine.then(|| Value::Text(text.to_owned()))
        }
        Type::Url => is_url(text).then(|| Value::Text(text.to_owned())),
        Type::Host | Type::HostOf(_) => (!text.is_empty()).then(|| Value::Text(text.to_owned())),
        Type::Version => is_version(text).then(|| Value::Text(text.to_owned())),
        Type::Sha256 => {
            let fine = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
            fine.then(|| Value::Text(text.to_ascii_lowercase()))
        }
        Type::Enum(words) => words
            .iter()
            .any(|w| w == text)
            .then(|| Value::Text(text.to_owned())),
        Type::List(of) => text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(|part| parse(name, part, of))
            .collect::<Option<Vec<_>>>()
            .filter(|items| holds_some(of, items))
            .map(Value::List),
        Type::Optional(of) => parse(name, text, of),
        Type::Target | Type::Snapshot => None,
    }
}

fn int(text: &str) -> Option<i64> {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    let digits = text.strip_prefix('-').unwrap_or(text);
    let fine = edge(digits.chars().next()) && edge(digits.chars().next_back());
    fine.then(|| text.replace('_', "").parse().ok()).flatten()
}

const SIZES: &[(&str, u64)] = &[
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("B", 1),
];

fn bytes(text: &str) -> Option<u64> {
    let (digits, scale) = SIZES
        .iter()
        .find_map(|(unit, scale)| Some((text.strip_suffix(unit)?, *scale)))
        .unwrap_or((text, 1));
    u64::try_from(int(digits.trim_end())?)
        .ok()?
        .checked_mul(scale)
}

const TIMES: &[(&str, u64)] = &[
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

/// Milliseconds of a duration as the language writes it: `24h`, `1m30s`.
pub fn duration(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut sum = 0u64;
    let mut last = u64::MAX;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '_')?;
        let (number, tail) = rest.split_at(digits);
        let unit = tail
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit);
        let scale = TIMES.iter().find(|(u, _)| *u == unit)?.1;
        if scale >= last {
            return None;
        }
        last = scale;
        let part = u64::try_from(int(number)?).ok()?.checked_mul(scale)?;
        sum = sum.checked_add(part)?;
        rest = tail;
    }
    (!text.is_empty()).then_some(sum)
}

fn is_url(text: &str) -> bool {
    let Some(rest) = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"))
    else {
        return false;
    };
    !rest.is_empty()
        && !rest
            .chars()
            .any(|c| c.is_control() || c.is_whitespace() || "\"'<>\\^`{|}".contains(c))
}

fn is_version(text: &str) -> bool {
    let core = text.strip_prefix('v').unwrap_or(text);
    let core = core.split(['-', '+']).next().unwrap_or_default();
    let parts: Vec<_> = core.split('.').collect();
    (2..=3).contains(&parts.len())
        && parts
            .iter()
            .all(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()))
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || ".-+~".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str, ty: &Type) -> Option<Value> {
        read("p", &Json::from(text), ty)
    }

    #[test]
    fn text_is_read_by_its_type() {
        let cases: &[(&str, Type, Option<Value>)] = &[
            ("true", Type::Bool, Some(Value::Bool(true))),
            ("maybe", Type::Bool, None),
            ("1_000", Type::Int, Some(Value::Int(1000))),
            ("_1", Type::Int, None),
            ("9999999999999999999", Type::Int, None),
            ("200MiB", Type::Bytes, Some(Value::Bytes(200 << 20))),
            ("20PB", Type::Bytes, None),
            ("-1KB", Type::Bytes, None),
            ("1m30s", Type::Duration, Some(Value::Duration(90_000))),
            ("30s1m", Type::Duration, None),
            ("5", Type::Duration, None),
            ("", Type::Path, None),
            ("a\nb", Type::Path, None),
            (
                "https://10.0.0.1:2380",
                Type::Url,
                Some(Value::Text("https://10.0.0.1:2380".into())),
            ),
            ("ftp://x", Type::Url, None),
            ("3.5.16", Type::Version, Some(Value::Text("3.5.16".into()))),
            ("three", Type::Version, None),
            ("3.5.x", Type::Version, None),
            (
                &"AB".repeat(32),
                Type::Sha256,
                Some(Value::Text("ab".repeat(32))),
            ),
            ("abc", Type::Sha256, None),
        ];
        for (text, ty, expected) in cases {
            assert_eq!(&parsed(text, ty), expected, "{text} as {ty:?}");
        }
        let hosts = Type::List(Box::new(Type::Host));
        assert_eq!(
            parsed("a, b", &hosts),
            Some(Value::List(vec![
                Value::Text("a".into()),
                Value::Text("b".into())
            ]))
        );
    }

    #[test]
    fn secrets_are_not_kept() {
        let secret = parsed("hunter2", &Type::Secret).unwrap();
        assert_eq!(format!("{secret:?} {secret}"), "******** ********");
        assert_eq!(secret.text(), None);
    }

    #[test]
    fn durations_read_back() {
        for ms in [0, 1, 90_000, 3_600_000, 3_661_001] {
            assert_eq!(duration(&duration_text(ms)), Some(ms));
        }
    }
}
