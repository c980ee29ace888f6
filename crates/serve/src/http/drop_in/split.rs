//! Prompt and response out of what clients send in one piece.

use gradus_data::Example;
use serde_json::Value;

use super::fields::text;
use super::record;
use crate::refusal::Refusal;
use crate::scoring::Service;

/// Tokens without text that are decoded with a response, besides all of the form `<|…|>`.
const ENDINGS: [&str; 10] = [
    "</s>",
    "<s>",
    "<eos>",
    "<pad>",
    "<unk>",
    "[SEP]",
    "[PAD]",
    "[EOS]",
    "<end_of_turn>",
    "<end>",
];

/// Splits a text into prompt and response at the last `--query-separator`.
pub(super) fn at_separator(
    service: &Service,
    field: &str,
    whole: &str,
) -> Result<Example, Refusal> {
    let Some(separator) = &service.drop_ins.query_separator else {
        return Err(Refusal::field(field, "prompt and response in one text", "a server that knows where to split them")
            .with_hint("start the server with --query-separator TEXT: what stands between prompt and response, such as '<|im_start|>assistant\\n'"));
    };
    match whole.rfind(separator.as_str()) {
        Some(at) => Ok(record(
            whole[..at].to_owned(),
            response(&whole[at + separator.len()..]),
        )),
        None => Err(Refusal::field(
            field,
            "a text without the separator",
            format!("{separator:?} between prompt and response"),
        )),
    }
}

/// Splits a text into the prompt, which it begins with or holds, and the response behind it.
pub(super) fn behind_prompt(
    service: &Service,
    field: &str,
    whole: &str,
    prompt: &str,
) -> Result<Example, Refusal> {
    // Decoding may put the token that opens a text before the prompt.
    match whole.find(prompt) {
        Some(at) => Ok(record(
            prompt.to_owned(),
            response(&whole[at + prompt.len()..]),
        )),
        None if service.drop_ins.query_separator.is_some() => at_separator(service, field, whole),
        None => Err(Refusal::field(
            field,
            "a text that does not hold its prompt",
            "the prompt of the same place, and the response behind it",
        )),
    }
}

/// The response without the tokens that end it and that fill its row: they are not part of what was said.
fn response(text: &str) -> String {
    let mut rest = text;
    loop {
        let trimmed = rest.trim_end();
        let named = ENDINGS
            .iter()
            .find_map(|ending| trimmed.strip_suffix(ending));
        let piped = || {
            let start = trimmed.strip_suffix("|>")?.rfind("<|")?;
            let name = &trimmed[start + 2..trimmed.len() - 2];
            let plain = name
                .chars()
                .all(|char| char.is_alphanumeric() || "_-▁".contains(char));
            plain.then_some(&trimmed[..start])
        };
        match named.or_else(piped) {
            Some(before) => rest = before,
            None => return rest.to_owned(),
        }
    }
}

/// The prompt and the response of a chat: the last message, which has to be the assistant's, answers those
/// before it. A prompt of several messages is their texts with an empty line between them.
pub(super) fn chat(field: &str, messages: Value) -> Result<Example, Refusal> {
    let mut messages = turns(field, messages)?;
    match messages.pop() {
        Some((role, response)) if role == "assistant" => Ok(record(joined(&messages), response)),
        Some((role, _)) => Err(Refusal::field(
            field,
            format!("a last message of {role:?}"),
            "one of \"assistant\", which is scored",
        )),
        None => Err(Refusal::field(
            field,
            "an empty list",
            "messages, the last of them the assistant's",
        )),
    }
}

/// A prompt: a text, or the messages of a chat.
pub(super) fn prompt(field: &str, value: Value) -> Result<String, Refusal> {
    match value {
        Value::Array(_) => Ok(joined(&turns(field, value)?)),
        value => text(field, value),
    }
}

fn joined(messages: &[(String, String)]) -> String {
    let texts: Vec<&str> = messages.iter().map(|(_, text)| text.as_str()).collect();
    texts.join("\n\n")
}

fn turns(field: &str, messages: Value) -> Result<Vec<(String, String)>, Refusal> {
    let Value::Array(messages) = messages else {
        return Err(Refusal::field(
            field,
            gradus_data::describe_value(&messages),
            "a list of messages",
        ));
    };
    let messages = messages.into_iter().enumerate();
    let turns = messages.map(|(place, mut message)| {
        let place = format!("{field}[{place}]");
        let mut take = |key: &str| {
            let field = format!("{place}.{key}");
            let value = message.get_mut(key).map(Value::take);
            let value = value.ok_or_else(|| Refusal::missing(&field, "a text"))?;
            Ok::<_, Refusal>((field, value))
        };
        let (field, role) = take("role")?;
        let role = text(&field, role)?;
        let (field, content) = take("content")?;
        Ok((role, content_text(&field, content)?))
    });
    turns.collect()
}

/// The content of a message: a text, or the parts of one, as clients of `OpenAI` may send it.
fn content_text(field: &str, content: Value) -> Result<String, Refusal> {
    let Value::Array(parts) = content else {
        return text(field, content);
    };
    let parts = parts.into_iter().enumerate().map(|(place, mut part)| {
        let field = format!("{field}[{place}]");
        if part.get("type").and_then(Value::as_str) != Some("text") {
            let found = part.get("type").unwrap_or(&part);
            let found = gradus_data::describe_value(found);
            let expected = "\"text\", as this model reads texts only";
            return Err(Refusal::field(format!("{field}.type"), found, expected));
        }
        text(&format!("{field}.text"), part["text"].take())
    });
    parts.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tokens_at_the_end_of_a_response_are_no_part_of_it() {
        for text in [
            "It is far.<|im_end|>",
            "It is far.</s>",
            "It is far.<|eot_id|><|end_of_text|>\n",
            "It is far.<eos><pad><pad>",
        ] {
            assert_eq!(response(text), "It is far.", "{text}");
        }
        for text in ["It is far.", "a <|b c|>", "x > y", "", " <b>bold</b> "] {
            assert_eq!(response(text), text);
        }
    }

    #[test]
    fn a_chat_is_scored_by_its_last_message() {
        let messages = json!([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "How far?"}, {"role": "assistant", "content": "Far."}]);
        let example = chat("messages", messages).unwrap();
        assert_eq!(
            (example.prompt.as_str(), example.response.as_str()),
            ("Be brief.\n\nHow far?", "Far.")
        );
        let parts = json!([{"type": "text", "text": "Fa"}, {"type": "text", "text": "r."}]);
        let messages = json!([{"role": "user", "content": "How far?"}, {"role": "assistant", "content": parts}]);
        assert_eq!(chat("messages", messages).unwrap().response, "Far.");
        let with = |part: Value| json!([{"role": "assistant", "content": [{"type": "text", "text": "a"}, part]}]);
        for (messages, field) in [
            (
                with(json!({"type": "image_url"})),
                "messages[0].content[1].type",
            ),
            (with(json!(3)), "messages[0].content[1].type"),
            (with(json!({"type": "text"})), "messages[0].content[1].text"),
            (
                json!([{"role": "assistant", "content": 3}]),
                "messages[0].content",
            ),
            (json!([]), "messages"),
            (json!([{"role": "user", "content": "a"}]), "messages"),
            (json!([{"role": "user"}]), "messages[0].content"),
            (json!([3]), "messages[0].role"),
            (json!("a"), "messages"),
        ] {
            assert_eq!(
                chat("messages", messages.clone())
                    .unwrap_err()
                    .error
                    .field
                    .as_deref(),
                Some(field),
                "{messages}"
            );
        }
    }
}
