//! The machine that the agent runs on: `/v1/agent/host`, from what Linux tells in `/proc`.
//!
//! The parts and their names are Consul's (which are those of gopsutil); numbers that Linux does not have are 0.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Action, Doing};
use crate::call::Call;
use crate::reply::{Outcome, Refused};

pub(super) const GET: Action = Action::Do(|call| Box::pin(host(call)) as Doing);

async fn host(call: Call) -> Result<Outcome, Refused> {
    let directory = match &*call.server.settings.data_directory {
        "" => "/".to_owned(),
        path => path.to_owned(),
    };
    let id = call.server.settings.node_id.clone();
    let now_ms = call.server.node.host().wall.now_ms();
    let told = call.server.elsewhere(move || collected(&directory, &id, now_ms)).await;
    let told = told.ok_or_else(|| Refused::internal("the process is ending"))?;
    Ok(Outcome::Ready(call.json(&told)))
}

fn collected(directory: &str, id: &str, now_ms: u64) -> Value {
    let mut errors = Vec::new();
    let mut read = |path: &str| match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            errors.push(format!("{path}: {error}"));
            String::new()
        }
    };
    let (memory, cpus) = (memory(&read("/proc/meminfo")), cpus(&read("/proc/cpuinfo")));
    let host = this_host(&read("/proc/uptime"), &read("/etc/os-release"), id, now_ms);
    let disk = match rustix::fs::statvfs(directory) {
        Ok(disk) => {
            let total = disk.f_blocks * disk.f_frsize;
            let (free, used) = (disk.f_bavail * disk.f_frsize, (disk.f_blocks - disk.f_bfree) * disk.f_frsize);
            let inodes_used = disk.f_files - disk.f_ffree;
            json!({"path": directory, "fstype": "", "total": total, "free": free, "used": used,
                "usedPercent": percent(used, used + free), "inodesTotal": disk.f_files, "inodesUsed": inodes_used,
                "inodesFree": disk.f_ffree, "inodesUsedPercent": percent(inodes_used, disk.f_files)})
        }
        Err(error) => {
            errors.push(format!("{directory}: {error}"));
            Value::Null
        }
    };
    let errors = if errors.is_empty() { Value::Null } else { json!(errors) };
    let collected_ns = Duration::from_millis(now_ms).as_nanos() as u64;
    json!({"Memory": memory, "CPU": cpus, "Host": host, "Disk": disk, "CollectionTime": collected_ns, "Errors": errors})
}

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

fn memory(meminfo: &str) -> Value {
    let sizes: BTreeMap<&str, u64> = meminfo
        .lines()
        .filter_map(|line| {
            let (name, rest) = line.split_once(':')?;
            let mut words = rest.split_whitespace();
            let number: u64 = words.next()?.parse().ok()?;
            Some((name, if words.next() == Some("kB") { number * 1024 } else { number }))
        })
        .collect();
    let size = |name: &str| sizes.get(name).copied().unwrap_or(0);
    let cached = size("Cached") + size("SReclaimable");
    let used = size("MemTotal").saturating_sub(size("MemFree") + size("Buffers") + cached);
    json!({"total": size("MemTotal"), "available": size("MemAvailable"), "used": used,
        "usedPercent": percent(used, size("MemTotal")), "free": size("MemFree"), "active": size("Active"),
        "inactive": size("Inactive"), "wired": 0, "laundry": 0, "buffers": size("Buffers"), "cached": cached,
        "writeBack": size("Writeback"), "dirty": size("Dirty"), "writeBackTmp": size("WritebackTmp"),
        "shared": size("Shmem"), "slab": size("Slab"), "sreclaimable": size("SReclaimable"),
        "sunreclaim": size("SUnreclaim"), "pageTables": size("PageTables"), "swapCached": size("SwapCached"),
        "commitLimit": size("CommitLimit"), "committedAS": size("Committed_AS"), "highTotal": size("HighTotal"),
        "highFree": size("HighFree"), "lowTotal": size("LowTotal"), "lowFree": size("LowFree"),
        "swapTotal": size("SwapTotal"), "swapFree": size("SwapFree"), "mapped": size("Mapped"),
        "vmallocTotal": size("VmallocTotal"), "vmallocUsed": size("VmallocUsed"), "vmallocChunk": size("VmallocChunk"),
        "hugePagesTotal": size("HugePages_Total"), "hugePagesFree": size("HugePages_Free"),
        "hugePageSize": size("Hugepagesize")})
}

fn cpus(cpuinfo: &str) -> Vec<Value> {
    let blocks = cpuinfo.split("\n\n").filter(|block| block.contains("processor"));
    blocks
        .map(|block| {
            let text = |name: &str| {
                let mut lines = block.lines().filter_map(|line| line.split_once(':'));
                lines.find(|(key, _)| key.trim() == name).map_or("", |(_, value)| value.trim())
            };
            let number =
                |name: &str| text(name).split_whitespace().next().and_then(|n| n.parse::<f64>().ok()).unwrap_or(0.0);
            json!({"cpu": number("processor") as i64, "vendorId": text("vendor_id"), "family": text("cpu family"),
                "model": text("model"), "stepping": number("stepping") as i64, "physicalId": text("physical id"),
                "coreId": text("core id"), "cores": 1, "modelName": text("model name"), "mhz": number("cpu MHz"),
                "cacheSize": number("cache size") as i64,
                "flags": text("flags").split_whitespace().collect::<Vec<_>>(), "microcode": text("microcode")})
        })
        .collect()
}

fn this_host(uptime: &str, release: &str, id: &str, now_ms: u64) -> Value {
    let uptime = uptime.split('.').next().and_then(|seconds| seconds.parse::<u64>().ok()).unwrap_or(0);
    let value = |name: &str| {
        let mut lines = release.lines().filter_map(|line| line.split_once('='));
        lines.find(|(key, _)| *key == name).map_or("", |(_, value)| value.trim_matches('"'))
    };
    let family = value("ID_LIKE").split(' ').next().filter(|family| !family.is_empty());
    let kernel = rustix::system::uname();
    let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let processes = processes.filter(|entry| entry.file_name().to_string_lossy().bytes().all(|b| b.is_ascii_digit()));
    json!({"hostname": text(kernel.nodename()), "uptime": uptime, "bootTime": (now_ms / 1000).saturating_sub(uptime),
        "procs": processes.count(), "os": std::env::consts::OS, "platform": value("ID"),
        "platformFamily": family.unwrap_or(value("ID")), "platformVersion": value("VERSION_ID"),
        "kernelVersion": text(kernel.release()), "kernelArch": text(kernel.machine()), "virtualizationSystem": "",
        "virtualizationRole": "", "hostId": id})
}

#[cfg(test)]
mod tests {
    #[test]
    fn all_parts_are_there() {
        let told = super::collected("/", "id", 1_000_000);
        for part in ["Memory", "CPU", "Host", "Disk", "CollectionTime"] {
            assert!(!told[part].is_null(), "{part}");
        }
        assert!(told["Memory"]["total"].as_u64() > Some(0) && told["Errors"].is_null(), "{told}");
    }
}
