//! Asks one question for as long as it is wanted.

use std::time::Duration;

use quorate_api::client::{Client, Query};

use super::Question;
use super::question::Answered;

/// How long after a first failure to ask again; after the next ones, longer, up to the maximum. As with Consul.
const RETRY: Duration = Duration::from_secs(5);
const RETRY_MAX: Duration = Duration::from_secs(180);

/// Content that differs from what was told before.
pub(crate) struct News {
    /// The index of the answer; 0 if its route has a hash in place of one.
    pub(crate) index: u64,
    /// The answer as JSON without spaces; of events, only the new ones.
    pub(crate) json: String,
}

/// A question with what is known of its answers.
///
/// Whoever has it asks for [`news`](Self::news), handles them, and asks again: what changes in between is one piece of
/// news, since the server is asked for anything behind the last answer.
pub(crate) struct Plan {
    client: Client,
    question: Question,
    query: Query,
    failures: u32,
    seen: Option<String>,
    last_event: Option<String>,
}

impl Plan {
    pub(crate) fn new(client: Client, question: Question, query: Query) -> Self {
        Self { client, question, query, failures: 0, seen: None, last_event: None }
    }

    /// Waits for other content than that of the last news; the first answer is always news. `failed` is told of each
    /// failure, and how long it will be until the next question.
    pub(crate) async fn news(&mut self, failed: impl Fn(&str, Duration)) -> News {
        loop {
            match self.next().await {
                Ok(news) => return news,
                Err(problem) => {
                    let wait = retry_after(self.failures);
                    failed(&problem, wait);
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    /// The same, or why a question was not answered.
    pub(crate) async fn next(&mut self) -> Result<News, String> {
        loop {
            let asked = self.question.ask(&self.client, &self.query).await;
            let Answered { index, hash, text } = asked.inspect_err(|_| {
                self.failures += 1;
                self.query.index = 0;
                self.query.hash.clear();
            })?;
            self.failures = 0;
            // An index that went back is that of another state. One of 0 would not wait at all.
            self.query.index = if index < self.query.index || !hash.is_empty() { 0 } else { index.max(1) };
            self.query.hash = hash;
            if self.seen.as_ref() == Some(&text) {
                continue;
            }
            let json = self.question.news(&text, &mut self.last_event);
            self.seen = Some(text);
            return Ok(News { index, json });
        }
    }
}

fn retry_after(failures: u32) -> Duration {
    let failures = failures.min(RETRY_MAX.as_secs() as u32);
    (RETRY * failures * failures).min(RETRY_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_asks_ever_more_rarely_after_failures() {
        let seconds = [1, 2, 3, 6, 7, u32::MAX].map(|failures| retry_after(failures).as_secs());
        assert_eq!(seconds, [5, 20, 45, 180, 180, 180]);
    }
}
