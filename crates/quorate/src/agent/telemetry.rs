//! Sends measurements to a statsd or a DogStatsD: every ten seconds, over UDP, in packets that fit a network's frame.
//!
//! A counter is sent as what was added since the last time, a gauge as what it is. Of what is sampled (times, sizes) the
//! mean is sent with how many samples it stands for, so that counts and sums come out right; their spread is in
//! `/v1/agent/metrics`. What can't be sent is dropped: measurements must not hold up what they measure.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use quorate_base::metrics::{INTERVAL, MetricName, Reading, Registry, Value};
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tracing::warn;

use crate::config::settings::TelemetrySettings;

/// The most bytes of a packet: what fits an Ethernet frame behind the headers of IPv6 and UDP.
const PACKET_BYTES_MAX: usize = 1_432;

/// Sends measurements for as long as it is polled, by the settings as they are then.
pub(super) async fn send(mut settings: watch::Receiver<TelemetrySettings>, hostname: String, registry: Registry) {
    let mut sender = Sender { settings: TelemetrySettings::default(), hostname, sent: BTreeMap::new() };
    loop {
        if !settings.borrow().has_target() {
            // The other side lives as long as the agent.
            let _ = settings.wait_for(TelemetrySettings::has_target).await;
            // What was counted before is no news to whom it was not to be told.
            drop(sender.changes(registry.read().readings));
        }
        tokio::time::sleep(INTERVAL).await;
        sender.settings.clone_from(&settings.borrow());
        let changes = sender.changes(registry.read().readings);
        for (address, is_dog) in sender.targets() {
            let lines = changes.iter().filter_map(|change| sender.line(change, is_dog));
            if let Err(error) = transmit(&address, packets(lines)).await {
                warn!(address, %error, "measurements could not be sent");
            }
        }
    }
}

async fn transmit(address: &str, packets: Vec<String>) -> std::io::Result<()> {
    let target = tokio::net::lookup_host(address).await?.next();
    let target = target.ok_or_else(|| std::io::Error::other("the name has no address"))?;
    let own = if target.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(own).await?;
    for packet in packets {
        socket.send_to(packet.as_bytes(), target).await?;
    }
    Ok(())
}

/// Lines put together into packets.
fn packets(lines: impl Iterator<Item = String>) -> Vec<String> {
    let mut packets: Vec<String> = Vec::new();
    for line in lines {
        match packets.last_mut() {
            Some(packet) if packet.len() + 1 + line.len() <= PACKET_BYTES_MAX => {
                packet.push('\n');
                packet.push_str(&line);
            }
            _ => packets.push(line),
        }
    }
    packets
}

struct Sender {
    settings: TelemetrySettings,
    hostname: String,
    /// What counters and samples stood at when they were sent: how many, and their sum.
    sent: BTreeMap<MetricName, (u64, f64)>,
}

/// What happened to a metric since it was last sent.
struct Change {
    name: MetricName,
    what: What,
}

enum What {
    Gauge(f64),
    Added(f64),
    /// The mean of so many.
    Sampled(f64, u64),
}

impl Sender {
    /// Whom they are sent to, and whether he takes tags.
    fn targets(&self) -> Vec<(String, bool)> {
        let settings = &self.settings;
        let targets = [(settings.statsd.clone(), false), (settings.dogstatsd.clone(), true)];
        targets.into_iter().filter_map(|(address, is_dog)| Some((address?, is_dog))).collect()
    }

    fn changes(&mut self, readings: Vec<Reading>) -> Vec<Change> {
        let mut changes = Vec::new();
        for Reading { name, value } in readings {
            let what = match value {
                Value::Gauge(value) => What::Gauge(value),
                Value::Counter { total, .. } => {
                    let (_, before) = self.sent.insert(name.clone(), (0, total)).unwrap_or_default();
                    What::Added(total - before)
                }
                Value::Sample { count, sum, .. } => {
                    let (count_before, sum_before) = self.sent.insert(name.clone(), (count, sum)).unwrap_or_default();
                    let count = count.saturating_sub(count_before);
                    What::Sampled((sum - sum_before) / count.max(1) as f64, count)
                }
            };
            if !matches!(what, What::Added(0.0) | What::Sampled(_, 0)) {
                changes.push(Change { name, what });
            }
        }
        changes
    }

    /// The line for a change; none if it is filtered out.
    fn line(&self, change: &Change, is_dog: bool) -> Option<String> {
        let rest = change.name.name.strip_prefix("consul.").unwrap_or(change.name.name);
        let prefix = &self.settings.prefix;
        let name = if prefix.is_empty() { rest.to_owned() } else { format!("{prefix}.{rest}") };
        if !self.is_sent(&name) {
            return None;
        }
        let is_gauge = matches!(change.what, What::Gauge(_));
        let mut name = if is_gauge && self.settings.has_hostname && !is_dog {
            if prefix.is_empty() {
                format!("{}.{rest}", self.hostname)
            } else {
                format!("{prefix}.{}.{rest}", self.hostname)
            }
        } else {
            name
        };
        let labels = &change.name.labels;
        if !is_dog {
            // Statsd knows no labels: their values become a part of the name.
            labels.iter().for_each(|(_, value)| name.extend([".", value]));
        }
        let mut line: String = name.chars().map(|c| if matches!(c, ':' | ' ' | '|' | '@') { '_' } else { c }).collect();
        // Writing to a String can't fail.
        let _ = match change.what {
            What::Gauge(value) => write!(line, ":{value}|g"),
            What::Added(value) => write!(line, ":{value}|c"),
            What::Sampled(mean, 1) => write!(line, ":{mean}|ms"),
            What::Sampled(mean, count) => write!(line, ":{mean}|ms|@{}", 1.0 / count as f64),
        };
        if is_dog {
            let own = labels.iter().map(|(label, value)| format!("{label}:{value}"));
            let tags: Vec<String> = self.settings.dogstatsd_tags.iter().cloned().chain(own).collect();
            if !tags.is_empty() {
                let _ = write!(line, "|#{}", tags.join(","));
            }
        }
        Some(line)
    }

    /// Whether a name is sent: the longest rule that it begins with says so.
    fn is_sent(&self, name: &str) -> bool {
        let rules = self.settings.rules.iter().filter(|(prefix, _)| name.starts_with(prefix));
        rules.max_by_key(|(prefix, _)| prefix.len()).map_or(self.settings.sends_by_default, |(_, is_sent)| *is_sent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(settings: TelemetrySettings, is_dog: bool) -> Vec<String> {
        let registry = Registry::new(0);
        let sample = registry.sample("consul.http.time");
        sample.record(2.0);
        let mut sender = Sender { settings, hostname: "host 1".to_owned(), sent: BTreeMap::new() };
        sender.changes(registry.read().readings);
        registry.counter(MetricName::with_labels("consul.kv.put", &[("state", "ok")])).add(3.0);
        registry.gauge("consul.runtime.bytes").set(1.5);
        registry.counter("quorate.quiet");
        sample.record(4.0);
        sample.record(8.0);
        let changes = sender.changes(registry.read().readings);
        changes.iter().filter_map(|change| sender.line(change, is_dog)).collect()
    }

    fn settings() -> TelemetrySettings {
        TelemetrySettings {
            prefix: "consul".to_owned(),
            has_hostname: true,
            sends_by_default: true,
            ..Default::default()
        }
    }

    #[test]
    fn what_changed_is_sent_in_the_form_of_each_kind() {
        let expected = ["consul.http.time:6|ms|@0.5", "consul.kv.put.ok:3|c", "consul.host_1.runtime.bytes:1.5|g"];
        assert_eq!(lines(settings(), false), expected);
        let dog =
            TelemetrySettings { dogstatsd_tags: vec!["dc:east".to_owned()], prefix: "q".to_owned(), ..settings() };
        let expected =
            ["q.http.time:6|ms|@0.5|#dc:east", "q.kv.put:3|c|#dc:east,state:ok", "q.runtime.bytes:1.5|g|#dc:east"];
        assert_eq!(lines(dog, true), expected);
    }

    #[test]
    fn the_longest_rule_says_what_is_sent() {
        let rules = vec![("consul".to_owned(), false), ("consul.kv".to_owned(), true)];
        assert_eq!(lines(TelemetrySettings { rules, ..settings() }, false), ["consul.kv.put.ok:3|c"]);
        assert!(lines(TelemetrySettings { sends_by_default: false, ..settings() }, false).is_empty());
    }

    #[test]
    fn packets_fit_a_frame() {
        let packets = packets((0..100).map(|number| format!("{number:099}")));
        assert_eq!(packets.iter().map(|packet| packet.lines().count()).sum::<usize>(), 100);
        assert!(packets.len() > 1 && packets.iter().all(|packet| packet.len() <= PACKET_BYTES_MAX));
    }
}
