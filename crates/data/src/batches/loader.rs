use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use burn::data::dataloader::{DataLoader, DataLoaderIterator, Progress};
use burn::data::dataset::DatasetError;
use burn::tensor::Device;

use crate::{
    BatchSize, DataError, Examples, Result, Sampler, SegmentBatch, SegmentBatcher,
    TokenizedExample, plan_batches,
};

/// Batches of tokenized examples.
///
/// Each call of [`DataLoader::iter`] is one epoch, counted from 0; with shuffling, each has another order.
/// Batches are padded on the reading thread, because it takes only microseconds.
///
/// | option | default |
/// |---|---|
/// | [`with_bucketing`](Self::with_bucketing) | off |
/// | [`with_shuffle`](Self::with_shuffle) | off: the given order |
/// | [`with_micro_batch_size`](Self::with_micro_batch_size) | off: planned batches are not divided |
/// | [`with_sampler`](Self::with_sampler) | none: the options above form the batches |
/// | [`with_devices`](Self::with_devices) | one device |
/// | [`with_start`](Self::with_start) | the first batch of epoch 0 |
#[derive(Debug)]
pub struct SegmentLoader {
    examples: Examples,
    /// Tokens of each example.
    lengths: Arc<[usize]>,
    range: Range<usize>,
    batcher: SegmentBatcher,
    size: BatchSize,
    bucketing: bool,
    shuffle: Option<u64>,
    sampler: Option<Arc<dyn Sampler>>,
    micro_batch_size: Option<usize>,
    /// Further devices for the micro-batches.
    others: Vec<Device>,
    device: Device,
    epoch: AtomicUsize,
    /// Number of batches that the next iterator skips.
    skip: AtomicUsize,
}

impl SegmentLoader {
    /// A loader over all of `examples`, in their order.
    ///
    /// # Errors
    /// - [`DataError::BatchSize`]: `size` is 0
    /// - [`DataError::AspectCount`]: an example has another number of targets per segment than `batcher`
    /// - errors of reading an example
    pub fn new(
        examples: impl Into<Examples>,
        batcher: SegmentBatcher,
        size: BatchSize,
        device: &Device,
    ) -> Result<Self> {
        let examples = examples.into();
        let expected = batcher.num_aspects();
        let mut lengths = Vec::with_capacity(examples.len());
        for example in examples.iter() {
            let example = example?;
            lengths.push(example.num_tokens());
            let counts = example.segments.iter().map(|segment| segment.targets.len());
            if let Some(found) = counts.into_iter().find(|&found| found != expected) {
                return Err(DataError::AspectCount {
                    id: example.id.clone(),
                    found,
                    expected,
                });
            }
        }
        Ok(Self {
            range: 0..examples.len(),
            lengths: lengths.into(),
            examples,
            batcher,
            size: size.checked()?,
            bucketing: false,
            shuffle: None,
            sampler: None,
            micro_batch_size: None,
            others: Vec::new(),
            device: device.clone(),
            epoch: AtomicUsize::new(0),
            skip: AtomicUsize::new(0),
        })
    }

    /// Groups examples of similar length; see [`plan_batches`].
    #[must_use]
    pub fn with_bucketing(mut self, bucketing: bool) -> Self {
        self.bucketing = bucketing;
        self
    }

    /// Shuffles with this seed; `None` keeps the order.
    #[must_use]
    pub fn with_shuffle(mut self, seed: Option<u64>) -> Self {
        self.shuffle = seed;
        self
    }

    /// Forms batches by a sampler; bucketing and shuffling then have no effect.
    #[must_use]
    pub fn with_sampler(mut self, sampler: Option<Arc<dyn Sampler>>) -> Self {
        self.sampler = sampler;
        self
    }

    /// Divides every planned batch into consecutive micro-batches of at most this number of examples; see
    /// [`SegmentBatch::micro_batches_left`]. The order of the examples does not change.
    ///
    /// # Errors
    /// [`DataError::BatchSize`] for 0.
    pub fn with_micro_batch_size(mut self, examples: Option<usize>) -> Result<Self> {
        if examples == Some(0) {
            return Err(DataError::BatchSize);
        }
        self.micro_batch_size = examples;
        Ok(self)
    }

    /// Divides every planned batch evenly among the loader's own device and these, in turn.
    /// [`with_micro_batch_size`](Self::with_micro_batch_size) may make the micro-batches smaller.
    #[must_use]
    pub fn with_devices(mut self, others: impl IntoIterator<Item = Device>) -> Self {
        self.others = others.into_iter().collect();
        self
    }

    /// Starts later: the first iterator begins at planned batch `batch` of `epoch`, both from 0. Later iterators are
    /// whole epochs.
    #[must_use]
    pub fn with_start(mut self, epoch: usize, batch: usize) -> Self {
        self.epoch = AtomicUsize::new(epoch);
        self.skip = AtomicUsize::new(batch);
        self
    }

    /// The same loader on another device.
    #[must_use]
    pub fn on_device(mut self, device: &Device) -> Self {
        self.device = device.clone();
        self
    }

    /// Has the next iterator begin where [`with_start`](Self::with_start) says.
    pub fn begin_at(&self, epoch: usize, batch: usize) {
        self.epoch.store(epoch, Ordering::Relaxed);
        self.skip.store(batch, Ordering::Relaxed);
    }

    /// The epoch of the next iterator.
    pub fn epoch(&self) -> usize {
        self.epoch.load(Ordering::Relaxed)
    }

    /// Number of batches of an epoch. With a token budget and shuffling, it differs between epochs.
    pub fn num_batches(&self, epoch: usize) -> usize {
        self.plan(epoch).len()
    }

    /// Indices of the examples of each batch of an epoch, in order.
    pub fn plan(&self, epoch: usize) -> Vec<Vec<usize>> {
        let lengths = &self.lengths[self.range.clone()];
        let mut plan = match &self.sampler {
            Some(sampler) => sampler.batches(lengths, self.size, epoch),
            None => plan_batches(lengths, self.size, self.bucketing, self.shuffle, epoch),
        };
        plan.retain(|batch| !batch.is_empty());
        for index in plan.iter_mut().flatten() {
            *index += self.range.start;
        }
        plan
    }

    fn with(&self, range: Range<usize>, device: &Device) -> Self {
        Self {
            examples: self.examples.clone(),
            lengths: Arc::clone(&self.lengths),
            range,
            batcher: self.batcher,
            size: self.size,
            bucketing: self.bucketing,
            shuffle: self.shuffle,
            sampler: self.sampler.clone(),
            micro_batch_size: self.micro_batch_size,
            others: self.others.clone(),
            device: device.clone(),
            epoch: AtomicUsize::new(self.epoch()),
            skip: AtomicUsize::new(self.skip.load(Ordering::Relaxed)),
        }
    }
}

impl DataLoader<SegmentBatch> for SegmentLoader {
    fn iter<'a>(&'a self) -> Box<dyn DataLoaderIterator<SegmentBatch> + 'a> {
        let mut plan = self.plan(self.epoch.fetch_add(1, Ordering::Relaxed));
        let skip = self.skip.swap(0, Ordering::Relaxed).min(plan.len());
        let rest = plan.split_off(skip);
        let examples_done: usize = plan.iter().map(Vec::len).sum();
        let examples_left: usize = rest.iter().map(Vec::len).sum();
        let mut devices = vec![self.device.clone()];
        devices.extend(self.others.iter().cloned());
        let (size, shares) = (self.micro_batch_size, devices.len());
        // One batch at a time, as the plan of an epoch has an entry for every example.
        let plan = rest
            .into_iter()
            .flat_map(move |batch| cut_into_micro_batches(&[batch], size, shares));
        Box::new(Batches {
            loader: self,
            plan: Box::new(plan),
            devices,
            position: 0,
            examples_done,
            examples_total: examples_done + examples_left,
        })
    }

    fn num_items(&self) -> usize {
        self.range.len()
    }

    fn to_device(&self, device: &Device) -> Arc<dyn DataLoader<SegmentBatch>> {
        Arc::new(self.with(self.range.clone(), device))
    }

    fn slice(&self, start: usize, end: usize) -> Arc<dyn DataLoader<SegmentBatch>> {
        let start = (self.range.start + start).min(self.range.end);
        let end = (self.range.start + end).clamp(start, self.range.end);
        Arc::new(self.with(start..end, &self.device))
    }
}

/// Examples that are computed together: a planned batch or a part of it.
struct MicroBatch {
    examples: Vec<usize>,
    /// Number of micro-batches of the same batch that follow.
    left: usize,
}

/// Micro-batches of at most `size` examples, and of at most an even share of their batch.
fn cut_into_micro_batches(
    plan: &[Vec<usize>],
    size: Option<usize>,
    shares: usize,
) -> Vec<MicroBatch> {
    let mut micro_batches = Vec::with_capacity(plan.len());
    for batch in plan {
        let share = batch.len().div_ceil(shares).max(1);
        let size = size.map_or(share, |size| size.min(share));
        let count = batch.len().div_ceil(size);
        micro_batches.extend(
            batch
                .chunks(size)
                .enumerate()
                .map(|(k, examples)| MicroBatch {
                    examples: examples.to_vec(),
                    left: count - 1 - k,
                }),
        );
    }
    micro_batches
}

/// The remaining micro-batches of an epoch.
struct Batches<'a> {
    loader: &'a SegmentLoader,
    plan: Box<dyn Iterator<Item = MicroBatch> + Send>,
    devices: Vec<Device>,
    /// Index of the next micro-batch in its batch.
    position: usize,
    examples_done: usize,
    examples_total: usize,
}

impl Iterator for Batches<'_> {
    type Item = Result<SegmentBatch, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        let MicroBatch { examples, left } = self.plan.next()?;
        let rows = examples
            .iter()
            .map(|&index| self.loader.examples.get(index));
        let rows = match rows.collect::<Result<Vec<_>>>() {
            Ok(rows) => rows,
            Err(error) => return Some(Err(DatasetError::new(error))),
        };
        let rows: Vec<&TokenizedExample> = rows.iter().map(|row| &**row).collect();
        let device = &self.devices[self.position % self.devices.len()];
        let mut batch = self.loader.batcher.batch(&rows, device);
        batch.micro_batches_left = left;
        self.position = if left == 0 { 0 } else { self.position + 1 };
        self.examples_done += rows.len();
        Some(Ok(batch))
    }
}

impl DataLoaderIterator<SegmentBatch> for Batches<'_> {
    fn progress(&self) -> Progress {
        Progress::new(
            self.examples_done,
            self.examples_total,
            Some("examples".to_owned()),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_keep_the_order_and_say_how_many_follow() {
        let micro_batches = cut_into_micro_batches(&[vec![4, 2, 9, 7, 1], vec![3]], Some(2), 1);
        let found: Vec<_> = micro_batches
            .iter()
            .map(|micro_batch| (micro_batch.examples.as_slice(), micro_batch.left))
            .collect();
        let expected: [(&[usize], usize); 4] = [(&[4, 2], 2), (&[9, 7], 1), (&[1], 0), (&[3], 0)];
        assert_eq!(found, expected);
    }

    #[test]
    fn every_device_gets_its_share_of_a_batch() {
        let sizes = |size, shares| -> Vec<usize> {
            let micro_batches =
                cut_into_micro_batches(&[vec![4, 2, 9, 7, 1], vec![3]], size, shares);
            micro_batches
                .iter()
                .map(|micro_batch| micro_batch.examples.len())
                .collect()
        };
        assert_eq!(sizes(None, 2), [3, 2, 1]);
        assert_eq!(sizes(Some(4), 2), [3, 2, 1]);
        assert_eq!(sizes(Some(1), 2), [1, 1, 1, 1, 1, 1]);
        assert_eq!(sizes(None, 9), [1, 1, 1, 1, 1, 1]);
    }
}
