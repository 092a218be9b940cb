//! Claims about stopping and starting replicas: the most ordinary act of operation.

use std::time::Duration;

use rustix::process::Signal;
use synod_api::{DepartureReason, Standing};
use synod_node::Beginning;

use crate::processes::load::Load;
use crate::processes::synod::{Node, Synod};

impl Synod {
    /// Starts the node at this place anew, on its old folder and addresses; it joins.
    pub(crate) fn start_again(&mut self, place: usize) {
        let mut config = self.nodes[place].config.clone();
        let others = self.nodes.iter().enumerate().filter(|(at, _)| *at != place);
        config.beginning = Beginning::Join {
            network: self.network,
            services: others
                .map(|(_, node)| node.config.public_url.clone())
                .collect(),
            policy: None,
            replaces: None,
        };
        self.nodes[place] = Node::start(config);
    }

    /// Waits until exactly these replicas vote.
    async fn await_voters(&self, ids: &[u64]) {
        self.await_network(&format!("voters {ids:?}"), |network| {
            let voters = network
                .replicas
                .iter()
                .filter(|replica| replica.standing == Standing::Voter);
            voters.map(|replica| replica.id).eq(ids.iter().copied())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_replica_is_restarted_under_load_and_no_write_fails() {
    let mut synod = Synod::three().await;
    let load = Load::start(synod.service());
    for place in 0..3 {
        assert!(synod.nodes[place].terminate(), "it ends well");
        let log = synod.nodes[place].log();
        assert!(log.contains("has left the network"), "{log}");
        synod.start_again(place);
        synod.await_voters(&after_restart(place)).await;
    }
    load.expect_all(&synod).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_replica_is_killed_and_started_again_under_load_and_no_write_fails() {
    let mut synod = Synod::three().await;
    let load = Load::start(synod.service());
    for place in 0..3 {
        synod.nodes[place].kill();
        synod.start_again(place);
        synod.await_voters(&after_restart(place)).await;
    }
    let network = synod.service().network().await.expect("an answer");
    let replaced = network
        .departed
        .iter()
        .map(|gone| (gone.id, gone.reason, gone.replaced_by));
    let expected = [3, 2, 1].map(|id| (id, DepartureReason::Replaced, Some(id + 3)));
    assert!(replaced.eq(expected), "{:?}", network.departed);
    load.expect_all(&synod).await;
}

/// Who votes once the replicas up to this place were started again, one after the other.
fn after_restart(place: usize) -> Vec<u64> {
    let place = place as u64;
    (place + 2..=place + 4).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn node_that_stops_with_the_whole_service_does_not_leave() {
    let mut synod = Synod::three().await;
    let leader = synod.leader().await;
    let followers: Vec<usize> = (0..3).filter(|place| *place != leader).collect();
    assert!(
        synod.nodes[followers[0]].signal(Signal::QUIT),
        "it ends well"
    );
    let log = synod.nodes[followers[0]].log();
    assert!(!log.contains("leaving the network"), "{log}");
    let network = synod.service().network().await.expect("an answer");
    assert_eq!(network.replicas.len(), 3, "it stays a voter");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn voter_that_cannot_leave_says_why_and_stops() {
    let mut synod = Synod::three().await;
    let leader = synod.leader().await;
    let followers: Vec<usize> = (0..3).filter(|place| *place != leader).collect();
    synod.nodes[followers[0]].kill();
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(synod.nodes[followers[1]].terminate(), "it ends well");
    let log = synod.nodes[followers[1]].log();
    assert!(log.contains("stops without having left"), "{log}");
    assert!(log.contains("no quorum of those that remain"), "{log}");
}
