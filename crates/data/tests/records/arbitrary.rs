//! Examples of any kind that pass their check.

use std::collections::BTreeMap;

use gradus_data::{CharSpan, Example, Segment, mean_rating};
use proptest::prelude::*;
use serde_json::{Map, Value};

fn finite() -> impl Strategy<Value = f64> {
    any::<f64>().prop_filter("finite", |number| number.is_finite())
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        finite().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::vec((any::<String>(), inner), 0..3)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

/// Keys start with a letter that no known key starts with.
fn extra() -> impl Strategy<Value = Map<String, Value>> {
    proptest::collection::vec(("x[a-zé\"\\\\]{0,4}", json()), 0..3)
        .prop_map(|pairs| pairs.into_iter().collect())
}

type Ratings = (BTreeMap<String, f64>, BTreeMap<String, Vec<f64>>);

/// Ratings by aspect, some of them the mean of several raters. Names of aspects start with `x`, as no figure does, and differ
/// in more than blanks.
fn ratings() -> impl Strategy<Value = Ratings> {
    let single = prop_oneof![
        Just(BTreeMap::new()),
        finite().prop_map(|rating| BTreeMap::from([("rating".to_owned(), rating)])),
        proptest::collection::btree_map("rating|x[a-zé.:]{0,5}", finite(), 0..4),
    ];
    let list = proptest::collection::vec(-1e9..1e9, 1..5);
    let raters = proptest::collection::btree_map("rating|x[a-zé.:]{0,5}", list, 0..3);
    (single, raters).prop_map(|(mut ratings, raters)| {
        for (aspect, list) in &raters {
            ratings.insert(aspect.clone(), mean_rating(list));
        }
        (ratings, raters)
    })
}

fn weight() -> impl Strategy<Value = Option<f64>> {
    proptest::option::of(0.0..1e9)
}

/// Cuts at sorted places; every other piece becomes a segment, so that some text lies outside.
fn segments(num_chars: usize) -> impl Strategy<Value = Vec<Segment>> {
    let cuts = proptest::collection::btree_set(0..=num_chars, 0..8);
    (
        cuts,
        proptest::collection::vec((ratings(), weight(), extra(), any::<bool>()), 8),
    )
        .prop_map(|(cuts, contents)| {
            let cuts: Vec<usize> = cuts.into_iter().collect();
            let spans = cuts.windows(2).map(|pair| CharSpan::new(pair[0], pair[1]));
            spans
                .zip(contents)
                .filter(|(_, (_, _, _, kept))| *kept)
                .map(|(span, ((ratings, raters), weight, extra, _))| Segment {
                    span,
                    ratings,
                    raters,
                    weight,
                    extra,
                })
                .collect()
        })
}

pub(crate) fn example() -> impl Strategy<Value = Example> {
    let response = prop_oneof![1 => Just(String::new()), 9 => any::<String>()];
    let texts = (
        any::<String>(),
        any::<String>(),
        proptest::option::of(any::<String>()),
        response,
    );
    texts.prop_flat_map(|(id, prompt, context, response)| {
        let segments = segments(response.chars().count());
        let rest = (ratings(), segments, extra(), extra());
        rest.prop_map(move |((ratings, raters), segments, meta, extra)| Example {
            id: id.clone(),
            prompt: prompt.clone(),
            context: context.clone(),
            response: response.clone(),
            ratings,
            raters,
            segments,
            meta,
            extra,
        })
    })
}
