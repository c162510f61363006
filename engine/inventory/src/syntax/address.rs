//! Host names of an inventory: ports split off, ranges expanded.

use std::net::Ipv6Addr;

use crate::fact::RangeFault;

/// Hosts that one name may stand for, and the most that a range may make.
const MOST: usize = 100_000;

/// A host or a pattern of hosts, its port split off where Ansible splits it off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The name, ranges not yet expanded.
    pub host: String,
    /// The port after `:`.
    pub port: Option<u64>,
}

/// Splits `host:22` and `[fe80::1]:22`; what is not an address with a port (`h1:22:33`) is a plain name.
pub fn split_port(text: &str) -> Address {
    recognise(text).unwrap_or_else(|| Address {
        host: text.to_owned(),
        port: None,
    })
}

/// As [`split_port`], none where Ansible's parser gives up.
pub fn recognise(text: &str) -> Option<Address> {
    let (mut host, mut port) = (text, None);
    if let Some((inner, p)) = bracketed_port(host) {
        (host, port) = (inner, Some(p));
    }
    if let Some((inner, p)) = plain_port(host) {
        (host, port) = (inner, Some(p));
    }
    (is_ipv6(host) || is_hostname(host)).then(|| Address {
        host: host.to_owned(),
        port,
    })
}

fn digits(text: &str) -> Option<u64> {
    // Longer digit strings are no port at all; they stay out of range and are refused where a port is read.
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()))
        .then(|| text.parse().unwrap_or(u64::MAX))
}

fn bracketed_port(text: &str) -> Option<(&str, u64)> {
    let (host, port) = text.strip_prefix('[')?.rsplit_once("]:")?;
    (!host.is_empty()).then_some(())?;
    Some((host, digits(port)?))
}

fn plain_port(text: &str) -> Option<(&str, u64)> {
    let (host, port) = text.rsplit_once(':')?;
    let port = digits(port)?;
    let mut inside = false;
    for c in host.chars() {
        match (c, inside) {
            ('[', false) => inside = true,
            (']', true) => inside = false,
            (':' | ']', false) => return None,
            _ => {}
        }
    }
    (!inside).then_some((host, port))
}

fn is_ipv6(text: &str) -> bool {
    if !text.contains(':') {
        return false;
    }
    // A range stands for one component.
    let mut plain = String::new();
    let mut rest = text;
    while let Some((head, tail)) = rest.split_once('[') {
        let Some((range, tail)) = tail.split_once(']') else {
            return false;
        };
        let parts: Vec<&str> = range.split(':').collect();
        if !(2..=3).contains(&parts.len())
            || !parts
                .iter()
                .all(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_hexdigit()))
        {
            return false;
        }
        plain.push_str(head);
        plain.push('0');
        rest = tail;
    }
    plain.push_str(rest);
    plain.parse::<Ipv6Addr>().is_ok()
}

fn is_hostname(text: &str) -> bool {
    let mut rest = text;
    let (mut fresh, mut last) = (true, ' ');
    while let Some(c) = rest.chars().next() {
        match c {
            '[' => {
                let Some(end) = rest.find(']') else {
                    return false;
                };
                if !is_name_range(&rest[1..end]) {
                    return false;
                }
                rest = &rest[end + 1..];
                (fresh, last) = (false, ']');
                continue;
            }
            '.' => {
                if fresh || matches!(last, '_' | '-') {
                    return false;
                }
                fresh = true;
            }
            '-' if fresh => return false,
            c if c.is_alphanumeric() || c == '_' || c == '-' => fresh = false,
            _ => return false,
        }
        last = c;
        rest = &rest[c.len_utf8()..];
    }
    !fresh && !matches!(last, '_' | '-')
}

fn is_name_range(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    let number = |p: &str| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit());
    let letter = |p: &str| p.len() == 1 && p.bytes().all(|b| b.is_ascii_alphabetic());
    match parts.as_slice() {
        [a, b] | [a, b, _] if (number(a) && number(b)) || (letter(a) && letter(b)) => {
            parts.get(2).is_none_or(|s| number(s))
        }
        _ => false,
    }
}

/// A range that is wrong: its text without the brackets, and why.
pub type BadRange = (String, RangeFault);

/// Every name that `etcd[01:03].[a:c]` stands for, in order.
pub fn expand(pattern: &str) -> Result<Vec<String>, BadRange> {
    let mut names = vec![String::new()];
    let mut rest = pattern;
    while let Some((head, tail)) = rest.split_once('[') {
        let bad = |fault| (tail.split(']').next().unwrap_or(tail).to_owned(), fault);
        let Some((range, after)) = tail.split_once(']') else {
            return Err(bad(RangeFault::Brackets));
        };
        if head.contains(']') {
            return Err(bad(RangeFault::Brackets));
        }
        let steps = steps(range).map_err(bad)?;
        if names.len().saturating_mul(steps.len()) > MOST {
            return Err(bad(RangeFault::TooMany));
        }
        names = names
            .iter()
            .flat_map(|name| steps.iter().map(move |step| format!("{name}{head}{step}")))
            .collect();
        rest = after;
    }
    for name in &mut names {
        name.push_str(rest);
    }
    Ok(names)
}

fn steps(range: &str) -> Result<Vec<String>, RangeFault> {
    let parts: Vec<&str> = range.split(':').collect();
    let (begin, end, step) = match parts.as_slice() {
        [begin, end] => (*begin, *end, "1"),
        [begin, end, step] => (*begin, *end, *step),
        _ => return Err(RangeFault::Shape),
    };
    if end.is_empty() {
        return Err(RangeFault::NoEnd);
    }
    let begin = if begin.is_empty() { "0" } else { begin };
    let step: usize = step
        .parse()
        .ok()
        .filter(|s| *s > 0)
        .ok_or(RangeFault::Step)?;
    if let (Some(a), Some(b)) = (letter(begin), letter(end)) {
        return if a > b {
            Err(RangeFault::Backwards)
        } else {
            Ok((a..=b)
                .step_by(step)
                .map(|i| char::from(LETTERS[i]).to_string())
                .collect())
        };
    }
    let number = |t: &str| digits(t).filter(|n| *n < u64::MAX).ok_or(RangeFault::Ends);
    let (a, b) = (number(begin)?, number(end)?);
    let width = if begin.len() > 1 && begin.starts_with('0') {
        begin.len()
    } else {
        0
    };
    if width > 0 && end.len() != width {
        return Err(RangeFault::Width);
    }
    if a > b {
        return Err(RangeFault::Backwards);
    }
    if (b - a) / step as u64 >= MOST as u64 {
        return Err(RangeFault::TooMany);
    }
    Ok((a..=b)
        .step_by(step)
        .map(|i| format!("{i:0width$}"))
        .collect())
}

/// Python's `string.ascii_letters`: `[a:C]` runs on from z to A.
const LETTERS: &[u8; 52] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

fn letter(text: &str) -> Option<usize> {
    let [byte] = text.as_bytes() else { return None };
    LETTERS.iter().position(|l| l == byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports() {
        let of = |t| {
            let a = split_port(t);
            (a.host, a.port)
        };
        for (text, host, port) in [
            ("h1:22", "h1", Some(22)),
            ("h1:22:33", "h1:22:33", None),
            ("[fe80::1]:23", "fe80::1", Some(23)),
            ("fe80::1", "fe80::1", None),
            ("h[1:3]:22", "h[1:3]", Some(22)),
            ("h[1:3]", "h[1:3]", None),
            ("10.0.0.1:2222", "10.0.0.1", Some(2222)),
            ("-x:22", "-x:22", None),
            ("a_:22", "a_:22", None),
            ("h:", "h:", None),
        ] {
            assert_eq!(of(text), (host.to_owned(), port), "{text}");
        }
    }

    #[test]
    fn ranges() {
        let of = |t: &str| expand(t).unwrap().join(" ");
        assert_eq!(of("e[1:3]"), "e1 e2 e3");
        assert_eq!(of("e[01:03]"), "e01 e02 e03");
        assert_eq!(of("e[1:9:4]x"), "e1x e5x e9x");
        assert_eq!(of("[a:c][1:2]"), "a1 a2 b1 b2 c1 c2");
        assert_eq!(of("e[:2]"), "e0 e1 e2");
        assert_eq!(of("e[y:B]"), "ey ez eA eB");
        assert_eq!(of("e[9:11]"), "e9 e10 e11");
        for (text, fault) in [
            ("e[3:1]", RangeFault::Backwards),
            ("e[1]", RangeFault::Shape),
            ("e[1:]", RangeFault::NoEnd),
            ("e[01:100]", RangeFault::Width),
            ("e[a:3]", RangeFault::Ends),
            ("e[1:3:0]", RangeFault::Step),
            ("e[1:3", RangeFault::Brackets),
            ("e[0:999999999999]", RangeFault::TooMany),
            ("e[1:99999][1:99999]", RangeFault::TooMany),
        ] {
            assert_eq!(expand(text).unwrap_err().1, fault, "{text}");
        }
    }
}
