//! Records in a stream of bytes that nobody trusts. A record begins with a newline, a nonce that only the program and this process
//! know, and a head line; its payload are all bytes up to the next record. Whatever stands before the first record is noise
//! (greetings, a login shell's startup files).

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// Length of a nonce: 128 bits in hex.
pub const NONCE_LEN: usize = 32;
/// Longest head line.
const HEAD_LIMIT: usize = 4096;
const READ_SIZE: usize = 64 * 1024;

/// A piece of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// A record begins: its tag and arguments.
    Head(Vec<String>),
    /// Bytes of the record's payload, or noise where no record began yet.
    Data(Vec<u8>),
}

/// Splits a stream into [`Piece`]s; holds one read's worth of bytes, whatever comes.
#[derive(Debug)]
pub struct Frames<R> {
    source: R,
    nonces: Vec<String>,
    /// Bytes not yet given out. Starts with a newline, so that a nonce may be the very first thing.
    buffer: Vec<u8>,
    /// That newline was not in the stream.
    virtual_newline: bool,
    at_end: bool,
}

impl<R: AsyncRead + Unpin> Frames<R> {
    /// Reads records that carry this nonce.
    pub fn new(source: R, nonce: &str) -> Self {
        debug_assert_eq!(nonce.len(), NONCE_LEN);
        Self {
            source,
            nonces: vec![nonce.to_owned()],
            buffer: vec![b'\n'],
            virtual_newline: true,
            at_end: false,
        }
    }

    /// Reads records that carry this nonce too.
    pub fn accept(&mut self, nonce: &str) {
        if nonce.len() == NONCE_LEN && !self.nonces.iter().any(|n| n == nonce) {
            self.nonces.push(nonce.to_owned());
        }
    }

    /// The next piece; none at the end of the stream.
    ///
    /// # Errors
    /// Those of the stream.
    pub async fn next(&mut self) -> io::Result<Option<Piece>> {
        loop {
            if let Some(piece) = self.take() {
                return Ok(Some(piece));
            }
            if self.at_end {
                return Ok(None);
            }
            let mut chunk = vec![0; READ_SIZE];
            let n = self.source.read(&mut chunk).await?;
            self.at_end = n == 0;
            self.buffer.extend_from_slice(&chunk[..n]);
        }
    }

    /// A piece out of the buffer, where one is certain.
    fn take(&mut self) -> Option<Piece> {
        let mut from = 0;
        while let Some(newline) = find(&self.buffer[from..], b'\n').map(|i| i + from) {
            match self.head_at(newline) {
                Found::No => from = newline + 1,
                Found::Perhaps if self.at_end => from = newline + 1,
                Found::Perhaps => return self.data(newline),
                Found::Head(end) if newline == 0 => {
                    let head =
                        String::from_utf8_lossy(&self.buffer[1 + NONCE_LEN + 1..end]).into_owned();
                    self.buffer.drain(..=end);
                    self.virtual_newline = false;
                    return Some(Piece::Head(head.split(' ').map(str::to_owned).collect()));
                }
                Found::Head(_) => return self.data(newline),
            }
        }
        self.data(self.buffer.len())
    }

    /// The first `end` bytes as data, if there are any.
    fn data(&mut self, end: usize) -> Option<Piece> {
        if end == 0 {
            return None;
        }
        let mut data: Vec<u8> = self.buffer.drain(..end).collect();
        if std::mem::take(&mut self.virtual_newline) {
            data.remove(0);
        }
        if data.is_empty() {
            self.take()
        } else {
            Some(Piece::Data(data))
        }
    }

    /// Whether a record begins at this newline.
    fn head_at(&self, newline: usize) -> Found {
        let rest = &self.buffer[newline + 1..];
        let seen = rest.len().min(NONCE_LEN);
        if !self
            .nonces
            .iter()
            .any(|n| n.as_bytes()[..seen] == rest[..seen])
        {
            return Found::No;
        }
        if rest.len() <= NONCE_LEN {
            return Found::Perhaps;
        }
        if rest[NONCE_LEN] != b' ' {
            return Found::No;
        }
        match find(rest, b'\n') {
            Some(end) => Found::Head(newline + 1 + end),
            None if rest.len() > HEAD_LIMIT => Found::No,
            None => Found::Perhaps,
        }
    }
}

enum Found {
    No,
    Perhaps,
    /// Index of the newline that ends the head line.
    Head(usize),
}

fn find(bytes: &[u8], byte: u8) -> Option<usize> {
    bytes.iter().position(|b| *b == byte)
}

/// A whole record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Tag and arguments.
    pub head: Vec<String>,
    /// Payload, at most the limit given.
    pub payload: Vec<u8>,
}

impl Frame {
    /// The tag.
    pub fn tag(&self) -> &str {
        self.head.first().map_or("", String::as_str)
    }

    /// An argument, counted from 0, as a number.
    pub fn number(&self, index: usize) -> Option<usize> {
        self.head.get(index + 1)?.parse().ok()
    }

    /// The payload as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.payload).into_owned()
    }
}

/// A new nonce.
///
/// # Errors
/// The system's source of randomness cannot be read.
pub fn nonce() -> io::Result<String> {
    use std::io::Read as _;
    let mut bytes = [0_u8; NONCE_LEN / 2];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(hex::encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const N: &str = "0123456789abcdef0123456789abcdef";
    const M: &str = "fedcba9876543210fedcba9876543210";

    /// All pieces of a stream that arrives in chunks of `step` bytes, adjacent data joined.
    fn pieces(stream: &[u8], step: usize, nonces: &[&str]) -> Vec<Piece> {
        let (mut tx, rx) = tokio::io::duplex(step);
        let stream = stream.to_vec();
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(async move {
                let send = async move {
                    tokio::io::AsyncWriteExt::write_all(&mut tx, &stream)
                        .await
                        .unwrap()
                };
                let read = async move {
                    let mut frames = Frames::new(rx, nonces[0]);
                    nonces[1..].iter().for_each(|n| frames.accept(n));
                    let mut all: Vec<Piece> = Vec::new();
                    while let Some(piece) = frames.next().await.unwrap() {
                        match (all.last_mut(), piece) {
                            (Some(Piece::Data(old)), Piece::Data(new)) => old.extend(new),
                            (_, piece) => all.push(piece),
                        }
                    }
                    all
                };
                tokio::join!(send, read).1
            })
    }

    fn head(words: &[&str]) -> Piece {
        Piece::Head(words.iter().map(|w| (*w).to_owned()).collect())
    }

    #[test]
    fn noise_records_and_forgeries_are_told_apart() {
        let stream = format!(
            "Welcome!\n{N} \n\n{N} a 1\n\n{M} forged\n{N}x\n\n{N} b\n\n{N} c\npay\nload\n{N}"
        );
        for step in [1, 2, 7, 31, 32, 33, 34, 1000] {
            assert_eq!(
                pieces(stream.as_bytes(), step, &[N]),
                [
                    Piece::Data(b"Welcome!".to_vec()),
                    head(&[""]),
                    head(&["a", "1"]),
                    Piece::Data(format!("\n{M} forged\n{N}x\n").into_bytes()),
                    head(&["b"]),
                    head(&["c"]),
                    Piece::Data(format!("pay\nload\n{N}").into_bytes()),
                ],
                "step {step}"
            );
        }
    }

    #[test]
    fn a_second_nonce_counts_once_accepted() {
        assert_eq!(
            pieces(format!("{N} a\n\n{M} b\n").as_bytes(), 9, &[N, M]),
            [head(&["a"]), head(&["b"])]
        );
    }

    proptest! {
        #[test]
        fn payloads_come_back_byte_for_byte(payload in proptest::collection::vec(any::<u8>(), 0..300), step in 1_usize..50) {
            let mut stream = format!("{N} x\n").into_bytes();
            stream.extend(&payload);
            stream.extend(format!("\n{N} end\n").as_bytes());
            let got = pieces(&stream, step, &[N]);
            let mut want = vec![head(&["x"])];
            if !payload.is_empty() { want.push(Piece::Data(payload)); }
            want.push(head(&["end"]));
            prop_assert_eq!(got, want);
        }
    }
}
