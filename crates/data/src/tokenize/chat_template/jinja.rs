//! Jinja for chat templates: the environment of Python's transformers, without the date.

use std::collections::BTreeMap;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Kwargs;
use minijinja::{Environment, Error, ErrorKind, Value};

use super::cost::parse_cost;
use super::{ChatTemplate, TemplateProblem};

/// Name of the template in its environment.
const NAME: &str = "chat_template";
/// Maximum size of a template in bytes: several times the longest published ones.
const MAX_BYTES: usize = 128 << 10;
/// Maximum cost of parsing, see [`parse_cost`]; published templates need a hundredth.
const MAX_COST: u64 = 1 << 25;
/// Maximum number of instructions: hundreds of times what published templates need.
const FUEL: u64 = 500_000;
/// Stack size of the thread that parses and runs templates. The recursion is as deep as the nesting of a template, which
/// its size and its instructions limit. An overflow would abort the program. Unused stack takes no memory.
#[cfg(not(target_family = "wasm"))]
const STACK_BYTES: usize = 1 << 30;

/// A template that is parsed.
#[derive(Clone)]
pub(super) struct Renderer {
    environment: Environment<'static>,
    tokens: BTreeMap<String, String>,
}

impl Renderer {
    pub(super) fn new(template: &ChatTemplate) -> Result<Self, TemplateProblem> {
        let found = template.template.len();
        if found > MAX_BYTES {
            return Err(TemplateProblem::new(format!(
                "it has {found} bytes, expected at most {MAX_BYTES}"
            )));
        }
        if parse_cost(&template.template) > MAX_COST {
            return Err(TemplateProblem::new(
                "its expressions are too long: expected fewer than 5000 characters in a tag",
            ));
        }
        on_large_stack(|| Self::parsed(template))
    }

    fn parsed(template: &ChatTemplate) -> Result<Self, TemplateProblem> {
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build();
        environment.set_syntax(syntax.map_err(|error| problem(&error))?);
        environment
            .set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.set_fuel(Some(FUEL));
        environment.add_function("raise_exception", raise_exception);
        environment.add_filter("tojson", to_json);
        environment
            .add_template_owned(NAME, without_generation_tags(&template.template))
            .map_err(|error| problem(&error))?;
        Ok(Self {
            environment,
            tokens: template.tokens.clone(),
        })
    }

    pub(super) fn render(&self, prompt: &str) -> Result<String, TemplateProblem> {
        on_large_stack(|| self.rendered(prompt))
    }

    fn rendered(&self, prompt: &str) -> Result<String, TemplateProblem> {
        let message = [("role", "user"), ("content", prompt)];
        let message: Value = message
            .into_iter()
            .map(|(key, text)| (key.to_owned(), Value::from(text)))
            .collect::<BTreeMap<_, _>>()
            .into_value();
        let mut given: BTreeMap<String, Value> = self
            .tokens
            .iter()
            .map(|(name, token)| (name.clone(), Value::from(token)))
            .collect();
        given.insert("messages".into(), [message].into_iter().collect());
        given.insert("add_generation_prompt".into(), Value::from(true));
        given.insert("tools".into(), Value::from(()));
        given.insert("documents".into(), Value::from(()));
        let template = self.environment.get_template(NAME);
        template
            .and_then(|template| template.render(given.into_value()))
            .map_err(|error| problem(&error))
    }
}

/// Runs the library on a separate thread with [`STACK_BYTES`].
#[cfg(not(target_family = "wasm"))]
fn on_large_stack<T: Send>(
    work: impl FnOnce() -> Result<T, TemplateProblem> + Send,
) -> Result<T, TemplateProblem> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
        let thread = thread.spawn_scoped(scope, work).map_err(|error| {
            TemplateProblem::new(format!("no thread could be started to run it: {error}"))
        })?;
        thread
            .join()
            .unwrap_or_else(|_| Err(TemplateProblem::new("the template library panicked")))
    })
}

/// There are no threads to run it on.
#[cfg(target_family = "wasm")]
fn on_large_stack<T>(
    work: impl FnOnce() -> Result<T, TemplateProblem>,
) -> Result<T, TemplateProblem> {
    work()
}

/// A map of names as a template value.
trait IntoValue {
    fn into_value(self) -> Value;
}

impl IntoValue for BTreeMap<String, Value> {
    fn into_value(self) -> Value {
        Value::from_object(self)
    }
}

/// The function that templates call to refuse messages.
fn raise_exception(message: &str) -> Result<Value, Error> {
    let detail = format!("the template refuses the messages: {message}");
    Err(Error::new(ErrorKind::InvalidOperation, detail))
}

/// JSON without HTML escapes. Templates only get strings.
fn to_json(value: &Value, _layout: Kwargs) -> Result<String, Error> {
    let refused = || {
        Error::new(
            ErrorKind::InvalidOperation,
            format!("tojson: found {}, expected a text", value.kind()),
        )
    };
    let text = value.as_str().ok_or_else(refused)?;
    serde_json::to_string(text).map_err(|_| refused())
}

/// The line and the innermost cause of an error.
fn problem(error: &Error) -> TemplateProblem {
    let mut innermost = error;
    while let Some(source) =
        std::error::Error::source(innermost).and_then(|source| source.downcast_ref::<Error>())
    {
        innermost = source;
    }
    let detail = innermost.detail().unwrap_or_default();
    let cause = match innermost.kind() {
        ErrorKind::UnknownFunction if detail.contains("strftime_now") => {
            "it uses the date (strftime_now), so scores would depend on it".to_owned()
        }
        ErrorKind::OutOfFuel => "it runs for too long".to_owned(),
        ErrorKind::InvalidOperation if !detail.is_empty() => detail.to_owned(),
        kind if detail.is_empty() => kind.to_string(),
        kind => format!("{kind}: {detail}"),
    };
    TemplateProblem {
        line: innermost.line().or(error.line()),
        cause,
    }
}

/// Replaces `{% generation %}`, with which templates mark the text of the assistant, by a condition that is always
/// true. Jinja knows all other tags.
fn without_generation_tags(template: &str) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(start) = rest.find("{%") {
        let (text, tag) = rest.split_at(start);
        // `{%}` opens a tag and does not close it.
        let Some(end) = tag[2..].find("%}").map(|end| end + 2) else {
            break;
        };
        out.push_str(text);
        let inner = &tag[2..end];
        let word = inner.trim_matches(|c: char| c.is_whitespace() || c == '-' || c == '+');
        match word {
            "generation" => out.push_str(&tag[..end + 2].replace(word, "if true")),
            "endgeneration" => out.push_str(&tag[..end + 2].replace(word, "endif")),
            _ => out.push_str(&tag[..end + 2]),
        }
        rest = &tag[end + 2..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(template: &str) -> Result<String, TemplateProblem> {
        let template = ChatTemplate {
            source: "test".into(),
            template: template.into(),
            tokens: [("bos_token".to_owned(), "<s>".to_owned())].into(),
        };
        Renderer::new(&template)?.render("Hi \"<you>\"")
    }

    fn refused(template: &str) -> (Option<usize>, String) {
        let problem = rendered(template).unwrap_err();
        (problem.line, problem.cause)
    }

    #[test]
    fn python_methods_and_whitespace_control_work_as_in_transformers() {
        let text = rendered(
            "{{ bos_token }}\n{% for m in messages[::-1] %}\n    {% if m.content.startswith('Hi') %}\n\
             {{ m['role'].upper() + ': ' + m.content|tojson }}\n    {% endif %}\n{% endfor %}\n",
        );
        assert_eq!(text.unwrap(), "<s>\nUSER: \"Hi \\\"<you>\\\"\"\n");
    }

    #[test]
    fn generation_tags_are_passed_over() {
        let text =
            rendered("a {%- generation %} b {%- endgeneration -%} c{% if tools %}{% endif %}");
        assert_eq!(text.unwrap(), "a bc");
    }

    #[test]
    fn a_tag_is_not_closed_by_its_own_opening() {
        let (line, _) = refused("{%}{{ x }}{% if y -%}");
        assert_eq!(line, Some(1));
        refused("a{%}");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let (line, cause) = refused("a\n{% if x %}\n");
        assert!(
            line.is_some() && cause.starts_with("syntax error: "),
            "{cause}"
        );
        let (line, cause) = refused("a\nb\n{{ raise_exception('no system message') }}");
        assert_eq!(line, Some(3));
        assert_eq!(
            cause,
            "the template refuses the messages: no system message"
        );
        let (_, cause) = refused("{{ messages|frobnicate }}");
        assert!(cause.contains("frobnicate"), "{cause}");
        let (_, cause) = refused("{{ messages[0].content.frobnicate() }}");
        assert!(cause.contains("frobnicate"), "{cause}");
    }

    #[test]
    fn the_date_is_never_told() {
        let with_default =
            "{% if strftime_now is defined %}{{ strftime_now('%Y') }}{% else %}1999{% endif %}";
        assert_eq!(rendered(with_default).unwrap(), "1999");
        let (_, cause) = refused("{{ strftime_now('%Y') }}");
        assert!(cause.contains("the date (strftime_now)"), "{cause}");
    }

    #[test]
    fn templates_that_nest_deeply_are_survived() {
        // Of the length that one tag may have, and of the length that a template may have.
        for (length, is_short) in [(5000, true), (MAX_BYTES - 100, false)] {
            for (open, inner, close) in [
                ("-", "bos_token", ""),
                ("not ", "bos_token", ""),
                ("", "bos_token", "+1"),
                ("", "1", "~1"),
                ("", "bos_token", "|e"),
                ("", "bos_token", ".a"),
                ("1 if 1 else ", "1", ""),
                ("", "bos_token", " and 1"),
                ("[", "1", "]"),
                ("2**", "1", ""),
            ] {
                let times = length / (open.len() + close.len());
                let chain = format!("{}{inner}{}", open.repeat(times), close.repeat(times));
                // Refused or not, the program goes on.
                let result = rendered(&format!("{{{{ {chain} }}}}"));
                assert!(is_short || result.is_err(), "{open}{inner}{close}");
            }
        }
        for (open, close) in [
            ("{% if 1 %}", "{% endif %}"),
            ("{% if 0 %}{% elif 1 %}", "{% endif %}"),
            ("{% for a in [1] %}", "{% endfor %}"),
            ("{% if 0 %}", "{% elif 0 %}"),
        ] {
            let times = MAX_BYTES / (open.len() + close.len());
            let _ = rendered(&format!("{}{}", open.repeat(times), close.repeat(times)));
        }
    }

    #[test]
    fn values_that_nest_deeply_are_survived() {
        for print in [
            "n.x",
            "n.x|length",
            "n.x|tojson",
            "n.x == n.y",
            "n.x|string|length",
        ] {
            let loops = "{% for a in range(9999) %}{% set n.x = [n.x] %}{% set n.y = {1: n.y} %}{% endfor %}";
            let template = format!(
                "{{% set n = namespace(x=[], y=[]) %}}{}{{{{ {print} }}}}",
                loops.repeat(9)
            );
            let _ = rendered(&template);
            // As many levels for an instruction as there can be.
            let list = format!("{}n.x{}", "[".repeat(100), "]".repeat(100));
            let template = format!(
                "{{% set n = namespace(x=[]) %}}{{% for a in range(9999) %}}{{% if a < 4500 %}}\
                 {{% set n.x = {list} %}}{{% endif %}}{{% endfor %}}{{{{ {print} }}}}"
            );
            let _ = rendered(&template);
        }
    }

    #[test]
    fn a_template_that_is_too_long_is_refused() {
        let (_, cause) = refused(&" ".repeat(MAX_BYTES + 1));
        assert_eq!(cause, "it has 131073 bytes, expected at most 131072");
    }

    #[test]
    fn a_template_that_does_not_end_is_stopped() {
        let (_, cause) = refused(
            "{% for a in range(9999) %}{% for b in range(9999) %}{{ a * b }}{% endfor %}{% endfor %}",
        );
        assert_eq!(cause, "it runs for too long");
    }
}
