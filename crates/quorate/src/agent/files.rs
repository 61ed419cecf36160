//! The files that an agent makes beside its data: the one with its process id, and its Unix sockets.

use std::io;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use tokio::net::UnixListener;

use crate::config::settings::SocketAccess;

/// A file that is gone when the agent is.
pub(super) struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // Best effort: the process is ending, and a next one replaces it.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Writes the id of this process to a file.
pub(super) fn write_pid(path: &Path) -> anyhow::Result<Temporary> {
    std::fs::write(path, std::process::id().to_string()).with_context(|| format!("pid file {}", path.display()))?;
    Ok(Temporary(path.to_owned()))
}

/// Listens on a Unix socket, with the owner and mode that it is to have. A socket that somebody left there is replaced;
/// any other file is not.
pub(super) fn listen(path: &Path, access: &SocketAccess) -> anyhow::Result<(UnixListener, Temporary)> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => {
            std::fs::remove_file(path).with_context(|| format!("old socket {}", path.display()))?;
        }
        Ok(_) => bail!("socket {}: there is another file of this name", path.display()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("socket {}", path.display())),
    }
    let listener = UnixListener::bind(path).with_context(|| format!("socket {}", path.display()))?;
    let temporary = Temporary(path.to_owned());
    allow(path, access).with_context(|| format!("socket {}", path.display()))?;
    Ok((listener, temporary))
}

fn allow(path: &Path, access: &SocketAccess) -> anyhow::Result<()> {
    let user = access.user.as_deref().map(user_id).transpose()?;
    let group = access.group.as_deref().map(group_id).transpose()?;
    if user.is_some() || group.is_some() {
        std::os::unix::fs::chown(path, user, group).context("its owner can't be set")?;
    }
    if let Some(mode) = access.mode {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).context("its mode can't be set")?;
    }
    Ok(())
}

fn user_id(name: &str) -> anyhow::Result<u32> {
    if let Ok(id) = name.parse() {
        return Ok(id);
    }
    let user = nix::unistd::User::from_name(name)?;
    Ok(user.with_context(|| format!("there is no user {name:?}"))?.uid.as_raw())
}

fn group_id(name: &str) -> anyhow::Result<u32> {
    if let Ok(id) = name.parse() {
        return Ok(id);
    }
    let group = nix::unistd::Group::from_name(name)?;
    Ok(group.with_context(|| format!("there is no group {name:?}"))?.gid.as_raw())
}
