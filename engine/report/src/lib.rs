//! Plans, events and status to terminal, plain lines, JSON lines, Markdown and HTML.
//!
//! Knows: the nouns of the model and how people read. Must not know: hosts, files, clocks. Everything from a host is escaped here.

pub mod plan;
pub mod rehearsal;
pub mod review;
pub mod run;
pub mod status;
pub mod style;
pub mod text;
