//! Marks that close a quotation behind a space: `« Oui. »`.

/// Positions of `»` behind white space where a `«` is open in their line, in order.
pub(super) fn spaced_closers(text: &str) -> Vec<usize> {
    let mut closers = Vec::new();
    let mut open = 0_usize;
    let mut behind_space = false;
    for (at, char) in text.char_indices() {
        match char {
            '«' => open += 1,
            '»' if open > 0 => {
                open -= 1;
                if behind_space {
                    closers.push(at);
                }
            }
            '\n' | '\r' => open = 0,
            _ => {}
        }
        behind_space = char.is_whitespace();
    }
    closers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quotation_closes_in_its_line() {
        assert_eq!(spaced_closers("« A. » B « C »\u{a0}»"), [6, 16]);
        assert!(spaced_closers("«A.» »B« « C\n »").is_empty());
    }
}
