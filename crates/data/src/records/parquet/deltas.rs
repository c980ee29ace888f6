//! The lengths of texts that a page has as differences.

/// How many lengths there are, and what they add up to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Lengths {
    pub(super) count: u64,
    pub(super) sum: u64,
}

/// Passes over lengths written as differences, in blocks of packed bits. `None` if they end early, or one is
/// less than nothing.
///
/// The count that they claim comes first; no more of them than `most` are looked at.
pub(super) fn pass_lengths(bytes: &mut &[u8], most: u64) -> Option<Lengths> {
    let block = varint(bytes)?;
    let mini_blocks = varint(bytes)?;
    let count = varint(bytes)?;
    let mut length = whole(varint(bytes)?);
    let per_mini_block = block.checked_div(mini_blocks)?;
    if count == 0 || count > most {
        return Some(Lengths { count, sum: 0 });
    }
    if per_mini_block == 0 || per_mini_block % 8 != 0 {
        return None;
    }
    let mut sum = u64::try_from(length).ok()?;
    let mut left = count - 1;
    while left > 0 {
        let least = whole(varint(bytes)?);
        let widths = bytes.split_off(..usize::try_from(mini_blocks).ok()?)?;
        for &width in widths {
            if left == 0 {
                break;
            }
            let size = (per_mini_block / 8).checked_mul(u64::from(width))?;
            // The last block may be cut off behind its last value.
            let size = usize::try_from(size).ok()?;
            let packed = bytes.split_off(..size.min(bytes.len()))?;
            for index in 0..per_mini_block.min(left) {
                let difference = unpack(packed, index, width)?;
                // As the library adds them: in 32 bits, past the end of which they go on at its start.
                length = length.wrapping_add(least).wrapping_add(difference);
                sum = sum.checked_add(u64::try_from(length).ok()?)?;
            }
            left = left.saturating_sub(per_mini_block);
        }
    }
    Some(Lengths { count, sum })
}

/// How many numbers written as differences claim to be there.
pub(super) fn count(mut bytes: &[u8]) -> Option<u64> {
    varint(&mut bytes)?;
    varint(&mut bytes)?;
    varint(&mut bytes)
}

/// The signed number behind one that was folded to have no sign, in its lowest 32 bits.
fn whole(folded: u64) -> i32 {
    low((folded >> 1).cast_signed() ^ -(folded & 1).cast_signed())
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the lowest bits are what is asked for"
)]
fn low(number: i64) -> i32 {
    number as i32
}

/// Number `index` of numbers of `width` bits each, the lowest bit first.
fn unpack(packed: &[u8], index: u64, width: u8) -> Option<i32> {
    if width > 64 {
        return None;
    }
    let first = index.checked_mul(u64::from(width))?;
    let mut value: u64 = 0;
    for place in 0..u64::from(width).min(32) {
        let bit = first + place;
        let byte = packed.get(usize::try_from(bit / 8).ok()?)?;
        value |= u64::from(byte >> (bit % 8) & 1) << place;
    }
    Some(low(value.cast_signed()))
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.split_off_first()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks of 128 in 4 mini blocks: the count, the first length, then blocks.
    fn page(count: u8, first: u8, rest: &[u8]) -> Vec<u8> {
        [&[0x80, 1, 4, count, first << 1], rest].concat()
    }

    #[test]
    fn lengths_are_added_up() {
        // 3, 4, 6, 9: differences 1, 2, 3 are 1 and 0, 1, 2 in two bits each.
        let packed = [0b10_01_00, 0, 0, 0, 0, 0, 0, 0];
        let bytes = page(4, 3, &[&[2, 2, 0, 0, 0][..], &packed, b"text"].concat());
        let mut rest = &bytes[..];
        assert_eq!(
            pass_lengths(&mut rest, 4),
            Some(Lengths { count: 4, sum: 22 })
        );
        assert_eq!(rest, b"text");
    }

    #[test]
    fn lengths_that_are_none_are_refused() {
        // A difference of -4 behind 3.
        assert_eq!(
            pass_lengths(&mut &page(2, 3, &[7, 0, 0, 0, 0])[..], 9),
            None
        );
        assert_eq!(pass_lengths(&mut &page(2, 3, &[])[..], 9), None);
        assert_eq!(
            pass_lengths(&mut &page(2, 3, &[0, 65, 0, 0, 0])[..], 9),
            None
        );
        assert_eq!(pass_lengths(&mut &[0x80, 1, 0, 2, 2][..], 9), None);
    }

    #[test]
    fn more_lengths_than_asked_for_are_only_counted() {
        let claim = [0x80, 1, 4, 0xff, 0xff, 0xff, 0xff, 7, 2, 0];
        let lengths = pass_lengths(&mut &claim[..], 100).unwrap();
        assert_eq!(lengths.count, 0x7fff_ffff);
    }
}
