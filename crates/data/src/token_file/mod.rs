//! Tokenized examples in a file, for data sets that are larger than memory.
//!
//! ```text
//! magic · key · record … · index · footer
//! ```
//! A record is an example in the format of postcard and the CRC-32 of its bytes. The index has the position of every record and
//! the end of the last, as `u64`. The footer has the number of records, the position of the index, the CRC-32 of index,
//! key, number and position, and the magic. All numbers are little-endian.

mod read;
mod write;

pub use read::TokenFile;
pub use write::TokenFileWriter;

/// The first and the last bytes of a file; the digit is the version of the format.
const MAGIC: [u8; 8] = *b"GRADTOK2";
/// Bytes of magic and key.
const HEADER: u64 = 8 + 32;
/// Bytes of the footer: number of records, position of the index, checksum, magic.
const FOOTER: u64 = 8 + 8 + 4 + 8;
/// Bytes of a position in the index.
const POSITION: u64 = 8;
/// Bytes of a checksum.
const CHECKSUM: u64 = 4;

/// Digest of everything that the tokens of a file depend on.
pub type TokenFileKey = [u8; 32];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{DroppedTokens, ExampleSource as _, TokenSpan, TokenizedExample, TokenizedSegment};

    const KEY: TokenFileKey = [7; 32];

    fn span() -> impl Strategy<Value = TokenSpan> {
        (0_usize..70_000, 0_usize..70_000).prop_map(|(start, end)| TokenSpan { start, end })
    }

    fn target() -> impl Strategy<Value = Option<f32>> {
        prop::option::of(prop::num::f32::NORMAL | prop::num::f32::ZERO | prop::num::f32::SUBNORMAL)
    }

    prop_compose! {
        fn segment()(
            index in 0_usize..1000,
            tokens in span(),
            cut: bool,
            targets in prop::collection::vec(target(), 0..3),
            weight in prop::num::f32::POSITIVE,
            offsets in prop::collection::vec(prop::num::f32::NORMAL, 0..3),
        ) -> TokenizedSegment {
            TokenizedSegment { index, tokens, cut, targets, weight, offsets }
        }
    }

    prop_compose! {
        fn example()(
            id in ".{0,12}",
            token_ids in prop::collection::vec(any::<u32>(), 0..40),
            response in span(),
            segments in prop::collection::vec(segment(), 0..4),
            response_targets in prop::collection::vec(target(), 0..3),
            dropped in prop::collection::vec(0_usize..9, 0..3),
            counts in any::<[u16; 3]>(),
            is_window: bool,
        ) -> TokenizedExample {
            TokenizedExample {
                id,
                type_ids: token_ids.iter().map(|id| id % 2).collect(),
                token_ids,
                response,
                segments,
                response_targets,
                without_tokens: dropped.clone(),
                dropped,
                dropped_tokens: DroppedTokens {
                    context: counts[0].into(),
                    prompt: counts[1].into(),
                    response: counts[2].into(),
                },
                is_window,
            }
        }
    }

    fn written(examples: &[TokenizedExample]) -> Vec<u8> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.tokens");
        let mut file = TokenFileWriter::create(&path, KEY).unwrap();
        for example in examples {
            file.write(example).unwrap();
        }
        file.commit().unwrap();
        fs_err::read(&path).unwrap()
    }

    /// The examples of a file with these bytes, read in reverse, or the reason why it is refused.
    fn read(bytes: &[u8]) -> Result<Vec<TokenizedExample>, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.tokens");
        fs_err::write(&path, bytes).unwrap();
        let file = TokenFile::open(&path, KEY).map_err(|error| error.to_string())?;
        let rows = (0..file.len()).rev().map(|index| file.get(index));
        let mut rows: Vec<TokenizedExample> = rows.map(|row| row.unwrap().into_owned()).collect();
        rows.reverse();
        Ok(rows)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn examples_come_back_to_the_bit(examples in prop::collection::vec(example(), 0..6)) {
            prop_assert_eq!(read(&written(&examples)).unwrap(), examples);
        }

        #[test]
        fn no_change_of_a_byte_goes_unseen(
            examples in prop::collection::vec(example(), 1..4),
            place: prop::sample::Index,
            change in 1_u8..,
        ) {
            let mut bytes = written(&examples);
            let place = place.index(bytes.len());
            bytes[place] ^= change;
            prop_assert!(read(&bytes).is_err(), "byte {}", place);
        }

        #[test]
        fn a_file_that_is_cut_off_or_longer_is_refused(
            examples in prop::collection::vec(example(), 1..4),
            end: prop::sample::Index,
        ) {
            let mut bytes = written(&examples);
            prop_assert!(read(&bytes[..end.index(bytes.len())]).is_err());
            bytes.push(0);
            prop_assert!(read(&bytes).is_err());
        }
    }

    #[test]
    fn a_file_of_another_key_is_foreign() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.tokens");
        TokenFileWriter::create(&path, KEY)
            .unwrap()
            .commit()
            .unwrap();
        assert_eq!(TokenFile::open(&path, KEY).unwrap().len(), 0);
        let error = TokenFile::open(&path, [8; 32]).unwrap_err().to_string();
        assert!(error.contains("other data or settings"), "{error}");
        assert!(error.starts_with(&path.display().to_string()), "{error}");
    }

    #[test]
    fn a_record_that_is_damaged_after_the_file_was_opened_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.tokens");
        let example = TokenizedExample {
            id: "a".into(),
            token_ids: vec![1, 2, 3],
            type_ids: vec![0, 0, 1],
            ..TokenizedExample::default()
        };
        let mut file = TokenFileWriter::create(&path, KEY).unwrap();
        file.write(&example).unwrap();
        file.commit().unwrap();
        let file = TokenFile::open(&path, KEY).unwrap();
        assert_eq!(*file.get(0).unwrap(), example);
        let mut bytes = fs_err::read(&path).unwrap();
        bytes[usize::try_from(HEADER).unwrap() + 3] ^= 1;
        fs_err::write(&path, &bytes).unwrap();
        let error = file.get(0).unwrap_err();
        assert!(error.to_string().contains("record 1"), "{error}");
        assert!(error.hint().is_some() && !error.is_input());
        fs_err::write(&path, "").unwrap();
        assert!(file.get(0).is_err());
    }
}
