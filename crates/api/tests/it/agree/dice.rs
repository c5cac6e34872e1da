//! Random values, many of them of the kind that two engines could see differently.

use super::world::{Client, ISSUER, SAMPLE, SECRET, World};
use clientbook_model::time::Timestamp;
use clientbook_testkit::Signer;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use std::collections::VecDeque;

/// Texts that differ by letter case, accents or normal form only, that sort differently by
/// collation, that SQL or JSON could take for something else, or that show as nothing.
const TEXTS: &[&str] = &[
    "",
    " ",
    "Acme",
    "ACME",
    "acme",
    "ácme",
    "a\u{301}cme",
    "straße",
    "STRASSE",
    "strasse",
    "ẞ",
    "İstanbul",
    "istanbul",
    "ISTANBUL",
    "ıstanbul",
    "Å",
    "A\u{30a}",
    "\u{212b}",
    "ǆ",
    "ǅ",
    "Σίσυφος",
    "σίσυφος",
    "ﬁ",
    "fi",
    "Zebra",
    "zebra",
    "Äpfel",
    "apfel",
    "-a",
    "_a",
    "a b",
    "a-b",
    "a_b",
    "ab",
    "a\u{200b}b",
    "10",
    "9",
    "%",
    "\\",
    "\\u0041",
    "'",
    "''; --",
    "\"",
    "$1",
    "{}",
    "[]",
    "null",
    "NULL",
    "true",
    "1e400",
    "\t",
    "\n",
    "\r\n",
    "\u{1}",
    "\u{7f}",
    "\u{85}",
    "\u{a0}pad\u{a0}",
    "\u{2028}",
    "\u{feff}bom",
    "\u{fffd}",
    "\u{ffff}",
    "\u{10ffff}",
    "\u{d7ff}\u{e000}",
    "👩\u{200d}💻",
    "🇩🇪",
    "日本語",
    "עברית",
    "\u{202e}rtl",
    "e\u{301}\u{302}\u{303}",
    "\0",
    "a\0b",
];

/// Numbers as JSON writes them, or does not.
const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "0.0",
    "-0.0",
    "1",
    "-1",
    "1.0",
    "1e0",
    "1E2",
    "1e16",
    "1.5",
    "0.1",
    "1e-400",
    "1e400",
    "-1e400",
    "100",
    "101",
    "-100",
    "-101",
    "9007199254740991",
    "9007199254740993",
    "9223372036854775806",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "18446744073709551616",
    "123456789012345678901234567890",
    "01",
    "+1",
    "NaN",
    "1_000",
];

/// Times, precise and not, possible and not.
const TIMES: &[&str] = &[
    "2030-01-01T00:00:00Z",
    "2030-01-01T00:00:00.0005Z",
    "2030-01-01T00:00:00.9994999Z",
    "2030-01-01T00:00:00.9999999Z",
    "2030-01-01t00:00:00z",
    "2030-01-01T00:00:00+00:00",
    "2030-01-01T02:00:00+02:00",
    "2030-06-30T23:59:60Z",
    "2030-02-29T00:00:00Z",
    "9999-12-30T22:00:00.000Z",
    "9999-12-30T22:00:00.001Z",
    "9999-12-31T23:59:59Z",
    "0000-01-01T00:00:00Z",
    "1969-12-31T23:59:59.9995Z",
    "infinity",
    "",
    "2030-01-01",
];

/// A source of random choices: the same for the same seed.
pub(super) struct Dice(StdRng);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    /// A number below `end`.
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0.random_range(0..end)
    }

    /// A number from `start` to `end`.
    pub(super) fn from(&mut self, start: i64, end: i64) -> i64 {
        self.0.random_range(start..=end)
    }

    /// True once in `n` times.
    pub(super) fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub(super) fn one<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }

    pub(super) fn remembered<'a, T>(&mut self, of: &'a VecDeque<T>) -> Option<&'a T> {
        if of.is_empty() { None } else { of.get(self.below(of.len())) }
    }

    /// A text of a few characters; now and then one of `limit` or one more.
    pub(super) fn text(&mut self, limit: usize) -> String {
        match self.below(40) {
            0 => {
                let character = self.one(&["a", "ß", "語", "😀"]);
                character.repeat(limit.min(3_000) + self.below(2))
            }
            1..=20 => self.one(TEXTS).to_owned(),
            _ => {
                let mut text = String::new();
                for _ in 0..=self.below(3) {
                    text.push_str(self.one(TEXTS));
                    text.push(char::from(b'a' + u8::try_from(self.below(26)).unwrap_or(0)));
                }
                // Most texts are fine.
                text.replace('\0', "0").chars().take(limit).collect()
            }
        }
    }

    pub(super) fn number(&mut self) -> String {
        if self.once_in(2) {
            self.one(NUMBERS).to_owned()
        } else {
            self.from(-150, 150).to_string()
        }
    }

    /// A time as text: from the list, or near the clock.
    pub(super) fn time(&mut self, now: i64) -> String {
        let near = self.once_in(2).then(|| now + self.from(-1_000, 100_000));
        match near.and_then(Timestamp::from_millis) {
            Some(time) => time.to_string(),
            None => self.one(TIMES).to_owned(),
        }
    }

    pub(super) fn client<'a>(&mut self, world: &'a World) -> &'a Client {
        &world.clients[self.below(world.clients.len())]
    }

    /// A tenant in a path: `own`, in one of its forms, or any other.
    pub(super) fn tenant(&mut self, own: &str) -> String {
        let demo = ["b2c3d4e5-f6a7-8901-bcde-f12345678901", "65A000000000000000000123"];
        match self.below(40) {
            0 => self.one(&["tenant123", "tenant999", SAMPLE, "clientbook-system"]).to_owned(),
            1 => self.one(&["nobody", "TENANT123", "%00", "t%C3%A4nant", "x", "%27"]).to_owned(),
            2 => "00000000-0000-0000-0000-000000000000".to_owned(),
            3..=8 if own == "tenant123" => self.one(&demo).to_owned(),
            _ => own.to_owned(),
        }
    }

    /// Who calls: the header that says so, if any.
    pub(super) fn bearer(&mut self, world: &World) -> Option<String> {
        let token = match self.below(60) {
            0 => return None,
            1 => self.one(&["x", "cb_x", "a.b.c"]).to_owned(),
            2..=10 => self.jwt(world),
            11..=30 => match self.remembered(&world.tokens) {
                Some(token) => token.secret.clone(),
                None => "cb_unknown".to_owned(),
            },
            // Most calls are to get somewhere.
            _ => "operator-token-of-the-tests".to_owned(),
        };
        Some(format!("Bearer {token}"))
    }

    fn subject(&mut self) -> String {
        let text = self.text(300);
        // One that is empty, or has U+0000, logs nobody in.
        if self.once_in(20) { text } else { format!("s{}", text.replace('\0', "0")) }
    }

    fn jwt(&mut self, world: &World) -> String {
        let client = self.client(world);
        let mut claims = json!({
            "iss": ISSUER,
            "aud": "clientbook",
            "sub": self.subject(),
            "name": self.text(1_000),
            "exp": world.now / 1_000 + self.from(-70, 300),
            "tenant_id": client.tenant,
            "roles": [self.one(&["viewer", "member", "admin", "operator"])],
        });
        match self.below(12) {
            0 => claims["clients"] = json!([client.id]),
            1 => claims["org_id"] = json!("org-1"),
            2 => claims["project_id"] = Value::from(self.text(100)),
            _ => {}
        }
        Signer::secret(SECRET.as_bytes()).sign("any", &claims)
    }
}
