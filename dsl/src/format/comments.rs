//! Comments find their lines again by place.

use crate::ast::Comment;

/// Comments not yet written, in order.
pub(super) struct Comments<'a> {
    all: &'a [Comment],
    next: usize,
}

impl<'a> Comments<'a> {
    pub fn new(all: &'a [Comment]) -> Self {
        Self { all, next: 0 }
    }

    /// Takes those that begin before `end`.
    pub fn before(&mut self, end: usize) -> &'a [Comment] {
        let from = self.next;
        while self.all.get(self.next).is_some_and(|c| c.span.start < end) {
            self.next += 1;
        }
        &self.all[from..self.next]
    }

    /// Takes the one that follows `at` on the same line.
    pub fn trailing(&mut self, text: &str, at: usize) -> Option<&'a Comment> {
        let comment = self.all.get(self.next)?;
        let between = text.get(at..comment.span.start)?;
        if between.contains('\n') || !between.trim().is_empty() {
            return None;
        }
        self.next += 1;
        Some(comment)
    }

    /// Whether one stands in a range.
    pub fn within(&self, start: usize, end: usize) -> bool {
        self.all[self.next..]
            .iter()
            .any(|c| c.span.start >= start && c.span.start < end)
    }
}
