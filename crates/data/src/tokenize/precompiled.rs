//! The table of a `Precompiled` normalizer, `precompiled_charsmap`: base64 of the length of a trie in
//! bytes, the trie as a double array of 32-bit units, and replacements that end with a zero.
//!
//! The library does not check where a unit points, and panics if it is outside of the array.

use std::collections::HashSet;

/// The maximum number of characters by which the table `base64` replaces one character.
///
/// # Errors
/// If the lookup of any text could fail.
pub(crate) fn precompiled_growth(base64: &str) -> tokenizers::Result<usize> {
    let Some(bytes) = decode_base64(base64) else {
        return Err("`precompiled_charsmap` is not base64".into());
    };
    // The library treats an empty table as incomplete.
    let cut_off = || "`precompiled_charsmap` is shorter than it says";
    let (length, rest) = bytes.split_first_chunk::<4>().ok_or_else(cut_off)?;
    let length = u32::from_le_bytes(*length) as usize;
    if length < 4 || length > rest.len() {
        return Err(cut_off().into());
    }
    let (units, replacements) = rest.split_at(length / 4 * 4);
    let Ok(replacements) = str::from_utf8(replacements) else {
        return Err("`precompiled_charsmap` has replacements that are not UTF-8".into());
    };
    let units = units.as_chunks::<4>().0;
    let trie: Vec<Unit> = units
        .iter()
        .map(|&unit| Unit(u32::from_le_bytes(unit)))
        .collect();
    if !stays_inside(&trie, replacements) {
        return Err("`precompiled_charsmap` has a trie that points outside of the table".into());
    }
    let longest = replacements.split('\0').map(|text| text.chars().count());
    Ok(longest.max().unwrap_or(0))
}

/// A unit of the double array, in the format of Darts-clone.
#[derive(Clone, Copy)]
struct Unit(u32);

impl Unit {
    /// Whether a key ends at this node; its value is in the unit at the node's offset.
    fn has_leaf(self) -> bool {
        self.0 >> 8 & 1 == 1
    }

    /// The start of the key's text in the replacements.
    fn value(self) -> usize {
        (self.0 & 0x7fff_ffff) as usize
    }

    /// The byte that leads to this node; more than a byte if the unit has a value.
    fn label(self) -> u32 {
        self.0 & 0x8000_00ff
    }

    /// The offset that, combined with the position of this unit, gives the position of the next units.
    fn offset(self) -> usize {
        ((self.0 >> 10) as usize) << ((self.0 & 0x200) >> 6)
    }
}

/// Whether the lookup of every text stays inside `trie` and finds complete replacements.
fn stays_inside(trie: &[Unit], replacements: &str) -> bool {
    let mut open = vec![trie[0].offset()];
    let mut seen: HashSet<usize> = open.iter().copied().collect();
    while let Some(base) = open.pop() {
        for byte in 1..=255 {
            let place = base ^ byte as usize;
            let Some(&unit) = trie.get(place) else {
                return false;
            };
            if unit.label() != byte {
                continue;
            }
            let next = place ^ unit.offset();
            if unit.has_leaf() {
                let start = trie.get(next).map(|leaf| leaf.value());
                if !start.is_some_and(|start| replacements.is_char_boundary(start)) {
                    return false;
                }
            }
            if seen.insert(next) {
                open.push(next);
            }
        }
    }
    true
}

/// Decodes base64 with the standard alphabet, with or without padding.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=').as_bytes();
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    for group in text.chunks(4) {
        let mut bits: u32 = 0;
        for &symbol in group {
            let value = match symbol {
                b'A'..=b'Z' => symbol - b'A',
                b'a'..=b'z' => symbol - b'a' + 26,
                b'0'..=b'9' => symbol - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => return None,
            };
            bits = bits << 6 | u32::from(value);
        }
        let missing = 4 - group.len();
        if missing == 3 {
            return None;
        }
        let [_, decoded @ ..] = (bits << (6 * missing)).to_be_bytes();
        bytes.extend_from_slice(&decoded[..3 - missing]);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two blocks of 256 units in which `a` leads from the root to a leaf.
    fn trie() -> Vec<u32> {
        let mut units = vec![0_u32; 512];
        // From `a` at place 97 the offset is 256, so that the next place is 353.
        units[97] = 256 << 10 | 1 << 8 | u32::from(b'a');
        units[353] = 1 << 31;
        units
    }

    fn growth(units: &[u32], replacements: &str) -> tokenizers::Result<usize> {
        let mut bytes = u32::try_from(units.len() * 4)
            .unwrap()
            .to_le_bytes()
            .to_vec();
        bytes.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
        bytes.extend(replacements.as_bytes());
        precompiled_growth(&base64(&bytes))
    }

    fn base64(bytes: &[u8]) -> String {
        const SYMBOLS: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let symbols = bytes.chunks(3).flat_map(|group| {
            let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
            let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
            (0..=group.len()).map(move |at| SYMBOLS[(bits >> (18 - 6 * at) & 63) as usize] as char)
        });
        symbols.collect()
    }

    #[test]
    fn the_longest_replacement_is_the_growth() {
        assert_eq!(growth(&trie(), "b\0ccc\0").unwrap(), 3);
    }

    #[test]
    fn a_trie_that_leads_outside_is_refused() {
        let leads_out = |change: fn(&mut Vec<u32>), replacements| {
            let mut units = trie();
            change(&mut units);
            let error = growth(&units, replacements).unwrap_err().to_string();
            assert!(error.contains("points outside"), "{error}");
        };
        // Too short for the bytes of a text, at the root and behind `a`.
        leads_out(|units| units.truncate(98), "b\0");
        leads_out(|units| units.truncate(354), "b\0");
        // The leaf is outside.
        leads_out(|units| units[97] += 512 << 10, "b\0");
        // Its value is behind the replacements, and inside of a character.
        leads_out(|units| units[353] += 3, "b\0");
        leads_out(|units| units[353] += 1, "é\0");
    }

    #[test]
    fn a_trie_with_a_circle_is_walked_once() {
        let mut units = vec![0; 256];
        // Every byte leads back to the root.
        for byte in 1..256_u32 {
            units[byte as usize] = byte << 10 | byte;
        }
        assert_eq!(growth(&units, "").unwrap(), 0);
    }

    #[test]
    fn base64_is_read_with_and_without_padding() {
        for (text, bytes) in [
            ("", &b""[..]),
            ("YQ==", b"a"),
            ("YQ", b"a"),
            ("YWI=", b"ab"),
            ("YWJj/+8=", b"abc\xff\xef"),
        ] {
            assert_eq!(decode_base64(text).as_deref(), Some(bytes), "{text}");
        }
        assert_eq!(decode_base64("YWJjY"), None);
    }
}
