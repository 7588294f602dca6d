//! The two languages.

/// In which language the class speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English: unless told otherwise.
    #[default]
    English,
    /// Spanish.
    Spanish,
}

impl Language {
    /// Both.
    pub const ALL: [Self; 2] = [Self::English, Self::Spanish];

    /// The language of that name, as in `--lang es` or in `LANG=es_AR.UTF-8`.
    pub fn named(name: &str) -> Option<Self> {
        let code = name.split(['_', '.', '-', '@']).next().unwrap_or(name);
        match code.to_ascii_lowercase().as_str() {
            "en" | "english" => Some(Self::English),
            "es" | "spanish" | "español" => Some(Self::Spanish),
            _ => None,
        }
    }

    /// What the environment asks for: the first of `LC_ALL`, `LC_MESSAGES` and `LANG` that is set.
    pub fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &&str| variable(name).filter(|value| !value.is_empty());
        let first = ["LC_ALL", "LC_MESSAGES", "LANG"].iter().find_map(set);
        first.and_then(|value| Self::named(&value)).unwrap_or_default()
    }
}

/// A text in both languages.
#[derive(Clone, Copy, Debug)]
pub struct Bilingual {
    /// In English.
    pub english: &'static str,
    /// In Spanish.
    pub spanish: &'static str,
}

impl Bilingual {
    /// The text in that language.
    pub fn text(self, language: Language) -> &'static str {
        match language {
            Language::English => self.english,
            Language::Spanish => self.spanish,
        }
    }
}

/// The text of `path.md` and of `path.es.md`.
macro_rules! bilingual {
    ($path:literal) => {
        $crate::language::Bilingual {
            english: include_str!(concat!($path, ".md")),
            spanish: include_str!(concat!($path, ".es.md")),
        }
    };
}
pub(crate) use bilingual;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_is_asked_in_the_order_of_posix() {
        let of = |set: &[(&str, &str)]| {
            let set: Vec<_> = set.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
            Language::of(move |name| set.iter().find(|(k, _)| k == name).map(|(_, v)| v.clone()))
        };
        assert_eq!(of(&[]), Language::English);
        assert_eq!(of(&[("LANG", "es_AR.UTF-8")]), Language::Spanish);
        assert_eq!(of(&[("LC_ALL", ""), ("LANG", "es")]), Language::Spanish);
        assert_eq!(of(&[("LC_ALL", "C"), ("LANG", "es_AR")]), Language::English);
        assert_eq!(of(&[("LC_MESSAGES", "es_ES"), ("LANG", "en_GB")]), Language::Spanish);
        assert_eq!(of(&[("LANG", "eso")]), Language::English);
    }
}
