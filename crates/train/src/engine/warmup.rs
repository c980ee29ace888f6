//! Learning rate over the steps of a run.

use burn::lr_scheduler::{LrScheduler, LrSchedulerRecord};

/// Linear warm-up, then linear decay to zero.
///
/// Step `s` (from 0) of `total` with `warmup` warm-up steps runs at
///
/// ```text
/// peak (s + 1) / warmup                    s < warmup
/// peak (total - s) / (total - warmup)      after, never below 0
/// ```
#[derive(Debug, Clone)]
pub struct WarmupLinear {
    peak: f64,
    warmup: usize,
    total: usize,
    next_step: usize,
}

impl WarmupLinear {
    /// A schedule of `total` steps; the rate rises to `peak` over the first `warmup`.
    pub fn new(peak: f64, warmup: usize, total: usize) -> Self {
        Self {
            peak,
            warmup: warmup.min(total),
            total,
            next_step: 0,
        }
    }

    fn rate(&self, step: usize) -> f64 {
        if step < self.warmup {
            return self.peak * (step + 1) as f64 / self.warmup as f64;
        }
        let decay_steps = (self.total - self.warmup).max(1);
        self.peak * self.total.saturating_sub(step) as f64 / decay_steps as f64
    }
}

const NEXT_STEP: &str = "next_step";

impl LrScheduler for WarmupLinear {
    fn step(&mut self) -> f64 {
        let rate = self.rate(self.next_step);
        self.next_step += 1;
        rate
    }

    fn to_record(&self) -> LrSchedulerRecord {
        LrSchedulerRecord::new().with_scalar(NEXT_STEP, self.next_step)
    }

    fn load_record(&mut self, record: LrSchedulerRecord) {
        self.next_step = record.scalar(NEXT_STEP).unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(mut schedule: WarmupLinear, steps: usize) -> Vec<f64> {
        (0..steps).map(|_| schedule.step()).collect()
    }

    #[test]
    fn rises_to_the_peak_then_falls_to_zero() {
        let found = rates(WarmupLinear::new(1.0, 2, 6), 7);
        let expected = [0.5, 1.0, 1.0, 0.75, 0.5, 0.25, 0.0];
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
    }

    #[test]
    fn runs_without_warm_up_start_at_the_peak() {
        assert!((rates(WarmupLinear::new(0.3, 0, 3), 1)[0] - 0.3).abs() < 1e-12);
    }

    #[test]
    fn a_restored_schedule_continues_where_it_stopped() {
        let mut first = WarmupLinear::new(1.0, 3, 10);
        first.step();
        first.step();
        let mut second = WarmupLinear::new(1.0, 3, 10);
        second.load_record(first.to_record());
        assert_eq!(rates(first, 5), rates(second, 5));
    }
}
