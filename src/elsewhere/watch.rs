//! How far the fetching of files is.

use std::time::{Duration, Instant};

use indicatif::{HumanBytes, ProgressBar};

use super::Listed;
use crate::{progress, show};

/// Between two lines where standard error is no terminal.
const INTERVAL: Duration = Duration::from_secs(30);

/// Shows what is fetched: a bar on a terminal, elsewhere a line for every file and every half minute.
pub(crate) struct Watch {
    bar: Option<ProgressBar>,
    /// Bytes of all files, those that came, and those that came since the clock started.
    total: u64,
    came: u64,
    start: Instant,
    told: Instant,
}

impl Watch {
    /// For these files, some of which may be here already.
    pub(crate) fn new(files: &[Listed]) -> Self {
        let missing = files.iter().filter(|file| file.source.held().is_none());
        let now = Instant::now();
        Self {
            bar: None,
            total: missing.map(|file| file.bytes).sum(),
            came: 0,
            start: now,
            told: now,
        }
    }

    /// A file begins to come.
    pub(crate) fn begin(&mut self, file: &Listed) {
        show::status(&format!(
            "fetching {} ({})",
            file.name,
            HumanBytes(file.bytes)
        ));
        let total = self.total;
        self.bar.get_or_insert_with(|| {
            let bar = progress::bar(0, "bytes");
            bar.set_length(total);
            bar
        });
    }

    /// So many more bytes are here.
    pub(crate) fn add(&mut self, bytes: u64) {
        self.came += bytes;
        let Some(bar) = &self.bar else { return };
        bar.set_position(self.came);
        if bar.is_hidden() && self.told.elapsed() >= INTERVAL {
            self.told = Instant::now();
            let elapsed = self.start.elapsed().as_secs_f64();
            let rate = (self.came as f64 / elapsed.max(1e-9)).max(1.0);
            let left = self.total.saturating_sub(self.came) as f64 / rate;
            let (came, total) = (HumanBytes(self.came), HumanBytes(self.total));
            show::status(&format!("{came} of {total}, {} left", show::duration(left)));
        }
    }

    /// Shows a line of its own.
    pub(crate) fn tell(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| show::status(line)),
            None => show::status(line),
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
