//! Plans and events to terminal, plain lines, JSON lines, Markdown. Pure.
