//! The pieces of components: from whom they are taken, how many wait, and that none may be missing.

use synod_crypto::sha256;
use synod_governance::app::CHUNK_BYTES;
use synod_replica::app::{AppChunk, ChunkTaken};
use synod_replica::{CallError, Caller, Reply, Request, app};

use crate::adversary::followers;
use crate::cluster::user;
use crate::versions::{active_number, app, chunk_of, set, three, version};

#[test]
fn nothing_happens_before_the_last_chunk_is_certified() {
    let mut cluster = three(81);
    let version = version("bank", "1.0");
    let number = set(&mut cluster, &version, "bank");
    let first = Request::App(app::Request::Chunk(chunk_of(&version, "bank", number, 0)));
    cluster.ask(first, user());
    cluster.lies = |_| true;
    cluster.run(1000);
    assert!(cluster.work.is_empty());
    let last = Request::App(app::Request::Chunk(chunk_of(&version, "bank", number, 1)));
    cluster.ask(last, user());
    cluster.run(1000);
    assert_eq!(cluster.work.len(), 3, "each replica has it compiled");
    assert_eq!(active_number(&cluster, 1, "bank"), None);
    cluster.lies = |_| false;
    cluster.run(2000);
    assert_eq!(active_number(&cluster, 1, "bank"), Some(1));
}

#[test]
fn only_bytes_that_the_members_signed_are_taken_and_only_from_those_who_are_known() {
    let mut cluster = three(92);
    let version = version("bank", "1.0");
    let number = set(&mut cluster, &version, "bank");
    let chunk = || chunk_of(&version, "bank", number, 1);
    let mut ask = |chunk, caller| cluster.ask(Request::App(app::Request::Chunk(chunk)), caller);
    let failed = |reply: Reply| match reply {
        Reply::Failed(error) => error,
        other => panic!("taken: {other:?}"),
    };
    let stranger = Caller {
        fingerprint: Some(sha256(&[b"stranger"])),
    };
    assert_eq!(
        failed(ask(chunk(), Caller::default())),
        CallError::UnknownCaller
    );
    assert_eq!(failed(ask(chunk(), stranger)), CallError::UnknownCaller);
    let wrong = AppChunk {
        bytes: "other bytes".into(),
        ..chunk()
    };
    assert!(matches!(
        failed(ask(wrong, user())),
        CallError::Malformed(_)
    ));
    let elsewhere = AppChunk {
        index: 0,
        ..chunk()
    };
    assert!(matches!(
        failed(ask(elsewhere, user())),
        CallError::Malformed(_)
    ));
    let beyond = AppChunk {
        index: 2,
        ..chunk()
    };
    assert_eq!(failed(ask(beyond, user())), CallError::NotFound);
    let later = AppChunk {
        number: 2,
        ..chunk()
    };
    assert_eq!(failed(ask(later, user())), CallError::NotFound);
    let unknown = AppChunk {
        app: app("shop"),
        ..chunk()
    };
    assert_eq!(failed(ask(unknown, user())), CallError::AppNotFound);
    let long = AppChunk {
        bytes: vec![0; CHUNK_BYTES + 1].into(),
        ..chunk()
    };
    assert!(matches!(failed(ask(long, user())), CallError::Malformed(_)));
    assert!(matches!(
        ask(chunk(), user()),
        Reply::App(app::Reply::ChunkTaken(ChunkTaken { tx: Some(_), .. }))
    ));
    assert!(
        matches!(
            ask(chunk(), user()),
            Reply::App(app::Reply::ChunkTaken(ChunkTaken { tx: None, .. }))
        ),
        "it is there"
    );
}

#[test]
fn chunks_that_wait_are_bounded_and_answered_when_leadership_is_lost() {
    let mut cluster = three(93);
    let version = version("bank", "1.0");
    let number = set(&mut cluster, &version, "bank");
    let leader = cluster.leader();
    followers(&cluster)
        .into_iter()
        .for_each(|id| cluster.cut(leader, id));
    let chunk = chunk_of(&version, "bank", number, 1);
    let mut calls = Vec::new();
    for index in 0..40 {
        let chunk = AppChunk {
            index,
            ..chunk.clone()
        };
        calls.push(cluster.send(leader, Request::App(app::Request::Chunk(chunk)), user()));
    }
    cluster.run(20_000);
    let answered = calls
        .iter()
        .filter(|call| cluster.replies.contains_key(call));
    assert_eq!(answered.count(), calls.len(), "nobody waits for ever");
    let other = followers(&cluster)[0];
    let call = cluster.send(other, Request::App(app::Request::Chunk(chunk)), user());
    let reply = cluster.replies.remove(&call);
    assert!(
        matches!(reply, Some(Reply::Failed(CallError::NotLeader { .. }))),
        "{reply:?}"
    );
}
