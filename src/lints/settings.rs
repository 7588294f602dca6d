//! Lints as text: `slow-poll=20ms,lost-waker=off` (floor 5).

use std::time::Duration;

use super::{Lint, Lints};
use crate::policy::named::Value;

/// What the watchdog waits for unless told.
const ENDLESS: Duration = Duration::from_secs(5);

impl Lints {
    /// All lints, the watchdog's at 5 s, with the settings in `text`: `1` for the usual ones, `0`
    /// for none.
    pub(super) fn read(text: &str) -> Result<Option<Self>, String> {
        let usual = Self::new().watchdog(ENDLESS);
        match text {
            "0" | "off" => return Ok(None),
            "1" | "on" => return Ok(Some(usual)),
            _ => {}
        }
        let mut parts = text.split(',').filter(|part| !part.is_empty());
        parts.try_fold(usual, Self::set).map(Some)
    }

    fn set(self, part: &str) -> Result<Self, String> {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let Some(&lint) = Lint::ALL.iter().find(|lint| lint.name() == name) else {
            let all = Lint::ALL.map(Lint::name).join(", ");
            return Err(format!(
                "no lint is called `{name}`: write 1 for all as they are, or what is to be \
                 otherwise, as in `slow-poll=10ms,lost-waker=off`; there are {all}"
            ));
        };
        let wrong = |expected: &str| format!("`{part}` is not {expected}, or `{name}=off`");
        let threshold = || Duration::read(value).ok_or_else(|| wrong(Duration::EXPECTED));
        Ok(match lint {
            _ if value == "off" => self.without(lint),
            _ if value == "on" => self,
            Lint::SlowPoll => self.slow_poll(threshold()?),
            Lint::SlowTurn => self.slow_turn(threshold()?),
            Lint::EndlessPoll => self.watchdog(threshold()?),
            Lint::Futurelock => self.futurelock(threshold()?),
            Lint::LostWaker => {
                return Err(format!("`{name}` has no threshold: it is on, or `{name}=off`"));
            }
            Lint::SelfWakeSpin => {
                let times = value.parse().map_err(|_| wrong("a number: write it as 10000"))?;
                self.self_wakes(times)
            }
        })
    }
}
