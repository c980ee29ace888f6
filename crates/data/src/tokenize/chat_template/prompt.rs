//! Finds the prompt in the output of a chat template.

use super::jinja::Renderer;
use super::{ChatTemplate, TemplateProblem};
use crate::Result;

/// A sample prompt that no template contains.
const PROBE: &str = "The prompt \u{F8FF} stands here.";

/// A checked chat template, divided into the texts before and after a prompt.
#[derive(Clone)]
pub(crate) struct ChatPrompt {
    renderer: Renderer,
    before: String,
    behind: String,
}

/// The output of the template for a prompt.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PlacedPrompt<'a> {
    /// The part of the prompt in the output: all except white space around it.
    pub(crate) text: &'a str,
    /// Number of characters of the prompt before that part.
    pub(crate) skipped: usize,
}

impl ChatPrompt {
    pub(crate) fn new(template: &ChatTemplate) -> Result<Self> {
        Self::taken_apart(template).map_err(|problem| problem.at(&template.source))
    }

    fn taken_apart(template: &ChatTemplate) -> std::result::Result<Self, TemplateProblem> {
        let renderer = Renderer::new(template)?;
        let text = renderer.render(PROBE)?;
        let mut parts = text.split(PROBE);
        let (Some(before), Some(behind), None) = (parts.next(), parts.next(), parts.next()) else {
            let times = text.matches(PROBE).count();
            return Err(TemplateProblem::new(format!(
                "it writes the prompt {times} times, expected once and unchanged"
            )));
        };
        Ok(Self {
            before: before.to_owned(),
            behind: behind.to_owned(),
            renderer,
        })
    }

    /// The text before every prompt.
    pub(crate) fn before(&self) -> &str {
        &self.before
    }

    /// The text after every prompt, up to the start of the response.
    pub(crate) fn behind(&self) -> &str {
        &self.behind
    }

    /// Runs the template on a prompt and finds the prompt in the output. Templates may remove white space around a prompt,
    /// but no other change is supported.
    pub(crate) fn place<'a>(
        &self,
        prompt: &'a str,
    ) -> std::result::Result<PlacedPrompt<'a>, TemplateProblem> {
        let text = self.renderer.render(prompt)?;
        let written = text
            .strip_prefix(&self.before)
            .and_then(|text| text.strip_suffix(&self.behind));
        let blank = prompt.chars().take_while(|c| c.is_whitespace()).count();
        let candidates = [
            (prompt, 0),
            (prompt.trim(), blank),
            (prompt.trim_start(), blank),
            (prompt.trim_end(), 0),
        ];
        let found = written.and_then(|written| {
            let mut candidates = candidates.into_iter();
            candidates.find(|(part, _)| *part == written)
        });
        match found {
            Some((text, skipped)) => Ok(PlacedPrompt { text, skipped }),
            None => Err(TemplateProblem::new(
                "it treats this prompt differently from others, expected the prompt unchanged",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(template: &str) -> Result<ChatPrompt> {
        ChatPrompt::new(&ChatTemplate {
            source: "test".into(),
            template: template.into(),
            tokens: [].into(),
        })
    }

    fn placed(template: &str, text: &str) -> Option<(String, usize)> {
        let placed = prompt(template).unwrap();
        let placed = placed.place(text).ok()?;
        Some((placed.text.to_owned(), placed.skipped))
    }

    #[test]
    fn a_prompt_is_found_also_where_the_template_takes_white_space_away() {
        let text = "\u{3000} user\n";
        let expect = |template: &str, part: &str, skipped| {
            assert_eq!(
                placed(template, text),
                Some((part.to_owned(), skipped)),
                "{template}"
            );
        };
        expect("user: {{ messages[0].content }} user", text, 0);
        expect("user: {{ messages[0].content | trim }} user", "user", 2);
        expect("{{ messages[0].content.rstrip() }}", "\u{3000} user", 0);
        expect("{{ messages[0].content.lstrip() }}", "user\n", 2);
        assert_eq!(
            placed("[{{ messages[0].content | trim }}]", " \n"),
            Some((String::new(), 2))
        );
    }

    #[test]
    fn what_stands_around_is_the_same_for_every_prompt() {
        let prompt =
            prompt("<a>{{ messages[0].content }}<b>{% if add_generation_prompt %}<c>{% endif %}");
        let prompt = prompt.unwrap();
        assert_eq!((prompt.before(), prompt.behind()), ("<a>", "<b><c>"));
    }

    #[test]
    fn templates_that_do_not_write_the_prompt_once_and_as_it_is_are_refused() {
        let refused = |template| prompt(template).err().unwrap().to_string();
        assert!(refused("no prompt").contains("test: it writes the prompt 0 times"));
        assert!(refused("{{ messages[0].content * 2 }}").contains("2 times"));
        assert!(refused("{{ messages[0].content | upper }}").contains("0 times"));
        let short = "{{ messages[0].content[:200] }}";
        assert_eq!(placed(short, &"x".repeat(201)), None);
        assert!(placed(short, "x").is_some());
    }
}
