use std::cell::RefCell;
use std::error::Error;
use std::io::{self, BufRead, Read, Write};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use ruzstd::encoding::{CompressionLevel, FrameCompressor};

/// Decompresses a Zstandard stream: any number of frames, skippable ones passed over, checksums
/// compared.
///
/// `ruzstd`'s own streaming decoder stops after one frame and does not look at the checksum.
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

/// The decoder's error with the kind of the I/O error inside it, so that a file that ends early can
/// be told.
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

/// Compresses `source` into one Zstandard frame with a checksum.
pub(crate) fn compress(source: impl Read, target: impl Write) -> io::Result<()> {
    // `ruzstd` panics when reading or writing fails, so both ends hide failures from it and note
    // the first.
    let failure = RefCell::new(None);
    let mut compressor = FrameCompressor::new(CompressionLevel::Fastest);
    compressor.set_source(Guarded {
        inner: source,
        failure: &failure,
    });
    compressor.set_drain(Guarded {
        inner: target,
        failure: &failure,
    });
    compressor.compress();
    drop(compressor);
    failure.into_inner().map_or(Ok(()), Err)
}

/// One end of the compressor. After a failure the source is at its end and the target swallows
/// everything.
struct Guarded<'a, T> {
    inner: T,
    failure: &'a RefCell<Option<io::Error>>,
}

impl<T> Guarded<'_, T> {
    fn attempt(
        &mut self,
        if_failed: usize,
        mut operation: impl FnMut(&mut T) -> io::Result<usize>,
    ) -> usize {
        if self.failure.borrow().is_some() {
            return if_failed;
        }
        loop {
            match operation(&mut self.inner) {
                Ok(count) => return count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    *self.failure.borrow_mut() = Some(error);
                    return if_failed;
                }
            }
        }
    }
}

impl<T: Read> Read for Guarded<'_, T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self.attempt(0, |inner| inner.read(buffer)))
    }
}

impl<T: Write> Write for Guarded<'_, T> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        Ok(self.attempt(data.len(), |inner| {
            inner.write_all(data).map(|()| data.len())
        }))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.attempt(0, |inner| inner.flush().map(|()| 0));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn compressed(data: &[u8]) -> Vec<u8> {
        let mut target = Vec::new();
        compress(data, &mut target).unwrap();
        target
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
    fn a_failing_end_is_an_error_and_not_a_panic() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::TimedOut.into())
            }
        }
        impl Write for Broken {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let error = compress(Broken, Vec::new()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        let error = compress(&b"text"[..], Broken).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
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
