//! Rust source taken apart far enough for the rules: what is code, what is a string literal. Not a
//! parser: source that does not compile gives nonsense here, and errors elsewhere.

/// A file's code and its string literals.
pub(super) struct Source {
    /// The text, line for line, with comments and the insides of literals turned to spaces.
    pub(super) code: String,
    pub(super) literals: Vec<Literal>,
}

/// A string literal as it is written: escapes are not resolved.
pub(super) struct Literal {
    /// Where it begins, from 1.
    pub(super) line: usize,
    pub(super) text: String,
}

impl Source {
    pub(super) fn parse(text: &str) -> Self {
        let mut lexer = Lexer {
            chars: text.chars().collect(),
            at: 0,
            line: 1,
            source: Self { code: String::with_capacity(text.len()), literals: Vec::new() },
        };
        while lexer.at < lexer.chars.len() {
            lexer.token();
        }
        lexer.source
    }
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
    line: usize,
    source: Source,
}

impl Lexer {
    fn token(&mut self) {
        match (self.ahead(0), self.ahead(1)) {
            ('/', '/') => self.blank_while(|lexer| lexer.ahead(0) != '\n'),
            ('/', '*') => self.block_comment(),
            ('"', _) => self.string(),
            ('\'', _) => self.quote(),
            ('r', '"' | '#') => self.raw_string(),
            _ => self.keep(),
        }
    }

    /// The character so many places ahead; NUL past the end.
    fn ahead(&self, distance: usize) -> char {
        self.chars.get(self.at + distance).copied().unwrap_or('\0')
    }

    fn advance(&mut self, written: char) {
        if self.at == self.chars.len() {
            return;
        }
        if self.ahead(0) == '\n' {
            self.line += 1;
        }
        self.source.code.push(written);
        self.at += 1;
    }

    fn keep(&mut self) {
        self.advance(self.ahead(0));
    }

    fn blank(&mut self) {
        self.advance(if self.ahead(0) == '\n' { '\n' } else { ' ' });
    }

    fn blank_while(&mut self, condition: impl Fn(&Self) -> bool) {
        while self.at < self.chars.len() && condition(self) {
            self.blank();
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0_usize;
        while self.at < self.chars.len() {
            match (self.ahead(0), self.ahead(1)) {
                ('/', '*') => depth += 1,
                ('*', '/') => depth -= 1,
                _ => {
                    self.blank();
                    continue;
                }
            }
            self.blank();
            self.blank();
            if depth == 0 {
                return;
            }
        }
    }

    fn string(&mut self) {
        self.keep();
        let (start, line) = (self.at, self.line);
        while self.at < self.chars.len() && self.ahead(0) != '"' {
            if self.ahead(0) == '\\' {
                self.blank();
            }
            self.blank();
        }
        self.literal(start, line);
        self.keep();
    }

    /// `r"..."`, `r#"..."#` and so on, or else a raw name like `r#type`.
    fn raw_string(&mut self) {
        let hashes = self.chars[self.at + 1..].iter().take_while(|c| **c == '#').count();
        self.keep();
        if self.ahead(hashes) != '"' {
            return;
        }
        for _ in 0..=hashes {
            self.keep();
        }
        let (start, line) = (self.at, self.line);
        let ends = |lexer: &Self| {
            lexer.ahead(0) == '"' && (1..=hashes).all(|distance| lexer.ahead(distance) == '#')
        };
        self.blank_while(|lexer| !ends(lexer));
        self.literal(start, line);
        for _ in 0..=hashes {
            self.keep();
        }
    }

    /// A character literal, or else the quote of a lifetime.
    fn quote(&mut self) {
        let escaped = self.ahead(1) == '\\';
        self.keep();
        if escaped {
            self.blank();
            self.blank();
            self.blank_while(|lexer| lexer.ahead(0) != '\'');
            self.keep();
        } else if self.ahead(1) == '\'' {
            self.blank();
            self.keep();
        }
    }

    fn literal(&mut self, start: usize, line: usize) {
        let text = self.chars[start..self.at].iter().collect();
        self.source.literals.push(Literal { line, text });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> String {
        Source::parse(text).code
    }

    fn literals(text: &str) -> Vec<(usize, String)> {
        Source::parse(text).literals.into_iter().map(|it| (it.line, it.text)).collect()
    }

    #[test]
    fn comments_are_blanked_and_lines_kept() {
        assert_eq!(code("a // \"b\"\nc"), "a       \nc");
        assert_eq!(code("/* a /* b */\n */ c"), "            \n    c");
    }

    #[test]
    fn literals_are_blanked_and_listed() {
        assert_eq!(code(r#"f("a { \" b", 1)"#), r#"f("        ", 1)"#);
        assert_eq!(literals("\nf(\"a\\\"b\");"), [(2, "a\\\"b".to_owned())]);
        assert_eq!(literals("f(\"a // b\n\", \"c\")"), [(1, "a // b\n".into()), (2, "c".into())]);
    }

    #[test]
    fn raw_strings_end_at_their_own_hashes() {
        assert_eq!(
            literals("r#\"a \"b\" \\\"#; br\"c\"; \"d\""),
            [(1, "a \"b\" \\".to_owned()), (1, "c".to_owned()), (1, "d".to_owned()),]
        );
        assert_eq!(code("r#type: \"a\""), "r#type: \" \"");
    }

    #[test]
    fn characters_and_lifetimes_are_told_apart() {
        assert_eq!(code("'{' '\\'' '\\u{7d}' b'\"'"), "' ' '  ' '      ' b' '");
        assert_eq!(code("fn a<'a>(b: &'a str) {"), "fn a<'a>(b: &'a str) {");
        assert!(literals("'\"'; '\\\"';").is_empty());
    }
}
