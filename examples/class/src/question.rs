//! What is asked of a trace, and what counts as an answer.

use turno::trace::Recording;

/// A question about one run: its answer is read from the recording of that run.
#[derive(Clone, Debug)]
pub struct Question {
    answer: Answer,
    /// Answers that show a misunderstanding, and the heading under which it is explained.
    mistakes: Vec<(Answer, &'static str)>,
    names: Vec<String>,
}

/// What is to be said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// These numbers, in this order.
    Numbers(Vec<u64>),
    /// This task, or one of [`WORDS`].
    Name(String),
    /// This name and this number.
    Both(String, u64),
}

/// Who or what can be the answer besides tasks; the first of each is what the answer says, the
/// others are what people say.
pub const WORDS: [&[&str]; 5] = [
    &["timer", "timers", "temporizador", "temporizadores", "clock", "reloj", "sleep"],
    &["socket", "source", "zócalo", "fuente", "reactor"],
    &["bell", "notification", "notify", "timbre", "campana", "notificación", "notificacion"],
    &["nobody", "none", "noone", "nadie", "ninguno", "ninguna", "nothing", "nada"],
    &["itself", "self", "mismo", "misma"],
];

/// What came of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// That is what the trace says.
    Right,
    /// It is not; under this heading of the lab's sheet it says where to look, if the mistake is
    /// a known one.
    Wrong(Option<&'static str>),
    /// It is no answer: it has neither the number nor the name that is asked for.
    Unclear,
}

impl Question {
    /// A question about that recording.
    pub fn new(recording: &Recording, answer: Answer) -> Self {
        let names = recording.tasks.iter().map(|task| task.label().to_lowercase()).collect();
        Self { answer, mistakes: Vec::new(), names }
    }

    /// Who answers so has made a mistake that is explained under that heading.
    pub fn mistake(mut self, answer: Answer, heading: &'static str) -> Self {
        if answer != self.answer {
            self.mistakes.push((answer, heading));
        }
        self
    }

    /// What the trace says. For tests and teachers: the program never shows it.
    pub fn answer(&self) -> &Answer {
        &self.answer
    }

    /// Wrong answers that have a name: that of the misunderstanding behind them.
    pub fn mistakes(&self) -> impl Iterator<Item = (&Answer, &'static str)> {
        self.mistakes.iter().map(|(answer, heading)| (answer, *heading))
    }

    /// Judges what somebody typed.
    pub fn judge(&self, text: &str) -> Judgement {
        let given = self.read(text);
        let same = |answer: &Answer| match answer {
            Answer::Numbers(numbers) => given.numbers == *numbers,
            Answer::Name(name) => given.names == [name.as_str()],
            Answer::Both(name, number) => {
                given.names == [name.as_str()] && given.numbers == [*number]
            }
        };
        let missing = match &self.answer {
            Answer::Numbers(numbers) => given.numbers.len() != numbers.len(),
            Answer::Name(_) => given.names.len() != 1,
            Answer::Both(..) => given.names.len() != 1 || given.numbers.len() != 1,
        };
        if same(&self.answer) {
            return Judgement::Right;
        }
        if missing {
            return Judgement::Unclear;
        }
        let known = self.mistakes.iter().find(|(answer, _)| same(answer));
        Judgement::Wrong(known.map(|&(_, heading)| heading))
    }

    /// The numbers and the names in a text, in any words around them.
    fn read(&self, text: &str) -> Given<'_> {
        let text = text.to_lowercase();
        let in_word = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
        let mut given = Given { numbers: Vec::new(), names: Vec::new() };
        for word in text.split(|c| !in_word(c)).filter(|word| !word.is_empty()) {
            let digits = word.strip_suffix("ms").unwrap_or(word);
            if let Ok(number) = digits.parse() {
                given.numbers.push(number);
            }
            let task = self.names.iter().find(|name| *name == word).map(String::as_str);
            let other = WORDS.iter().find(|words| words.contains(&word)).map(|words| words[0]);
            given.names.extend(task.or(other).filter(|name| !given.names.contains(name)));
        }
        given
    }
}

struct Given<'a> {
    numbers: Vec<u64>,
    names: Vec<&'a str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(answer: Answer) -> Question {
        Question { answer, mistakes: Vec::new(), names: vec!["cook".into(), "guest-2".into()] }
    }

    #[test]
    fn an_answer_is_heard_in_any_words_and_in_either_language() {
        let name = question(Answer::Name("timer".into()));
        for text in ["timer", "A timer.", "un temporizador", "El RELOJ"] {
            assert_eq!(name.judge(text), Judgement::Right, "{text}");
        }
        let both = question(Answer::Both("guest-2".into(), 16));
        for text in ["guest-2 16", "guest-2, for 16 ms", "16ms: guest-2"] {
            assert_eq!(both.judge(text), Judgement::Right, "{text}");
        }
        let numbers = question(Answer::Numbers(vec![3, 2]));
        assert_eq!(numbers.judge("3 times, 2 of them by a timer"), Judgement::Right);
        assert_eq!(numbers.judge("2 3"), Judgement::Wrong(None));
    }

    #[test]
    fn what_names_everybody_names_nobody() {
        let name = question(Answer::Name("cook".into()));
        assert_eq!(name.judge("cook"), Judgement::Right);
        assert_eq!(name.judge("cook or guest-2"), Judgement::Unclear);
        assert_eq!(name.judge("cookie"), Judgement::Unclear);
        assert_eq!(name.judge(""), Judgement::Unclear);
        assert_eq!(question(Answer::Numbers(vec![1])).judge("1 2 3"), Judgement::Unclear);
    }

    #[test]
    fn a_known_mistake_is_explained_unless_it_is_right_after_all() {
        let numbers = |n| Answer::Numbers(vec![n]);
        let asked = question(numbers(3)).mistake(numbers(9), "all").mistake(numbers(3), "never");
        assert_eq!(asked.judge("9"), Judgement::Wrong(Some("all")));
        assert_eq!(asked.judge("3"), Judgement::Right);
    }
}
