//! Texts kept as Markdown: a title, a few words, and sections under their headings.

/// A sheet of text, taken apart.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// What stands after `# `.
    pub title: &'static str,
    /// What stands before the first section.
    pub lead: &'static str,
    sections: Vec<(&'static str, &'static str)>,
}

impl Sheet {
    /// Reads one.
    pub fn read(text: &'static str) -> Self {
        let mut parts = text.split("\n## ");
        let head = parts.next().unwrap_or_default();
        let (title, lead) = head.split_once('\n').unwrap_or((head, ""));
        let section = |part: &'static str| {
            let (heading, body) = part.split_once('\n').unwrap_or((part, ""));
            (heading.trim(), body.trim_matches('\n'))
        };
        Self {
            title: title.trim_start_matches("# ").trim(),
            lead: lead.trim(),
            sections: parts.map(section).collect(),
        }
    }

    /// With the sections of another sheet that this one does not have.
    pub fn or(mut self, other: Self) -> Self {
        let own: Vec<&str> = self.headings().collect();
        self.sections.extend(other.sections.into_iter().filter(|(name, _)| !own.contains(name)));
        self
    }

    /// The headings, in order.
    pub fn headings(&self) -> impl Iterator<Item = &'static str> {
        self.sections.iter().map(|&(heading, _)| heading)
    }

    /// What stands under that heading.
    ///
    /// # Panics
    /// If there is no such heading: the texts come with the program, and a test reads them all.
    pub fn section(&self, heading: &str) -> &'static str {
        let found = self.sections.iter().find(|(is, _)| *is == heading);
        match found {
            Some((_, body)) => body,
            None => panic!("{:?} says nothing of {heading:?}", self.title),
        }
    }

    /// The same, with each `{fact}` in it put in.
    pub fn say(&self, heading: &str, facts: &[(&str, String)]) -> String {
        facts.iter().fold(self.section(heading).to_string(), |text, (name, value)| {
            text.replace(&format!("{{{name}}}"), value)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_is_a_title_a_lead_and_sections() {
        let sheet =
            Sheet::read("# Bread\n\nIn short.\n\n## flour\nA {thing}.\n\nMore.\n\n## salt\nNo.\n");
        assert_eq!((sheet.title, sheet.lead), ("Bread", "In short."));
        assert_eq!(sheet.headings().collect::<Vec<_>>(), ["flour", "salt"]);
        assert_eq!(sheet.say("flour", &[("thing", "pound".into())]), "A pound.\n\nMore.");
        assert_eq!(sheet.section("salt"), "No.");
    }
}
