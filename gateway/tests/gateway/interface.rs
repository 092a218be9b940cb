//! Well-formed requests reach the replica as calls, and its replies come back as HTTP.

use crate::door;

use bytes::Bytes;
use door::{Answer, Door, TRANSACTION, USER, obliging, request, with_body};
use synod_api::{
    Condition, Consistency, CursorScope, ErrorCode, HealthReply, ListReply, OperationResult,
    Problem, TxReply, TxStatus, TxnReply, WriteReply,
};
use synod_gateway::kv::{Key, Page, WriteMode};
use synod_gateway::{
    Broken, Call, Caller, Records, Refusal, Reply, governance, kv, ledger, network,
};

fn key(map: &str, key: &'static [u8]) -> Key {
    Key {
        map: map.to_owned(),
        key: Bytes::from_static(key),
    }
}

#[tokio::test]
async fn put_becomes_a_call_and_its_commit_an_answer() {
    let door = Door::new(obliging);
    let headers = [("if-match", "\"4\""), ("idempotency-key", "order-7")];
    let answer = door
        .http1(
            USER,
            with_body("PUT", "/v1/kv/a.b/k%2F%FF", &headers, "text"),
        )
        .await;
    let (caller, call) = door.heard().unwrap();
    assert_eq!(caller, USER);
    let mode = WriteMode {
        idempotency: Some("order-7".to_owned()),
        ..WriteMode::default()
    };
    let value = Bytes::from_static(b"text");
    let condition = Condition::Version(4);
    assert_eq!(
        call,
        Call::Kv(kv::Call::Put {
            at: key("a.b", b"k/\xff"),
            value,
            condition,
            mode
        })
    );
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("etag"), "\"17\"");
    assert_eq!(answer.header("synod-transaction-id"), "2.17");
    let reply: WriteReply = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(
        (reply.transaction_id, reply.status),
        (TRANSACTION, TxStatus::Committed)
    );
}

#[tokio::test]
async fn pending_write_is_accepted_and_bears_no_version_tag() {
    let door = Door::new(obliging);
    let answer = door
        .http1(USER, request("DELETE", "/v1/kv/a/k?wait=none"))
        .await;
    let (_, call) = door.heard().unwrap();
    let mode = WriteMode {
        pending: true,
        ..WriteMode::default()
    };
    assert_eq!(
        call,
        Call::Kv(kv::Call::Delete {
            at: key("a", b"k"),
            condition: Condition::Always,
            mode
        })
    );
    assert_eq!((answer.status, answer.header("etag")), (202, ""));
    assert_eq!(answer.header("synod-transaction-id"), "2.17");
}

#[tokio::test]
async fn value_comes_back_as_bytes_with_its_version() {
    let door = Door::new(obliging);
    let answer = door
        .http1(USER, request("GET", "/v1/kv/a/k?consistency=local"))
        .await;
    let (_, call) = door.heard().unwrap();
    assert_eq!(
        call,
        Call::Kv(kv::Call::Get {
            at: key("a", b"k"),
            consistency: Consistency::Local
        })
    );
    assert_eq!(answer.body, "value");
    assert_eq!(answer.header("content-type"), "application/octet-stream");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("etag"), "\"9\"");
}

#[tokio::test]
async fn listing_carries_its_bounds_and_its_cursor() {
    let door = Door::new(|_| {
        let next_cursor = Some("YQ".to_owned());
        Some(Ok(Reply::Kv(kv::Reply::Listed(ListReply {
            transaction_id: TRANSACTION,
            entries: vec![],
            next_cursor,
        }))))
    });
    let scope = CursorScope {
        map: "txn",
        prefix: b"a",
        from: b"ab",
        to: Some(b"b"),
    };
    let cursor = scope.write_cursor(b"a");
    let path = format!("/v1/kv/txn?prefix=a&from=ab&to=b&limit=5&cursor={cursor}");
    let answer = door.http1(USER, request("GET", &path)).await;
    let (_, call) = door.heard().unwrap();
    let page = Page {
        map: "txn".to_owned(),
        prefix: Bytes::from_static(b"a"),
        from: Bytes::from_static(b"ab"),
        to: Some(Bytes::from_static(b"b")),
        after: Some(Bytes::from_static(b"a")),
        limit: 5,
    };
    assert_eq!(
        call,
        Call::Kv(kv::Call::List {
            page,
            consistency: Consistency::Linearizable
        })
    );
    assert_eq!(
        serde_json::from_slice::<ListReply>(&answer.body)
            .unwrap()
            .next_cursor
            .unwrap(),
        "YQ"
    );
}

#[tokio::test]
async fn transaction_is_handed_on_whole() {
    let door = Door::new(|_| {
        let (status, results) = (TxStatus::Committed, vec![OperationResult::Done]);
        let reply = TxnReply {
            transaction_id: TRANSACTION,
            status,
            results,
            receipt: None,
        };
        Some(Ok(Reply::Kv(kv::Reply::Transacted(reply))))
    });
    let json = r#"{"operations":[{"put":{"map":"a","key":"k","value":"v"}}]}"#;
    let headers = [("content-type", "application/json")];
    let answer = door
        .http1(
            USER,
            with_body("POST", "/v1/kv/txn?receipt=inline", &headers, json),
        )
        .await;
    assert_eq!(answer.status, 200);
    let (_, call) = door.heard().unwrap();
    let Call::Kv(kv::Call::Transact { txn, mode }) = call else {
        panic!("{call:?}")
    };
    assert_eq!(
        serde_json::to_value(txn.operations).unwrap()[0]["put"]["value"],
        "v"
    );
    assert!(mode.receipt && !mode.pending);
}

#[tokio::test]
async fn anybody_may_ask_what_needs_no_certificate() {
    let door = Door::new(|call| {
        Some(match call {
            Call::Ledger(ledger::Call::Status(transaction_id)) => {
                Ok(Reply::Ledger(ledger::Reply::Status(TxReply {
                    transaction_id: *transaction_id,
                    status: TxStatus::Unknown,
                })))
            }
            Call::Network(network::Call::Ready) => {
                Ok(Reply::Network(network::Reply::Health(HealthReply {
                    ok: false,
                    state: "joining".to_owned(),
                })))
            }
            Call::Network(network::Call::Metrics) => Ok(Reply::Network(network::Reply::Metrics(
                "synod_blocks 1\n".to_owned(),
            ))),
            Call::Governance(
                governance::Call::Join(bytes)
                | governance::Call::JoinKeys(bytes)
                | governance::Call::Bootstrap(bytes),
            ) => Ok(Reply::Governance(governance::Reply::Cbor(bytes.clone()))),
            Call::Ledger(ledger::Call::Chain) => Ok(Reply::Ledger(ledger::Reply::Chain(
                Bytes::from_static(b"chain"),
            ))),
            _ => Err(Problem::new(ErrorCode::NotReady).into()),
        })
    });
    let nobody = Caller::default();
    let get = async |path: &str| door.http1(nobody, request("GET", path)).await;
    let status = get("/v1/tx/2.17").await;
    assert_eq!(
        &status.body[..],
        br#"{"transaction_id":"2.17","status":"unknown"}"#
    );
    assert_eq!(get("/readyz").await.status, 503);
    let metrics = get("/metrics").await.body;
    assert!(
        metrics.starts_with(b"synod_blocks 1\n"),
        "the replica's come first"
    );
    let own = b"synod_http_requests_total{class=\"5xx\"} 1\n";
    assert!(metrics.windows(own.len()).any(|found| found == own));
    assert_eq!(
        get("/v1/chain").await.header("content-type"),
        "application/synod-chain+cbor"
    );
    assert_eq!(
        get("/v1/openapi.json").await.body,
        synod_api::openapi_json()
    );
    for path in ["/v1/join", "/v1/join/keys", "/v1/bootstrap"] {
        let cbor = [("content-type", "application/cbor")];
        let answer = door
            .http1(nobody, with_body("POST", path, &cbor, vec![0x80]))
            .await;
        assert_eq!(&answer.body[..], [0x80], "{path}");
    }
}

#[tokio::test]
async fn attestation_nonce_and_ledger_index_are_handed_on() {
    let door = Door::new(|_| Some(Err(Problem::new(ErrorCode::NotReady).into())));
    let nonce = "ab".repeat(32);
    door.http1(
        USER,
        request("GET", &format!("/v1/attestation?nonce={nonce}")),
    )
    .await;
    assert_eq!(
        door.heard().unwrap().1,
        Call::Network(network::Call::Attest { nonce: [0xab; 32] })
    );
    let path = format!("/v1/session?nonce={nonce}");
    door.http1(USER, request("GET", &path)).await;
    assert_eq!(
        door.heard().unwrap(),
        (
            USER,
            Call::Network(network::Call::Session { nonce: [0xab; 32] })
        )
    );
    door.http1(USER, request("GET", "/v1/consistency?from=3&to=9"))
        .await;
    let sizes = ledger::Call::Consistency {
        from: 3,
        to: Some(9),
    };
    assert_eq!(door.heard().unwrap().1, Call::Ledger(sizes));
    door.http1(USER, request("GET", "/v1/ledger?from=12")).await;
    assert_eq!(
        door.heard().unwrap().1,
        Call::Ledger(ledger::Call::Records { from: 12 })
    );
    door.http1(USER, request("GET", "/v1/ledger")).await;
    assert_eq!(
        door.heard().unwrap().1,
        Call::Ledger(ledger::Call::Records { from: 1 })
    );
}

#[tokio::test]
async fn follower_sends_the_client_to_the_same_path_at_the_leader() {
    let door = Door::new(|_| {
        Some(Err(Refusal::Leader {
            url: "https://127.0.0.1:8443/".to_owned(),
        }))
    });
    let answer = door
        .http1(
            USER,
            request("GET", "/v1/kv/a/k%2F?consistency=linearizable"),
        )
        .await;
    let wanted = "https://127.0.0.1:8443/v1/kv/a/k%2F?consistency=linearizable";
    assert_eq!((answer.status, answer.header("location")), (307, wanted));
    assert_eq!(answer.problem().code, ErrorCode::NotLeader);
}

#[tokio::test]
async fn lost_leadership_names_the_transaction_to_ask_for() {
    let door = Door::new(|_| {
        let lost = Problem::new(ErrorCode::LeadershipLost).with_transaction(TRANSACTION);
        Some(Err(lost.into()))
    });
    let answer = door
        .http1(USER, with_body("PUT", "/v1/kv/a/k", &[], "v"))
        .await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "1"));
    assert_eq!(answer.header("synod-transaction-id"), "2.17");
    assert_eq!(answer.problem().transaction_id, Some(TRANSACTION));
}

#[tokio::test]
async fn every_problem_code_is_answered_with_its_status() {
    for code in ErrorCode::ALL {
        let door = Door::new(|_| Some(Err(Problem::new(*code).into())));
        let answer = door.http1(USER, request("GET", "/v1/network")).await;
        assert_eq!(answer.problem().code, *code);
    }
}

#[tokio::test]
async fn ledger_is_streamed_piece_by_piece() {
    let (pieces, receiver) = tokio::sync::mpsc::channel(1);
    let receiver = std::sync::Mutex::new(Some(receiver));
    let door = Door::new(move |_| {
        Some(Ok(Reply::Ledger(ledger::Reply::Records(Records(
            receiver.lock().unwrap().take()?,
        )))))
    });
    let feed = tokio::spawn(async move {
        for n in 0..100_u8 {
            pieces.send(Ok(Bytes::from(vec![n; 10_000]))).await.unwrap();
        }
    });
    let answer = door.http1(USER, request("GET", "/v1/ledger")).await;
    feed.await.unwrap();
    assert_eq!(answer.header("content-type"), "application/synod-ledger");
    assert_eq!(answer.body.len(), 1_000_000);
}

#[tokio::test]
async fn broken_ledger_stream_is_cut_off_rather_than_ended() {
    let (pieces, receiver) = tokio::sync::mpsc::channel(2);
    let receiver = std::sync::Mutex::new(Some(receiver));
    let door = Door::new(move |_| {
        Some(Ok(Reply::Ledger(ledger::Reply::Records(Records(
            receiver.lock().unwrap().take()?,
        )))))
    });
    pieces.send(Ok(Bytes::from_static(b"half"))).await.unwrap();
    pieces.send(Err(Broken)).await.unwrap();
    let mut client = door.http2(USER).await;
    let request = request("GET", "http://synod/v1/ledger");
    let Ok(response) = client.send_request(request).await else {
        return;
    };
    let body = http_body_util::BodyExt::collect(response.into_body()).await;
    assert!(
        body.is_err(),
        "the client took half a ledger for a whole one"
    );
}

#[tokio::test]
async fn requests_of_one_http2_connection_run_side_by_side() {
    // The first request is never answered; the others must not wait for it.
    let door = Door::new(|call| match call {
        Call::Kv(kv::Call::Get { at, .. }) if at.key == "0" => None,
        other => obliging(other),
    });
    let client = door.http2(USER).await;
    let ask = |n: u32| {
        let mut client = client.clone();
        async move {
            client
                .send_request(request("GET", &format!("http://synod/v1/kv/a/{n}")))
                .await
        }
    };
    let silent = tokio::spawn(ask(0));
    let others: Vec<_> = (1..100).map(|n| tokio::spawn(ask(n))).collect();
    for other in others {
        let answer = Answer::read(other.await.unwrap().unwrap()).await;
        assert_eq!(answer.body, "value");
    }
    assert!(!silent.is_finished());
}

#[tokio::test]
async fn stopping_answers_what_is_in_work_and_closes() {
    let (release, wait) = tokio::sync::watch::channel(false);
    let (pieces, receiver) = tokio::sync::mpsc::channel(1);
    let receiver = std::sync::Mutex::new(Some(receiver));
    let door = Door::new(move |_| {
        Some(Ok(Reply::Ledger(ledger::Reply::Records(Records(
            receiver.lock().unwrap().take()?,
        )))))
    });
    let mut client = door.http2(USER).await;
    let response = client
        .send_request(request("GET", "http://synod/v1/ledger"))
        .await
        .unwrap();
    door.stopping.send(true).unwrap();
    let mut wait = wait;
    tokio::spawn(async move {
        wait.changed().await.unwrap();
        pieces
            .send(Ok(Bytes::from_static(b"the rest")))
            .await
            .unwrap();
    });
    tokio::task::yield_now().await;
    release.send(true).unwrap();
    let answer = Answer::read(response).await;
    assert_eq!(answer.body, "the rest");
    let refused = client
        .send_request(request("GET", "http://synod/livez"))
        .await;
    assert!(refused.is_err(), "a request was taken after the stop");
}

#[tokio::test]
async fn name_of_a_map_may_be_encoded_in_paths_and_parameters() {
    let door = Door::new(obliging);
    for path in [
        "/v1/kv/public%3Amap/k",
        "/v1/kv/public%3amap",
        "/v1/watch?map=public%3Amap",
    ] {
        door.http1(USER, request("GET", path)).await;
        let (_, call) = door.heard().expect("it is handed on");
        let map = match call {
            Call::Kv(kv::Call::Get { at, .. }) => at.map,
            Call::Kv(kv::Call::List { page, .. }) => page.map,
            Call::Kv(kv::Call::Watch(watching)) => watching.map,
            other => panic!("{other:?}"),
        };
        assert_eq!(map, "public:map", "{path}");
    }
}

#[tokio::test]
async fn head_is_answered_as_get_is_without_the_body() {
    let door = Door::new(obliging);
    for path in ["/v1/kv/a/k", "/v1/openapi.json", "/v1/kv/a/%zz"] {
        let get = door.http1(USER, request("GET", path)).await;
        let head = door.http1(USER, request("HEAD", path)).await;
        assert_eq!(head.status, get.status, "{path}");
        assert!(head.body.is_empty() && !get.body.is_empty(), "{path}");
        let length = get.body.len().to_string();
        assert_eq!(head.header("content-length"), length, "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"));
        let mut client = door.http2(USER).await;
        let over_http2 = client.send_request(request("HEAD", path)).await;
        let over_http2 = Answer::read(over_http2.expect("an answer comes")).await;
        assert_eq!(over_http2.status, get.status, "{path}");
        assert_eq!(over_http2.header("content-length"), length, "{path}");
    }
}

#[tokio::test]
async fn no_answer_may_be_taken_for_what_it_does_not_say_that_it_is() {
    let door = Door::new(obliging);
    for path in ["/v1/kv/a/k", "/v1/openapi.json", "/nowhere"] {
        let answer = door.http1(USER, request("GET", path)).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
    }
}

#[tokio::test]
async fn page_at_the_root_says_where_to_go_and_every_link_leads_there() {
    let door = Door::new(obliging);
    let page = door.http1(Caller::default(), request("GET", "/")).await;
    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(
        page.header("content-security-policy")
            .starts_with("default-src 'none'")
    );
    let text = String::from_utf8(page.body.to_vec()).expect("text");
    let links: Vec<&str> = text
        .split("href=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert!(links.len() >= 7, "{links:?}");
    for link in links {
        let answer = door.http1(Caller::default(), request("GET", link)).await;
        assert!(answer.status != 404 && answer.status != 401, "{link}");
    }
}
