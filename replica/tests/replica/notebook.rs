//! An app made of Rust instead of WebAssembly, for tests of what surrounds it: it counts, and
//! misbehaves on demand.

use bytes::Bytes;
use synod_crypto::{Digest, sha256};
use synod_governance::Act;
use synod_governance::app::map_in_store;
use synod_kv::MapName;
use synod_replica::app::{
    AppCall, AppChunk, AppFault, AppReply, AppRequest, AppResponse, ChunkTaken, Completion,
    Execution, Task,
};
use synod_replica::governance::Recorded;
use synod_replica::state::DetachedTransaction;
use synod_replica::{Caller, Reply, Request, app};

use crate::cluster::{Cluster, user};

const MANIFEST: &str = r#"
version = "1.0"
imports = ["maps", "map-writes"]
[maps]
private = ["counts"]
[limits]
request_bytes = 1000
[[routes]]
path = "/count/{name}"
methods = ["POST"]
who = ["any"]
[[routes]]
path = "/count/{name}"
who = ["any"]
[[routes]]
path = "/look/{name}"
methods = ["POST"]
who = ["user"]
[[routes]]
path = "/set/{name}"
methods = ["POST"]
who = ["role:write"]
[[routes]]
path = "/refuse/{name}"
methods = ["POST"]
who = ["any"]
[[routes]]
path = "/refuse-on-record/{name}"
methods = ["POST"]
who = ["any"]
[[routes]]
path = "/claim/{name}"
methods = ["POST"]
who = ["any"]
[[routes]]
path = "/id/{name}"
methods = ["POST"]
who = ["any"]
[[routes]]
path = "/all/{name}"
methods = ["POST"]
who = ["any"]
[[routes]]
path = "/trap/{name}"
methods = ["GET", "POST"]
who = ["any"]
[[routes]]
path = "/write/{name}"
who = ["any"]
[[routes]]
path = "/elsewhere/{name}"
methods = ["POST"]
who = ["any"]
[[routes]]
path = "/long/{name}"
methods = ["POST"]
who = ["any"]
[[routes]]
path = "/members/{name}"
who = ["member"]
"#;

/// Sets a version of the app under a name, and lets it come into force.
pub(crate) fn deploy(cluster: &mut Cluster, name: &str, keys: &str) {
    let component = Bytes::from(format!("notebook {name} {keys}"));
    let digest = sha256(&[&component]);
    let number = 1 + number_of(cluster, name);
    let reply = cluster.act(Act::SetApp {
        manifest: format!("name = \"{name}\"\n{keys}\n{MANIFEST}"),
        component: digest,
        size: component.len() as u64,
        chunks: vec![digest],
        openapi: None,
    });
    assert!(
        matches!(reply, Reply::Governance(Recorded { .. })),
        "{reply:?}"
    );
    let chunk = AppChunk {
        app: name.parse().expect("a name"),
        number,
        index: 0,
        bytes: component,
    };
    let reply = cluster.ask(Request::App(app::Request::Chunk(chunk)), user());
    assert!(
        matches!(reply, Reply::App(app::Reply::ChunkTaken(ChunkTaken { .. }))),
        "{reply:?}"
    );
    cluster.run(2000);
    assert_eq!(number_of(cluster, name), number, "it is in force");
}

fn number_of(cluster: &Cluster, name: &str) -> u64 {
    let name = name.parse().expect("a name");
    let active = cluster.leader_node().replica.active_app(&name);
    active.map_or(0, |app| app.key.number)
}

/// Three replicas with the app, run by [`execute`].
pub(crate) fn three(seed: u8) -> Cluster {
    let mut cluster = Cluster::three(seed);
    cluster.executor = Box::new(|_, execution| execute(execution));
    deploy(&mut cluster, "notebook", "");
    cluster
}

pub(crate) fn counts(app: &str) -> MapName {
    map_in_store(&app.parse().expect("a name"), "counts").expect("a map")
}

/// The app: `/DO/NAME` does something with the number that stands under NAME.
pub(crate) fn execute(execution: &Execution) -> Result<Completion, AppFault> {
    let mut tx = DetachedTransaction::new(execution.state.clone(), execution.snapshot);
    let Task::Handle {
        request,
        route,
        params,
    } = &execution.task
    else {
        return complete(tx, 200, String::new());
    };
    let name = &params[0].1;
    let what = route
        .split('/')
        .nth(1)
        .expect("a route has a first segment");
    let map = counts(execution.app.name.as_str());
    match (what, request.method.as_str()) {
        ("count" | "look", "GET") | ("look", _) => {
            let found = read(&mut tx, &map, name)?;
            complete(tx, 200, found.to_string())
        }
        ("count", _) => {
            let count = read(&mut tx, &map, name)? + 1;
            write(&mut tx, &map, name, &count.to_string());
            complete(tx, 200, count.to_string())
        }
        ("set" | "write", _) => {
            write(&mut tx, &map, name, "100");
            complete(tx, 200, String::new())
        }
        ("all", _) => {
            let count = read(&mut tx, &map, name)? + 1;
            write(&mut tx, &map, name, &count.to_string());
            let (seed, time) = (Digest::from(execution.seed), execution.time_ms);
            let seen = format!("{seed} {time} {:?} {request:?}", execution.caller);
            write(&mut tx, &map, "seen", &seen);
            complete(tx, 200, seen)
        }
        _ => misbehave(execution, tx, what, name),
    }
}

/// What an app does that does not simply count.
fn misbehave(
    execution: &Execution,
    mut tx: DetachedTransaction,
    what: &str,
    name: &str,
) -> Result<Completion, AppFault> {
    let map = counts(execution.app.name.as_str());
    match what {
        "refuse" => {
            write(&mut tx, &map, name, "13");
            complete(tx, 409, "no".to_owned())
        }
        "refuse-on-record" => {
            write(&mut tx, &map, name, "13");
            let completion = complete(tx, 409, "no".to_owned())?;
            Ok(Completion {
                keep: true,
                ..completion
            })
        }
        "claim" => {
            write(&mut tx, &map, name, "1");
            let completion = complete(tx, 201, "claimed".to_owned())?;
            Ok(Completion {
                claims: vec![sha256(&[b"first"]), sha256(&[b"second"])],
                ..completion
            })
        }
        "id" => {
            write(&mut tx, &map, name, &execution.tx.to_string());
            let completion = complete(tx, 200, execution.tx.to_string())?;
            Ok(Completion {
                asked_id: true,
                ..completion
            })
        }
        "elsewhere" => {
            write(&mut tx, &counts("another"), name, "1");
            complete(tx, 200, String::new())
        }
        "long" => {
            write(&mut tx, &map, name, "1");
            complete(tx, 200, "l".repeat(20_000))
        }
        _ => Err(AppFault::Trapped),
    }
}

fn read(tx: &mut DetachedTransaction, map: &MapName, name: &str) -> Result<u64, AppFault> {
    let found = tx
        .get(map, name.as_bytes())
        .map_err(|_| AppFault::StateMoved)?;
    let text = found.map(|value| String::from_utf8(value.to_vec()).expect("text"));
    Ok(text.map_or(0, |text| text.parse().expect("a number")))
}

fn write(tx: &mut DetachedTransaction, map: &MapName, name: &str, value: &str) {
    let (key, value) = (name.to_owned().into(), value.to_owned().into());
    tx.put(map, key, value).expect("within limits");
}

fn complete(tx: DetachedTransaction, status: u16, body: String) -> Result<Completion, AppFault> {
    let (reads, writes) = tx.finish().map_err(|_| AppFault::StateMoved)?;
    Ok(Completion {
        response: AppResponse {
            status,
            headers: vec![("x-notebook".to_owned(), "yes".to_owned())],
            body: body.into(),
        },
        reads,
        writes,
        claims: Vec::new(),
        asked_id: false,
        keep: false,
    })
}

pub(crate) fn call(app: &str, method: &str, path: &str) -> AppCall {
    AppCall {
        app: app.to_owned(),
        request: AppRequest {
            method: method.to_owned(),
            path: path.to_owned(),
            query: None,
            headers: Vec::new(),
            body: Bytes::new(),
        },
        digest: sha256(&[app.as_bytes(), method.as_bytes(), path.as_bytes()]),
        local: false,
        receipt: false,
        idempotency: None,
    }
}

pub(crate) fn request(call: AppCall) -> Request {
    Request::App(app::Request::Call(Box::new(call)))
}

pub(crate) fn post(path: &str) -> Request {
    request(call("notebook", "POST", path))
}

pub(crate) fn get(path: &str) -> Request {
    request(call("notebook", "GET", path))
}

pub(crate) fn local(path: &str) -> Request {
    request(AppCall {
        local: true,
        ..call("notebook", "GET", path)
    })
}

/// The app's answer, where it gave one.
pub(crate) fn answer(reply: Reply) -> AppReply {
    match reply {
        Reply::App(app::Reply::Called(reply)) => *reply,
        other => panic!("no app answered: {other:?}"),
    }
}

pub(crate) fn text(reply: &AppReply) -> String {
    String::from_utf8(reply.response.body.to_vec()).expect("text")
}

/// Asks the leader for what stands under a name.
pub(crate) fn count(cluster: &mut Cluster, name: &str) -> u64 {
    let reply = answer(cluster.ask(get(&format!("/count/{name}")), user()));
    text(&reply).parse().expect("a number")
}

pub(crate) fn nobody() -> Caller {
    Caller::default()
}
