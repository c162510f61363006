//! Environment files as systemd's `EnvironmentFile=` and a POSIX shell both read them: one quoting that means the same to both.

use std::collections::BTreeMap;

use runbook_model::facts::COMPARED_SETTINGS;

/// A value as it stands after `NAME=`: bare where that is safe, else in double quotes with `\`, `"`, `$` and `` ` `` escaped.
///
/// Single quotes would not do: systemd and sh disagree on what follows a closed one. Line breaks are refused before.
pub(crate) fn quote(value: &str) -> String {
    let bare = !value.is_empty()
        && value
            .chars()
            .all(|c| c.is_alphanumeric() || "_./:,=@%+-[]".contains(c));
    if bare || value.is_empty() {
        return value.to_owned();
    }
    let mut out = String::with_capacity(value.len() + 2);
    out.push('"');
    for c in value.chars() {
        if matches!(c, '\\' | '"' | '$' | '`') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

/// The value of `name` in an environment file, the last one if it is set twice.
pub(crate) fn get(text: &str, name: &str) -> Option<String> {
    text.lines()
        .filter_map(|line| {
            let (key, value) = line.trim().split_once('=')?;
            (key.trim() == name).then(|| unquote(value.trim()))
        })
        .next_back()
}

/// Those settings of an environment file that a running member is compared by.
pub(crate) fn compared(text: &str) -> BTreeMap<String, String> {
    let names = COMPARED_SETTINGS.iter();
    let set = names.filter_map(|name| Some(((*name).to_owned(), get(text, name)?)));
    set.collect()
}

fn unquote(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars();
    let mut quote: Option<char> = None;
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (Some('\''), c) => out.push(c),
            (Some(_), '\\') => match chars.next() {
                Some(e @ ('\\' | '"' | '$' | '`')) => out.push(e),
                Some(other) => out.extend(['\\', other]),
                None => out.push('\\'),
            },
            (None, '\\') => out.extend(chars.next()),
            (_, c) => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quoted_reads_back_the_same_by_us_and_by_sh() {
        for value in [
            "etcd1",
            "https://[fe80::1]:2380",
            "a=https://1:2380,b=https://2:2380",
            "$(touch /tmp/x)",
            "'; rm -rf /",
            "{{ 7*7 }}",
            "back\\slash \"quoted\" `tick` #no comment",
            "",
        ] {
            let line = format!("V={}\n", quote(value));
            assert_eq!(get(&line, "V").as_deref(), Some(value), "{line}");
            let out = std::process::Command::new("sh")
                .args(["-c", &format!("{line} printf %s \"$V\"")])
                .output()
                .unwrap();
            assert_eq!(String::from_utf8_lossy(&out.stdout), value, "{line}");
        }
    }

    #[test]
    fn the_last_assignment_wins_and_comments_are_no_values() {
        let text = "# V=0\nV=1\nW='a b'\n V = 2 \n";
        assert_eq!(get(text, "V").as_deref(), Some("2"));
        assert_eq!(get(text, "W").as_deref(), Some("a b"));
        assert_eq!(get(text, "X"), None);
    }
}
