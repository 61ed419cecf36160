//! Lines for syslog, over the datagram socket of the machine.

use std::io;
use std::os::unix::net::UnixDatagram;

use tracing::Level;

use crate::config::settings::SyslogFacility;

/// Where syslogs of Linux listen.
const SOCKET: &str = "/dev/log";

/// A connection to syslog.
pub(super) struct Syslog {
    facility: SyslogFacility,
    socket: UnixDatagram,
}

impl Syslog {
    pub(super) fn connect(facility: SyslogFacility) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.connect(SOCKET)?;
        Ok(Self { facility, socket })
    }

    /// Sends a line. One that syslog has no room for is dropped, and so is one it is not there for.
    pub(super) fn write(&self, level: Level, line: &[u8]) {
        let priority = u32::from(self.facility.0) * 8 + severity(level);
        let text = String::from_utf8_lossy(line);
        // Syslog has its own time, and the level is told by the number.
        let text = text.split_once(']').filter(|_| !text.starts_with('{')).map_or(text.trim(), |(_, rest)| rest.trim());
        let message = format!("<{priority}>consul[{}]: {text}", std::process::id());
        let sent = self.socket.send(message.as_bytes());
        if sent.is_err() {
            // It was perhaps started anew; its socket then is another one.
            let _ = self.socket.connect(SOCKET);
            let _ = self.socket.send(message.as_bytes());
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
