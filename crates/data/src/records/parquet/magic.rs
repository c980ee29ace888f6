//! What tells Parquet from other files.

/// The first and the last four bytes of a file.
pub(super) const MAGIC: &[u8; 4] = b"PAR1";
/// The same of one whose footer is encrypted.
pub(super) const ENCRYPTED: &[u8; 4] = b"PARE";

/// Whether a file that starts so is Parquet.
pub(crate) fn is_parquet(head: &[u8]) -> bool {
    head.starts_with(MAGIC) || head.starts_with(ENCRYPTED)
}
