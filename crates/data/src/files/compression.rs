use std::io::{self, BufRead, BufReader, Cursor, Read};

use flate2::bufread::GzDecoder;

use super::zstd::ZstdReader;

/// The compression of a file, detected by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// None.
    Plain,
    /// gzip, RFC 1952.
    Gzip,
    /// Zstandard, RFC 8878.
    Zstd,
}

/// Number of bytes needed to detect the compression.
const HEAD: usize = 10;
/// Bytes that are read from a file at a time.
const BUFFER: usize = 1 << 16;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Skippable frames, which may precede the data, start with a byte from 0x50 to 0x5f and these bytes.
const ZSTD_SKIPPABLE_MAGIC: [u8; 3] = [0x2a, 0x4d, 0x18];

impl Compression {
    /// The compression of data that starts with `head`.
    fn of_bytes(head: &[u8]) -> Self {
        let skippable = head.first().is_some_and(|byte| byte & 0xf0 == 0x50)
            && head.get(1..4) == Some(&ZSTD_SKIPPABLE_MAGIC);
        if head.starts_with(&GZIP_MAGIC) {
            Self::Gzip
        } else if head.starts_with(&ZSTD_MAGIC) || skippable {
            Self::Zstd
        } else {
            Self::Plain
        }
    }

    pub(crate) fn hint(self) -> Option<String> {
        match self {
            Self::Plain => None,
            Self::Gzip => Some("the file is incomplete or damaged: check it with `gzip -t`".into()),
            Self::Zstd => Some("the file is incomplete or damaged: check it with `zstd -t`".into()),
        }
    }
}

/// Archives and compressions that are not supported, by their first bytes.
pub(crate) fn foreign_compression(head: &[u8]) -> Option<&'static str> {
    let is_bzip2 = head.starts_with(b"BZh") && head.get(4..10) == Some(b"1AY&SY");
    match head {
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some("xz"),
        [b'P', b'K', 3, 4, ..] => Some("zip"),
        [b'7', b'z', 0xbc, 0xaf, 0x27, 0x1c, ..] => Some("7z"),
        [0x04, 0x22, 0x4d, 0x18, ..] => Some("lz4"),
        _ if is_bzip2 => Some("bzip2"),
        _ => None,
    }
}

/// The members of a gzip file, in order. Zeros after a member are skipped: tapes and some tools fill the last block
/// with them.
struct GzipReader<R> {
    /// `None` after the end.
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> GzipReader<R> {
    fn new(source: R) -> Self {
        Self {
            member: Some(GzDecoder::new(source)),
        }
    }
}

impl<R: BufRead> Read for GzipReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(member) = &mut self.member else {
                return Ok(0);
            };
            let count = member.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            let ended = self.member.take().map(GzDecoder::into_inner);
            self.member = ended.map(next_member).transpose()?.flatten();
        }
    }
}

/// The next member; `None` if only zeros follow.
fn next_member<R: BufRead>(mut source: R) -> io::Result<Option<GzDecoder<R>>> {
    loop {
        let chunk = source.fill_buf()?;
        if chunk.is_empty() {
            return Ok(None);
        }
        let length = chunk.len();
        let zeros = chunk.iter().take_while(|byte| **byte == 0).count();
        source.consume(zeros);
        if zeros < length {
            return Ok(Some(GzDecoder::new(source)));
        }
    }
}

/// The content of `source`, decompressed if its first bytes show a compression.
pub(crate) fn decompress(
    mut source: impl Read + Send + 'static,
) -> io::Result<(Compression, Box<dyn BufRead + Send>)> {
    let mut head = Vec::with_capacity(HEAD);
    source.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
    let compression = Compression::of_bytes(&head);
    let whole = BufReader::with_capacity(BUFFER, Cursor::new(head).chain(source));
    let text: Box<dyn BufRead + Send> = match compression {
        Compression::Plain => Box::new(whole),
        Compression::Gzip => Box::new(BufReader::new(GzipReader::new(whole))),
        Compression::Zstd => Box::new(BufReader::new(ZstdReader::new(whole))),
    };
    Ok((compression, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        io::Write::write_all(&mut encoder, text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn read(bytes: Vec<u8>) -> io::Result<String> {
        let mut text = String::new();
        let (_, mut source) = decompress(Cursor::new(bytes))?;
        source.read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn zeros_behind_gzip_members_are_passed_over_and_nothing_else_is() {
        let zeros = vec![0; 20_000];
        let padded = [gzip("one "), zeros.clone()].concat();
        assert_eq!(read(padded).unwrap(), "one ");
        let members = [gzip("one "), gzip(""), gzip("two"), zeros.clone()].concat();
        assert_eq!(read(members).unwrap(), "one two");
        for rest in [b"x".to_vec(), [zeros, b"{}".to_vec()].concat()] {
            assert!(read([gzip("one"), rest].concat()).is_err());
        }
        let whole = gzip("one two three");
        for end in 2..whole.len() {
            assert!(read(whole[..end].to_vec()).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn short_data_is_plain() {
        for data in ["", "{", "{}"] {
            let (compression, mut text) = decompress(data.as_bytes()).unwrap();
            let mut read = String::new();
            text.read_to_string(&mut read).unwrap();
            assert_eq!((compression, read.as_str()), (Compression::Plain, data));
        }
    }
}
