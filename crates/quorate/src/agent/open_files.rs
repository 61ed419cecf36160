//! The limit on open files, and what it leaves for clients: each connection takes a file, and a server that lacks one for
//! itself can't go on with its log.

use tracing::{info, warn};

/// Files kept for what is no client of HTTP: the log and the snapshots, sockets that listen, standard output, and clients
/// that are being told that there are too many.
const FILES_RESERVED: usize = 128;

/// Files kept for DNS beside these: its connections, and questions that wait for recursors, each at its own bound.
const FILES_RESERVED_FOR_DNS: usize = 2_048;

/// Files kept for commands that checks run, about three for each at their bound.
const FILES_RESERVED_FOR_COMMANDS: usize = 768;

/// What part of the files checks may have for the connections that they open, at most.
const CHECKS_PART: usize = 8;

/// How many connections checks may have, of those wanted.
pub(super) fn share_of_checks(wanted: usize) -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    limit.map_or(wanted, |limit| wanted.min(usize::try_from(limit).unwrap_or(usize::MAX) / CHECKS_PART))
}

/// Lets this process have as many open files as it may ask for, since each client takes one, and gives that number.
pub(super) fn raise_limit() -> Option<u64> {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    let before = limit.current;
    limit.current = limit.maximum;
    match setrlimit(Resource::Nofile, limit) {
        Ok(()) => limit.current,
        Err(error) => {
            warn!(%error, "the limit on open files could not be raised; it bounds how many clients there may be");
            before
        }
    }
}

/// How many connections HTTP may have, of those wanted, so that the server never lacks a file for itself, and checks have
/// their share. Of a limit too low for the reserve HTTP gets half.
fn connections_max(wanted: usize, file_limit: Option<u64>, serves_dns: bool) -> usize {
    let Some(limit) = file_limit else { return wanted };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let for_dns = if serves_dns { FILES_RESERVED_FOR_DNS } else { 0 };
    let reserve = FILES_RESERVED + FILES_RESERVED_FOR_COMMANDS + for_dns + limit / CHECKS_PART;
    wanted.min(limit - reserve.min(limit / 2))
}

/// Fewer connections than this are worth a warning: a host of clients that keep one open each needs more.
const CONNECTIONS_FEW: usize = 1_024;

/// [`connections_max`], logged if it is less than wanted.
pub(super) fn bound_connections(wanted: usize, file_limit: Option<u64>, serves_dns: bool) -> usize {
    let bound = connections_max(wanted, file_limit, serves_dns);
    let open_files = file_limit.unwrap_or_default();
    if bound < wanted.min(CONNECTIONS_FEW) {
        warn!(
            open_files,
            connections = bound,
            "the limit on open files leaves few connections for HTTP; raise it (ulimit -n)"
        );
    } else if bound < wanted {
        info!(open_files, connections = bound, "the limit on open files bounds the connections of HTTP");
    }
    bound
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_files_for_the_server() {
        assert_eq!(connections_max(32_768, None, true), 32_768);
        assert_eq!(connections_max(32_768, Some(1 << 20), true), 32_768);
        assert_eq!(connections_max(32_768, Some(20_000), true), 20_000 - 128 - 768 - 2_048 - 2_500);
        assert_eq!(connections_max(32_768, Some(1_024), false), 512);
        assert_eq!(connections_max(32_768, Some(120), false), 60);
        assert_eq!(connections_max(32_768, Some(120), true), 60);
    }
}
