//! What goes wrong, drawn from the seed: crashes, power cuts, partitions, bad weather, failing and full disks, stepped
//! clocks; and its end.

use crate::cluster::{Cluster, DISK_BYTES};
use crate::network::Weather;

/// Draws misfortunes.
pub struct Nemesis {
    random: fastrand::Rng,
    /// For clocks alone, so that what else goes wrong does not depend on them.
    clock_random: fastrand::Rng,
}

/// How many more changes a disk makes before its power goes, at most.
const CHANGES_BEFORE_POWER_CUT: u64 = 40;
/// How much room a filling disk has left, at most.
const ROOM_ON_FULL_DISK_BYTES: u64 = 256 << 10;
/// Every so many steps a wall clock is stepped.
const CLOCK_STEPPED_EVERY: u32 = 40;
/// How far, in milliseconds, at most: more than any time zone or dead battery of a mainboard is mistaken by at once.
const CLOCK_STEP_MS_MAX: i64 = 5 * 3_600_000;

impl Nemesis {
    /// A nemesis that draws from `seed`.
    pub fn new(seed: u64) -> Self {
        Self { random: fastrand::Rng::with_seed(seed), clock_random: fastrand::Rng::with_seed(seed ^ 0xc10c) }
    }

    /// How long until the next step, in milliseconds.
    pub fn pause_ms(&mut self) -> u64 {
        self.random.u64(2..60)
    }

    /// Perhaps does something bad, or mends something. An error is a server that refuses to start.
    pub async fn act(&mut self, cluster: &mut Cluster) -> Result<(), String> {
        self.step_a_clock(cluster);
        let place = self.random.usize(..cluster.servers.len());
        let disk = &cluster.servers[place].disk;
        match self.random.u32(..200) {
            0..2 => cluster.crash(place).await,
            2..5 => disk.cut_power_after(self.random.u64(..CHANGES_BEFORE_POWER_CUT)),
            5 => disk.fail_next_sync(),
            6 => disk.set_capacity(disk.used_bytes() + self.random.u64(..ROOM_ON_FULL_DISK_BYTES)),
            7..11 => disk.set_capacity(DISK_BYTES),
            11..13 => self.isolate(cluster, place),
            13..15 => self.cut_one_way(cluster),
            15..20 => cluster.network.mend(),
            20..23 => cluster.network.set_weather(self.weather()),
            23 => cluster.network.set_weather(Weather::FAIR),
            24..40 => {
                if let Some(place) = self.random.choice(cluster.down()) {
                    cluster.start(place).await?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Perhaps steps a clock: mostly by seconds, so that it matters to delays, now and then by hours.
    fn step_a_clock(&mut self, cluster: &Cluster) {
        if self.clock_random.u32(..CLOCK_STEPPED_EVERY) != 0 {
            return;
        }
        let place = self.clock_random.usize(..cluster.servers.len());
        let farthest_ms = if self.clock_random.bool() { CLOCK_STEP_MS_MAX } else { 5_000 };
        cluster.step_clock(place, self.clock_random.i64(-farthest_ms..=farthest_ms));
    }

    fn weather(&mut self) -> Weather {
        Weather {
            lost_per_mille: self.random.u32(..150),
            repeated_per_mille: self.random.u32(..100),
            slow_per_mille: self.random.u32(..300),
            slow_ms: self.random.u64(..600),
        }
    }

    fn isolate(&mut self, cluster: &Cluster, place: usize) {
        let alone = cluster.servers[place].id;
        for other in cluster.servers.iter().map(|server| server.id).filter(|id| *id != alone) {
            cluster.network.cut(alone, other);
            cluster.network.cut(other, alone);
        }
    }

    fn cut_one_way(&mut self, cluster: &Cluster) {
        let mut pick = || cluster.servers[self.random.usize(..cluster.servers.len())].id;
        cluster.network.cut(pick(), pick());
    }

    /// Mends everything and starts whoever is down.
    pub async fn relent(cluster: &mut Cluster) -> Result<(), String> {
        cluster.network.mend();
        cluster.network.set_weather(Weather::FAIR);
        for server in &cluster.servers {
            server.disk.set_capacity(DISK_BYTES);
            server.disk.mend();
        }
        for place in cluster.down() {
            cluster.start(place).await?;
        }
        Ok(())
    }
}
