//! Variables read as the types that this tool needs; every refusal names the variable, its place and the mend.

use runbook_model::host::HostName;
use runbook_model::units::read_bytes;
use serde_json::Value;

use crate::fact::Fact;
use crate::inventory::Inventory;
use crate::paths::show;
use crate::problem::{Place, Problem};
use crate::value::{Var, names_a_secret};

/// A host's variables, read one by one; what is wrong gathers in `problems`.
pub struct Typed<'a> {
    pub inventory: &'a Inventory,
    pub host: &'a HostName,
    pub problems: Vec<Problem>,
}

impl<'a> Typed<'a> {
    pub fn new(inventory: &'a Inventory, host: &'a HostName) -> Self {
        Self {
            inventory,
            host,
            problems: Vec::new(),
        }
    }

    /// The first of several names that the host has; empty and null ones count as not set.
    pub fn find(&self, names: &[&'a str]) -> Option<(&'a str, &'a Var)> {
        let unset =
            |v: &Var| v.value.is_null() || v.value.as_str().is_some_and(|s| s.trim().is_empty());
        names.iter().find_map(|n| {
            self.inventory
                .var(self.host, n)
                .filter(|v| !unset(v))
                .map(|v| (*n, v))
        })
    }

    pub fn report(&mut self, fact: Fact, place: &Place) {
        self.problems.push(Problem::new(fact, place.clone()));
    }

    fn want(&mut self, name: &str, wanted: impl Into<String>, var: &Var) {
        let text = var
            .value
            .as_str()
            .map_or_else(|| var.value.to_string(), str::to_owned);
        let found = (!names_a_secret(name)).then(|| show(&text));
        self.report(
            Fact::Value {
                name: name.to_owned(),
                wanted: wanted.into(),
                found,
            },
            &var.origin.place,
        );
    }

    /// Text; a number stands for its digits. Templates and control characters are refused.
    pub fn text(&mut self, names: &[&'a str]) -> Option<(String, &'a str, &'a Var)> {
        let (name, var) = self.find(names)?;
        let text = match &var.value {
            Value::String(s) => s.clone(),
            Value::Number(n) => n.to_string(),
            _ => {
                self.want(name, "text", var);
                return None;
            }
        };
        if is_template(&text) {
            self.report(
                Fact::Template {
                    name: name.to_owned(),
                },
                &var.origin.place,
            );
            return None;
        }
        if text.chars().any(char::is_control) {
            let fact = Fact::Unsafe {
                name: name.to_owned(),
                purpose: "use",
                why: "it has a line end or another control character",
            };
            self.report(fact, &var.origin.place);
            return None;
        }
        Some((text, name, var))
    }

    /// A whole number within bounds.
    pub fn number(&mut self, names: &[&'a str], least: u64, most: u64) -> Option<u64> {
        let wanted = if most == u64::MAX {
            format!("a whole number from {least}")
        } else {
            format!("a whole number from {least} to {most}")
        };
        self.whole(names, (least, most), |s| s.parse().ok(), wanted)
    }

    /// Bytes: their number, or a size as the language writes it. As much as a signed number holds, for etcd's flags are such.
    pub fn bytes(&mut self, names: &[&'a str]) -> Option<u64> {
        let read = |s: &str| s.parse().ok().or_else(|| read_bytes(s));
        let wanted = "a size as `4GiB`, or a whole number of bytes";
        self.whole(names, (1, i64::MAX as u64), read, wanted.to_owned())
    }

    fn whole(
        &mut self,
        names: &[&'a str],
        (least, most): (u64, u64),
        read: impl Fn(&str) -> Option<u64>,
        wanted: String,
    ) -> Option<u64> {
        let (name, var) = self.find(names)?;
        let number = match &var.value {
            Value::Number(n) => n.as_u64(),
            Value::String(s) if is_template(s) => {
                self.report(
                    Fact::Template {
                        name: name.to_owned(),
                    },
                    &var.origin.place,
                );
                return None;
            }
            Value::String(s) => read(s.trim()),
            _ => None,
        };
        let fit = number.filter(|n| (least..=most).contains(n));
        if fit.is_none() {
            self.want(name, wanted, var);
        }
        fit
    }

    /// A port, 1 to 65535.
    pub fn port(&mut self, names: &[&'a str]) -> Option<u16> {
        self.number(names, 1, 65535)
            .and_then(|n| u16::try_from(n).ok())
    }

    /// A truth value by Ansible's words.
    pub fn truth(&mut self, names: &[&'a str]) -> Option<bool> {
        let (name, var) = self.find(names)?;
        let truth = match &var.value {
            Value::Bool(b) => Some(*b),
            Value::Number(n) => match n.as_f64() {
                Some(1.0) => Some(true),
                Some(0.0) => Some(false),
                _ => None,
            },
            Value::String(s) if is_template(s) => {
                self.report(
                    Fact::Template {
                        name: name.to_owned(),
                    },
                    &var.origin.place,
                );
                return None;
            }
            Value::String(s) => match s.trim().to_lowercase().as_str() {
                "yes" | "y" | "on" | "true" | "t" | "1" | "1.0" => Some(true),
                "no" | "n" | "off" | "false" | "f" | "0" | "0.0" => Some(false),
                _ => None,
            },
            _ => None,
        };
        if truth.is_none() {
            self.want(name, "`true` or `false`", var);
        }
        truth
    }

    /// One of some words.
    pub fn choice<T: Copy>(&mut self, names: &[&'a str], words: &[(&str, T)]) -> Option<T> {
        let (text, name, var) = self.text(names)?;
        let found = words.iter().find(|(w, _)| *w == text).map(|(_, t)| *t);
        if found.is_none() {
            let all: Vec<String> = words.iter().map(|(w, _)| format!("`{w}`")).collect();
            self.want(name, format!("one of {}", all.join(", ")), var);
        }
        found
    }

    /// Text that goes where names go: no blanks, nothing that a program could take for an option.
    pub fn word(
        &mut self,
        names: &[&'a str],
        purpose: &'static str,
        ok: fn(char) -> bool,
    ) -> Option<String> {
        let (text, name, var) = self.text(names)?;
        match unfit(&text, ok) {
            None => Some(text),
            Some(why) => {
                self.report(
                    Fact::Unsafe {
                        name: name.to_owned(),
                        purpose,
                        why,
                    },
                    &var.origin.place,
                );
                None
            }
        }
    }

    /// Words as a shell would cut them; nothing in them is expanded.
    pub fn words(&mut self, names: &[&'a str]) -> Vec<String> {
        let Some((text, name, var)) = self.text(names) else {
            return Vec::new();
        };
        match crate::syntax::words::split(&text, false) {
            Ok(words) => words.words.into_iter().map(|w| w.text).collect(),
            Err(_) => {
                self.want(name, "words whose quotes are closed", var);
                Vec::new()
            }
        }
    }
}

/// Jinja's marks: Ansible would evaluate the value, we never do.
pub fn is_template(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|m| text.contains(m))
}

/// Why a text may not stand where a name stands.
pub fn unfit(text: &str, ok: fn(char) -> bool) -> Option<&'static str> {
    if text.is_empty() {
        Some("it is empty")
    } else if text.starts_with('-') {
        Some("it begins with `-`, so a program would take it for an option")
    } else if text.len() > 253 {
        Some("it is longer than 253 bytes")
    } else if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        Some("it has a blank or a control character")
    } else if !text.chars().all(ok) {
        Some("it has a character that is not allowed there")
    } else {
        None
    }
}
