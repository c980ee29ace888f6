"""Cuts a response into segments, character for character as gradus does.

    from segmenter import segment
    segment("It is far. Very far!")  # [(0, 10), (11, 20)]

Standard library only, Python 3.8 or later. Spans are half-open, and count characters of the text. ``RULE`` is the
segmenter of the exported model; ``segment(text, "line")`` cuts by another one. The classes of characters and the
lists of words are in ``segmenter_tables.py``, so that the Unicode version of Python does not matter.
"""

import re
from bisect import bisect_left, bisect_right

from segmenter_tables import CLASSES, RULE, WORDS

SPACES = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
LINE_BREAKS = "\n\r\v\f\x85\u2028\u2029"
# The longest text that is looked at for a mark or an abbreviation, and others, in bytes of UTF-8.
SHORT, LONGEST_ENVIRONMENT, LONGEST_NAME, LONGEST_TAG, LONGEST_LOOK = 64, 1 << 13, 256, 1 << 10, 1 << 12
# The least characters of a line that may go on in the next one, and letters of a word that is no abbreviation.
WRAPPED, WORD = 50, 5
SECOND, THIRD, FOURTH, FIFTH = 2, 3, 4, 5


def segment(text, rule=RULE, tokenizer=None):
    """The spans of the segments of ``text``, as a list of (start, end).

    ``rule`` is one of gradus: "sentence" (the newest rules), "sentence-5" to "sentence-1", "line", "paragraph",
    "delimiter:TEXT" or "tokens:N", for which ``tokenizer`` gives the offsets of tokens.
    """
    kind, _, setting = rule.partition(":")
    versions = {"sentence": FIFTH, "sentence-5": FIFTH, "sentence-4": FOURTH, "sentence-3": THIRD, "sentence-2": SECOND}
    if rule in versions:
        return _Sentences(text, versions[rule]).spans()
    if rule == "sentence-1":
        return _trimmed_spans(text, _first_rules(text))
    if rule == "line":
        return _trimmed_spans(text, [end for end in range(1, len(text)) if text[end - 1] in LINE_BREAKS])
    if rule == "paragraph":
        return _trimmed_spans(text, _paragraph_ends(text))
    if kind == "delimiter" and setting:
        return _trimmed_spans(text, _delimiter_ends(text, setting))
    if kind == "tokens" and setting.isascii() and setting.isdigit() and int(setting) > 0:
        if tokenizer is None:
            raise ValueError("tokens:N cuts tokens: give the tokenizer, segment(text, tokenizer=tokenizer)")
        return _trimmed_spans(text, _token_ends(text, int(setting), tokenizer))
    raise ValueError(f"segmenter: found {rule!r}, expected sentence, line, paragraph, delimiter:TEXT or tokens:N")


# Pieces by simple rules


def _trimmed_spans(text, ends):
    """The spans of the pieces that end at ``ends``, without the white space around each."""
    spans, start = [], 0
    for end in [*ends, len(text)]:
        first, last = start, end
        while first < last and text[first] in SPACES:
            first += 1
        while first < last and text[last - 1] in SPACES:
            last -= 1
        if first < last:
            spans.append((first, last))
        start = end
    return spans


def _lines(text):
    """The lines as (start, end), each with its line feed."""
    start = 0
    while start < len(text):
        end = text.find("\n", start) + 1 or len(text)
        yield start, end
        start = end


def _paragraph_ends(text):
    return [end for start, end in _lines(text) if not text[start:end].strip(SPACES)]


def _delimiter_ends(text, delimiter):
    ends, searched = [], 0
    at = text.find(delimiter)
    while at >= 0:
        end = at + len(delimiter)
        if text[searched:at].strip(SPACES):
            ends.append(end)
        elif ends:
            ends[-1] = end
        searched = end
        at = text.find(delimiter, end)
    return ends


def _token_ends(text, size, tokenizer):
    offsets = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    starts, latest = [], 0
    for start, end in offsets:
        place = next((at for at in range(start, min(end, len(text))) if text[at] not in SPACES), start)
        latest = max(latest, place)
        starts.append(latest)
    ends = []
    for start in starts[::size][1:]:
        if 0 < start < len(text) and (not ends or start > ends[-1]):
            ends.append(start)
    return ends


# Classes of characters


def _ranges(name):
    """The ranges of a class, as a list of first and one of last code points."""
    pairs = [part.partition("-") for part in CLASSES[name].split()]
    firsts = [int(first, 16) for first, _, _ in pairs]
    return firsts, [int(last or first, 16) for first, _, last in pairs]


def _property(name):
    """A function that tells whether a character has a property."""
    firsts, lasts = _ranges(name)
    known = {}

    def has(char):
        found = known.get(char)
        if found is None:
            code = ord(char)
            at = bisect_right(firsts, code) - 1
            found = known[char] = at >= 0 and code <= lasts[at]
        return found

    return has


def _classes(kind):
    """A function that gives the class of a character, None where it has none."""
    ranges = []
    for name in CLASSES:
        if name.startswith(kind + "="):
            ranges += [(first, last, name[len(kind) + 1 :]) for first, last in zip(*_ranges(name))]
    ranges.sort()
    firsts = [first for first, _, _ in ranges]
    known = {}

    def class_of(char):
        if char not in known:
            code = ord(char)
            at = bisect_right(firsts, code) - 1
            known[char] = ranges[at][2] if at >= 0 and code <= ranges[at][1] else None
        return known[char]

    return class_of


_is_alphabetic, _is_numeric = _property("Alphabetic"), _property("Numeric")
_is_uppercase, _is_lowercase, _is_lowered = _property("Uppercase"), _property("Lowercase"), _property("Lowered")
_sentence_class, _grapheme_class, _conjunct_class = _classes("SB"), _classes("GCB"), _classes("InCB")


def _is_alphanumeric(char):
    return _is_alphabetic(char) or _is_numeric(char)


def _has_alphanumeric(text):
    return any(map(_is_alphanumeric, text))


def _starts(text, test):
    return bool(text) and test(text[0])


def _num_bytes(text):
    return len(text.encode("utf-8", "surrogatepass"))


def _is_short(text):
    return len(text) <= SHORT and _num_bytes(text) <= SHORT


def _within(text, start, limit):
    """The largest end of a text from ``start`` on of up to ``limit`` bytes."""
    window = text[start : start + limit].encode("utf-8", "surrogatepass")
    if len(window) <= limit:
        return start + min(limit, len(text) - start)
    return start + len(window[:limit].decode("utf-8", "ignore"))


def _words(text, start=0, end=None):
    """The words of a part of a text as (position, word)."""
    end = len(text) if end is None else end
    return [(match.start(), match.group()) for match in _WORD.finditer(text, start, end)]


_WORD = re.compile("[^" + SPACES + "]+")
_BREAK = re.compile("[" + LINE_BREAKS + "]")


def _last_line_start(text, end):
    """Where the line begins that holds the position ahead of ``end``."""
    while end > 0 and text[end - 1] not in LINE_BREAKS:
        end -= 1
    return end


# Boundaries of Unicode (UAX #29)


def _sentence_ends(text):
    """The places where sentences end; the last is the end of the text."""
    ends = []
    # The last three parts ahead; a run of brackets or spaces is one.
    two, three, four = "Start", "Start", "Start"
    classes = list(map(_sentence_class, text))
    decisive, decides = 0, {"OLetter", "Upper", "Lower", "Sep", "STerm", "ATerm"}
    for at, kind in enumerate(classes):
        before = (two, three, four)
        line_break = {"\r": "CR", "\n": "LF"}.get(text[at], "Sep") if kind == "Sep" else None
        if not (four == kind == "Close" or four == kind == "Sp"):
            part = line_break or ("Letter" if kind in ("Upper", "Lower") else kind)
            if part not in ("ATerm", "Letter", "Close", "Sp", "STerm", "CR", "LF", "Sep"):
                part = "Other"
            two, three, four = three, four, part
        last = before[2]
        if last == "Start":
            continue
        if line_break == "LF" and last == "CR":
            continue
        if last in ("Sep", "CR", "LF"):
            ends.append(at)
            continue
        if kind == "Extend":
            two, three, four = before
            continue
        # What ends a sentence ahead, with brackets and spaces behind it.
        index = 1 if last == "Sp" else 2
        index -= before[index] == "Close"
        stop = before[index]
        if kind == "Numeric" and last == "ATerm":
            continue
        if kind == "Upper" and last == "ATerm" and before[1] == "Letter":
            continue
        if stop == "ATerm":
            decisive = max(decisive, at)
            while decisive < len(text) and classes[decisive] not in decides:
                decisive += 1
            if decisive < len(text) and classes[decisive] == "Lower":
                continue
        ends_sentence = stop in ("STerm", "ATerm")
        if kind in ("SContinue", "STerm", "ATerm") and ends_sentence:
            continue
        closed = before[1] if last == "Close" else last
        if (kind in ("Close", "Sp") or line_break) and closed in ("STerm", "ATerm"):
            continue
        if (kind == "Sp" or line_break) and ends_sentence:
            continue
        if ends_sentence:
            ends.append(at)
    return [*ends, len(text)] if text else []


def _grapheme(char):
    if "\uac00" <= char <= "\ud7a3":
        return "LV" if (ord(char) - 0xAC00) % 28 == 0 else "LVT"
    return _grapheme_class(char)


def _is_grapheme_boundary(text, at):
    """Whether no character as its readers see it lies across ``at``."""
    if at <= 0 or at >= len(text):
        return True
    ahead, behind = text[at - 1], text[at]
    if ahead == "\r" and behind == "\n":
        return False
    left, right = _grapheme(ahead), _grapheme(behind)
    if left == "Control" or right == "Control":
        return True
    if (left == "L" and right in ("L", "V", "LV", "LVT")) or (left in ("LV", "V") and right in ("V", "T")):
        return False
    if left in ("LVT", "T") and right == "T":
        return False
    if right in ("Extend", "SpacingMark") or left == "Prepend":
        return False
    if _conjunct_class(behind) == "Consonant" and _joins_consonant(text, at):
        return False
    if ahead == "\u200d" and right == "Picture":
        at -= 2
        while at >= 0 and _grapheme_class(text[at]) == "Extend":
            at -= 1
        return not (at >= 0 and _grapheme_class(text[at]) == "Picture")
    if left == right == "Flag":
        first = at
        while first > 0 and _grapheme_class(text[first - 1]) == "Flag":
            first -= 1
        return (at - first) % 2 == 0
    return True


def _joins_consonant(text, at):
    """Whether a consonant and what links it to the next lie ahead of ``at``."""
    has_linker = False
    while at > 0:
        at -= 1
        kind = _conjunct_class(text[at])
        if kind == "Consonant":
            return has_linker
        if kind == "Linker":
            has_linker = True
        elif kind != "Extend":
            return False
    return False


# The first rules of sentences


def _first_rules(text):
    ends, at, marker_start = [], 0, None
    for end in _sentence_ends(text):
        start, marker_start = at if marker_start is None else marker_start, None
        at = end
        opens_line = start == 0 or text[start - 1] in LINE_BREAKS
        if opens_line and end < len(text) and _is_list_number(text[start:end]):
            marker_start = start
        else:
            ends.append(end)
    return ends


def _is_list_number(sentence):
    number, stop, behind = sentence.lstrip(SPACES).partition(".")
    is_number = 1 <= len(number) <= 3 and number.isascii() and number.isdigit()
    return bool(stop) and is_number and all(char in SPACES and char not in LINE_BREAKS for char in behind)


# Marks of list items: ("number", levels), ("letter", letter), ("roman", value), ("label", word, value)

_OPENING = "#>*_~-+•◦▪‣·–—([{"
_BULLETS = "-*+•◦▪▫‣·–—●○■"
_ROMANS = {
    "x" * tens + ones: 10 * tens + value
    for tens in range(4)
    for value, ones in enumerate(["", "i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix"])
    if 10 * tens + value
}
_ASCII_LOWER = {code: code + 32 for code in range(65, 91)}


def _is_number(text):
    return 1 <= len(text) <= 3 and text.isascii() and text.isdigit()


def _roman(text):
    lower = text.translate(_ASCII_LOWER)
    if lower != text and any("a" <= char <= "z" for char in text):
        return None
    return _ROMANS.get(lower)


def _enumerator(core):
    """The mark for a number or letter without signs around it."""
    levels = core.split(".")
    if all(map(_is_number, levels)):
        return ("number", tuple(map(int, levels)))
    if len(core) == 1 and _is_alphabetic(core):
        return ("letter", core)
    if core[:1] in ("Q", "A") and _is_number(core[1:]):
        return ("label", core[0], int(core[1:]))
    value = _roman(core)
    return None if value is None else ("roman", value)


def _mark_of(text, rules):
    """The mark, if a text is one, with or without brackets and emphasis around it."""
    closing, signs = ("*_~.)]}:\\", ".)]:") if rules == SECOND else ("*_~.)]}:\\。．：、）】］", ".)]:。．：）】］")
    opened = text.lstrip(SPACES + _OPENING)
    core = opened.rstrip(SPACES + closing)
    if not any(char in signs for char in opened[len(core) :]):
        return None
    if rules >= FOURTH and len(core) == 1 and core in "가나다라마바사아자차카타파하":
        return ("label", "가", "가나다라마바사아자차카타파하".index(core) + 1)
    if rules >= FOURTH and 1 <= len(core) <= 3 and all(_other_digit(char) is not None for char in core):
        return ("number", (int("".join(str(_other_digit(char)) for char in core)),))
    return _enumerator(core) or _label_of(core, rules)


def _other_digit(char):
    distances = [ord(char) - ord(zero) for zero in "٠۰०০๐０"]
    return next((distance for distance in distances if 0 <= distance < 10), None)


def _short_mark_of(word, rules):
    return _mark_of(word, rules) if _is_short(word) else None


def _label_of(core, rules):
    space = next((at for at, char in enumerate(core) if char in SPACES), None)
    if space is not None:
        return _label_of_two(core[:space], core[space + 1 :].lstrip(SPACES), rules)
    return _joined_label(core) if rules >= THIRD else None


def _label_of_two(word, number, rules):
    word = word.lower()
    if word not in WORDS["labels"] and not (rules >= THIRD and word in WORDS["labels_of_third"]):
        return None
    mark = _enumerator(number)
    if mark is not None:
        return ("label", word, _ordinal(mark))
    if rules >= THIRD:
        lower = number.lower()
        for numbers in WORDS["numbers"]:
            if lower in numbers:
                return ("label", word, numbers.index(lower) + 1)
    return None


def _two_word_label(word, following):
    core = following.rstrip("*_~.):")
    if any(sign in following[len(core) :] for sign in ".):"):
        return _label_of_two(word.lstrip("*_~"), core, THIRD)
    return None


def _joined_label(core):
    if core.startswith("第"):
        counted = core[1:]
        unit = next((unit for unit in WORDS["counted"] if counted.endswith(unit)), None)
        number = None if unit is None else _number_of(counted[: -len(unit)])
        return None if number is None else ("label", unit, number)
    label = next((label for label in WORDS["joined_labels"] if core.startswith(label)), None)
    number = None if label is None else _number_of(core[len(label) :])
    return None if number is None else ("label", label, number)


def _number_of(text):
    digits = "一二三四五六七八九"

    def digit(text):
        return digits.index(text) + 1 if len(text) == 1 and text in digits else None

    if _is_number(text):
        return int(text)
    tens, ten, ones = text.partition("十")
    if not ten:
        return digit(text)
    tens, ones = digit(tens) if tens else 1, digit(ones) if ones else 0
    return None if tens is None or ones is None else tens * 10 + ones


def _ordinal(mark):
    if mark[0] == "number":
        return mark[1][-1]
    return ord(mark[1]) if mark[0] == "letter" else mark[-1]


def _is_first(mark):
    kind = mark[0]
    return (
        kind == "label"
        or (kind == "number" and mark[1] in ((0,), (1,)))
        or (kind == "letter" and mark[1] in "aAiI")
        or (kind == "roman" and mark[1] == 1)
    )


def _next_mark(mark):
    if mark[0] == "number":
        return ("number", (*mark[1][:-1], mark[1][-1] + 1))
    if mark[0] == "letter":
        code = ord(mark[1]) + 1
        return None if code == 0xD800 or code > 0x10FFFF else ("letter", chr(code))
    return (*mark[:-1], mark[-1] + 1)


def _as_roman(mark):
    value = _roman(mark[1]) if mark[0] == "letter" else None
    return None if value is None else ("roman", value)


def _lone_sign(word):
    return word if len(word) == 1 and word in _BULLETS else None


def _ends_with(text, signs):
    return bool(text) and text[-1] in signs


def _succeeds(following, last):
    common = 0
    while common < min(len(following), len(last)) and following[common] == last[common]:
        common += 1
    rest = following[common:]
    if not rest:
        return False
    if common < len(last):
        return rest[0] == last[common] + 1 and all(number <= 1 for number in rest[1:])
    return all(number <= 1 for number in rest)


class _Marks:
    """Counts the marks of a text, to recognize the next one."""

    def __init__(self, text, rules):
        self.rules = rules
        self.number = self.letter = self.roman = self.label = self.bullet = None
        self.listed = set()
        for line in _BREAK.split(text):
            may_begin = True
            for _, word in _words(line):
                mark = _short_mark_of(word, rules) if may_begin else None
                if mark:
                    self.listed.add(mark)
                may_begin = (may_begin and not _has_alphanumeric(word)) or word[-1] in ".!?"

    def belong_to_item(self, joint):
        """Whether the sentence ahead is, or ends with, the mark of the item behind."""
        mark_behind = _short_mark_of(joint.behind.rstrip(SPACES), self.rules)
        before = joint.before_text if _is_short(joint.before_text) else None
        if before is not None and self.rules >= THIRD:
            before = _BREAK.split(before)[-1]
        mark_before = None if before is None else _mark_of(before, self.rules)
        if mark_behind and joint.crosses_line:
            return self.rules >= THIRD and mark_before is not None and _next_mark(mark_before) == mark_behind
        if mark_before:
            opens = joint.opens_a_line() and not joint.crosses_line
            return mark_before[0] == "label" or self.has(mark_before) or opens
        words = joint.words_before()
        last = _mark_of(words[-1], self.rules) if words else None
        leads = len(words) > 1 and _leads_to_item(words[-2])
        if not leads or joint.crosses_line or last is None or not self.has(last):
            return False
        may_be_answer = words[-2][-1] == ":"
        opens = not may_be_answer or _is_first(last) or self.goes_on(last)
        opens = opens and not _closes_bracket(words[-1])
        return self.rules < FOURTH or opens

    def note(self, text, start, end):
        """Counts on with the marks inside a sentence, and with the sentence where it is one."""
        leads, words = True, _words(text, start, end)
        for index, (at, word) in enumerate(words):
            if leads or index + 1 < len(words):
                mark = _short_mark_of(word, self.rules)
                if mark and self.counts(mark, self.place(text, at, word)):
                    self.count(mark)
            leads = _leads_to_item(word) or (leads and not _has_alphanumeric(word))

    def items(self, text, start, end):
        """Counts on as ``note``; where a mark that follows another one stands behind what ends a sentence."""
        if self.rules >= THIRD:
            return self.items_of_all_kinds(text, start, end)
        items, ended = [], False
        for at, word in _words(text, start, end):
            mark = _short_mark_of(word, self.rules)
            if mark:
                if self.counts(mark, self.place(text, at, word)):
                    if ended and self.follows(mark):
                        items.append(at)
                    self.count(mark)
                ended = False
            else:
                ended = word[-1] in ".!?"
        return items

    def items_of_all_kinds(self, text, start, end):
        items = []
        ahead = start
        while ahead > 0 and text[ahead - 1] in " \t>":
            ahead -= 1
        opens_line = ahead == 0 or text[ahead - 1] in LINE_BREAKS
        if opens_line:
            self.bullet = None
        ended, signs, is_first = False, None, True
        words = _words(text, start, end)
        for index, (at, word) in enumerate(words):
            sign = _lone_sign(word)
            if opens_line:
                self.bullet = sign
                opens_line = word == ">"
            following = words[index + 1][1] if index + 1 < len(words) else None
            if ended and sign and sign == self.bullet and following is not None and _opens_item(word, following):
                items.append(at)
                ended, signs = False, None
                continue
            if ended and word.startswith("!["):
                items.append(at if signs is None else signs)
            elif not _has_alphanumeric(word):
                signs = at if signs is None else signs
                continue
            short = _short_mark_of(word, self.rules)
            mark = short
            if mark is None and (ended or is_first) and following is not None:
                mark = _two_word_label(word, following)
            if mark and self.counts(mark, self.place(text, at, word)):
                if ended and self.follows(mark):
                    items.append(at if signs is None else signs)
                self.count(mark)
                ended = False
            else:
                ended = short is None and word[-1] in ".!?。！？"
            is_first, signs = False, None
        return items

    def place(self, text, start, word):
        ahead = start
        while ahead > 0 and text[ahead - 1] not in LINE_BREAKS and text[ahead - 1] in SPACES + _OPENING:
            ahead -= 1
        if not (ahead == 0 or text[ahead - 1] in LINE_BREAKS):
            near = start
            while near > 0 and text[near - 1] in SPACES:
                near -= 1
            last = text[near - 1] if near else ""
            may_open = last and (last in ":;–—," or (self.rules >= THIRD and last in ".!。！"))
            return "may open" if may_open else "inside"
        behind = start + len(word)
        while behind < len(text) and text[behind] in " \t":
            behind += 1
        return "may open" if behind == len(text) or text[behind] in LINE_BREAKS else "opens item"

    def has(self, mark):
        last = {"number": self.number, "letter": self.letter, "roman": self.roman}.get(mark[0])
        return mark[0] != "label" and last == mark[1]

    def counts(self, mark, place):
        return _is_first(mark) or self.follows(mark) or place == "opens item" or (place == "may open" and self.goes_on(mark))

    def goes_on(self, mark):
        romans = _as_roman(mark)
        return _next_mark(mark) in self.listed or (romans is not None and _next_mark(romans) in self.listed)

    def follows(self, mark):
        kind = mark[0]
        if kind == "number":
            return self.number is not None and _succeeds(mark[1], self.number)
        if kind == "roman":
            return self.roman is not None and mark[1] > self.roman
        if kind == "letter":
            code = ord(mark[1]) - 1
            before = None if 0xD800 <= code <= 0xDFFF else chr(code)
            romans = _as_roman(mark)
            return (before is not None and self.letter == before) or (romans is not None and self.roman == romans[1] - 1)
        return self.label is not None and _next_mark(self.label) == mark

    def count(self, mark):
        kind = mark[0]
        if kind == "number":
            self.number = mark[1]
        elif kind == "roman":
            self.roman = mark[1]
        elif kind == "letter":
            romans = _as_roman(mark)
            if romans:
                self.roman = romans[1]
            self.letter = mark[1]
        else:
            self.label = mark


def _closes_bracket(word):
    inside = word.rstrip(".")
    return word.endswith(".") and _ends_with(inside, ")]}") and not any(sign in inside[:-1] for sign in "([{")


def _leads_to_item(word):
    return word[-1] in ":;–—,"


def _opens_item(bullet, following):
    return not (bullet in "–—" and _is_lowercase(following[0]))


# Boundaries between two sentences


class _Joint:
    """A boundary between two sentences, and what stands on either side of it."""

    def __init__(self, text, body, start, end):
        self.text, self.start = text, body
        self.end = start
        while self.end > body and text[self.end - 1] in SPACES:
            self.end -= 1
        # As much of the sentence ahead as is looked at.
        self.before_text = text[max(body, self.end - LONGEST_LOOK) : self.end]
        self.behind = text[start:end].lstrip(SPACES)
        self.gap = text[self.end : end - len(self.behind)]
        self.crosses_line = _BREAK.search(self.gap) is not None

    def opens_a_line(self):
        at = self.start
        while at > 0 and self.text[at - 1] in " \t":
            at -= 1
        return at == 0 or self.text[at - 1] in LINE_BREAKS

    def words_before(self):
        """The last words ahead, of those within the last bytes."""
        body = self.before_text
        window = body[-SHORT:]
        encoded = window.encode("utf-8", "surrogatepass")
        if len(encoded) > SHORT:
            window = encoded[-SHORT:].decode("utf-8", "ignore")
        if len(window) < len(body):
            match = re.search("[" + SPACES + "]", window)
            window = window[match.end() :] if match else ""
        return [word for _, word in _words(window)]

    def word_behind(self):
        start = 0
        behind = self.behind
        while start < len(behind) and not _is_alphanumeric(behind[start]) and behind[start] not in SPACES:
            start += 1
        end = start
        while end < len(behind) and (_is_alphanumeric(behind[end]) or behind[end] in "'’"):
            end += 1
        return behind[start:end]

    def parts_a_quote_from_its_particle(self):
        is_hiragana = _starts(self.behind, lambda char: "\u3041" <= char <= "\u309f")
        return _ends_with(self.before_text, "」』") and is_hiragana and not self.crosses_line

    def wraps(self):
        breaks = self.gap.replace("\r\n", "\n")
        is_soft = len(_BREAK.findall(breaks)) == 1 and not breaks.startswith("  ")
        is_soft = is_soft and not self.text.endswith("\\", 0, self.end)
        return is_soft and self.end - _last_line_start(self.text, self.end) >= WRAPPED

    def wraps_inside(self):
        words = _words(self.behind[: SHORT + 1])
        first = words[0][1] if words else ""
        return (
            self.crosses_line
            and not first.endswith(":")
            and _short_mark_of(first, FOURTH) is None
            and not _ends_with(self.before_text, ".!?:;…")
            and (
                _starts(self.behind, _is_lowercase)
                or (_ends_with(self.before_text, ",") and _starts(self.behind, _is_alphanumeric))
            )
            and self.wraps()
        )

    def goes_on_behind_a_quote(self):
        before = self.before_text.rstrip("*_")
        quoted = before.rstrip("\"'”’“»«)]」")
        ends = len(quoted) < len(before) and _ends_with(quoted.rstrip(SPACES), ".!?…")
        is_particle = not self.gap and _starts(self.behind, lambda char: "가" <= char <= "힣")
        return ends and not self.crosses_line and (_starts(self.behind, _is_lowercase) or is_particle)

    def stop_begins_a_word(self):
        ahead = self.before_text[:-1]
        begins = self.before_text.endswith(".") and bool(ahead) and ahead[-1] in SPACES
        return begins and not self.gap and _starts(self.behind, _is_alphanumeric)


# Abbreviations


def _is_letter(word):
    return len(word) == 1 and _is_alphabetic(word)


def _opened(word):
    return word.lstrip("([{\"'“‘„«*_~")


def _goes_on_with_name(word, rules):
    lower = word.lower()
    if rules >= FOURTH:
        lower = re.split("['’]", lower)[0]
    starts = lower in WORDS["starters"] or (rules >= THIRD and lower in WORDS["starters_of_third"])
    return _starts(word, _is_uppercase) and not starts


def _abbreviation_goes_on(joint, rules):
    """Whether the sentence ahead ends with an abbreviation, so that it goes on behind."""
    if joint.crosses_line and not (rules >= FOURTH and joint.wraps()):
        return False
    words = joint.words_before()
    if not words:
        return False
    last = _opened(words[-1])
    if not last.endswith("."):
        return False
    stem = last[:-1]
    before = words[-2] if len(words) > 1 else None
    behind = joint.word_behind()
    if rules >= THIRD and _language_goes_on(joint, stem, words, behind, rules):
        return True
    if _is_letter(stem):
        return _letter_goes_on(joint, stem, before, behind, rules)
    stem = stem.lower()
    if rules >= THIRD and stem == "etc" and _starts(behind, _is_uppercase):
        return False
    leads_to_number = _starts(joint.behind.lstrip("(["), _is_numeric)
    is_initials = all(map(_is_letter, stem.split(".")))
    return (
        stem in WORDS["never_last"]
        or (leads_to_number and stem in WORDS["ahead_of_number"])
        or (
            (is_initials or stem in WORDS["ahead_of_name"])
            and (before is None or leads_to_number or _goes_on_with_name(behind, rules))
        )
    )


def _letter_goes_on(joint, letter, before, behind, rules):
    lower = letter.lower()
    first = _opened(before) if before is not None else ""
    if first.endswith(".") and _is_letter(first[:-1]) and f"{first[:-1].lower()}.{lower}" in WORDS["never_last"]:
        return True
    if not _is_lowered(letter):
        words = _words(joint.behind)
        word = words[0][1].rstrip(",") if words else ""
        is_first_of_two = word.endswith(".") and _is_letter(word[:-1])
        return is_first_of_two or (letter in WORDS["ahead_of_number"] and _starts(behind, _is_numeric))
    if before is not None:
        name = _opened(before)
        if not (_starts(name, _is_uppercase) or name in WORDS["ahead_of_initial"]):
            return False
    # Brackets ahead of the word are not skipped.
    rest = joint.behind.encode("utf-8", "surrogatepass")[_num_bytes(behind) :]
    year_follows = rules >= FOURTH and joint.behind[:1] == "(" and "0" <= joint.behind[1:2] <= "9"
    return (_is_letter(behind) and rest[:1] == b".") or year_follows or _goes_on_with_name(behind, rules)


def _language_goes_on(joint, stem, words, behind, rules):
    """Abbreviations and ordinals of more languages."""
    ahead = [_opened(word) for word in reversed(words[:-1])]
    before = ahead[0] if ahead else None
    if all("0" <= char <= "9" for char in stem):
        return _is_ordinal(stem, before, ahead[1] if len(ahead) > 1 else None, behind)
    leads_to_number = _starts(joint.behind, _is_numeric)
    if stem in WORDS["capital_ahead_of_number"]:
        return leads_to_number
    lower = stem.lower()
    both = f"{before[:-1].lower()}.{lower}" if before is not None and before.endswith(".") else None
    if both is not None and (both in ("p.ej", "p.ex") or both in WORDS["never_last_of_third"]):
        return True
    is_unit = before is not None and before != "" and _is_numeric(before[-1])
    if rules >= FOURTH and _fourth_goes_on(lower, before, behind, leads_to_number, is_unit):
        return True
    return (
        lower in WORDS["never_last_of_third"]
        or (lower == "ee" and behind == "UU")
        or (leads_to_number and not is_unit and lower in WORDS["ahead_of_number_of_third"])
        or (
            (lower in WORDS["ahead_of_name_of_third"] or (lower == "г" and before is not None and not is_unit))
            and _goes_on_with_name(behind, rules)
        )
    )


def _fourth_goes_on(lower, before, behind, leads_to_number, is_unit):
    lower = re.split("['’]", lower)[-1]
    return (
        lower in WORDS["never_last_of_fourth"]
        or (leads_to_number and not is_unit and lower in WORDS["ahead_of_number_of_fourth"])
        or (leads_to_number and lower in WORDS["never_a_unit"])
        or (lower in WORDS["ahead_of_roman"] and bool(behind) and not behind.strip("IVX"))
        or (lower in WORDS["ahead_of_name_of_fourth"] and _goes_on_with_name(behind, FOURTH))
        or (lower in WORDS["ahead_of_any_name"] and _starts(behind, _is_alphabetic))
        or (before is not None and [before.lower(), lower] in WORDS["after_a_word"])
    )


def _is_ordinal(number, before, ahead, behind):
    value = int(number) if 1 <= len(number) <= 3 else 0
    if value == 0 or not _starts(behind, _is_uppercase) or _is_letter(behind):
        return False
    before = None if before is None else before.lower()
    follows_article = before in WORDS["ahead_of_ordinal"] or (before == "am" and ahead not in ("I", "i"))
    if value <= 31:
        may_be_date = follows_article or before is None or before in WORDS["ahead_of_date"]
        if behind in WORDS["months"] or (may_be_date and behind in WORDS["shared_months"]):
            return True
    return follows_article and _goes_on_with_name(behind, THIRD)


# What is not prose


def _is_inside(ranges, at):
    """Whether ``at`` is in one of the ranges, which are in order."""
    ahead = bisect_right(ranges, (at, float("inf")))
    return ahead > 0 and at < ranges[ahead - 1][1]


class _Unbroken:
    """Ranges that no sentence ends inside of."""

    def __init__(self, text, rules):
        fences = _fences(text, rules)
        ranges, formulas, blocks, code = _addresses(text), _bracketed(text, rules), [], []
        if rules >= THIRD:
            blocks = _markdown_lines(text)
            ranges += _links(text, rules)
            formulas += _environments(text)
        if rules >= FOURTH:
            whole, indented = _blocks(text, fences)
            blocks += whole
            fences = sorted(fences + indented)
            formulas.sort(key=lambda part: part[0])
            ranges += _dollars(text, formulas)
            lines = [_opens_line(text, start) for start, _ in formulas]
            code = [line for line in lines if line is not None]
        ranges += formulas + blocks
        ranges = [part for part in ranges if not _is_inside(fences, part[0])]
        self.code = {start for start in code if not _is_inside(fences, start)}
        self.code.update(start for start, _ in fences)
        self.blocks = sorted(blocks + fences, key=lambda part: part[0])
        ranges = sorted(ranges + fences, key=lambda part: part[0])
        self.ranges = []
        for start, end in ranges:
            if self.ranges and start < self.ranges[-1][1]:
                self.ranges[-1] = (self.ranges[-1][0], max(self.ranges[-1][1], end))
            else:
                self.ranges.append((start, end))
        self.starts = [start for start, _ in self.ranges]

    def holds(self, at):
        """Whether a boundary at ``at`` would part such a range."""
        behind = bisect_left(self.starts, at)
        return behind > 0 and at < self.ranges[behind - 1][1]

    def has(self, at):
        return _is_inside(self.ranges, at)

    def ends_block(self, at):
        return at > 0 and _is_inside(self.blocks, at - 1)


def _unquoted(line):
    content = line.lstrip(" \t")
    while content.startswith(">"):
        content = content[1:].lstrip(" \t")
    return content


def _item_text(line):
    unnumbered = line.lstrip("0123456789")
    if 1 <= len(line) - len(unnumbered) <= 9:
        behind = unnumbered[1:] if unnumbered[:1] in (".", ")") else None
    else:
        behind = line[1:] if line[:1] in ("-", "*", "+") else None
    return _unquoted(behind) if behind is not None and behind[:1] in (" ", "\t") else line


def _fences(text, rules):
    fences, opened, opened_at = [], None, 0
    for start, end in _lines(text):
        line = text[start:end]
        if rules == SECOND:
            content = line.strip(SPACES)
        elif opened is not None:
            content = _unquoted(line).strip(SPACES)
        else:
            content = _item_text(_unquoted(line)).strip(SPACES)
        sign = content[:1]
        fence = content.lstrip(sign) if sign in ("`", "~") else content
        run = content[: len(content) - len(fence)]
        if opened is None:
            if len(run) >= 3 and "`" not in fence:
                opened, opened_at = run, start
        elif run.startswith(opened) and not fence:
            fences.append((opened_at, end))
            opened = None
    if opened is not None:
        fences.append((opened_at, len(text)))
    return fences


def _addresses(text):
    addresses = []
    for sign in ("://", "www."):
        at = text.find(sign)
        while at >= 0:
            if not (addresses and addresses[-1][0] <= at < addresses[-1][1]):
                start, end = at, at
                while start > 0 and "!" <= text[start - 1] <= "~":
                    start -= 1
                while end < len(text) and "!" <= text[end] <= "~":
                    end += 1
                addresses.append((start, end))
            at = text.find(sign, at + len(sign))
    return addresses


def _paragraphs(text, rules):
    """Parts that end with a blank line, as (start, end)."""
    if rules == SECOND:
        start = 0
        while start < len(text):
            end = text.find("\n\n", start)
            end = len(text) if end < 0 else end + 2
            yield start, end
            start = end
        return
    first, opens = 0, True
    for start, end in _lines(text):
        if not opens and text[end - 1] == "\n" and not text[start:end].strip(SPACES):
            yield first, end
            first, opens = end, True
        else:
            opens = False
    if first < len(text):
        yield first, len(text)


_PAIRS = [("\\[", "\\]"), ("\\(", "\\)"), ("$$", "$$"), ("``", "``"), ("`", "`"), ("<code>", "</code>"), ("<pre>", "</pre>")]


def _bracketed(text, rules):
    """Code between backticks within a line, and formulas within a paragraph."""
    pairs = _PAIRS[:5] if rules == SECOND else _PAIRS
    signs = re.compile(r"[\\$`]" if rules == SECOND else r"[\\$`<]")
    ranges = []
    for start, stop in _paragraphs(text, rules):
        hopeless_until, line_end, at = [start] * len(_PAIRS), start, start
        while True:
            match = signs.search(text, at, stop)
            if not match:
                break
            at = match.start()
            kind = next((kind for kind, (open, _) in enumerate(pairs) if text.startswith(open, at, stop)), None)
            if kind is None:
                at += 1
                continue
            open, close = pairs[kind]
            inside = at + len(open)
            if line_end < inside:
                found = _BREAK.search(text, inside, stop)
                line_end = found.start() if found else stop
            limit = line_end if open[0] == "`" else stop
            closing = -1 if inside <= hopeless_until[kind] else text.find(close, inside, limit)
            at = inside
            if closing >= 0:
                at = closing + len(close)
                ranges.append((inside - len(open), at))
            else:
                hopeless_until[kind] = limit
    return ranges


def _markdown_lines(text):
    """Headings and rows of tables, without the line break behind them."""
    kept, previous, in_table = set(), None, False
    for start, end in _lines(text):
        line = text[start:end]
        part = (start, start + len(line.rstrip(SPACES)))
        content = _unquoted(line).strip(SPACES)
        has_cells = "|" in content
        in_table = in_table and has_cells
        if has_cells and not in_table and _is_delimiter_row(content):
            if previous is not None and "|" in text[previous[0] : previous[1]]:
                kept.add(previous)
            previous = None
            in_table = True
        is_row = _num_bytes(content) > 2 and content[0] == content[-1] == "|"
        title = content.lstrip("#")
        is_heading = 1 <= len(content) - len(title) <= 6 and title[:1] in (" ", "\t")
        if in_table or is_row or is_heading:
            kept.add(part)
        previous = part
    return sorted(kept)


def _is_delimiter_row(content):
    cells = content[1:] if content.startswith("|") else content
    cells = cells[:-1] if cells.endswith("|") else cells
    for cell in cells.split("|"):
        cell = cell.strip(SPACES)
        cell = cell[1:] if cell.startswith(":") else cell
        cell = cell[:-1] if cell.endswith(":") else cell
        if not cell or cell.strip("-"):
            return False
    return True


def _links(text, rules):
    links = []
    for start, end in _lines(text):
        opened, closing = [], text.find(")", start, end)
        for match in re.compile(r"[\[\]]").finditer(text, start, end):
            at = match.start()
            if 0 <= closing <= at:
                closing = text.find(")", at + 1, end)
            if match.group() == "[":
                opened.append(at)
                continue
            first = opened.pop() if opened else None
            if first is None:
                continue
            if text.startswith("(", at + 1, end):
                if closing >= 0:
                    is_picture = first > start and text[first - 1] == "!"
                    links.append((first - is_picture, closing + 1))
            if rules >= FOURTH and text.startswith("[", at + 1, end):
                window = _within(text, at + 2, LONGEST_NAME)
                name = text.find("]", at + 2, min(window, end))
                if name >= 0:
                    links.append((first, name + 1))
    return links


def _environments(text):
    environments, sign = [], "\\begin{"
    for start, end in _paragraphs(text, THIRD):
        searched, at = start, text.find(sign, start, end)
        while at >= 0:
            following = text.find(sign, at + len(sign), end)
            if at >= searched:
                behind = at + len(sign)
                name_end = text.find("}", behind, min(behind + 33, end))
                if name_end >= 0 and _num_bytes(text[behind:name_end]) <= 32:
                    closing = "\\end{" + text[behind:name_end] + "}"
                    window = min(_within(text, behind, LONGEST_ENVIRONMENT), end)
                    found = text.find(closing, behind, window)
                    if found >= 0:
                        searched = found + len(closing)
                        environments.append((at, searched))
            at = following
    return environments


def _blocks(text, fences):
    """Underlined headings and definitions of links, and indented code."""
    whole, code, indented = [], [], None
    ahead, ahead_blank, ahead_opens, in_list = (0, 0), True, False, False

    def close():
        if indented is not None and 2 * indented[3] >= indented[2]:
            code.append((indented[0], indented[1]))

    for start, end in _lines(text):
        line = text[start:end]
        if _is_inside(fences, start):
            close()
            indented, ahead, ahead_blank, ahead_opens = None, (0, 0), True, False
            continue
        part = (start, start + len(line.rstrip(SPACES)))
        is_blank = not line.strip(SPACES)
        is_indented = line.startswith(("\t", "    "))
        if not is_blank:
            content = line.lstrip(SPACES)
            is_item = len(_item_text(content)) < len(content)
            in_list = is_item or (in_list and (line[0] in " \t" or not ahead_blank))
            sign = _has_sign_of_code(line.strip(SPACES))
            if indented is not None and is_indented:
                indented = [indented[0], end, indented[2] + 1, indented[3] + sign]
            else:
                close()
                opens = is_indented and ahead_blank and not in_list
                indented = [start, end, 1, int(sign)] if opens else None
            if ahead_opens and _is_underline(text[ahead[0] : ahead[1]].strip(SPACES), line):
                whole.append((ahead[0], part[1]))
            else:
                content = _unquoted(line).strip(SPACES)
                is_object = content.startswith("{") and content.endswith("}") and '":' in content
                if is_object or _is_definition(content):
                    whole.append(part)
        ahead, ahead_opens, ahead_blank = part, not is_blank and ahead_blank and not is_indented, is_blank
    close()
    return whole, code


def _has_sign_of_code(line):
    return bool(
        re.search(r"[=;{}\[\]<>_|\\$`]|[A-Za-z0-9]\(|\(\)", line)
        or line.startswith(("#", "@", "//"))
        or line.endswith(":")
        or any(word.endswith(":") for _, word in _words(line)[:1])
    )


def _is_underline(title, line):
    line = line.rstrip(SPACES)
    sign = line.lstrip(" ")
    may_be_title = len(_item_text(title)) == len(title) and title[:1] not in ("#", ">", "|") and title[-1:] not in (":", ",", ";")
    is_underline = (len(sign) >= 2 and not sign.strip("=")) or (
        len(sign) >= 3 and not sign.strip("-") and title[-1:] not in (".", "。")
    )
    return len(line) - len(sign) < 4 and may_be_title and is_underline


def _is_definition(line):
    name, colon, behind = line[1:].partition("]:")
    if not line.startswith("[") or not colon:
        return False
    behind = behind.lstrip(SPACES)
    words = _words(behind)
    address = words[0][1] if words else ""
    is_address = address.startswith(("<", "/", "#", ".", "www.", "mailto:")) or "://" in address
    title = behind[len(address) :].strip(SPACES)
    is_title = not title or title[0] in "\"'("
    return bool(name) and name[0] != "^" and not re.search(r"[\[\]]", name) and is_address and is_title


def _opens_line(text, formula):
    """The start of the line of a formula, where it is the first of its line."""
    ahead = formula
    while ahead > 0 and text[ahead - 1] in " \t":
        ahead -= 1
    return ahead if ahead > 0 and text[ahead - 1] in LINE_BREAKS else None


def _dollars(text, others):
    """Formulas between single dollars within a line, told from money."""
    formulas, line, opened, seen = [], 0, None, 0
    at = text.find("$")
    while at >= 0:
        for line_break in _BREAK.finditer(text, seen, at):
            line, opened = line_break.end(), None
        seen = at
        ahead = text[at - 1] if at > line else ""
        behind = text[at + 1 : at + 2]
        if not (ahead in ("\\", "$") or behind == "$" or _is_inside(others, at)):
            closes = not (ahead and ahead in SPACES) and not ("0" <= behind <= "9")
            if opened is not None and closes:
                inside = text[opened + 1 : at]
                is_amount = "0" <= inside[:1] <= "9" and not re.search(r"[=^\\_<>+*/]", inside)
                if not is_amount:
                    formulas.append((opened, at + 1))
                opened = at if is_amount else None
            else:
                opened = at
            following = text[opened + 1 : opened + 2] if opened is not None else ""
            if following and following in SPACES:
                opened = None
        at = text.find("$", at + 1)
    return formulas


def _as_brackets(text, unbroken):
    """The text with brackets in the place of tags and comments of HTML."""
    parts, copied, comments_end, at = [], 0, True, 0
    while True:
        match = _TAG_SIGN.search(text, at)
        if not match:
            break
        start = match.start()
        tag, at = None, start + 1
        if not unbroken.has(start):
            if match.group() == "[":
                tag = _callout(text, start)
            elif text.startswith("<!--", start):
                end = text.find("-->", start) if comments_end else -1
                comments_end = end >= 0
                tag = (end + 3, False, False) if comments_end else None
            else:
                tag = _tag(text, start)
        if tag:
            at, opens, ends_line = tag
            signs = " ()«❨🙶"
            tag = (signs[_num_bytes(char) + (_num_bytes(char) > 1 or not opens)] for char in text[start : at - ends_line])
            parts += [text[copied:start], *tag, "\n" * ends_line]
            copied = at
    return "".join([*parts, text[copied:]]) if parts else text


_TAG_SIGN = re.compile(r"[<\[]")
_CALLOUT = re.compile(r"\[![A-Za-z]+\](?=[ \t]*(?:[" + LINE_BREAKS + r"]|\Z))")


def _callout(text, start):
    """As ``_tag``, for ``[!NOTE]`` in a line of its own."""
    match = _CALLOUT.match(text, start)
    while match and start > 0 and text[start - 1] in "> \t":
        start -= 1
    return (match.end(), True, False) if match and (start == 0 or text[start - 1] in LINE_BREAKS) else None


_TAG_NAME = re.compile(r"</?([A-Za-z][A-Za-z0-9_-]*)")


def _tag(text, start):
    """The end of the tag at ``start``, whether it opens, and whether a line ends with it."""
    match = _TAG_NAME.match(text, start)
    if not match:
        return None
    closes = text[start + 1] == "/"
    quote, at, num_bytes = None, match.end(), 0
    while True:
        if at >= len(text) or num_bytes >= LONGEST_TAG or text[at] in "<\n":
            return None
        char = text[at]
        if char == ">" and quote is None:
            break
        if char in "\"'":
            quote = char if quote is None else None if quote == char else quote
        num_bytes += _num_bytes(char)
        at += 1
    attributes = text[match.end() : at].rstrip("/").strip(SPACES)
    if attributes and (closes or "=" not in attributes):
        return None
    name = match.group(1).lower()
    breaks = name in ("br", "hr")
    is_void = breaks or name in ("img", "input", "wbr")
    return at + 1, not closes and not is_void, breaks or (closes and name not in WORDS["inline_tags"])


def _spaced_closers(text):
    """Positions of ``»`` behind white space where a ``«`` is open in their line."""
    closers, opened = set(), 0
    for match in re.compile("[«»\n\r]").finditer(text):
        sign = match.group()
        if sign == "«":
            opened += 1
        elif sign == "»":
            if opened:
                opened -= 1
                if text[match.start() - 1] in SPACES:
                    closers.add(match.start())
        else:
            opened = 0
    return closers


def _is_greek(char):
    return "\u0370" <= char <= "\u03ff" or "\u1f00" <= char <= "\u1fff"


def _inner_ends(text, start, end):
    """Ends of sentences that Unicode does not see."""
    ends = []
    for match in re.compile("[.;\u037e]").finditer(text, start, end):
        at, behind = match.start(), match.end()
        following = behind
        while following < end and text[following] in " \xa0":
            following += 1
        if following in (behind, end):
            continue
        if match.group() == ".":
            first = at
            while first > start and at - first < WORD and _is_lowercase(text[first - 1]):
                first -= 1
            is_word = at - first == WORD
            while first > start and _is_lowercase(text[first - 1]):
                first -= 1
            is_word = is_word and not (first > start and text[first - 1] == ".")
            is_end = is_word and "0" <= text[following] <= "9"
        else:
            is_upper = _is_greek(text[following]) and _is_uppercase(text[following])
            is_end = is_upper and at > start and _is_greek(text[at - 1])
        if is_end:
            ends.append(following)
    return ends


# Sentences


def _opens_picture(text, at):
    ahead = at
    while ahead > 0 and text[ahead - 1] in " \t":
        ahead -= 1
    if ahead > 0 and text[ahead - 1] not in LINE_BREAKS:
        return False
    stop = text.find("\n", at)
    line = _item_text(_unquoted(text[at : len(text) if stop < 0 else stop]))
    return line.startswith(("![", "[!["))


class _Sentences:
    def __init__(self, text, rules):
        self.written, self.rules = text, rules
        self.unbroken = _Unbroken(text, rules)
        self.text = _as_brackets(text, self.unbroken) if rules >= FOURTH else text

    def spans(self):
        spans = []
        for start, end in self.pieces():
            start, end = self.trimmed(start, end)
            if start < end:
                spans.append((start, end))
        return spans

    def trimmed(self, start, end):
        """A piece without the graphemes of white space around it."""
        piece = self.written[start:end]
        first, last = 0, len(piece)
        while first < len(piece) and piece[first] in SPACES:
            after = first + 1
            while not _is_grapheme_boundary(piece, after):
                after += 1
            if piece[first:after].strip(SPACES):
                break
            first = after
        if first == len(piece):
            return end, end
        while piece[last - 1] in SPACES:
            ahead = last - 1
            while not _is_grapheme_boundary(piece, ahead):
                ahead -= 1
            if piece[ahead:last].strip(SPACES):
                break
            last = ahead
        return start + first, start + last

    def pieces(self):
        text, rules, unbroken = self.text, self.rules, self.unbroken
        marks = _Marks(text, rules)
        pieces, body, start = [], None, 0
        for end in self.boundaries():
            following = text[start:end]
            has_text = _has_alphanumeric(following)
            has_text = has_text or (rules >= FIFTH and unbroken.holds(end) and _opens_picture(text, start))
            joins = body is None or unbroken.holds(start) or not _is_grapheme_boundary(self.written, start)
            if not joins and start not in unbroken.code:
                is_bullet = _lone_sign(following.strip(SPACES)) is not None
                joins = not has_text and not is_bullet and not self.opens_tag(start, end)
                joins = joins or self.goes_on(_Joint(text, body, start, end), marks)
            if pieces and joins:
                pieces[-1] = (pieces[-1][0], end)
            else:
                pieces.append((start, end))
                body = None
            if has_text and body is None:
                ahead = text[pieces[-1][0] : end]
                body = end - len(ahead.lstrip(SPACES))
            marks.note(text, start, end)
            start = end
        if rules >= FOURTH and body is None and len(pieces) > 1:
            _, end = pieces.pop()
            pieces[-1] = (pieces[-1][0], end)
        return pieces

    def opens_tag(self, start, end):
        read = self.text[start:end].lstrip(SPACES + ">").rstrip(SPACES)
        written = self.written[start:end].lstrip(SPACES + ">")
        return bool(read) and not read.strip("(«❨🙶") and written.startswith(("<", "["))

    def goes_on(self, joint, marks):
        if marks.belong_to_item(joint) or _abbreviation_goes_on(joint, self.rules):
            return True
        if joint.parts_a_quote_from_its_particle():
            return True
        if self.rules < FOURTH:
            return False
        return joint.goes_on_behind_a_quote() or joint.stop_begins_a_word() or (
            joint.wraps_inside() and not self.unbroken.ends_block(joint.end)
        )

    def boundaries(self):
        text, rules = self.text, self.rules
        marks = _Marks(text, rules)
        closers = _spaced_closers(self.written) if rules >= FOURTH else ()
        boundaries, start, at = set(), 0, 0
        for sentence_end in _sentence_ends(text):
            boundaries.update(item for item in marks.items(text, at, sentence_end) if item > start)
            if rules >= FOURTH:
                boundaries.update(end for end in _inner_ends(text, at, sentence_end) if end > start)
            at = sentence_end
            end = self.closed(start, sentence_end)
            if end in closers:
                behind = end + 1
                end = self.behind_space(behind)
                if end == behind < len(text):
                    continue
            if end > start:
                start = end
                boundaries.add(end)
        return sorted(boundaries)

    def closed(self, start, at):
        """A boundary behind the marks that close the sentence from ``start``, and ahead of those that open."""
        text = self.text
        if start < at < len(text):
            opening = "「『（《〈【〔“‘([{" + ("«❨🙶" if self.rules >= FOURTH else "")
            unopened = at
            while unopened > start and text[unopened - 1] in opening:
                unopened -= 1
            if start < unopened < at:
                return unopened if self.rules == SECOND else self.behind_references(unopened)
        if at > 0 and text[at - 1] in SPACES:
            return at
        behind = at
        while behind < len(text) and self.closes(text[behind]):
            behind += 1
        if behind == at or (behind < len(text) and text[behind] not in SPACES):
            return at
        return self.behind_space(behind)

    def closes(self, char):
        return (
            char in "*_~`$"
            or (self.rules >= THIRD and _is_emoji(char))
            or (self.rules >= FOURTH and (char in "¹²³" or "\u2070" <= char <= "\u2079"))
        )

    def behind_space(self, at):
        text = self.text
        while at < len(text) and text[at] in SPACES:
            at += 1
            if text[at - 1] in LINE_BREAKS:
                break
        return at

    def behind_references(self, at):
        text, end = self.text, at
        while end < len(text) and text[end] == "[":
            inside = end + 1
            while inside < len(text) and text[inside] in "0123456789, -–^":
                inside += 1
            if not (inside < len(text) and text[inside] == "]" and re.search("[0-9]", text[end + 1 : inside])):
                break
            end = inside + 1
        if end == at or text[end : end + 1] in ("(", ":"):
            return at
        return self.behind_space(end)


def _is_emoji(char):
    return (
        "\U0001f000" <= char <= "\U0001faff"
        or "\u2600" <= char <= "\u27bf"
        or "\u2b00" <= char <= "\u2bff"
        or char in "\ufe0f\u200d"
    )
