//! Desktop files: what an application is called and how it is started. Pure.

use crate::inventory;

/// Bytes of a command; of one that is longer, no process would be known.
const LONGEST: usize = 2_048;
/// Words of it that are compared with what processes were started with.
const MOST_WORDS: usize = 32;

/// What the agent needs of one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct DesktopFile {
    pub(super) name: String,
    /// The program and its fixed arguments.
    pub(super) command: Vec<String>,
    pub(super) flatpak: Option<String>,
    pub(super) snap: Option<String>,
}

/// Reads one; `None` if it is no application, or one that menus do not show: such helpers run without
/// anybody using them.
pub(super) fn parse(text: &str) -> Option<DesktopFile> {
    let mut file = DesktopFile::default();
    let mut in_entry = false;
    let mut is_application = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            in_entry = line == "[Desktop Entry]";
            continue;
        }
        let Some((key, value)) = line.split_once('=').filter(|_| in_entry) else { continue };
        let value = value.trim();
        match key.trim() {
            "Type" => is_application = value == "Application",
            "Name" => file.name = inventory::text(&unescape(value), 255).unwrap_or_default(),
            "Exec" if value.len() <= LONGEST => file.command = command(&unescape(value)),
            "NoDisplay" | "Hidden" if value == "true" => return None,
            "X-Flatpak" => file.flatpak = inventory::text(value, 255),
            "X-SnapInstanceName" => file.snap = inventory::text(value, 255),
            _ => {}
        }
    }
    (is_application && !file.name.is_empty() && !file.command.is_empty()).then_some(file)
}

fn unescape(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (c, false) => text.push(c),
            (_, true) => match chars.next() {
                Some('s' | 'n' | 't' | 'r') => text.push(' '),
                Some('\\') | None => text.push('\\'),
                Some(other) => text.extend(['\\', other]),
            },
        }
    }
    text
}

/// The words of an `Exec`, without what stands for files and without what only wraps the program.
fn command(exec: &str) -> Vec<String> {
    let words = words(exec);
    let fixed = words.into_iter().filter(|word| !is_field_code(word)).collect();
    let mut command = unwrapped(fixed);
    command.truncate(MOST_WORDS);
    command
}

fn is_field_code(word: &str) -> bool {
    word.len() == 2 && word.starts_with('%') && word != "%%" || word == "@@" || word == "@@u"
}

/// `env NAME=VALUE program`: the program.
fn unwrapped(words: Vec<String>) -> Vec<String> {
    let is_env = words.first().is_some_and(|word| word.rsplit('/').next() == Some("env"));
    if !is_env {
        return words;
    }
    let is_setting = |word: &String| word.contains('=') || word.starts_with('-');
    words.into_iter().skip(1).skip_while(is_setting).collect()
}

fn words(exec: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    let mut chars = exec.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            '\\' if quoted => word.get_or_insert_default().extend(chars.next()),
            c if c.is_whitespace() && !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(lines: &str) -> Option<DesktopFile> {
        parse(&format!("#!/usr/bin/env xdg-open\n[Desktop Entry]\nType=Application\n{lines}\n"))
    }

    #[test]
    fn a_name_fits_into_a_record() {
        let file = parsed(&format!("Name= {}\u{7} \nExec=a", "n".repeat(300))).unwrap();
        assert_eq!(file.name, "n".repeat(255));
    }

    #[test]
    fn no_command_is_without_an_end() {
        let file = parsed(&format!("Name=A\nExec=a {}", "b ".repeat(900))).unwrap();
        assert_eq!(file.command.len(), MOST_WORDS);
        assert_eq!(parsed(&format!("Name=A\nExec=a {}", "b ".repeat(90_000))), None);
    }

    #[test]
    fn an_application_has_a_name_and_a_command() {
        let file =
            parsed("Name=Text Editor\nName[de]=Texteditor\nExec=\"/opt/my editor/run\" -a %U")
                .unwrap();
        assert_eq!(file.name, "Text Editor");
        assert_eq!(file.command, ["/opt/my editor/run", "-a"]);
    }

    #[test]
    fn the_program_behind_env_counts() {
        let file = parsed("Name=A\nExec=env LANG=C BAMF=/x.desktop /snap/bin/a --new %u").unwrap();
        assert_eq!(file.command, ["/snap/bin/a", "--new"]);
    }

    #[test]
    fn other_groups_of_the_file_are_not_read() {
        let file = parsed("Name=A\nExec=a\n[Desktop Action new]\nName=New\nExec=a --new").unwrap();
        assert_eq!((file.name.as_str(), file.command), ("A", vec!["a".to_owned()]));
    }

    #[test]
    fn what_menus_do_not_show_is_none() {
        for lines in [
            "Name=A\nExec=a\nNoDisplay=true",
            "Name=A\nExec=a\nHidden=true",
            "Name=A",
            "Exec=a",
            "Name=A\nExec=a\nType=Link",
            "Name=A\nExec=env A=B",
        ] {
            assert_eq!(parsed(lines), None, "{lines}");
        }
    }

    #[test]
    fn flatpaks_and_snaps_say_so() {
        let file = parsed("Name=A\nExec=flatpak run org.a.A\nX-Flatpak=org.a.A").unwrap();
        assert_eq!(file.flatpak.as_deref(), Some("org.a.A"));
        let file = parsed("Name=A\nExec=a\nX-SnapInstanceName=a").unwrap();
        assert_eq!(file.snap.as_deref(), Some("a"));
    }

    proptest! {
        #[test]
        fn no_file_upsets_it(text in "(\\[Desktop Entry\\]\n)?([A-Za-z]{1,5}=[ -~é\n\"\\\\%]{0,30}\n?){0,5}") {
            let _anything = parse(&text);
        }

        /// Whatever is quoted comes out as it was.
        #[test]
        fn quoted_words_come_out(wanted in prop::collection::vec("[a-z %$\"\\\\]{0,8}", 1..5)) {
            let quote = |word: &String| {
                let word = word.replace('\\', "\\\\").replace('"', "\\\"");
                format!("\"{word}\"")
            };
            let exec: Vec<String> = wanted.iter().map(quote).collect();
            prop_assert_eq!(words(&exec.join(" ")), wanted);
        }
    }
}
