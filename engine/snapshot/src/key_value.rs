//! `mvccpb.KeyValue` as etcd writes it, read in one go.

/// Its fields; absent ones are zero or empty.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct KeyValue<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) create: i64,
    pub(crate) modified: i64,
    pub(crate) version: i64,
    pub(crate) value: &'a [u8],
    pub(crate) lease: i64,
}

impl<'a> KeyValue<'a> {
    /// Each field at most once, in order, no integer negative: so every etcd writes it. Nothing for bytes of any other
    /// form, which may still be a message: the scanner decides.
    #[inline]
    pub(crate) fn read(mut bytes: &'a [u8]) -> Option<KeyValue<'a>> {
        let rest = &mut bytes;
        let read = KeyValue {
            key: string(0x0a, rest)?,
            create: integer(0x10, rest)?,
            modified: integer(0x18, rest)?,
            version: integer(0x20, rest)?,
            value: string(0x2a, rest)?,
            lease: integer(0x30, rest)?,
        };
        rest.is_empty().then_some(read)
    }
}

#[inline]
fn tagged(tag: u8, rest: &mut &[u8]) -> bool {
    match rest.split_first() {
        Some((first, after)) if *first == tag => {
            *rest = after;
            true
        }
        _ => false,
    }
}

#[inline]
fn string<'a>(tag: u8, rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    if !tagged(tag, rest) {
        return Some(&[]);
    }
    let length = usize::try_from(varint(rest)?).ok()?;
    let (string, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(string)
}

#[inline]
fn integer(tag: u8, rest: &mut &[u8]) -> Option<i64> {
    if tagged(tag, rest) {
        varint(rest)
    } else {
        Some(0)
    }
}

/// Up to nine bytes: 63 bits.
#[inline]
fn varint(rest: &mut &[u8]) -> Option<i64> {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        value |= i64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_in_order() {
        let whole = b"\x0a\x03foo\x10\x96\x01\x18\x97\x01\x20\x02\x2a\x02vv\x30\xff\xff\xff\xff\xff\xff\xff\xff\x7f";
        let read = KeyValue::read(whole).unwrap();
        assert_eq!((read.key, read.value), (&b"foo"[..], &b"vv"[..]));
        assert_eq!((read.create, read.modified, read.version), (150, 151, 2));
        assert_eq!(read.lease, i64::MAX);
        assert_eq!(KeyValue::read(b""), Some(KeyValue::default()));
        // A message may end after any field, nowhere else.
        let ends = (0..whole.len()).filter(|end| KeyValue::read(&whole[..*end]).is_some());
        assert_eq!(ends.collect::<Vec<_>>(), [0, 5, 8, 11, 13, 17]);
        for other in [&b"\x10\x01\x0a\x01k"[..], b"\x10\x01\x10\x01", b"\x38\x00"] {
            assert_eq!(KeyValue::read(other), None);
        }
    }
}
