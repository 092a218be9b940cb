//! Stand-ins of the vendors' services: an HTTPS server on loopback that answers
//! as it is told and remembers what it was asked, and a proxy before it.
#![allow(
    dead_code,
    reason = "the tests of the identity include this file and use a part of it"
)]

pub(crate) mod scene;

use std::{
    collections::{BTreeMap, VecDeque},
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer},
};

/// What the server does when it is asked.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// 200, with these headers and this body.
    Page(Vec<(String, String)>, Vec<u8>),
    /// Another status, with these headers.
    Status(u16, Vec<(String, String)>),
    /// 200, and the connection ends half-way through the body.
    Truncated,
    /// 200, and a body without end, one byte at a time.
    SlowLoris,
    /// 200, and so many bytes, with or without saying so before.
    Long(usize, bool),
    /// The connection ends before any answer.
    HangUp,
}

impl Act {
    pub(crate) fn status(status: u16) -> Self {
        Self::Status(status, Vec::new())
    }

    pub(crate) fn status_with(status: u16, name: &str, value: &str) -> Self {
        Self::Status(status, vec![(name.to_owned(), value.to_owned())])
    }

    pub(crate) fn page(body: &[u8]) -> Self {
        Self::Page(Vec::new(), body.to_vec())
    }
}

#[derive(Debug, Default)]
struct Script {
    /// What is always answered.
    pages: BTreeMap<String, Act>,
    /// What is answered before that.
    first: BTreeMap<String, VecDeque<Act>>,
    log: Vec<String>,
}

/// The server.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) port: u16,
    /// The root of its certificate.
    pub(crate) root: Vec<u8>,
    script: Arc<Mutex<Script>>,
}

impl Service {
    pub(crate) fn start() -> Self {
        let (root, tls) = certificates();
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let script = Arc::new(Mutex::new(Script::default()));
        let service = Self { port, root, script };
        let served = service.clone();
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let (served, tls) = (served.clone(), tls.clone());
                // A client that goes away in the middle is part of the tests.
                thread::spawn(move || drop(served.serve(connection, tls)));
            }
        });
        service
    }

    pub(crate) fn base(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// Always answers `path` so.
    pub(crate) fn put(&self, path: &str, act: Act) {
        let mut script = self.script.lock().expect("no thread panicked");
        script.pages.insert(path.to_owned(), act);
    }

    /// Answers the next question for a path that contains `part` so.
    pub(crate) fn first(&self, part: &str, act: Act) {
        let mut script = self.script.lock().expect("no thread panicked");
        script
            .first
            .entry(part.to_owned())
            .or_default()
            .push_back(act);
    }

    /// Always answers every path that contains `part` so.
    pub(crate) fn replace(&self, part: &str, act: &Act) {
        let mut script = self.script.lock().expect("no thread panicked");
        let mut found = 0;
        for (path, page) in &mut script.pages {
            if path.contains(part) {
                *page = act.clone();
                found += 1;
            }
        }
        assert!(found > 0, "no page has `{part}` in its path");
    }

    /// What was asked since the last call.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.script.lock().expect("no thread panicked").log)
    }

    fn next(&self, path: &str) -> Act {
        let mut script = self.script.lock().expect("no thread panicked");
        script.log.push(path.to_owned());
        let scripted = script
            .first
            .iter_mut()
            .find(|(part, acts)| path.contains(part.as_str()) && !acts.is_empty())
            .and_then(|(_, acts)| acts.pop_front());
        let page = scripted.or_else(|| script.pages.get(path).cloned());
        page.unwrap_or(Act::status(404))
    }

    fn serve(&self, connection: TcpStream, tls: Arc<ServerConfig>) -> io::Result<()> {
        connection.set_read_timeout(Some(Duration::from_secs(10)))?;
        let tls = ServerConnection::new(tls).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(tls, connection);
        loop {
            let head = read_head(&mut stream)?;
            let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
            match self.next(&path) {
                Act::HangUp => return Ok(()),
                Act::Page(headers, body) => write(&mut stream, 200, &headers, &body, body.len())?,
                Act::Status(status, headers) => write(&mut stream, status, &headers, b"", 0)?,
                Act::Truncated => {
                    write(&mut stream, 200, &[], b"{\"tcbInfo\":", 5000)?;
                    return Ok(());
                }
                Act::SlowLoris => {
                    write(&mut stream, 200, &[], b"", 5000)?;
                    loop {
                        stream.write_all(b" ")?;
                        stream.flush()?;
                        thread::sleep(Duration::from_millis(20));
                    }
                }
                Act::Long(bytes, true) => write(&mut stream, 200, &[], &vec![b' '; bytes], bytes)?,
                Act::Long(bytes, false) => {
                    stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")?;
                    stream.write_all(&vec![b' '; bytes])?;
                    stream.conn.send_close_notify();
                    return stream.flush();
                }
            }
        }
    }
}

fn write(
    stream: &mut impl Write,
    status: u16,
    headers: &[(String, String)],
    body: &[u8],
    length: usize,
) -> io::Result<()> {
    let mut head = format!("HTTP/1.1 {status} Said\r\ncontent-length: {length}\r\n");
    for (name, value) in headers {
        for text in [name, ": ", value, "\r\n"] {
            head.push_str(text);
        }
    }
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    stream.write_all(body)?;
    stream.flush()
}

fn read_head(stream: &mut impl Read) -> io::Result<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && head.len() < 16 * 1024 {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

fn certificates() -> (Vec<u8>, Arc<ServerConfig>) {
    let ca_key = KeyPair::generate().expect("a key can be made");
    let mut ca = CertificateParams::new(Vec::new()).expect("no names are fine");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = ca.self_signed(&ca_key).expect("it can sign itself");
    let issuer = Issuer::new(ca, ca_key);
    let key = KeyPair::generate().expect("a key can be made");
    let leaf = CertificateParams::new(vec!["localhost".to_owned()]).expect("the name is one");
    let leaf = leaf.signed_by(&key, &issuer).expect("it can be signed");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has them")
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from(leaf.der().to_vec())],
            PrivateKeyDer::try_from(key.serialize_der()).expect("it is a key"),
        )
        .expect("key and certificate belong together");
    (root.der().to_vec(), Arc::new(config))
}

/// A proxy that knows `CONNECT` and remembers to where.
#[derive(Clone, Debug)]
pub(crate) struct Proxy {
    pub(crate) port: u16,
    log: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let log = Arc::new(Mutex::new(Vec::new()));
        let proxy = Self {
            port,
            log: log.clone(),
        };
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let log = log.clone();
                thread::spawn(move || drop(tunnel(connection, &log)));
            }
        });
        proxy
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Where to it was asked to connect.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.log.lock().expect("no thread panicked"))
    }
}

fn tunnel(mut client: TcpStream, log: &Mutex<Vec<String>>) -> io::Result<()> {
    let head = read_head(&mut client)?;
    let mut words = head.split(' ');
    let (method, target) = (words.next(), words.next().unwrap_or_default());
    if method != Some("CONNECT") {
        return client.write_all(b"HTTP/1.1 405 No\r\ncontent-length: 0\r\n\r\n");
    }
    log.lock()
        .expect("no thread panicked")
        .push(target.to_owned());
    let mut server = TcpStream::connect(target)?;
    client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n")?;
    let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || io::copy(&mut from_client, &mut to_server));
    io::copy(&mut server, &mut client).map(|_| ())
}
