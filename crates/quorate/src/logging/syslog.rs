//! Lines for syslog, over the datagram socket of the machine.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

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
        Self::connect_to(facility, Path::new(SOCKET))
    }

    fn connect_to(facility: SyslogFacility, path: &Path) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.connect(path)?;
        // A syslog that does not read must not hold up the agent.
        socket.set_nonblocking(true)?;
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
        if sent.is_err_and(|error| error.kind() != io::ErrorKind::WouldBlock) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_syslog_that_does_not_read_loses_lines_and_holds_up_nobody() {
        let path = std::env::temp_dir().join(format!("quorate-syslog-{}", std::process::id()));
        let listener = UnixDatagram::bind(&path).unwrap();
        let syslog = Syslog::connect_to(SyslogFacility(16), &path).unwrap();
        for number in 0..2_000 {
            syslog.write(Level::WARN, format!("TIME [WARN]  agent: {number}\n").as_bytes());
        }
        std::fs::remove_file(&path).unwrap();
        let mut message = [0; 200];
        let length = listener.recv(&mut message).unwrap();
        let expected = format!("<132>consul[{}]: agent: 0", std::process::id());
        assert_eq!(std::str::from_utf8(&message[..length]).unwrap(), expected);
    }
}
