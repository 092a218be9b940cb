//! Claims about replicas that fall behind: they reach the others again, and the service can bear
//! the next losses.

use synod_attestation::Tee;
use synod_node::Beginning;

use crate::processes::load::Load;
use crate::processes::synod::{Node, Synod, votes};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn follower_held_up_while_the_voters_change_catches_up_and_can_stand_in_for_lost_ones() {
    let mut synod = Synod::three().await;
    synod.join(Tee::SevSnp).await;
    let leader = synod.leader().await;
    let [sleeper, other] = [(leader + 1) % 4, (leader + 2) % 4];
    let load = Load::start(synod.service());
    load.await_more(20).await;
    synod.nodes[sleeper].suspend();
    // Of four voters three are heard, so that the fifth is promoted meanwhile; it asks none that
    // does not answer.
    let mut config = synod.joiner("5", Tee::Nitro);
    let Beginning::Join { services, .. } = &mut config.beginning else {
        panic!("it joins")
    };
    services.remove(sleeper);
    let fifth = Node::start(config);
    let url = fifth.url();
    synod.nodes.push(fifth);
    synod
        .await_network_of(leader, "a fifth voter", |network| votes(network, &url))
        .await;
    load.await_more(50).await;
    synod.nodes[sleeper].resume();
    let newest = synod.network_of(leader).await.certified_index;
    synod.await_certified(sleeper, newest).await;
    // Three of five remain: all of them are needed, and so is what the sleeper caught up with.
    synod.nodes[leader].kill();
    synod.nodes[other].kill();
    load.await_more(20).await;
    assert_ne!(synod.leader().await, leader);
    load.expect_all(&synod).await;
}
