//! Places in a source.

/// Byte offsets into one source text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// Index into the source set: 0 is the runbook itself.
    pub source: usize,
    /// First byte.
    pub start: usize,
    /// After the last byte.
    pub end: usize,
}

/// A value with its place. Two are equal when their values are: layout does not change meaning.
#[derive(Clone, Debug, Default)]
pub struct Node<T> {
    /// What.
    pub value: T,
    /// Where.
    pub span: Span,
}

impl<T> Node<T> {
    /// Joins value and place.
    pub const fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}

impl<T: PartialEq> PartialEq for Node<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}
