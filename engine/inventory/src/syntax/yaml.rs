//! YAML into a tree that knows where each node stands. Scalars follow YAML 1.1, as Ansible's parser does; a document that
//! is JSON is read by JSON's rules, as Ansible does first. Aliases and nesting are bounded.

use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Tag};
use serde_json::{Map, Value};

use super::yaml_scalar;

/// Nesting beyond which a document is refused.
const DEPTH: usize = 100;
/// Nodes, aliases counted each time, beyond which a document is refused.
const NODES: usize = 1_000_000;

/// A node and the bytes that it stands in.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Byte range in the text; that of the first token for a collection.
    pub span: Range<usize>,
    /// What it is.
    pub data: Data,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// Null, a bool, a number, text, or an encrypted value's object.
    Scalar(Value),
    /// `- item`.
    List(Vec<Rc<Node>>),
    /// `key: value`, in order, each key once (a later one replaces an earlier one's value).
    Map(Vec<(Node, Rc<Node>)>),
}

impl Node {
    /// The node as JSON.
    pub fn to_value(&self) -> Value {
        match &self.data {
            Data::Scalar(v) => v.clone(),
            Data::List(items) => Value::Array(items.iter().map(|i| i.to_value()).collect()),
            Data::Map(entries) => Value::Object(
                entries
                    .iter()
                    .map(|(k, v)| (k.key(), v.to_value()))
                    .collect::<Map<_, _>>(),
            ),
        }
    }

    /// The node as the key of an object: JSON has text only.
    pub fn key(&self) -> String {
        match &self.data {
            Data::Scalar(Value::String(s)) => s.clone(),
            _ => self.to_value().to_string(),
        }
    }

    /// What it is, for a message.
    pub fn kind(&self) -> &'static str {
        match &self.data {
            Data::Scalar(Value::Null) => "empty",
            Data::Scalar(Value::Bool(_)) => "a truth value",
            Data::Scalar(Value::Number(_)) => "a number",
            Data::Scalar(_) => "text",
            Data::List(_) => "a list",
            Data::Map(_) => "a mapping",
        }
    }

    /// Empty, false, zero, "": what Python takes for false.
    pub fn is_falsy(&self) -> bool {
        match &self.data {
            Data::Scalar(Value::Null | Value::Bool(false)) => true,
            Data::Scalar(Value::String(s)) => s.is_empty(),
            Data::Scalar(Value::Number(n)) => n.as_f64() == Some(0.0),
            Data::Scalar(_) => false,
            Data::List(l) => l.is_empty(),
            Data::Map(m) => m.is_empty(),
        }
    }

    fn is_merge(&self, text: &str) -> bool {
        matches!(&self.data, Data::Scalar(Value::String(s)) if s == "<<")
            && text.get(self.span.clone()) == Some("<<")
    }
}

/// A document, and the keys that stand in it twice.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its one node; empty when the text has none.
    pub root: Node,
    /// Keys given again: their places and names.
    pub twice: Vec<(Range<usize>, String)>,
}

/// Why a text is not a document, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotYaml {
    /// The reason.
    pub why: String,
    /// The place.
    pub at: Range<usize>,
}

/// Reads one document for what it says, as JSON has it: also of files that are no inventories.
///
/// # Errors
/// Not one document, nested too deeply, or one that unfolds to too much.
pub fn value(text: &str) -> Result<Value, NotYaml> {
    parse(text).map(|document| document.root.to_value())
}

/// Reads one document.
pub fn parse(text: &str) -> Result<Document, NotYaml> {
    let json: Option<Value> = if text.trim_start().starts_with(['{', '[']) {
        serde_json::from_str(text).ok()
    } else {
        None
    };
    let mut builder = Builder {
        text,
        json: json.is_some(),
        stack: Vec::new(),
        anchors: HashMap::new(),
        roots: Vec::new(),
        nodes: 0,
        twice: Vec::new(),
    };
    let built = Parser::new_from_str(text).try_for_each(|event| {
        let (event, span) = event.map_err(|e| scan_error(text, &e))?;
        let span = span.byte_range().unwrap_or(0..0);
        builder.event(event, span)
    });
    match (built, json) {
        // What JSON has and YAML has not: surrogate pairs, tabs for blanks. The places are lost, the values are not.
        (Err(_), Some(value)) => Ok(Document {
            root: from_json(value),
            twice: Vec::new(),
        }),
        (Err(e), None) => Err(e),
        (Ok(()), _) => {
            let twice = builder.twice;
            let mut roots = builder.roots.into_iter();
            let root = roots
                .next()
                .map_or_else(|| scalar(Value::Null, 0..0), Rc::unwrap_or_clone);
            match roots.next() {
                Some(second) => Err(NotYaml {
                    why: "a second document starts here".into(),
                    at: second.span.clone(),
                }),
                None => Ok(Document { root, twice }),
            }
        }
    }
}

fn scan_error(text: &str, error: &ScanError) -> NotYaml {
    let at = error.marker().byte_offset().unwrap_or(0).min(text.len());
    let end = text[at..].chars().next().map_or(at, |c| at + c.len_utf8());
    NotYaml {
        why: error.info().to_string(),
        at: at..end,
    }
}

/// JSON as a tree without places.
pub fn from_json(value: Value) -> Node {
    let data = match value {
        Value::Array(items) => {
            Data::List(items.into_iter().map(|i| Rc::new(from_json(i))).collect())
        }
        Value::Object(map) => Data::Map(
            map.into_iter()
                .map(|(k, v)| (scalar(Value::String(k), 0..0), Rc::new(from_json(v))))
                .collect(),
        ),
        other => Data::Scalar(other),
    };
    Node { span: 0..0, data }
}

fn scalar(value: Value, span: Range<usize>) -> Node {
    Node {
        span,
        data: Data::Scalar(value),
    }
}

/// A collection whose end has not come yet.
struct Open {
    anchor: usize,
    span: Range<usize>,
    set: bool,
    items: Vec<Rc<Node>>,
    is_map: bool,
}

struct Builder<'a> {
    text: &'a str,
    json: bool,
    stack: Vec<Open>,
    anchors: HashMap<usize, (Rc<Node>, usize)>,
    roots: Vec<Rc<Node>>,
    nodes: usize,
    twice: Vec<(Range<usize>, String)>,
}

impl Builder<'_> {
    fn event(&mut self, event: Event<'_>, span: Range<usize>) -> Result<(), NotYaml> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let value = self.scalar_value(&text, style, tag.as_deref(), &span)?;
                self.add(scalar(value, span), anchor)
            }
            Event::SequenceStart(_, anchor, tag) => self.open(false, anchor, tag.as_deref(), span),
            Event::MappingStart(_, anchor, tag) => self.open(true, anchor, tag.as_deref(), span),
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(id) => {
                let Some((node, weight)) = self.anchors.get(&id).cloned() else {
                    return Err(NotYaml {
                        why: "an alias stands inside what it names".into(),
                        at: span,
                    });
                };
                self.count(weight, &span)?;
                self.place(Rc::new(Node {
                    span,
                    data: node.data.clone(),
                }));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn count(&mut self, weight: usize, at: &Range<usize>) -> Result<(), NotYaml> {
        self.nodes = self.nodes.saturating_add(weight);
        if self.nodes > NODES {
            return Err(NotYaml {
                why: "the document unfolds to more than a million nodes".into(),
                at: at.clone(),
            });
        }
        Ok(())
    }

    fn open(
        &mut self,
        is_map: bool,
        anchor: usize,
        tag: Option<&Tag>,
        span: Range<usize>,
    ) -> Result<(), NotYaml> {
        if self.stack.len() >= DEPTH {
            return Err(NotYaml {
                why: "nested too deeply".into(),
                at: span,
            });
        }
        let tag = tag.map(tag_name);
        let known = matches!(
            tag.as_deref(),
            None | Some("map" | "seq" | "set" | "!unsafe" | "!" | "python/dict")
        );
        if !known {
            return Err(NotYaml {
                why: format!(
                    "the tag `{}` is not supported here",
                    tag.unwrap_or_default()
                ),
                at: span,
            });
        }
        // A mapping's span starts at its first key; shown alone it would underline nothing.
        let end = span.end.max(span.start + 1).min(self.text.len());
        self.stack.push(Open {
            anchor,
            span: span.start..end,
            set: tag.as_deref() == Some("set"),
            items: Vec::new(),
            is_map,
        });
        Ok(())
    }

    fn close(&mut self) -> Result<(), NotYaml> {
        let Some(open) = self.stack.pop() else {
            return Ok(());
        };
        let data = if open.is_map {
            self.map(&open)?
        } else {
            Data::List(open.items)
        };
        self.add(
            Node {
                span: open.span,
                data,
            },
            open.anchor,
        )
    }

    fn map(&mut self, open: &Open) -> Result<Data, NotYaml> {
        let mut own: Vec<(Node, Rc<Node>)> = Vec::new();
        let mut merged: Vec<(Node, Rc<Node>)> = Vec::new();
        let mut index: HashMap<String, usize> = HashMap::new();
        for pair in open.items.chunks_exact(2) {
            let (key, value) = (&pair[0], &pair[1]);
            if !self.json && key.is_merge(self.text) {
                merge(value, &mut merged)?;
                continue;
            }
            if matches!(key.data, Data::List(_) | Data::Map(_)) {
                return Err(NotYaml {
                    why: "a list or a mapping cannot be a key".into(),
                    at: key.span.clone(),
                });
            }
            let name = key.key();
            match index.get(&name) {
                Some(i) => {
                    self.twice.push((key.span.clone(), name));
                    own[*i].1 = Rc::clone(value);
                }
                None => {
                    index.insert(name, own.len());
                    own.push(((**key).clone(), Rc::clone(value)));
                }
            }
        }
        if open.set {
            return Ok(Data::List(
                own.into_iter().map(|(k, _)| Rc::new(k)).collect(),
            ));
        }
        if merged.is_empty() {
            return Ok(Data::Map(own));
        }
        let mut all: indexmap::IndexMap<String, (Node, Rc<Node>)> = indexmap::IndexMap::new();
        for (key, value) in merged.into_iter().chain(own) {
            all.insert(key.key(), (key, value));
        }
        self.count(all.len(), &open.span)?;
        Ok(Data::Map(all.into_values().collect()))
    }

    fn add(&mut self, node: Node, anchor: usize) -> Result<(), NotYaml> {
        self.count(1, &node.span)?;
        let node = Rc::new(node);
        if anchor > 0 {
            let weight = weight(&node);
            self.anchors.insert(anchor, (Rc::clone(&node), weight));
        }
        self.place(node);
        Ok(())
    }

    fn place(&mut self, node: Rc<Node>) {
        match self.stack.last_mut() {
            Some(open) => open.items.push(node),
            None => self.roots.push(node),
        }
    }

    fn scalar_value(
        &self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
        at: &Range<usize>,
    ) -> Result<Value, NotYaml> {
        let string = || Value::String(text.to_owned());
        let tag = tag.map(tag_name);
        let bad = |why: String| NotYaml {
            why,
            at: at.clone(),
        };
        let is_plain = style == ScalarStyle::Plain;
        match tag.as_deref() {
            None if is_plain && self.json => {
                Ok(serde_json::from_str(text).unwrap_or_else(|_| string()))
            }
            None | Some("!unsafe") if is_plain => Ok(yaml_scalar::plain(text)),
            None | Some("!unsafe" | "!" | "str" | "python/unicode" | "timestamp" | "binary") => {
                Ok(string())
            }
            Some("int") => yaml_scalar::integer(text)
                .ok_or_else(|| bad(format!("`{text}` is not a whole number"))),
            Some("float") => yaml_scalar::tagged_float(text)
                .ok_or_else(|| bad(format!("`{text}` is not a number"))),
            Some("bool") => match yaml_scalar::plain(&text.to_lowercase()) {
                Value::Bool(b) => Ok(Value::Bool(b)),
                _ => Err(bad(format!("`{text}` is not a truth value"))),
            },
            Some("null") => Ok(Value::Null),
            Some("!vault" | "!vault-encrypted") => Ok(Value::Object(Map::from_iter([(
                "__ansible_vault".to_owned(),
                string(),
            )]))),
            Some(other) => Err(bad(format!("the tag `{other}` is not supported here"))),
        }
    }
}

/// `int` for YAML's own tags, `!vault` for others.
fn tag_name(tag: &Tag) -> String {
    match format!("{}{}", tag.handle(), tag.suffix()) {
        full if full.starts_with("tag:yaml.org,2002:") => {
            full["tag:yaml.org,2002:".len()..].to_owned()
        }
        full => full,
    }
}

fn weight(node: &Node) -> usize {
    match &node.data {
        Data::Scalar(_) => 1,
        Data::List(items) => items.iter().fold(1, |n, i| n.saturating_add(weight(i))),
        Data::Map(entries) => entries
            .iter()
            .fold(1, |n, (_, v)| n.saturating_add(1).saturating_add(weight(v))),
    }
}

/// `<<: *a` and `<<: [*a, *b]`: the first of a list wins.
fn merge(value: &Rc<Node>, into: &mut Vec<(Node, Rc<Node>)>) -> Result<(), NotYaml> {
    let wrong = |at: &Node| {
        Err(NotYaml {
            why: "`<<` wants a mapping or a list of mappings".into(),
            at: at.span.clone(),
        })
    };
    match &value.data {
        Data::Map(entries) => into.extend(entries.iter().cloned()),
        Data::List(items) => {
            for item in items.iter().rev() {
                let Data::Map(entries) = &item.data else {
                    return wrong(item);
                };
                into.extend(entries.iter().cloned());
            }
        }
        Data::Scalar(_) => return wrong(value),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(text: &str) -> Value {
        parse(text).unwrap().root.to_value()
    }

    #[test]
    fn trees() {
        assert_eq!(
            of("a: 1\nb: [yes, 'yes', x]\nc:\n  d: |\n    t\n"),
            json!({"a": 1, "b": [true, "yes", "x"], "c": {"d": "t\n"}})
        );
        assert_eq!(
            of("a: &x {p: 1, q: 2}\nb: {<<: *x, q: 3}\nc: *x\n"),
            json!({"a": {"p": 1, "q": 2}, "b": {"p": 1, "q": 3}, "c": {"p": 1, "q": 2}})
        );
        assert_eq!(
            of("1: a\ntrue: b\n~: c\n"),
            json!({"1": "a", "true": "b", "null": "c"})
        );
        assert_eq!(
            of("a: !unsafe '{{ x }}'\nb: !!str 1\nc: !!int '7'\n"),
            json!({"a": "{{ x }}", "b": "1", "c": 7})
        );
        assert_eq!(of(""), json!(null));
        assert_eq!(of("---\n"), json!(null));
        assert_eq!(
            of("{\"a\": 1e3, \"b\": \"\\ud83d\\ude00\"}"),
            json!({"a": 1000.0, "b": "😀"})
        );
        assert_eq!(of("{\"a\": 1e3}"), json!({"a": 1000.0}));
    }

    #[test]
    fn twice_and_second_documents() {
        let d = parse("a: 1\na: 2\n").unwrap();
        assert_eq!(d.root.to_value(), json!({"a": 2}));
        assert_eq!(d.twice, [(5..6, "a".to_owned())]);
        assert_eq!(parse("a: 1\n---\nb: 2\n").unwrap_err().at, 9..10);
    }

    #[test]
    fn bounded() {
        let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for i in 1..10 {
            let p = format!("*a{}", i - 1);
            bomb.push_str(&format!("a{i}: &a{i} [{}]\n", vec![p; 10].join(",")));
        }
        assert!(parse(&bomb).unwrap_err().why.contains("million"));
        assert!(parse(&"[".repeat(100_000)).is_err());
    }
}
