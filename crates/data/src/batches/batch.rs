use burn::tensor::{Bool, Device, Int, Tensor, TensorData};

use crate::{BatchWeights, TokenizedExample};

/// A batch of tokenized examples, on a device.
///
/// Rows end at the longest example of the batch, and segments at the largest number of segments, at least 1.
#[derive(Debug, Clone)]
pub struct SegmentBatch {
    /// `[batch_size, seq_length]`, the padding token behind each example.
    pub token_ids: Tensor<2, Int>,
    /// `[batch_size, seq_length]`, 0 in the padding.
    pub type_ids: Tensor<2, Int>,
    /// `[batch_size, seq_length]`, true = padding.
    pub mask_pad: Tensor<2, Bool>,
    /// `[batch_size, 1, 2]`: the same of each response, in which its segments lie.
    pub response_spans: Tensor<3, Int>,
    /// `[batch_size, num_segments, 2]`: first token and the token behind the last; (0, 0) where absent.
    pub segment_spans: Tensor<3, Int>,
    /// `[batch_size, num_segments]`, true = absent.
    pub mask_segment_pad: Tensor<2, Bool>,
    /// `[batch_size, num_segments, num_aspects]`, on the training scale; 0 where unrated or absent.
    pub targets: Tensor<3>,
    /// `[batch_size, num_segments, num_aspects]`, true where there is a target.
    pub rated: Tensor<3, Bool>,
    /// `[batch_size, num_segments, num_aspects]`; 0 where unrated or absent.
    pub weights: Tensor<3>,
    /// `[batch_size, num_aspects]`: targets of the responses as a whole; 0 where unrated.
    pub response_targets: Tensor<2>,
    /// `[batch_size, num_aspects]`: 1 where there is such a target, else 0.
    pub response_weights: Tensor<2>,
    /// Sums of the weights, on the host.
    pub weight_sums: BatchWeights,
    /// Number of targets: of `true` in `rated`.
    pub num_rated: usize,
    /// Number of tokens, padding not counted.
    pub num_tokens: usize,
    /// Micro-batches of the same planned batch that follow; see
    /// [`SegmentLoader::with_micro_batch_size`](crate::SegmentLoader::with_micro_batch_size).
    pub micro_batches_left: usize,
    /// Ids of the examples, in the order of the rows.
    pub ids: Vec<String>,
}

impl SegmentBatch {
    /// Number of examples.
    pub fn batch_size(&self) -> usize {
        self.token_ids.dims()[0]
    }

    /// Tokens of each row, padding included.
    pub fn seq_length(&self) -> usize {
        self.token_ids.dims()[1]
    }

    /// Segments of each row, absent ones included.
    pub fn num_segments(&self) -> usize {
        self.targets.dims()[1]
    }

    /// Number of aspects.
    pub fn num_aspects(&self) -> usize {
        self.targets.dims()[2]
    }
}

/// A batch on the host: the contents of [`SegmentBatch`]'s tensors, row by row.
///
/// Made apart from the tensors so that a worker thread can prepare it without touching the device.
#[derive(Debug, Clone, PartialEq)]
pub struct CollatedBatch {
    seq_length: usize,
    num_segments: usize,
    num_aspects: usize,
    token_ids: Vec<i32>,
    type_ids: Vec<i32>,
    mask_pad: Vec<bool>,
    response_spans: Vec<i32>,
    segment_spans: Vec<i32>,
    mask_segment_pad: Vec<bool>,
    targets: Vec<f32>,
    rated: Vec<bool>,
    weights: Vec<f32>,
    response_targets: Vec<f32>,
    response_weights: Vec<f32>,
    num_rated: usize,
    num_tokens: usize,
    pub(crate) micro_batches_left: usize,
    ids: Vec<String>,
}

impl CollatedBatch {
    /// Number of examples.
    pub fn batch_size(&self) -> usize {
        self.ids.len()
    }

    /// Tokens of each row, padding included.
    pub fn seq_length(&self) -> usize {
        self.seq_length
    }

    /// Sums of the weights.
    pub fn weight_sums(&self) -> BatchWeights {
        let mut sums = BatchWeights::zeros(self.num_aspects);
        let row = (self.num_segments * self.num_aspects).max(1);
        for (weights, targets) in self.weights.chunks(row).zip(self.targets.chunks(row)) {
            sums.add_segments(weights, targets);
        }
        for weights in self.response_weights.chunks(self.num_aspects.max(1)) {
            sums.add_response(weights);
        }
        sums
    }

    /// Makes the tensors.
    pub fn to_device(self, device: &Device) -> SegmentBatch {
        let weight_sums = self.weight_sums();
        let responses = [self.batch_size(), self.num_aspects];
        let batch_size = self.batch_size();
        let tokens = [batch_size, self.seq_length];
        let segments = [batch_size, self.num_segments];
        let aspects = [batch_size, self.num_segments, self.num_aspects];
        let spans = [batch_size, self.num_segments, 2];
        let response_spans = TensorData::new(self.response_spans, [batch_size, 1, 2]);
        SegmentBatch {
            token_ids: Tensor::from_data(TensorData::new(self.token_ids, tokens), device),
            type_ids: Tensor::from_data(TensorData::new(self.type_ids, tokens), device),
            mask_pad: Tensor::from_data(TensorData::new(self.mask_pad, tokens), device),
            response_spans: Tensor::from_data(response_spans, device),
            segment_spans: Tensor::from_data(TensorData::new(self.segment_spans, spans), device),
            mask_segment_pad: Tensor::from_data(
                TensorData::new(self.mask_segment_pad, segments),
                device,
            ),
            targets: Tensor::from_data(TensorData::new(self.targets, aspects), device),
            rated: Tensor::from_data(TensorData::new(self.rated, aspects), device),
            weights: Tensor::from_data(TensorData::new(self.weights, aspects), device),
            micro_batches_left: self.micro_batches_left,
            response_targets: Tensor::from_data(
                TensorData::new(self.response_targets, responses),
                device,
            ),
            response_weights: Tensor::from_data(
                TensorData::new(self.response_weights, responses),
                device,
            ),
            weight_sums,
            num_rated: self.num_rated,
            num_tokens: self.num_tokens,
            ids: self.ids,
        }
    }
}

/// Pads tokenized examples to a common shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentBatcher {
    pad_id: u32,
    num_aspects: usize,
}

impl SegmentBatcher {
    /// A batcher that fills short rows with `pad_id`, for examples with `num_aspects` targets per segment.
    pub fn new(pad_id: u32, num_aspects: usize) -> Self {
        Self {
            pad_id,
            num_aspects,
        }
    }

    /// Number of targets per segment.
    pub fn num_aspects(&self) -> usize {
        self.num_aspects
    }

    /// One batch of all `examples`, in their order, on `device`.
    ///
    /// # Panics
    /// If `examples` is empty, or a segment has another number of targets than the batcher's.
    pub fn batch(&self, examples: &[&TokenizedExample], device: &Device) -> SegmentBatch {
        self.collate(examples).to_device(device)
    }

    /// The same without making tensors.
    ///
    /// # Panics
    /// If `examples` is empty, or a segment has another number of targets than the batcher's.
    pub fn collate(&self, examples: &[&TokenizedExample]) -> CollatedBatch {
        assert!(!examples.is_empty(), "a batch needs at least one example");
        let seq_length = longest(examples, |example| example.token_ids.len());
        let num_segments = longest(examples, |example| example.segments.len()).max(1);
        let tokens = examples.len() * seq_length;
        let segments = examples.len() * num_segments;
        let targets = segments * self.num_aspects;
        let responses = examples.len() * self.num_aspects;
        let mut batch = CollatedBatch {
            seq_length,
            num_segments,
            num_aspects: self.num_aspects,
            token_ids: vec![index(self.pad_id); tokens],
            type_ids: vec![0; tokens],
            mask_pad: vec![true; tokens],
            response_spans: Vec::with_capacity(examples.len() * 2),
            segment_spans: vec![0; segments * 2],
            mask_segment_pad: vec![true; segments],
            targets: vec![0.0; targets],
            rated: vec![false; targets],
            weights: vec![0.0; targets],
            response_targets: vec![0.0; responses],
            response_weights: vec![0.0; responses],
            num_rated: 0,
            num_tokens: 0,
            micro_batches_left: 0,
            ids: Vec::with_capacity(examples.len()),
        };
        for (row, example) in examples.iter().enumerate() {
            batch.fill_row(row, example);
        }
        batch
    }
}

impl CollatedBatch {
    fn fill_row(&mut self, row: usize, example: &TokenizedExample) {
        let start = row * self.seq_length;
        for (token, (&token_id, &type_id)) in
            example.token_ids.iter().zip(&example.type_ids).enumerate()
        {
            self.token_ids[start + token] = index(token_id);
            self.type_ids[start + token] = index(type_id);
            self.mask_pad[start + token] = false;
        }
        let response = example.response;
        self.response_spans
            .extend([response.start, response.end].map(index::<usize>));
        for (position, segment) in example.segments.iter().enumerate() {
            let cell = row * self.num_segments + position;
            self.segment_spans[2 * cell] = index(segment.tokens.start);
            self.segment_spans[2 * cell + 1] = index(segment.tokens.end);
            self.mask_segment_pad[cell] = false;
            let found = segment.targets.len();
            assert_eq!(
                found, self.num_aspects,
                "example `{}`: targets per segment",
                example.id
            );
            for (aspect, target) in segment.targets.iter().enumerate() {
                let Some(target) = target else { continue };
                let cell = cell * self.num_aspects + aspect;
                self.targets[cell] = *target;
                self.rated[cell] = true;
                self.weights[cell] = segment.weight;
                self.num_rated += 1;
            }
        }
        for (aspect, target) in example.response_targets.iter().enumerate() {
            let Some(target) = target else { continue };
            self.response_targets[row * self.num_aspects + aspect] = *target;
            self.response_weights[row * self.num_aspects + aspect] = 1.0;
        }
        self.num_tokens += example.num_tokens();
        self.ids.push(example.id.clone());
    }
}

fn longest(examples: &[&TokenizedExample], length: impl Fn(&TokenizedExample) -> usize) -> usize {
    examples
        .iter()
        .map(|example| length(example))
        .max()
        .unwrap_or(0)
}

/// Token ids and positions as the integers that every backend has.
fn index<T: TryInto<i32>>(value: T) -> i32 {
    value
        .try_into()
        .ok()
        .expect("token ids and positions stay below 2^31")
}
