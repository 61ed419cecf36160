//! Watching: asking a server again and again, and telling each other content once.
//!
//! A [`Question`] is what is asked, with the words of Consul's watches; a [`Plan`] asks it by the API's client and gives
//! only news. The `watch` command runs one; the agent runs those of its configuration against its own listener.

pub(crate) mod json_text;
mod plan;
mod question;

pub(crate) use self::plan::{News, Plan};
pub(crate) use self::question::{Question, Subject};
