//! The network between hosts, and between clients and hosts: it delays, loses, doubles and
//! reorders, and it is cut.
//!
//! Cuts are one-way, so that a partition may be. A flapping cut opens and closes with its period.

use std::collections::BTreeMap;

use crate::random::Random;

/// Who sends or receives: a host, or the clients and operators (0).
pub(crate) type Place = u64;
/// Where clients and operators sit.
pub(crate) const OUTSIDE: Place = 0;

/// How links behave that are not cut.
#[derive(Debug, Clone, Copy)]
pub struct Weather {
    /// The shortest and the longest delay (microseconds).
    pub delay_us: (u64, u64),
    /// In so many of a thousand messages the delay is up to ten times the longest.
    pub late: u64,
    /// So many of a thousand messages are lost.
    pub lost: u64,
    /// So many of a thousand messages come twice.
    pub doubled: u64,
}

#[derive(Debug, Clone, Copy)]
struct Cut {
    until_us: u64,
    /// A flapping cut holds in every other span of this length.
    period_us: Option<u64>,
}

/// All links.
#[derive(Debug)]
pub(crate) struct Network {
    random: Random,
    weather: Weather,
    cuts: BTreeMap<(Place, Place), Cut>,
}

impl Network {
    /// No link is cut.
    pub(crate) fn new(random: Random, weather: Weather) -> Self {
        Self {
            random,
            weather,
            cuts: BTreeMap::new(),
        }
    }

    /// Changes how links behave.
    pub(crate) fn set_weather(&mut self, weather: Weather) {
        self.weather = weather;
    }

    /// Cuts the way from one place to another.
    pub(crate) fn cut(&mut self, from: Place, to: Place, until_us: u64, period_us: Option<u64>) {
        let cut = Cut {
            until_us,
            period_us,
        };
        self.cuts.insert((from, to), cut);
    }

    /// No link is cut any more.
    pub(crate) fn heal(&mut self) {
        self.cuts.clear();
    }

    /// Whether messages on this way are lost now.
    pub(crate) fn is_cut(&self, from: Place, to: Place, now_us: u64) -> bool {
        self.cuts.get(&(from, to)).is_some_and(|cut| {
            let flaps_open = cut
                .period_us
                .is_some_and(|period| (now_us / period).is_multiple_of(2));
            now_us < cut.until_us && !flaps_open
        })
    }

    /// When copies of a message that is sent now arrive: none, one or two.
    pub(crate) fn arrivals(&mut self, from: Place, to: Place, now_us: u64) -> Vec<u64> {
        if self.is_cut(from, to, now_us) || self.random.chance(self.weather.lost) {
            return Vec::new();
        }
        let copies = 1 + u64::from(self.random.chance(self.weather.doubled));
        (0..copies).map(|_| now_us + self.delay_us()).collect()
    }

    fn delay_us(&mut self) -> u64 {
        let (least, most) = self.weather.delay_us;
        let most = if self.random.chance(self.weather.late) {
            most * 10
        } else {
            most
        };
        self.random.between(least, most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cut_is_one_way_ends_and_may_flap() {
        let weather = Weather {
            delay_us: (1, 1),
            late: 0,
            lost: 0,
            doubled: 0,
        };
        let mut network = Network::new(Random::from_seed(1), weather);
        network.cut(1, 2, 100, None);
        assert!(network.arrivals(1, 2, 99).is_empty());
        assert_eq!(network.arrivals(2, 1, 99), [100]);
        assert_eq!(network.arrivals(1, 2, 100), [101]);
        network.cut(1, 2, 1000, Some(10));
        let cut: Vec<bool> = [5, 15, 25].map(|at| network.is_cut(1, 2, at)).to_vec();
        assert_eq!(cut, [false, true, false]);
    }
}
