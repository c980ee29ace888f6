use super::*;

fn texts(text: &str, rules: Rules) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    spans(text, rules)
        .iter()
        .map(|span| chars[span.start..span.end].iter().collect())
        .collect()
}

/// Cuts by the rules of all versions.
#[track_caller]
fn cuts(text: &str, expected: &[&str]) {
    for rules in [Rules::Second, Rules::Third, Rules::Fourth, Rules::Fifth] {
        assert_eq!(texts(text, rules), expected, "{rules:?}");
    }
}

/// Cuts by the rules from the third on, and otherwise by the second.
#[track_caller]
fn third_cuts(text: &str, expected: &[&str]) {
    assert_ne!(texts(text, Rules::Second), expected);
    for rules in [Rules::Third, Rules::Fourth, Rules::Fifth] {
        assert_eq!(texts(text, rules), expected, "{rules:?}");
    }
}

/// Cuts by the rules from the fourth on, and otherwise by the third.
#[track_caller]
fn now_cuts(text: &str, expected: &[&str]) {
    assert_ne!(texts(text, Rules::Third), expected);
    for rules in [Rules::Fourth, Rules::Fifth] {
        assert_eq!(texts(text, rules), expected, "{rules:?}");
    }
}

/// Cuts by the fifth rules, and otherwise by the fourth.
#[track_caller]
fn fifth_cuts(text: &str, expected: &[&str]) {
    assert_ne!(texts(text, Rules::Fourth), expected);
    assert_eq!(texts(text, Rules::Fifth), expected);
}

#[test]
fn the_mark_of_an_item_stays_with_it() {
    for (text, expected) in [
        (
            "Steps: 1. Add three. 2. Double it. 3. Stop.",
            &["Steps: 1. Add three.", "2. Double it.", "3. Stop."][..],
        ),
        (
            "1. Paris is the capital. 2. France is in Europe.",
            &["1. Paris is the capital.", "2. France is in Europe."],
        ),
        (
            "Do this:\n1) Add three. Then rest.\n2) Double it.\n(a) First. (b) Second.",
            &[
                "Do this:",
                "1) Add three.",
                "Then rest.",
                "2) Double it.",
                "(a) First.",
                "(b) Second.",
            ],
        ),
        (
            "**1.** Add three to it.\n**2.** Double it.",
            &["**1.** Add three to it.", "**2.** Double it."],
        ),
        (
            "Step 1. Add three. Step 2. Double it.",
            &["Step 1. Add three.", "Step 2. Double it."],
        ),
        (
            "**Step 1.** Add three. **Step 2.** Go.",
            &["**Step 1.** Add three.", "**Step 2.** Go."],
        ),
        (
            "I. Intro is here. II. Method is here.",
            &["I. Intro is here.", "II. Method is here."],
        ),
        (
            "iv. Four is next.\nv. Five is last.",
            &["iv. Four is next.", "v. Five is last."],
        ),
        (
            "a. First it is. b. Second it is.",
            &["a. First it is.", "b. Second it is."],
        ),
        ("1.) Add it. 2.) Stop it.", &["1.) Add it.", "2.) Stop it."]),
        (
            "1.\nAdd it.\n\n2.\nStop it.",
            &["1.\nAdd it.", "2.\nStop it."],
        ),
        (
            "1.1. Add it.\n1.2. Stop it.",
            &["1.1. Add it.", "1.2. Stop it."],
        ),
        (
            "## 3. Results\nGood ones.",
            &["## 3. Results", "Good ones."],
        ),
        ("-\nAdd it.\n- Stop it.", &["-\nAdd it.", "- Stop it."]),
        (
            "• One is so. • Two is so.",
            &["• One is so.", "• Two is so."],
        ),
        (
            "1.1. Add it. 1.2. Stop it. 2. Go.",
            &["1.1. Add it.", "1.2. Stop it.", "2. Go."],
        ),
        (
            "1. Add it. 1.1. Add more. 1.2. Stop.",
            &["1. Add it.", "1.1. Add more.", "1.2. Stop."],
        ),
        (
            "First: 1. Add it; 2. Stop it.",
            &["First: 1. Add it; 2. Stop it."],
        ),
        (
            "Schritt 1. Addiere drei. Schritt 2. Halt.",
            &["Schritt 1. Addiere drei.", "Schritt 2. Halt."],
        ),
    ] {
        cuts(text, expected);
    }
}

#[test]
fn a_list_may_begin_in_the_middle() {
    for (text, expected) in [
        ("2. Double it. 3. Stop.", &["2. Double it.", "3. Stop."][..]),
        ("10. Rest. 11. Stop.", &["10. Rest.", "11. Stop."]),
        (
            "IV. Four it is. VI. Six it is.",
            &["IV. Four it is.", "VI. Six it is."],
        ),
        (
            "V. Five. VI. Six. VII. Seven.",
            &["V. Five.", "VI. Six.", "VII. Seven."],
        ),
        ("c. Third. d. Fourth.", &["c. Third.", "d. Fourth."]),
        (
            "Go on so.\n> **3.** Rest. **4.** Stop.",
            &["Go on so.", "> **3.** Rest.", "**4.** Stop."],
        ),
        (
            "2.\nDouble it.\n\n3.\nStop.",
            &["2.\nDouble it.", "3.\nStop."],
        ),
        ("Go on: 4. Rest. 5. Stop.", &["Go on: 4. Rest.", "5. Stop."]),
        (
            "2.3. Rest. 2.4. Stop. 3. Go.",
            &["2.3. Rest.", "2.4. Stop.", "3. Go."],
        ),
    ] {
        cuts(text, expected);
    }
}

#[test]
fn a_number_that_ends_a_sentence_is_no_mark() {
    cuts("It asks: 4. Then stop.", &["It asks: 4.", "Then stop."]);
    cuts(
        "How much? 1.2. That is all.",
        &["How much?", "1.2.", "That is all."],
    );
    cuts(
        "How many? 7. That is all.",
        &["How many?", "7.", "That is all."],
    );
    cuts(
        "First: 6. Then: 7. Then: 8.",
        &["First: 6.", "Then: 7.", "Then: 8."],
    );
    cuts("So x = 5. Then stop.", &["So x = 5.", "Then stop."]);
    cuts(
        "The answer is 1. That is all.",
        &["The answer is 1.", "That is all."],
    );
    cuts("7.\nBecause it is so.", &["7.", "Because it is so."]);
    cuts(
        "It was 1999. Then it ended.",
        &["It was 1999.", "Then it ended."],
    );
    cuts("See step 2. Then go on.", &["See step 2.", "Then go on."]);
}

#[test]
fn an_abbreviation_stays_with_what_follows() {
    for (text, expected) in [
        (
            "Dr. Smith came. He sat.",
            &["Dr. Smith came.", "He sat."][..],
        ),
        (
            "J. K. Rowling wrote it. J. A. Smith read it.",
            &["J. K. Rowling wrote it.", "J. A. Smith read it."],
        ),
        (
            "It takes approx. Ten minutes.",
            &["It takes approx. Ten minutes."],
        ),
        (
            "Some cities, e.g. Paris, grow. Others, z. B. Rom, too.",
            &["Some cities, e.g. Paris, grow.", "Others, z. B. Rom, too."],
        ),
        ("See No. 5. It holds.", &["See No. 5.", "It holds."]),
        (
            "See Fig. 3 and Sec. 4 of Smith et al. (2020). It holds.",
            &["See Fig. 3 and Sec. 4 of Smith et al. (2020).", "It holds."],
        ),
        ("U.S. Army. Mr. X came.", &["U.S. Army.", "Mr. X came."]),
        (
            "He joined the U.S. Army. Then he left the U.S. The end.",
            &[
                "He joined the U.S. Army.",
                "Then he left the U.S.",
                "The end.",
            ],
        ),
        (
            "Written by A. Smith. Good.",
            &["Written by A. Smith.", "Good."],
        ),
        (
            "Pi is 3.14 or so. It took 5 ms. Then it ended.",
            &["Pi is 3.14 or so.", "It took 5 ms.", "Then it ended."],
        ),
        (
            "Take Plan B. Then vitamin C. Oranges have it.",
            &["Take Plan B.", "Then vitamin C.", "Oranges have it."],
        ),
        ("No. Maybe. No... Yes.", &["No.", "Maybe.", "No...", "Yes."]),
        // A bracket ahead of a letter of several bytes.
        ("A. [と: **. ", &["A. [と: **."]),
    ] {
        cuts(text, expected);
    }
}

#[test]
fn what_has_no_letter_and_no_digit_is_no_sentence() {
    cuts("Great job! 🎉 Go on.", &["Great job!", "🎉 Go on."]);
    cuts("Great job! 🎉\nGo on.", &["Great job! 🎉", "Go on."]);
    cuts(
        "One is so.\n---\nTwo is so. . . .",
        &["One is so.\n---", "Two is so. . . ."],
    );
    cuts("🎉\nGreat job!", &["🎉\nGreat job!"]);
    cuts("🎉", &["🎉"]);
    cuts(
        "| a | b |\n|---|---|\n| 1 | 2 |",
        &["| a | b |\n|---|---|", "| 1 | 2 |"],
    );
}

#[test]
fn code_formulas_and_addresses_are_not_cut() {
    cuts(
        "Run this:\n```python\nx = 1\n\ny = 2  # Done. Yes!\n```\nThen stop.",
        &[
            "Run this:",
            "```python\nx = 1\n\ny = 2  # Done. Yes!\n```",
            "Then stop.",
        ],
    );
    cuts("It is so.\n```\nx = 1\ny", &["It is so.", "```\nx = 1\ny"]);
    cuts(
        "Visit https://x.org/A.B?c=D. Done.",
        &["Visit https://x.org/A.B?c=D.", "Done."],
    );
    cuts(
        "$f(x)=x^2.$ Then $y=2.5$. \\[ a. B \\] So.",
        &["$f(x)=x^2.$", "Then $y=2.5$. \\[ a. B \\] So."],
    );
    cuts("Call `a. B` now. Or `x", &["Call `a. B` now.", "Or `x"]);
    cuts(
        "He said **stop.** Then he left.",
        &["He said **stop.**", "Then he left."],
    );
    cuts(
        "参见https://x.org。然后停止。",
        &["参见https://x.org。", "然后停止。"],
    );
}

#[test]
fn a_quotation_goes_on_with_its_particle() {
    cuts(
        "これは文です。「はい。」と言った。次の文！",
        &["これは文です。", "「はい。」と言った。", "次の文！"],
    );
    cuts("「はい。」\nと言った。", &["「はい。」", "と言った。"]);
    cuts(
        "He said: \"It is far.\" Then he left. (It was late.) Good.",
        &[
            "He said: \"It is far.\"",
            "Then he left.",
            "(It was late.)",
            "Good.",
        ],
    );
}

#[test]
fn items_are_headed_by_words_and_signs_too() {
    for (text, expected) in [
        (
            "Step two. Add it. Step three. Go.",
            &["Step two. Add it.", "Step three. Go."][..],
        ),
        (
            "STEP 1. Add three. step 2. Double it.",
            &["STEP 1. Add three.", "step 2. Double it."],
        ),
        (
            "step 1. add it. step 2. go on.",
            &["step 1. add it.", "step 2. go on."],
        ),
        ("- 1. Add. - 2. Go.", &["- 1. Add.", "- 2. Go."]),
        ("- Add it. - Go on.", &["- Add it.", "- Go on."]),
        (
            "Here it is. 3. Add it. 4. Go on.",
            &["Here it is.", "3. Add it.", "4. Go on."],
        ),
        ("1. \n\n2. Go.", &["1. \n\n2. Go."]),
        (
            "Étape deux. Ajoute. Étape trois. Va.",
            &["Étape deux. Ajoute.", "Étape trois. Va."],
        ),
        (
            "第一步。加三。第二步。乘二。",
            &["第一步。加三。", "第二步。乘二。"],
        ),
        ("1。加三。2。乘二。", &["1。加三。", "2。乘二。"]),
    ] {
        third_cuts(text, expected);
    }
    for text in [
        "In step 1. we add. in step 2. we go.",
        "It is 5 - 3. - 1 is next.",
        "— Хорошо! — сказал он.",
    ] {
        cuts(text, &[text]);
    }
    cuts(
        "See step two. Then go. He is number one. Go.",
        &["See step two.", "Then go.", "He is number one.", "Go."],
    );
}

#[test]
fn abbreviations_and_ordinals_of_more_languages() {
    for (text, expected) in [
        (
            "Am 3. Oktober kam der 2. Versuch. Gut.",
            &["Am 3. Oktober kam der 2. Versuch.", "Gut."][..],
        ),
        ("Siehe Abs. 2. Art. 5 GG.", &["Siehe Abs. 2.", "Art. 5 GG."]),
        ("Dr. med. Huber kam.", &["Dr. med. Huber kam."]),
        (
            "Vive p. ej. Roma. EE. UU. ganó.",
            &["Vive p. ej. Roma.", "EE. UU. ganó."],
        ),
        ("Dott. Rossi è qui. Bene.", &["Dott. Rossi è qui.", "Bene."]),
        ("Voir éd. 2. Puis va.", &["Voir éd. 2.", "Puis va."]),
        (
            "Bijv. Parijs. Dhr. Jansen.",
            &["Bijv. Parijs.", "Dhr. Jansen."],
        ),
        ("T.ex. Paris. Bra.", &["T.ex. Paris.", "Bra."]),
        ("Np. Paryż. Tak.", &["Np. Paryż.", "Tak."]),
        ("Např. Praha. Ano.", &["Např. Praha.", "Ano."]),
        ("Örn. Paris. Evet.", &["Örn. Paris.", "Evet."]),
        (
            "Он из г. Москва. См. рис. 3. Так.",
            &["Он из г. Москва.", "См. рис. 3.", "Так."],
        ),
        (
            "Cats, dogs, etc. Paris is.",
            &["Cats, dogs, etc.", "Paris is."],
        ),
    ] {
        third_cuts(text, expected);
    }
    for (text, expected) in [
        ("I am 3. Then I go.", &["I am 3.", "Then I go."][..]),
        (
            "The answer is 3. April is a month.",
            &["The answer is 3.", "April is a month."],
        ),
        (
            "Es ist 5 min. Dann geht er.",
            &["Es ist 5 min.", "Dann geht er."],
        ),
        ("В 1999 г. Он ушёл.", &["В 1999 г.", "Он ушёл."]),
    ] {
        cuts(text, expected);
    }
}

#[test]
fn headings_rows_links_and_what_closes_a_sentence_stay_whole() {
    for (text, expected) in [
        (
            "## Heading. With stop.\nText here. More.",
            &["## Heading. With stop.", "Text here.", "More."][..],
        ),
        (
            "| a. B | c |\n|---|---|\n| Dr. X. Then | y! Z |\nEnd. Now.",
            &[
                "| a. B | c |\n|---|---|",
                "| Dr. X. Then | y! Z |",
                "End.",
                "Now.",
            ],
        ),
        (
            "See [A. B](c.d). Then ![E. F](g.png) here.",
            &["See [A. B](c.d).", "Then ![E. F](g.png) here."],
        ),
        (
            "> ```\n> a. B\n> C. D\n> ```\n> Text. More.",
            &["> ```\n> a. B\n> C. D\n> ```", "> Text.", "More."],
        ),
        (
            "It is so.[1] Then more.[2, 3][4] End.",
            &["It is so.[1]", "Then more.[2, 3][4]", "End."],
        ),
        (
            "Good!👍🏽 Then. Done.✅\nGo.",
            &["Good!👍🏽", "Then.", "Done.✅", "Go."],
        ),
        (
            "Use <code>a. B</code>. Then.",
            &["Use <code>a. B</code>.", "Then."],
        ),
        (
            "So \\begin{align} A. B \\end{align} holds. Then.",
            &["So \\begin{align} A. B \\end{align} holds.", "Then."],
        ),
    ] {
        third_cuts(text, expected);
    }
}

#[test]
fn long_texts_without_a_sentence_take_linear_time() {
    for unit in [
        "\n",
        "`",
        "``",
        "\\[",
        "$$ ",
        "Dr. ",
        "://",
        "www.",
        "1. ",
        "?",
        "a?",
        "```\n",
        "😀",
        "* ",
        "[](",
        "](",
        "\\begin{a}",
        "<code>",
        "| a |\n",
        "# a\n",
        "- a. ",
        "step 1. ",
        "第一步。",
        ".[1]",
        "<p>",
        "</p>",
        "<!-- ",
        "<a b='",
        "[!a] ",
        "$a ",
        "« ",
        "» ",
        "a\n===\n",
        "    a=b\n\n",
        "[a][b] ",
        "abcdef. 1",
        "α; Α",
        "\"a?\" b ",
    ] {
        // Where time grows with the square, it is many minutes; a machine under load needs some seconds.
        let text = unit.repeat(200_000 / unit.len());
        let start = std::time::Instant::now();
        spans(&text, Rules::Second);
        spans(&text, Rules::Third);
        spans(&text, Rules::Fifth);
        assert!(start.elapsed().as_secs() < 120, "{unit:?}");
    }
}

#[test]
fn blocks_of_markdown_stay_whole() {
    for (text, expected) in [
        (
            "Title. With stop\n===\nText. More.\n\nNext! Title?\n---\nEnd.",
            &[
                "Title. With stop\n===",
                "Text.",
                "More.",
                "Next! Title?\n---",
                "End.",
            ][..],
        ),
        (
            "Run this. Then:\n\n    x = f(1)  # Done. Yes!\n    y = 2\n\nEnd.",
            &[
                "Run this.",
                "Then:",
                "x = f(1)  # Done. Yes!\n    y = 2",
                "End.",
            ],
        ),
        (
            "See [A. B][c]. So.\n\n[c]: https://x.y \"T. U\"\n[^1]: Note. More.",
            &[
                "See [A. B][c].",
                "So.",
                "[c]: https://x.y \"T. U\"",
                "[^1]: Note.",
                "More.",
            ],
        ),
        (
            "So it is.\n\\[\n  a = b. C\n\\]\nThen.",
            &["So it is.", "\\[\n  a = b. C\n\\]", "Then."],
        ),
        (
            "It is. The sum\n$$\na. B\n$$\nholds.",
            &["It is.", "The sum", "$$\na. B\n$$", "holds."],
        ),
        (
            "We have $P(A. B)$ here. It costs $5. Then $6.",
            &["We have $P(A. B)$ here.", "It costs $5.", "Then $6."],
        ),
        (
            "So be it.\n\n> [!NOTE]\n> It is. So.",
            &["So be it.", "> [!NOTE]\n> It is.", "So."],
        ),
        (
            "Call it:\n{\"name\": \"A. B\"}\nDone.",
            &["Call it:", "{\"name\": \"A. B\"}", "Done."],
        ),
    ] {
        now_cuts(text, expected);
    }
    for text in [
        "    It was late. He left.",
        "One is so.\n---",
        "x\n\n    a = b",
    ] {
        assert_eq!(
            texts(text, Rules::Fifth),
            texts(text, Rules::Third),
            "{text}"
        );
    }
}

#[test]
fn tags_of_html_are_no_text() {
    for (text, expected) in [
        (
            "<think>\nLet me see. It is.\n</think>\nSo it is.",
            &["<think>\nLet me see.", "It is.\n</think>", "So it is."][..],
        ),
        (
            "<ul>\n<li>One. Two</li><li>Three</li>\n</ul>\nEnd.",
            &[
                "<ul>\n<li>One.",
                "Two</li>",
                "<li>Three</li>\n</ul>",
                "End.",
            ],
        ),
        (
            "One is so.<br>Two is so<br/>three.</p><p>Four.",
            &["One is so.<br>", "Two is so<br/>", "three.</p>", "<p>Four."],
        ),
        (
            "See <img alt=\"Ä. B\" src=\"c.d\"> here. It is. <b>So</b> be it.",
            &[
                "See <img alt=\"Ä. B\" src=\"c.d\"> here.",
                "It is.",
                "<b>So</b> be it.",
            ],
        ),
        (
            "It is so. <!-- A. B -->\nEnd.",
            &["It is so. <!-- A. B -->", "End."],
        ),
    ] {
        now_cuts(text, expected);
    }
    cuts(
        "If a <b and c> d. Then e.",
        &["If a <b and c> d.", "Then e."],
    );
}

#[test]
fn a_sentence_goes_on_behind_a_quotation_and_in_the_next_line() {
    for (text, expected) in [
        (
            "\"Really?\" she asked. He (she?) left.",
            &["\"Really?\" she asked.", "He (she?) left."][..],
        ),
        (
            "Il dit : « C'est vrai. » Puis il part. « Oui ! » dit-elle.",
            &[
                "Il dit : « C'est vrai. »",
                "Puis il part.",
                "« Oui ! » dit-elle.",
            ],
        ),
        ("\"정말요?\"라고 물었다.", &["\"정말요?\"라고 물었다."]),
        (
            "A paragraph of which someone broke each of the lines by\nhand goes on here. So it is.",
            &[
                "A paragraph of which someone broke each of the lines by\nhand goes on here.",
                "So it is.",
            ],
        ),
        (
            "A paragraph that someone broke by hand and that names Dr.\nSmith, who came.",
            &["A paragraph that someone broke by hand and that names Dr.\nSmith, who came."],
        ),
    ] {
        now_cuts(text, expected);
    }
    for text in [
        "It is a line that is long enough, but the next one is an item\na) so it is",
        "It is a line that is long enough, but two spaces are behind it  \nso it is",
        "It is a line that is long enough, but the next one has a key\nkey: so it is",
        "# It is a line that is long enough, but it is a heading of Markdown\nso it is",
    ] {
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        assert_eq!(texts(text, Rules::Fifth), lines);
    }
}

#[test]
fn marks_and_abbreviations_of_the_fourth_rules() {
    for (text, expected) in [
        ("It is so.¹ Then.²", &["It is so.¹", "Then.²"][..]),
        ("In C# use .NET 8. Go.", &["In C# use .NET 8.", "Go."]),
        (
            "가. 첫째입니다. 나. 둘째입니다.",
            &["가. 첫째입니다.", "나. 둘째입니다."],
        ),
        ("१. पहला। २. दूसरा।", &["१. पहला।", "२. दूसरा।"]),
        ("It holds. 3 of them do.", &["It holds.", "3 of them do."]),
        (
            "1. So it is [1]. It was [1, 2]. Then.",
            &["1. So it is [1].", "It was [1, 2].", "Then."],
        ),
        (
            "A. Rome\nB. Paris\nC. Bonn\nAnswer: C. It is so.",
            &["A. Rome", "B. Paris", "C. Bonn", "Answer: C.", "It is so."],
        ),
        (
            "Smith, J. A. (2010). So it is.",
            &["Smith, J. A. (2010).", "So it is."],
        ),
        ("Nach § 5 Abs. 2 BGB. Ja.", &["Nach § 5 Abs. 2 BGB.", "Ja."]),
        ("قال د. أحمد: نعم.", &["قال د. أحمد: نعم."]),
        ("Τι κάνεις; Καλά.", &["Τι κάνεις;", "Καλά."]),
        (
            "He lives at Baker St. It's far.",
            &["He lives at Baker St.", "It's far."],
        ),
        ("L'avv. Bianchi è qui.", &["L'avv. Bianchi è qui."]),
    ] {
        now_cuts(text, expected);
    }
}

#[test]
fn a_picture_that_begins_a_line_begins_a_segment() {
    fifth_cuts(
        "It is so.\n\n![A map. Of it](map.png)\n\nNext.",
        &["It is so.", "![A map. Of it](map.png)", "Next."],
    );
    fifth_cuts(
        "It is so.\n![](map.png)\nNext.",
        &["It is so.", "![](map.png)", "Next."],
    );
    fifth_cuts(
        "# Title\n\n[![Build. It](a.svg)](b) [![c](d.svg)](e)\n\nText.",
        &[
            "# Title",
            "[![Build. It](a.svg)](b) [![c](d.svg)](e)",
            "Text.",
        ],
    );
    fifth_cuts(
        "It is so:\n- ![A](a.png)\n- ![B](b.png)\n\n> ![C. D](c.png)\n> End.",
        &[
            "It is so:",
            "- ![A](a.png)",
            "- ![B](b.png)",
            "> ![C. D](c.png)",
            "> End.",
        ],
    );
    // Inside of a line it belongs to its sentence, and a sign without a picture is none.
    for text in [
        "It is ![A](a.png) so. Next.",
        "1. ![A](a.png)\n2. ![B](b.png)",
        "It is so.\n![ is a sign.",
        "![A](a.png)\nNext.",
    ] {
        assert_eq!(
            texts(text, Rules::Fifth),
            texts(text, Rules::Fourth),
            "{text}"
        );
    }
}
