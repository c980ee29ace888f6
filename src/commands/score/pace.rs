//! How fast a run is, and how long it still takes.

use std::time::{Duration, Instant};

use indicatif::ProgressBar;

use super::pieces::Piece;
use crate::{progress, show};

/// Between two lines where standard error is no terminal.
const INTERVAL: Duration = Duration::from_secs(30);

/// Counts responses, and the share of the input that is done.
pub(super) struct Pace {
    bar: ProgressBar,
    start: Instant,
    told: Instant,
    pieces: usize,
    pieces_done: usize,
    /// Bytes that are to be scored, and that were, by this run.
    bytes: u64,
    bytes_done: u64,
    /// Responses of the pieces that this run has done, and of the one in work.
    responses_done: usize,
    responses: usize,
}

impl Pace {
    pub(super) fn new(pieces: &[Piece]) -> Self {
        let now = Instant::now();
        Self {
            bar: progress::counter("responses"),
            start: now,
            told: now,
            pieces: pieces.len(),
            pieces_done: 0,
            bytes: pieces.iter().map(|piece| piece.bytes).sum(),
            bytes_done: 0,
            responses_done: 0,
            responses: 0,
        }
    }

    /// A piece was done before.
    pub(super) fn skip(&mut self, piece: &Piece) {
        self.pieces_done += 1;
        self.bytes = self.bytes.saturating_sub(piece.bytes);
    }

    /// So many responses of the piece in work are scored.
    pub(super) fn tick(&mut self, piece: &Piece, responses: usize) {
        self.responses = self.responses_done + responses;
        self.bar.set_position(self.responses as u64);
        let elapsed = self.start.elapsed().as_secs_f64();
        let text = self.text(self.share(piece, responses), elapsed);
        if self.bar.is_hidden() && self.told.elapsed() >= INTERVAL {
            self.told = Instant::now();
            show::status(&format!("{} responses, {text}", self.responses));
        }
        self.bar.set_message(text);
    }

    /// A piece is done.
    pub(super) fn finish(&mut self, piece: &Piece) {
        self.responses_done = self.responses;
        self.pieces_done += 1;
        self.bytes_done += piece.bytes;
    }

    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }

    /// The share of the input that is done, from 0 to 1.
    fn share(&self, piece: &Piece, responses: usize) -> f64 {
        let of_piece = piece
            .rows
            .map_or(0.0, |rows| responses as f64 / rows.max(1) as f64);
        let bytes = self.bytes_done as f64 + piece.bytes as f64 * of_piece.min(1.0);
        bytes / self.bytes.max(1) as f64
    }

    fn text(&self, share: f64, elapsed: f64) -> String {
        let rate = self.responses as f64 / elapsed.max(1e-9);
        let file = (self.pieces_done + 1).min(self.pieces);
        let left = if share > 0.0 {
            format!(", {} left", show::duration(elapsed * (1.0 - share) / share))
        } else {
            String::new()
        };
        format!("file {file} of {}, {rate:.0}/s{left}", self.pieces)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(bytes: u64, rows: Option<usize>) -> Piece {
        Piece {
            input: "a".into(),
            name: "a".into(),
            row_groups: None,
            rows,
            bytes,
            remote: None,
        }
    }

    #[test]
    fn the_time_left_is_that_of_the_bytes_left() {
        let pieces = [piece(100, Some(10)), piece(50, None), piece(250, Some(20))];
        let mut pace = Pace::new(&pieces);
        pace.skip(&pieces[0]);
        pace.tick(&pieces[1], 7);
        assert_eq!(pace.text(0.0, 1.0), "file 2 of 3, 7/s");
        pace.finish(&pieces[1]);
        pace.tick(&pieces[2], 8);
        // 50 bytes of 300, and 8 of 20 rows of 250.
        let share = pace.share(&pieces[2], 8);
        assert!((share - 0.5).abs() < 1e-12, "{share}");
        assert_eq!(pace.text(share, 60.0), "file 3 of 3, 0/s, 60 s left");
    }
}
