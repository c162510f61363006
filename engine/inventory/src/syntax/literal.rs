//! Python literals, as `ast.literal_eval` reads them: what Ansible does to every value of an INI inventory.
//! What is not a literal is text.

use serde_json::{Map, Number, Value};

/// Nesting beyond which a value is taken for text; Python stops at 200 brackets.
const DEPTH: usize = 100;
/// Python refuses longer decimal numbers.
const DIGITS: usize = 4300;

/// The value of an INI variable: a literal where it is one, else the text itself.
pub fn value(text: &str) -> Value {
    literal(text).unwrap_or_else(|| Value::String(text.to_owned()))
}

/// A float that JSON cannot carry, in the shape that our listings give it.
pub fn float(f: f64) -> Value {
    match Number::from_f64(f) {
        Some(n) => Value::Number(n),
        None => {
            let name = if f.is_nan() {
                "NaN"
            } else if f > 0.0 {
                "Infinity"
            } else {
                "-Infinity"
            };
            Value::Object(Map::from_iter([(
                "__nonfinite__".to_owned(),
                Value::String(name.into()),
            )]))
        }
    }
}

fn literal(text: &str) -> Option<Value> {
    if text.contains('\0') {
        return None;
    }
    let mut reader = Reader {
        rest: text.trim_start_matches([' ', '\t']),
        depth: 0,
    };
    let value = reader.tuple_or_value(None)?;
    reader.rest.is_empty().then_some(value)
}

struct Reader<'a> {
    rest: &'a str,
    depth: usize,
}

/// A number's value before a sign is put to it.
enum Num {
    Int(Option<i128>, String),
    Float(f64),
    Imaginary(f64),
}

impl<'a> Reader<'a> {
    /// Blanks, and a comment to the end: a value is one line.
    fn skip(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\x0c']);
        if self.rest.starts_with('#') {
            self.rest = "";
        }
    }

    fn eat(&mut self, token: &str) -> bool {
        self.skip();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// `1, 2` is a tuple even without parentheses; within `close` as well.
    fn tuple_or_value(&mut self, close: Option<&str>) -> Option<Value> {
        let first = self.value()?;
        if !self.eat(",") {
            self.skip();
            return Some(first);
        }
        let mut items = vec![first];
        loop {
            self.skip();
            if self.rest.is_empty() || close.is_some_and(|c| self.rest.starts_with(c)) {
                return Some(Value::Array(items));
            }
            items.push(self.value()?);
            if !self.eat(",") {
                self.skip();
                return Some(Value::Array(items));
            }
        }
    }

    fn value(&mut self) -> Option<Value> {
        self.depth += 1;
        if self.depth > DEPTH {
            return None;
        }
        self.skip();
        let value = match self.rest.chars().next()? {
            '[' => self.list(),
            '(' => self.parenthesis(),
            '{' => self.braces(),
            '+' | '-' | '0'..='9' => self.sum(),
            '.' if self.rest.starts_with("...") => {
                self.rest = &self.rest[3..];
                Some(Value::String("...".into()))
            }
            '.' => self.sum(),
            _ => self.word(),
        };
        self.depth -= 1;
        value
    }

    fn list(&mut self) -> Option<Value> {
        self.eat("[");
        let mut items = Vec::new();
        while !self.eat("]") {
            items.push(self.value()?);
            if !self.eat(",") {
                return self.eat("]").then_some(Value::Array(items));
            }
        }
        Some(Value::Array(items))
    }

    fn parenthesis(&mut self) -> Option<Value> {
        self.eat("(");
        if self.eat(")") {
            return Some(Value::Array(Vec::new()));
        }
        let value = self.tuple_or_value(Some(")"))?;
        self.eat(")").then_some(value)
    }

    /// A dict or a set; a set becomes a list, as Ansible makes it one.
    fn braces(&mut self) -> Option<Value> {
        self.eat("{");
        let mut dict = Map::new();
        let mut set: Vec<Value> = Vec::new();
        let mut is_set = None;
        while !self.eat("}") {
            let item = self.value()?;
            if item.is_array() || item.is_object() {
                return None; // unhashable in Python, but for tuples
            }
            let colon = self.eat(":");
            if *is_set.get_or_insert(!colon) == colon {
                return None;
            }
            if colon {
                let value = self.value()?;
                dict.insert(key(&item), value);
            } else if !set.contains(&item) {
                set.push(item);
            }
            if !self.eat(",") {
                if !self.eat("}") {
                    return None;
                }
                break;
            }
        }
        Some(if is_set == Some(true) {
            Value::Array(set)
        } else {
            Value::Object(dict)
        })
    }

    fn word(&mut self) -> Option<Value> {
        let len = self
            .rest
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(len);
        if rest.starts_with(['\'', '"']) {
            return self.strings();
        }
        let value = match word {
            "True" => Value::Bool(true),
            "False" => Value::Bool(false),
            "None" => Value::Null,
            "set" => {
                self.rest = rest;
                return (self.eat("(") && self.eat(")")).then(|| Value::Array(Vec::new()));
            }
            _ => return None,
        };
        self.rest = rest;
        Some(value)
    }

    /// One string or several side by side, which Python joins; bytes and text do not mix.
    fn strings(&mut self) -> Option<Value> {
        let mut text = String::new();
        let mut kind = None;
        loop {
            self.skip();
            let len = self
                .rest
                .find(|c: char| !c.is_ascii_alphabetic())
                .unwrap_or(self.rest.len());
            let (prefix, rest) = self.rest.split_at(len);
            if !rest.starts_with(['\'', '"']) {
                return (len == 0 && kind.is_some()).then_some(Value::String(text));
            }
            let prefix = prefix.to_ascii_lowercase();
            let (bytes, raw) = match prefix.as_str() {
                "" | "u" => (false, false),
                "r" => (false, true),
                "b" => (true, false),
                "br" | "rb" => (true, true),
                _ => return None,
            };
            if *kind.get_or_insert(bytes) != bytes {
                return None;
            }
            self.rest = rest;
            self.quoted(raw, bytes, &mut text)?;
        }
    }

    fn quoted(&mut self, raw: bool, bytes: bool, out: &mut String) -> Option<()> {
        let quote = &self.rest[..1];
        let triple = quote.repeat(3);
        let end = if self.rest.starts_with(&triple) {
            triple.as_str()
        } else {
            quote
        };
        let mut rest = &self.rest[end.len()..];
        loop {
            if let Some(after) = rest.strip_prefix(end) {
                self.rest = after;
                return Some(());
            }
            let c = rest.chars().next()?;
            if bytes && !c.is_ascii() {
                return None;
            }
            rest = &rest[c.len_utf8()..];
            if c != '\\' {
                out.push(c);
            } else if raw {
                let next = rest.chars().next()?;
                out.push('\\');
                out.push(next);
                rest = &rest[next.len_utf8()..];
            } else {
                rest = escape(rest, bytes, out)?;
            }
        }
    }

    /// A signed number, or the sum of one and an imaginary one.
    fn sum(&mut self) -> Option<Value> {
        let (sign, number) = self.signed()?;
        self.skip();
        let joint = match self.rest.chars().next() {
            Some('+') => 1.0,
            Some('-') => -1.0,
            _ => return Some(plain(sign, number)),
        };
        self.rest = &self.rest[1..];
        self.skip();
        let Num::Imaginary(imaginary) = self.number()? else {
            return None;
        };
        let real = match number {
            Num::Int(Some(i), _) => i as f64,
            Num::Int(None, text) => text.parse().ok()?,
            Num::Float(f) => f,
            Num::Imaginary(_) => return None,
        };
        Some(Value::String(complex(
            Some(if sign { -real } else { real }),
            joint * imaginary,
        )))
    }

    /// One sign at most: two of them are an expression to Python, no literal.
    fn signed(&mut self) -> Option<(bool, Num)> {
        let negative = self.rest.starts_with('-');
        if self.rest.starts_with(['+', '-']) {
            self.rest = &self.rest[1..];
            self.skip();
        }
        Some((negative, self.number()?))
    }

    fn number(&mut self) -> Option<Num> {
        let len = number_length(self.rest);
        let (text, rest) = self.rest.split_at(len);
        if text.is_empty()
            || rest.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '.')
        {
            return None;
        }
        self.rest = rest;
        read_number(text)
    }
}

/// How many bytes a number could take: digits, letters, dots, and a sign after an exponent's `e`.
fn number_length(text: &str) -> usize {
    let based = text.len() > 1
        && text.starts_with('0')
        && matches!(text.as_bytes()[1] | 32, b'x' | b'o' | b'b');
    let mut previous = ' ';
    for (at, c) in text.char_indices() {
        let exponent_sign = matches!(c, '+' | '-') && matches!(previous, 'e' | 'E') && !based;
        if !(c.is_ascii_alphanumeric() || c == '_' || c == '.' || exponent_sign) {
            return at;
        }
        previous = c;
    }
    text.len()
}

fn read_number(text: &str) -> Option<Num> {
    let bad_underscore = |t: &str| t.starts_with('_') || t.ends_with('_') || t.contains("__");
    let lower = text.to_ascii_lowercase();
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(digits) = lower.strip_prefix(prefix) {
            // Python allows one underscore right after the prefix.
            if digits.is_empty() || digits.ends_with('_') || digits.contains("__") {
                return None;
            }
            let digits = digits.replace('_', "");
            if !digits.chars().all(|c| c.is_digit(radix)) {
                return None;
            }
            return Some(Num::Int(
                i128::from_str_radix(&digits, radix).ok(),
                text.to_owned(),
            ));
        }
    }
    let (body, imaginary) = lower
        .strip_suffix('j')
        .map_or((lower.as_str(), false), |b| (b, true));
    let whole = body.chars().all(|c| c.is_ascii_digit() || c == '_');
    if whole && !imaginary {
        if bad_underscore(body) || body.len() > DIGITS {
            return None;
        }
        let digits = body.replace('_', "");
        if digits.len() > 1 && digits.starts_with('0') && digits.chars().any(|c| c != '0') {
            return None;
        }
        return Some(Num::Int(digits.parse().ok(), digits));
    }
    let (mantissa, exponent) = body
        .split_once('e')
        .map_or((body, None), |(m, e)| (m, Some(e)));
    let (left, right) = mantissa
        .split_once('.')
        .map_or((mantissa, None), |(l, r)| (l, Some(r)));
    let digits = |t: &str| !bad_underscore(t) && t.chars().all(|c| c.is_ascii_digit() || c == '_');
    let exponent_ok = exponent.is_none_or(|e| {
        let e = e.strip_prefix(['+', '-']).unwrap_or(e);
        !e.is_empty() && digits(e)
    });
    let right_text = right.unwrap_or("");
    if !digits(left)
        || !digits(right_text)
        || (left.is_empty() && right_text.is_empty())
        || !exponent_ok
    {
        return None;
    }
    let f: f64 = body.replace('_', "").parse().ok()?;
    Some(if imaginary {
        Num::Imaginary(f)
    } else {
        Num::Float(f)
    })
}

fn plain(negative: bool, number: Num) -> Value {
    match number {
        Num::Int(Some(i), text) => {
            let i = if negative { -i } else { i };
            match (i64::try_from(i), u64::try_from(i)) {
                (Ok(i), _) => Value::from(i),
                (_, Ok(u)) => Value::from(u),
                // JSON numbers end here; the digits are kept as text rather than rounded.
                _ => Value::String(if negative { format!("-{text}") } else { text }),
            }
        }
        Num::Int(None, text) => Value::String(if negative { format!("-{text}") } else { text }),
        Num::Float(f) => float(if negative { -f } else { f }),
        Num::Imaginary(f) => Value::String(complex(None, if negative { -f } else { f })),
    }
}

/// Python's `str(complex)`: Ansible turns complex numbers into it.
fn complex(real: Option<f64>, imaginary: f64) -> String {
    match real {
        None | Some(0.0) => format!("{}j", python_float(imaginary)),
        Some(real) if imaginary.is_sign_negative() => {
            format!("({}{}j)", python_float(real), python_float(imaginary))
        }
        Some(real) => format!("({}+{}j)", python_float(real), python_float(imaginary)),
    }
}

/// The part of a complex number as Python prints it: an exponent from 1e16 up and below 1e-4.
fn python_float(f: f64) -> String {
    if f != 0.0 && f.is_finite() && !(1e-4..1e16).contains(&f.abs()) {
        let text = format!("{f:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let sign = if exponent.starts_with('-') { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:0>2}", exponent.trim_start_matches('-'));
    }
    format!("{f}")
}

/// A dict's key as JSON spells it.
fn key(value: &Value) -> String {
    match value {
        Value::String(s) => s.clone(),
        other => other.to_string(),
    }
}

fn escape<'a>(rest: &'a str, bytes: bool, out: &mut String) -> Option<&'a str> {
    let c = rest.chars().next()?;
    let after = &rest[c.len_utf8()..];
    let simple = match c {
        '\n' => return Some(after),
        '\\' | '\'' | '"' => c,
        'a' => '\x07',
        'b' => '\x08',
        'f' => '\x0c',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\x0b',
        'x' => return hex(after, 2, out),
        'u' if !bytes => return hex(after, 4, out),
        'U' if !bytes => return hex(after, 8, out),
        'N' if !bytes => return None, // a character by its Unicode name: no table of those here
        '0'..='7' => {
            let len = rest
                .bytes()
                .take(3)
                .take_while(|b| (b'0'..=b'7').contains(b))
                .count();
            out.push(char::from_u32(u32::from_str_radix(&rest[..len], 8).ok()?)?);
            return Some(&rest[len..]);
        }
        other => {
            out.push('\\');
            other
        }
    };
    out.push(simple);
    Some(after)
}

fn hex<'a>(rest: &'a str, len: usize, out: &mut String) -> Option<&'a str> {
    let digits = rest
        .get(..len)
        .filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
    out.push(char::from_u32(u32::from_str_radix(digits, 16).ok()?)?);
    Some(&rest[len..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Each right side is what `ansible-inventory --list` (core 2.19) showed for the left one.
    #[test]
    fn reads_what_python_reads() {
        for (text, want) in [
            ("5", json!(5)),
            ("-5", json!(-5)),
            ("007", json!("007")),
            ("00", json!(0)),
            ("0x10", json!(16)),
            ("0o17", json!(15)),
            ("0b101", json!(5)),
            ("1_000", json!(1000)),
            ("1__0", json!("1__0")),
            ("1.50", json!(1.5)),
            (".5", json!(0.5)),
            ("1.", json!(1.0)),
            ("1e3", json!(1000.0)),
            ("1e", json!("1e")),
            ("1.2.3", json!("1.2.3")),
            ("True", json!(true)),
            ("true", json!("true")),
            ("None", json!(null)),
            ("null", json!("null")),
            ("'7'", json!("7")),
            ("\"a\" 'b'", json!("ab")),
            (r"'a\x41\n'", json!("aA\n")),
            (r"r'a\n'", json!("a\\n")),
            ("b'x'", json!("x")),
            ("f'x'", json!("f'x'")),
            ("[1, 'a', None]", json!([1, "a", null])),
            ("[1,]", json!([1])),
            ("[,]", json!("[,]")),
            ("(1, 2)", json!([1, 2])),
            ("(1)", json!(1)),
            ("1,2", json!([1, 2])),
            ("1,", json!([1])),
            ("()", json!([])),
            ("{'a': {'b': 1}}", json!({"a": {"b": 1}})),
            ("{1: 2}", json!({"1": 2})),
            ("{'a', 'b'}", json!(["a", "b"])),
            ("{}", json!({})),
            ("set()", json!([])),
            ("{'a': 1, 'b'}", json!("{'a': 1, 'b'}")),
            ("8080 # comment", json!(8080)),
            ("a # b", json!("a # b")),
            ("1j", json!("1j")),
            ("1+2j", json!("(1+2j)")),
            ("...", json!("...")),
            ("--1", json!("--1")),
            ("- 1", json!(-1)),
            ("1+1", json!("1+1")),
            ("", json!("")),
            ("{{ x }}", json!("{{ x }}")),
            ("[{{ x }}]", json!("[{{ x }}]")),
            (
                "18446744073709551615",
                json!(18_446_744_073_709_551_615_u64),
            ),
            ("1e999", json!({"__nonfinite__": "Infinity"})),
        ] {
            assert_eq!(value(text), want, "{text}");
        }
    }

    #[test]
    fn deep_nesting_is_text() {
        let deep = "[".repeat(100_000);
        assert_eq!(value(&deep), Value::String(deep));
    }
}
