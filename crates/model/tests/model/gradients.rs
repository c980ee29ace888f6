//! The gradient of the whole model, parameter by parameter.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use gradus_model::{
    EncoderConfig, HeadConfig, Pooling, PretrainedEncoder, RewardModel, RewardModelConfig,
    load_encoder,
};

use crate::support::{Row, batch, golden, random_model_with, random_numbers, rows};

/// The steepest element of every parameter: its index and slope.
struct Steepest<'a> {
    gradients: &'a Gradients,
    found: Vec<(usize, f32)>,
}

impl ModuleVisitor for Steepest<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradient = param
            .val()
            .grad(self.gradients)
            .expect("every parameter has a gradient");
        let gradient: Vec<f32> = gradient.into_data().try_into_vec().unwrap();
        let steepest = (0..gradient.len())
            .max_by(|&a, &b| gradient[a].abs().total_cmp(&gradient[b].abs()))
            .unwrap();
        self.found.push((steepest, gradient[steepest]));
    }
}

/// Moves one element of one parameter, parameters counted as visited.
struct Nudge {
    parameter: usize,
    element: usize,
    by: f32,
    visited: usize,
}

impl ModuleMapper for Nudge {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        self.visited += 1;
        if self.visited - 1 != self.parameter {
            return param;
        }
        param.map(|value| {
            let (shape, device) = (value.shape(), value.device());
            let mut values: Vec<f32> = value.into_data().try_into_vec().unwrap();
            values[self.element] += self.by;
            Tensor::from_data(TensorData::new(values, shape), &device)
        })
    }
}

/// A sum of squares over the segments that exist.
fn objective(model: &RewardModel, rows: &[Row], device: &Device) -> Tensor<1> {
    let input = batch(rows, 2, device);
    let starts = input.segment_spans.clone().narrow(2, 1, 1);
    let exists = starts.greater_elem(0).float();
    (model.forward(input).square() * exists).sum()
}

/// Holds the steepest slope of every parameter against a difference; returns their number.
fn check(model: &RewardModel, rows: &[Row], step: f32, smallest: f32, what: &str) -> usize {
    let plain = Device::flex();
    let autodiff = plain.clone().autodiff();
    let trained = model.clone().train();
    let gradients = objective(&trained, rows, &autodiff).backward();
    let mut steepest = Steepest {
        gradients: &gradients,
        found: Vec::new(),
    };
    trained.visit(&mut steepest);
    let num_parameters = steepest.found.len();
    for (parameter, (element, slope)) in steepest.found.into_iter().enumerate() {
        let nudged = |by| {
            let nudge = &mut Nudge {
                parameter,
                element,
                by,
                visited: 0,
            };
            objective(&model.clone().map(nudge), rows, &plain).into_scalar::<f32>()
        };
        let difference = (nudged(step) - nudged(-step)) / (2.0 * step);
        let tolerance = smallest + 0.02 * slope.abs();
        assert!(
            (slope - difference).abs() < tolerance,
            "{what}, parameter {parameter}: gradient {slope}, difference {difference}"
        );
    }
    num_parameters
}

#[test]
fn the_gradient_of_every_parameter_agrees_with_finite_differences() {
    let mlp = HeadConfig::Mlp {
        d_hidden: 12,
        dropout: 0.0,
        activation: gradus_model::encoder::Activation::Gelu,
    };
    for (pooling, head, more) in [
        (Pooling::Mean, HeadConfig::Linear, 0),
        (Pooling::Last, HeadConfig::Linear, 0),
        (Pooling::Attention, HeadConfig::Linear, 1),
        (Pooling::MultiAttention, HeadConfig::Linear, 1),
        (Pooling::Context, HeadConfig::Linear, 0),
        (Pooling::Mean, mlp, 2),
    ] {
        let (_, model) = random_model_with(1, pooling.clone(), |config| config.head = head);
        let num_parameters = check(&model, &rows(), 4e-3, 5e-3, &format!("{pooling:?}"));
        assert_eq!(num_parameters, 5 + 2 * 16 + 2 + more);
    }
    let (_, mixed) = random_model_with(1, Pooling::Context, |config| config.scalar_mix = true);
    let num_parameters = check(&mixed, &rows(), 4e-3, 5e-3, "a mix of layers");
    assert_eq!(num_parameters, 5 + 2 * 16 + 2 + 1);
}

#[test]
fn the_gradient_of_every_family_agrees_with_finite_differences() {
    for &family in EncoderConfig::MODEL_TYPES {
        let device = Device::flex();
        let directory = golden(&format!("tiny-{family}"));
        let pretrained = PretrainedEncoder::open(&directory).unwrap();
        let (encoder, _) = pretrained.with_dropout(0.0, 0.0).load(&device).unwrap();
        let config = load_encoder(&directory, &device).unwrap().0;
        let config = config.with_dropout(0.0, 0.0);
        let pooling = config.default_pooling();
        let config = RewardModelConfig::new(config, pooling, 1);
        let model = {
            let _generator = random_numbers();
            device.seed(5);
            config.init_with(encoder, &device)
        };
        // The row of the padding token is zero, around which a norm is too steep for differences.
        let mut rows = rows();
        let ids = rows.iter_mut().flat_map(|row| &mut row.token_ids);
        ids.for_each(|id| *id = 10 + *id % 50);
        check(&model, &rows, 2e-3, 2e-4, family);
    }
}
