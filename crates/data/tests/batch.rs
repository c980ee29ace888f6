//! Tokenized examples to tensors: values, padding, and the loader.

// Clippy exempts tests, but not their helpers.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;

use burn::data::dataloader::DataLoader;
use burn::tensor::{Bool, Device, Int, Tensor};
use gradus_data::{
    BatchSize, BatchWeights, DataError, SegmentBatch, SegmentBatcher, SegmentLoader, TextConfig,
    TokenizedExample, TruncationCounts,
};
use support::{aspects, example, tiny_tokenizer};

fn tokenized(pieces: &[&[(&str, Option<f64>)]]) -> Vec<TokenizedExample> {
    let tokenizer = tiny_tokenizer(TextConfig::default());
    let examples: Vec<_> = pieces
        .iter()
        .enumerate()
        .map(|(index, pieces)| example(&format!("e{index}"), "the moon", pieces))
        .collect();
    tokenizer
        .tokenize_all(&examples, &mut TruncationCounts::default())
        .unwrap()
}

fn batch(examples: &[TokenizedExample]) -> SegmentBatch {
    let examples: Vec<&TokenizedExample> = examples.iter().collect();
    SegmentBatcher::of(&tiny_tokenizer(TextConfig::default())).batch(&examples, &Device::flex())
}

fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

fn ints<const D: usize>(tensor: Tensor<D, Int>) -> Vec<i64> {
    tensor.into_data().iter::<i64>().collect()
}

fn bools<const D: usize>(tensor: Tensor<D, Bool>) -> Vec<bool> {
    tensor.into_data().iter::<bool>().collect()
}

#[test]
fn a_rating_reaches_the_batch_unchanged() {
    let examples = tokenized(&[&[
        ("the moon", Some(0.7)),
        (" is", Some(-0.1)),
        (" the", Some(1e-7)),
    ]]);
    let batch = batch(&examples);
    assert_eq!(floats(batch.targets), [0.7_f32, -0.1, 1e-7]);
    assert_eq!(floats(batch.weights), [1.0, 1.0, 1.0]);
}

#[test]
fn rows_are_padded_behind_and_hold_nothing_there() {
    let examples = tokenized(&[
        &[("the", Some(0.7))],
        &[("the moon is", None), (" the moon", Some(0.2))],
    ]);
    let batch = batch(&examples);
    assert_eq!(
        (
            batch.batch_size(),
            batch.seq_length(),
            batch.num_segments(),
            batch.num_aspects()
        ),
        (2, 10, 2, 1)
    );
    assert_eq!((batch.num_rated, batch.num_tokens), (2, 16));
    assert_eq!(batch.ids, ["e0", "e1"]);

    let short = examples[0].num_tokens();
    let token_ids = ints(batch.token_ids);
    let type_ids = ints(batch.type_ids);
    let mask_pad = bools(batch.mask_pad);
    for (row, example) in examples.iter().enumerate() {
        for column in 0..10 {
            let cell = row * 10 + column;
            let token = example.token_ids.get(column).copied();
            assert_eq!(mask_pad[cell], token.is_none());
            assert_eq!(
                token_ids[cell],
                token.map_or(0, i64::from),
                "the padding token of this tokenizer is 0"
            );
            assert_eq!(
                type_ids[cell],
                example.type_ids.get(column).copied().map_or(0, i64::from)
            );
        }
    }
    assert_eq!(short, 6);
    assert_eq!(ints(batch.segment_spans), [4, 5, 0, 0, 4, 7, 7, 9]);
    assert_eq!(bools(batch.mask_segment_pad), [false, true, false, false]);
    assert_eq!(floats(batch.targets), [0.7, 0.0, 0.0, 0.2]);
    assert_eq!(bools(batch.rated), [true, false, false, true]);
    assert_eq!(floats(batch.weights), [1.0, 0.0, 0.0, 1.0]);
}

#[test]
fn an_unrated_aspect_of_a_rated_segment_has_no_weight() {
    let tokenizer = tiny_tokenizer(TextConfig {
        aspects: aspects(&["tone", "rating"]),
        ..TextConfig::default()
    });
    let mut counts = TruncationCounts::default();
    let row = tokenizer
        .tokenize(
            &example("a", "the", &[("moon", Some(0.7)), (" is", None)]),
            &mut counts,
        )
        .unwrap();
    let batch = SegmentBatcher::of(&tokenizer).batch(&[&row], &Device::flex());
    assert_eq!(batch.targets.dims(), [1, 2, 2]);
    assert_eq!(floats(batch.targets), [0.0, 0.7, 0.0, 0.0]);
    assert_eq!(floats(batch.weights), [0.0, 1.0, 0.0, 0.0]);
    assert_eq!(bools(batch.rated), [false, true, false, false]);
    assert_eq!(
        bools(batch.mask_segment_pad),
        [false, false],
        "an unrated segment is there to be scored"
    );
}

#[test]
fn offsets_are_those_of_their_segments_and_zero_where_there_are_none() {
    let mut examples = tokenized(&[&[("a ", Some(0.5)), ("b ", None)], &[("a ", Some(0.5))]]);
    assert!(batch(&examples).offsets.is_none());
    let aspects = examples[0].segments[0].targets.len();
    examples[0].segments[1].offsets = vec![0.25; aspects];
    let mut expected = vec![0.0; 4 * aspects];
    expected[aspects..2 * aspects].fill(0.25);
    assert_eq!(floats(batch(&examples).offsets.unwrap()), expected);
}

#[test]
fn a_batch_without_any_segment_has_one_that_is_absent() {
    let tokenizer = tiny_tokenizer(TextConfig::default());
    let mut uncut = example("a", "the", &[]);
    uncut.response = "the moon".into();
    let row = tokenizer
        .tokenize(&uncut, &mut TruncationCounts::default())
        .unwrap();
    let batch = SegmentBatcher::of(&tokenizer).batch(&[&row, &row], &Device::flex());
    assert_eq!(batch.segment_spans.dims(), [2, 1, 2]);
    assert_eq!(bools(batch.mask_segment_pad), [true, true]);
    assert_eq!(ints(batch.segment_spans), [0, 0, 0, 0]);
    assert_eq!(batch.num_rated, 0);
}

/// Examples of 1 to 7 segments, one rated.
fn many(count: usize) -> Arc<[TokenizedExample]> {
    let pieces: Vec<Vec<(&str, Option<f64>)>> = (0..count)
        .map(|index| vec![(" the moon", Some(index as f64 / 100.0)); 1 + index * 5 % 7])
        .collect();
    let pieces: Vec<&[(&str, Option<f64>)]> = pieces.iter().map(Vec::as_slice).collect();
    tokenized(&pieces).into()
}

fn loader(examples: &Arc<[TokenizedExample]>, size: BatchSize) -> SegmentLoader {
    SegmentLoader::new(
        Arc::clone(examples),
        SegmentBatcher::new(0, 1),
        size,
        &Device::flex(),
    )
    .unwrap()
}

fn ids(loader: &dyn DataLoader<SegmentBatch>) -> Vec<Vec<String>> {
    loader.iter().map(|batch| batch.unwrap().ids).collect()
}

#[test]
fn a_shuffling_loader_yields_every_example_once_in_the_order_of_its_seed() {
    let examples = many(57);
    let make = |seed| {
        loader(&examples, BatchSize::Tokens(100))
            .with_bucketing(true)
            .with_shuffle(Some(seed))
    };
    let first = make(5);
    let epochs = [ids(&first), ids(&first)];
    for epoch in &epochs {
        let seen: BTreeSet<&String> = epoch.iter().flatten().collect();
        assert_eq!((seen.len(), epoch.iter().flatten().count()), (57, 57));
    }
    assert_ne!(epochs[0], epochs[1], "each epoch has its own order");
    let again = make(5);
    assert_eq!([ids(&again), ids(&again)], epochs);
    assert_ne!(ids(&make(6)), epochs[0]);

    let resumed = make(5).with_start(1, 0);
    assert_eq!(resumed.num_batches(1), epochs[1].len());
    assert_eq!(ids(&resumed), epochs[1]);
    assert_eq!(resumed.epoch(), 2);
    let resumed = make(5).with_start(1, 0);
    assert_eq!(
        ids(&*resumed.to_device(&Device::flex())),
        epochs[1],
        "moving keeps seed and epoch"
    );
}

#[test]
fn a_loader_can_start_in_the_middle_and_goes_on_from_there() {
    let examples = many(23);
    let make = || loader(&examples, BatchSize::Examples(5)).with_shuffle(Some(3));
    let whole = make();
    let epochs = [ids(&whole), ids(&whole), ids(&whole)];
    let started = make().with_start(1, 2);
    let moved = started.to_device(&Device::flex());
    let mut iterator = moved.iter();
    let progress = iterator.progress();
    assert_eq!((progress.items_processed, progress.items_total), (10, 23));
    assert_eq!(iterator.next().unwrap().unwrap().ids, epochs[1][2]);
    drop(iterator);
    assert_eq!(ids(&started), epochs[1][2..]);
    assert_eq!(ids(&started), epochs[2], "later epochs are whole");
    assert!(ids(&make().with_start(0, 99)).is_empty());
}

#[test]
fn micro_batches_are_the_batch_in_its_order_and_weigh_what_it_weighs() {
    let examples = many(23);
    let make = || loader(&examples, BatchSize::Examples(10));
    let whole: Vec<SegmentBatch> = make().iter().map(Result::unwrap).collect();
    let cut = make().with_micro_batch_size(Some(4)).unwrap();
    let micro_batches: Vec<SegmentBatch> = cut.iter().map(Result::unwrap).collect();
    let left: Vec<usize> = micro_batches
        .iter()
        .map(|part| part.micro_batches_left)
        .collect();
    assert_eq!(left, [2, 1, 0, 2, 1, 0, 0]);
    let mut micro_batches = micro_batches.into_iter();
    for batch in whole {
        let count = batch.batch_size().div_ceil(4);
        let mine: Vec<SegmentBatch> = micro_batches.by_ref().take(count).collect();
        let ids: Vec<String> = mine.iter().flat_map(|part| part.ids.clone()).collect();
        assert_eq!(ids, batch.ids);
        let sum: BatchWeights = mine.iter().map(|part| part.weight_sums.clone()).sum();
        assert_eq!(sum, batch.weight_sums);
    }
    assert!(make().with_micro_batch_size(Some(0)).is_err());
}

#[test]
fn a_loader_counts_examples_and_keeps_the_given_order() {
    let examples = many(10);
    let loader = loader(&examples, BatchSize::Examples(4));
    assert_eq!(loader.num_items(), 10);
    let mut iterator = loader.iter();
    let mut done = Vec::new();
    while let Some(batch) = iterator.next() {
        batch.unwrap();
        let progress = iterator.progress();
        done.push((progress.items_processed, progress.items_total));
    }
    assert_eq!(done, [(4, 10), (8, 10), (10, 10)]);
    assert!(iterator.next().is_none());
    let order: Vec<String> = ids(&loader).concat();
    assert_eq!(
        order,
        (0..10).map(|index| format!("e{index}")).collect::<Vec<_>>()
    );
}

#[test]
fn a_slice_holds_its_part_and_slices_can_be_sliced() {
    let examples = many(10);
    let loader = loader(&examples, BatchSize::Examples(3)).with_shuffle(Some(1));
    let slice = loader.slice(2, 8);
    assert_eq!(slice.num_items(), 6);
    let slice = slice.slice(1, 100);
    assert_eq!(slice.num_items(), 5);
    let seen: BTreeSet<String> = ids(&*slice).concat().into_iter().collect();
    assert_eq!(seen, (3..8).map(|index| format!("e{index}")).collect());
}

#[test]
fn an_empty_loader_yields_nothing() {
    let loader = loader(&Vec::new().into(), BatchSize::Tokens(8));
    assert!(loader.iter().next().is_none());
    assert_eq!(loader.num_batches(0), 0);
}

#[test]
fn what_a_loader_cannot_batch_is_refused() {
    let examples = many(2);
    let new = |batcher, size| {
        SegmentLoader::new(Arc::clone(&examples), batcher, size, &Device::flex()).err()
    };
    assert!(matches!(
        new(SegmentBatcher::new(0, 1), BatchSize::Examples(0)),
        Some(DataError::BatchSize)
    ));
    assert!(matches!(
        new(SegmentBatcher::new(0, 2), BatchSize::Examples(1)),
        Some(DataError::AspectCount {
            found: 1,
            expected: 2,
            ..
        })
    ));
}

#[test]
fn batches_of_a_loader_are_those_of_the_batcher() {
    let examples = many(6);
    let loader = loader(&examples, BatchSize::Examples(4));
    let first = loader.iter().next().unwrap().unwrap();
    let direct = batch(&examples[..4]);
    assert_eq!(ints(first.token_ids), ints(direct.token_ids));
    assert_eq!(ints(first.segment_spans), ints(direct.segment_spans));
    assert_eq!(floats(first.targets), floats(direct.targets));
    assert_eq!(first.num_tokens, direct.num_tokens);
    assert_eq!(floats(first.weights), floats(direct.weights));
}
