//! Calls of apps: what takes effect and what does not, in whatever order executions come back.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use synod_consensus::Body;
use synod_crypto::sha256;
use synod_governance::Act;
use synod_ledger::{Receipt, ReceiptPolicy};
use synod_replica::app::{AppCall, AppFault, CompileFault, Executed};
use synod_replica::governance::Recorded;
use synod_replica::replay::{ReplayError, Replayed};
use synod_replica::{
    CallError, EXECUTIONS_MAX, EXECUTIONS_OF_ONE_APP_MAX, Envelope, Input, Reply, app,
};

use crate::cluster::{Cluster, Work, user};
use crate::life::chain;
use crate::notebook::{
    answer, call, count, deploy, execute, get, local, nobody, post, request, text, three,
};

/// Takes the replies of these calls, which must all be there.
fn replies(cluster: &mut Cluster, calls: &[u64]) -> Vec<Reply> {
    let taken = calls.iter().map(|id| cluster.replies.remove(id));
    taken.map(|reply| reply.expect("an answer")).collect()
}

fn error(reply: Reply) -> CallError {
    match reply {
        Reply::Failed(error) => error,
        other => panic!("it did not fail: {other:?}"),
    }
}

fn cut_off(cluster: &mut Cluster, id: u64) {
    let others: Vec<u64> = cluster.nodes.keys().copied().collect();
    others.iter().for_each(|other| cluster.cut(id, *other));
}

/// Takes the only piece of work that lies about.
fn only_work(cluster: &mut Cluster) -> (u64, Work) {
    assert_eq!(cluster.work.len(), 1);
    cluster.work.pop_front().expect("a piece of work")
}

#[test]
fn two_conflicting_increments_both_count() {
    let mut cluster = three(100);
    cluster.lies = |_| true;
    let leader = cluster.leader();
    let calls = [0, 1].map(|_| cluster.send(leader, post("/count/a"), user()));
    assert_eq!(cluster.work.len(), 2, "both begin on the same state");
    cluster.lies = |_| false;
    cluster.run(500);
    let answers = replies(&mut cluster, &calls).into_iter().map(answer);
    let mut said: Vec<_> = answers.map(|reply| (text(&reply), reply.tx)).collect();
    said.sort();
    assert_eq!(said[0].0, "1");
    assert_eq!(said[1].0, "2");
    assert!(said[0].1 < said[1].1 && said[0].1.is_some());
    assert_eq!(count(&mut cluster, "a"), 2);
}

#[test]
fn every_increment_that_is_answered_counted_in_whatever_order_they_ran() {
    for seed in 101..105 {
        let mut cluster = three(seed);
        cluster.scramble_work();
        let leader = cluster.leader();
        let path = |n: usize| format!("/count/{}", ["a", "b", "c"][n % 3]);
        let calls: Vec<u64> = (0..90)
            .map(|n| cluster.send(leader, post(&path(n)), user()))
            .collect();
        cluster.run(20_000);
        let answered = replies(&mut cluster, &calls);
        let done = answered
            .iter()
            .filter(|reply| matches!(reply, Reply::App(app::Reply::Called(reply)) if reply.response.status == 200));
        let done = done.count() as u64;
        assert_eq!(done, 90, "contention makes them wait, not fail");
        let sum: u64 = ["a", "b", "c"]
            .iter()
            .map(|name| count(&mut cluster, name))
            .sum();
        assert_eq!(sum, done);
    }
}

#[test]
fn whom_others_always_come_before_is_told_so_and_nothing_is_half_written() {
    let mut cluster = three(106);
    cluster.lies = |_| true;
    let leader = cluster.leader();
    let victim = cluster.send(leader, post("/id/a"), user());
    for round in 0..EXECUTIONS_MAX {
        assert!(!cluster.replies.contains_key(&victim), "round {round}");
        let (id, work) = only_work(&mut cluster);
        // Each takes the id that the victim was shown.
        cluster.put("k", "v");
        cluster.finish(id, work);
        cluster.run(500);
    }
    let refused = error(replies(&mut cluster, &[victim]).remove(0));
    assert_eq!(refused, CallError::Contended);
    assert!(cluster.work.is_empty());
    cluster.lies = |_| false;
    assert_eq!(count(&mut cluster, "a"), 0);
}

#[test]
fn a_writer_that_met_a_conflict_comes_before_those_that_came_later() {
    let mut cluster = three(98);
    cluster.lies = |_| true;
    let leader = cluster.leader();
    let first = cluster.send(leader, post("/count/a"), user());
    let (id, held) = only_work(&mut cluster);
    let Work::Execute(execution) = held else {
        panic!("something else is to be done")
    };
    let result = execute(&execution);
    cluster.lies = |_| false;
    let rival = cluster.send(leader, post("/set/a"), user());
    cluster.run(500);
    cluster.lies = |_| true;
    let id_of_it = execution.id;
    let executed = Executed {
        id: id_of_it,
        result,
    };
    cluster.step(id, Input::Executed(executed));
    let later = cluster.send(leader, post("/count/a"), user());
    cluster.lies = |_| false;
    cluster.run(500);
    let said: Vec<_> = replies(&mut cluster, &[rival, first, later])
        .into_iter()
        .map(|reply| text(&answer(reply)))
        .collect();
    assert_eq!(said, ["", "101", "102"]);
}

#[test]
fn a_slow_execution_keeps_nobody_waiting_and_sees_its_own_state_to_the_end() {
    let mut cluster = three(107);
    deploy(&mut cluster, "other", "");
    let runs = Rc::new(RefCell::new(0));
    let seen = runs.clone();
    cluster.executor = Box::new(move |_, execution| {
        *seen.borrow_mut() += 1;
        execute(execution)
    });
    answer(cluster.ask(post("/count/slow"), user()));
    cluster.lies = |_| true;
    let leader = cluster.leader();
    let slow = cluster.send(leader, post("/count/slow"), user());
    let held = only_work(&mut cluster);
    cluster.lies = |_| false;
    *runs.borrow_mut() = 0;
    answer(cluster.ask(post("/count/fast"), user()));
    answer(cluster.ask(request(call("other", "POST", "/count/a")), user()));
    // So many that old versions are compacted meanwhile.
    for n in 0..12 {
        for m in 0..500 {
            let put = Cluster::put_request("records", &format!("{m}"), &format!("{n}"));
            cluster.enqueue(leader, put, user());
        }
        cluster.run(200);
    }
    assert!(cluster.leader_node().replica.machine().store().floor() > 1);
    assert!(!cluster.replies.contains_key(&slow));
    cluster.finish(held.0, held.1);
    cluster.run(500);
    let reply = answer(replies(&mut cluster, &[slow]).remove(0));
    assert_eq!(text(&reply), "2");
    assert_eq!(
        *runs.borrow(),
        3,
        "its snapshot was kept for it: it ran once"
    );
}

#[test]
fn a_leader_lost_during_an_execution_writes_nothing() {
    let mut cluster = three(108);
    cluster.lies = |_| true;
    let old = cluster.leader();
    let running = cluster.send(old, post("/count/a"), user());
    let held = only_work(&mut cluster);
    cut_off(&mut cluster, old);
    cluster.run(5000);
    let refused = error(replies(&mut cluster, &[running]).remove(0));
    assert_eq!(refused, CallError::Retry);
    cluster.heal();
    cluster.lies = |_| false;
    cluster.finish(held.0, held.1);
    cluster.run(2000);
    assert_eq!(count(&mut cluster, "a"), 0);
    let new = cluster.leader();
    assert_ne!(new, old);
    let asked = cluster.send(old, post("/count/a"), user());
    let refused = error(replies(&mut cluster, &[asked]).remove(0));
    assert_eq!(refused, CallError::NotLeader { leader: Some(new) });
}

#[test]
fn what_waits_for_its_turn_when_leadership_is_lost_is_told_where_to_go() {
    let mut cluster = three(109);
    cluster.lies = |_| true;
    let old = cluster.leader();
    let calls: Vec<u64> = (0..EXECUTIONS_OF_ONE_APP_MAX + 3)
        .map(|_| cluster.send(old, post("/count/a"), user()))
        .collect();
    assert_eq!(cluster.work.len(), EXECUTIONS_OF_ONE_APP_MAX);
    cut_off(&mut cluster, old);
    cluster.run(5000);
    let errors = replies(&mut cluster, &calls).into_iter().map(error);
    let waited = errors.filter(|error| matches!(error, CallError::NotLeader { .. }));
    assert_eq!(waited.count(), 3);
}

#[test]
fn a_busy_app_leaves_room_for_others() {
    let mut cluster = three(110);
    deploy(&mut cluster, "other", "");
    cluster.lies = |_| true;
    let leader = cluster.leader();
    for _ in 0..EXECUTIONS_OF_ONE_APP_MAX + 50 {
        cluster.send(leader, post("/count/a"), user());
    }
    let other = cluster.send(leader, request(call("other", "POST", "/count/a")), user());
    let (id, work) = cluster.work.pop_back().expect("the other app's");
    cluster.finish(id, work);
    cluster.run(500);
    answer(replies(&mut cluster, &[other]).remove(0));
}

#[test]
fn no_answer_leaves_before_what_it_rests_on_is_certified() {
    let mut cluster = three(111);
    let leader = cluster.leader();
    cut_off(&mut cluster, leader);
    let counted = cluster.send(leader, post("/count/a"), user());
    cluster.run(100);
    let looked = cluster.send(leader, post("/look/a"), user());
    let refused = cluster.send(leader, post("/refuse/a"), user());
    let trapped = cluster.send(leader, post("/trap/a"), user());
    let unknown = cluster.send(leader, post("/unknown"), user());
    let read = cluster.send(leader, get("/count/a"), user());
    cluster.run(100);
    assert!(cluster.work.is_empty(), "all have run");
    for call in [counted, looked, refused, trapped, unknown, read] {
        assert!(!cluster.replies.contains_key(&call), "call {call}");
    }
    cluster.heal();
    cluster.run(1000);
    let mut found = replies(&mut cluster, &[counted, looked, refused, trapped, unknown]);
    assert_eq!(
        error(found.pop().expect("a reply")),
        CallError::RouteNotFound
    );
    let fault = CallError::App(AppFault::Trapped);
    assert_eq!(error(found.pop().expect("a reply")), fault);
    let texts: Vec<_> = found
        .into_iter()
        .map(|reply| text(&answer(reply)))
        .collect();
    assert_eq!(texts, ["1", "1", "no"]);
}

#[test]
fn a_followers_read_sees_every_write_that_was_acknowledged_before() {
    let mut cluster = three(112);
    let leader = cluster.leader();
    let behind = *cluster.nodes.keys().find(|id| **id != leader).expect("one");
    let first = answer(cluster.ask(post("/count/a"), user()));
    cluster.run(500);
    cut_off(&mut cluster, behind);
    let second = answer(cluster.ask(post("/count/a"), user()));
    assert_eq!(text(&second), "2");

    let near = cluster.send(behind, local("/count/a"), user());
    let asked = cluster.send(behind, get("/count/a"), user());
    cluster.run(60);
    let near = answer(replies(&mut cluster, &[near]).remove(0));
    assert_eq!((text(&near), Some(near.as_of)), ("1".to_owned(), first.tx));
    assert!(!cluster.replies.contains_key(&asked), "it cannot know");
    // Now it hears from the leader, but not what it missed.
    cluster.tamper(leader, without_blocks);
    cluster.heal();
    cluster.run(1500);
    assert!(
        !cluster.replies.contains_key(&asked),
        "its state is too old"
    );
    cluster.tamper(leader, |_| {});
    cluster.run(1500);
    let answered = answer(replies(&mut cluster, &[asked]).remove(0));
    assert_eq!(text(&answered), "2");
    assert!(Some(answered.as_of) >= second.tx);
    assert_eq!(answered.tx, None);
}

fn without_blocks(envelope: &mut Envelope) {
    envelope.certificate = None;
    let message = envelope.message.as_ref();
    if message.is_some_and(|message| matches!(message.body, Body::Append { .. })) {
        envelope.message = None;
    }
}

#[test]
fn a_read_that_no_leader_confirms_is_given_up() {
    let mut cluster = three(113);
    let leader = cluster.leader();
    let alone = *cluster.nodes.keys().find(|id| **id != leader).expect("one");
    cut_off(&mut cluster, alone);
    let asked = cluster.send(alone, get("/count/a"), user());
    let near = cluster.send(alone, local("/count/a"), user());
    assert_eq!(text(&answer(cluster.ask(post("/count/a"), user()))), "1");
    cluster.run(8000);
    let refused = error(replies(&mut cluster, &[asked]).remove(0));
    assert_eq!(refused, CallError::Stale);
    answer(replies(&mut cluster, &[near]).remove(0));
    let near = cluster.send(alone, local("/count/a"), user());
    let refused = error(replies(&mut cluster, &[near]).remove(0));
    assert_eq!(refused, CallError::Stale, "no leader was heard of");
}

#[test]
fn a_refusal_keeps_nothing_unless_the_app_says_so() {
    let mut cluster = three(114);
    let reply = answer(cluster.ask(post("/refuse/a"), user()));
    assert_eq!((reply.response.status, reply.tx), (409, None));
    assert_eq!(count(&mut cluster, "a"), 0);
    let reply = answer(cluster.ask(post("/refuse-on-record/a"), user()));
    assert_eq!(reply.response.status, 409);
    assert!(reply.tx.is_some());
    assert_eq!(count(&mut cluster, "a"), 13);
}

#[test]
fn a_receipt_proves_request_answer_and_claims() {
    let mut cluster = three(115);
    let asked = AppCall {
        receipt: true,
        ..call("notebook", "POST", "/claim/a")
    };
    let reply = answer(cluster.ask(request(asked.clone()), user()));
    let receipt = Receipt::decode(&reply.receipt.clone().expect("a receipt")).expect("a receipt");
    let policy = ReceiptPolicy {
        signers_min: 2,
        vendors_min: 2,
        ..ReceiptPolicy::default()
    };
    let proven = receipt
        .verify(&chain(&cluster), &policy)
        .expect("it verifies");
    assert_eq!(Some(proven.id()), reply.tx);
    let body = &reply.response.body;
    proven
        .check_answer(&asked.digest, 201, body)
        .expect("it is the answer");
    let claims = proven.reply.clone().expect("it is opened").claims;
    assert_eq!(claims, [sha256(&[b"first"]), sha256(&[b"second"])]);
}

fn once(path: &str) -> AppCall {
    AppCall {
        idempotency: Some(Bytes::from_static(b"once")),
        ..call("notebook", "POST", path)
    }
}

#[test]
fn an_idempotency_key_runs_once_even_while_the_first_is_under_way() {
    let mut cluster = three(116);
    cluster.lies = |_| true;
    let leader = cluster.leader();
    let calls = [0, 1].map(|_| cluster.send(leader, request(once("/count/a")), user()));
    assert_eq!(cluster.work.len(), 2);
    cluster.lies = |_| false;
    cluster.run(500);
    let found = replies(&mut cluster, &calls).into_iter().map(answer);
    let found: Vec<_> = found
        .map(|reply| (reply.repeated, reply.tx, reply.response))
        .collect();
    assert_eq!((found[0].0, found[1].0), (false, true));
    assert_eq!((&found[0].1, &found[0].2), (&found[1].1, &found[1].2));

    cluster.stop(leader);
    cluster.await_leader();
    let again = answer(cluster.ask(request(once("/count/a")), user()));
    assert_eq!((again.repeated, again.tx), (true, found[0].1));
    assert_eq!(again.response, found[0].2, "status, headers and body");
    let other = cluster.ask(request(once("/count/b")), user());
    assert_eq!(error(other), CallError::KeyReused);
    assert_eq!(count(&mut cluster, "a"), 1);
}

#[test]
fn an_idempotency_key_holds_also_where_nothing_that_was_read_conflicts() {
    let mut cluster = three(97);
    cluster.lies = |_| true;
    let leader = cluster.leader();
    let calls = [0, 1].map(|_| cluster.send(leader, request(once("/set/a")), user()));
    assert_eq!(cluster.work.len(), 2);
    cluster.lies = |_| false;
    cluster.run(500);
    let found = replies(&mut cluster, &calls).into_iter().map(answer);
    let found: Vec<_> = found.map(|reply| (reply.repeated, reply.tx)).collect();
    assert_eq!(found, [(false, found[0].1), (true, found[0].1)]);
}

#[test]
fn an_answer_too_long_to_be_remembered_is_refused_rather_than_run_twice() {
    let mut cluster = three(117);
    let refused = cluster.ask(request(once("/long/a")), user());
    assert!(matches!(error(refused), CallError::Kv(_)));
    assert_eq!(count(&mut cluster, "a"), 0);
    answer(cluster.ask(post("/long/a"), user()));
    assert_eq!(count(&mut cluster, "a"), 1);
}

#[test]
fn whoever_asks_for_its_id_gets_the_right_one() {
    let mut cluster = three(118);
    cluster.scramble_work();
    let leader = cluster.leader();
    let calls: Vec<u64> = (0..6)
        .map(|n| cluster.send(leader, post(&format!("/id/{n}")), user()))
        .collect();
    cluster.run(5000);
    for reply in replies(&mut cluster, &calls) {
        let reply = answer(reply);
        assert_eq!(Some(text(&reply)), reply.tx.map(|tx| tx.to_string()));
    }
}

#[test]
fn routes_callers_and_paths_are_judged_before_anything_runs() {
    let mut cluster = three(119);
    let runs = Rc::new(RefCell::new(0));
    let seen = runs.clone();
    cluster.executor = Box::new(move |_, execution| {
        *seen.borrow_mut() += 1;
        execute(execution)
    });
    let ask = |cluster: &mut Cluster, method: &str, path: &str, who| {
        error(cluster.ask(request(call("notebook", method, path)), who))
    };
    let unknown = request(call("nothing", "POST", "/count/a"));
    assert_eq!(error(cluster.ask(unknown, user())), CallError::AppNotFound);
    let bad = request(call("../notebook", "POST", "/count/a"));
    assert_eq!(error(cluster.ask(bad, user())), CallError::AppNotFound);
    let cases = [
        ("POST", "/nowhere", CallError::RouteNotFound),
        ("GET", "/nowhere", CallError::RouteNotFound),
        (
            "DELETE",
            "/set/a",
            CallError::MethodNotAllowed(vec!["POST"]),
        ),
        ("POST", "/set/a", CallError::Forbidden),
        ("POST", "/look/a", CallError::Forbidden),
        ("GET", "/members/a", CallError::Forbidden),
    ];
    for (method, path, expected) in cases {
        assert_eq!(
            ask(&mut cluster, method, path, nobody()),
            expected,
            "{path}"
        );
    }
    for path in ["/count/../a", "/count//a", "/count/%2fa", "/count/%2e%2e"] {
        let refused = ask(&mut cluster, "GET", path, user());
        assert!(matches!(refused, CallError::BadPath(_)), "{path}");
    }
    assert_eq!(
        ask(&mut cluster, "GET", "/members/a", user()),
        CallError::Forbidden
    );
    let mut long = call("notebook", "POST", "/count/a");
    long.request.body = vec![0; 1001].into();
    let max_bytes = 1000;
    let refused = error(cluster.ask(request(long), user()));
    assert_eq!(refused, CallError::RequestTooLarge { max_bytes });
    assert_eq!(*runs.borrow(), 0);
    assert_eq!(text(&answer(cluster.ask(post("/count/a"), nobody()))), "1");
}

#[test]
fn who_was_removed_while_its_call_ran_is_not_served() {
    let mut cluster = three(120);
    cluster.lies = |_| true;
    let leader = cluster.leader();
    let running = cluster.send(leader, post("/set/a"), user());
    let held = only_work(&mut cluster);
    let name = "user".to_owned();
    let reply = cluster.act(Act::RemoveUser { name });
    assert!(matches!(reply, Reply::Governance(Recorded { .. })));
    cluster.lies = |_| false;
    cluster.finish(held.0, held.1);
    cluster.run(500);
    let refused = error(replies(&mut cluster, &[running]).remove(0));
    assert_eq!(refused, CallError::Forbidden);
    assert_eq!(count(&mut cluster, "a"), 0);
}

#[test]
fn a_call_that_ran_on_a_version_that_is_gone_runs_again_on_the_new_one() {
    let mut cluster = three(121);
    let numbers = Rc::new(RefCell::new(Vec::new()));
    let seen = numbers.clone();
    cluster.executor = Box::new(move |_, execution| {
        seen.borrow_mut().push(execution.app.number);
        execute(execution)
    });
    cluster.lies = |_| true;
    let leader = cluster.leader();
    let running = cluster.send(leader, post("/set/a"), user());
    let (id, work) = only_work(&mut cluster);
    cluster.lies = |_| false;
    deploy(&mut cluster, "notebook", "description = \"another\"");
    numbers.borrow_mut().clear();
    cluster.finish(id, work);
    cluster.run(500);
    answer(replies(&mut cluster, &[running]).remove(0));
    assert_eq!(numbers.borrow().as_slice(), [1, 2]);
}

#[test]
fn a_query_that_writes_and_a_map_of_another_app_end_the_call_only() {
    let mut cluster = three(122);
    deploy(&mut cluster, "another", "");
    let refused = error(cluster.ask(get("/write/a"), user()));
    assert_eq!(refused, CallError::App(AppFault::WriteInQuery));
    let refused = error(cluster.ask(post("/elsewhere/a"), user()));
    let map = "app.another.counts".to_owned();
    assert_eq!(refused, CallError::App(AppFault::UndeclaredMap(map)));
    let refused = error(cluster.ask(get("/trap/a"), user()));
    assert_eq!(refused, CallError::App(AppFault::Trapped));
    let theirs = request(call("another", "GET", "/count/a"));
    assert_eq!(text(&answer(cluster.ask(theirs, user()))), "0");
}

#[test]
fn a_replica_that_could_not_compile_says_so_and_the_others_serve() {
    let mut cluster = Cluster::three(123);
    let leader = cluster.leader();
    let broken = *cluster.nodes.keys().find(|id| **id != leader).expect("one");
    cluster.executor = Box::new(|_, execution| execute(execution));
    cluster.compiler = Box::new(move |id, compile| {
        if id == broken {
            return Err(CompileFault::Refused("surroundings"));
        }
        compile.joined().map(drop)
    });
    deploy(&mut cluster, "notebook", "");
    let asked = cluster.send(broken, get("/count/a"), user());
    cluster.run(500);
    let refused = error(replies(&mut cluster, &[asked]).remove(0));
    assert_eq!(refused, CallError::AppNotReady);
    answer(cluster.ask(post("/count/a"), user()));
}

#[test]
fn nobody_is_served_before_the_service_is_open() {
    let mut cluster = Cluster::found(124, 1);
    let refused = error(cluster.ask(post("/count/a"), user()));
    assert_eq!(refused, CallError::NotOpen);
}

fn replayed(cluster: &mut Cluster, id: u64, seqno: u64) -> Result<Replayed, ReplayError> {
    let node = cluster.nodes.get_mut(&id).expect("the replica");
    node.replica.replay(seqno, |execution| execute(&execution))
}

#[test]
fn recorded_calls_give_the_same_writes_on_another_replica() {
    let mut cluster = three(126);
    deploy(&mut cluster, "again", "replayable = true");
    cluster.scramble_work();
    let leader = cluster.leader();
    let other = *cluster.nodes.keys().find(|id| **id != leader).expect("one");
    let calls: Vec<u64> = (0..20)
        .map(|n| {
            let mut asked = call("again", "POST", &format!("/all/{}", n % 4));
            asked.request.body = format!("body {n}").into();
            asked.idempotency = (n % 3 == 0).then(|| format!("key {n}").into());
            cluster.send(leader, request(asked), user())
        })
        .collect();
    cluster.run(10_000);
    for reply in replies(&mut cluster, &calls) {
        let tx = answer(reply).tx.expect("it wrote");
        let found = replayed(&mut cluster, other, tx.seqno).expect("it runs again");
        assert!(found.same && found.recorded.len() == 2, "{found:?}");
        assert_eq!(found.tx, tx);
        assert!(found.record.request.is_some());

        let node = cluster.nodes.get_mut(&other).expect("the replica");
        let lying = node.replica.replay(tx.seqno, |mut execution| {
            execution.seed = [0; 32];
            execute(&execution)
        });
        assert!(!lying.expect("it runs again").same, "the seed counts");
    }
}

#[test]
fn what_was_not_recorded_or_is_no_call_cannot_be_run_again() {
    let mut cluster = three(127);
    let leader = cluster.leader();
    let tx = answer(cluster.ask(post("/count/a"), user()))
        .tx
        .expect("it wrote");
    let found = replayed(&mut cluster, leader, tx.seqno);
    assert!(
        matches!(found, Err(ReplayError::NotRecorded(_))),
        "{found:?}"
    );
    let tx = cluster.put("k", "v");
    let found = replayed(&mut cluster, leader, tx.seqno);
    assert!(matches!(found, Err(ReplayError::NotOfApp(_))), "{found:?}");
    let found = replayed(&mut cluster, leader, 1_000_000);
    assert!(matches!(found, Err(ReplayError::NotAtHand(_))), "{found:?}");
}
