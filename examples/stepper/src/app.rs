//! What each key does.

use ratatui::crossterm::event::KeyCode;
use turno::policy::{NAMES, Named};

use crate::run::End;
use crate::score::{self, Score};
use crate::session::{MOST, Session};
use crate::sight::{Sight, Sources};

/// So many switches at once: page up and page down.
const PAGE: u64 = 10;

/// The keys, for the line at the bottom and for the help: the key, in a word, in a sentence.
pub const KEYS: [(&str, &str, &str); 16] = [
    ("space", "next", "one switch, of the policy's choice or as decided before"),
    ("left", "back", "one switch back: the same run, up to one switch less"),
    ("s", "you schedule", "you are the scheduler: space picks whom the cursor is on"),
    ("a", "ask", "one switch of the policy's choice, also while you schedule"),
    ("p", "policy", "another policy from this switch on"),
    ("S", "score", "your run beside what each policy would have made of it"),
    ("?", "help", "this; any key closes it"),
    ("q", "quit", "the terminal is left as it was"),
    ("up down", "", "the cursor: the source text is of the task it is on"),
    ("tab", "", "the cursor: among the ready, or among the waiting"),
    ("enter", "", "picks whom the cursor is on, for this one switch"),
    ("pgdn pgup", "", "ten switches on, or back"),
    ("home end", "", "to the beginning, or to the end"),
    ("g", "", "to a switch by its number: g 12 enter"),
    ("right, l", "", "as space"),
    ("h, backspace", "", "as left"),
];

/// Which list the cursor is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Focus {
    /// Those who are ready.
    Ready,
    /// Those who wait.
    Waiting,
}

/// What lies over the panes, and has the keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Over {
    /// What the keys do.
    Help,
    /// The number of a switch is being typed.
    GoTo(String),
    /// A policy is being chosen: what was typed, and where in the list the cursor is.
    Policies(String, usize),
    /// The score: in all, or task by task; and how many policies are above what is shown.
    Score(bool, usize),
}

/// The stepper, without a terminal.
pub struct App {
    session: Session,
    sources: Sources,
    sight: Sight,
    is_by_hand: bool,
    focus: Focus,
    ready_at: usize,
    waiting_at: usize,
    over: Option<Over>,
    note: String,
    /// What the policies would make of the program: reckoned when it is first asked for.
    policies: Option<Vec<Score>>,
    has_quit: bool,
}

impl App {
    /// Before the first key.
    pub fn new(session: Session) -> Self {
        let sources = Sources::default();
        let sight = Sight::of(&session, &sources);
        let (focus, ready_at) = (Focus::Ready, sight.next.unwrap_or(0));
        Self {
            session,
            sources,
            sight,
            is_by_hand: false,
            focus,
            ready_at,
            waiting_at: 0,
            over: None,
            note: String::new(),
            policies: None,
            has_quit: false,
        }
    }

    /// The run.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// What there is to see.
    pub fn sight(&self) -> &Sight {
        &self.sight
    }

    /// Whether you are the scheduler.
    pub fn is_by_hand(&self) -> bool {
        self.is_by_hand
    }

    /// Which list the cursor is in.
    pub fn focus(&self) -> Focus {
        self.focus
    }

    /// Where the cursor is in the list of those who are ready, and in that of those who wait.
    pub fn cursors(&self) -> (usize, usize) {
        (self.ready_at, self.waiting_at)
    }

    /// What lies over the panes.
    pub fn over(&self) -> Option<&Over> {
        self.over.as_ref()
    }

    /// What the last key has to say.
    pub fn note(&self) -> &str {
        &self.note
    }

    /// What the policies would make of the program, once that was asked for.
    pub fn policies(&self) -> Option<&[Score]> {
        self.policies.as_deref()
    }

    /// Whether it is over.
    pub fn has_quit(&self) -> bool {
        self.has_quit
    }

    /// A key was pressed.
    pub fn key(&mut self, key: KeyCode) {
        self.note.clear();
        match self.over.take() {
            None => self.plain_key(key),
            Some(Over::Help) => {}
            Some(Over::GoTo(typed)) => self.go_to_key(typed, key),
            Some(Over::Policies(typed, at)) => self.policy_key(typed, at, key),
            Some(Over::Score(by_task, above)) => match key {
                KeyCode::Tab => self.over = Some(Over::Score(!by_task, above)),
                KeyCode::Up | KeyCode::Char('k') => {
                    self.over = Some(Over::Score(by_task, above.saturating_sub(1)));
                }
                KeyCode::Down | KeyCode::Char('j') => {
                    self.over = Some(Over::Score(by_task, (above + 1).min(NAMES.len() - 1)));
                }
                KeyCode::Char('q') => self.has_quit = true,
                KeyCode::Left | KeyCode::Home | KeyCode::PageUp => self.plain_key(key),
                _ => {}
            },
        }
    }

    fn plain_key(&mut self, key: KeyCode) {
        let at = self.session.at();
        match key {
            KeyCode::Char(' ' | 'l') | KeyCode::Right if self.is_by_hand => self.pick(),
            KeyCode::Char(' ' | 'l') | KeyCode::Right => self.step(Session::forward),
            KeyCode::Enter => self.pick(),
            KeyCode::Char('a') => self.step(Session::let_the_policy),
            KeyCode::Left | KeyCode::Backspace | KeyCode::Char('h') => {
                self.go_to(at.saturating_sub(1));
            }
            KeyCode::PageDown => self.go_to(at.saturating_add(PAGE)),
            KeyCode::PageUp => self.go_to(at.saturating_sub(PAGE)),
            KeyCode::Home => self.go_to(0),
            KeyCode::End => self.finish(),
            KeyCode::Up | KeyCode::Char('k') => self.move_cursor(-1),
            KeyCode::Down | KeyCode::Char('j') => self.move_cursor(1),
            KeyCode::Tab | KeyCode::BackTab => {
                self.focus = match self.focus {
                    Focus::Ready => Focus::Waiting,
                    Focus::Waiting => Focus::Ready,
                };
            }
            KeyCode::Char('s') => {
                self.is_by_hand = !self.is_by_hand;
                self.focus = Focus::Ready;
            }
            KeyCode::Char('g') => self.over = Some(Over::GoTo(String::new())),
            KeyCode::Char('p') => self.over = Some(Over::Policies(String::new(), 0)),
            KeyCode::Char('S') => self.score(),
            KeyCode::Char('?') => self.over = Some(Over::Help),
            KeyCode::Char('q') => self.has_quit = true,
            _ => {}
        }
    }

    fn go_to_key(&mut self, mut typed: String, key: KeyCode) {
        match key {
            KeyCode::Enter => return self.go_to(typed.parse().unwrap_or(0).min(MOST)),
            KeyCode::Esc => return,
            KeyCode::Char(digit @ '0'..='9') if typed.len() < 9 => typed.push(digit),
            KeyCode::Backspace => drop(typed.pop()),
            _ => {}
        }
        self.over = Some(Over::GoTo(typed));
    }

    fn policy_key(&mut self, mut typed: String, mut at: usize, key: KeyCode) {
        let found = found(&typed);
        match key {
            KeyCode::Enter => {
                // With parameters it is meant as it was typed.
                let chosen = match found.get(at) {
                    Some(policy) if !typed.contains(':') => policy.name,
                    _ => typed.as_str(),
                };
                return self.change_policy(chosen);
            }
            KeyCode::Esc => return,
            KeyCode::Up => at = at.saturating_sub(1),
            KeyCode::Down => at = (at + 1).min(found.len().saturating_sub(1)),
            KeyCode::Backspace => (at, _) = (0, typed.pop()),
            KeyCode::Char(character) if typed.len() < 60 => {
                typed.push(character);
                at = 0;
            }
            _ => {}
        }
        self.over = Some(Over::Policies(typed, at));
    }

    fn change_policy(&mut self, policy: &str) {
        match self.session.change_policy(policy) {
            Ok(()) => self.look(),
            Err(error) => self.note = error.to_string(),
        }
    }

    fn move_cursor(&mut self, by: isize) {
        let (at, len) = match self.focus {
            Focus::Ready => (&mut self.ready_at, self.sight.ready.len()),
            Focus::Waiting => (&mut self.waiting_at, self.sight.waiting.len()),
        };
        *at = at.saturating_add_signed(by).min(len.saturating_sub(1));
    }

    /// Makes a switch to whom the cursor is on.
    fn pick(&mut self) {
        match self.sight.ready.get(self.ready_at).map(|task| task.id) {
            Some(id) => self.step(|session| session.pick(id)),
            None => self.step(Session::forward),
        }
    }

    /// Makes a switch, one way or another.
    fn step(&mut self, step: impl FnOnce(&mut Session) -> bool) {
        if !step(&mut self.session) {
            self.say_that_it_ended();
            return;
        }
        self.look();
        if self.is_by_hand && self.sight.end.is_some() {
            self.score();
        }
    }

    fn go_to(&mut self, n: u64) {
        let gone = self.session.go_to(n);
        self.look();
        match gone {
            Err(error) => self.note = format!("no runtime could be made: {error}"),
            Ok(()) if self.session.at() < n => self.say_that_it_ended(),
            Ok(()) => {}
        }
    }

    fn finish(&mut self) {
        self.session.finish();
        self.look();
        if self.sight.end.is_none() {
            self.note = format!("it has not ended after {MOST} more switches");
        }
    }

    fn say_that_it_ended(&mut self) {
        self.note = match self.session.run().end() {
            Some(End::Stalled) => "stalled: those who wait will wait for ever; left goes back",
            _ => "the program has ended: S shows the score, left goes back",
        }
        .to_string();
    }

    fn look(&mut self) {
        self.sight = Sight::of(&self.session, &self.sources);
        self.ready_at = self.sight.next.unwrap_or(0);
        self.waiting_at = 0;
        if self.focus == Focus::Waiting && self.sight.waiting.is_empty() {
            self.focus = Focus::Ready;
        }
    }

    fn score(&mut self) {
        if self.policies.is_none() {
            match score::policies(self.session.program(), self.session.seed()) {
                Ok(scores) => self.policies = Some(scores),
                Err(error) => self.note = format!("the policies could not be run: {error}"),
            }
        }
        self.over = self.policies.as_ref().map(|_| Over::Score(false, 0));
    }
}

/// The policies whose names begin as was typed.
pub fn found(typed: &str) -> Vec<&'static Named> {
    let name = typed.split(':').next().unwrap_or(typed);
    NAMES.iter().filter(|policy| policy.name.starts_with(name)).collect()
}
