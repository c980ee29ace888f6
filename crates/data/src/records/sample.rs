//! A sample of records: of a bounded number and size, the same for the same data.

use std::collections::BinaryHeap;

use super::Example;

/// Some of many records: those with the lowest random numbers, which depend on nothing but their place.
#[derive(Debug)]
pub struct Sample {
    /// Most records.
    most: usize,
    /// Most bytes of their texts.
    most_bytes: usize,
    /// The one with the highest number on top.
    kept: BinaryHeap<Kept>,
    bytes: usize,
    seen: usize,
}

#[derive(Debug)]
struct Kept {
    number: u64,
    place: usize,
    example: Example,
}

impl Sample {
    /// An empty sample of at most so many records with so many bytes of text.
    pub fn within(most: usize, most_bytes: usize) -> Self {
        Self {
            most,
            most_bytes,
            kept: BinaryHeap::new(),
            bytes: 0,
            seen: 0,
        }
    }

    /// The sample that baselines are fitted to where the data is larger than memory: 4,096 records, 64 MiB.
    pub fn of_training() -> Self {
        Self::within(4096, 64 << 20)
    }

    /// Gives the sample the next record.
    pub fn add(&mut self, example: Example) {
        let place = self.seen;
        self.seen += 1;
        let number = random(place as u64);
        let is_full = self.kept.len() >= self.most || self.bytes > self.most_bytes;
        if is_full && self.kept.peek().is_some_and(|top| top.number <= number) {
            return;
        }
        self.bytes += example.text_bytes();
        self.kept.push(Kept {
            number,
            place,
            example,
        });
        while self.kept.len() > self.most || (self.bytes > self.most_bytes && self.kept.len() > 1) {
            let Some(top) = self.kept.pop() else { break };
            self.bytes -= top.example.text_bytes();
        }
    }

    /// The records in their order.
    #[must_use]
    pub fn finish(self) -> Vec<Example> {
        let mut kept = self.kept.into_vec();
        kept.sort_unstable_by_key(|kept| kept.place);
        kept.into_iter().map(|kept| kept.example).collect()
    }
}

/// `SplitMix64` of a place.
fn random(place: u64) -> u64 {
    let mut z = place.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Ord for Kept {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.number.cmp(&other.number)
    }
}

impl PartialOrd for Kept {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Kept {}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 1024;
    const MOST_BYTES: usize = 1 << 20;

    fn sample(records: usize, bytes: usize) -> Vec<usize> {
        let mut sample = Sample::within(MOST, MOST_BYTES);
        for k in 0..records {
            sample.add(Example {
                id: k.to_string(),
                response: "r".repeat(bytes),
                ..Example::default()
            });
        }
        let kept = sample.finish();
        kept.iter()
            .map(|example| example.id.parse().unwrap())
            .collect()
    }

    #[test]
    fn a_small_set_is_its_own_sample_and_a_large_one_is_sampled_evenly() {
        assert_eq!(sample(MOST, 1), (0..MOST).collect::<Vec<_>>());
        let kept = sample(10 * MOST, 1);
        assert_eq!(kept.len(), MOST);
        assert!(kept.is_sorted());
        let in_first_half = kept.iter().filter(|&&k| k < 5 * MOST).count();
        assert!(
            (MOST * 45 / 100..MOST * 55 / 100).contains(&in_first_half),
            "{in_first_half}"
        );
    }

    #[test]
    fn long_records_count_by_their_size() {
        let kept = sample(40, MOST_BYTES / 16);
        assert_eq!(kept.len(), 16);
        assert!(kept.iter().any(|&k| k >= 20) && kept.iter().any(|&k| k < 20));
    }
}
