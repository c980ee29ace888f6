use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};

use super::data_files::one_file;
use super::elsewhere::DataFile;
use super::field::Checked;
use super::parquet::is_parquet;
use crate::files::{decompress, foreign_compression};
use crate::{
    Compression, DataError, Example, Location, ReadProgress, RecordError, RecordProblem, Result,
    STANDARD_INPUT,
};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// How much a reader takes into memory at a time.
///
/// Without limits a few kilobytes of compressed data could unfold to a line of gigabytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadLimits {
    /// Longest line of JSONL, element of a JSON list or row of a table, in bytes after
    /// decompression; 1 or more. Default 16,777,216 (16 MiB).
    pub max_line_bytes: usize,
    /// Longest prompt, context or response of a record, in bytes of UTF-8; 1 or more. Default
    /// 1,048,576 (1 MiB). Tokens and segments of a text take hundreds of times its size, and all of it
    /// is tokenized, however little of it a model reads.
    pub max_text_bytes: usize,
}

impl ReadLimits {
    /// Refuses an example with a text that is too long.
    ///
    /// # Errors
    /// [`RecordProblem::TextTooLong`] in the first such field.
    pub fn check(self, example: &Example) -> std::result::Result<(), RecordError> {
        let limit = self.max_text_bytes;
        let texts = [
            ("prompt", Some(&example.prompt)),
            ("context", example.context.as_ref()),
            ("response", Some(&example.response)),
        ];
        for (field, text) in texts {
            let bytes = text.map_or(0, String::len);
            if bytes > limit {
                let problem = RecordProblem::TextTooLong { bytes, limit };
                return Err(RecordError::new(field, problem));
            }
        }
        Ok(())
    }
}

impl Default for ReadLimits {
    fn default() -> Self {
        Self {
            max_line_bytes: 16 << 20,
            max_text_bytes: 1 << 20,
        }
    }
}

/// The lines of a file, plain or compressed, in UTF-8.
pub(crate) struct Lines {
    input: Box<dyn BufRead + Send>,
    compression: Compression,
    location: Location,
    limits: ReadLimits,
    line: Vec<u8>,
    started: bool,
}

impl Lines {
    /// Opens a file, or standard input for [`STANDARD_INPUT`]; `progress` follows it.
    pub(crate) fn open(path: &Path, limits: ReadLimits, progress: &ReadProgress) -> Result<Self> {
        let file = one_file(path)?;
        progress.expect([&file.path]);
        Self::open_counted(&file, limits, progress)
    }

    /// Opens one of several files; `progress` counts the bytes.
    pub(crate) fn open_counted(
        found: &DataFile,
        limits: ReadLimits,
        progress: &ReadProgress,
    ) -> Result<Self> {
        let path = found.name.as_path();
        if path == Path::new(STANDARD_INPUT) {
            return Self::new(io::stdin(), path, limits);
        }
        let file = fs_err::File::open(&found.path)?;
        if file.metadata()?.is_dir() {
            return Err(DataError::Directory {
                path: path.to_owned(),
            });
        }
        // Errors of the bare file do not name the path, which `DataError::Read` does anyway.
        Self::new(progress.count(file.into_parts().0), path, limits)
    }

    /// Reads from any source; messages call it `name`.
    pub(crate) fn new(
        source: impl Read + Send + 'static,
        name: impl Into<PathBuf>,
        limits: ReadLimits,
    ) -> Result<Self> {
        let location = Location::new(name, 0);
        let (compression, input) =
            decompress(source).map_err(|cause| read_error(&location, Compression::Plain, cause))?;
        Ok(Self {
            input,
            compression,
            location,
            limits,
            line: Vec::new(),
            started: false,
        })
    }

    /// Passes over a byte order mark, and refuses text in another encoding.
    fn start(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.started, true) {
            return Ok(());
        }
        let head = peek(&mut *self.input, &self.location, self.compression)?;
        if is_parquet(head) {
            return Err(DataError::Parquet {
                path: self.location.path.clone(),
                column: None,
                row: None,
                reason: "found Parquet, expected text".into(),
                hint: Some(
                    "Parquet is read from a file of its own: not from a stream, compressed once more, or as a \
                     format of text tables",
                ),
            });
        }
        if let Some(found) = foreign_compression(head) {
            let path = self.location.path.clone();
            return Err(DataError::ForeignCompression { path, found });
        }
        if let Some(encoding) = foreign_encoding(head) {
            let path = self.location.path.clone();
            return Err(DataError::Encoding { path, encoding });
        }
        if head.starts_with(BYTE_ORDER_MARK) {
            self.input.consume(BYTE_ORDER_MARK.len());
        }
        Ok(())
    }

    /// Where the line that was read last stands; line 0 before the first.
    pub(crate) fn location(&self) -> &Location {
        &self.location
    }

    pub(crate) fn compression(&self) -> Compression {
        self.compression
    }

    pub(crate) fn limits(&self) -> ReadLimits {
        self.limits
    }

    /// Goes to the next line that is not blank; `false` at the end.
    pub(crate) fn advance(&mut self) -> Result<bool> {
        while self.advance_to_any()? {
            if !self.line.trim_ascii().is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Goes to the next line; `false` at the end.
    pub(crate) fn advance_to_any(&mut self) -> Result<bool> {
        self.start()?;
        self.line.clear();
        loop {
            let chunk = peek(&mut *self.input, &self.location, self.compression)?;
            if chunk.is_empty() {
                break;
            }
            if self.line.is_empty() {
                self.location.line += 1;
            }
            let end = memchr::memchr(b'\n', chunk);
            let length = end.map_or(chunk.len(), |end| end + 1);
            if self.line.len() + length > self.limits.max_line_bytes {
                return Err(DataError::LineTooLong {
                    location: self.location.clone(),
                    limit: self.limits.max_line_bytes,
                });
            }
            self.line.extend_from_slice(&chunk[..length]);
            self.input.consume(length);
            if end.is_some() {
                break;
            }
        }
        Ok(!self.line.is_empty())
    }

    /// The bytes of the line, its end among them.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.line
    }

    /// The line as text.
    pub(crate) fn text(&self) -> Checked<&str> {
        line_text(&self.line)
    }

    /// What is buffered of the text that follows; empty at the end only.
    pub(crate) fn peek(&mut self) -> Result<&[u8]> {
        self.start()?;
        peek(&mut *self.input, &self.location, self.compression)
    }

    /// Passes over bytes that were peeked at.
    pub(crate) fn consume(&mut self, bytes: usize) {
        self.input.consume(bytes);
    }

    /// For readers that count lines themselves.
    pub(crate) fn set_line(&mut self, line: usize) {
        self.location.line = line;
    }
}

/// A line as text.
pub(super) fn line_text(line: &[u8]) -> Checked<&str> {
    str::from_utf8(line).map_err(|error| {
        let column = error.valid_up_to() + 1;
        RecordError::new("", RecordProblem::NotUtf8 { column })
    })
}

fn peek<'a>(
    input: &'a mut (dyn BufRead + Send),
    location: &Location,
    compression: Compression,
) -> Result<&'a [u8]> {
    input
        .fill_buf()
        .map_err(|cause| read_error(location, compression, cause))
}

fn read_error(location: &Location, compression: Compression, cause: io::Error) -> DataError {
    DataError::Read {
        path: location.path.clone(),
        line: location.line,
        compression,
        cause,
    }
}

/// The encoding that text is in where its first bytes show that it is not UTF-8.
fn foreign_encoding(head: &[u8]) -> Option<&'static str> {
    match head {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Some("UTF-32"),
        // Without a byte order mark, text that starts in ASCII has a zero in every second byte.
        [0xff, 0xfe, ..]
        | [0xfe, 0xff, ..]
        | [1..=0x7f, 0, 1..=0x7f, 0, ..]
        | [0, 1..=0x7f, 0, 1..=0x7f, ..] => Some("UTF-16"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: impl AsRef<[u8]>, max_line_bytes: usize) -> Result<Lines> {
        let source = io::Cursor::new(bytes.as_ref().to_vec());
        let limits = ReadLimits {
            max_line_bytes,
            ..ReadLimits::default()
        };
        Lines::new(source, "a", limits)
    }

    #[test]
    fn a_line_may_be_as_long_as_the_limit_and_no_longer() {
        let mut read = lines("\nabc\nabcd\n", 5).unwrap();
        assert!(read.advance().unwrap());
        assert_eq!((read.text().unwrap(), read.location().line), ("abc\n", 2));
        assert!(read.advance().unwrap());
        assert!(!read.advance().unwrap());
        for text in ["abc\nabcde\n", "abc\nabcdef", "abc\n      "] {
            let mut read = lines(text, 5).unwrap();
            assert!(read.advance().unwrap());
            let error = read.advance().unwrap_err();
            assert_eq!(
                error.to_string(),
                "a:2: found a line of more than 5 bytes, expected at most that many"
            );
            assert!(error.hint().unwrap().contains("--max-line-bytes"));
        }
    }

    #[test]
    fn other_compressions_are_named() {
        for (head, name) in [
            (&b"\xfd7zXZ\0\0\x04"[..], "xz"),
            (b"BZh91AY&SY\x01", "bzip2"),
            (b"PK\x03\x04\x14", "zip"),
        ] {
            let error = lines(head, 100).unwrap().advance().unwrap_err();
            let expected =
                format!("a: found {name}, expected plain text, gzip (.gz) or Zstandard (.zst)");
            assert_eq!(error.to_string(), expected);
            assert!(error.hint().unwrap().contains("unpack"));
        }
        assert!(lines("BZh9,id,prompt", 100).unwrap().advance().unwrap());
    }

    #[test]
    fn other_encodings_are_named() {
        let utf16 = |text: &str, mark: &[u8]| -> Vec<u8> {
            let units = text.encode_utf16().flat_map(u16::to_le_bytes);
            mark.iter().copied().chain(units).collect()
        };
        for bytes in [
            utf16("{\"a\":1}", &[0xff, 0xfe]),
            utf16("{\"a\":1}", &[]),
            vec![0, b'i', 0, b'd'],
        ] {
            let message = lines(bytes, 100)
                .unwrap()
                .advance()
                .unwrap_err()
                .to_string();
            assert_eq!(message, "a: found text in UTF-16, expected UTF-8");
        }
        let message = lines([0xff, 0xfe, 0, 0, b'a', 0, 0, 0], 100)
            .unwrap()
            .advance()
            .unwrap_err();
        assert!(message.to_string().contains("UTF-32"), "{message}");
        assert!(lines("\u{feff}a", 100).unwrap().advance().unwrap());
    }
}
