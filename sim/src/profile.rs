//! What goes wrong in a run, and how often.

use crate::birth::Agreement;
use crate::network::Weather;

/// How often something happens in a minute of trouble.
pub(crate) type PerMinute = u64;

/// What the adversary does that runs one replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// What the rules in force must bear.
    Bearable,
    /// Signs whatever it likes for whoever asks, votes for everybody, claims logs that it does not
    /// have.
    Unbearable,
}

/// One profile.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// The network in times of trouble.
    pub weather: Weather,
    /// Links are cut, one way or both, for good or flapping.
    pub partitions: PerMinute,
    /// A process ends between any two effects; what was not synced is lost.
    pub crashes: PerMinute,
    /// A process stands still, and goes on later.
    pub pauses: PerMinute,
    /// A clock jumps, drifts or stands still; sometimes those of a majority at once.
    pub clocks: PerMinute,
    /// A disk is slow, hangs or is full.
    pub disks: PerMinute,
    /// Replicas join, leave, are removed or replaced, and the rule of vendors changes.
    pub churn: PerMinute,
    /// Members set another version of an app, or remove one.
    pub apps: PerMinute,
    /// The host sends an old message again.
    pub replays: PerMinute,
    /// A replica is cut off for long, or one client sees only one replica.
    pub holds: PerMinute,
    /// Two processes are started from one folder.
    pub twins: PerMinute,
    /// One replica is run by the adversary.
    pub broken: Option<Broken>,
    /// What the members agreed on.
    pub agreement: Agreement,
    /// Fewest and most voters.
    pub voters: (u64, u64),
    /// Why seeds of this profile may fail for now; none if they must not.
    pub expected_to_fail: Option<&'static str>,
}

const FAIR: Weather = Weather {
    delay_us: (100, 2_000),
    late: 5,
    lost: 0,
    doubled: 0,
};
const ROUGH: Weather = Weather {
    delay_us: (100, 8_000),
    late: 50,
    lost: 10,
    doubled: 10,
};
const STORMY: Weather = Weather {
    delay_us: (200, 40_000),
    late: 100,
    lost: 80,
    doubled: 80,
};

/// How the network is while nothing goes wrong.
pub(crate) const CALM_WEATHER: Weather = FAIR;

const AGREEMENT: Agreement = Agreement {
    required_vendors: 2,
    unheard_s: 20,
    removal_grace_s: 60,
    verdict_lifetime_s: None,
    users: crate::clients::CLIENTS,
};

const CALM: Profile = Profile {
    name: "calm",
    about: "nothing goes wrong",
    weather: FAIR,
    partitions: 0,
    crashes: 0,
    pauses: 0,
    clocks: 0,
    disks: 0,
    churn: 0,
    apps: 2,
    replays: 0,
    holds: 0,
    twins: 0,
    broken: None,
    agreement: AGREEMENT,
    voters: (3, 5),
    expected_to_fail: None,
};

/// All profiles.
const PROFILES: &[Profile] = &[
    CALM,
    Profile {
        name: "lossy",
        about: "messages are late, lost, doubled and reordered; disks are slow",
        weather: STORMY,
        disks: 6,
        ..CALM
    },
    Profile {
        name: "partitions",
        about: "links are cut, one way or both, for a while or flapping; processes stand still",
        weather: ROUGH,
        partitions: 20,
        pauses: 6,
        ..CALM
    },
    Profile {
        name: "crashes",
        about: "processes end at any step and come back as new replicas; disks hang or are full",
        weather: ROUGH,
        crashes: 8,
        pauses: 4,
        disks: 6,
        partitions: 4,
        ..CALM
    },
    Profile {
        name: "clocks",
        about: "clocks jump, drift and stand still, also those of a majority",
        weather: ROUGH,
        clocks: 30,
        partitions: 4,
        crashes: 2,
        ..CALM
    },
    Profile {
        name: "churn",
        about: "replicas join, leave, are removed and replaced, verdicts lapse, the rule of vendors changes",
        weather: ROUGH,
        churn: 12,
        apps: 6,
        crashes: 3,
        partitions: 4,
        agreement: Agreement {
            verdict_lifetime_s: Some(60),
            ..AGREEMENT
        },
        ..CALM
    },
    Profile {
        name: "hostile-hosts",
        about: "hosts send old messages again, start folders twice, hold replicas back, show a client one replica only",
        weather: ROUGH,
        replays: 600,
        holds: 6,
        twins: 1,
        crashes: 2,
        clocks: 6,
        partitions: 4,
        ..CALM
    },
    Profile {
        name: "broken-replica",
        about: "one replica is run by the adversary, who knows its keys, within what the rules must bear",
        weather: ROUGH,
        broken: Some(Broken::Bearable),
        partitions: 4,
        voters: (4, 5),
        ..CALM
    },
    Profile {
        name: "broken-unbearable",
        about: "one replica signs everything, votes for everybody and claims logs that it does not have",
        weather: ROUGH,
        broken: Some(Broken::Unbearable),
        partitions: 4,
        voters: (4, 5),
        expected_to_fail: Some(
            "equivocation, unearned terms and claimed logs of a voter need rules that are not there yet",
        ),
        ..CALM
    },
    Profile {
        name: "everything",
        about: "all troubles of honest replicas at once",
        weather: ROUGH,
        partitions: 8,
        crashes: 4,
        pauses: 4,
        clocks: 8,
        disks: 4,
        churn: 6,
        apps: 4,
        replays: 100,
        holds: 1,
        ..CALM
    },
];

/// All profiles.
pub fn profiles() -> &'static [Profile] {
    PROFILES
}

/// The profile of this name.
pub fn named(name: &str) -> Option<Profile> {
    PROFILES
        .iter()
        .find(|profile| profile.name == name)
        .cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_different_and_found() {
        for profile in profiles() {
            assert_eq!(named(profile.name).expect("found").about, profile.about);
        }
        assert!(named("none").is_none());
    }
}
