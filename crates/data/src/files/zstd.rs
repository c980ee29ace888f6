use std::error::Error;
use std::io::{self, BufRead, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// Decompresses a Zstandard stream with any number of frames. Skips skippable frames and verifies checksums.
///
/// The streaming decoder of `ruzstd` stops after one frame and does not verify the checksum.
pub(crate) struct ZstdReader<R> {
    source: R,
    decoder: FrameDecoder,
    inside_frame: bool,
}

impl<R: BufRead> ZstdReader<R> {
    pub(crate) fn new(source: R) -> Self {
        Self {
            source,
            decoder: FrameDecoder::new(),
            inside_frame: false,
        }
    }

    /// Reads the header of the next frame; `false` at the end of the stream.
    fn start_frame(&mut self) -> io::Result<bool> {
        while !self.source.fill_buf()?.is_empty() {
            match self.decoder.reset(&mut self.source) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => self.skip(length.into())?,
                Err(error) => return Err(decoding_error(error)),
            }
        }
        Ok(false)
    }

    fn skip(&mut self, length: u64) -> io::Result<()> {
        let skipped = io::copy(&mut self.source.by_ref().take(length), &mut io::sink())?;
        if skipped == length {
            Ok(())
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }

    fn check_sum(&self) -> io::Result<()> {
        match self.decoder.get_checksum_from_data() {
            Some(stored) if self.decoder.get_calculated_checksum() != Some(stored) => {
                Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "the zstd checksum does not match",
                ))
            }
            _ => Ok(()),
        }
    }
}

impl<R: BufRead> Read for ZstdReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.inside_frame {
                self.inside_frame = self.start_frame()?;
            }
            if !self.inside_frame {
                return Ok(0);
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                self.decoder
                    .decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBlocks(1))
                    .map_err(decoding_error)?;
            }
            let count = self.decoder.read(buffer)?;
            if count > 0 {
                return Ok(count);
            }
            self.check_sum()?;
            self.inside_frame = false;
        }
    }
}

/// The decoder's error with the kind of the I/O error inside it, so that an incomplete file can be recognized.
fn decoding_error(error: FrameDecoderError) -> io::Error {
    let mut kind = io::ErrorKind::InvalidData;
    let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(inner) = cause {
        if let Some(io_error) = inner.downcast_ref::<io::Error>() {
            kind = io_error.kind();
        }
        cause = inner.source();
    }
    if kind == io::ErrorKind::UnexpectedEof {
        return io::Error::new(kind, "the file ends inside a zstd frame");
    }
    io::Error::new(kind, error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    fn compressed(data: &[u8]) -> Vec<u8> {
        compress_to_vec(data, CompressionLevel::Fastest)
    }

    fn decompressed(data: &[u8]) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        ZstdReader::new(data).read_to_end(&mut text)?;
        Ok(text)
    }

    #[test]
    fn several_frames_are_one_stream_and_skippable_ones_are_passed_over() {
        let mut stream = vec![0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, b'x', b'y', b'z'];
        stream.extend(compressed(b"one "));
        stream.extend(compressed(b""));
        stream.extend(compressed(b"two"));
        assert_eq!(decompressed(&stream).unwrap(), b"one two");
    }

    #[test]
    fn a_stream_cut_anywhere_inside_a_frame_is_an_error() {
        let whole =
            compressed(&b"a text that repeats itself, a text that repeats itself".repeat(50));
        for length in 1..whole.len() {
            let error = decompressed(&whole[..length]).unwrap_err();
            assert_eq!(
                error.kind(),
                io::ErrorKind::UnexpectedEof,
                "{length}: {error}"
            );
        }
    }

    #[test]
    fn a_wrong_checksum_is_an_error() {
        let mut data = compressed(b"some text");
        *data.last_mut().unwrap() ^= 1;
        assert!(
            decompressed(&data)
                .unwrap_err()
                .to_string()
                .contains("checksum")
        );
    }

    #[test]
    fn data_of_many_blocks_survives() {
        let lines = (0_u64..60_000).map(|n| format!("{{\"n\":{n},\"m\":{}}}\n", n * n % 977));
        let text = lines.collect::<Vec<_>>().concat();
        let packed = compressed(text.as_bytes());
        assert!(
            packed.len() < text.len() / 2,
            "{} of {}",
            packed.len(),
            text.len()
        );
        assert_eq!(decompressed(&packed).unwrap(), text.as_bytes());
    }

    proptest! {
        #[test]
        fn any_data_survives(data in proptest::collection::vec(any::<u8>(), 0..2000), times in 1_usize..200) {
            let data = data.repeat(times);
            prop_assert_eq!(decompressed(&compressed(&data)).unwrap(), data);
        }

        #[test]
        fn any_text_survives(text in "[a-e ]{0,4000}") {
            prop_assert_eq!(decompressed(&compressed(text.as_bytes())).unwrap(), text.as_bytes());
        }
    }
}
