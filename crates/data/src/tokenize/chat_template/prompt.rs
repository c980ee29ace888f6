//! Where the prompt lies in the text that a chat template makes.

use super::jinja::Renderer;
use super::{ChatTemplate, TemplateProblem};
use crate::Result;

/// A prompt that stands for any other; no template writes it by itself.
const PROBE: &str = "The prompt \u{F8FF} stands here.";

/// A chat template that can be used, taken apart into what it writes before and behind a prompt.
#[derive(Clone)]
pub(crate) struct ChatPrompt {
    renderer: Renderer,
    before: String,
    behind: String,
}

/// A prompt as the template writes it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PlacedPrompt<'a> {
    /// The part of the prompt that it writes: all but white space around it.
    pub(crate) text: &'a str,
    /// Characters of the prompt in front of that part.
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
                "it writes the prompt {times} times, expected once and as it is"
            )));
        };
        Ok(Self {
            before: before.to_owned(),
            behind: behind.to_owned(),
            renderer,
        })
    }

    /// What is written before every prompt.
    pub(crate) fn before(&self) -> &str {
        &self.before
    }

    /// What is written behind every prompt, up to where the response begins.
    pub(crate) fn behind(&self) -> &str {
        &self.behind
    }

    /// Runs the template on a prompt and finds what it wrote of it. Templates may take away the white
    /// space around a prompt; one that writes anything else for it cannot be followed.
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
                "it writes something else for this prompt than for others, expected the prompt as it is",
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
