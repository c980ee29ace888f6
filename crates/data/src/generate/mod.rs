//! The generated data set: short prompts, partly wrong responses, and ratings by a rule.

mod draft;
mod lists;
mod order;
mod ownership;
mod packing;
mod sums;
mod words;

use std::collections::{BTreeSet, HashSet};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use self::draft::Draft;
use crate::{DataError, Example, Result};

/// The topic of a generated prompt, and the ratings of its claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum GeneratorTask {
    /// Five things in order; the response repeats them from the first.
    ///
    /// "Ana shows in order kites, drums, rings, bells, hats." is answered by "First: kites. Then:
    /// rings. Next: cups." A thing in its place is rated 1, one place off 0.5, anything else 0.
    Order,
    /// A number to add to five others; the response gives the sums from the first.
    ///
    /// "Ben adds 3 to 4, 7, 2, 9, 5." is answered by "First: 7. Then: 11. Next: 9." The right sum is
    /// rated 1, a number next to it 0.5, anything else 0; some of the latter are sums of other numbers of
    /// the list.
    Sums,
    /// Needed and optional things; each sentence packs some.
    ///
    /// "Cleo needs kites, drums and rings, maybe bells, hats and cups." is answered by "Pack kites
    /// and bells. Take coats." A needed thing is rated 1, an optional one 0.5, any other 0.
    Packing,
    /// Two owners, each with a list, and a question about one of them.
    ///
    /// "Dan has kites, drums and rings, Eva has bells, hats and cups. What does Eva have?" is
    /// answered by "Eva has hats and rings. Eva has cups." What she has is rated 1, what Dan or nobody has
    /// 0. The hardest task, because the model must also read the question.
    Ownership,
}

impl GeneratorTask {
    /// All tasks.
    pub const ALL: [Self; 4] = [Self::Order, Self::Sums, Self::Packing, Self::Ownership];

    /// Name in the `meta` of an example.
    pub fn name(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Sums => "sums",
            Self::Packing => "packing",
            Self::Ownership => "ownership",
        }
    }

    /// Relative frequency of the task. The hardest one is less frequent.
    fn share(self) -> usize {
        match self {
            Self::Order | Self::Sums | Self::Packing => 3,
            Self::Ownership => 2,
        }
    }

    fn draft(self, rng: &mut ChaCha8Rng) -> Draft {
        match self {
            Self::Order => order::draft(rng),
            Self::Sums => sums::draft(rng),
            Self::Packing => packing::draft(rng),
            Self::Ownership => ownership::draft(rng),
        }
    }
}

/// Settings of the generated data set.
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `examples` | 1000 | number of examples with distinct prompts | 1 to 200,000 |
/// | `seed` | 0 | seed of all random choices; a larger set starts with the smaller one | any |
/// | `tasks` | all | topics of the prompts | at least one |
///
/// With all tasks, three of eleven examples each are `order`, `sums` and `packing`, and two are `ownership`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GeneratorConfig {
    /// Number of examples.
    pub examples: usize,
    /// Seed of all random choices.
    pub seed: u64,
    /// Topics of the prompts.
    pub tasks: BTreeSet<GeneratorTask>,
}

impl Default for GeneratorConfig {
    fn default() -> Self {
        Self {
            examples: 1000,
            seed: 0,
            tasks: GeneratorTask::ALL.into(),
        }
    }
}

impl GeneratorConfig {
    /// Maximum number of examples. Each task has several times as many prompts.
    pub const MAX_EXAMPLES: usize = 200_000;

    fn check(&self) -> Result<()> {
        if !(1..=Self::MAX_EXAMPLES).contains(&self.examples) {
            return Err(DataError::GeneratorExamples {
                found: self.examples,
                max: Self::MAX_EXAMPLES,
            });
        }
        if self.tasks.is_empty() {
            return Err(DataError::GeneratorWithoutTask);
        }
        Ok(())
    }
}

/// Generates a data set: examples with the ids `synthetic-0`, `synthetic-1`, .. and distinct prompts.
///
/// A response has three to five sentences with one to three claims each. A claim is rated 1 if it follows from
/// the prompt, 0 if not, and 0.5 in cases that its [`GeneratorTask`] defines. Sentences are the segments, as
/// [`Segmenter::Sentence`](crate::Segmenter::Sentence) finds them, and the rating of a segment is the mean of its
/// claims. `meta` has the `task` and, for each segment, the `claims`: the `said` word and its `rating`. A claim
/// rated below 1 is wrong.
///
/// # What a model must learn
///
/// Position and length of a segment, and the words of segment, response or prompt alone, predict almost nothing.
/// A model must compare prompt and response: some wrong claims name things that are not in the prompt, others
/// things that the prompt mentions elsewhere (the right thing in the wrong place, in the wrong list, with the
/// wrong owner).
///
/// # Why a model learns it in a minute
///
/// A transformer from scratch soon learns which words of the prompt reappear in the response, and where in the
/// prompt they were. It takes much longer to learn which words belong together. Therefore claims depend on
/// positions: lists have fixed places in the prompt, and ordered things have the same order in the response.
///
/// ```
/// use gradus_data::{GeneratorConfig, generate};
///
/// let examples = generate(&GeneratorConfig { examples: 20, ..GeneratorConfig::default() })?;
/// assert_eq!(examples[3].id, "synthetic-3");
/// assert!(examples.iter().all(|example| example.check().is_ok()));
/// # Ok::<(), gradus_data::DataError>(())
/// ```
///
/// # Errors
/// - [`DataError::GeneratorExamples`]: no example, or more than [`GeneratorConfig::MAX_EXAMPLES`].
/// - [`DataError::GeneratorWithoutTask`]: no task.
pub fn generate(config: &GeneratorConfig) -> Result<Vec<Example>> {
    config.check()?;
    let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
    let mut prompts = HashSet::new();
    let mut examples = Vec::with_capacity(config.examples);
    while examples.len() < config.examples {
        let task = draw_task(&config.tasks, &mut rng);
        let draft = task.draft(&mut rng);
        if prompts.insert(draft.prompt.clone()) {
            examples.push(draft.into_example(format!("synthetic-{}", examples.len()), task));
        }
    }
    Ok(examples)
}

fn draw_task(tasks: &BTreeSet<GeneratorTask>, rng: &mut ChaCha8Rng) -> GeneratorTask {
    let drawers: Vec<GeneratorTask> = tasks
        .iter()
        .flat_map(|&task| std::iter::repeat_n(task, task.share()))
        .collect();
    drawers[rng.random_range(0..drawers.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(examples: usize, seed: u64) -> GeneratorConfig {
        GeneratorConfig {
            examples,
            seed,
            ..GeneratorConfig::default()
        }
    }

    #[test]
    fn the_seed_decides_and_more_examples_begin_with_the_fewer() {
        let few = generate(&config(50, 7)).unwrap();
        let many = generate(&config(80, 7)).unwrap();
        assert_eq!(few, many[..50]);
        assert_ne!(few, generate(&config(50, 8)).unwrap());
    }

    #[test]
    fn no_prompt_comes_twice() {
        let examples = generate(&config(20_000, 1)).unwrap();
        let prompts: HashSet<&str> = examples.iter().map(|e| e.prompt.as_str()).collect();
        assert_eq!(prompts.len(), 20_000);
    }

    #[test]
    fn only_the_tasks_asked_for_are_drawn() {
        for task in GeneratorTask::ALL {
            let config = GeneratorConfig {
                tasks: [task].into(),
                ..config(20, 0)
            };
            for example in generate(&config).unwrap() {
                assert_eq!(example.meta["task"], task.name());
            }
        }
    }

    #[test]
    fn impossible_requests_are_refused() {
        for examples in [0, GeneratorConfig::MAX_EXAMPLES + 1] {
            let error = generate(&config(examples, 0)).unwrap_err().to_string();
            assert_eq!(
                error,
                format!("generator: found {examples} examples to make, expected 1 to 200000")
            );
        }
        let config = GeneratorConfig {
            tasks: BTreeSet::new(),
            ..config(1, 0)
        };
        let error = generate(&config).unwrap_err().to_string();
        assert_eq!(error, "generator: found no task, expected at least one");
    }

    #[test]
    fn the_task_with_the_fewest_prompts_has_enough_of_them() {
        let config = GeneratorConfig {
            tasks: [GeneratorTask::Order].into(),
            ..config(GeneratorConfig::MAX_EXAMPLES, 0)
        };
        assert_eq!(generate(&config).unwrap().len(), config.examples);
    }
}
