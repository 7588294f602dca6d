//! Writes JSON that may stand in an HTML script element (floor 5).

use std::fmt::{Display, Write};

/// JSON as it is written: commas come by themselves.
pub(super) struct Json(String);

impl Json {
    pub(super) fn new() -> Self {
        Self(String::new())
    }

    pub(super) fn open(&mut self, bracket: char) -> &mut Self {
        self.comma();
        self.0.push(bracket);
        self
    }

    pub(super) fn close(&mut self, bracket: char) -> &mut Self {
        self.0.push(bracket);
        self
    }

    pub(super) fn key(&mut self, key: &str) -> &mut Self {
        self.text(key);
        self.0.push(':');
        self
    }

    /// A number, or `true` or `false`.
    pub(super) fn value(&mut self, value: impl Display) -> &mut Self {
        self.comma();
        // Writing to a string cannot fail.
        let _ = write!(self.0, "{value}");
        self
    }

    /// A string. `<` is escaped too: no text can end the element, or begin a comment in it.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.comma();
        self.0.push('"');
        for c in text.chars() {
            match c {
                '"' => self.0.push_str("\\\""),
                '\\' => self.0.push_str("\\\\"),
                '\n' => self.0.push_str("\\n"),
                '<' => self.0.push_str("\\u003c"),
                c if u32::from(c) < 0x20 => {
                    let _ = write!(self.0, "\\u{:04x}", u32::from(c));
                }
                c => self.0.push(c),
            }
        }
        self.0.push('"');
        self
    }

    pub(super) fn text_or_null(&mut self, text: Option<&str>) -> &mut Self {
        match text {
            Some(text) => self.text(text),
            None => self.value("null"),
        }
    }

    pub(super) fn finish(self) -> String {
        self.0
    }

    fn comma(&mut self) {
        if !self.0.is_empty() && !self.0.ends_with(['[', '{', ':', '\n']) {
            self.0.push(',');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_leave_its_quotes_or_its_element() {
        let mut json = Json::new();
        json.open('[').text("</script><!--\"\\\n\u{1}ñ").value(1).close(']');
        assert_eq!(json.finish(), r#"["\u003c/script>\u003c!--\"\\\n\u0001ñ",1]"#);
    }

    #[test]
    fn commas_stand_between_and_nowhere_else() {
        let mut json = Json::new();
        json.open('{').key("a").open('[').close(']').key("b").text_or_null(None).close('}');
        assert_eq!(json.finish(), r#"{"a":[],"b":null}"#);
    }
}
