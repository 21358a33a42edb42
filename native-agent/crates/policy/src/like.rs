//! Texts with `*` and `?`. Matching takes time in proportion to text times pattern at most, whatever the pattern: a star that
//! was passed is never tried again once a later one was reached.

/// One pattern, taken apart once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    parts: Vec<Part>,
    cased: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// In lower case unless the pattern is cased.
    Letter(char),
    One,
    Any,
}

impl Pattern {
    /// `\` before `*`, `?` or `\` makes it ordinary; before anything else it is ordinary itself.
    pub fn new(text: &str, cased: bool) -> Self {
        let mut parts = Vec::new();
        let mut letters = text.chars().peekable();
        while let Some(letter) = letters.next() {
            let part = match letter {
                '*' => Part::Any,
                '?' => Part::One,
                '\\' => Part::Letter(letters.next_if(|&next| is_special(next)).unwrap_or('\\')),
                letter => Part::Letter(fold(letter, cased)),
            };
            if part != Part::Any || parts.last() != Some(&Part::Any) {
                parts.push(part);
            }
        }
        Self { parts, cased }
    }

    pub fn matches(&self, text: &str) -> bool {
        self.run(text).0
    }

    /// The one text it means, when it has no `*` and `?`.
    pub fn literal(&self) -> Option<String> {
        self.parts
            .iter()
            .map(|part| match part {
                Part::Letter(letter) => Some(*letter),
                _ => None,
            })
            .collect()
    }

    /// What every text that matches begins with; `None` when that is all it asks.
    pub fn prefix(&self) -> Option<String> {
        let (last, letters) = self.parts.split_last()?;
        let ordinary = |part: &Part| matches!(part, Part::Letter(_));
        if *last != Part::Any || !letters.iter().all(ordinary) {
            return None;
        }
        Self {
            parts: letters.to_vec(),
            cased: self.cased,
        }
        .literal()
    }

    /// Whether some text that begins with this may match.
    pub fn may_begin_with(&self, text: &str) -> bool {
        let mut letters = text.chars();
        for part in &self.parts {
            match (part, letters.next()) {
                (Part::Any, _) | (_, None) => return true,
                (Part::One, Some(_)) => {}
                (Part::Letter(wanted), Some(letter)) if *wanted == fold(letter, self.cased) => {}
                _ => return false,
            }
        }
        letters.next().is_none()
    }

    /// Whether it matches, and how many comparisons that took.
    fn run(&self, text: &str) -> (bool, usize) {
        let (mut at, mut part, mut steps) = (0, 0, 0);
        // Where to go on after the last star, and with how much of the text in it.
        let mut back: Option<(usize, usize)> = None;
        while at < text.len() {
            steps += 1;
            let letter = text[at..].chars().next().unwrap_or_default();
            match self.parts.get(part) {
                Some(Part::Any) => {
                    back = Some((part + 1, at));
                    part += 1;
                    continue;
                }
                Some(Part::One) => {}
                Some(Part::Letter(wanted)) if *wanted == fold(letter, self.cased) => {}
                _ => {
                    let Some((after, from)) = back else {
                        return (false, steps);
                    };
                    let next = from + text[from..].chars().next().map_or(1, char::len_utf8);
                    back = Some((after, next));
                    (at, part) = (next, after);
                    continue;
                }
            }
            at += letter.len_utf8();
            part += 1;
        }
        let rest = self.parts[part.min(self.parts.len())..].iter();
        (rest.into_iter().all(|part| *part == Part::Any), steps)
    }
}

fn is_special(letter: char) -> bool {
    matches!(letter, '*' | '?' | '\\')
}

fn fold(letter: char, cased: bool) -> char {
    if cased {
        letter
    } else {
        letter.to_ascii_lowercase()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Pattern::new(pattern, false).matches(text)
    }

    #[test]
    fn stars_question_marks_and_letters_mean_what_they_say() {
        for (pattern, text) in [
            ("/bin/sh", "/bin/sh"),
            ("*/sh", "/usr/bin/sh"),
            ("/tmp/*", "/tmp/"),
            ("/tmp/*/x", "/tmp/a/b/x"),
            ("/bin/?sh", "/bin/zsh"),
            ("*", ""),
            ("**", "a"),
            ("", ""),
            ("?", "ö"),
            ("*a?", "baab"),
            ("*ab*ab*", "xabyab"),
        ] {
            assert!(matches(pattern, text), "{pattern} should match {text}");
        }
        for (pattern, text) in [
            ("/bin/sh", "/bin/sh1"),
            ("/bin/sh", "/bin/s"),
            ("*/sh", "sh"),
            ("?", ""),
            ("?", "ab"),
            ("a*b", "abc"),
            ("*ab*ab*", "xaby"),
            ("", "a"),
        ] {
            assert!(!matches(pattern, text), "{pattern} should not match {text}");
        }
    }

    #[test]
    fn a_backslash_makes_the_special_ones_ordinary_and_nothing_else() {
        assert!(matches(r"\*", "*") && !matches(r"\*", "a"));
        assert!(matches(r"a\?", "a?") && !matches(r"a\?", "ab"));
        assert!(matches(r"\\", r"\") && matches(r"\\*", r"\x"));
        assert!(matches(r"a\b", r"a\b") && matches("a\\", "a\\"));
    }

    #[test]
    fn only_ascii_letters_lose_their_case_and_only_when_not_cased() {
        assert!(matches("/BIN/*", "/bin/SH") && !matches("Ä", "ä"));
        assert!(Pattern::new("Sh", true).matches("Sh") && !Pattern::new("Sh", true).matches("sh"));
    }

    #[test]
    fn a_literal_and_a_beginning_are_told_apart() {
        assert_eq!(Pattern::new(r"a\*", false).literal().as_deref(), Some("a*"));
        assert_eq!(Pattern::new("a*", false).literal(), None);
        assert_eq!(Pattern::new("10.*", false).prefix().as_deref(), Some("10."));
        assert_eq!(Pattern::new("10.*.1", false).prefix(), None);
        assert!(Pattern::new("mem*", false).may_begin_with("memfd:"));
        assert!(Pattern::new("*x", false).may_begin_with("memfd:"));
        assert!(!Pattern::new("/bin/*", false).may_begin_with("memfd:"));
        assert!(!Pattern::new("mem", false).may_begin_with("memfd:"));
    }

    /// As plain as can be, and exponential.
    fn slowly(pattern: &[char], text: &[char]) -> bool {
        match (pattern.first(), text.first()) {
            (None, None) => true,
            (Some('*'), _) => {
                slowly(&pattern[1..], text) || (!text.is_empty() && slowly(pattern, &text[1..]))
            }
            (Some('?'), Some(_)) => slowly(&pattern[1..], &text[1..]),
            (Some(wanted), Some(letter)) if wanted == letter => slowly(&pattern[1..], &text[1..]),
            _ => false,
        }
    }

    #[test]
    fn all_short_patterns_over_all_short_texts_agree_with_the_plain_way() {
        let words = |letters: &[char], longest: u32| -> Vec<Vec<char>> {
            let base = letters.len() as u32;
            (0..=longest)
                .flat_map(|length| (0..base.pow(length)).map(move |number| (length, number)))
                .map(|(length, number)| {
                    (0..length)
                        .map(|place| letters[(number / base.pow(place) % base) as usize])
                        .collect()
                })
                .collect()
        };
        let texts = words(&['a', 'b'], 5);
        for pattern in words(&['a', 'b', '*', '?'], 5) {
            let compiled = Pattern::new(&pattern.iter().collect::<String>(), true);
            for text in &texts {
                let expected = slowly(&pattern, text);
                assert_eq!(
                    compiled.matches(&text.iter().collect::<String>()),
                    expected,
                    "{pattern:?} {text:?}"
                );
            }
        }
    }

    #[test]
    fn the_work_is_bounded_by_text_times_pattern() {
        for stars in [1, 2, 8, 32, 128] {
            for length in [100, 1_000, 4_096] {
                let pattern = Pattern::new(&format!("{}b", "*a".repeat(stars)), false);
                let (matched, steps) = pattern.run(&"a".repeat(length));
                assert!(!matched);
                assert!(
                    steps <= (2 * stars + 3) * (length + 1),
                    "{stars} stars over {length} letters took {steps} steps"
                );
            }
        }
        // Stars do not multiply: once a later one is reached, those before are settled.
        let (_, few) = Pattern::new("*a*b", false).run(&"a".repeat(4_096));
        let (_, many) = Pattern::new(&format!("{}b", "*a".repeat(64)), false).run(&"a".repeat(4_096));
        assert!(many < 2 * few + 1_000, "{few} and {many} steps");
    }
}
