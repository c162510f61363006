//! Values inside expressions and templates: quoted, never spliced.

/// A string of PromQL in double quotes.
pub(crate) fn string(value: &str) -> String {
    let mut out = String::from('"');
    for c in value.chars() {
        match c {
            '"' => out += "\\\"",
            '\\' => out += "\\\\",
            '\n' => out += "\\n",
            c if c.is_control() => out += &format!("\\u{:04x}", u32::from(c)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Text that Prometheus' templates leave as it is: annotations are templates, and a path may hold `{{`.
pub(crate) fn literal(value: &str) -> String {
    value.replace("{{", "{{ \"{{\" }}")
}

#[cfg(test)]
mod tests {
    use super::{literal, string};

    #[test]
    fn nothing_ends_a_string_early() {
        assert_eq!(string("etcd"), "\"etcd\"");
        assert_eq!(
            string("a\"} or up{\\\n\u{1}"),
            "\"a\\\"} or up{\\\\\\n\\u0001\""
        );
    }

    #[test]
    fn nothing_begins_a_template() {
        assert_eq!(literal("prod.inv"), "prod.inv");
        assert_eq!(literal("{{{ x }}"), "{{ \"{{\" }}{ x }}");
    }
}
