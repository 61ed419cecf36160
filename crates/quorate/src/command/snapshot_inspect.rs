//! `snapshot inspect`: what is in a snapshot, without a server.

use std::collections::BTreeMap;

use quorate_node::archive::{ArchiveHeader, ArchiveItem};
use quorate_state::Record;
use serde::Serialize;

use super::output::{Failure, columns, print};
use super::snapshot::{cannot_open, file_of, read_archive};
use crate::flags::SnapshotInspectFlags;

/// What is printed; as JSON under the names that Consul's has.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Contents {
    meta: Meta,
    /// By kind of record, the largest first.
    stats: Vec<Share>,
    /// By beginning of key, the largest first; only with -kvdetails.
    #[serde(rename = "StatsKV", skip_serializing_if = "Option::is_none")]
    key_stats: Option<Vec<Share>>,
    total_size: usize,
    #[serde(rename = "TotalSizeKV")]
    keys_size: usize,
}

/// What the snapshot says of itself.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Meta {
    #[serde(rename = "ID")]
    id: String,
    /// The file's size in bytes.
    size: u64,
    index: u64,
    /// The version of Quorate that made it.
    version: String,
}

/// A part of the whole.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Share {
    name: String,
    /// Its bytes.
    sum: usize,
    count: usize,
}

/// Prints what is in a file.
pub(super) fn inspect(flags: &SnapshotInspectFlags) -> Result<(), Failure> {
    let path = file_of(flags.arguments.clone())?;
    let size = std::fs::metadata(&path).map_err(|error| cannot_open(&path, &error))?.len();
    let mut tally = Tally { flags, header: None, kinds: BTreeMap::new(), keys: BTreeMap::new() };
    read_archive(&path, |item| tally.add(item)).map_err(Failure::of("Error reading snapshot"))?;
    let contents = tally.contents(size);
    match flags.format.as_str() {
        "pretty" => print(pretty(&contents)),
        "json" => print(serde_json::to_vec_pretty(&contents).map_err(Failure::of("Failed to marshal"))?),
        other => Err(Failure::new(format!("Error outputting enhanced snapshot data: Unknown format: {other}"))),
    }
}

/// What was seen so far: bytes and count by name.
struct Tally<'a> {
    flags: &'a SnapshotInspectFlags,
    header: Option<ArchiveHeader>,
    kinds: BTreeMap<&'static str, (usize, usize)>,
    keys: BTreeMap<String, (usize, usize)>,
}

impl Tally<'_> {
    fn add(&mut self, item: ArchiveItem) {
        let (record, bytes) = match item {
            ArchiveItem::Header(header) => {
                self.header = Some(header);
                return;
            }
            ArchiveItem::Record(record, bytes) => (record, bytes),
        };
        let kind = self.kinds.entry(kind(&record)).or_default();
        *kind = (kind.0 + bytes, kind.1 + 1);
        if let Record::Key(key, _) = &record
            && self.flags.kvdetails.unwrap_or(false)
            && key.as_bytes().starts_with(self.flags.kvfilter.as_bytes())
        {
            let name = String::from_utf8_lossy(key.as_bytes());
            let beginning = name.split('/').take(self.flags.kvdepth).collect::<Vec<_>>().join("/");
            let share = self.keys.entry(beginning).or_default();
            *share = (share.0 + bytes, share.1 + 1);
        }
    }

    fn contents(self, size: u64) -> Contents {
        let header = self.header.unwrap_or(ArchiveHeader { index: 0, created_ms: 0, quorate_version: String::new() });
        let stats = shares(self.kinds);
        let keys = shares(self.keys);
        Contents {
            meta: Meta {
                id: format!("{}-{}", header.index, header.created_ms),
                size,
                index: header.index,
                version: header.quorate_version,
            },
            total_size: stats.iter().map(|share| share.sum).sum(),
            keys_size: keys.iter().map(|share| share.sum).sum(),
            stats,
            key_stats: self.flags.kvdetails.unwrap_or(false).then_some(keys),
        }
    }
}

/// What a record is called: Consul's names where it has one.
fn kind(record: &Record) -> &'static str {
    match record {
        Record::Header(_) => "Header",
        Record::Key(..) => "KVS",
        Record::Tombstone(..) => "Tombstone",
        Record::Node(_) => "Node",
        Record::Service(_) => "Service",
        Record::Check(_) => "Check",
        Record::Session(_) => "Session",
        Record::LockDelay(..) => "LockDelay",
        Record::Mark(..) => "Index",
        Record::Staging(..) | Record::Staged(_) => "Staging",
    }
}

/// The largest first.
fn shares(tally: BTreeMap<impl Into<String>, (usize, usize)>) -> Vec<Share> {
    let shares = tally.into_iter().map(|(name, (sum, count))| Share { name: name.into(), sum, count });
    let mut shares: Vec<Share> = shares.collect();
    shares.sort_by(|a, b| b.sum.cmp(&a.sum).then_with(|| a.name.cmp(&b.name)));
    shares
}

fn pretty(contents: &Contents) -> String {
    let Meta { id, size, index, version } = &contents.meta;
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    let meta = [
        row("ID", id.clone()),
        row("Size", size.to_string()),
        row("Index", index.to_string()),
        row("Version", version.clone()),
    ];
    let mut text = columns(&meta, " ", GAP);
    text.push_str("\n\n");
    text.push_str(&table("Type", &contents.stats, contents.total_size));
    if let Some(keys) = &contents.key_stats {
        text.push_str("\n\n");
        text.push_str(&table("Key Name", keys, contents.keys_size));
    }
    text
}

/// The spaces between columns.
const GAP: usize = 6;

fn table(heading: &str, shares: &[Share], total: usize) -> String {
    let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
    let mut rows = vec![row([heading, "Count", "Size"]), row(["----"; 3])];
    rows.extend(shares.iter().map(|share| row([&share.name, &share.count.to_string(), &byte_size(share.sum)])));
    rows.extend([row(["----"; 3]), row(["Total", "", &byte_size(total)])]);
    columns(&rows, " ", GAP)
}

/// A size with its unit, one digit behind the point.
fn byte_size(bytes: usize) -> String {
    const UNITS: [(usize, &str); 4] = [(40, "TB"), (30, "GB"), (20, "MB"), (10, "KB")];
    if bytes == 0 {
        return "0".to_owned();
    }
    match UNITS.iter().find(|(shift, _)| bytes >> shift > 0) {
        None => format!("{bytes}B"),
        Some((shift, unit)) => {
            let number = format!("{:.1}", bytes as f64 / (1_u64 << shift) as f64);
            format!("{}{unit}", number.strip_suffix(".0").unwrap_or(&number))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_as_consuls_do() {
        for (bytes, text) in
            [(0, "0"), (1, "1B"), (1023, "1023B"), (1024, "1KB"), (5717, "5.6KB"), (7 << 20, "7MB"), (3 << 39, "1.5TB")]
        {
            assert_eq!(byte_size(bytes), text);
        }
    }

    #[test]
    fn contents_are_laid_out_as_consuls_are() {
        let share = |name: &str, sum, count| Share { name: name.to_owned(), sum, count };
        let contents = Contents {
            meta: Meta { id: "173-5".to_owned(), size: 7803, index: 173, version: "0.1.0".to_owned() },
            stats: vec![share("Service", 5717, 12), share("KVS", 254, 3)],
            key_stats: Some(vec![share("locked", 112, 1)]),
            total_size: 5971,
            keys_size: 112,
        };
        let expected = [
            " ID           173-5",
            " Size         7803",
            " Index        173",
            " Version      0.1.0",
            "",
            " Type         Count      Size",
            " ----         ----       ----",
            " Service      12         5.6KB",
            " KVS          3          254B",
            " ----         ----       ----",
            " Total                   5.8KB",
            "",
            " Key Name      Count      Size",
            " ----          ----       ----",
            " locked        1          112B",
            " ----          ----       ----",
            " Total                    112B",
        ];
        assert_eq!(pretty(&contents), expected.join("\n"));
    }
}
