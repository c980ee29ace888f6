//! The linear head of a published classifier.

use std::path::Path;

use burn::tensor::{Device, TensorData};

use super::ProblemType;
use crate::encoder::EncoderConfig;
use crate::error::{ModelError, Result};
use crate::head::Head;
use crate::output::Output;
use crate::weights::{Damaged, StoredTensor, read_back};

/// Weights of a linear layer: one row of `d_model` values and one bias per logit.
pub(super) struct LinearHead {
    rows: Vec<Vec<f32>>,
    bias: Vec<f32>,
}

impl LinearHead {
    /// Reads the layer. `biased` is whether the model's class has a bias.
    ///
    /// # Errors
    /// [`ModelError::NotImportable`] if it is missing, has another shape, or contradicts `biased`.
    pub(super) fn read(
        tensors: &[StoredTensor],
        encoder: &EncoderConfig,
        biased: bool,
        place: &Path,
    ) -> Result<Self> {
        let (class, d_model) = (encoder.python_class(), encoder.d_model());
        let refuse = |reason: String| ModelError::NotImportable {
            path: place.into(),
            reason,
        };
        let find = |parameter: &str| {
            let name = format!("{}.{parameter}", class.head);
            let tensor = tensors.iter().find(|tensor| tensor.name == name);
            tensor.ok_or_else(|| refuse(format!("it has no tensor `{name}`")))
        };
        let values = |tensor: &StoredTensor| {
            let unreadable = || refuse(format!("`{}` holds no floats", tensor.name));
            let damaged = Damaged::default();
            let parameter = tensor.clone();
            let parameter = parameter.into_parameter(tensor.name.clone(), &damaged);
            let values = read_back(place, &tensor.name, parameter.ok_or_else(unreadable)?)?;
            damaged.refuse(place).map(|()| values)
        };
        let wrong = |tensor: &StoredTensor, expected: String| {
            let (name, shape) = (&tensor.name, &tensor.shape);
            refuse(format!(
                "`{name}` has the shape {shape:?}, expected {expected}"
            ))
        };
        let weight = find("weight")?;
        let num_logits = match weight.shape.as_slice() {
            &[rows, width] if rows > 0 && width == d_model => rows,
            _ => return Err(wrong(weight, format!("[labels, {d_model}]"))),
        };
        let bias = match (find("bias"), biased) {
            (Ok(bias), true) if bias.shape == [num_logits] => values(bias)?,
            (Ok(bias), true) => return Err(wrong(bias, format!("[{num_logits}]"))),
            (Ok(bias), false) => {
                let name = &bias.name;
                let reason = format!("it has the tensor `{name}`, which its class does not have");
                return Err(refuse(reason));
            }
            (Err(missing), true) => return Err(missing),
            (Err(_), false) => vec![0.0; num_logits],
        };
        let rows = values(weight)?
            .chunks(d_model)
            .map(<[f32]>::to_vec)
            .collect();
        Ok(Self { rows, bias })
    }

    /// Number of logits.
    pub(super) fn num_logits(&self) -> usize {
        self.rows.len()
    }

    /// The head and output function of these logits. For a softmax over two labels, the score is
    /// the probability of the second, which is the sigmoid of the difference.
    pub(super) fn into_head(self, problem: ProblemType, device: &Device) -> (Head, Output) {
        let (head, output) = match problem {
            ProblemType::Regression => (self, Output::Identity),
            ProblemType::MultiLabel => (self, Output::Sigmoid),
            ProblemType::SingleLabel => (self.difference(), Output::Sigmoid),
        };
        let (num_aspects, d_model) = (head.rows.len(), head.rows[0].len());
        let columns =
            (0..d_model).flat_map(|feature| head.rows.iter().map(move |row| row[feature]));
        let columns: Vec<f32> = columns.collect();
        let head = Head::from_weights(
            TensorData::new(columns, [d_model, num_aspects]),
            TensorData::new(head.bias, [num_aspects]),
            device,
        );
        (head, output)
    }

    /// The second logit minus the first.
    fn difference(self) -> Self {
        let [first, second] = [0, 1].map(|row| &self.rows[row]);
        let row = second
            .iter()
            .zip(first)
            .map(|(second, first)| second - first);
        Self {
            rows: vec![row.collect()],
            bias: vec![self.bias[1] - self.bias[0]],
        }
    }
}
