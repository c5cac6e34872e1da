//! Text as searches see it: no case, no accents.

use crate::client::Client;
use crate::contact::{ContactType, EmailAddress};
use crate::text::{Text, no_nul};
use crate::violation::Violation;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::canonical_combining_class;

/// Between the fields of a search text; nothing that is folded holds it, so nothing is found across
/// two fields.
const BETWEEN: char = '\n';

/// How many characters of its folded name a client is sorted by.
pub const NAME_KEY: usize = 80;

/// The most characters of a text to search for.
pub const MAX_WORDS: usize = 200;

/// `text` without case and accents: `Łódź`, `ŁÓDŹ` and `lodz` are the same, and so are `Straße` and
/// `STRASSE`. Compatible forms are one too (NFKD). Folding again changes nothing.
pub fn fold(text: &str) -> String {
    // Most texts are ASCII.
    if text.is_ascii() {
        return text.chars().map(|c| plain(c.to_ascii_lowercase())).collect();
    }
    let lower = text.nfkd().flat_map(char::to_lowercase);
    let bare = lower.nfkd().filter(|c| canonical_combining_class(*c) == 0);
    let mut folded = String::with_capacity(text.len());
    for c in bare {
        match letters(c) {
            Some(letters) => folded.push_str(letters),
            None => folded.push(plain(c)),
        }
    }
    folded
}

// A line break in what is searched for must not reach from one field into the next.
fn plain(c: char) -> char {
    if c.is_control() { ' ' } else { c }
}

/// Letters that Unicode does not take apart, as those write them who do not have them.
fn letters(c: char) -> Option<&'static str> {
    Some(match c {
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'þ' => "th",
        'ø' => "o",
        'ł' | 'ɫ' => "l",
        'đ' | 'ð' | 'ɖ' => "d",
        'ħ' => "h",
        'ı' | 'ɨ' => "i",
        'ŧ' => "t",
        'ŋ' => "n",
        'ĸ' => "k",
        'ƀ' => "b",
        'ǥ' => "g",
        'ʉ' => "u",
        'ς' => "σ",
        // Apostrophes and hyphens are typed in many ways.
        '‘' | '’' | 'ʼ' => "'",
        '‐' | '‑' | '–' => "-",
        _ => return None,
    })
}

/// What is searched for, folded: at least one character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words(String);

impl Words {
    /// Folds a text of 1 to 200 characters, without the spaces at its ends, which names have none of
    /// either. Those within count: a search is for the very sequence.
    pub fn new(text: &str) -> Result<Self, Violation> {
        no_nul(text)?;
        if text.chars().count() > MAX_WORDS {
            let message = format!("must have at most {MAX_WORDS} characters");
            return Err(Violation::new("max_length", message));
        }
        let folded = fold(text.trim());
        if folded.is_empty() {
            return Err(Violation::new("min_length", "must have at least 1 character"));
        }
        Ok(Self(folded))
    }

    /// The folded text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl crate::patch::Parse for Words {
    fn parse(value: &serde_json::Value) -> Result<Self, Violation> {
        Self::new(value.as_str().ok_or_else(|| Violation::not_a("a string"))?)
    }
}

/// What lists keep of a client: how it is sorted and what it is found by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The beginning of the folded name.
    pub name: String,
    /// The folded name, e-mail addresses, outside ids and tags, one a line.
    pub text: String,
}

impl Listing {
    /// The listing of `client`.
    pub fn of(client: &Client) -> Self {
        let mut text = fold(client.name.as_str());
        let name = text.chars().take(NAME_KEY).collect();
        let methods = client.contact_methods.as_slice().iter();
        let addresses = methods.filter(|method| method.kind == ContactType::Email);
        let own = client.email.as_ref().map(EmailAddress::as_str);
        let tags = client.tags.iter().map(crate::text::Label::as_str);
        let fields = own
            .into_iter()
            .chain(addresses.map(|method| method.value.as_str()))
            .chain(outside_ids(client))
            .chain(tags);
        for field in fields.map(fold) {
            // The same address often stands in two places.
            if !text.split(BETWEEN).any(|line| line == field) {
                text.push(BETWEEN);
                text.push_str(&field);
            }
        }
        Self { name, text }
    }
}

fn outside_ids(client: &Client) -> impl Iterator<Item = &str> {
    let success = &client.success;
    [
        client.external_id.as_ref().map(Text::as_str),
        success.salesforce_account_id.as_ref().map(Text::as_str),
        success.zendesk_id.as_ref().map(Text::as_str),
        success.freshdesk_id.as_ref().map(Text::as_str),
        success.usage_id.as_ref().map(Text::as_str),
        success.stripe_id.as_ref().map(Text::as_str),
        success.external_status_id.as_ref().map(Text::as_str),
    ]
    .into_iter()
    .flatten()
}

/// Whether a folded search text has `words` in its first field, the name.
pub fn in_name(text: &str, words: &Words) -> bool {
    text.split(BETWEEN).next().is_some_and(|name| name.contains(words.as_str()))
}

/// Whether a folded search text has `words` anywhere.
pub fn in_text(text: &str, words: &Words) -> bool {
    text.contains(words.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn case_and_accents_do_not_count() {
        for (one, other) in [
            ("Łódź", "lodz"),
            ("STRASSE", "Straße"),
            ("Ǆ", "dz"),
            ("Đorđe Ćirić", "dorde ciric"),
            ("İSTANBUL ıxx", "istanbul ixx"),
            ("Ærøskøbing", "aeroskobing"),
            ("ﬁnance", "finance"),
            ("Ａｃｍｅ", "acme"),
            ("ΟΔΥΣΣΕΎΣ", "οδυσσευς"),
            ("O’Brien", "o'brien"),
            ("Nguyễn", "nguyen"),
            ("Ёлка", "елка"),
        ] {
            assert_eq!(fold(one), fold(other), "{one}");
        }
        assert_eq!(fold("e\u{301}"), fold("é"));
        assert_eq!(fold("a\nb\tc"), "a b c");
        assert_eq!(fold("क्षि"), fold("क्षि"));
    }

    #[test]
    fn what_can_be_searched_for() {
        assert!(Words::new("%").is_ok() && Words::new(&"é".repeat(MAX_WORDS)).is_ok());
        assert_eq!(Words::new(" a  b\n").map(|words| words.0), Ok("a  b".into()));
        for bad in ["", " ", "\u{301}", "a\0b", &"x".repeat(MAX_WORDS + 1)] {
            assert!(Words::new(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn folding_again_changes_nothing(text in "\\PC{0,40}", any in ".{0,20}") {
            for text in [text, any] {
                let once = fold(&text);
                prop_assert_eq!(fold(&once), once.clone());
                prop_assert!(!once.contains(['\n', '\0']));
            }
        }

        #[test]
        fn case_does_not_count(text in "[a-zà-öø-ÿāăąćĉ а-я]{0,30}") {
            prop_assert_eq!(fold(&text), fold(&text.to_uppercase()));
        }

        #[test]
        fn a_part_is_found(head in "[\\w .-]{0,10}", part in "[\\w .-]{1,10}", tail in "[\\w .-]{0,10}") {
            // Where the cut does not fall between a letter and its accent.
            let whole = fold(&format!("{head}{part}{tail}"));
            let words = Words::new(&part);
            if let Ok(words) = words {
                prop_assert!(in_text(&whole, &words));
            }
        }
    }
}
