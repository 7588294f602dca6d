//! Keys in text, for `--keys`: `space*5 left p=priority s`.

use lab::Problem;
use ratatui::crossterm::event::KeyCode;

/// The names of the keys that have one; the others are written as the character they type.
const NAMED: [(&str, KeyCode); 14] = [
    ("space", KeyCode::Char(' ')),
    ("right", KeyCode::Right),
    ("left", KeyCode::Left),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("pgup", KeyCode::PageUp),
    ("pgdn", KeyCode::PageDown),
    ("tab", KeyCode::Tab),
    ("enter", KeyCode::Enter),
    ("esc", KeyCode::Esc),
    ("backspace", KeyCode::Backspace),
    ("back", KeyCode::Backspace),
];

/// What `--keys` understands, in a line.
pub const SYNTAX: &str = "keys with spaces between: space, right, left, up, down, home, end, pgup, \
                          pgdn, tab, enter, esc, or a character; KEY*N presses it N times, g=N \
                          goes to switch N, p=NAME chooses a policy";

/// So many keys are nobody's wish.
const MOST: usize = 1_000_000;

/// Reads keys.
///
/// # Errors
/// In one line: what is no key, and what would be.
pub fn parse(text: &str) -> Result<Vec<KeyCode>, Problem> {
    let mut keys = Vec::new();
    for word in text.split_whitespace() {
        match word.split_once('=') {
            Some((key @ ("g" | "p"), typed)) if !typed.is_empty() => {
                keys.extend(key.chars().chain(typed.chars()).map(KeyCode::Char));
                keys.push(KeyCode::Enter);
            }
            _ => {
                let (name, times) = match word.rsplit_once('*') {
                    Some((name, times)) if !name.is_empty() => (name, times.parse().ok()),
                    _ => (word, Some(1)),
                };
                let pressed = key(name).zip(times.filter(|times| *times <= MOST));
                let (key, times) = pressed
                    .ok_or_else(|| Problem::new(format!("--keys: `{word}` is no key: {SYNTAX}")))?;
                keys.extend(std::iter::repeat_n(key, times));
            }
        }
    }
    Ok(keys)
}

fn key(name: &str) -> Option<KeyCode> {
    if let Some(&(_, code)) = NAMED.iter().find(|(known, _)| *known == name) {
        return Some(code);
    }
    let mut characters = name.chars();
    match (characters.next(), characters.next()) {
        (Some(character), None) => Some(KeyCode::Char(character)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_named_repeated_and_spelt_out() {
        let keys = parse("space*2 left S g=12 p=lifo").map_err(|e| e.to_string()).unwrap();
        let typed = |text: &str| text.chars().map(KeyCode::Char).collect::<Vec<_>>();
        let wanted = [typed("  "), vec![KeyCode::Left], typed("Sg12"), vec![KeyCode::Enter]];
        let wanted = [wanted.concat(), typed("plifo"), vec![KeyCode::Enter]].concat();
        assert_eq!(keys, wanted);
        for wrong in ["spacebar", "left*many", "left*-1", "g="] {
            let error = parse(wrong).map(drop).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("--keys: `{wrong}` is no key: keys with")),
                "{error}"
            );
        }
    }
}
