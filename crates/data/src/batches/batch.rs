use std::iter::repeat_n;

use burn::tensor::{Bool, Device, Element, Int, Tensor, TensorData};

use crate::{BatchWeights, SegmentTokenizer, TokenSpan, TokenizedExample, TokenizedSegment};

/// A batch of tokenized examples, on a device.
///
/// `seq_length` is the length of the longest example, and `num_segments` the largest number of segments, at least 1.
#[derive(Debug, Clone)]
pub struct SegmentBatch {
    /// `[batch_size, seq_length]`, padded at the end with the padding token.
    pub token_ids: Tensor<2, Int>,
    /// `[batch_size, seq_length]`, 0 in the padding.
    pub type_ids: Tensor<2, Int>,
    /// `[batch_size, seq_length]`, true = padding.
    pub mask_pad: Tensor<2, Bool>,
    /// `[batch_size, 1, 2]`: first token of each response and the token after its last; segments lie inside.
    pub response_spans: Tensor<3, Int>,
    /// `[batch_size, num_segments, 2]`: first token of each segment and the token after its last; (0, 0) if absent.
    pub segment_spans: Tensor<3, Int>,
    /// `[batch_size, num_segments]`, true = absent.
    pub mask_segment_pad: Tensor<2, Bool>,
    /// `[batch_size, num_segments, num_aspects]`, on the training scale; 0 if unrated or absent.
    pub targets: Tensor<3>,
    /// `[batch_size, num_segments, num_aspects]`, true = has a target.
    pub rated: Tensor<3, Bool>,
    /// `[batch_size, num_segments, num_aspects]`; 0 if unrated or absent.
    pub weights: Tensor<3>,
    /// `[batch_size, num_segments, num_aspects]`: what is added to the scores of the model in training, on the training
    /// scale; 0 where nothing is. `None` if no example has any.
    pub offsets: Option<Tensor<3>>,
    /// `[batch_size, num_aspects]`: targets of the responses as a whole; 0 if unrated.
    pub response_targets: Tensor<2>,
    /// `[batch_size, num_aspects]`: 1 if there is such a target, else 0.
    pub response_weights: Tensor<2>,
    /// Sums of the weights, on the host.
    pub weight_sums: BatchWeights,
    /// Number of targets: of true values in `rated`.
    pub num_rated: usize,
    /// Number of tokens, padding not counted.
    pub num_tokens: usize,
    /// Number of micro-batches of the same planned batch that follow; see
    /// [`SegmentLoader::with_micro_batch_size`](crate::SegmentLoader::with_micro_batch_size).
    pub micro_batches_left: usize,
    /// Ids of the examples, in the order of the rows.
    pub ids: Vec<String>,
    /// For each row the id of its example, if it is one of several windows of that.
    pub windows: Vec<Option<String>>,
}

/// The tensors of a [`SegmentBatch`] that a model reads: `token_ids`, `type_ids`, `mask_pad`, `response_spans` and
/// `segment_spans`.
pub type InputTensors = (
    Tensor<2, Int>,
    Tensor<2, Int>,
    Tensor<2, Bool>,
    Tensor<3, Int>,
    Tensor<3, Int>,
);

impl SegmentBatch {
    /// The tensors that a model reads, in the order of its input.
    pub fn input_tensors(&self) -> InputTensors {
        (
            self.token_ids.clone(),
            self.type_ids.clone(),
            self.mask_pad.clone(),
            self.response_spans.clone(),
            self.segment_spans.clone(),
        )
    }

    /// Number of examples.
    pub fn batch_size(&self) -> usize {
        self.token_ids.dims()[0]
    }

    /// Number of tokens of each row, including padding.
    pub fn seq_length(&self) -> usize {
        self.token_ids.dims()[1]
    }

    /// Number of segments of each row, including absent ones.
    pub fn num_segments(&self) -> usize {
        self.targets.dims()[1]
    }

    /// Number of aspects.
    pub fn num_aspects(&self) -> usize {
        self.targets.dims()[2]
    }
}

/// Pads tokenized examples to a common shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentBatcher {
    pad_id: u32,
    num_aspects: usize,
}

impl SegmentBatcher {
    /// A batcher that pads with `pad_id`, for examples with `num_aspects` targets per segment.
    pub fn new(pad_id: u32, num_aspects: usize) -> Self {
        Self {
            pad_id,
            num_aspects,
        }
    }

    /// A batcher for the examples of `tokenizer`.
    pub fn of(tokenizer: &SegmentTokenizer) -> Self {
        Self::new(tokenizer.pad_id(), tokenizer.config().aspects.len())
    }

    /// Number of targets per segment.
    pub fn num_aspects(&self) -> usize {
        self.num_aspects
    }

    /// Forms one batch of all `examples`, in their order, on `device`.
    ///
    /// # Panics
    /// If `examples` is empty, or a segment has a wrong number of targets or offsets.
    pub fn batch(&self, examples: &[&TokenizedExample], device: &Device) -> SegmentBatch {
        assert!(!examples.is_empty(), "a batch needs at least one example");
        for example in examples {
            for segment in &example.segments {
                let (found, id) = (segment.targets.len(), &example.id);
                assert_eq!(
                    found, self.num_aspects,
                    "example `{id}`: targets per segment"
                );
                let found = segment.offsets.len();
                assert!(
                    found == 0 || found == self.num_aspects,
                    "example `{id}`: offsets per segment"
                );
            }
        }
        let longest = |length: fn(&TokenizedExample) -> usize| {
            let lengths = examples.iter().map(|example| length(example));
            lengths.max().unwrap_or(0)
        };
        let tokens = [examples.len(), longest(TokenizedExample::num_tokens)];
        let segments = [
            examples.len(),
            longest(|example| example.segments.len()).max(1),
        ];
        let spans = [segments[0], segments[1], 2];
        let ratings = [segments[0], segments[1], self.num_aspects];
        let responses = [examples.len(), self.num_aspects];
        let pad_id = index(self.pad_id);
        SegmentBatch {
            token_ids: ints(examples, tokens, pad_id, device, |e| {
                e.token_ids.iter().map(|&id| index(id))
            }),
            type_ids: ints(examples, tokens, 0, device, |e| {
                e.type_ids.iter().map(|&id| index(id))
            }),
            mask_pad: bools(examples, tokens, true, device, |e| {
                repeat_n(false, e.num_tokens())
            }),
            response_spans: ints(examples, [examples.len(), 1, 2], 0, device, |e| {
                ends(e.response)
            }),
            segment_spans: ints(examples, spans, 0, device, |e| {
                e.segments.iter().flat_map(|segment| ends(segment.tokens))
            }),
            mask_segment_pad: bools(examples, segments, true, device, |e| {
                repeat_n(false, e.segments.len())
            }),
            targets: floats(examples, ratings, device, targets),
            rated: bools(examples, ratings, false, device, |e| {
                e.segments
                    .iter()
                    .flat_map(|segment| segment.targets.iter().map(Option::is_some))
            }),
            weights: floats(examples, ratings, device, weights),
            offsets: has_offsets(examples).then(|| {
                floats(examples, ratings, device, |e| {
                    let segments = e.segments.iter();
                    segments.flat_map(|segment| offsets(segment, self.num_aspects))
                })
            }),
            response_targets: floats(examples, responses, device, |e| {
                e.response_targets
                    .iter()
                    .map(|target| target.unwrap_or(0.0))
            }),
            response_weights: floats(examples, responses, device, response_weights),
            weight_sums: self.weight_sums(examples),
            num_rated: examples.iter().map(|example| num_rated(example)).sum(),
            num_tokens: examples.iter().map(|example| example.num_tokens()).sum(),
            micro_batches_left: 0,
            ids: examples.iter().map(|example| example.id.clone()).collect(),
            windows: examples
                .iter()
                .map(|example| example.is_window.then(|| example.id.clone()))
                .collect(),
        }
    }

    fn weight_sums(&self, examples: &[&TokenizedExample]) -> BatchWeights {
        let mut sums = BatchWeights::zeros(self.num_aspects);
        for example in examples {
            let (weights, targets): (Vec<f32>, Vec<f32>) =
                (weights(example).collect(), targets(example).collect());
            sums.add_segments(&weights, &targets);
            sums.add_response(&response_weights(example).collect::<Vec<f32>>());
        }
        sums
    }
}

/// Targets of the segments, all aspects of a segment together; 0 if unrated.
fn targets(example: &TokenizedExample) -> impl Iterator<Item = f32> {
    let segments = example.segments.iter();
    segments.flat_map(|segment| segment.targets.iter().map(|target| target.unwrap_or(0.0)))
}

fn has_offsets(examples: &[&TokenizedExample]) -> bool {
    let mut segments = examples.iter().flat_map(|example| &example.segments);
    segments.any(|segment| !segment.offsets.is_empty())
}

/// The offsets of a segment; 0 where it has none.
fn offsets(segment: &TokenizedSegment, num_aspects: usize) -> impl Iterator<Item = f32> {
    let given = segment.offsets.iter().copied();
    given.chain(repeat_n(0.0, num_aspects - segment.offsets.len()))
}

/// Weights of the targets; 0 if unrated.
fn weights(example: &TokenizedExample) -> impl Iterator<Item = f32> {
    let segments = example.segments.iter();
    segments.flat_map(|segment| {
        let targets = segment.targets.iter();
        targets.map(|target| target.map_or(0.0, |_| segment.weight))
    })
}

fn response_weights(example: &TokenizedExample) -> impl Iterator<Item = f32> {
    let targets = example.response_targets.iter();
    targets.map(|target| if target.is_some() { 1.0 } else { 0.0 })
}

fn num_rated(example: &TokenizedExample) -> usize {
    let targets = example.segments.iter().flat_map(|segment| &segment.targets);
    targets.flatten().count()
}

fn ends(span: TokenSpan) -> [i32; 2] {
    [index(span.start), index(span.end)]
}

/// A tensor of `shape` with the values of one example per row, padded with `padding`.
fn ints<'a, const D: usize, I: IntoIterator<Item = i32>>(
    examples: &[&'a TokenizedExample],
    shape: [usize; D],
    padding: i32,
    device: &Device,
    values: impl Fn(&'a TokenizedExample) -> I,
) -> Tensor<D, Int> {
    Tensor::from_data(padded(examples, shape, padding, values), device)
}

fn bools<'a, const D: usize, I: IntoIterator<Item = bool>>(
    examples: &[&'a TokenizedExample],
    shape: [usize; D],
    padding: bool,
    device: &Device,
    values: impl Fn(&'a TokenizedExample) -> I,
) -> Tensor<D, Bool> {
    Tensor::from_data(padded(examples, shape, padding, values), device)
}

fn floats<'a, const D: usize, I: IntoIterator<Item = f32>>(
    examples: &[&'a TokenizedExample],
    shape: [usize; D],
    device: &Device,
    values: impl Fn(&'a TokenizedExample) -> I,
) -> Tensor<D> {
    Tensor::from_data(padded(examples, shape, 0.0, values), device)
}

fn padded<'a, T: Element, const D: usize, I: IntoIterator<Item = T>>(
    examples: &[&'a TokenizedExample],
    shape: [usize; D],
    padding: T,
    values: impl Fn(&'a TokenizedExample) -> I,
) -> TensorData {
    let width: usize = shape[1..].iter().product();
    let mut cells = Vec::with_capacity(examples.len() * width);
    for (row, example) in examples.iter().enumerate() {
        cells.extend(values(example));
        cells.resize((row + 1) * width, padding);
    }
    TensorData::new(cells, shape)
}

/// Token ids and positions as integers that every backend supports.
fn index<T: TryInto<i32>>(value: T) -> i32 {
    value
        .try_into()
        .ok()
        .expect("token ids and positions stay below 2^31")
}
