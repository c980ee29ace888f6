//! Records without a part of their input, and with that of another record.

use std::collections::BTreeMap;

use gradus_data::Example;
use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;

use super::Part;

/// The records that have a part of the input, and what becomes of them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AblatedRecords {
    /// Their places among all records, in order.
    pub places: Vec<usize>,
    /// The records without the part.
    pub without: Vec<Example>,
    /// The records with the part of another record.
    pub swapped: Vec<Example>,
}

/// Takes a part away from the records that have it, and exchanges it among them.
///
/// The different texts of the part are put in an order that the seed draws, and every record gets the next text after
/// its own: always another one, even where records share a text, and the same for the same seed and records. `None` where
/// fewer than two texts differ.
pub fn ablated(examples: &[Example], part: Part, seed: u64) -> Option<AblatedRecords> {
    let own: Vec<(usize, &str)> = examples
        .iter()
        .enumerate()
        .filter_map(|(place, example)| Some((place, text(example, part)?)))
        .collect();
    let mut texts: Vec<&str> = own.iter().map(|(_, text)| *text).collect();
    texts.sort_unstable();
    texts.dedup();
    if texts.len() < 2 {
        return None;
    }
    texts.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let following = texts.iter().cycle().skip(1);
    let next: BTreeMap<&str, &str> = texts.iter().copied().zip(following.copied()).collect();
    let records = |of: &dyn Fn(&str) -> Option<String>| {
        let records = own.iter().map(|(place, text)| {
            let mut example = examples[*place].clone();
            set(&mut example, part, of(text));
            example
        });
        records.collect()
    };
    Some(AblatedRecords {
        places: own.iter().map(|(place, _)| *place).collect(),
        without: records(&|_| None),
        swapped: records(&|text| Some(next[text].to_owned())),
    })
}

/// The text of a part; `None` where there is none.
fn text(example: &Example, part: Part) -> Option<&str> {
    let text = match part {
        Part::Context => example.context.as_deref()?,
        Part::Prompt => &example.prompt,
    };
    (!text.trim().is_empty()).then_some(text)
}

fn set(example: &mut Example, part: Part, text: Option<String>) {
    match part {
        Part::Context => example.context = text,
        Part::Prompt => example.prompt = text.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(context: Option<&str>) -> Example {
        Example {
            prompt: "p".into(),
            context: context.map(str::to_owned),
            response: "r".into(),
            ..Example::default()
        }
    }

    #[test]
    fn nobody_gets_an_own_text_back_and_the_seed_decides_which() {
        let contexts = ["a", "a", "b", "c", "b", "d", "e", "f"];
        let mut examples: Vec<Example> = contexts.map(|c| example(Some(c))).into();
        examples.insert(2, example(None));
        examples.push(example(Some("  ")));
        let found = ablated(&examples, Part::Context, 0).unwrap();
        assert_eq!(found.places, [0, 1, 3, 4, 5, 6, 7, 8]);
        for (place, (without, swapped)) in found
            .places
            .iter()
            .zip(found.without.iter().zip(&found.swapped))
        {
            assert_eq!(without.context, None);
            assert_ne!(swapped.context, examples[*place].context);
            assert!(swapped.context.is_some());
        }
        // Records that share a text get the same other one.
        assert_eq!(found.swapped[0].context, found.swapped[1].context);
        let swapped = |seed| ablated(&examples, Part::Context, seed).unwrap().swapped;
        assert_eq!(swapped(0), found.swapped);
        assert!((1..9).any(|seed| swapped(seed) != found.swapped));
    }

    #[test]
    fn one_text_cannot_be_exchanged() {
        let examples = [example(Some("a")), example(Some("a"))];
        assert!(ablated(&examples, Part::Context, 0).is_none());
        assert!(ablated(&examples, Part::Prompt, 0).is_none());
    }
}
