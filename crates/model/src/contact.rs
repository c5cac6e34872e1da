//! Contact methods: how to reach a client.

use crate::violation::Violation;
use serde::{Deserialize, Serialize};

/// The kind of a contact method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContactType {
    /// A number for messages.
    Whatsapp,
    /// Telephone number.
    Phone,
    /// E-mail address.
    Email,
    /// Fax number.
    Fax,
    /// Anything else.
    Other,
}

impl ContactType {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Whatsapp, Self::Phone, Self::Email, Self::Fax, Self::Other];

    /// The name on the wire and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Whatsapp => "whatsapp",
            Self::Phone => "phone",
            Self::Email => "email",
            Self::Fax => "fax",
            Self::Other => "other",
        }
    }

    /// Reads the name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl crate::patch::Parse for ContactType {
    fn parse(value: &serde_json::Value) -> Result<Self, Violation> {
        value
            .as_str()
            .and_then(Self::from_name)
            .ok_or_else(|| Violation::not_one_of(&Self::ALL.map(Self::as_str)))
    }
}

/// The most contact methods of a client.
pub const MAX_METHODS: usize = 100;

/// One way to reach a client. The value is kept as typed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactMethod {
    /// Its kind.
    pub kind: ContactType,
    /// The address or number.
    pub value: String,
    /// Whether this is the one to use first.
    pub preferred: bool,
}

impl ContactMethod {
    /// Checks the value by its kind: an e-mail address, or a telephone number (E.164 where it
    /// starts with `+`, else 4 to 15 digits; separators allowed).
    pub fn new(kind: ContactType, value: &str, preferred: bool) -> Result<Self, Violation> {
        crate::text::no_nul(value)?;
        if value.trim().is_empty() {
            return Err(Violation::new("not_blank", "must have at least 1 character"));
        }
        match kind {
            ContactType::Email => check_email(value)?,
            ContactType::Phone | ContactType::Whatsapp | ContactType::Fax => check_number(value)?,
            ContactType::Other => {}
        }
        Ok(Self { kind, value: value.to_owned(), preferred })
    }
}

/// The whole list: at least one, exactly one of them preferred. Empty only where none were ever set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContactMethods(Vec<ContactMethod>);

impl ContactMethods {
    /// Checks the rules of the list.
    pub fn new(methods: Vec<ContactMethod>) -> Result<Self, Violation> {
        if methods.is_empty() {
            return Err(Violation::new("min_items", "must hold at least 1 contact method"));
        }
        Self::check_preferred(methods.iter().filter(|method| method.preferred).count())?;
        Ok(Self(methods))
    }

    /// Checks how many of a list are preferred.
    pub fn check_preferred(count: usize) -> Result<(), Violation> {
        if count == 1 {
            return Ok(());
        }
        let message = format!("exactly one must be preferred, not {count}");
        Err(Violation::new("one_preferred", message))
    }

    /// The methods in the order given.
    pub fn as_slice(&self) -> &[ContactMethod] {
        &self.0
    }

    /// Whether none were ever set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn check_email(value: &str) -> Result<(), Violation> {
    let options = email_address::Options::default().without_display_text();
    email_address::EmailAddress::parse_with_options(value, options)
        .map(|_| ())
        .map_err(|_| Violation::new("email", "must be an e-mail address"))
}

/// An e-mail address (RFC 5321 and 5322, no display name), kept as typed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EmailAddress(String);

impl EmailAddress {
    /// Checks the form.
    pub fn new(text: &str) -> Result<Self, Violation> {
        check_email(text)?;
        Ok(Self(text.to_owned()))
    }

    /// The address as typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl crate::patch::Parse for EmailAddress {
    const EMPTY_CLEARS: bool = true;

    fn parse(value: &serde_json::Value) -> Result<Self, Violation> {
        Self::new(value.as_str().ok_or_else(|| Violation::not_a("a string"))?)
    }
}

const SEPARATORS: [char; 7] = [' ', '-', '.', '/', '(', ')', '\u{a0}'];

fn check_number(value: &str) -> Result<(), Violation> {
    let bare: String = value.chars().filter(|c| !SEPARATORS.contains(c)).collect();
    let digits = bare.strip_prefix('+').unwrap_or(&bare);
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.len() <= 15;
    if bare.starts_with('+') {
        // Only digits reach the library: it is made for friendlier input than a caller may send.
        let valid = plain
            && digits.len() >= 4
            && phonenumber::parse(None, &bare).is_ok_and(|number| phonenumber::is_valid(&number));
        return valid.then_some(()).ok_or_else(|| {
            Violation::new(
                "e164",
                "must be a valid international number (E.164), such as +49 30 901820",
            )
        });
    }
    (plain && digits.len() >= 4).then_some(()).ok_or_else(|| {
        Violation::new(
            "phone",
            "must have 4 to 15 digits, or start with + and be a valid E.164 number",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn accepts(kind: ContactType, value: &str) -> bool {
        ContactMethod::new(kind, value, true).is_ok()
    }

    #[test]
    fn numbers() {
        for good in ["+49 30 901820", "+1 (202) 456-1111", "+442079460958", "030 901820", "1234"] {
            assert!(accepts(ContactType::Phone, good), "{good}");
        }
        for bad in
            ["+", "+12", "+999999999999", "123", "1234567890123456", "12a4", "+49 x", "٠١٢٣٤"]
        {
            assert!(!accepts(ContactType::Fax, bad), "{bad}");
        }
        assert!(accepts(ContactType::Other, "carrier pigeon"));
        assert!(!accepts(ContactType::Other, " "));
    }

    #[test]
    fn addresses() {
        assert!(accepts(ContactType::Email, "jane@example.com"));
        for bad in ["jane", "@example.com", "Jane <jane@example.com>", "jane@", "a b@example.com"] {
            assert!(!accepts(ContactType::Email, bad), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered(value in "\\PC*", plus in "\\+[0-9 ()\\-./]{0,30}") {
            for kind in ContactType::ALL {
                let _answered = ContactMethod::new(kind, &value, true);
                let _answered = ContactMethod::new(kind, &plus, true);
            }
        }
    }
}
