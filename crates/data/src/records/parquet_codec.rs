//! How the columns of a Parquet file are compressed.

/// How the columns of a Parquet file are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ParquetCodec {
    /// Zstandard: the smallest files. The default.
    #[default]
    Zstd,
    /// Snappy, which `PyArrow`, Spark and the Hugging Face Hub write by default: larger files, read faster.
    Snappy,
    /// LZ4 blocks (`LZ4_RAW`): like Snappy.
    Lz4,
    /// None: the largest files, and the fastest where the disk keeps up.
    None,
}
