//! Which of the records that wait are computed next.

use std::collections::VecDeque;

/// What a batch is made of.
pub(super) trait Waiting {
    /// What cannot be computed together has another group.
    fn group(&self) -> usize;
    fn tokens(&self) -> usize;
    /// Whether nobody waits for the answer any more.
    fn is_abandoned(&self) -> bool;
}

/// The records of the next batch: the one that has waited longest, and of those behind it that can be
/// computed with it as many as fit, in their order. What nobody waits for is dropped.
pub(super) fn take_batch<W: Waiting>(line: &mut VecDeque<W>, max_tokens: usize) -> Vec<W> {
    let (mut batch, mut left) = (Vec::new(), VecDeque::with_capacity(line.len()));
    let (mut tokens, mut full) = (0_usize, false);
    for job in line.drain(..) {
        if job.is_abandoned() {
            continue;
        }
        let together = batch
            .first()
            .is_none_or(|first: &W| first.group() == job.group());
        if !together || full {
            left.push_back(job);
            continue;
        }
        let fits = batch.is_empty() || tokens.saturating_add(job.tokens()) <= max_tokens;
        if fits {
            tokens += job.tokens();
            batch.push(job);
        } else {
            // Shorter ones behind it must not pass it by for ever.
            full = true;
            left.push_back(job);
        }
    }
    *line = left;
    batch
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Record {
        number: usize,
        group: usize,
        tokens: usize,
        gone: bool,
    }

    impl Waiting for Record {
        fn group(&self) -> usize {
            self.group
        }

        fn tokens(&self) -> usize {
            self.tokens
        }

        fn is_abandoned(&self) -> bool {
            self.gone
        }
    }

    fn line(records: &[(usize, usize, bool)]) -> VecDeque<Record> {
        let records = records.iter().enumerate();
        let records = records.map(|(number, &(group, tokens, gone))| Record {
            number,
            group,
            tokens,
            gone,
        });
        records.collect()
    }

    fn numbers(records: &[Record]) -> Vec<usize> {
        records.iter().map(|record| record.number).collect()
    }

    #[test]
    fn a_batch_is_of_one_model_and_in_the_order_of_arrival() {
        let mut line = line(&[
            (0, 4, false),
            (1, 4, false),
            (0, 4, false),
            (0, 4, false),
            (0, 1, false),
        ]);
        assert_eq!(numbers(&take_batch(&mut line, 9)), [0, 2]);
        assert_eq!(numbers(&take_batch(&mut line, 9)), [1]);
        assert_eq!(numbers(&take_batch(&mut line, 9)), [3, 4]);
        assert!(take_batch(&mut line, 9).is_empty());
    }

    #[test]
    fn a_record_that_is_longer_than_a_batch_has_one_of_its_own() {
        let mut line = line(&[(0, 100, false), (0, 1, false)]);
        assert_eq!(numbers(&take_batch(&mut line, 9)), [0]);
        assert_eq!(numbers(&take_batch(&mut line, 9)), [1]);
    }

    #[test]
    fn what_nobody_waits_for_is_dropped() {
        let mut line = line(&[(0, 4, true), (1, 4, false), (1, 4, true)]);
        assert_eq!(numbers(&take_batch(&mut line, 9)), [1]);
        assert!(line.is_empty());
    }

    proptest! {
        #[test]
        fn every_record_is_in_one_batch_and_none_is_passed_by_for_ever(
            records in prop::collection::vec((0_usize..3, 0_usize..20, any::<bool>()), 0..40),
            max in 1_usize..30,
        ) {
            let mut line = line(&records);
            let mut seen = Vec::new();
            loop {
                let oldest = line.iter().find(|record| !record.gone).map(|record| record.number);
                let batch = take_batch(&mut line, max);
                prop_assert_eq!(batch.first().map(|record| record.number), oldest);
                let Some(first) = batch.first() else { break };
                prop_assert!(batch.iter().all(|record| record.group == first.group && !record.gone));
                let tokens: usize = batch.iter().map(|record| record.tokens).sum();
                prop_assert!(tokens <= max || batch.len() == 1);
                seen.extend(numbers(&batch));
            }
            seen.sort_unstable();
            let expected: Vec<usize> = records.iter().enumerate().filter(|(_, record)| !record.2).map(|(number, _)| number).collect();
            prop_assert_eq!(seen, expected);
        }
    }
}
