//! Trouble: what hosts, networks, disks, clocks and people do to the replicas, at the rates of the
//! profile.
//!
//! Invariants
//! - trouble never takes so many voters that the network could not go on by its own rules: a quorum
//!   of enough vendors keeps running in every configuration that any replica knows of;
//! - in the calm everything is mended: links, clocks, disks, and processes that stood still or
//!   ended.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use synod_governance::Act;
use synod_ledger::{Configuration, Sequence};
use synod_replica::Input;

use crate::clock::RATE_MAX;
use crate::events::{Event, Kind, Trouble};
use crate::network::OUTSIDE;
use crate::profile::CALM_WEATHER;
use crate::world::World;

/// The network may be cut so long, for the profile of partitions and for a replica that is held
/// back (microseconds).
const CUT_US: (u64, u64) = (300_000, 6_000_000);
const HELD_US: (u64, u64) = (10_000_000, 40_000_000);
/// So many old messages are kept to be sent again.
const RECORDED_MAX: usize = 4000;
/// Within this time a leader notices that a voter is not heard any more (microseconds).
const NOTICED_WITHIN_US: u64 = 4_000_000;
const MINUTE_US: u64 = 60_000_000;
const VOTERS_MIN: usize = 3;
const VOTERS_MAX: usize = 6;

const KINDS: [Kind; 10] = [
    Kind::Partition,
    Kind::Crash,
    Kind::Pause,
    Kind::Clock,
    Kind::Disk,
    Kind::Churn,
    Kind::App,
    Kind::Replay,
    Kind::Hold,
    Kind::Twin,
];

impl World {
    /// Things begin to go wrong.
    pub(crate) fn begin_trouble(&mut self, round: u64) {
        self.note(format_args!("trouble {round} begins"));
        self.troubled = true;
        self.network.set_weather(self.profile.weather);
        for kind in KINDS {
            self.plan_strike(kind, round);
        }
    }

    /// Everything is mended.
    pub(crate) fn end_trouble(&mut self) {
        self.note(format_args!("calm"));
        self.troubled = false;
        self.network.set_weather(CALM_WEATHER);
        self.network.heal();
        let ids: Vec<u64> = self.hosts.keys().copied().collect();
        for id in ids {
            let now_us = self.now_us;
            let host = self.hosts.get_mut(&id).expect("the host");
            host.clock.heal(now_us);
            host.crash_in = None;
            self.resume(id);
            self.disk_heals(id);
        }
        for client in &mut self.clients {
            client.captive = None;
            client.written_in_calm = false;
        }
    }

    fn rate(&self, kind: Kind) -> u64 {
        let profile = &self.profile;
        match kind {
            Kind::Partition => profile.partitions,
            Kind::Crash => profile.crashes,
            Kind::Pause => profile.pauses,
            Kind::Clock => profile.clocks,
            Kind::Disk => profile.disks,
            Kind::Churn => profile.churn,
            Kind::App => profile.apps,
            Kind::Replay => profile.replays,
            Kind::Hold => profile.holds,
            Kind::Twin => profile.twins,
        }
    }

    fn plan_strike(&mut self, kind: Kind, round: u64) {
        if let Some(span_us) = (2 * MINUTE_US).checked_div(self.rate(kind)) {
            let wait_us = self.random.below(span_us);
            let strike = Event::Trouble(Trouble::Strike { kind, round });
            self.queue.plan(self.now_us + wait_us, strike);
        }
    }

    pub(crate) fn trouble(&mut self, trouble: Trouble) {
        match trouble {
            Trouble::Strike { kind, round } if self.troubled && round == self.round => {
                self.strike(kind);
                self.plan_strike(kind, round);
            }
            Trouble::Strike { .. } => {}
            Trouble::Unreachable { host, peer } => self.step(host, Input::Unreachable(peer)),
            Trouble::DiskHeals { host } => self.disk_heals(host),
        }
    }

    fn strike(&mut self, kind: Kind) {
        match kind {
            Kind::Partition => self.partition(),
            Kind::Crash => self.crash_one(),
            Kind::Pause => self.pause_one(),
            Kind::Clock => self.set_clocks(),
            Kind::Disk => self.disk_trouble(),
            Kind::Churn => self.churn(),
            Kind::App => self.change_apps(),
            Kind::Replay => self.replay(),
            Kind::Hold => self.hold(),
            Kind::Twin => self.start_twin(),
        }
    }

    /// Hosts on which an honest replica runs.
    pub(crate) fn running(&self) -> Vec<u64> {
        let running = self
            .hosts
            .iter()
            .filter(|(_, host)| host.honest().is_some());
        running.map(|(id, _)| *id).collect()
    }

    /// Whether a quorum of enough vendors runs on in every configuration that anybody knows,
    /// without these hosts; also once a leader that has not noticed yet makes voters of learners
    /// that end.
    pub(crate) fn bearable(&self, without: &[u64]) -> bool {
        let alive: BTreeSet<u64> = self
            .hosts
            .iter()
            .filter(|(id, host)| {
                let gone = without.contains(id) || host.paused || host.crash_in.is_some();
                !gone && host.honest().is_some_and(|process| !process.leaving)
            })
            .filter_map(|(_, host)| host.process.as_ref().map(|process| process.id))
            .collect();
        let known: BTreeMap<u64, Arc<Configuration>> = self
            .hosts
            .values()
            .filter_map(|host| host.honest())
            .flat_map(|process| known_configurations(process.replica.machine().sequence()))
            .collect();
        let certified = self
            .hosts
            .values()
            .filter_map(|host| host.honest())
            .map(|process| {
                let sequence = process.replica.machine().sequence();
                let named = sequence.configuration_named(&sequence.certified().configuration);
                named.map_or(0, |named| named.number())
            });
        let mut ended = self.learners_ended();
        let hosts = without.iter().filter_map(|id| self.hosts.get(id));
        let processes = hosts.filter_map(|host| host.process.as_ref());
        ended.extend(processes.map(|process| process.id));
        // What a certified block has superseded certifies nothing any more.
        let in_force = certified.max().unwrap_or(0);
        known.range(in_force..).all(|(_, configuration)| {
            let running = configuration
                .voters()
                .iter()
                .filter(|voter| alive.contains(&voter.id));
            let vendors: BTreeSet<&str> = running.clone().map(|voter| &voter.vendor[..]).collect();
            let is_voter = |id: &&u64| configuration.voters().iter().any(|voter| voter.id == **id);
            let learners = ended.iter().filter(|id| !is_voter(id)).count();
            let counted = configuration.voters().len() + learners;
            2 * running.count() > counted && vendors.len() >= 2
        })
    }

    /// Replicas that ended before they were voters, so lately that a leader may not know.
    fn learners_ended(&self) -> BTreeSet<u64> {
        let lately = |ended_us: u64| self.now_us <= ended_us + NOTICED_WITHIN_US;
        let ended = self.learners_ended_us.iter();
        ended
            .filter(|(_, ended_us)| lately(**ended_us))
            .map(|(id, _)| *id)
            .collect()
    }

    fn partition(&mut self) {
        let mut places: Vec<u64> = self.hosts.keys().copied().collect();
        if self.random.chance(300) {
            places.push(OUTSIDE);
        }
        let mut side: Vec<u64> = places
            .iter()
            .copied()
            .filter(|_| self.random.chance(400))
            .collect();
        let until_us = self.now_us + self.random.between(CUT_US.0, CUT_US.1);
        // A leader that is alone, and that clients still reach, is the one to watch.
        if let Some(leader) = self.serving().filter(|_| self.random.chance(350)) {
            (places, side) = (self.hosts.keys().copied().collect(), vec![leader]);
            let client = self.random.below(self.clients.len() as u64) as usize;
            self.clients[client].captive = Some((leader, until_us));
        }
        let flaps = self
            .random
            .chance(250)
            .then(|| self.random.between(50_000, 700_000));
        let one_way = self.random.chance(350);
        self.count("partitions");
        self.note(format_args!(
            "{side:?} cut off, one way: {one_way}, flapping: {flaps:?}"
        ));
        for a in &side {
            for b in places.iter().filter(|b| !side.contains(b)) {
                self.network.cut(*a, *b, until_us, flaps);
                if !one_way {
                    self.network.cut(*b, *a, until_us, flaps);
                }
            }
        }
    }

    fn crash_one(&mut self) {
        let running = self.running();
        let Some(host_id) = self.random.pick(&running) else {
            return;
        };
        if !self.bearable(&[host_id]) {
            return;
        }
        let steps = self.random.between(1, 60);
        let restart_us = self.now_us + self.random.between(200_000, 8_000_000);
        let host = self.hosts.get_mut(&host_id).expect("the host");
        host.crash_in = Some(steps);
        host.restart_us = restart_us;
    }

    fn pause_one(&mut self) {
        let running = self.running();
        let leader = self.serving().filter(|_| self.random.chance(400));
        let Some(host_id) = leader.or_else(|| self.random.pick(&running)) else {
            return;
        };
        if !self.bearable(&[host_id]) {
            return;
        }
        let until_us = self.now_us + self.random.between(100_000, 5_000_000);
        self.lost_us = self.now_us;
        self.hosts.get_mut(&host_id).expect("the host").paused = true;
        self.count("pauses");
        self.note(format_args!("host {host_id} stands still"));
        self.queue.plan(until_us, Event::Resume { host: host_id });
    }

    fn set_clocks(&mut self) {
        let hosts: Vec<u64> = self.hosts.keys().copied().collect();
        // Sometimes an operator sets the clocks of all the machines.
        let of_all = self.random.chance(200);
        let chosen: Vec<u64> = match self.random.pick(&hosts) {
            Some(one) if !of_all => vec![one],
            _ => hosts,
        };
        let scales = [500, 30_000, 3_600_000, 30 * 86_400_000];
        let scale = self.random.pick(&scales).expect("one of four");
        let offset_ms = self.random.around_zero(scale);
        let rate = self.random.between(800, RATE_MAX);
        let how = self.random.below(4);
        self.count("clocks set");
        self.note(format_args!(
            "clocks of {chosen:?}: way {how}, {offset_ms} ms, {rate}"
        ));
        let now_us = self.now_us;
        for id in chosen {
            let clock = &mut self.hosts.get_mut(&id).expect("the host").clock;
            match how {
                0 | 1 => clock.jump(offset_ms),
                2 => clock.drift(now_us, rate),
                _ => clock.freeze(now_us),
            }
        }
    }

    fn disk_trouble(&mut self) {
        let running = self.running();
        let Some(host_id) = self.random.pick(&running) else {
            return;
        };
        let way = self.random.below(3);
        if way > 0 && !self.bearable(&[host_id]) {
            return;
        }
        let until_us = self.now_us + self.random.between(100_000, 4_000_000);
        let host = self.hosts.get_mut(&host_id).expect("the host");
        let disk = &mut host.process.as_mut().expect("it runs").disk;
        match way {
            0 => disk.sync_us_max = 150_000,
            _ => disk.stuck = true,
        }
        self.count("disk troubles");
        self.note(format_args!("disk of host {host_id}: way {way}"));
        if way == 2 {
            self.step(host_id, Input::DiskFull(true));
        }
        self.queue.plan(
            until_us,
            Event::Trouble(Trouble::DiskHeals { host: host_id }),
        );
    }

    fn disk_heals(&mut self, host_id: u64) {
        let Some(process) = &mut self.hosts.get_mut(&host_id).expect("the host").process else {
            return;
        };
        process.disk.heal();
        self.step(host_id, Input::DiskFull(false));
    }

    /// People change the membership.
    fn churn(&mut self) {
        let running = self.running();
        let voters = self.newest_voters();
        let Some(host_id) = self.random.pick(&running) else {
            return;
        };
        let process = self.hosts[&host_id].process.as_ref().expect("it runs");
        let (id, leaving) = (process.id, process.leaving);
        let may_lose = voters.len() > VOTERS_MIN
            && voters.contains(&id)
            && !leaving
            && self.bearable(&[host_id]);
        self.count("churn");
        match self.random.below(8) {
            0..3 if voters.len() < VOTERS_MAX => self.unretire(),
            3 if may_lose => self.leave(host_id),
            // An operator who does not look asks as well; whom the network needs, it must refuse.
            7 if voters.contains(&id) && !leaving && self.losses_are_known() => {
                self.count("leaves asked for without a look");
                self.leave(host_id);
            }
            4 if may_lose => {
                let cause = "the members say so".to_owned();
                self.hosts
                    .get_mut(&host_id)
                    .expect("it runs")
                    .process
                    .as_mut()
                    .expect("it runs")
                    .leaving = true;
                self.members.decide(Act::RemoveReplica { id, cause });
            }
            5 if voters.contains(&id) => {
                self.members.decide(Act::ReplaceReplica { id, with: None });
            }
            6 => {
                let n = self.random.between(1, 2) as u8;
                self.members.decide(Act::SetRequiredVendors { n });
            }
            _ => {}
        }
    }

    /// Whether replicas have had the time to notice whom they have lost.
    fn losses_are_known(&self) -> bool {
        self.now_us > self.lost_us + NOTICED_WITHIN_US
    }

    /// The voters of the newest configuration that any honest replica knows.
    pub(crate) fn newest_voters(&self) -> Vec<u64> {
        let honest = self.hosts.values().filter_map(|host| host.honest());
        let newest = honest
            .map(|process| process.replica.machine().sequence().newest_configuration())
            .max_by_key(|configuration| configuration.number());
        newest.map_or_else(Vec::new, |newest| {
            newest.voters().iter().map(|voter| voter.id).collect()
        })
    }

    fn unretire(&mut self) {
        let retired: Vec<u64> = self
            .hosts
            .iter()
            .filter(|(_, host)| host.retired && host.process.is_none())
            .map(|(id, _)| *id)
            .collect();
        if let Some(id) = self.random.pick(&retired) {
            let host = self.hosts.get_mut(&id).expect("the host");
            (host.retired, host.former) = (false, None);
        }
    }

    pub(crate) fn record(&mut self, from: u64, to: u64, bytes: Bytes) {
        if self.recorded.len() < RECORDED_MAX {
            self.recorded.push((from, to, bytes));
        } else {
            let at = self.random.below(RECORDED_MAX as u64);
            self.recorded[usize::try_from(at).expect("a place in a vector")] = (from, to, bytes);
        }
    }

    /// Hosts send old messages again, in the name of their replicas. The channel would refuse them,
    /// since it numbers what passes; that nothing goes wrong without that is more than is promised.
    /// What is cut stays cut.
    fn replay(&mut self) {
        for _ in 0..self.random.between(1, 4) {
            let Some((from, to, bytes)) = self.random.pick(&self.recorded) else {
                return;
            };
            let ways = self.places.get(&from).zip(self.places.get(&to));
            let is_cut = |(a, b): (&u64, &u64)| self.network.is_cut(*a, *b, self.now_us);
            if ways.is_some_and(|way| !is_cut(way)) {
                let again = Event::Deliver { from, to, bytes };
                self.queue.plan(self.now_us, again);
            }
        }
    }

    /// A replica is cut off from all others for long, or a client sees one host only.
    fn hold(&mut self) {
        let running = self.running();
        let Some(host_id) = self.random.pick(&running) else {
            return;
        };
        let until_us = self.now_us + self.random.between(HELD_US.0, HELD_US.1);
        if self.random.chance(500) {
            let client = self.random.below(self.clients.len() as u64) as usize;
            self.note(format_args!("client {client} sees host {host_id} only"));
            self.clients[client].captive = Some((host_id, until_us));
            // What that host sees is old: it sends, and hears nothing.
            let others: Vec<u64> = self
                .hosts
                .keys()
                .copied()
                .filter(|other| *other != host_id)
                .collect();
            if self.bearable(&[host_id]) {
                others
                    .iter()
                    .for_each(|other| self.network.cut(*other, host_id, until_us, None));
            }
            return;
        }
        if !self.bearable(&[host_id]) {
            return;
        }
        self.note(format_args!("host {host_id} is held back"));
        let others: Vec<u64> = self
            .hosts
            .keys()
            .copied()
            .filter(|other| *other != host_id)
            .collect();
        for other in others {
            self.network.cut(host_id, other, until_us, None);
            self.network.cut(other, host_id, until_us, None);
        }
    }

    /// Another host starts a process from the folder of one that runs: it joins in the place of
    /// that one, which lives.
    fn start_twin(&mut self) {
        let running = self.running();
        let Some(host_id) = self.random.pick(&running) else {
            return;
        };
        let free = self
            .hosts
            .iter()
            .find(|(_, host)| host.retired && host.process.is_none());
        let Some(twin) = free.map(|(id, _)| *id) else {
            return;
        };
        if self.newest_voters().len() >= VOTERS_MAX {
            return;
        }
        let (platform, tee, former) = {
            let host = &self.hosts[&host_id];
            (host.platform, host.tee, host.former)
        };
        let host = self.hosts.get_mut(&twin).expect("the host");
        (host.platform, host.tee, host.former, host.retired) = (platform, tee, former, false);
        self.count("twins");
        self.note(format_args!(
            "host {twin} starts the folder of host {host_id} again"
        ));
    }
}

/// The configurations that count for a replica, by number.
fn known_configurations(sequence: &Sequence) -> Vec<(u64, Arc<Configuration>)> {
    let known = [
        sequence.newest_configuration(),
        sequence.in_force(),
        sequence.configuration(),
    ];
    known
        .into_iter()
        .map(|configuration| (configuration.number(), configuration.clone()))
        .collect()
}
