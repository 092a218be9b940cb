//! Calls of apps reach the replica as they were sent, and answers of apps come back as answers of
//! this interface.

use crate::door;

use bytes::Bytes;
use door::{Door, TRANSACTION, USER, obliging, request, with_body};
use http::{HeaderName, HeaderValue};
use synod_api::{AppLogReply, AppsReply, ChunkReply, ErrorCode};
use synod_gateway::app::{AppAnswer, AppRequest};
use synod_gateway::kv::Watching;
use synod_gateway::{Call, Caller, Records, Refusal, Reply, app, kv};
use tokio::sync::mpsc;

/// An app that answers `hello` with these header fields.
fn answering(status: u16, headers: &[(&str, &str)]) -> Door {
    let headers: Vec<(String, String)> = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Door::new(move |_| {
        Some(Ok(Reply::App(app::Reply::Answered(Box::new(AppAnswer {
            status,
            headers: headers.clone(),
            body: Bytes::from_static(b"hello"),
            transaction: TRANSACTION,
            receipt: None,
        })))))
    })
}

fn heard(door: &Door) -> AppRequest {
    match door.heard() {
        Some((_, Call::App(app::Call::Request(request)))) => *request,
        other => panic!("no call of an app, but {other:?}"),
    }
}

fn owned(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[tokio::test]
async fn request_to_an_app_is_handed_on_whole() {
    let door = answering(200, &[]);
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        let headers = [("content-type", "text/plain"), ("x-own", "1")];
        let path = "/app/bank/transfers/7?a=%41&consistency=local&b";
        door.http1(Caller::default(), with_body(method, path, &headers, "body"))
            .await;
        let wanted = AppRequest {
            app: "bank".to_owned(),
            method: method.to_owned(),
            path: "/transfers/7".to_owned(),
            query: Some("a=%41&b".to_owned()),
            headers: owned(&headers),
            body: Bytes::from_static(b"body"),
            local: true,
            ..AppRequest::default()
        };
        assert_eq!(heard(&door), wanted);
    }
}

#[tokio::test]
async fn path_below_an_app_is_not_mended() {
    let door = answering(200, &[]);
    for path in [
        "/",
        "/..",
        "/../../v1/kv/m/k",
        "/%2e%2e/x",
        "/a%2Fb",
        "/a%2fb%5C",
        "//a",
        "/a//",
        "/%00",
        "/%FF%FE",
        "/%zz",
        "/a;b=c:de",
    ] {
        let answer = door
            .http1(USER, request("GET", &format!("/app/a{path}")))
            .await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(heard(&door).path, path);
    }
    door.http1(USER, request("GET", "/app/a?x")).await;
    let bare = heard(&door);
    assert_eq!(
        (bare.path.as_str(), bare.query.as_deref()),
        ("/", Some("x"))
    );
}

#[tokio::test]
async fn path_tricks_lead_out_of_no_app() {
    let door = answering(200, &[]);
    for path in [
        "/app/a/../../v1/network",
        "/app/a/%2e%2e/b",
        "/app/a/..%2f..%2flivez",
    ] {
        assert_eq!(door.http1(USER, request("GET", path)).await.status, 200);
        assert_eq!(format!("/app/a{}", heard(&door).path), path);
    }
    for path in [
        "/app/../v1/network",
        "/app/%61/x",
        "/app/./a/x",
        "/app/..",
        "/app/A/x",
    ] {
        assert_eq!(door.http1(USER, request("GET", path)).await.status, 404);
        assert!(door.heard().is_none(), "{path} reached an app");
    }
    for path in [&b"\xff\xfe"[..], b"\0", b"a b"] {
        let line = [b"GET /app/a/", path, b" HTTP/1.1\r\nhost: s\r\n\r\n"].concat();
        let answer = door.raw(&line).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{path:?}: {answer}");
        assert!(door.heard().is_none());
    }
}

#[tokio::test]
async fn app_sees_no_header_of_the_connection_and_none_of_ours() {
    let door = answering(200, &[]);
    let headers = [
        ("connection", "close, X-Secret"),
        ("x-secret", "1"),
        ("keep-alive", "5"),
        ("te", "trailers"),
        ("proxy-authorization", "x"),
        ("idempotency-key", "k-1"),
        ("synod-receipt", "inline"),
        ("synod-transaction-id", "1.1"),
        ("x-many", "1"),
        ("x-many", "2"),
        ("cookie", "c=d"),
    ];
    door.http1(USER, with_body("POST", "/app/a/x", &headers, "b"))
        .await;
    let request = heard(&door);
    assert_eq!(
        request.headers,
        owned(&[("x-many", "1"), ("x-many", "2"), ("cookie", "c=d")])
    );
    assert_eq!(request.idempotency.as_deref(), Some("k-1"));
    assert!(request.receipt);
}

#[tokio::test]
async fn sloppy_requests_to_apps_are_refused() {
    let door = answering(200, &[]);
    for (path, headers, code) in [
        (
            "/app/a/x?consistency=fresh",
            &[][..],
            ErrorCode::InvalidParameter,
        ),
        (
            "/app/a/x?consistency=local&consistency=local",
            &[],
            ErrorCode::InvalidParameter,
        ),
        (
            "/app/a/x",
            &[("synod-receipt", "yes")],
            ErrorCode::InvalidHeader,
        ),
        (
            "/app/a/x",
            &[("idempotency-key", "a b")],
            ErrorCode::InvalidHeader,
        ),
        (
            "/app/a/x",
            &[("content-type", "a/b"), ("content-type", "c/d")],
            ErrorCode::InvalidHeader,
        ),
        ("/app/aB/x", &[], ErrorCode::AppNotFound),
    ] {
        let answer = door
            .http1(USER, with_body("POST", path, headers, "b"))
            .await;
        assert_eq!(answer.problem().code, code, "{path} {headers:?}");
    }
    let mut bytes = request("GET", "/app/a/x");
    let value = HeaderValue::from_bytes(&[0xff]).unwrap();
    bytes.headers_mut().insert("x-own", value);
    assert_eq!(
        door.http1(USER, bytes).await.problem().code,
        ErrorCode::InvalidHeader
    );
    let answer = door
        .http1(USER, with_body("GET", "/app/a/x", &[], "b"))
        .await;
    assert_eq!(answer.problem().code, ErrorCode::MalformedRequest);
    let large = vec![0; 4 * 1024 * 1024 + 1];
    let answer = door
        .http1(USER, with_body("POST", "/app/a/x", &[], large))
        .await;
    assert_eq!(answer.problem().code, ErrorCode::BodyTooLarge);
    let answer = door.http1(USER, request("OPTIONS", "/app/a/x")).await;
    assert_eq!(answer.problem().code, ErrorCode::MethodNotAllowed);
    assert!(door.heard().is_none());
}

#[tokio::test]
async fn answer_of_an_app_comes_back_with_its_transaction() {
    let door = answering(
        418,
        &[
            ("content-type", "text/plain"),
            ("x-own", "a"),
            ("x-own", "b"),
        ],
    );
    let answer = door.http1(USER, request("GET", "/app/a/x")).await;
    assert_eq!((answer.status, &answer.body[..]), (418, &b"hello"[..]));
    assert_eq!(answer.header("content-type"), "text/plain");
    assert_eq!(answer.header("synod-transaction-id"), "2.17");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.headers.get_all("x-own").iter().count(), 2);
}

#[tokio::test]
async fn answer_of_an_app_cannot_break_the_connection_or_speak_for_the_service() {
    let door = answering(
        200,
        &[
            ("Content-Length", "7000"),
            ("transfer-encoding", "chunked"),
            ("connection", "x"),
            ("synod-transaction-id", "9.9"),
            ("Synod-Receipt", "x"),
            ("strict-transport-security", "max-age=1"),
            ("x-split", "a\r\nset-cookie: b"),
            ("bad name", "x"),
            ("", "x"),
            ("Cache-Control", "max-age=5"),
        ],
    );
    let answer = door.http1(USER, request("GET", "/app/a/x")).await;
    assert_eq!(answer.body, "hello");
    assert_eq!(answer.header("content-length"), "5");
    assert_eq!(answer.header("synod-transaction-id"), "2.17");
    assert_eq!(answer.header("cache-control"), "max-age=5");
    assert_eq!(answer.header("content-type"), "application/octet-stream");
    for name in [
        "transfer-encoding",
        "connection",
        "synod-receipt",
        "x-split",
        "set-cookie",
    ] {
        assert!(!answer.headers.contains_key(name), "{name}");
    }
    assert!(!answer.headers.contains_key("strict-transport-security"));
}

#[tokio::test]
async fn status_that_is_no_answer_becomes_a_failure_and_bodiless_ones_have_no_body() {
    for (status, shown) in [(100, 500), (101, 500), (0, 500), (600, 500), (599, 599)] {
        let answer = answering(status, &[])
            .http1(USER, request("GET", "/app/a/x"))
            .await;
        assert_eq!(answer.status, shown, "{status}");
    }
    for status in [204, 304] {
        let answer = answering(status, &[])
            .http1(USER, request("GET", "/app/a/x"))
            .await;
        assert_eq!((answer.status, answer.body.len()), (status, 0));
    }
}

#[tokio::test]
async fn head_is_answered_with_the_head_alone() {
    let door = answering(200, &[("content-type", "text/plain")]);
    let answer = door.http1(USER, request("HEAD", "/app/a/x")).await;
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    assert_eq!(answer.header("content-length"), "5");
    assert_eq!(heard(&door).method, "HEAD");
    let mut client = door.http2(USER).await;
    let head = request("HEAD", "http://synod/app/a/x");
    let answer = door::Answer::read(client.send_request(head).await.unwrap()).await;
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    assert_eq!(answer.header("content-length"), "5");
}

#[tokio::test]
async fn receipt_goes_along_in_a_header_unless_it_is_too_long() {
    for (length, shown) in [(3, "AAAA"), (9000, "")] {
        let door = Door::new(move |_| {
            Some(Ok(Reply::App(app::Reply::Answered(Box::new(AppAnswer {
                status: 200,
                headers: Vec::new(),
                body: Bytes::new(),
                transaction: TRANSACTION,
                receipt: Some(Bytes::from(vec![0; length])),
            })))))
        });
        let answer = door.http1(USER, request("GET", "/app/a/x")).await;
        assert_eq!(answer.header("synod-receipt"), shown);
    }
}

#[tokio::test]
async fn redirect_to_the_leader_keeps_the_path_of_an_app_as_it_was() {
    let door = Door::new(|_| {
        Some(Err(Refusal::Leader {
            url: "https://127.0.0.1:8443".to_owned(),
        }))
    });
    let path = "/app/a/%2e%2e/x//y?consistency=local&q=%20";
    let answer = door.http1(USER, with_body("POST", path, &[], "b")).await;
    let wanted = format!("https://127.0.0.1:8443{path}");
    assert_eq!((answer.status, answer.header("location")), (307, &*wanted));
}

#[tokio::test]
async fn descriptions_components_and_logs_are_asked_for_by_name() {
    let door = Door::new(|call| {
        Some(match call {
            Call::App(app::Call::List) => Ok(Reply::App(app::Reply::List(AppsReply::default()))),
            Call::App(app::Call::OpenApi { .. }) => {
                Ok(Reply::App(app::Reply::OpenApi(Bytes::from_static(b"{}"))))
            }
            Call::App(app::Call::Component { .. }) => {
                let (sender, receiver) = mpsc::channel(2);
                sender.try_send(Ok(Bytes::from_static(b"\0as"))).unwrap();
                sender.try_send(Ok(Bytes::from_static(b"m"))).unwrap();
                Ok(Reply::App(app::Reply::Component(Records(receiver))))
            }
            Call::App(app::Call::Logs { after, .. }) => {
                Ok(Reply::App(app::Reply::Logs(AppLogReply {
                    replica: 1,
                    lines: Vec::new(),
                    next: *after,
                    dropped: 0,
                })))
            }
            Call::App(app::Call::Chunk { .. }) => {
                Ok(Reply::App(app::Reply::ChunkTaken(ChunkReply {
                    transaction_id: TRANSACTION,
                })))
            }
            other => panic!("{other:?}"),
        })
    });
    let get = async |path: &str| door.http1(USER, request("GET", path)).await;
    assert_eq!(get("/v1/apps").await.body, r#"{"apps":[]}"#);
    assert_eq!(get("/v1/apps/a/openapi.json").await.body, "{}");
    let component = get("/v1/apps/a/component").await;
    assert_eq!(component.body, "\0asm");
    assert_eq!(component.header("content-type"), "application/wasm");
    get("/v1/apps/a/logs?after=7&limit=3").await;
    let logs = std::iter::from_fn(|| door.heard()).last().unwrap().1;
    let (name, after, limit) = ("a".to_owned(), 7, 3);
    assert_eq!(logs, Call::App(app::Call::Logs { name, after, limit }));
    let path = "/v1/apps/a/component/2/63";
    let answer = door.http1(USER, with_body("PUT", path, &[], "piece")).await;
    assert_eq!(answer.header("synod-transaction-id"), "2.17");
    let chunk = Call::App(app::Call::Chunk {
        name: "a".to_owned(),
        number: 2,
        index: 63,
        bytes: Bytes::from_static(b"piece"),
    });
    assert_eq!(door.heard().unwrap().1, chunk);
}

#[tokio::test]
async fn sloppy_requests_about_apps_are_refused() {
    let door = answering(200, &[]);
    for (method, path, code) in [
        ("GET", "/v1/apps/A", ErrorCode::AppNotFound),
        ("GET", "/v1/apps/a?x=1", ErrorCode::InvalidParameter),
        (
            "GET",
            "/v1/apps/a/logs?limit=1001",
            ErrorCode::InvalidParameter,
        ),
        (
            "GET",
            "/v1/apps/a/logs?after=-1",
            ErrorCode::InvalidParameter,
        ),
        ("POST", "/v1/apps/a", ErrorCode::MethodNotAllowed),
        (
            "PUT",
            "/v1/apps/a/component/1/64",
            ErrorCode::InvalidParameter,
        ),
        (
            "PUT",
            "/v1/apps/a/component/x/0",
            ErrorCode::InvalidParameter,
        ),
        (
            "PUT",
            "/v1/apps/a/component/1/+1",
            ErrorCode::InvalidParameter,
        ),
        (
            "GET",
            "/v1/apps/a/component/1/1",
            ErrorCode::MethodNotAllowed,
        ),
        ("GET", "/v1/watch", ErrorCode::InvalidMapName),
        ("GET", "/v1/watch?map=A", ErrorCode::InvalidMapName),
        ("GET", "/v1/watch?map=m&from=x", ErrorCode::InvalidParameter),
        (
            "GET",
            "/v1/watch?map=m&prefix=%zz",
            ErrorCode::InvalidParameter,
        ),
        ("GET", "/v1/watch?map=m&to=1", ErrorCode::InvalidParameter),
    ] {
        let answer = door.http1(USER, request(method, path)).await;
        assert_eq!(answer.problem().code, code, "{method} {path}");
    }
    let long = with_body("PUT", "/v1/apps/a/component/1/0", &[], vec![0; 524_289]);
    let answer = door.http1(USER, long).await;
    assert_eq!(answer.problem().code, ErrorCode::BodyTooLarge);
    assert!(door.heard().is_none());
}

#[tokio::test]
async fn watcher_that_connects_again_goes_on_where_it_was() {
    let door = Door::new(obliging);
    let path = "/v1/watch?map=public:m&prefix=a%2F&from=5";
    for (event, from) in [(None, 5), (Some("9"), 9)] {
        let mut request = request("GET", path);
        if let Some(event) = event {
            let name = HeaderName::from_static("last-event-id");
            request
                .headers_mut()
                .insert(name, HeaderValue::from_static(event));
        }
        door.http1(USER, request).await;
        let watching = Watching {
            map: "public:m".to_owned(),
            prefix: Bytes::from_static(b"a/"),
            from: Some(from),
        };
        assert_eq!(door.heard().unwrap().1, Call::Kv(kv::Call::Watch(watching)));
    }
    let bad = with_body("GET", path, &[("last-event-id", "x")], "");
    assert_eq!(
        door.http1(USER, bad).await.problem().code,
        ErrorCode::InvalidHeader
    );
}

#[tokio::test]
async fn events_wait_for_a_slow_reader() {
    let (events, receiver) = mpsc::channel(2);
    let receiver = std::sync::Mutex::new(Some(receiver));
    let door = Door::new(move |_| {
        Some(Ok(Reply::Kv(kv::Reply::Events(Records(
            receiver.lock().unwrap().take()?,
        )))))
    });
    let mut client = door.http2(USER).await;
    let watch = request("GET", "http://synod/v1/watch?map=m");
    let answer = client.send_request(watch).await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    // Nobody reads: the channel and the windows fill up, and then the source has to wait.
    let feed = async {
        for _ in 0..1_000 {
            events
                .send(Ok(Bytes::from(vec![b'x'; 10_000])))
                .await
                .unwrap();
        }
    };
    let fed = tokio::time::timeout(std::time::Duration::from_millis(300), feed).await;
    assert!(
        fed.is_err(),
        "10 MB were buffered for a reader that reads nothing"
    );
    drop(answer);
    let gone = tokio::time::timeout(std::time::Duration::from_secs(5), events.closed()).await;
    assert!(
        gone.is_ok(),
        "the source never learnt that the reader is gone"
    );
}

#[tokio::test]
async fn method_that_a_route_does_not_take_is_refused_with_those_that_it_takes() {
    let door = Door::new(|_| Some(Ok(Reply::App(app::Reply::Methods(vec!["GET", "POST"])))));
    let answer = door.http1(USER, request("DELETE", "/app/a/x")).await;
    assert_eq!(answer.header("allow"), "GET, POST");
    assert_eq!(answer.problem().code, ErrorCode::AppMethodNotAllowed);
}

#[tokio::test]
async fn pages_of_apps_share_no_origin_whatever_the_app_says() {
    let own = "sandbox allow-same-origin allow-scripts";
    let door = answering(200, &[("content-security-policy", own)]);
    let answer = door.http1(USER, request("GET", "/app/a/x")).await;
    let policies: Vec<_> = answer
        .headers
        .get_all("content-security-policy")
        .iter()
        .collect();
    assert_eq!(policies.len(), 2, "a browser obeys both");
    assert_eq!(policies[0], own);
    let ours = policies[1].to_str().expect("text");
    assert!(ours.starts_with("sandbox ") && !ours.contains("allow-same-origin"));
}
