//! What a leader measures time by: the deadlines of sessions, and the time of commands.

mod session_clock;
mod session_timers;
mod term_clock;

pub(crate) use session_clock::SessionClock;
pub(crate) use term_clock::{Clocks, LeaderClock};
