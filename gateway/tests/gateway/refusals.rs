//! Requests that are malformed, too large or not allowed are refused with the right code, and
//! never reach the replica.

use crate::door;

use door::{Door, USER, obliging, request, with_body};
use http::Request;
use synod_api::{ErrorCode, Limits};
use synod_gateway::Caller;

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

async fn refused(request: Request<http_body_util::Full<bytes::Bytes>>) -> ErrorCode {
    let door = Door::new(obliging);
    let answer = door.http1(USER, request).await;
    assert!(door.heard().is_none(), "the replica was asked");
    answer.problem().code
}

#[tokio::test]
async fn unknown_routes_are_not_found_and_say_where_to_look() {
    let door = Door::new(obliging);
    for path in [
        "/index.html",
        "/v1/kv",
        "/v1/kv/a/b/c",
        "/v1/kv/a/",
        "/v1/tx/1.1/x",
        "/app",
        "/app/",
        "/app//x",
        "/v1/network/",
    ] {
        let problem = door.http1(USER, request("GET", path)).await.problem();
        assert_eq!(problem.code, ErrorCode::RouteNotFound, "{path}");
        assert!(problem.hint.is_some());
    }
}

#[tokio::test]
async fn wrong_methods_are_refused_and_the_right_ones_listed() {
    let door = Door::new(obliging);
    for (method, path, allow) in [
        ("POST", "/v1/kv/a/k", "GET, HEAD, PUT, DELETE"),
        ("PUT", "/v1/kv/txn", "GET, HEAD, POST"),
        ("GET", "/v1/join", "POST"),
        ("DELETE", "/v1/network", "GET, HEAD"),
        ("OPTIONS", "/v1/kv/a", "GET, HEAD"),
        ("BREW", "/livez", "GET, HEAD"),
    ] {
        let answer = door.http1(USER, request(method, path)).await;
        assert_eq!(
            answer.problem().code,
            ErrorCode::MethodNotAllowed,
            "{method} {path}"
        );
        assert_eq!(answer.header("allow"), allow, "{method} {path}");
    }
    assert!(door.heard().is_none());
}

#[tokio::test]
async fn private_routes_need_a_certificate() {
    let door = Door::new(obliging);
    for route in synod_api::routes() {
        if route.access != synod_api::Access::Certificate {
            continue;
        }
        let path = route
            .path
            .replace("{map}", "m")
            .replace("{key}", "k")
            .replace("{id}", "1.1")
            .replace("{name}", "a")
            .replace("{number}", "1")
            .replace("{index}", "0");
        let answer = door
            .http1(Caller::default(), request(route.method, &path))
            .await;
        assert_eq!(
            answer.problem().code,
            ErrorCode::CertificateRequired,
            "{path}"
        );
    }
    assert!(door.heard().is_none());
}

#[tokio::test]
async fn names_keys_and_ids_that_break_the_rules_are_refused() {
    let long_map = format!("/v1/kv/{}/k", "m".repeat(129));
    let long_key = format!("/v1/kv/m/{}", "k".repeat(513));
    for (path, code) in [
        ("/v1/kv/Map/k", ErrorCode::InvalidMapName),
        ("/v1/kv/a%20b/k", ErrorCode::InvalidMapName),
        ("/v1/kv//k", ErrorCode::InvalidMapName),
        (long_map.as_str(), ErrorCode::InvalidMapName),
        (long_key.as_str(), ErrorCode::InvalidKey),
        ("/v1/kv/m/%", ErrorCode::InvalidKey),
        ("/v1/kv/m/%G0", ErrorCode::InvalidKey),
        ("/v1/kv/m/k?consistency=fresh", ErrorCode::InvalidParameter),
        ("/v1/kv/m/k?wait=none", ErrorCode::InvalidParameter),
        ("/v1/kv/m?limit=1001", ErrorCode::InvalidParameter),
        ("/v1/tx/1", ErrorCode::InvalidParameter),
        ("/v1/tx/01.2", ErrorCode::InvalidParameter),
        ("/v1/tx/1.-2", ErrorCode::InvalidParameter),
        ("/v1/receipts/1.2.3", ErrorCode::InvalidParameter),
        ("/v1/consistency", ErrorCode::InvalidParameter),
        ("/v1/consistency?to=1", ErrorCode::InvalidParameter),
        ("/v1/consistency?from=0&to=1", ErrorCode::InvalidParameter),
        ("/v1/consistency?from=2&to=1", ErrorCode::InvalidParameter),
        ("/v1/consistency?from=1&to=x", ErrorCode::InvalidParameter),
        ("/v1/attestation", ErrorCode::InvalidParameter),
        ("/v1/attestation?nonce=00", ErrorCode::InvalidParameter),
        ("/v1/session", ErrorCode::InvalidParameter),
        ("/v1/session?nonce=00", ErrorCode::InvalidParameter),
        ("/v1/ledger?from=0", ErrorCode::InvalidParameter),
        ("/v1/network?verbose=1", ErrorCode::InvalidParameter),
    ] {
        assert_eq!(refused(request("GET", path)).await, code, "{path}");
    }
}

#[tokio::test]
async fn longest_key_and_map_are_taken() {
    let door = Door::new(obliging);
    let path = format!("/v1/kv/{}/{}", "m".repeat(128), "%ff".repeat(512));
    assert_eq!(door.http1(USER, request("GET", &path)).await.status, 200);
}

#[tokio::test]
async fn receipt_of_a_write_that_does_not_wait_is_refused() {
    let path = "/v1/kv/m/k?wait=none&receipt=inline";
    assert_eq!(
        refused(with_body("PUT", path, &[], "v")).await,
        ErrorCode::InvalidParameter
    );
}

#[tokio::test]
async fn conditional_headers_that_cannot_be_read_are_refused() {
    for header in [
        ("if-match", "7"),
        ("if-none-match", "\"7\""),
        ("idempotency-key", "a b"),
    ] {
        let found = refused(with_body("PUT", "/v1/kv/m/k", &[header], "v")).await;
        assert_eq!(found, ErrorCode::InvalidHeader, "{header:?}");
    }
}

#[tokio::test]
async fn value_beyond_the_limit_is_refused_announced_or_not() {
    let value = vec![0; 1024 * 1024 + 1];
    let found = refused(with_body("PUT", "/v1/kv/m/k", &[], value)).await;
    assert_eq!(found, ErrorCode::ValueTooLarge);
    let door = Door::new(obliging);
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let head = "PUT /v1/kv/m/k HTTP/1.1\r\nhost: s\r\ntransfer-encoding: chunked\r\n\r\n";
    let answer = door
        .raw(format!("{head}{}0\r\n\r\n", chunk.repeat(17)).as_bytes())
        .await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("value_too_large"), "{answer}");
}

#[tokio::test]
async fn largest_value_is_taken_whole() {
    let door = Door::new(obliging);
    let value = vec![7; 1024 * 1024];
    let answer = door
        .http1(USER, with_body("PUT", "/v1/kv/m/k", &[], value))
        .await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn body_beyond_the_limit_is_refused() {
    let body = vec![b' '; 4 * 1024 * 1024 + 1];
    let found = refused(with_body("POST", "/v1/kv/txn", JSON, body)).await;
    assert_eq!(found, ErrorCode::BodyTooLarge);
}

#[tokio::test]
async fn bodies_together_stay_within_their_budget() {
    let limits = Limits {
        bodies_bytes_max: 100_000,
        ..Limits::default()
    };
    let door = Door::with_limits(limits, obliging);
    let large = with_body("PUT", "/v1/kv/m/k", &[], vec![0; 500_000]);
    assert_eq!(
        door.http1(USER, large).await.problem().code,
        ErrorCode::Overloaded
    );
    let small = with_body("PUT", "/v1/kv/m/k", &[], vec![0; 50_000]);
    assert_eq!(
        door.http1(USER, small).await.status,
        200,
        "the share was not given back"
    );
}

#[tokio::test]
async fn path_and_headers_beyond_the_limits_are_refused() {
    let path = format!("/v1/kv/m?from={}", "%41".repeat(2800));
    assert_eq!(refused(request("GET", &path)).await, ErrorCode::UriTooLong);
    let door = Door::new(obliging);
    let many = "x: y\r\n".repeat(70);
    let answer = door
        .raw(format!("GET /livez HTTP/1.1\r\nhost: s\r\n{many}\r\n").as_bytes())
        .await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let long = "y".repeat(20_000);
    let answer = door
        .raw(format!("GET /livez HTTP/1.1\r\nhost: s\r\nx: {long}\r\n\r\n").as_bytes())
        .await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[tokio::test]
async fn headers_beyond_the_limits_are_refused_in_http2_too() {
    let door = Door::new(obliging);
    let mut client = door.http2(USER).await;
    let mut many = request("GET", "http://synod/livez");
    for n in 0..70 {
        let name = http::HeaderName::try_from(format!("x-{n}")).unwrap();
        many.headers_mut()
            .insert(name, http::HeaderValue::from_static("y"));
    }
    assert_eq!(client.send_request(many).await.unwrap().status(), 431);
    let mut long = request("GET", "http://synod/livez");
    let value = http::HeaderValue::try_from("y".repeat(20_000)).unwrap();
    long.headers_mut().insert("x", value);
    let answer = client.send_request(long).await;
    assert!(answer.is_err() || answer.unwrap().status() == 431);
    assert!(door.heard().is_none());
}

#[tokio::test]
async fn transactions_that_break_a_rule_are_refused_whole() {
    let step = |map: &str, key: &str| format!(r#"{{"get":{{"map":"{map}","key":"{key}"}}}}"#);
    let txn = |steps: &[String]| format!(r#"{{"operations":[{}]}}"#, steps.join(","));
    let good = step("m", "k");
    let nested = format!("{}1{}", "[".repeat(500), "]".repeat(500));
    for (json, code) in [
        (txn(&[]), ErrorCode::InvalidBody),
        (
            txn(&[good.clone(), step("M", "k")]),
            ErrorCode::InvalidMapName,
        ),
        (txn(&[good.clone(), step("m", "")]), ErrorCode::InvalidKey),
        (
            txn(&vec![good.clone(); 257]),
            ErrorCode::TransactionTooLarge,
        ),
        (
            r#"{"operations":[{"drop":{}}]}"#.to_owned(),
            ErrorCode::InvalidBody,
        ),
        ("{}".to_owned(), ErrorCode::InvalidBody),
        (r#"{"operations":["#.to_owned(), ErrorCode::MalformedRequest),
        ("\u{0}".to_owned(), ErrorCode::MalformedRequest),
        (String::new(), ErrorCode::MalformedRequest),
        (nested, ErrorCode::InvalidBody),
    ] {
        let found = refused(with_body("POST", "/v1/kv/txn", JSON, json.clone())).await;
        assert_eq!(found, code, "{json}");
    }
    let bytes = with_body("POST", "/v1/kv/txn", JSON, vec![b'"', 0xff, b'"']);
    assert!(matches!(
        refused(bytes).await,
        ErrorCode::MalformedRequest | ErrorCode::InvalidBody
    ));
}

#[tokio::test]
async fn large_value_inside_a_transaction_is_refused() {
    let value = "v".repeat(1024 * 1024 + 1);
    let json = format!(r#"{{"operations":[{{"put":{{"map":"m","key":"k","value":"{value}"}}}}]}}"#);
    let found = refused(with_body("POST", "/v1/kv/txn", JSON, json)).await;
    assert_eq!(found, ErrorCode::ValueTooLarge);
}

#[tokio::test]
async fn actions_need_a_sane_number_of_signatures() {
    let action = |count: usize| {
        format!(
            r#"{{"signatures":[{}]}}"#,
            vec!["\"AA==\""; count].join(",")
        )
    };
    for count in [0, 65] {
        let found = refused(with_body(
            "POST",
            "/v1/governance/actions",
            JSON,
            action(count),
        ))
        .await;
        assert_eq!(found, ErrorCode::InvalidBody);
    }
}

#[tokio::test]
async fn other_media_types_are_refused() {
    let form = [("content-type", "application/x-www-form-urlencoded")];
    for path in [
        "/v1/kv/txn",
        "/v1/governance/actions",
        "/v1/join",
        "/v1/join/keys",
        "/v1/bootstrap",
    ] {
        let found = refused(with_body("POST", path, &form, "a=b")).await;
        assert_eq!(found, ErrorCode::UnsupportedMediaType, "{path}");
    }
}

#[tokio::test]
async fn body_where_none_belongs_is_refused() {
    for method in ["GET", "DELETE"] {
        let found = refused(with_body(method, "/v1/kv/m/k", &[], "x")).await;
        assert_eq!(found, ErrorCode::MalformedRequest);
    }
}

#[tokio::test]
async fn bytes_that_are_no_http_are_answered_with_400_or_nothing() {
    let door = Door::new(obliging);
    for bytes in [
        &b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03"[..],
        b"GET\r\n\r\n",
        b"GET /livez HTTP/9.9\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nhost s\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nhost: s\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx",
        b"PUT /v1/kv/m/k HTTP/1.1\r\nhost: s\r\ncontent-length: -1\r\n\r\n",
        b"PUT /v1/kv/m/k HTTP/1.1\r\nhost: s\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"GET /livez HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
        b"GET /livez HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\0\0\0\0\0\0\0\0\0\0\0\0",
        b"",
    ] {
        let answer = door.raw(bytes).await;
        let fine =
            answer.is_empty() || answer.starts_with("HTTP/1.1 400 ") || bytes.starts_with(b"PRI");
        assert!(fine, "{bytes:?} was answered with {answer}");
    }
    assert!(door.heard().is_none());
}

#[tokio::test]
async fn smuggled_second_request_is_not_read_out_of_a_body() {
    let door = Door::new(obliging);
    let bytes = b"PUT /v1/kv/m/k HTTP/1.1\r\nhost: s\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n\
        0\r\n\r\nGET /v1/kv/m/secret HTTP/1.1\r\nhost: s\r\n\r\n";
    let answer = door.raw(bytes).await;
    assert!(answer.matches("HTTP/1.1 ").count() <= 2, "{answer}");
}

#[tokio::test]
async fn mutated_requests_never_panic_the_gateway() {
    let valid = b"PUT /v1/kv/m/k?wait=none HTTP/1.1\r\nhost: s\r\nif-match: \"1\"\r\ncontent-length: 3\r\n\r\nabc";
    let door = Door::new(obliging);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..2_000 {
        let mut bytes = valid.to_vec();
        for _ in 0..3 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let position = (state >> 33) as usize % bytes.len();
            bytes[position] = (state >> 24) as u8;
        }
        door.raw(&bytes).await;
    }
    assert_eq!(
        door.http1(USER, request("GET", "/v1/kv/m/k")).await.status,
        200
    );
}

#[tokio::test]
async fn transaction_ids_that_none_ever_had_are_refused() {
    for id in [
        "0.0",
        "0.5",
        "2.0",
        "2.18446744073709551616",
        "2",
        "02.1",
        "2.1.1",
    ] {
        let found = refused(request("GET", &format!("/v1/tx/{id}"))).await;
        assert_eq!(found, ErrorCode::InvalidParameter, "{id}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_body_is_told_whole() {
    let door = Door::new(obliging);
    let detail = async |body: &str| {
        let request = with_body("POST", "/v1/kv/txn", JSON, body.to_owned());
        let problem = door.http1(USER, request).await.problem();
        (problem.code, problem.detail.expect("it says what"))
    };
    let long = r#"{"operations": [{"put": {"map": "a", "key": "k", "value": "v", "until": 7}}]}"#;
    let (code, told) = detail(long).await;
    assert_eq!(code, ErrorCode::InvalidBody);
    let expected =
        "at line 1, column 70: unknown field `until`, expected one of `map`, `key`, `value`";
    assert_eq!(told, expected);
    let (code, told) = detail("{\"operations\":\n [}").await;
    assert_eq!(code, ErrorCode::MalformedRequest);
    assert_eq!(told, "the body is not JSON from line 2, column 3 on");
}

#[tokio::test]
async fn page_of_another_origin_does_not_act_with_its_readers_certificate() {
    let door = Door::new(obliging);
    let put = |origin: &str| with_body("PUT", "/v1/kv/m/k", &[("origin", origin)], "v");
    for foreign in [
        "https://elsewhere.example",
        "http://synod",
        "null",
        "https://synod:1",
    ] {
        let problem = door.http1(USER, put(foreign)).await.problem();
        assert_eq!(problem.code, ErrorCode::CrossOrigin, "{foreign}");
        assert!(door.heard().is_none(), "{foreign}");
    }
    for own in ["https://synod", "https://SYNOD"] {
        assert_eq!(door.http1(USER, put(own)).await.status, 200, "{own}");
    }
    let anonymous = with_body("GET", "/v1/tx/1.1", &[("origin", "null")], "");
    let answer = door.http1(Caller::default(), anonymous).await;
    assert_eq!(
        answer.problem().code,
        ErrorCode::NotReady,
        "it was handed on"
    );
}

/// A body that counts what is taken of it.
struct Counted {
    left: usize,
    taken: std::sync::Arc<std::sync::atomic::AtomicUsize>,
}

impl hyper::body::Body for Counted {
    type Data = bytes::Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<bytes::Bytes>, Self::Error>>> {
        const PIECE: usize = 16 * 1024;
        if self.left == 0 {
            return std::task::Poll::Ready(None);
        }
        self.left -= PIECE;
        self.taken
            .fetch_add(PIECE, std::sync::atomic::Ordering::Relaxed);
        let piece = bytes::Bytes::from(vec![0; PIECE]);
        std::task::Poll::Ready(Some(Ok(hyper::body::Frame::data(piece))))
    }
}

#[tokio::test]
async fn refusal_over_http2_comes_once_the_body_was_taken() {
    const BODY_BYTES: usize = 3 * 1024 * 1024;
    let door = Door::new(obliging);
    let taken = std::sync::Arc::default();
    let body = Counted {
        left: BODY_BYTES,
        taken: std::sync::Arc::clone(&taken),
    };
    let io = hyper_util::rt::TokioIo::new(door.connect(USER));
    let executor = hyper_util::rt::TokioExecutor::new();
    let opened = hyper::client::conn::http2::handshake(executor, io).await;
    let (mut client, connection) = opened.expect("it opens");
    tokio::spawn(connection);
    let request = Request::put("https://synod/v1/kv/m/k").body(body);
    let answer = client.send_request(request.expect("well-formed")).await;
    let answer = door::Answer::read(answer.expect("an answer comes")).await;
    assert_eq!(answer.problem().code, ErrorCode::ValueTooLarge);
    let taken = taken.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(taken, BODY_BYTES, "the sender was not cut off");
}

#[tokio::test]
async fn bodies_that_no_replica_would_take_are_refused_at_every_door() {
    let txn = r#"{"compares":[{"map":"m","key":"k","expect":{"version":9223372036854775808}}],
                  "operations":[{"get":{"map":"m","key":"k"}}]}"#;
    let found = refused(with_body("POST", "/v1/kv/txn", JSON, txn)).await;
    assert_eq!(found, ErrorCode::InvalidBody);
    let found = refused(request("PUT", "/v1/apps/a/component/1/0")).await;
    assert_eq!(found, ErrorCode::InvalidBody);
}
