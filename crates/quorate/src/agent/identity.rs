//! Who this node is: a UUID that is drawn once and kept in the data directory.
//!
//! The raft log names its servers by it, so a directory belongs to one id: another one in the configuration is refused.

use std::io;
use std::path::Path;

use quorate_base::{Host, OpenMode};
use uuid::Uuid;

/// The text of a UUID with its line end.
const ID_BYTES: usize = 37;

/// What a data directory says of the node's id.
pub(super) struct Identity {
    id: Uuid,
    is_kept: bool,
}

impl Identity {
    /// The id kept in `directory`, else the configured one, else a new one. Changes nothing.
    pub(super) fn find(host: &Host, directory: &Path, configured: Option<Uuid>) -> anyhow::Result<Self> {
        match read(host, directory)? {
            Some(kept) => {
                if let Some(other) = configured.filter(|other| *other != kept) {
                    anyhow::bail!(
                        "{} belongs to node {kept}, but the configuration says {other}; leave node_id out or take a new directory",
                        directory.display()
                    );
                }
                Ok(Self { id: kept, is_kept: true })
            }
            None => Ok(Self { id: configured.unwrap_or_else(|| host.random.uuid()), is_kept: false }),
        }
    }

    /// Keeps the id in the directory, and gives it.
    pub(super) fn keep(self, host: &Host, directory: &Path) -> io::Result<Uuid> {
        if !self.is_kept {
            write(host, directory, self.id)?;
        }
        Ok(self.id)
    }
}

fn read(host: &Host, directory: &Path) -> anyhow::Result<Option<Uuid>> {
    let path = super::id_file(directory);
    let file = match host.disk.open(&path, OpenMode::Read) {
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
fn write(host: &Host, directory: &Path, id: Uuid) -> io::Result<()> {
    let temporary = directory.join("node-id.new");
    let file = host.disk.open(&temporary, OpenMode::Replace)?;
    file.write_at(format!("{id}\n").as_bytes(), 0)?;
    file.sync()?;
    host.disk.rename(&temporary, &super::id_file(directory))?;
    host.disk.sync_directory(directory)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use quorate_base::MemoryDisk;

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
    fn a_spoiled_file_is_named() {
        let host = Host { disk: Arc::new(MemoryDisk::new(1 << 20)), ..Host::real() };
        host.disk.create_directory(Path::new("/data")).unwrap();
        let file = host.disk.open(Path::new("/data/node-id"), OpenMode::Replace).unwrap();
        file.write_at(b"nonsense", 0).unwrap();
        assert!(find(&host, Path::new("/data"), None).unwrap_err().to_string().starts_with("/data/node-id "));
    }
}
