use std::io::{self, BufRead, BufReader, Cursor, Read};

use flate2::bufread::MultiGzDecoder;

use super::zstd::ZstdReader;

/// How the data that is read is compressed, as its first bytes tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    Plain,
    /// gzip, RFC 1952.
    Gzip,
    /// Zstandard, RFC 8878.
    Zstd,
}

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Skippable frames, which may precede the data, start with 0x50 to 0x5f and then these bytes.
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
            Self::Gzip => Some("the file is cut off or damaged: check it with `gzip -t`".into()),
            Self::Zstd => Some("the file is cut off or damaged: check it with `zstd -t`".into()),
        }
    }
}

/// What `source` holds, decompressed as its first bytes demand.
pub(crate) fn decompress(
    mut source: impl Read + Send + 'static,
) -> io::Result<(Compression, Box<dyn BufRead + Send>)> {
    let mut head = Vec::with_capacity(ZSTD_MAGIC.len());
    source
        .by_ref()
        .take(ZSTD_MAGIC.len() as u64)
        .read_to_end(&mut head)?;
    let compression = Compression::of_bytes(&head);
    let whole = BufReader::new(Cursor::new(head).chain(source));
    let text: Box<dyn BufRead + Send> = match compression {
        Compression::Plain => Box::new(whole),
        Compression::Gzip => Box::new(BufReader::new(MultiGzDecoder::new(whole))),
        Compression::Zstd => Box::new(BufReader::new(ZstdReader::new(whole))),
    };
    Ok((compression, text))
}

#[cfg(test)]
mod tests {
    use super::*;

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
