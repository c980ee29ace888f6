//! Ratings worked out anew from the texts alone, by rules written a second time.

use gradus_data::Example;
use serde_json::Value;

use crate::{examples, ratings};

/// What the claims of a segment are worth according to the prompt.
type Judge = Box<dyn Fn(usize, &str) -> f64>;

/// Reads a prompt into a judge of claims, each given by the index of its segment and what it says.
fn read_prompt(prompt: &str) -> Judge {
    if let Some((_, list)) = prompt.split_once(" shows in order ") {
        let shown = read_list(list);
        return Box::new(
            move |place, said| match shown.iter().position(|thing| thing == said) {
                Some(shown_place) if shown_place == place => 1.0,
                Some(shown_place) if shown_place.abs_diff(place) == 1 => 0.5,
                _ => 0.0,
            },
        );
    }
    if let Some((addend, list)) = prompt
        .split_once(" adds ")
        .and_then(|(_, sum)| sum.split_once(" to "))
    {
        let addend: i32 = addend.parse().unwrap();
        let numbers: Vec<i32> = read_list(list).iter().map(|n| n.parse().unwrap()).collect();
        return Box::new(move |place, said| {
            let error = (said.parse::<i32>().unwrap() - numbers[place] - addend).abs();
            (1.0 - 0.5 * f64::from(error)).max(0.0)
        });
    }
    if let Some((needed, optional)) = prompt.split_once(", maybe ") {
        let needed = read_list(needed.split_once(" needs ").unwrap().1);
        let optional = read_list(optional);
        return Box::new(move |_, said| {
            let is_in = |list: &[String]| list.iter().any(|thing| thing == said);
            f64::from(u8::from(is_in(&needed))) + 0.5 * f64::from(u8::from(is_in(&optional)))
        });
    }
    let (facts, question) = prompt.split_once(". What does ").unwrap();
    let asked = format!("{} has ", question.strip_suffix(" have?").unwrap());
    // What follows "asked has", up to the next owner.
    let after = facts.split_once(&asked).unwrap().1;
    let end = after
        .find(" has ")
        .map_or(after.len(), |has| after[..has].rfind(", ").unwrap());
    let own = read_list(&after[..end]);
    Box::new(move |_, said| f64::from(u8::from(own.iter().any(|thing| thing == said))))
}

/// "kites, drums and rings." as three words.
fn read_list(text: &str) -> Vec<String> {
    let words = text.trim_end_matches('.').split([' ', ',']);
    words
        .filter(|word| !["", "and"].contains(word))
        .map(str::to_owned)
        .collect()
}

/// What a segment claims: all that follows its opening.
fn read_claims(segment: &str) -> Vec<String> {
    let openings = [": ", " has ", "Pack ", "Take "];
    let opening = openings
        .iter()
        .find(|opening| segment.contains(*opening))
        .unwrap();
    read_list(segment.split_once(opening).unwrap().1)
}

fn claims(example: &Example, k: usize) -> Vec<(String, f64)> {
    let claims = example.meta["claims"][k].as_array().unwrap().iter();
    let said = |claim: &Value| claim["said"].as_str().unwrap().to_owned();
    claims
        .map(|claim| (said(claim), claim["rating"].as_f64().unwrap()))
        .collect()
}

#[test]
fn ratings_follow_from_prompt_and_response() {
    for example in examples(3000, 5) {
        let judge = read_prompt(&example.prompt);
        for (k, rating) in ratings(&example).enumerate() {
            let expected: Vec<(String, f64)> = read_claims(example.segment_text(k))
                .into_iter()
                .map(|said| (said.clone(), judge(k, &said)))
                .collect();
            assert_eq!(claims(&example, k), expected, "{:?}", example.to_json());
            let mean = expected.iter().map(|(_, worth)| worth).sum::<f64>() / expected.len() as f64;
            assert!((rating - mean).abs() < 1e-12, "{:?}", example.to_json());
        }
    }
}
