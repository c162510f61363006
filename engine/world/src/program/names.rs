//! Which values may be paths and names on a host.

use crate::quote::NulByte;

/// A value that no action may carry. Nothing is sent to the host then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadValue {
    /// Holds a NUL.
    #[error(transparent)]
    Nul(#[from] NulByte),
    /// Not an absolute path, or one that goes up, or with control characters.
    #[error(
        "the path `{0}` cannot be used: it must be absolute, without `..` and control characters"
    )]
    Path(String),
    /// Not a plain name.
    #[error("the {what} `{value}` cannot be used: it must be a plain name")]
    Name {
        /// Of what.
        what: &'static str,
        /// The name, escaped.
        value: String,
    },
    /// A plain process without its description.
    #[error("the service `{0}` has the process manager but no description of its process")]
    NoProcess(String),
}

/// An absolute path without detours: no `.`, `..`, empty components, trailing slash or control characters.
///
/// # Errors
/// It is none.
pub fn path(value: &str) -> Result<String, BadValue> {
    let bad = || BadValue::Path(crate::text::line(value.as_bytes()));
    if !value.starts_with('/') || value.chars().any(char::is_control) {
        return Err(bad());
    }
    let components: Vec<&str> = value
        .split('/')
        .filter(|c| !c.is_empty() && *c != ".")
        .collect();
    if components.contains(&"..") {
        return Err(bad());
    }
    Ok(format!("/{}", components.join("/")))
}

/// A unit, package, user, variable or member name: letters, digits and `._:@+-`, not beginning with `-`.
///
/// # Errors
/// It is none.
pub fn name<'a>(what: &'static str, value: &'a str) -> Result<&'a str, BadValue> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._:@+~\\-".contains(c);
    if value.is_empty() || value.starts_with('-') || value.len() > 255 || !value.chars().all(plain)
    {
        return Err(BadValue::Name {
            what,
            value: crate::text::line(value.as_bytes()),
        });
    }
    Ok(value)
}

/// Any text as one component of a path on a host: plain names stay, anything else is spelled in hex; never `.` or `..`, never too long.
pub fn component(text: &str) -> String {
    use sha2::{Digest, Sha256};
    let mut out = String::new();
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'.' if at == 0 => out.push_str("%2e"),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'-' => {
                out.push(char::from(byte))
            }
            other => out.push_str(&format!("%{other:02x}")),
        }
    }
    // A run's and a host's stand in one file name, and that has room for 255 bytes.
    if out.len() > 110 {
        out.truncate(70);
        out.push('%');
        out.push_str(&hex::encode(&Sha256::digest(text.as_bytes())[..16]));
    }
    if out.is_empty() { "%".to_owned() } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_absolute_paths_without_detours_pass() {
        assert_eq!(path("/var/lib//etcd/./"), Ok("/var/lib/etcd".to_owned()));
        assert_eq!(path("/a'b $(x)"), Ok("/a'b $(x)".to_owned()));
        for bad in [
            "",
            "etcd",
            "/var/../etc",
            "/..",
            "/a\nb",
            "/a\0",
            "-rf",
            "~/x",
        ] {
            assert!(path(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn names_are_plain() {
        for good in ["etcd", "etcd@a", "kube-apiserver", "3.5.16-4+b1", "a\\x2db"] {
            assert_eq!(name("unit", good), Ok(good));
        }
        for bad in ["", "-f", "a b", "a;b", "a/b", "$(id)", "a\nb"] {
            assert!(name("unit", bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_one_component(a in "\\PC{0,300}", b in "\\PC{0,300}") {
            let made = component(&a);
            prop_assert!(!made.is_empty() && made.len() <= 110 && !made.contains('/') && !made.starts_with('.'));
            prop_assert!(a == b || made != component(&b));
        }
    }
}
