//! Words with a number that head an item: `Step 2.`, `Étape deux.`, `第二步。`.

use super::Rules;
use super::mark::{Mark, enumerator};

/// Words that a number or a letter follows in a heading.
const LABELS: &[&str] = &[
    "answer", "appendix", "case", "chapter", "claim", "day", "example", "exercise", "figure",
    "item", "lemma", "level", "method", "note", "option", "part", "phase", "point", "problem",
    "question", "round", "rule", "section", "stage", "step", "table", "task", "theorem", "tip",
    "étape", "schritt", "paso", "шаг",
];

/// Labels that only the third rules know.
const LABELS_OF_THIRD: &[&str] = &[
    "aufgabe",
    "beispiel",
    "fall",
    "frage",
    "punkt",
    "regel",
    "teil",
    "exemple",
    "exercice",
    "règle",
    "ejemplo",
    "ejercicio",
    "pregunta",
    "regla",
    "passo",
    "esempio",
    "etapa",
    "exemplo",
    "stap",
    "steg",
    "trin",
    "krok",
    "adım",
    "bước",
    "вопрос",
    "пример",
    "пункт",
    "задача",
    "задание",
    "이유",
    "단계",
    "ステップ",
    "手順",
    "步骤",
    "步驟",
];

/// Labels that a number follows without a space.
const JOINED_LABELS: &[&str] = &["步骤", "步驟", "ステップ", "手順", "단계", "方法", "例"];

/// What stands behind `第` and a number.
const COUNTED: &[&str] = &[
    "步", "条", "條", "章", "节", "節", "点", "點", "项", "項", "题", "題", "问", "問",
];

/// Numbers in words, from one on.
pub(super) const NUMBERS: &[&[&str]] = &[
    &[
        "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
        "twelve",
    ],
    &[
        "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun", "zehn",
    ],
    &[
        "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf", "dix",
    ],
    &[
        "uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve", "diez",
    ],
    &[
        "uno", "due", "tre", "quattro", "cinque", "sei", "sette", "otto", "nove", "dieci",
    ],
    &[
        "um", "dois", "três", "quatro", "cinco", "seis", "sete", "oito", "nove", "dez",
    ],
    &[
        "een", "twee", "drie", "vier", "vijf", "zes", "zeven", "acht", "negen", "tien",
    ],
    &[
        "первый",
        "второй",
        "третий",
        "четвёртый",
        "пятый",
        "шестой",
        "седьмой",
        "восьмой",
    ],
    &[
        "один",
        "два",
        "три",
        "четыре",
        "пять",
        "шесть",
        "семь",
        "восемь",
        "девять",
        "десять",
    ],
];

/// The lists above, by name.
pub(super) fn word_lists() -> Vec<(&'static str, &'static [&'static str])> {
    vec![
        ("labels", LABELS),
        ("labels_of_third", LABELS_OF_THIRD),
        ("joined_labels", JOINED_LABELS),
        ("counted", COUNTED),
    ]
}

/// The label that a text without signs around it is.
pub(super) fn label_of(core: &str, rules: Rules) -> Option<Mark> {
    if let Some((word, number)) = core.split_once(char::is_whitespace) {
        return of_two(word, number.trim_start(), rules);
    }
    (rules >= Rules::Third)
        .then(|| joined_label(core))
        .flatten()
}

fn of_two(word: &str, number: &str, rules: Rules) -> Option<Mark> {
    let word = word.to_lowercase();
    let is_label =
        LABELS.contains(&&*word) || (rules >= Rules::Third && LABELS_OF_THIRD.contains(&&*word));
    if !is_label {
        return None;
    }
    let value = match enumerator(number) {
        Some(mark) => mark.ordinal(),
        None if rules >= Rules::Third => in_words(number)?,
        None => return None,
    };
    Some(Mark::Label(word, value))
}

/// The label that two words of a sentence are: `step` and `2.`, whatever signs stand around them.
pub(super) fn two_word_label(word: &str, next: &str) -> Option<Mark> {
    let signs = ['*', '_', '~'];
    let core = next.trim_end_matches(['*', '_', '~', '.', ')', ':']);
    if next[core.len()..].contains(['.', ')', ':']) {
        return of_two(word.trim_start_matches(signs), core, Rules::Third);
    }
    None
}

/// `第2步`, `第二步`, `步骤2`.
fn joined_label(core: &str) -> Option<Mark> {
    if let Some(counted) = core.strip_prefix('第') {
        let unit = COUNTED.iter().find(|unit| counted.ends_with(**unit))?;
        let number = number_of(counted.strip_suffix(unit)?)?;
        return Some(Mark::Label((*unit).to_owned(), number));
    }
    let label = JOINED_LABELS
        .iter()
        .find(|label| core.starts_with(**label))?;
    let number = number_of(core.strip_prefix(label)?)?;
    Some(Mark::Label((*label).to_owned(), number))
}

/// The value of up to three digits, or of a number up to 99 in Chinese characters.
fn number_of(text: &str) -> Option<u32> {
    const DIGITS: &str = "一二三四五六七八九";
    if (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok();
    }
    let digit = |text: &str| {
        let position = DIGITS
            .chars()
            .position(|digit| text == digit.encode_utf8(&mut [0; 4]))?;
        u32::try_from(position + 1).ok()
    };
    match text.split_once('十') {
        None => digit(text),
        Some((tens, ones)) => {
            let tens = if tens.is_empty() { 1 } else { digit(tens)? };
            let ones = if ones.is_empty() { 0 } else { digit(ones)? };
            Some(tens * 10 + ones)
        }
    }
}

/// The value of a number in words.
fn in_words(text: &str) -> Option<u32> {
    let lower = text.to_lowercase();
    let position = NUMBERS
        .iter()
        .find_map(|numbers| numbers.iter().position(|number| *number == lower))?;
    u32::try_from(position + 1).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_labels_are_read_in_words_digits_and_characters() {
        for (text, number) in [
            ("7", 7),
            ("十", 10),
            ("十二", 12),
            ("二十", 20),
            ("九十九", 99),
            ("三", 3),
        ] {
            assert_eq!(number_of(text), Some(number), "{text}");
        }
        for text in ["", "百", "1000", "二三", "十十"] {
            assert_eq!(number_of(text), None, "{text}");
        }
        assert_eq!(in_words("Twelve"), Some(12));
        assert_eq!(in_words("trois"), Some(3));
        assert_eq!(in_words("hundred"), None);
    }

    #[test]
    fn two_words_are_a_label_only_with_a_sign_behind() {
        let label = Some(Mark::Label("step".into(), 2));
        for (word, next) in [("step", "2."), ("**Step", "two:**"), ("STEP", "II)")] {
            assert_eq!(two_word_label(word, next), label, "{word} {next}");
        }
        for (word, next) in [
            ("step", "2"),
            ("room", "2."),
            ("step", "by."),
            ("step", "."),
        ] {
            assert_eq!(two_word_label(word, next), None, "{word} {next}");
        }
    }
}
