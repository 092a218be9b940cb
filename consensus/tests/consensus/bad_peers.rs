//! Whatever a peer says, the engine refuses it with a reason or bears it; it never panics and
//! never commits on a peer's mere word.

use crate::cluster;

use bytes::Bytes;
use cluster::{Cluster, Random};
use synod_consensus::{Body, Change, Entry, Input, Message, Payload, Refused, Role};

/// Three replicas, 1 leads in `term`, everybody has committed up to `commit`.
struct Scene {
    cluster: Cluster,
    term: u64,
    commit: u64,
}

fn scene() -> Scene {
    let mut cluster = Cluster::new(1, 3);
    cluster.elect(1);
    let commit = cluster.commit("a block");
    cluster.run_for(200);
    let term = cluster.engine(1).term();
    Scene {
        cluster,
        term,
        commit,
    }
}

impl Scene {
    fn say(&mut self, from: u64, to: u64, term: u64, body: Body) -> Result<(), Refused> {
        let message = Message {
            from,
            to,
            term,
            body,
        };
        let foretold = self.cluster.engine(to).would_accept(&message);
        let outcome = self.cluster.deliver(message).map(|_| ());
        assert_eq!(foretold, outcome, "would_accept tells the same");
        outcome
    }
}

fn entry(index: u64, term: u64) -> Entry {
    Entry {
        index,
        term,
        payload: Payload::Block(Bytes::from_static(b"forged")),
    }
}

fn append(index: u64, log_term: u64, commit: u64, entry: Option<Entry>) -> Body {
    Body::Append {
        index,
        log_term,
        commit,
        entry,
    }
}

fn heartbeat(commit: u64) -> Body {
    Body::Heartbeat { commit, read: None }
}

#[test]
fn message_for_another_or_from_nobody_is_refused() {
    let mut scene = scene();
    let term = scene.term;
    for from in [0, 2] {
        let refused = scene.say(from, 2, term, heartbeat(1)).unwrap_err();
        assert_eq!(refused, Refused::Misaddressed { from, to: 2 });
    }
    let stray = Message {
        from: 1,
        to: 3,
        term,
        body: heartbeat(1),
    };
    let engine = &mut scene.cluster.node_mut(2).engine;
    let refused = engine.step(Input::Received(stray)).unwrap_err();
    assert_eq!(refused, Refused::Misaddressed { from: 1, to: 3 });
    assert_eq!(engine.refusals()["misaddressed"], 3);
}

#[test]
fn terms_and_indices_out_of_range_are_refused() {
    let mut scene = scene();
    let (term, commit) = (scene.term, scene.commit);
    let high = 1 << 62;
    let cases = [
        (0, heartbeat(1)),
        (high, heartbeat(1)),
        (u64::MAX, heartbeat(1)),
        (term, heartbeat(u64::MAX)),
        (term, append(0, 1, 1, None)),
        (term, append(commit, 0, 1, None)),
        (term, append(u64::MAX, 1, 1, None)),
        (term, append(commit, term + 1, 1, None)),
        (term, append(commit, term, high, None)),
        (term, append(commit, term, 1, Some(entry(commit, term)))),
        (term, append(commit, term, 1, Some(entry(commit + 2, term)))),
        (
            term,
            append(commit, term, 1, Some(entry(commit + 1, term - 1))),
        ),
        (
            term,
            append(commit, term, 1, Some(entry(commit + 1, term + 1))),
        ),
    ];
    for (term, body) in cases {
        let refused = scene.say(1, 2, term, body.clone()).unwrap_err();
        assert!(matches!(refused, Refused::Malformed { .. }), "{body:?}");
    }
    let replies = [
        Body::Accepted {
            index: high,
            commit: 1,
        },
        Body::Rejected {
            index: commit + 1,
            hint: u64::MAX,
            hint_term: 1,
            commit: 1,
        },
        Body::HeartbeatReply {
            commit: high,
            read: None,
        },
        Body::Vote {
            pre: false,
            last_index: 0,
            last_term: 1,
            transfer: true,
        },
        Body::Vote {
            pre: false,
            last_index: 1,
            last_term: term + 1,
            transfer: true,
        },
    ];
    for body in replies {
        let refused = scene.say(2, 1, term, body.clone()).unwrap_err();
        assert!(matches!(refused, Refused::Malformed { .. }), "{body:?}");
    }
}

#[test]
fn entry_without_a_block_or_about_nobody_is_refused() {
    let mut scene = scene();
    let (term, commit) = (scene.term, scene.commit);
    let payloads = [
        Payload::Block(Bytes::new()),
        Payload::Change {
            change: Change::Remove(0),
            block: Bytes::from_static(b"x"),
        },
    ];
    for payload in payloads {
        let entry = Entry {
            index: commit + 1,
            term,
            payload,
        };
        let body = append(commit, term, 1, Some(entry));
        let refused = scene.say(1, 2, term, body).unwrap_err();
        assert!(matches!(refused, Refused::Malformed { .. }));
    }
}

#[test]
fn inflated_commit_index_of_a_heartbeat_is_refused() {
    let mut scene = scene();
    let last = scene.cluster.engine(2).last_index();
    let refused = scene
        .say(1, 2, scene.term, heartbeat(last + 1))
        .unwrap_err();
    let expected = Refused::CommitBeyondLog {
        commit: last + 1,
        last,
    };
    assert_eq!(refused, expected);
}

#[test]
fn inflated_commit_index_of_an_append_commits_nothing_beyond_the_append() {
    let mut scene = scene();
    let (term, commit) = (scene.term, scene.commit);
    let body = append(commit, term, commit + 100, Some(entry(commit + 1, term)));
    scene.say(1, 2, term, body).unwrap();
    assert!(scene.cluster.engine(2).commit() <= commit + 1);
}

#[test]
fn receiver_that_lowers_the_commit_index_commits_no_more_than_it_verified() {
    let mut scene = scene();
    let (term, commit) = (scene.term, scene.commit);
    for body in [
        append(commit, term, commit + 1, Some(entry(commit + 1, term))),
        heartbeat(commit + 1),
    ] {
        let mut message = Message {
            from: 1,
            to: 2,
            term,
            body,
        };
        message.lower_commit(commit);
        scene.cluster.deliver(message).unwrap();
        scene.cluster.run_for(20);
        assert_eq!(scene.cluster.engine(2).commit(), commit);
    }
}

#[test]
fn votes_bring_no_commit_index_along() {
    // A vote has no field for it: its encoding is one array of eight.
    let mut bytes = Vec::new();
    let vote = Message {
        from: 2,
        to: 1,
        term: 3,
        body: Body::Vote {
            pre: false,
            last_index: 9,
            last_term: 2,
            transfer: false,
        },
    };
    vote.encode(&mut bytes);
    assert_eq!(bytes, [0x88, 3, 2, 1, 3, 0xf4, 9, 2, 0xf4]);
}

#[test]
fn append_that_contradicts_a_committed_entry_is_refused() {
    let mut scene = scene();
    let (term, commit) = (scene.term, scene.commit);
    let before = append(commit, term - 1, 1, None);
    let at = append(commit - 1, 1, 1, None);
    for (body, index) in [(before, commit), (at, commit - 1)] {
        for term in [term, term + 1] {
            let refused = scene.say(1, 2, term, body.clone()).unwrap_err();
            assert!(
                matches!(refused, Refused::ContradictsCommitted { index: i, .. } if i == index),
                "{refused}"
            );
        }
    }
    let overwriting = append(commit - 1, term, 1, Some(entry(commit, term + 1)));
    let refused = scene.say(3, 2, term + 1, overwriting).unwrap_err();
    assert_eq!(
        refused,
        Refused::ContradictsCommitted {
            index: commit,
            ours: term,
            theirs: term + 1
        }
    );
    assert_eq!(
        scene.cluster.engine(2).term(),
        term,
        "refused before it was believed"
    );
}

#[test]
fn append_of_a_lower_term_is_answered_with_the_higher_one_and_changes_nothing() {
    let mut scene = scene();
    let (term, commit) = (scene.term, scene.commit);
    let effects = scene.cluster.deliver(Message {
        from: 3,
        to: 2,
        term: term - 1,
        body: append(commit, 1, commit + 9, Some(entry(commit + 1, 1))),
    });
    let effects = effects.unwrap();
    assert_eq!(effects.persist, None);
    assert_eq!(effects.send[0].term, term);
    assert_eq!(
        effects.send[0].acknowledges(),
        None,
        "it acknowledges nothing"
    );
}

#[test]
fn acknowledgement_of_what_was_never_sent_is_refused() {
    let mut scene = scene();
    let last = scene.cluster.engine(1).last_index();
    let body = Body::Accepted {
        index: last + 1,
        commit: 1,
    };
    let refused = scene.say(2, 1, scene.term, body).unwrap_err();
    let expected = Refused::AcknowledgedBeyondLog {
        index: last + 1,
        last,
    };
    assert_eq!(refused, expected);
}

#[test]
fn rejection_of_what_was_acknowledged_is_refused() {
    let mut scene = scene();
    let matched = scene.cluster.engine(1).matched(2).unwrap();
    let body = Body::Rejected {
        index: matched,
        hint: 1,
        hint_term: 1,
        commit: 1,
    };
    let refused = scene.say(2, 1, scene.term, body).unwrap_err();
    let expected = Refused::StaleRejection {
        index: matched,
        matched,
    };
    assert_eq!(refused, expected);
}

#[test]
fn answers_of_strangers_are_refused() {
    let mut scene = scene();
    let term = scene.term;
    let bodies = [
        Body::Accepted {
            index: 1,
            commit: 1,
        },
        Body::HeartbeatReply {
            commit: 1,
            read: None,
        },
        Body::VoteReply {
            pre: false,
            granted: true,
        },
    ];
    for body in bodies {
        let refused = scene.say(77, 1, term, body).unwrap_err();
        assert_eq!(refused, Refused::UnknownPeer { from: 77 });
    }
}

#[test]
fn order_to_campaign_is_taken_from_the_leader_only() {
    let mut scene = scene();
    let term = scene.term;
    for (from, term) in [(3, term), (1, term + 1), (3, term + 1)] {
        let refused = scene.say(from, 2, term, Body::TimeoutNow).unwrap_err();
        assert_eq!(refused, Refused::NotFromLeader { from });
    }
    scene.say(1, 2, term, Body::TimeoutNow).unwrap();
    assert_eq!(scene.cluster.engine(2).role(), Role::Candidate);
}

#[test]
fn vote_that_was_not_asked_for_makes_no_leader() {
    let mut cluster = Cluster::new(1, 3);
    cluster.disk_hangs(2);
    let body = append(1, 1, 1, Some(entry(2, 2)));
    let message = Message {
        from: 1,
        to: 2,
        term: 2,
        body,
    };
    cluster.deliver(message).unwrap();
    cluster.stop(1);
    cluster.stop(3);
    cluster.run_for(5000);
    assert_eq!(cluster.engine(2).role(), Role::PreCandidate);
    for pre in [true, false] {
        let reply = Message {
            from: 3,
            to: 2,
            term: 3,
            body: Body::VoteReply { pre, granted: true },
        };
        let refused = cluster.deliver(reply).unwrap_err();
        assert_eq!(refused, Refused::UnsolicitedVote { from: 3 });
    }
}

#[test]
fn storm_of_plausible_lies_never_panics_and_truncates_nothing_committed() {
    for seed in 0..30 {
        storm(seed, 400);
    }
}

/// Every replica hears random messages about terms and indices near its own, in between disk
/// reports and ticks. Agreement cannot hold under such lies; the engine must.
fn storm(seed: u64, steps: usize) {
    let mut random = Random::new(seed);
    let mut cluster = Cluster::new(seed, 3);
    cluster.elect(1);
    cluster.commit("a block");
    let mut engines: Vec<_> = cluster
        .nodes
        .into_values()
        .map(|node| node.engine)
        .collect();
    let mut waiting: Vec<Vec<u64>> = vec![vec![]; engines.len()];
    for _ in 0..steps {
        let at = usize::try_from(random.between((0, 2))).unwrap();
        let engine = &mut engines[at];
        let commit = engine.commit();
        let kept: Vec<_> = (2..=commit).map(|index| engine.term_at(index)).collect();
        let input = match random.between((0, 9)) {
            0 => Input::Tick,
            1 => Input::Campaign,
            2 => Input::Propose(Payload::Block(Bytes::from_static(b"honest"))),
            3 => waiting[at].pop().map_or(Input::Tick, Input::Persisted),
            _ => Input::Received(lie(&mut random, engine)),
        };
        if let Ok(effects) = engine.step(input) {
            waiting[at].extend(effects.persist.map(|batch| batch.number));
        }
        if let Some((index, _)) = engine.pending_change() {
            let groups = synod_consensus::Groups::none();
            let _unfit_or_applied = engine.step(Input::Apply { index, groups });
        }
        let still: Vec<_> = (2..=commit).map(|index| engine.term_at(index)).collect();
        assert_eq!(kept, still, "committed entries stay");
    }
}

fn lie(random: &mut Random, engine: &synod_consensus::Engine) -> Message {
    let term = (engine.term() + random.between((0, 4))).saturating_sub(2);
    let near = |random: &mut Random, of: u64| (of + random.between((0, 6))).saturating_sub(3);
    let last = engine.last_index();
    let index = near(random, last);
    let other = near(random, engine.commit());
    let log_term = engine.term_at(index).unwrap_or_else(|| near(random, term));
    let flag = random.percent(50);
    let body = match random.between((0, 8)) {
        0 | 1 => append(index, log_term, other, lie_entry(random, index, log_term)),
        2 => Body::Accepted {
            index,
            commit: other,
        },
        3 => Body::Rejected {
            index,
            hint: other,
            hint_term: near(random, term),
            commit: other,
        },
        4 => Body::Vote {
            pre: flag,
            last_index: index,
            last_term: log_term,
            transfer: random.percent(50),
        },
        5 => Body::VoteReply {
            pre: flag,
            granted: random.percent(80),
        },
        6 => heartbeat(other),
        7 => Body::HeartbeatReply {
            commit: other,
            read: flag.then_some(1),
        },
        _ => Body::TimeoutNow,
    };
    Message {
        from: random.between((1, 4)),
        to: engine.id(),
        term,
        body,
    }
}

fn lie_entry(random: &mut Random, index: u64, log_term: u64) -> Option<Entry> {
    let block = Bytes::from_static(b"lie");
    let payload = match random.between((0, 4)) {
        0 => return None,
        1 => Payload::Empty,
        2 => Payload::Change {
            change: Change::AddLearner(random.between((1, 5))),
            block,
        },
        3 => Payload::Change {
            change: Change::Remove(random.between((1, 5))),
            block,
        },
        _ => Payload::Block(block),
    };
    Some(Entry {
        index: index + 1,
        term: log_term + random.between((0, 1)),
        payload,
    })
}
