//! `PUT /v1/txn` with 64 `set` operations on keys of the client's own, from eight clients.

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::Bench;
use super::keys::{KeySpace, Random, Share};
use super::load::{Workload, compare};
use crate::client::{Answer, Draft, Method};

/// Operations in a transaction: the limit of Consul before 1.14.
const OPERATIONS: u32 = 64;
/// Clients that send them.
const CLIENTS: u32 = 8;

/// Measures transactions.
pub(crate) async fn measure(bench: &mut Bench) -> Result<()> {
    compare(bench, "txn of 64 sets, 8 clients", CLIENTS, |subject, client| Transactions {
        keys: subject.keys.clone(),
        share: Share { client, clients: CLIENTS },
        random: Random::of_client(client),
    })
    .await
}

/// One client's transactions.
struct Transactions {
    keys: KeySpace,
    share: Share,
    random: Random,
}

impl Workload for Transactions {
    fn prepare(&mut self, draft: &mut Draft) -> bool {
        let first = self.random.below(self.share.count(self.keys.count()) - OPERATIONS);
        let numbers = (first..first + OPERATIONS).map(|position| self.share.key(position));
        write_set_operations(draft, &self.keys, numbers, |keys, number, value| keys.write_next_value(number, value));
        true
    }

    fn verify(&mut self, answer: &Answer<'_>) -> Result<()> {
        expect_results(answer, OPERATIONS as usize)
    }
}

/// Drafts a transaction that sets the keys with these numbers to what `write_value` writes.
pub(crate) fn write_set_operations(
    draft: &mut Draft,
    keys: &KeySpace,
    numbers: impl Iterator<Item = u32>,
    write_value: impl Fn(&KeySpace, u32, &mut Vec<u8>),
) {
    draft.start(Method::Put).path(format_args!("/v1/txn"));
    let mut value = Vec::new();
    let mut encoded = String::new();
    for number in numbers {
        value.clear();
        encoded.clear();
        write_value(keys, number, &mut value);
        STANDARD.encode_string(&value, &mut encoded);
        let opening = if draft.body.is_empty() { '[' } else { ',' };
        let operation = format_args!(
            "{opening}{{\"KV\":{{\"Verb\":\"set\",\"Key\":\"{}\",\"Value\":\"{encoded}\"}}}}",
            keys.key(number)
        );
        std::io::Write::write_fmt(&mut draft.body, operation).expect("a Vec takes any bytes");
    }
    draft.body.push(b']');
}

/// Fails unless the transaction happened and every operation has its result.
fn expect_results(answer: &Answer<'_>, operations: usize) -> Result<()> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Response {
        results: Option<Vec<IgnoredAny>>,
        errors: Option<Vec<IgnoredAny>>,
    }
    answer.expect_ok()?;
    let response: Response =
        serde_json::from_slice(answer.body).with_context(|| format!("a transaction answered {}", answer.shown()))?;
    let results = response.results.unwrap_or_default().len();
    ensure!(results == operations, "{results} results of {operations} operations: {}", answer.shown());
    ensure!(response.errors.unwrap_or_default().is_empty(), "errors in a transaction: {}", answer.shown());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::keys::LOAD_KEYS;

    #[test]
    fn operations_are_json_with_new_values() {
        let keys = KeySpace::new(LOAD_KEYS, 3);
        let mut draft = Draft::default();
        write_set_operations(&mut draft, &keys, [2, 0].into_iter(), |keys, number, value| {
            keys.write_next_value(number, value);
        });
        let json: serde_json::Value = serde_json::from_slice(&draft.body).unwrap();
        assert_eq!(json.as_array().unwrap().len(), 2);
        assert_eq!(json[0]["KV"]["Verb"], "set");
        assert_eq!(json[0]["KV"]["Key"], keys.key(2).to_string());
        let value = STANDARD.decode(json[1]["KV"]["Value"].as_str().unwrap()).unwrap();
        let mut expected = Vec::new();
        keys.write_value(0, &mut expected);
        assert_eq!(value, expected);
    }

    #[test]
    fn a_transaction_with_a_missing_result_is_noticed() {
        let answered = |body: &str| expect_results(&Answer { status: 200, index: None, body: body.as_bytes() }, 1);
        answered(r#"{"Results":[{"KV":{}}],"Errors":null}"#).unwrap();
        for wrong in
            [r#"{"Results":null,"Errors":[{}]}"#, r#"{"Results":[{}],"Errors":[{}]}"#, r#"{"Results":[]}"#, "true"]
        {
            assert!(answered(wrong).is_err(), "{wrong}");
        }
    }
}
