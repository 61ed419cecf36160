//! Lines for syslog, over the datagram socket of the machine.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::Level;

use super::lost::Lost;
use super::{WARNS_OF_LOSS, lost_message};
use crate::config::settings::SyslogFacility;

/// Where syslogs of Linux listen.
const SOCKET: &str = "/dev/log";

/// A connection to syslog.
pub(super) struct Syslog {
    facility: SyslogFacility,
    socket: UnixDatagram,
    lost: Lost,
    /// How many lines were lost since the last that it took.
    missing: AtomicU64,
}

impl Syslog {
    pub(super) fn connect(facility: SyslogFacility, lost: Lost) -> io::Result<Self> {
        Self::connect_to(facility, lost, Path::new(SOCKET))
    }

    fn connect_to(facility: SyslogFacility, lost: Lost, path: &Path) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.connect(path)?;
        // A syslog that does not read must not hold up the agent.
        socket.set_nonblocking(true)?;
        Ok(Self { facility, socket, lost, missing: AtomicU64::new(0) })
    }

    /// Sends a line. One that syslog has no room for is lost, and so is one it is not there for; it is said how many were when
    /// it takes lines again.
    pub(super) fn write(&self, level: Level, line: &[u8]) {
        let missing = self.missing.swap(0, Ordering::Relaxed);
        if missing > 0 && !self.send(WARNS_OF_LOSS, &lost_message(missing)) {
            self.missing.fetch_add(missing, Ordering::Relaxed);
        }
        let text = String::from_utf8_lossy(line);
        // Syslog has its own time, and the level is in the number.
        let text = text.split_once(']').filter(|_| !text.starts_with('{')).map_or(text.trim(), |(_, rest)| rest.trim());
        if !self.send(level, text) {
            self.missing.fetch_add(1, Ordering::Relaxed);
            self.lost.count(1);
        }
    }

    /// Sends a text; whether syslog took it.
    fn send(&self, level: Level, text: &str) -> bool {
        let priority = u32::from(self.facility.0) * 8 + severity(level);
        let message = format!("<{priority}>consul[{}]: {text}", std::process::id());
        match self.socket.send(message.as_bytes()) {
            Ok(_) => true,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
            // It was perhaps started anew; its socket then is a different one.
            Err(_) => self.socket.connect(SOCKET).is_ok() && self.socket.send(message.as_bytes()).is_ok(),
        }
    }
}

/// The severities that Consul gives to its levels.
fn severity(level: Level) -> u32 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 5,
        Level::DEBUG => 6,
        Level::TRACE => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_syslog_that_does_not_read_loses_lines_and_holds_up_nobody() {
        let path = std::env::temp_dir().join(format!("quorate-syslog-{}", std::process::id()));
        let listener = UnixDatagram::bind(&path).unwrap();
        let lost = Lost::default();
        let syslog = Syslog::connect_to(SyslogFacility(16), lost.clone(), &path).unwrap();
        for number in 0..2_000 {
            syslog.write(Level::WARN, format!("TIME [WARN]  agent: {number}\n").as_bytes());
        }
        std::fs::remove_file(&path).unwrap();
        let mut message = [0; 200];
        let length = listener.recv(&mut message).unwrap();
        let expected = format!("<132>consul[{}]: agent: 0", std::process::id());
        assert_eq!(std::str::from_utf8(&message[..length]).unwrap(), expected);
        // Once it reads again it hears how many are missing.
        let missing = lost.total();
        assert!(missing > 0);
        for _ in 1..2_000 - missing {
            listener.recv(&mut message).unwrap();
        }
        syslog.write(Level::WARN, b"TIME [WARN]  agent: again\n");
        let length = listener.recv(&mut message).unwrap();
        let expected = format!("<132>consul[{}]: {}", std::process::id(), lost_message(missing));
        assert_eq!(std::str::from_utf8(&message[..length]).unwrap(), expected);
    }
}
