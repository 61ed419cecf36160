//! A semaphore: who holds a place stands in one key, which is changed with check-and-set alone.

use std::collections::BTreeMap;

use quorate_api::KvPair;
use quorate_api::client::{Delete, Error, PutCondition, Query, Write};
use serde::{Deserialize, Serialize};

use super::holding::{Holding, HoldingError};

/// What marks a key as one of a semaphore, for all clients.
const SEMAPHORE_FLAGS: u64 = 0xe0f6_9a2b_aa41_4de0;

/// What the key says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Places {
    limit: i64,
    /// By session.
    #[serde(default)]
    holders: BTreeMap<String, bool>,
}

fn places(pair: &KvPair<'_>) -> Option<Places> {
    (pair.flags == SEMAPHORE_FLAGS).then(|| serde_json::from_slice(pair.value_bytes()).ok()).flatten()
}

/// Waits until a place is held. Gives the index at which it was.
pub(super) async fn acquire(holding: &Holding<'_>) -> Result<u64, HoldingError> {
    let entry = contender(holding);
    let write = Write { flags: SEMAPHORE_FLAGS, condition: PutCondition::Acquire(holding.session.to_owned()) };
    if !holding.put(&entry, b"", &write).await? {
        return Err(HoldingError::NotHeld);
    }
    let mut index = 0;
    loop {
        let query = Query { index, ..Query::default() };
        let listed = holding.client.kv_list(&holding.prefix, &query).await?;
        index = listed.index;
        let (mut places, modify_index) = current(holding, &listed.value)?;
        if places.holders.len() as i64 >= holding.limit {
            continue;
        }
        places.holders.insert(holding.session.to_owned(), true);
        if put(holding, &places, modify_index).await? {
            return Ok(holding.read(0).await?.0);
        }
        index = 0;
    }
}

/// Who holds a place and takes part still, and the index to change that at.
fn current(holding: &Holding<'_>, pairs: &[KvPair<'_>]) -> Result<(Places, u64), HoldingError> {
    let Some(pair) = pairs.iter().find(|pair| pair.key == holding.key) else {
        return Ok((Places { limit: holding.limit, holders: BTreeMap::new() }, 0));
    };
    let mut found = places(pair).ok_or_else(|| HoldingError::OtherUse(holding.key.clone()))?;
    if found.limit != holding.limit {
        return Err(HoldingError::OtherLimit { key: holding.key.clone(), found: found.limit, wanted: holding.limit });
    }
    found.holders.retain(|session, _| pairs.iter().any(|pair| !pair.session.is_empty() && pair.session == *session));
    Ok((found, pair.modify_index))
}

async fn put(holding: &Holding<'_>, places: &Places, modify_index: u64) -> Result<bool, Error> {
    // A map of texts always becomes JSON.
    let value = serde_json::to_vec(places).unwrap_or_default();
    let write = Write { flags: SEMAPHORE_FLAGS, condition: PutCondition::Cas(modify_index) };
    holding.put(&holding.key, &value, &write).await
}

/// Whether a session holds a place.
pub(super) fn is_holder(pair: &KvPair<'_>, session: &str) -> bool {
    places(pair).is_some_and(|places| places.holders.contains_key(session))
}

/// Whether no place is held.
pub(super) fn is_empty(pair: &KvPair<'_>) -> bool {
    places(pair).is_some_and(|places| places.holders.is_empty())
}

/// Gives the place back.
pub(super) async fn release(holding: &Holding<'_>) -> Result<(), HoldingError> {
    loop {
        let Some(pair) = holding.read(0).await?.1 else { break Err(HoldingError::NotHeld) };
        let Some(mut places) = places(&pair) else { break Err(HoldingError::OtherUse(holding.key.clone())) };
        if places.holders.remove(holding.session).is_none() {
            break Err(HoldingError::NotHeld);
        }
        if put(holding, &places, pair.modify_index).await? {
            break Ok(());
        }
    }
}

/// Takes part no more.
pub(super) async fn withdraw(holding: &Holding<'_>) {
    // If it fails, the key loses its session with the session's end, and counts no more.
    let _ = holding.client.kv_delete(&contender(holding), Delete::Key).await;
}

fn contender(holding: &Holding<'_>) -> String {
    format!("{}{}", holding.prefix, holding.session)
}
