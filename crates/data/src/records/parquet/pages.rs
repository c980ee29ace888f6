//! Pages of a column, looked at before the library takes what they claim into memory.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parquet::basic::{Compression, Encoding};
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::Result;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::reader::{ChunkReader, Length as _};
use parquet::file::serialized_reader::SerializedPageReader;

use super::deltas::{Lengths, count, pass_lengths};
use super::error::Damage;
use super::page_buffers::{Buffers, Packed};
use super::page_source::PageSource;
use super::thrift::{Compact, STRUCT};

/// The largest page that is read, in bytes after decompression. Writers make them of about a megabyte,
/// some of a hundred.
const MAX_PAGE: u64 = 256 << 20;
/// What the pages of all columns may take in memory.
const MAX_HELD: u64 = 1 << 30;
/// What the library keeps of a text in a dictionary, besides its bytes.
const ENTRY: u64 = 32;
/// How many values of lists the pages of a column may have that are read for one batch of rows.
const MAX_VALUES: u64 = 1 << 23;
/// The same of a column in no list, of which a batch takes one value a row.
const MAX_FLAT_VALUES: u64 = 1 << 26;

/// Values of the pages that were read since the last reset, of one column.
pub(super) type ValueCount = Arc<AtomicU64>;

/// Bytes of the pages in memory, of all columns.
#[derive(Clone, Default)]
pub(super) struct HeldBytes {
    now: Arc<AtomicU64>,
    /// Bytes of all pages so far.
    taken: Arc<AtomicU64>,
}

/// What was held at some time.
#[derive(Clone, Copy)]
pub(super) struct Held {
    now: u64,
    taken: u64,
}

impl HeldBytes {
    pub(super) fn now(&self) -> Held {
        Held {
            now: self.now.load(Ordering::Relaxed),
            taken: self.taken.load(Ordering::Relaxed),
        }
    }

    /// What was held `before`, and all that was taken since: values that were read since lie nowhere else.
    pub(super) fn since(&self, before: Held) -> u64 {
        let taken = self.taken.load(Ordering::Relaxed);
        before.now + taken.saturating_sub(before.taken)
    }

    fn take(&self, bytes: u64) -> Result<u64> {
        let before = self.now.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > MAX_HELD {
            self.give_back(bytes);
            return Err(Damage::new(format!(
                "found pages of more than {MAX_HELD} bytes in columns that are read together"
            ))
            .with_hint("write the file again with smaller pages or row groups")
            .into());
        }
        self.taken.fetch_add(bytes, Ordering::Relaxed);
        Ok(bytes)
    }

    fn give_back(&self, bytes: u64) {
        self.now.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// The pages of a column chunk.
pub(super) struct CheckedPages {
    pages: SerializedPageReader<PageSource>,
    source: Arc<PageSource>,
    file: Arc<File>,
    compression: Compression,
    /// Where the next page starts.
    offset: u64,
    /// Its header, where that was read ahead of time.
    header: Option<Header>,
    end: u64,
    /// Most definition and repetition levels of the column.
    levels: (i16, i16),
    count: ValueCount,
    held: HeldBytes,
    /// What the dictionary and the last page take of it.
    dictionary: u64,
    page: u64,
}

impl CheckedPages {
    pub(super) fn new(
        file: Arc<File>,
        chunk: &ColumnChunkMetaData,
        rows: usize,
        count: ValueCount,
        held: HeldBytes,
        buffers: &Buffers,
    ) -> Result<Self> {
        let compression = chunk.compression();
        if !is_read(compression) {
            // Without the level, of which a file says nothing.
            let name = compression.to_string();
            let name = name.split('(').next().unwrap_or_default();
            return Err(Damage::new(format!(
                "found compression {name}, expected zstd, snappy, gzip, lz4 or none"
            ))
            .with_hint("write the file again, with zstd for instance")
            .into());
        }
        if chunk.file_path().is_some() {
            return Err(
                Damage::new("its data lies in another file, expected it in this one").into(),
            );
        }
        let (offset, length) = chunk.byte_range();
        let descriptor = chunk.column_descr();
        let end = offset.checked_add(length).filter(|&end| end <= file.len());
        let end = end.ok_or_else(|| {
            Damage::new(format!(
                "claims {length} bytes from byte {offset} on, of a file of {}",
                file.len()
            ))
        })?;
        let source = Arc::new(PageSource::new(file.clone(), buffers.clone()));
        let pages = if is_unpacked_here(compression) {
            let unpacked = chunk.clone().into_builder();
            let unpacked = unpacked
                .set_compression(Compression::UNCOMPRESSED)
                .build()?;
            SerializedPageReader::new(source.clone(), &unpacked, rows, None)?
        } else {
            SerializedPageReader::new(source.clone(), chunk, rows, None)?
        };
        Ok(Self {
            pages,
            source,
            file,
            compression,
            offset,
            header: None,
            end,
            levels: (descriptor.max_def_level(), descriptor.max_rep_level()),
            count,
            held,
            dictionary: 0,
            page: 0,
        })
    }

    fn read_header(&self) -> Result<Header> {
        let header = Header::read(self.file.get_read(self.offset)?);
        Ok(header.map_err(|cause| {
            Damage::new(format!("the header of a page cannot be read: {cause}"))
        })?)
    }

    /// The page whose bytes start there, if it is to be unpacked here.
    fn packed(&self, header: &Header, start: u64) -> Option<Packed> {
        (is_unpacked_here(self.compression) && !header.is_plain).then_some(Packed {
            start,
            levels: usize::try_from(header.levels).ok()?,
            unpacked: usize::try_from(header.uncompressed).ok()?,
        })
    }

    /// Has the next page unpacked while this one is read. What is wrong with it is found when it is its turn.
    fn work_ahead(&mut self) {
        if !self.source.works_ahead() || self.offset >= self.end || self.header.is_some() {
            return;
        }
        let Ok(header) = self.read_header() else {
            return;
        };
        let start = self.offset + header.length;
        if header.is_data()
            && header.check(start, self.end).is_ok()
            && let Some(page) = self.packed(&header, start)
            && let Ok(length) = usize::try_from(header.compressed)
        {
            self.source.unpack_ahead(page, length);
        }
        self.header = Some(header);
    }

    /// Looks at the header of the next page.
    fn check_next(&mut self) -> Result<()> {
        if self.offset >= self.end {
            return Ok(());
        }
        let header = match self.header.take() {
            Some(header) => header,
            None => self.read_header()?,
        };
        let start = self.offset + header.length;
        self.offset = header.check(start, self.end)?;
        if self.compression == Compression::LZ4 || matches!(self.compression, Compression::GZIP(_))
        {
            // In the newer kind of page the levels stand ahead of what is compressed.
            let levels = header
                .levels
                .min(header.compressed)
                .min(header.uncompressed);
            let size = usize::try_from(header.compressed - levels).unwrap_or(0);
            if size > 0 && !header.is_plain {
                let packed = self.file.get_bytes(start + levels, size)?;
                self.check_size(&packed, header.uncompressed - levels)?;
            }
        }
        if let Some(page) = self.packed(&header, start) {
            self.source.unpack_next(page);
        }
        if header.is_data() {
            let before = self.count.fetch_add(header.values, Ordering::Relaxed);
            let most = if self.levels.1 > 0 {
                MAX_VALUES
            } else {
                MAX_FLAT_VALUES
            };
            if before.saturating_add(header.values) > most {
                return Err(Damage::new(format!(
                    "found more than {most} values in the pages of a few rows"
                ))
                .with_hint("write the file again with smaller pages, or leave the column out")
                .into());
            }
        } else if header.values > header.uncompressed {
            return Err(Damage::new(format!(
                "a dictionary of {} bytes claims {} values",
                header.uncompressed, header.values
            ))
            .into());
        }
        self.hold(&header)
    }

    /// Counts what a page takes in memory, in the place of the one before.
    fn hold(&mut self, header: &Header) -> Result<()> {
        if header.is_data() {
            self.held.give_back(std::mem::take(&mut self.page));
            self.page = self.held.take(header.uncompressed)?;
        } else {
            self.dictionary += self
                .held
                .take(header.uncompressed + header.values * ENTRY)?;
        }
        Ok(())
    }

    /// For the two codecs that unpack as much as there is, and not as much as the page claims.
    fn check_size(&self, compressed: &[u8], claimed: u64) -> Result<()> {
        const LZ4_FRAME: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];
        if self.compression == Compression::LZ4 {
            if compressed.starts_with(&LZ4_FRAME) {
                return Err(Damage::new("found frames of LZ4, expected blocks")
                    .with_hint("write the file again, with zstd for instance")
                    .into());
            }
            return Ok(());
        }
        let unpacked = flate2::read::MultiGzDecoder::new(compressed);
        let size = io::copy(&mut unpacked.take(claimed + 1), &mut io::sink())?;
        if size > claimed {
            let problem = format!("a page unpacks to more than the {claimed} bytes it claims");
            return Err(Damage::new(problem).into());
        }
        Ok(())
    }

    /// Refuses lists of lengths that claim more values than the page has, or more text than a page may have.
    fn check_page(&mut self, page: &Page) -> Result<()> {
        let (encoding, values) = (page.encoding(), u64::from(page.num_values()));
        if !matches!(
            encoding,
            Encoding::DELTA_BINARY_PACKED
                | Encoding::DELTA_LENGTH_BYTE_ARRAY
                | Encoding::DELTA_BYTE_ARRAY
        ) {
            return Ok(());
        }
        let claims = self.values_of(page).and_then(|mut bytes| {
            if encoding == Encoding::DELTA_BINARY_PACKED {
                // Numbers, which add up to nothing.
                return Some(vec![Lengths {
                    sum: 0,
                    count: count(bytes)?,
                }]);
            }
            let mut claims = vec![pass_lengths(&mut bytes, values)?];
            if encoding == Encoding::DELTA_BYTE_ARRAY {
                claims.push(pass_lengths(&mut bytes, values)?);
            }
            Some(claims)
        });
        let Some(claims) = claims else {
            return Err(Damage::new("the lengths of a page cannot be read").into());
        };
        if claims.iter().any(|claim| claim.count > values) {
            return Err(Damage::new("a page claims more lengths than values").into());
        }
        // With this encoding a text may repeat the one before, and so be far longer than its bytes.
        if encoding == Encoding::DELTA_BYTE_ARRAY {
            let sum = claims
                .iter()
                .fold(0_u64, |sum, claim| sum.saturating_add(claim.sum));
            if sum > MAX_PAGE {
                return Err(Damage::new(format!(
                    "found a page with texts of {sum} bytes, expected at most {MAX_PAGE}"
                ))
                .with_hint("write the file again with smaller pages or row groups")
                .into());
            }
            self.page += self.held.take(sum)?;
        }
        Ok(())
    }

    /// The bytes of a data page behind its levels.
    fn values_of<'a>(&self, page: &'a Page) -> Option<&'a [u8]> {
        let mut bytes = &page.buffer()[..];
        if let Page::DataPageV2 {
            def_levels_byte_len,
            rep_levels_byte_len,
            ..
        } = page
        {
            let levels = def_levels_byte_len.checked_add(*rep_levels_byte_len)?;
            return bytes.get(usize::try_from(levels).ok()?..);
        }
        for level in [self.levels.1, self.levels.0] {
            if level > 0 {
                let (length, rest) = bytes.split_first_chunk::<4>()?;
                bytes = rest.get(usize::try_from(u32::from_le_bytes(*length)).ok()?..)?;
            }
        }
        Some(bytes)
    }
}

fn is_read(compression: Compression) -> bool {
    use Compression::{GZIP, LZ4, LZ4_RAW, SNAPPY, UNCOMPRESSED, ZSTD};
    matches!(
        compression,
        UNCOMPRESSED | SNAPPY | GZIP(_) | ZSTD(_) | LZ4 | LZ4_RAW
    )
}

/// Whether pages are unpacked into memory that is used again, and not by the library.
fn is_unpacked_here(compression: Compression) -> bool {
    matches!(compression, Compression::ZSTD(_))
}

/// What the header of a page claims.
#[derive(Default)]
struct Header {
    /// Its own length in bytes.
    length: u64,
    kind: i64,
    uncompressed: u64,
    compressed: u64,
    values: u64,
    /// Bytes of levels that are not compressed.
    levels: u64,
    /// Whether the values are not compressed although those of the column are.
    is_plain: bool,
}

impl Header {
    fn read(source: impl Read) -> io::Result<Self> {
        const KIND: i64 = 1;
        const UNCOMPRESSED: i64 = 2;
        const COMPRESSED: i64 = 3;
        const DATA: i64 = 5;
        const DICTIONARY: i64 = 7;
        const DATA_2: i64 = 8;
        let mut compact = Compact::new(source);
        let mut header = Self::default();
        let mut last = 0;
        while let Some((field, kind)) = compact.field(&mut last)? {
            let size = |number: i64| {
                u64::try_from(number).map_err(|_| {
                    super::thrift::wrong(format!("a page of {number} bytes or values"))
                })
            };
            match (field, kind) {
                (KIND, 4..=6) => header.kind = compact.number()?,
                (UNCOMPRESSED, 4..=6) => header.uncompressed = size(compact.number()?)?,
                (COMPRESSED, 4..=6) => header.compressed = size(compact.number()?)?,
                (DATA | DICTIONARY | DATA_2, STRUCT) => {
                    let is_newer = field == DATA_2;
                    let mut last = 0;
                    while let Some((field, kind)) = compact.field(&mut last)? {
                        match (field, kind) {
                            (1, 4..=6) => header.values = size(compact.number()?)?,
                            (5 | 6, 4..=6) if is_newer => {
                                let bytes = size(compact.number()?)?;
                                header.levels = header.levels.saturating_add(bytes);
                            }
                            (7, 1 | 2) if is_newer => header.is_plain = kind == 2,
                            _ => compact.skip(kind)?,
                        }
                    }
                }
                _ => compact.skip(kind)?,
            }
        }
        header.length = compact.read;
        Ok(header)
    }

    fn is_data(&self) -> bool {
        const DATA_PAGE: i64 = 0;
        const DATA_PAGE_V2: i64 = 3;
        [DATA_PAGE, DATA_PAGE_V2].contains(&self.kind)
    }

    /// Where the page ends that starts at `start`.
    fn check(&self, start: u64, end: u64) -> Result<u64> {
        if self.uncompressed > MAX_PAGE {
            return Err(Damage::new(format!(
                "found a page of {} bytes, expected at most {MAX_PAGE}",
                self.uncompressed
            ))
            .with_hint("write the file again with smaller pages or row groups")
            .into());
        }
        let page_end = start.checked_add(self.compressed);
        let page_end = page_end.filter(|&page_end| page_end <= end);
        Ok(page_end.ok_or_else(|| {
            Damage::new(format!(
                "a page claims {} bytes, which go past the end of the column",
                self.compressed
            ))
        })?)
    }
}

impl Drop for CheckedPages {
    fn drop(&mut self) {
        self.held.give_back(self.dictionary + self.page);
    }
}

impl Iterator for CheckedPages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for CheckedPages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        self.check_next()?;
        let page = self.pages.get_next_page()?;
        if let Some(page) = &page {
            self.check_page(page)?;
            self.work_ahead();
        }
        Ok(page)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.check_next()?;
        self.pages.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.pages.at_record_boundary()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_share_what_they_may_take_in_memory() {
        let held = HeldBytes::default();
        let other = held.clone();
        assert_eq!(held.take(MAX_HELD - 10).unwrap(), MAX_HELD - 10);
        let error = other.take(11).unwrap_err().to_string();
        assert!(
            error.contains("pages of more than 1073741824 bytes"),
            "{error}"
        );
        other.take(10).unwrap();
        held.give_back(20);
        other.take(20).unwrap();
        assert!(held.take(u64::MAX).is_err());
    }
}
