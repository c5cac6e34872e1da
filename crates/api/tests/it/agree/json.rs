//! JSON as text, so that it can be written in ways that no library writes it.

use super::dice::Dice;
use std::fmt::Write as _;

/// A text, each character as itself or escaped in one of the ways there are.
pub(super) fn string(dice: &mut Dice, text: &str) -> String {
    let mut written = String::from("\"");
    let escapes = dice.once_in(3);
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                written.push('\\');
                written.push(character);
            }
            '/' if escapes => written.push_str("\\/"),
            character if character < ' ' || escapes && dice.once_in(3) => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    let _infallible = write!(written, "\\u{unit:04x}");
                }
            }
            character => written.push(character),
        }
    }
    written + "\""
}

/// Any text of at most about `limit` characters.
pub(super) fn text(dice: &mut Dice, limit: usize) -> String {
    let text = dice.text(limit);
    string(dice, &text)
}

/// A value of any type, or none that JSON has.
pub(super) fn any(dice: &mut Dice) -> String {
    match dice.below(12) {
        0..=2 => dice.number(),
        3 => "null".into(),
        4 => dice.one(&["true", "false"]).to_owned(),
        5 => dice.one(&["[]", "{}", "[1, [2, {\"a\": null}]]", "{\"a\": 1, \"a\": 2}"]).to_owned(),
        6 => dice.one(&["{\"b\": 1.0, \"a\": -0.0, \"aa\": 1e2}", "[1e400]"]).to_owned(),
        7 => dice.one(&["\"\\ud800\"", "\"\\udc00\\ud800\"", "\"\\x\"", "'a'", "nul"]).to_owned(),
        8 => format!("{}1{}", "[".repeat(120), "]".repeat(120)),
        _ => text(dice, 100),
    }
}

/// `good`, and now and then something of any type.
pub(super) fn mostly(dice: &mut Dice, good: impl FnOnce(&mut Dice) -> String) -> String {
    match dice.below(60) {
        0 => any(dice),
        1 => "null".into(),
        _ => good(dice),
    }
}

/// An object of these members; now and then one of them twice.
pub(super) fn object(dice: &mut Dice, mut members: Vec<(String, String)>) -> String {
    if dice.once_in(80)
        && let Some((name, _)) = members.first().cloned()
    {
        let value = any(dice);
        members.push((name, value));
    }
    let members: Vec<_> =
        members.iter().map(|(name, value)| format!("{}: {value}", string(dice, name))).collect();
    format!("{{{}}}", members.join(", "))
}

/// An array of at most `most` items.
pub(super) fn array(
    dice: &mut Dice,
    most: usize,
    mut item: impl FnMut(&mut Dice, usize) -> String,
) -> String {
    let count = dice.below(most + 1);
    let items: Vec<_> = (0..count).map(|at| item(dice, at)).collect();
    format!("[{}]", items.join(", "))
}
