//! Segmenters: rules that divide a response into segments.

mod named;
mod pieces;
mod python;
mod sentence;
mod sentence_1;
mod unicode;

use std::fmt;
use std::str::FromStr;

use gradus_parts::OwnPart;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::{CharSpan, DataError, Result};
pub use named::{NamedSegmenter, register_segmenter, registered_segmenters};
pub(crate) use pieces::segment_by_tokens;
use pieces::{delimiter_pieces, is_line_break, paragraph_pieces, trimmed_spans};
pub use python::PythonFile;
use sentence::Rules;

/// The rule that segments a response without segments. The bundle stores it, so that training and scoring use the same.
///
/// All rules return spans that are ordered, do not overlap, neither start nor end with white space, and together
/// contain every character that is not white space. A text of white space has no segments.
/// (A space with a combining mark does not count as white space for the sentence rules from the second version on.)
///
/// As text (command line, [`FromStr`], [`Display`](fmt::Display)): `sentence`, `sentence-4` to `sentence-1`, `line`,
/// `paragraph`, `delimiter:TEXT`, `tokens:N`. In a bundle: `"sentence-5"`, `"sentence-4"`, `"sentence-3"`,
/// `"sentence-2"` and `"sentence"` (the rules that older bundles were trained with), `"line"`, `"paragraph"`,
/// `{"delimiter": "TEXT"}`, `{"tokens": 32}`; one of another program with its settings: `{"kind": "lines", "version": 1, "size": 3}`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(remote = "Self", rename_all = "lowercase")]
#[non_exhaustive]
pub enum Segmenter {
    /// The default sentence boundaries of Unicode (UAX #29, <https://www.unicode.org/reports/tr29/>), except those
    /// inside or between:
    ///
    /// - a list marker and its item: `1.`, `2)`, `(a)`, `**1.**`, `IV.`, `1.2.`, `Step 2.`, `Step two.`, `第二步。`,
    ///   `-`, at the start of a line, or inline where the marks count up (`1.`, then `2.`; `step 1.`, then `step 2.`) or
    ///   the bullet is that of the line. An item without text is a part of the next one;
    /// - an abbreviation or ordinal and the next word, in 20 languages: `Dr. Smith`, `J. K. Rowling`, `z. B. Paris`,
    ///   `No. 5`, `et al. (2020)`, `am 3. Oktober`, `г. Москва`;
    /// - headings (`#` or underlined), table rows, links and their definitions in Markdown; the column names and the
    ///   line below them are one row;
    /// - code, formulas and addresses: Markdown's code between backticks and fences (also in quotations and
    ///   items), indented code that looks like code, `<code>`, `\[…\]`, `\(…\)`, `$$…$$`, `$…$` that is not money,
    ///   `\begin{…}…\end{…}`, `https://…`;
    /// - text and neighboring characters without letters and digits (`…`, `🎉`, `---`), or with tags of HTML alone;
    /// - a line of 50 or more characters and the next one, if a sentence goes on there in lower case;
    /// - a quotation that ends in `?` or `!` and the words in lower case behind it.
    ///
    /// Emphasis marks, formulas, references (`[1]`) and emoji directly after a full stop belong to the sentence before.
    /// Otherwise a full stop ends a sentence unless a lower-case word follows, or a digit behind a short word. `。`,
    /// `！`, `？`, line breaks, `<br>` and the ends of HTML's blocks end a sentence without a space. Sentences in
    /// quotation marks and brackets are separate sentences.
    #[default]
    #[serde(rename = "sentence-5")]
    Sentence,
    /// The fourth version of the sentence rules: [`Segmenter::Sentence`], but a picture of Markdown that begins a line
    /// belongs to the sentence ahead of it.
    ///
    /// Bundles from that time use it.
    #[serde(rename = "sentence-4")]
    Sentence4,
    /// The third version of the sentence rules: [`Segmenter::Sentence4`] without underlined headings, indented code,
    /// `$…$`, HTML, and lines that go on in the next one, with fewer languages.
    ///
    /// Bundles from that time use it.
    #[serde(rename = "sentence-3")]
    Sentence3,
    /// The second version of the sentence rules: [`Segmenter::Sentence3`] without tables, headings and links, with fewer
    /// languages and fewer list markers (no labels in words, or in lower case within a line).
    ///
    /// Bundles from that time use it.
    #[serde(rename = "sentence-2")]
    Sentence2,
    /// The first version of the sentence rules: the boundaries of Unicode, except after a number at the start of a line
    /// (`1. Add three`).
    ///
    /// Bundles from that time use it.
    #[serde(rename = "sentence")]
    Sentence1,
    /// One segment per line with text.
    Line,
    /// One segment per paragraph. Lines that are empty or have only white space separate paragraphs.
    Paragraph,
    /// Cuts after every occurrence of this text, which belongs to the segment that it ends.
    ///
    /// A delimiter without text before it belongs to the previous segment, or to the next one if there is none.
    Delimiter(String),
    /// Runs of this number of tokens of the tokenizer; the last may be shorter.
    ///
    /// It needs the tokenizer: use [`SegmentTokenizer::segment`](crate::SegmentTokenizer::segment).
    Tokens(usize),
    /// A [`NamedSegmenter`] of another program.
    #[serde(skip)]
    Own(OwnPart),
}

impl Segmenter {
    /// The rules of this crate: the text of each, and a short description.
    pub const BUILT_IN: &'static [(&'static str, &'static str)] = &[
        ("sentence", "Sentences"),
        (
            "sentence-4",
            "Sentences, fourth version of the rules, for older bundles",
        ),
        (
            "sentence-3",
            "Sentences, third version of the rules, for older bundles",
        ),
        (
            "sentence-2",
            "Sentences, second version of the rules, for older bundles",
        ),
        ("sentence-1", "Sentences, first version of the rules"),
        ("line", "Lines with text"),
        ("paragraph", "Paragraphs, separated by blank lines"),
        ("delimiter:TEXT", "Parts that end with TEXT"),
        ("tokens:N", "Runs of N tokens"),
    ];

    /// Segments `text` into spans of characters.
    ///
    /// # Errors
    /// - [`DataError::InvalidSegmenter`]: an empty delimiter, or runs of zero tokens.
    /// - [`DataError::SegmenterNeedsTokenizer`]: this is [`Segmenter::Tokens`].
    /// - [`DataError::SegmenterSettings`], [`DataError::SegmenterPieces`]: errors of a segmenter of another program.
    pub fn segment(&self, text: &str) -> Result<Vec<CharSpan>> {
        if let Self::Own(part) = self {
            return named::spans(part, text);
        }
        self.check()?;
        let pieces = match self {
            Self::Sentence => return Ok(sentence::spans(text, Rules::Fifth)),
            Self::Sentence4 => return Ok(sentence::spans(text, Rules::Fourth)),
            Self::Sentence3 => return Ok(sentence::spans(text, Rules::Third)),
            Self::Sentence2 => return Ok(sentence::spans(text, Rules::Second)),
            Self::Sentence1 => sentence_1::sentence_pieces(text),
            Self::Line => text.split_inclusive(is_line_break).collect(),
            Self::Paragraph => paragraph_pieces(text),
            Self::Delimiter(delimiter) => delimiter_pieces(text, delimiter),
            Self::Tokens(_) | Self::Own(_) => return Err(DataError::SegmenterNeedsTokenizer),
        };
        Ok(trimmed_spans(&pieces))
    }

    /// Reads the value of a run configuration, where `sentence` means the current rules. In a bundle, the same word means
    /// the rules of its time.
    ///
    /// # Errors
    /// Those of [`FromStr`], as errors of the deserializer.
    pub fn from_setting<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Setting {
            Text(String),
            Rule(Segmenter),
        }
        match Setting::deserialize(deserializer)? {
            Setting::Text(text) => text.parse().map_err(D::Error::custom),
            Setting::Rule(segmenter) => segmenter.resolved().map_err(D::Error::custom),
        }
    }

    /// Writes the value of a run configuration, which [`from_setting`](Self::from_setting) reads back.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn to_setting<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Sentence1 => serializer.collect_str(self),
            other => Serialize::serialize(other, serializer),
        }
    }

    /// The segmenter for a bundle: one of another program gets its version and all settings.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn resolved(self) -> Result<Self> {
        match self {
            Self::Own(part) => named::resolved(&part).map(Self::Own),
            known => known.check().map(|()| known),
        }
    }

    /// Refuses invalid rules.
    ///
    /// # Errors
    /// - [`DataError::InvalidSegmenter`]: an empty delimiter, runs of zero tokens, or a segmenter that this
    ///   program does not know.
    /// - [`DataError::SegmenterSettings`]: settings or version of one of another program.
    pub fn check(&self) -> Result<()> {
        let found = match self {
            Self::Delimiter(delimiter) if delimiter.is_empty() => "an empty delimiter",
            Self::Tokens(0) => "runs of 0 tokens",
            Self::Own(part) => return named::resolved(part).map(|_| ()),
            _ => return Ok(()),
        };
        Err(DataError::InvalidSegmenter {
            found: found.to_owned(),
        })
    }
}

impl fmt::Display for Segmenter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sentence => formatter.write_str("sentence"),
            Self::Sentence4 => formatter.write_str("sentence-4"),
            Self::Sentence3 => formatter.write_str("sentence-3"),
            Self::Sentence2 => formatter.write_str("sentence-2"),
            Self::Sentence1 => formatter.write_str("sentence-1"),
            Self::Line => formatter.write_str("line"),
            Self::Paragraph => formatter.write_str("paragraph"),
            Self::Delimiter(delimiter) => write!(formatter, "delimiter:{delimiter}"),
            Self::Tokens(size) => write!(formatter, "tokens:{size}"),
            Self::Own(part) => formatter.write_str(&named::to_text(part)),
        }
    }
}

impl FromStr for Segmenter {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self> {
        if let Some(part) = named::from_text(text) {
            return part.map(Self::Own);
        }
        let segmenter = match text.split_once(':') {
            None => match text {
                "sentence" | "sentence-5" => Some(Self::Sentence),
                "sentence-4" => Some(Self::Sentence4),
                "sentence-3" => Some(Self::Sentence3),
                "sentence-2" => Some(Self::Sentence2),
                "sentence-1" => Some(Self::Sentence1),
                "line" => Some(Self::Line),
                "paragraph" => Some(Self::Paragraph),
                _ => None,
            },
            Some(("delimiter", delimiter)) => Some(Self::Delimiter(delimiter.to_owned())),
            Some(("tokens", size)) => size.parse().ok().map(Self::Tokens),
            Some(_) => None,
        };
        let segmenter = segmenter.ok_or_else(|| DataError::InvalidSegmenter {
            found: format!("\"{text}\""),
        })?;
        segmenter.check()?;
        Ok(segmenter)
    }
}

impl Serialize for Segmenter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Own(part) => part.serialize(serializer),
            known => Self::serialize(known, serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Segmenter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let is_own = value.get("kind").is_some();
        // Segmenters of other programs are checked with the rest of the configuration.
        let read = if is_own {
            OwnPart::deserialize(value).map(Self::Own)
        } else {
            Self::deserialize(value)
        };
        read.map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use unicode_segmentation::UnicodeSegmentation as _;

    use super::*;

    fn texts(segmenter: &Segmenter, text: &str) -> Vec<String> {
        let chars: Vec<char> = text.chars().collect();
        let spans = segmenter.segment(text).unwrap();
        spans
            .iter()
            .map(|span| chars[span.start..span.end].iter().collect())
            .collect()
    }

    #[test]
    fn sentences_leave_the_space_between_them_out() {
        let spans = Segmenter::Sentence
            .segment(" It is far. Very far!  ")
            .unwrap();
        assert_eq!(
            spans,
            [
                CharSpan { start: 1, end: 11 },
                CharSpan { start: 12, end: 21 }
            ]
        );
    }

    #[test]
    fn decimal_numbers_and_lower_case_after_a_stop_do_not_end_a_sentence() {
        let cut = |text| texts(&Segmenter::Sentence, text);
        assert_eq!(
            cut("Pi is 3.14 or so. Use it."),
            ["Pi is 3.14 or so.", "Use it."]
        );
        assert_eq!(
            cut("Use a tool, e.g. this one. Then stop."),
            ["Use a tool, e.g. this one.", "Then stop."]
        );
        assert_eq!(
            cut("The U.S. economy grew. It did."),
            ["The U.S. economy grew.", "It did."]
        );
    }

    #[test]
    fn in_the_first_rules_an_abbreviation_before_a_capital_ends_a_sentence() {
        assert_eq!(
            texts(&Segmenter::Sentence1, "Dr. Smith came."),
            ["Dr.", "Smith came."]
        );
    }

    #[test]
    fn cjk_stops_and_line_breaks_end_a_sentence() {
        let cut = |text| texts(&Segmenter::Sentence, text);
        assert_eq!(
            cut("月は遠い。三十個分だ！本当？"),
            ["月は遠い。", "三十個分だ！", "本当？"]
        );
        assert_eq!(
            cut("no stop here\nsecond line\n\n\nthird\r\nfourth"),
            ["no stop here", "second line", "third", "fourth"]
        );
    }

    #[test]
    fn in_the_first_rules_the_number_of_a_list_item_stays_with_its_text() {
        let cut = |text| texts(&Segmenter::Sentence1, text);
        assert_eq!(
            cut("Steps:\n1. Add it.\n 2. Stop. Now."),
            ["Steps:", "1. Add it.", "2. Stop.", "Now."]
        );
        assert_eq!(
            cut("How many? 7. That is all."),
            ["How many?", "7.", "That is all."]
        );
        assert_eq!(cut("1.\nAlone."), ["1.", "Alone."]);
        assert_eq!(cut("1. "), ["1."]);
    }

    #[test]
    fn lines_and_paragraphs_skip_blank_ones() {
        let text = "one\r\ntwo\n \t\n\nthree\u{2028}four";
        assert_eq!(
            texts(&Segmenter::Line, text),
            ["one", "two", "three", "four"]
        );
        assert_eq!(
            texts(&Segmenter::Paragraph, text),
            ["one\r\ntwo", "three\u{2028}four"]
        );
        for text in ["one\n \t\ntwo", "one\r\n\r\ntwo", "one\n\u{3000}\ntwo"] {
            assert_eq!(texts(&Segmenter::Paragraph, text), ["one", "two"]);
        }
    }

    #[test]
    fn a_delimiter_stays_with_the_segment_it_ends() {
        let cut = |text| texts(&Segmenter::Delimiter("##".to_owned()), text);
        assert_eq!(cut("a ## b## c"), ["a ##", "b##", "c"]);
        assert_eq!(cut("##a## ## b"), ["##a## ##", "b"]);
        assert_eq!(cut("## ##"), ["## ##"]);
    }

    #[test]
    fn runs_of_tokens_start_at_every_nth_token() {
        let spans = segment_by_tokens("aa bb cc dd", &[0, 3, 6, 9], 3);
        assert_eq!(
            spans,
            [
                CharSpan { start: 0, end: 8 },
                CharSpan { start: 9, end: 11 }
            ]
        );
        // Three byte tokens of one emoji cannot be parted.
        let spans = segment_by_tokens("🙂b", &[0, 0, 0, 1], 1);
        assert_eq!(
            spans,
            [CharSpan { start: 0, end: 1 }, CharSpan { start: 1, end: 2 }]
        );
    }

    #[test]
    fn segmenters_read_what_they_write() {
        for text in [
            "sentence",
            "sentence-4",
            "sentence-3",
            "sentence-2",
            "sentence-1",
            "line",
            "paragraph",
            "delimiter:\n:\n",
            "tokens:32",
        ] {
            let segmenter: Segmenter = text.parse().unwrap();
            assert_eq!(segmenter.to_string(), text);
            let json = serde_json::to_string(&segmenter).unwrap();
            assert_eq!(serde_json::from_str::<Segmenter>(&json).unwrap(), segmenter);
        }
        for text in [
            "sentences",
            "tokens:0",
            "tokens:x",
            "delimiter:",
            "tokens",
            "line:2",
            "",
        ] {
            assert!(text.parse::<Segmenter>().is_err(), "{text}");
        }
        assert!(Segmenter::Tokens(4).segment("a").is_err());
    }

    #[test]
    fn a_bundle_is_cut_as_it_was_trained_and_a_setting_means_the_present_rules() {
        #[derive(Deserialize)]
        struct Settings {
            #[serde(deserialize_with = "Segmenter::from_setting")]
            segmenter: Segmenter,
        }
        let old: Segmenter = serde_json::from_str("\"sentence\"").unwrap();
        assert_eq!(texts(&old, "Dr. Smith came."), ["Dr.", "Smith came."]);
        let second: Segmenter = serde_json::from_str("\"sentence-2\"").unwrap();
        assert_eq!(
            texts(&second, "Dr. Smith came. Step two. Add it."),
            ["Dr. Smith came.", "Step two.", "Add it."]
        );
        let third: Segmenter = serde_json::from_str("\"sentence-3\"").unwrap();
        assert_eq!(
            texts(&third, "A. B\n===\nStep two. Add it."),
            ["A. B\n===", "Step two. Add it."]
        );
        let fourth: Segmenter = serde_json::from_str("\"sentence-4\"").unwrap();
        assert_eq!(
            texts(&fourth, "It is so.\n![A](b)\nEnd."),
            ["It is so.\n![A](b)", "End."]
        );
        let new = serde_json::to_string(&Segmenter::Sentence).unwrap();
        assert_eq!(new, "\"sentence-5\"");
        for (text, segmenter) in [
            (r#"{"segmenter":"sentence"}"#, Segmenter::Sentence),
            (r#"{"segmenter":"sentence-1"}"#, Segmenter::Sentence1),
            (r#"{"segmenter":"sentence-2"}"#, Segmenter::Sentence2),
            (r#"{"segmenter":"sentence-3"}"#, Segmenter::Sentence3),
            (r#"{"segmenter":"sentence-4"}"#, Segmenter::Sentence4),
            (r#"{"segmenter":"sentence-5"}"#, Segmenter::Sentence),
            (r#"{"segmenter":{"tokens":32}}"#, Segmenter::Tokens(32)),
            (
                r#"{"segmenter":{"delimiter":"; "}}"#,
                Segmenter::Delimiter("; ".into()),
            ),
        ] {
            let settings: Settings = serde_json::from_str(text).unwrap();
            assert_eq!(settings.segmenter, segmenter, "{text}");
        }
    }

    fn segmenters() -> impl Strategy<Value = Segmenter> {
        prop_oneof![
            Just(Segmenter::Sentence1),
            Just(Segmenter::Line),
            Just(Segmenter::Paragraph),
            "[.a \n🙂]{1,2}".prop_map(Segmenter::Delimiter),
        ]
    }

    fn assert_covers(text: &str, spans: &[CharSpan]) -> Result<(), TestCaseError> {
        let chars: Vec<char> = text.chars().collect();
        let mut end = 0;
        for span in spans {
            prop_assert!(end <= span.start && span.start < span.end && span.end <= chars.len());
            prop_assert!(
                chars[end..span.start]
                    .iter()
                    .all(|char| char.is_whitespace())
            );
            prop_assert!(
                !chars[span.start].is_whitespace() && !chars[span.end - 1].is_whitespace()
            );
            end = span.end;
        }
        prop_assert!(chars[end..].iter().all(|char| char.is_whitespace()));
        Ok(())
    }

    /// As [`assert_covers`], but in whole graphemes.
    fn assert_covers_graphemes(text: &str, spans: &[CharSpan]) -> Result<(), TestCaseError> {
        let mut graphemes = Vec::new();
        let mut start = 0;
        for grapheme in text.graphemes(true) {
            let end = start + grapheme.chars().count();
            graphemes.push((start, end, grapheme.chars().all(char::is_whitespace)));
            start = end;
        }
        let mut end = 0;
        for span in spans {
            prop_assert!(end <= span.start && span.start < span.end && span.end <= start);
            end = span.end;
            let first = graphemes.iter().find(|g| g.0 == span.start);
            let last = graphemes.iter().find(|g| g.1 == span.end);
            prop_assert!(
                first.is_some_and(|g| !g.2) && last.is_some_and(|g| !g.2),
                "{:?}",
                span
            );
        }
        for (start, end, blank) in graphemes {
            let inside = spans
                .iter()
                .any(|span| span.start <= start && end <= span.end);
            prop_assert!(inside || blank, "{start}..{end} is in no segment");
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn sentences_hold_all_text_in_whole_graphemes(
            text in prop_oneof![
                any::<String>(),
                "[aB1.。?! \n\r\t\u{a0}🙂éと()\\[\"*`$\u{301}\u{200d}‼·-]{0,60}",
                "([A-C]\\. [(\\[「]?[éとA]?[.:]? ){0,4}",
                "((1|a|iv|Dr|U\\.S|z|B|Step 2|Who|```|`|\\*\\*|\\$|-|🎉)[.)?]?[ \n]?){0,12}",
            ],
        ) {
            for rules in [Segmenter::Sentence, Segmenter::Sentence3, Segmenter::Sentence2] {
                assert_covers_graphemes(&text, &rules.segment(&text).unwrap())?;
            }
        }

        #[test]
        fn marks_of_markdown_hold_all_text(
            text in "((1|2|Step two|step 3|a b|C|# D|https://x\\.y|\\[c\\. D\\]\\(e\\)|!\\[|\\[1\\]|\\||\\|---\\||```|`|>|-|\\*\\*|第二步|<code>|\\\\begin\\{a\\}|\\\\end\\{a\\}|🎉)[.。)|]?[ \n]?){0,24}",
        ) {
            for rules in [Segmenter::Sentence, Segmenter::Sentence3] {
                assert_covers_graphemes(&text, &rules.segment(&text).unwrap())?;
            }
        }

        /// The pieces are the same whatever white space stands around the text and however its lines end.
        #[test]
        fn white_space_around_and_the_kind_of_line_break_change_no_segment(
            text in "((1|2|Step two|a b|C|Dr|# D|\\[c\\. D\\]\\(e\\)|\\$\\$|\\||\\|---\\||```|`|>|-|第二步|🎉)[.。)|]?[ \n]?){0,24}",
            ahead in "[\n]{0,2}",
            behind in "[ \n]{0,3}",
        ) {
            let plain = texts(&Segmenter::Sentence, &text);
            prop_assert_eq!(&texts(&Segmenter::Sentence, &format!("{ahead}{text}{behind}")), &plain);
            let windows = texts(&Segmenter::Sentence, &text.replace('\n', "\r\n"));
            let windows: Vec<String> = windows.iter().map(|text| text.replace("\r\n", "\n")).collect();
            prop_assert_eq!(windows, plain);
        }

        /// In prose each sentence is one segment, alone as well.
        #[test]
        fn a_sentence_of_prose_cut_again_is_whole(
            sentences in prop::collection::vec("[A-Z][a-z]{2,5}( [a-z]{3,5}| Dr\\. Smith| 3\\.14| z\\. B\\. Rom| `a\\. B`){1,4} [a-z]{4,6}[.!?]", 1..6),
        ) {
            let text = sentences.join(" ");
            prop_assert_eq!(&texts(&Segmenter::Sentence, &text), &sentences);
            for sentence in &sentences {
                prop_assert_eq!(&texts(&Segmenter::Sentence, sentence), std::slice::from_ref(sentence));
            }
        }

        #[test]
        fn spans_are_ordered_and_hold_all_text(
            segmenter in segmenters(),
            text in prop_oneof![any::<String>(), "[aB1.。?! \n\r\t\u{a0}🙂é)\"]{0,60}"],
        ) {
            assert_covers(&text, &segmenter.segment(&text).unwrap())?;
        }

        #[test]
        fn runs_of_tokens_hold_all_text(
            text in "[aB. \n🙂é]{0,30}",
            mut starts in prop::collection::vec(0_usize..30, 0..20),
            size in 1_usize..5,
        ) {
            starts.sort_unstable();
            assert_covers(&text, &segment_by_tokens(&text, &starts, size))?;
        }
    }
}
