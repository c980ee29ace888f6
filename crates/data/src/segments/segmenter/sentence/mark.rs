//! The mark of a list item, such as `1.` or `(b)`.

use super::Rules;
use super::joint::SHORT;
use super::label::label_of;

/// Signs that may precede the number or letter of a mark.
pub(super) const OPENING: &str = "#>*_~-+•◦▪‣·–—([{";

/// The mark of a list item.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Mark {
    /// `1.`, `2)`, `1.2.`: the numbers of the levels.
    Number(Vec<u32>),
    /// `a.`, `(B)`
    Letter(char),
    /// `iv.`, `IV)`
    Roman(u32),
    /// `Step 2.`, `Q3.`: the word and the number.
    Label(String, u32),
}

impl Mark {
    /// The mark of the next item.
    pub(super) fn next(&self) -> Option<Self> {
        match self {
            Self::Number(levels) => {
                let (last, outer) = levels.split_last()?;
                Some(Self::Number([outer, &[last + 1]].concat()))
            }
            Self::Letter(letter) => char::from_u32(u32::from(*letter) + 1).map(Self::Letter),
            Self::Roman(number) => Some(Self::Roman(number + 1)),
            Self::Label(word, number) => Some(Self::Label(word.clone(), number + 1)),
        }
    }

    /// Whether a list may begin with the mark.
    pub(super) fn is_first(&self) -> bool {
        match self {
            Self::Number(levels) => levels[..] == [0] || levels[..] == [1],
            Self::Letter(letter) => matches!(letter, 'a' | 'A' | 'i' | 'I'),
            Self::Roman(number) => *number == 1,
            Self::Label(..) => true,
        }
    }

    /// The number of a mark.
    pub(super) fn ordinal(&self) -> u32 {
        match self {
            Self::Number(levels) => levels.last().copied().unwrap_or_default(),
            Self::Letter(letter) => u32::from(*letter),
            Self::Roman(number) | Self::Label(_, number) => *number,
        }
    }

    /// The mark of a single letter as a Roman number, if it is one.
    pub(super) fn as_roman(&self) -> Option<Self> {
        match self {
            Self::Letter(letter) => roman(letter.encode_utf8(&mut [0; 4])).map(Self::Roman),
            _ => None,
        }
    }
}

/// Whether a sentence is only a bullet.
pub(super) fn is_bullet(sentence: &str) -> bool {
    lone_sign(sentence.trim()).is_some()
}

/// The bullet, if a word is one.
pub(super) fn lone_sign(word: &str) -> Option<char> {
    const BULLETS: [char; 14] = [
        '-', '*', '+', '•', '◦', '▪', '▫', '‣', '·', '–', '—', '●', '○', '■',
    ];
    let mut chars = word.chars();
    let first = chars.next().filter(|char| BULLETS.contains(char));
    first.filter(|_| chars.next().is_none())
}

/// Whether a bullet inside a line starts an item. A dash may continue a sentence (`— Well! — he said.`).
pub(super) fn opens_item(bullet: &str, next: &str) -> bool {
    !(matches!(bullet, "–" | "—") && next.starts_with(char::is_lowercase))
}

/// [`mark_of`] a word that is not too long for a mark.
pub(super) fn short_mark_of(word: &str, rules: Rules) -> Option<Mark> {
    if word.len() > SHORT {
        return None;
    }
    mark_of(word, rules)
}

/// The mark, if a text is one, with or without brackets and emphasis around it.
pub(super) fn mark_of(text: &str, rules: Rules) -> Option<Mark> {
    const CLOSING: &str = "*_~.)]}:\\";
    const CLOSING_OF_THIRD: &str = "*_~.)]}:\\。．：、）】］";
    const SIGNS: [char; 10] = ['.', ')', ']', ':', '。', '．', '：', '）', '】', '］'];
    let (closing, signs) = match rules {
        Rules::Second => (CLOSING, &SIGNS[..4]),
        Rules::Third | Rules::Fourth | Rules::Fifth => (CLOSING_OF_THIRD, &SIGNS[..]),
    };
    let blank_or = |set: &'static str| move |char: char| char.is_whitespace() || set.contains(char);
    let open = text.trim_start_matches(blank_or(OPENING));
    let core = open.trim_end_matches(blank_or(closing));
    // A number without a sign is not a mark.
    if !open[core.len()..].contains(signs) {
        return None;
    }
    let of_fourth = || syllable(core).or_else(|| number_in_other_digits(core));
    let of_fourth = (rules >= Rules::Fourth).then(of_fourth).flatten();
    of_fourth
        .or_else(|| enumerator(core))
        .or_else(|| label_of(core, rules))
}

/// The syllables with which Korean counts items: `가.`, `나.`
fn syllable(core: &str) -> Option<Mark> {
    const SYLLABLES: &str = "가나다라마바사아자차카타파하";
    let mut chars = core.chars();
    let first = chars.next().filter(|_| chars.next().is_none())?;
    let position = SYLLABLES.chars().position(|char| char == first)?;
    Some(Mark::Label("가".into(), u32::try_from(position + 1).ok()?))
}

/// A number in the digits of Arabic, Persian, Hindi, Bengali or Thai, or in wide ones: `१.`, `٢.`
fn number_in_other_digits(core: &str) -> Option<Mark> {
    const ZEROS: [char; 6] = ['٠', '۰', '०', '০', '๐', '０'];
    if !(1..=3).contains(&core.chars().count()) {
        return None;
    }
    let digit = |char: char| {
        let distances = ZEROS.map(|zero| u32::from(char).checked_sub(u32::from(zero)));
        distances
            .into_iter()
            .flatten()
            .find(|distance| *distance < 10)
    };
    let number = core
        .chars()
        .try_fold(0, |number, char| Some(number * 10 + digit(char)?))?;
    Some(Mark::Number(vec![number]))
}

/// The mark for a number or letter without signs around it.
pub(super) fn enumerator(core: &str) -> Option<Mark> {
    let is_number = |part: &str| {
        (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    if core.split('.').all(is_number) {
        let levels = core.split('.').map(str::parse);
        return levels.collect::<Result<_, _>>().ok().map(Mark::Number);
    }
    let mut chars = core.chars();
    match (chars.next(), chars.as_str()) {
        (Some(letter), "") if letter.is_alphabetic() => Some(Mark::Letter(letter)),
        (Some(letter @ ('Q' | 'A')), number) if is_number(number) => {
            Some(Mark::Label(letter.to_string(), number.parse().ok()?))
        }
        _ => roman(core).map(Mark::Roman),
    }
}

/// The value of a Roman number below 40, written in one case.
fn roman(text: &str) -> Option<u32> {
    const ONES: [&str; 10] = ["", "i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix"];
    let lower = text.to_ascii_lowercase();
    if text.is_empty() || (lower != text && text.bytes().any(|byte| byte.is_ascii_lowercase())) {
        return None;
    }
    (1..40_u32).find(|number| {
        let tens = "x".repeat((number / 10) as usize);
        lower == format!("{tens}{}", ONES[(number % 10) as usize])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_told_from_words_and_numbers() {
        for (text, mark) in [
            ("1.", Mark::Number(vec![1])),
            ("**12.**", Mark::Number(vec![12])),
            ("(2)", Mark::Number(vec![2])),
            ("## 3.", Mark::Number(vec![3])),
            ("b)", Mark::Letter('b')),
            ("XIV.", Mark::Roman(14)),
            ("1.2.", Mark::Number(vec![1, 2])),
            ("Step 2.", Mark::Label("step".into(), 2)),
            ("**Schritt IV:**", Mark::Label("schritt".into(), 4)),
            ("Q1.", Mark::Label("Q".into(), 1)),
        ] {
            for rules in [Rules::Second, Rules::Third] {
                assert_eq!(mark_of(text, rules), Some(mark.clone()), "{text}");
            }
        }
        for (text, mark) in [
            ("Step two.", Mark::Label("step".into(), 2)),
            ("**Étape trois :**", Mark::Label("étape".into(), 3)),
            ("第十一步。", Mark::Label("步".into(), 11)),
            ("步骤2。", Mark::Label("步骤".into(), 2)),
            ("2。", Mark::Number(vec![2])),
        ] {
            assert_eq!(mark_of(text, Rules::Second), None, "{text}");
            assert_eq!(mark_of(text, Rules::Third), Some(mark), "{text}");
        }
        for text in [
            "1",
            "1999.",
            "3.1415.",
            "Yes.",
            "Mix.",
            "Room 2.",
            "",
            ".",
            "Iv.",
            "Room two.",
            "第二。",
            "Step by.",
        ] {
            assert_eq!(mark_of(text, Rules::Second), None, "{text}");
            assert_eq!(mark_of(text, Rules::Third), None, "{text}");
        }
    }
}
