//! Who this node is: a UUID that is drawn once and kept in the data directory.
//!
//! The raft log names its servers by it, so a directory belongs to one id: another one in the configuration is refused.
//!
//! Once the log has a cluster in it, and before anything is acknowledged, the file `formed` keeps the id a second time, outside
//! of the log's directory. With it a start tells a new server from one that lost a part of its directory:
//! - its log: it would start empty, and could vote twice in a term;
//! - its `node-id`: under another id it is a stranger to its own cluster and waits for a leader for ever.
//!
//! Both are refused. The id could be put back by itself, but whatever removed one file may have removed others, and a look
//! before the server goes on costs one line to write; a wrong guess can't be taken back.

use std::io;
use std::path::Path;

use quorate_base::{Host, OpenMode};
use uuid::Uuid;

use super::data_directory::{formed_file, id_file, raft_directory};

/// The text of a UUID with its line end.
const ID_BYTES: usize = 37;

/// What a data directory says of the node's id.
pub(super) struct Identity {
    id: Uuid,
    is_kept: bool,
}

impl Identity {
    /// The id kept in `directory`, else the configured one, else a new one for a directory without a log. Refuses a directory
    /// that lost a part. Changes nothing.
    pub(super) fn find(host: &Host, directory: &Path, configured: Option<Uuid>) -> anyhow::Result<Self> {
        let kept = read(host, &id_file(directory))?;
        let formed = read(host, &formed_file(directory))?;
        let has_log = has_log(host, &raft_directory(directory))?;
        if let Some(id) = formed.filter(|_| !has_log) {
            anyhow::bail!(
                "{} holds no log, but {} says that server {id} was part of a cluster: its log, its vote and perhaps its \
                 snapshots are gone; restore {} from a backup, or remove all of it so that this server starts anew",
                raft_directory(directory).display(),
                formed_file(directory).display(),
                directory.display()
            );
        }
        match (kept, configured, formed) {
            (Some(kept), Some(other), _) if kept != other => anyhow::bail!(
                "{} belongs to node {kept}, but the configuration says {other}; leave node_id out or take a new directory",
                directory.display()
            ),
            (Some(id), _, Some(formed)) | (None, Some(id), Some(formed)) if id != formed => anyhow::bail!(
                "the log in {} is that of server {formed}, as {} says, but the node's id is {id}; write {formed} into {}, or \
                 restore all of the directory from one backup",
                raft_directory(directory).display(),
                formed_file(directory).display(),
                id_file(directory).display()
            ),
            (Some(id), _, _) => Ok(Self { id, is_kept: true }),
            (None, Some(id), _) => Ok(Self { id, is_kept: false }),
            (None, None, Some(formed)) => anyhow::bail!(
                "{} is missing, and the log in {} is that of server {formed}; if nothing else is missing, write {formed} into \
                 the file, otherwise restore {} from a backup",
                id_file(directory).display(),
                raft_directory(directory).display(),
                directory.display()
            ),
            (None, None, None) if has_log => anyhow::bail!(
                "{} is missing, and {} holds the log of a server; write that server's id into the file (it tells it each time \
                 that it starts, and so does the list of peers), or restore {} from a backup",
                id_file(directory).display(),
                raft_directory(directory).display(),
                directory.display()
            ),
            (None, None, None) => Ok(Self { id: host.random.uuid(), is_kept: false }),
        }
    }

    /// Keeps the id in the directory, and gives it.
    pub(super) fn keep(self, host: &Host, directory: &Path) -> io::Result<Uuid> {
        if !self.is_kept {
            write(host, directory, &id_file(directory), self.id)?;
        }
        Ok(self.id)
    }
}

/// Notes, for good, that the log in the directory is that of a cluster with this server in it.
pub(super) fn mark_formed(host: &Host, directory: &Path, id: Uuid) -> anyhow::Result<()> {
    let path = formed_file(directory);
    if read(host, &path)? != Some(id) {
        write(host, directory, &path, id)?;
    }
    Ok(())
}

/// Whether there is a log file.
fn has_log(host: &Host, raft_directory: &Path) -> io::Result<bool> {
    match host.disk.list(raft_directory) {
        Ok(names) => Ok(names.iter().any(|name| name.ends_with(".log"))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn read(host: &Host, path: &Path) -> anyhow::Result<Option<Uuid>> {
    let file = match host.disk.open(path, OpenMode::Read) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut text = [0; ID_BYTES];
    let length = file.read_at(&mut text, 0)?;
    let id = std::str::from_utf8(&text[..length]).ok().and_then(|text| Uuid::try_parse(text.trim()).ok());
    match id {
        Some(id) => Ok(Some(id)),
        None => anyhow::bail!("{} holds no UUID; write the node's id back into it", path.display()),
    }
}

/// Written beside, synced and renamed, so that a crash leaves a whole file or none.
fn write(host: &Host, directory: &Path, path: &Path, id: Uuid) -> io::Result<()> {
    let temporary = path.with_extension("new");
    let file = host.disk.open(&temporary, OpenMode::Replace)?;
    file.write_at(format!("{id}\n").as_bytes(), 0)?;
    file.sync()?;
    host.disk.rename(&temporary, path)?;
    host.disk.sync_directory(directory)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use quorate_base::MemoryDisk;
    use quorate_transcript::{contents, fixtures, frozen};

    use super::*;

    fn find(host: &Host, directory: &Path, configured: Option<Uuid>) -> anyhow::Result<Uuid> {
        Ok(Identity::find(host, directory, configured)?.keep(host, directory)?)
    }

    #[test]
    fn an_id_is_drawn_once_and_kept() {
        let host = Host { disk: Arc::new(MemoryDisk::new(1 << 20)), ..Host::real() };
        let directory = Path::new("/data");
        host.disk.create_directory(directory).unwrap();
        let first = find(&host, directory, None).unwrap();
        assert_eq!(find(&host, directory, None).unwrap(), first);
        assert_eq!(find(&host, directory, Some(first)).unwrap(), first);
        let refusal = find(&host, directory, Some(Uuid::from_u128(1))).unwrap_err().to_string();
        assert!(refusal.contains(&first.to_string()), "{refusal}");
    }

    #[test]
    fn a_directory_that_lost_a_part_is_refused_with_the_file_and_the_remedy() {
        let host = Host { disk: Arc::new(MemoryDisk::new(1 << 20)), ..Host::real() };
        let directory = Path::new("/data");
        let log = Path::new("/data/raft/0000000000000000.log");
        let id = find(&host, directory, None).unwrap();
        host.disk.open(log, OpenMode::CreateNew).unwrap();
        // Whether the mark is there or not yet: without the id nobody knows whose log it is.
        let refused = |configured| find(&host, directory, configured).unwrap_err().to_string();
        host.disk.remove(Path::new("/data/node-id")).unwrap();
        assert!(refused(None).starts_with("/data/node-id is missing"));
        mark_formed(&host, directory, id).unwrap();
        assert!(refused(None).starts_with("/data/node-id is missing") && refused(None).contains(&id.to_string()));
        assert!(refused(Some(Uuid::from_u128(1))).contains(&id.to_string()));
        assert_eq!(find(&host, directory, Some(id)).unwrap(), id);
        assert_eq!(find(&host, directory, None).unwrap(), id);
        host.disk.remove(log).unwrap();
        let text = refused(None);
        assert!(
            text.starts_with("/data/raft holds no log") && text.contains("/data/formed") && text.contains("backup")
        );
    }

    #[test]
    fn a_spoiled_file_is_named() {
        let host = Host { disk: Arc::new(MemoryDisk::new(1 << 20)), ..Host::real() };
        host.disk.create_directory(Path::new("/data")).unwrap();
        let file = host.disk.open(Path::new("/data/node-id"), OpenMode::Replace).unwrap();
        file.write_at(b"nonsense", 0).unwrap();
        assert!(find(&host, Path::new("/data"), None).unwrap_err().to_string().starts_with("/data/node-id "));
    }

    /// These files have no version: each is a UUID and a line end, and whatever else it holds is refused.
    #[test]
    fn the_files_of_version_1_are_read_and_written_as_ever() {
        let id = Uuid::from_u128(0x1111_2222_3333_4444_5555_6666_7777_8888);
        let directory = Path::new("/data");
        let written = Host { disk: Arc::new(MemoryDisk::default()), ..Host::real() };
        find(&written, directory, Some(id)).unwrap();
        mark_formed(&written, directory, id).unwrap();
        let folder = fixtures(env!("CARGO_MANIFEST_DIR"), 1);
        for path in [id_file(directory), formed_file(directory)] {
            let file = written.disk.open(&path, OpenMode::Read).unwrap();
            let mut bytes = vec![0; file.length().unwrap() as usize];
            file.read_exact_at(&mut bytes, 0).unwrap();
            frozen(&folder.join(path.file_name().unwrap()), &bytes);
        }

        let kept = Host { disk: Arc::new(MemoryDisk::default()), ..Host::real() };
        for (name, bytes) in contents(&folder) {
            kept.disk.open(&directory.join(name), OpenMode::CreateNew).unwrap().write_at(&bytes, 0).unwrap();
        }
        // What `formed` speaks of.
        kept.disk.open(Path::new("/data/raft/0000000000000000.log"), OpenMode::CreateNew).unwrap();
        assert_eq!(find(&kept, directory, None).unwrap(), id);
        assert_eq!(read(&kept, &formed_file(directory)).unwrap(), Some(id));
    }
}
