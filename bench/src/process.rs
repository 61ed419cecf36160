//! What Linux tells about a process: the processor time it used, the memory it holds, who listens on a port.
//!
//! Read from /proc, so that any server can be measured without its help, as long as it runs on this machine and this user
//! may look into it.

use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// The state of a listening socket in /proc/net/tcp.
const TCP_LISTEN: &str = "0A";

/// Where user and system time stand in /proc/PID/stat behind the name: the process's own, and its ended children's.
const OWN_FIELD: usize = 11;
const CHILDREN_FIELD: usize = 13;

/// A running process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: u32,
}

/// The memory of a process, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    /// All pages in memory, with those of files (the program itself).
    pub(crate) resident: u64,
    /// As `resident`, with each page divided among the processes that share it.
    pub(crate) proportional: u64,
    /// Pages that belong to no file: heap and stacks.
    pub(crate) anonymous: u64,
}

impl Process {
    /// This process.
    pub(crate) fn own() -> Self {
        Self { pid: std::process::id() }
    }

    /// The process that listens on `address`.
    pub(crate) fn listening_on(address: SocketAddr) -> Result<Self> {
        let inodes = listening_inodes(address)?;
        ensure!(!inodes.is_empty(), "nothing on this machine listens on {address}");
        let mut pids = Vec::new();
        for entry in fs::read_dir("/proc").context("reading /proc")? {
            let pid = entry?.file_name().to_str().and_then(|name| name.parse().ok());
            pids.extend(pid.filter(|&pid| holds_socket(pid, &inodes)));
        }
        match pids[..] {
            [pid] => Ok(Self { pid }),
            [] => bail!("the process that listens on {address} belongs to somebody else; run as its user or as root"),
            _ => bail!("several processes listen on {address} ({pids:?}); name one with --target-pid or --peer-pid"),
        }
    }

    /// The processor time used so far, in the process and in the kernel for it, by all its threads.
    pub(crate) fn cpu(self) -> Result<Duration> {
        Ok(ticks(parse_cpu_ticks(&self.read("stat")?, OWN_FIELD)?))
    }

    /// The processor time that its children used which it has waited for.
    pub(crate) fn children_cpu(self) -> Result<Duration> {
        Ok(ticks(parse_cpu_ticks(&self.read("stat")?, CHILDREN_FIELD)?))
    }

    /// The memory held now.
    pub(crate) fn memory(self) -> Result<Memory> {
        parse_memory(&self.read("smaps_rollup")?)
    }

    /// The most memory that was ever held, pages of files included.
    pub(crate) fn peak_memory(self) -> Result<u64> {
        let status = self.read("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        Ok(kibibytes.context("no VmHWM in /proc/PID/status")? * 1024)
    }

    /// The program's name, as the kernel knows it.
    pub(crate) fn name(self) -> Result<String> {
        Ok(self.read("comm")?.trim_end().to_owned())
    }

    fn read(self, file: &str) -> Result<String> {
        let path = format!("/proc/{}/{file}", self.pid);
        fs::read_to_string(&path).with_context(|| format!("reading {path}"))
    }
}

/// Makes sure that this process, and the servers that it starts, may open `needed` files.
pub(crate) fn raise_open_files(needed: u64) -> Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // None stands for no limit.
    if limit.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    if let Some(maximum) = limit.maximum.filter(|&maximum| maximum < needed) {
        bail!(
            "{needed} open files are needed, but the hard limit RLIMIT_NOFILE is {maximum}: \
             raise it (`ulimit -Hn {needed}` as root) or lower --watchers"
        );
    }
    let raised = Rlimit { current: limit.maximum.or(Some(needed)), maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised).context("raising RLIMIT_NOFILE")
}

fn listening_inodes(address: SocketAddr) -> Result<Vec<u64>> {
    let mut sockets = parse_listeners(&fs::read_to_string("/proc/net/tcp").context("reading /proc/net/tcp")?);
    // A kernel without IPv6 has no such file.
    sockets.extend(parse_listeners(&fs::read_to_string("/proc/net/tcp6").unwrap_or_default()));
    sockets.retain(|(local, _)| local.port() == address.port());
    let named = |ip: IpAddr| ip.to_canonical() == address.ip().to_canonical();
    // A socket bound to the very address gets the connection before one bound to all addresses.
    if sockets.iter().any(|(local, _)| named(local.ip())) {
        sockets.retain(|(local, _)| named(local.ip()));
    } else {
        sockets.retain(|(local, _)| local.ip().is_unspecified());
    }
    Ok(sockets.into_iter().map(|(_, inode)| inode).collect())
}

fn holds_socket(pid: u32, inodes: &[u64]) -> bool {
    // Processes come and go, and those of other users cannot be read: neither is what is looked for.
    let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    files.flatten().filter_map(|file| fs::read_link(file.path()).ok()).any(|link| {
        let inode = link.to_str().and_then(|text| text.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok());
        inode.is_some_and(|inode| inodes.contains(&inode))
    })
}

/// Local address and inode of each listening socket in a table like /proc/net/tcp or tcp6.
fn parse_listeners(table: &str) -> Vec<(SocketAddr, u64)> {
    table.lines().skip(1).filter_map(parse_listener).collect()
}

fn parse_listener(line: &str) -> Option<(SocketAddr, u64)> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let (address, port) = fields.get(1)?.split_once(':')?;
    if *fields.get(3)? != TCP_LISTEN {
        return None;
    }
    let ip = parse_kernel_ip(address)?;
    Some((SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?), fields.get(9)?.parse().ok()?))
}

/// An address as the kernel prints it: 32-bit words in network order, each shown as a number of this machine.
fn parse_kernel_ip(hex: &str) -> Option<IpAddr> {
    let word = |index: usize| Some(u32::from_str_radix(hex.get(index * 8..index * 8 + 8)?, 16).ok()?.to_ne_bytes());
    match hex.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let words = [word(0)?, word(1)?, word(2)?, word(3)?];
            let bytes: [u8; 16] = words.as_flattened().try_into().ok()?;
            Some(Ipv6Addr::from(bytes).into())
        }
        _ => None,
    }
}

/// A number of the kernel's clock ticks as time.
fn ticks(count: u64) -> Duration {
    Duration::from_secs_f64(count as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// User and system time in clock ticks, from /proc/PID/stat, where `field` says whose.
fn parse_cpu_ticks(stat: &str, field: usize) -> Result<u64> {
    // The name in parentheses may itself hold spaces and parentheses.
    let (_, rest) = stat.rsplit_once(')').context("/proc/PID/stat holds no name")?;
    let mut fields = rest.split_ascii_whitespace().skip(field).map(str::parse::<u64>);
    let mut next = || fields.next().context("/proc/PID/stat is short")?.context("/proc/PID/stat: not a number");
    Ok(next()? + next()?)
}

fn parse_memory(rollup: &str) -> Result<Memory> {
    let field = |name: &str| -> Result<u64> {
        let line = rollup.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let kibibytes = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        Ok(kibibytes.with_context(|| format!("no {name} in /proc/PID/smaps_rollup"))? * 1024)
    };
    Ok(Memory { resident: field("Rss")?, proportional: field("Pss")?, anonymous: field("Anonymous")? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_times() {
        let stat = "77 (a) b) (c) S 1 77 77 0 -1 4194560 9 0 0 0 1234 66 5 6 20 0 9 0 100 1 2";
        assert_eq!(parse_cpu_ticks(stat, OWN_FIELD).unwrap(), 1300);
        assert_eq!(parse_cpu_ticks(stat, CHILDREN_FIELD).unwrap(), 11);
        assert!(parse_cpu_ticks("77 (a) S 1 77", OWN_FIELD).is_err());
        assert!(parse_cpu_ticks("77 a S", OWN_FIELD).is_err());
    }

    #[test]
    fn memory_is_read_in_bytes() {
        let rollup = "00400000-7ffd rollup\nRss:    5844 kB\nPss:  2001 kB\nPss_Anon: 9 kB\nAnonymous:   1880 kB\n";
        let expected = Memory { resident: 5844 << 10, proportional: 2001 << 10, anonymous: 1880 << 10 };
        assert_eq!(parse_memory(rollup).unwrap(), expected);
        assert!(parse_memory("Rss: 1 kB\nPss: 2 kB\n").is_err());
    }

    #[test]
    fn listeners_are_read_from_both_tables() {
        let four = "  sl  local_address rem_address   st\n\
            0: 0100007F:2134 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0\n\
            1: 0100007F:2134 0100007F:8000 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0\n";
        assert_eq!(parse_listeners(four), [("127.0.0.1:8500".parse().unwrap(), 4711)]);
        let six = "  sl  local_address\n\
            0: 00000000000000000000000001000000:2134 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 99 1\n";
        assert_eq!(parse_listeners(six), [("[::1]:8500".parse().unwrap(), 99)]);
        assert_eq!(parse_listeners("header\nnonsense\n"), []);
    }

    #[test]
    fn the_listening_process_is_found() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        assert_eq!(Process::listening_on(listener.local_addr().unwrap()).unwrap(), Process::own());
        let everywhere = TcpListener::bind("0.0.0.0:0").unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], everywhere.local_addr().unwrap().port()));
        assert_eq!(Process::listening_on(address).unwrap(), Process::own());
        drop(everywhere);
        assert!(Process::listening_on(address).unwrap_err().to_string().contains("nothing"));
    }

    #[test]
    fn this_process_can_be_measured() {
        let memory = Process::own().memory().unwrap();
        assert!(memory.resident >= memory.anonymous && memory.anonymous > 0);
        let before = Process::own().cpu().unwrap();
        let mut sum = 0_u64;
        while Process::own().cpu().unwrap() < before + Duration::from_millis(20) {
            sum = std::hint::black_box(sum + 1);
        }
    }

    #[test]
    fn a_limit_above_the_hard_one_is_named() {
        if rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum.is_some() {
            let error = raise_open_files(u64::MAX - 1).unwrap_err().to_string();
            assert!(error.contains("RLIMIT_NOFILE") && error.contains("--watchers"), "{error}");
        }
        raise_open_files(1).unwrap();
    }
}
