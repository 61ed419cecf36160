//! `snapshot save` and `snapshot restore`.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use quorate_api::client::SnapshotStream;
use quorate_node::archive::{ArchiveError, ArchiveItem, ArchiveReader};

use super::connect::{client, query};
use super::output::{Failure, at_most_one, print};
use crate::flags::SnapshotFlags;

/// How much of a file is read at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// Saves the state to a file. Until it is whole and verified it has another name, so a file that is there is a snapshot.
pub(super) async fn save(flags: SnapshotFlags) -> Result<(), Failure> {
    let path = file_of(flags.arguments)?;
    let client = client(&flags.http, None)?;
    let snapshot = client.snapshot_save(&query(&flags.http)).await.map_err(Failure::of("Error saving snapshot"))?;
    let index = snapshot.index;
    let mut name = path.clone().into_os_string();
    name.push(".unverified");
    let unverified = PathBuf::from(name);
    let saved = save_as(snapshot.value, &unverified, &path).await;
    if saved.is_err() {
        // Best effort: the failure that led here is the one to tell.
        let _ = std::fs::remove_file(&unverified);
    }
    saved?;
    print(format!("Saved and verified snapshot to index {index}"))
}

async fn save_as(snapshot: SnapshotStream, unverified: &Path, path: &Path) -> Result<(), Failure> {
    let written = "Error writing unverified snapshot file";
    // Readable by its owner alone: it holds everything.
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(unverified);
    let file = file.map_err(|error| Failure::new(format!("{written}: open {}: {error}", unverified.display())))?;
    write_chunks(snapshot, &file).await?;
    file.sync_all().map_err(Failure::of(written))?;
    read_archive(unverified, |_| {}).map_err(Failure::of("Error verifying snapshot file"))?;
    let renamed = format!("Error renaming {:?} to {:?}", unverified.display(), path.display());
    std::fs::rename(unverified, path).map_err(Failure::of(&renamed))?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(Failure::of(&renamed))
}

async fn write_chunks(mut snapshot: SnapshotStream, mut file: &File) -> Result<(), Failure> {
    while let Some(chunk) = snapshot.chunk().await.map_err(Failure::of("Error saving snapshot"))? {
        file.write_all(&chunk).map_err(Failure::of("Error writing unverified snapshot file"))?;
    }
    Ok(())
}

/// Replaces the state by that of a file.
pub(super) async fn restore(flags: SnapshotFlags) -> Result<(), Failure> {
    let path = file_of(flags.arguments)?;
    let client = client(&flags.http, None)?;
    let opened = File::open(&path).and_then(|file| Ok((file.metadata()?.len(), file)));
    let (length, file) = opened.map_err(|error| cannot_open(&path, &error))?;
    client.snapshot_restore(file, length).await.map_err(Failure::of("Error restoring snapshot"))?;
    print("Restored snapshot")
}

/// The file in the arguments.
pub(super) fn file_of(arguments: Vec<std::ffi::OsString>) -> Result<PathBuf, Failure> {
    at_most_one(arguments)?.map(PathBuf::from).ok_or_else(|| Failure::new("Missing FILE argument"))
}

pub(super) fn cannot_open(path: &Path, error: &io::Error) -> Failure {
    Failure::new(format!("Error opening snapshot file: open {}: {error}", path.display()))
}

/// Why a file is no snapshot.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
}

/// Reads a whole archive, and shows what is in it.
pub(super) fn read_archive(path: &Path, mut show: impl FnMut(ArchiveItem)) -> Result<(), ReadError> {
    let mut file = File::open(path)?;
    let mut reader = ArchiveReader::default();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let length = file.read(&mut chunk)?;
        if length == 0 {
            reader.finish()?;
            return Ok(());
        }
        reader.feed(&chunk[..length]);
        while let Some(item) = reader.next_item()? {
            show(item);
        }
    }
}
