//! Reads protobuf messages piece by piece, holding no more than a few bytes between pieces.

/// A field of a message, or a piece of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field<'a> {
    /// An integer.
    Varint { number: u32, value: u64 },
    /// A string, bytes or message begins.
    Begin { number: u32 },
    /// A piece of what began last.
    Piece { number: u32, bytes: &'a [u8] },
}

/// The bytes are no protobuf message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotProtobuf;

#[derive(Debug, Clone, Copy)]
enum State {
    Tag,
    Varint { number: u32 },
    Length { number: u32 },
    Bytes { number: u32, left: u64 },
    Skip { left: u64 },
}

/// Takes a message in pieces of any size and hands over its fields.
#[derive(Debug)]
pub(crate) struct Scanner {
    state: State,
    varint: u64,
    shift: u32,
}

impl Scanner {
    pub(crate) fn new() -> Scanner {
        Scanner {
            state: State::Tag,
            varint: 0,
            shift: 0,
        }
    }

    /// Takes the next piece of the message.
    #[inline]
    pub(crate) fn feed(
        &mut self,
        mut piece: &[u8],
        take: &mut impl FnMut(Field<'_>),
    ) -> Result<(), NotProtobuf> {
        while !piece.is_empty() {
            match self.state {
                State::Tag | State::Varint { .. } | State::Length { .. } => {
                    if let Some(value) = self.varint(&mut piece)? {
                        self.integer(value, take)?;
                    }
                }
                State::Bytes { number, left } => {
                    let here = split(&mut piece, left);
                    take(Field::Piece {
                        number,
                        bytes: here,
                    });
                    self.state = match left - here.len() as u64 {
                        0 => State::Tag,
                        left => State::Bytes { number, left },
                    };
                }
                State::Skip { left } => {
                    self.state = match left - split(&mut piece, left).len() as u64 {
                        0 => State::Tag,
                        left => State::Skip { left },
                    };
                }
            }
        }
        Ok(())
    }

    /// Says whether the message ended where a message may end.
    pub(crate) fn finish(&self) -> Result<(), NotProtobuf> {
        match self.state {
            State::Tag if self.shift == 0 => Ok(()),
            _ => Err(NotProtobuf),
        }
    }

    #[inline]
    fn varint(&mut self, piece: &mut &[u8]) -> Result<Option<u64>, NotProtobuf> {
        while let Some((byte, rest)) = piece.split_first() {
            *piece = rest;
            let bits = u64::from(byte & 0x7f);
            if self.shift > 63 || (self.shift == 63 && bits > 1) {
                return Err(NotProtobuf);
            }
            self.varint |= bits << self.shift;
            self.shift += 7;
            if byte & 0x80 == 0 {
                self.shift = 0;
                return Ok(Some(std::mem::take(&mut self.varint)));
            }
        }
        Ok(None)
    }

    #[inline]
    fn integer(&mut self, value: u64, take: &mut impl FnMut(Field<'_>)) -> Result<(), NotProtobuf> {
        self.state = match self.state {
            State::Tag => {
                let number = u32::try_from(value >> 3).map_err(|_| NotProtobuf)?;
                if number == 0 {
                    return Err(NotProtobuf);
                }
                match value & 7 {
                    0 => State::Varint { number },
                    1 => State::Skip { left: 8 },
                    2 => State::Length { number },
                    5 => State::Skip { left: 4 },
                    _ => return Err(NotProtobuf),
                }
            }
            State::Varint { number } => {
                take(Field::Varint { number, value });
                State::Tag
            }
            State::Length { number } => {
                take(Field::Begin { number });
                match value {
                    0 => State::Tag,
                    left => State::Bytes { number, left },
                }
            }
            state @ (State::Bytes { .. } | State::Skip { .. }) => state,
        };
        Ok(())
    }
}

/// Takes up to `most` bytes from the front.
fn split<'a>(piece: &mut &'a [u8], most: u64) -> &'a [u8] {
    let length = usize::try_from(most).map_or(piece.len(), |most| most.min(piece.len()));
    let (here, rest) = piece.split_at(length);
    *piece = rest;
    here
}

/// A whole message that is short enough to be held.
pub(crate) fn message(bytes: &[u8], mut take: impl FnMut(Field<'_>)) -> Result<(), NotProtobuf> {
    let mut scanner = Scanner::new();
    scanner.feed(bytes, &mut take)?;
    scanner.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pieces: &[&[u8]]) -> Result<Vec<(u32, Vec<u8>, u64)>, NotProtobuf> {
        let mut seen: Vec<(u32, Vec<u8>, u64)> = Vec::new();
        let mut scanner = Scanner::new();
        for piece in pieces {
            scanner.feed(piece, &mut |field| match field {
                Field::Varint { number, value } => seen.push((number, Vec::new(), value)),
                Field::Begin { number } => seen.push((number, Vec::new(), 0)),
                Field::Piece { bytes, .. } => {
                    if let Some(last) = seen.last_mut() {
                        last.1.extend_from_slice(bytes);
                    }
                }
            })?;
        }
        scanner.finish()?;
        Ok(seen)
    }

    #[test]
    fn pieces_of_any_size_give_the_same_fields() {
        let whole: &[u8] = b"\x0a\x03foo\x10\x96\x01\x2a\x00\x31\x01\x02\x03\x04\x05\x06\x07\x08\x30\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
        let expected = vec![
            (1, b"foo".to_vec(), 0),
            (2, vec![], 150),
            (5, vec![], 0),
            (6, vec![], u64::MAX),
        ];
        for cut in 0..=whole.len() {
            let (left, right) = whole.split_at(cut);
            assert_eq!(fields(&[left, right]), Ok(expected.clone()), "cut at {cut}");
        }
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for bytes in [
            &b"\x0a\x05foo"[..],
            b"\x10",
            b"\x10\x80",
            b"\x02\x00",
            b"\x0b",
            b"\x0f",
            b"\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
            b"\x31\x01",
        ] {
            assert_eq!(fields(&[bytes]), Err(NotProtobuf), "{bytes:x?}");
        }
    }
}
