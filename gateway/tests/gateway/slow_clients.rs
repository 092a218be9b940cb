//! Clients that are slow, silent or gone cost bounded time and leave nothing behind. Time is
//! virtual here.

use crate::door;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use door::{Answer, Door, Said, USER, obliging, request};
use synod_api::ErrorCode;
use synod_gateway::{
    Activity, Backend, Call, Caller, Gateway, Records, Reply, Standing, app, governance, kv,
    ledger, network,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep, timeout};

/// Reads until the gateway closes, and says after how many seconds it did.
async fn closed_after(stream: &mut tokio::io::DuplexStream) -> (u64, String) {
    let begin = Instant::now();
    let mut answer = Vec::new();
    let _ = timeout(Duration::from_mins(10), stream.read_to_end(&mut answer))
        .await
        .expect("it closes");
    (
        begin.elapsed().as_secs(),
        String::from_utf8_lossy(&answer).into_owned(),
    )
}

#[tokio::test(start_paused = true)]
async fn connection_that_says_nothing_is_closed() {
    let door = Door::new(obliging);
    let (seconds, answer) = closed_after(&mut door.connect(USER)).await;
    assert_eq!((seconds, answer.as_str()), (10, ""));
}

#[tokio::test(start_paused = true)]
async fn headers_that_trickle_are_cut_off() {
    let door = Door::new(obliging);
    let mut stream = door.connect(USER);
    let begin = Instant::now();
    let mut sent = stream
        .write_all(b"GET /livez HTTP/1.1\r\nhost: s\r\nx: ")
        .await;
    while sent.is_ok() && begin.elapsed() < Duration::from_mins(2) {
        sleep(Duration::from_secs(1)).await;
        sent = stream.write_all(b"y").await;
    }
    assert!(
        begin.elapsed() <= Duration::from_secs(12),
        "{:?}",
        begin.elapsed()
    );
}

/// Puts a value of so many bytes, as [`send_slowly`] does.
async fn put_slowly(door: &Door, bytes: usize, pieces: &[(usize, Duration)]) -> String {
    send_slowly(door, "PUT /v1/kv/m/k", bytes, pieces).await
}

/// Sends a request with a body of so many bytes, in pieces: each so long, and after it a pause. The
/// answer.
async fn send_slowly(
    door: &Door,
    what: &str,
    bytes: usize,
    pieces: &[(usize, Duration)],
) -> String {
    let mut stream = door.connect(USER);
    let head = format!(
        "{what} HTTP/1.1\r\nhost: s\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {bytes}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut reader, mut writer) = tokio::io::split(stream);
    let pieces = pieces.to_vec();
    let sends = tokio::spawn(async move {
        for (length, pause) in pieces {
            if writer.write_all(&vec![b'y'; length]).await.is_err() {
                break;
            }
            sleep(pause).await;
        }
        // The end of what is sent is not the end of the body.
        std::future::pending::<()>().await;
    });
    let mut answer = vec![0; 4096];
    let length = reader.read(&mut answer).await.unwrap();
    sends.abort();
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn body_that_trickles_is_answered_with_a_timeout_within_one_window() {
    let door = Door::new(obliging);
    let begin = Instant::now();
    let answer = put_slowly(&door, 9999, &[(1, SECOND); 100]).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert_eq!(begin.elapsed().as_secs(), 10);
    assert!(door.heard().is_none());
    assert_eq!(door.body_bytes(), 0, "nothing of it is kept");
}

#[tokio::test(start_paused = true)]
async fn slow_body_that_gets_on_is_taken_whole() {
    let door = Door::new(obliging);
    // It takes more than two minutes.
    let answer = put_slowly(&door, 1 << 20, &[(8 << 10, SECOND); 128]).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn body_that_stands_still_near_its_end_is_answered_with_a_timeout() {
    let door = Door::new(obliging);
    let begin = Instant::now();
    let mut pieces = vec![(64 << 10, SECOND); 15];
    pieces.extend([(1, SECOND); 100]);
    let answer = put_slowly(&door, 1 << 20, &pieces).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert_eq!(begin.elapsed().as_secs(), 14 + 10);
    assert!(door.heard().is_none());
}

#[tokio::test(start_paused = true)]
async fn longest_body_at_the_slowest_pace_arrives() {
    let limits = synod_api::Limits::default();
    let longest = limits.body_bytes_max;
    let windows = longest / synod_api::limits::BODY_PROGRESS_BYTES;
    let door = Door::with_limits(limits, obliging);
    let begin = Instant::now();
    let paces = vec![(64 << 10, Duration::from_millis(9_900)); windows];
    // It is no transaction, but it is read whole before that shows.
    let answer = send_slowly(&door, "POST /v1/kv/txn", longest, &paces).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(begin.elapsed() < Duration::from_mins(11));
}

#[tokio::test(start_paused = true)]
async fn resting_connection_is_closed_and_a_used_one_is_kept() {
    let door = Door::new(obliging);
    let mut stream = door.connect(USER);
    let mut buffer = vec![0; 4096];
    for _ in 0..5 {
        stream
            .write_all(b"GET /v1/kv/m/k HTTP/1.1\r\nhost: s\r\n\r\n")
            .await
            .unwrap();
        assert!(stream.read(&mut buffer).await.unwrap() > 0);
        sleep(Duration::from_secs(50)).await;
    }
    let (seconds, _) = closed_after(&mut stream).await;
    assert!((9..=11).contains(&seconds), "{seconds}");
}

#[tokio::test(start_paused = true)]
async fn replica_that_does_not_answer_is_not_waited_for() {
    let door = Door::new(|_| None);
    let begin = Instant::now();
    let answer = door.http1(USER, request("GET", "/v1/kv/m/k")).await;
    assert_eq!(answer.problem().code, ErrorCode::AnswerTimeout);
    assert_eq!(begin.elapsed().as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn client_that_takes_no_byte_of_a_stream_is_given_up() {
    let (pieces, receiver) = tokio::sync::mpsc::channel(1);
    let receiver = std::sync::Mutex::new(Some(receiver));
    let door = Door::new(move |_| {
        Some(Ok(Reply::Ledger(ledger::Reply::Records(Records(
            receiver.lock().unwrap().take()?,
        )))))
    });
    let mut stream = door.connect(USER);
    stream
        .write_all(b"GET /v1/ledger HTTP/1.1\r\nhost: s\r\n\r\n")
        .await
        .unwrap();
    let begin = Instant::now();
    while pieces
        .send(Ok(bytes::Bytes::from(vec![0; 60_000])))
        .await
        .is_ok()
    {}
    assert!(
        (30..=65).contains(&begin.elapsed().as_secs()),
        "{:?}",
        begin.elapsed()
    );
    drop(stream);
}

/// Every value has so many bytes.
fn long_values(bytes: usize) -> impl Fn(&Call) -> Option<Said> + Send + Sync + 'static {
    move |_| {
        Some(Ok(Reply::Kv(kv::Reply::Value {
            value: bytes::Bytes::from(vec![7; bytes]),
            version: 1,
            as_of: door::TRANSACTION,
        })))
    }
}

const GET: &[u8] = b"GET /v1/kv/m/k HTTP/1.1\r\nhost: s\r\n\r\n";

/// Reads so many bytes a second until the gateway closes or `bytes` are read.
async fn read_slowly(
    stream: &mut tokio::io::DuplexStream,
    per_second: usize,
    bytes: usize,
) -> usize {
    let (mut buffer, mut read) = (vec![0; per_second], 0);
    while read < bytes {
        sleep(Duration::from_secs(1)).await;
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(count) => read += count,
        }
    }
    read
}

#[tokio::test(start_paused = true)]
async fn reader_that_takes_a_few_bytes_now_and_then_is_given_up() {
    let door = Door::new(long_values(1 << 20));
    let mut stream = door.connect(USER);
    stream.write_all(GET).await.unwrap();
    let begin = Instant::now();
    let read = read_slowly(&mut stream, 100, 1 << 20).await;
    assert!(read < 1 << 18, "{read} bytes");
    // What was in its buffer when the gateway closed is read at the same pace.
    let buffered = Duration::from_secs(64 * 1024 / 100);
    assert!(
        begin.elapsed() < buffered + Duration::from_secs(100),
        "{:?}",
        begin.elapsed()
    );
    assert_eq!(door.answer_bytes(), 0, "nothing is kept for it");
}

#[tokio::test(start_paused = true)]
async fn slow_reader_that_gets_on_is_served_to_the_end() {
    let door = Door::new(long_values(1 << 20));
    let mut stream = door.connect(USER);
    stream.write_all(GET).await.unwrap();
    // It takes four minutes.
    assert!(read_slowly(&mut stream, 4096, 1 << 20).await >= 1 << 20);
}

#[tokio::test(start_paused = true)]
async fn answers_that_nobody_reads_are_bounded_in_all() {
    let limits = synod_api::Limits {
        answers_bytes_max: 3 << 20,
        send_timeout: Duration::from_mins(2),
        ..synod_api::Limits::default()
    };
    let door = Door::with_limits(limits, long_values(1 << 20));
    let mut readers = Vec::new();
    for _ in 0..3 {
        let mut stream = door.connect(USER);
        stream.write_all(GET).await.unwrap();
        let mut first = [0; 100];
        stream.read_exact(&mut first).await.unwrap();
        assert!(first.starts_with(b"HTTP/1.1 200 "));
        readers.push(stream);
    }
    let refused = door.http1(USER, request("GET", "/v1/kv/m/k")).await;
    assert_eq!(refused.status, 503);
    assert_eq!(refused.problem().code, ErrorCode::Overloaded);
    assert!(door.answer_bytes() <= 3 << 20);
    drop(readers);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(door.answer_bytes(), 0);
    let answer = door.http1(USER, request("GET", "/v1/kv/m/k")).await;
    assert_eq!(answer.body.len(), 1 << 20);
}

#[tokio::test(start_paused = true)]
async fn answers_that_one_connection_does_not_read_are_bounded() {
    let limits = synod_api::Limits {
        connection_answers_bytes_max: 8 << 20,
        send_timeout: Duration::from_mins(2),
        ..synod_api::Limits::default()
    };
    let door = Door::with_limits(limits, long_values(4 << 20));
    let mut client = door.http2(USER).await;
    // The client buffers less than one answer.
    let mut unread = Vec::new();
    for _ in 0..2 {
        let asked = client.send_request(request("GET", "http://synod/v1/kv/m/k"));
        unread.push(asked.await.unwrap());
    }
    let third = client.send_request(request("GET", "http://synod/v1/kv/m/k"));
    let third = Answer::read(third.await.unwrap()).await;
    assert_eq!(third.status, 503);
    assert_eq!(third.problem().code, ErrorCode::Overloaded);
    let other = door.http1(USER, request("GET", "/v1/kv/m/k")).await;
    assert_eq!(other.body.len(), 4 << 20);
}

#[tokio::test(start_paused = true)]
async fn activity_tells_what_a_connection_is_at() {
    let gateway = Gateway::new(Waiting::default(), synod_api::Limits::default());
    let (mut ours, theirs) = tokio::io::duplex(4096);
    let (_stop, stopping) = tokio::sync::watch::channel(false);
    let activity = Activity::new();
    let seen = activity.clone();
    tokio::spawn(async move {
        gateway
            .serve_observed(theirs, USER, activity, stopping)
            .await;
    });
    sleep(Duration::from_secs(1)).await;
    assert_eq!(seen.standing(), Standing::Idle(Duration::from_secs(1)));
    let head = b"PUT /v1/kv/m/k HTTP/1.1\r\nhost: s\r\ncontent-length: 2\r\n\r\n";
    ours.write_all(head).await.unwrap();
    sleep(Duration::from_secs(2)).await;
    assert_eq!(
        seen.standing(),
        Standing::Idle(Duration::from_secs(2)),
        "a request that does not come in is not at work"
    );
    ours.write_all(b"ab").await.unwrap();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(seen.standing(), Standing::Working);
}

/// Counts the calls that wait, and those that were dropped.
#[derive(Clone, Default)]
struct Waiting {
    begun: Arc<AtomicUsize>,
    dropped: Arc<AtomicUsize>,
}

struct OnDrop(Arc<AtomicUsize>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Waiting {
    async fn for_ever<T>(&self) -> synod_gateway::Answer<T> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        let _guard = OnDrop(Arc::clone(&self.dropped));
        std::future::pending().await
    }
}

impl Backend for Waiting {
    async fn kv(&self, _caller: Caller, _call: kv::Call) -> synod_gateway::Answer<kv::Reply> {
        self.for_ever().await
    }

    async fn app(&self, _caller: Caller, _call: app::Call) -> synod_gateway::Answer<app::Reply> {
        self.for_ever().await
    }

    async fn ledger(
        &self,
        _caller: Caller,
        _call: ledger::Call,
    ) -> synod_gateway::Answer<ledger::Reply> {
        self.for_ever().await
    }

    async fn governance(
        &self,
        _caller: Caller,
        _call: governance::Call,
    ) -> synod_gateway::Answer<governance::Reply> {
        self.for_ever().await
    }

    async fn network(
        &self,
        _caller: Caller,
        _call: network::Call,
    ) -> synod_gateway::Answer<network::Reply> {
        self.for_ever().await
    }
}

#[tokio::test(start_paused = true)]
async fn call_of_a_vanished_client_is_dropped() {
    for http2 in [false, true] {
        let backend = Waiting::default();
        let gateway = Gateway::new(backend.clone(), synod_api::Limits::default());
        let (ours, theirs) = tokio::io::duplex(4096);
        let (_stop, stopping) = tokio::sync::watch::channel(false);
        let served = tokio::spawn(async move { gateway.serve(theirs, USER, stopping).await });
        let io = hyper_util::rt::TokioIo::new(ours);
        let client = if http2 {
            let executor = hyper_util::rt::TokioExecutor::new();
            let (mut client, connection) = hyper::client::conn::http2::handshake(executor, io)
                .await
                .unwrap();
            let connection = tokio::spawn(connection);
            let asked = client.send_request(request("GET", "http://synod/v1/kv/m/k"));
            let asked = tokio::spawn(async move { asked.await.is_ok() });
            [connection.abort_handle(), asked.abort_handle()]
        } else {
            let (mut client, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
            let connection = tokio::spawn(connection);
            let asked = client.send_request(request("GET", "/v1/kv/m/k"));
            let asked = tokio::spawn(async move { asked.await.is_ok() });
            [connection.abort_handle(), asked.abort_handle()]
        };
        while backend.begun.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        client.iter().for_each(tokio::task::AbortHandle::abort);
        timeout(Duration::from_secs(5), served)
            .await
            .expect("the connection ends")
            .unwrap();
        tokio::task::yield_now().await;
        assert_eq!(backend.dropped.load(Ordering::SeqCst), 1, "http2: {http2}");
    }
}

#[tokio::test]
async fn other_clients_are_served_while_one_is_slow() {
    let door = Door::new(obliging);
    let mut slow = door.connect(USER);
    slow.write_all(b"PUT /v1/kv/m/k HTTP/1.1\r\nhost: s\r\ncontent-length: 9\r\n\r\n")
        .await
        .unwrap();
    let mut client = door.http2(USER).await;
    let answer = client
        .send_request(request("GET", "http://synod/v1/kv/m/k"))
        .await
        .unwrap();
    assert_eq!(Answer::read(answer).await.body, "value");
}
