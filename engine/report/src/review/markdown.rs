//! Markdown for a pull request or a ticket: verdict first, then what cannot be undone, guards, quorum, hosts, steps with
//! folded diffs, and the command that does it. Never longer than a comment may be: what is left out is said, with where it is.

mod safe;
mod sections;

use super::{Footer, Review};
use crate::text::escape;
use safe::{code, fenced, html, paragraph, prose};

/// Bytes that a page may have. A comment on GitHub holds 65,536 characters, which are never more than bytes.
pub const LIMIT: usize = 64_500;

/// Room for each part of a page, in bytes.
#[derive(Clone, Copy)]
struct Room {
    head: usize,
    failures: usize,
    risks: usize,
    guards: usize,
    quorum: usize,
    hosts: usize,
    steps: usize,
    rest: usize,
    diffs: usize,
}

impl Room {
    /// As much as there is.
    const ALL: Room = Room {
        head: usize::MAX,
        failures: usize::MAX,
        risks: usize::MAX,
        guards: usize::MAX,
        quorum: usize::MAX,
        hosts: usize::MAX,
        steps: usize::MAX,
        rest: usize::MAX,
        diffs: usize::MAX,
    };
    /// What each part may have where not all of it fits: together, with a footer and titles, less than [`LIMIT`].
    const SHARES: Room = Room {
        head: 9_000,
        failures: 6_000,
        risks: 5_000,
        guards: 9_000,
        quorum: 5_000,
        hosts: 3_000,
        steps: 10_000,
        rest: 4_000,
        diffs: 0,
    };
}

/// The whole as GitHub-flavoured Markdown of fewer than 65,000 characters.
pub fn markdown(review: &Review, footer: Option<&Footer>) -> String {
    let whole = page(review, footer, Room::ALL);
    if whole.len() <= LIMIT {
        return whole;
    }
    // Diffs are the first to go; then every part has its share.
    let mut last = String::new();
    for room in [Room::ALL, Room::SHARES] {
        last = page(review, footer, Room { diffs: 0, ..room });
        if last.len() <= LIMIT {
            let diffs = LIMIT - last.len();
            return page(review, footer, Room { diffs, ..room });
        }
    }
    last
}

fn page(review: &Review, footer: Option<&Footer>, room: Room) -> String {
    let said = format!("{} has it", code(&review.data));
    let mut part = sections::Part {
        review,
        data: &said,
        diffs: room.diffs,
    };
    let mut out = part.head(room.head);
    out += &part.failures(room.failures);
    out += &part.left(room.rest);
    out += &part.risks(room.risks);
    out += &part.guards(room.guards);
    out += &part.quorum(room.quorum);
    out += &part.hosts(room.hosts);
    out += &part.steps(room.steps);
    out += &part.parameters(room.rest);
    out + &foot(review, footer)
}

fn foot(review: &Review, footer: Option<&Footer>) -> String {
    let Some(footer) = footer else {
        return String::new();
    };
    let title = if review.ran {
        "Everything as data"
    } else {
        "To run exactly this"
    };
    let mut out = format!(
        "\n### {title}\n\n{}",
        fenced("sh", &cut(&footer.command), "")
    );
    if let Some(digest) = &footer.digest {
        out += &format!("\nDigest: {}\n", code(digest));
    }
    out
}

/// Nobody types a command of more bytes than this.
const LONGEST_COMMAND: usize = 3_000;

fn cut(command: &str) -> String {
    let command = escape(command);
    match command.char_indices().find(|(at, _)| *at > LONGEST_COMMAND) {
        Some((at, _)) => format!("{}\n# CUT HERE: too long to be shown", &command[..at]),
        None => command,
    }
}

/// A piece of a page.
struct Piece {
    text: String,
    /// Bytes of it that count against the room of the diffs, not against that of its part.
    free: usize,
}

impl Piece {
    fn counted(&self) -> usize {
        self.text.len() - self.free
    }
}

impl From<String> for Piece {
    fn from(text: String) -> Self {
        Piece { text, free: 0 }
    }
}

/// As many pieces as fit; where some do not, `rest` says how many.
fn fit(pieces: Vec<Piece>, room: usize, rest: impl Fn(usize) -> String) -> Piece {
    let all: usize = pieces.iter().map(Piece::counted).sum();
    let count = pieces.len();
    let room = if all <= room {
        room
    } else {
        room.saturating_sub(rest(count).len())
    };
    let mut out = Piece::from(String::new());
    for (index, piece) in pieces.into_iter().enumerate() {
        if out.counted() + piece.counted() > room {
            out.text += &rest(count - index);
            return out;
        }
        out.text += &piece.text;
        out.free += piece.free;
    }
    out
}
