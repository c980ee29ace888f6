//! Thrift's compact protocol, as far as it takes to look through a header before it is trusted.

use std::io::{self, Read};

/// How deep structures of a header may lie in one another; real ones reach eight.
const MAX_NESTING: usize = 32;

/// Type of a field that is a structure.
pub(super) const STRUCT: u8 = 12;
/// Type of a field that is a list.
pub(super) const LIST: u8 = 9;
/// Type of what ends a structure.
const STOP: u8 = 0;
const SET: u8 = 10;
const MAP: u8 = 11;

/// Walks over a structure without keeping more of it than asked for.
///
/// Whatever the header claims to have, such as a list of a billion elements, has to be there to be
/// passed over: a header that was walked to its end can be read into memory.
pub(super) struct Compact<R> {
    source: R,
    /// Bytes read so far.
    pub(super) read: u64,
}

impl<R: Read> Compact<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source, read: 0 }
    }

    fn byte(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        self.source.read_exact(&mut byte)?;
        self.read += 1;
        Ok(byte[0])
    }

    fn varint(&mut self) -> io::Result<u64> {
        let mut value = 0;
        for shift in (0..70).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(wrong("a number of more than ten bytes"))
    }

    /// A signed whole number.
    pub(super) fn number(&mut self) -> io::Result<i64> {
        let value = self.varint()?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    /// Goes to the next field of a structure: its number and type; `None` at the end. `last` is the
    /// number of the field before, 0 at first.
    pub(super) fn field(&mut self, last: &mut i64) -> io::Result<Option<(i64, u8)>> {
        let head = self.byte()?;
        let kind = head & 0x0f;
        if kind == STOP {
            return Ok(None);
        }
        *last = match head >> 4 {
            0 => self.number()?,
            delta => last.saturating_add(i64::from(delta)),
        };
        Ok(Some((*last, kind)))
    }

    /// The head of a list: the number of its elements, and their type.
    pub(super) fn list(&mut self) -> io::Result<(u64, u8)> {
        let head = self.byte()?;
        let length = match head >> 4 {
            15 => self.varint()?,
            length => u64::from(length),
        };
        Ok((length, head & 0x0f))
    }

    /// Passes over the value of a field.
    pub(super) fn skip(&mut self, kind: u8) -> io::Result<()> {
        self.skip_value(kind, false, MAX_NESTING)
    }

    fn skip_struct(&mut self, nesting: usize) -> io::Result<()> {
        let mut last = 0;
        while let Some((_, kind)) = self.field(&mut last)? {
            self.skip_value(kind, false, nesting)?;
        }
        Ok(())
    }

    fn skip_value(&mut self, kind: u8, in_list: bool, nesting: usize) -> io::Result<()> {
        let Some(nesting) = nesting.checked_sub(1) else {
            return Err(wrong("structures that lie too deep in one another"));
        };
        match kind {
            // The type of a field that is a boolean has its value; in a list it is a byte.
            1 | 2 if !in_list => Ok(()),
            1..=3 => self.pass(1),
            4..=6 => self.varint().map(drop),
            7 => self.pass(8),
            8 => {
                let length = self.varint()?;
                self.pass(length)
            }
            LIST | SET => {
                let (length, kind) = self.list()?;
                for _ in 0..length {
                    self.skip_value(kind, true, nesting)?;
                }
                Ok(())
            }
            MAP => self.skip_map(nesting),
            STRUCT => self.skip_struct(nesting),
            _ => Err(wrong("a field of an unknown type")),
        }
    }

    fn skip_map(&mut self, nesting: usize) -> io::Result<()> {
        let length = self.varint()?;
        if length == 0 {
            return Ok(());
        }
        let kinds = self.byte()?;
        for _ in 0..length {
            self.skip_value(kinds >> 4, true, nesting)?;
            self.skip_value(kinds & 0x0f, true, nesting)?;
        }
        Ok(())
    }

    fn pass(&mut self, bytes: u64) -> io::Result<()> {
        let passed = io::copy(&mut self.source.by_ref().take(bytes), &mut io::sink())?;
        self.read = self.read.saturating_add(passed);
        if passed < bytes {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }
}

/// A header that is not what it has to be.
pub(super) fn wrong(found: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, found.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_read_and_other_fields_passed_over() {
        // Field 1: -2; field 2: "ab"; field 4: a list of two structures; field 5: 300.
        let bytes = [
            0x15, 3, 0x18, 2, b'a', b'b', 0x29, 0x2c, 0x15, 2, 0, 0, 0x15, 0xd8, 4, 0,
        ];
        let mut compact = Compact::new(&bytes[..]);
        let mut last = 0;
        let mut found = Vec::new();
        while let Some((field, kind)) = compact.field(&mut last).unwrap() {
            if kind == 5 {
                found.push((field, compact.number().unwrap()));
            } else {
                compact.skip(kind).unwrap();
            }
        }
        assert_eq!(found, [(1, -2), (5, 300)]);
        assert_eq!(compact.read, bytes.len() as u64);
    }

    #[test]
    fn lists_that_are_not_there_and_endless_nesting_are_refused() {
        let endless = [0x1c; 100];
        // Closed again, so that nothing but the nesting is wrong.
        let deep = [[0x1c; 100], [0; 100]].concat();
        let long_list = [0x19, 0xf3, 0xff, 0xff, 0xff, 0x7f, 1, 1, 1];
        for bytes in [
            &endless[..],
            &deep,
            &long_list,
            &[0x18, 0xff, 0xff, 0x7f],
            &[0x1d],
        ] {
            assert!(Compact::new(bytes).skip(STRUCT).is_err(), "{bytes:?}");
        }
        let flat = [[0x1c; 3].as_slice(), &[0; 4]].concat();
        Compact::new(&flat[..]).skip(STRUCT).unwrap();
    }

    proptest! {
        #[test]
        fn any_bytes_are_walked_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut compact = Compact::new(&bytes[..]);
            let _ = compact.skip(STRUCT);
            prop_assert!(compact.read <= bytes.len() as u64);
        }
    }
}
