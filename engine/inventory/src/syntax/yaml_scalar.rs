//! Plain scalars by the rules of YAML 1.1, which Ansible's parser follows: `yes` is true, `010` is eight, `1:30` is ninety.

use serde_json::Value;

use super::literal::float;

/// The value of an untagged plain scalar.
pub fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Value::Bool(true);
        }
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Value::Bool(false);
        }
        _ => {}
    }
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return Value::String(text.to_owned());
    }
    decimal(text)
        .or_else(|| integer(text))
        .or_else(|| timestamp(text).map(Value::String))
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

/// The value of a scalar tagged `!!int`.
pub fn integer(text: &str) -> Option<Value> {
    let (negative, body) = sign(text);
    let is = |t: &str, ok: fn(char) -> bool| !t.is_empty() && t.chars().all(|c| c == '_' || ok(c));
    let radix = |t: &str, radix| i128::from_str_radix(&t.replace('_', ""), radix).ok();
    let number = if let Some(bits) = body
        .strip_prefix("0b")
        .filter(|t| is(t, |c| matches!(c, '0' | '1')))
    {
        radix(bits, 2)?
    } else if let Some(hex) = body
        .strip_prefix("0x")
        .filter(|t| is(t, |c| c.is_ascii_hexdigit()))
    {
        radix(hex, 16)?
    } else if body == "0" {
        0
    } else if let Some(octal) = body.strip_prefix('0') {
        is(octal, |c| matches!(c, '0'..='7')).then_some(())?;
        radix(octal, 8)?
    } else if body.contains(':') {
        sexagesimal(body, false)?
    } else {
        (body.starts_with(|c: char| c.is_ascii_digit()) && is(body, |c| c.is_ascii_digit()))
            .then_some(())?;
        match radix(body, 10) {
            Some(n) => n,
            None => return Some(Value::String(text.to_owned())),
        }
    };
    let number = if negative { -number } else { number };
    Some(match (i64::try_from(number), u64::try_from(number)) {
        (Ok(i), _) => Value::from(i),
        (_, Ok(u)) => Value::from(u),
        // JSON numbers end here; the digits are kept as text rather than rounded.
        _ => Value::String(number.to_string()),
    })
}

/// The value of a scalar that is a float by YAML 1.1: it has a dot, and its exponent has a sign.
fn decimal(text: &str) -> Option<Value> {
    let (negative, body) = sign(text);
    let signed = text.len() != body.len();
    match body {
        ".inf" | ".Inf" | ".INF" => {
            return Some(float(if negative {
                f64::NEG_INFINITY
            } else {
                f64::INFINITY
            }));
        }
        ".nan" | ".NaN" | ".NAN" if !signed => return Some(float(f64::NAN)),
        _ => {}
    }
    let (left, right) = body.split_once('.')?;
    let digits = |t: &str| t.chars().all(|c| c == '_' || c.is_ascii_digit());
    if left.contains(':') {
        digits(right).then_some(())?;
        sexagesimal(left, true)?;
        // As Python sums it: from the seconds up.
        let (rest, seconds) = left.rsplit_once(':')?;
        let fraction = right.replace('_', "");
        let mut f: f64 = format!("{seconds}.{fraction}").parse().ok()?;
        for (i, part) in rest.split(':').rev().enumerate() {
            let scale = 60_f64.powi(i32::try_from(i + 1).ok()?);
            f += part.replace('_', "").parse::<f64>().ok()? * scale;
        }
        return Some(float(if negative { -f } else { f }));
    }
    let (fraction, exponent) = match right.find(['e', 'E']) {
        Some(at) => (&right[..at], &right[at + 1..]),
        None => (right, "+0"),
    };
    let exponent_ok = exponent
        .strip_prefix(['+', '-'])
        .is_some_and(|e| !e.is_empty() && e.bytes().all(|b| b.is_ascii_digit()));
    let left_ok = if left.is_empty() {
        !signed && fraction.starts_with(|c: char| c.is_ascii_digit())
    } else {
        left.starts_with(|c: char| c.is_ascii_digit()) && digits(left)
    };
    (exponent_ok && left_ok && digits(fraction)).then_some(())?;
    let f: f64 = body.replace('_', "").parse().ok()?;
    Some(float(if negative { -f } else { f }))
}

/// The value of a scalar tagged `!!float`.
pub fn tagged_float(text: &str) -> Option<Value> {
    decimal(text).or_else(|| text.replace('_', "").parse().ok().map(float))
}

/// A date with a time, as Python's `isoformat` writes it; a date alone is written as it stands.
fn timestamp(text: &str) -> Option<String> {
    let (date, rest) = text.split_once(['T', 't', ' ', '\t'])?;
    let number = |t: &str, least: usize, most: usize| {
        let fit = (least..=most).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_digit());
        fit.then(|| t.parse::<u32>().ok()).flatten()
    };
    let mut parts = date.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let (year, month, day) = (
        number(year, 4, 4)?,
        number(month, 1, 2)?,
        number(day, 1, 2)?,
    );
    let rest = rest.trim_start_matches([' ', '\t']);
    let zone_at = rest.find([' ', '\t', 'Z', '+', '-']).unwrap_or(rest.len());
    let (clock, zone) = (
        &rest[..zone_at],
        rest[zone_at..].trim_start_matches([' ', '\t']),
    );
    let (clock, fraction) = clock.split_once('.').map_or((clock, ""), |(c, f)| (c, f));
    let mut times = clock.split(':');
    let (hour, minute, second) = (times.next()?, times.next()?, times.next()?);
    let (hour, minute, second) = (
        number(hour, 1, 2)?,
        number(minute, 2, 2)?,
        number(second, 2, 2)?,
    );
    let real = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    let whole = parts.next().is_none()
        && times.next().is_none()
        && fraction.bytes().all(|b| b.is_ascii_digit());
    (real && whole).then_some(())?;
    let micros: String = fraction.chars().chain("000000".chars()).take(6).collect();
    let micros = if micros == "000000" {
        String::new()
    } else {
        format!(".{micros}")
    };
    let zone = match zone {
        "" => String::new(),
        "Z" => "+00:00".to_owned(),
        zone => {
            let (hours, minutes) = zone[1..].split_once(':').unwrap_or((&zone[1..], "00"));
            format!(
                "{}{:02}:{:02}",
                &zone[..1],
                number(hours, 1, 2)?,
                number(minutes, 2, 2)?
            )
        }
    };
    Some(format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{micros}{zone}"
    ))
}

/// `1:30` counts in sixties. An integer may not begin with a zero, a float may.
fn sexagesimal(text: &str, zero_first: bool) -> Option<i128> {
    let mut parts = text.split(':');
    let first = parts.next()?.replace('_', "");
    (!first.is_empty()
        && (zero_first || !first.starts_with('0'))
        && first.bytes().all(|b| b.is_ascii_digit()))
    .then_some(())?;
    let mut total: i128 = first.parse().ok()?;
    for part in parts {
        let ok = matches!(part.len(), 1 | 2) && part.bytes().all(|b| b.is_ascii_digit());
        let n: i128 = ok
            .then(|| part.parse().ok())
            .flatten()
            .filter(|n| *n < 60)?;
        total = total.checked_mul(60)?.checked_add(n)?;
    }
    Some(total)
}

fn sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(body) => (true, body),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Each right side is what PyYAML 6 made of the left one, times as Python's `isoformat` writes them.
    #[test]
    fn reads_what_pyyaml_reads() {
        for (text, want) in [
            ("yes", json!(true)),
            ("Off", json!(false)),
            ("y", json!("y")),
            ("~", json!(null)),
            ("0777", json!(511)),
            ("08", json!("08")),
            ("0o17", json!("0o17")),
            ("0x1F", json!(31)),
            ("0b11", json!(3)),
            ("1_000", json!(1000)),
            ("+5", json!(5)),
            ("1:30", json!(90)),
            ("1:30.5", json!(90.5)),
            ("22:61", json!("22:61")),
            ("1e3", json!("1e3")),
            ("1.0e3", json!("1.0e3")),
            ("1.0e+3", json!(1000.0)),
            ("1.", json!(1.0)),
            (".5", json!(0.5)),
            ("-.5", json!("-.5")),
            ("1.2.3", json!("1.2.3")),
            ("-", json!("-")),
            (".", json!(".")),
            (".inf", json!({"__nonfinite__": "Infinity"})),
            ("2001-12-14", json!("2001-12-14")),
            ("12e", json!("12e")),
            ("2001-12-14 21:59:43", json!("2001-12-14T21:59:43")),
            (
                "2001-12-14t21:59:43.10-05:00",
                json!("2001-12-14T21:59:43.100000-05:00"),
            ),
            ("2001-1-4T1:59:43Z", json!("2001-01-04T01:59:43+00:00")),
            ("2001-12-14 nine", json!("2001-12-14 nine")),
            ("1 é-", json!("1 é-")),
        ] {
            assert_eq!(plain(text), want, "{text}");
        }
    }
}
