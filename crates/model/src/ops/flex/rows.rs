//! How rows are shared out over threads.

/// Rows of a task. Depends on nothing but the number of rows, so that neither the number of
/// threads nor who is busy changes a result.
pub(super) fn per_task(rows: usize) -> usize {
    match rows {
        0..256 => 32,
        256..1024 => 64,
        1024..4096 => 128,
        _ => 256,
    }
}
