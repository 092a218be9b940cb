//! One question over HTTPS, one answer: the seam to the network.
//!
//! Invariants:
//! - no answer is held that is longer than the question's bound;
//! - every wait has an end;
//! - redirects and repetitions are the caller's, see `client`.

use std::{io::Read, sync::Arc, time::Duration};

use ureq::{
    Agent, Body, Proxy,
    http::{HeaderMap, Response},
    tls::{Certificate, RootCerts, TlsConfig},
};
use x509_cert::der::DateTime;

use crate::{
    config::{NetworkConfig, ProxyChoice, TlsRoots},
    fetch_error::FetchError,
};

/// Longest accepted head of an answer, in bytes.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// What to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question<'a> {
    /// Where.
    pub url: &'a str,
    /// The most bytes that the body of an answer may have.
    pub bytes_max: usize,
    /// The header that is wanted next to the body, in lower case.
    pub header: Option<&'static str>,
}

/// What came back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// The wanted header.
    pub header: Option<String>,
    /// `Retry-After`, in seconds.
    pub retry_after_s: Option<u64>,
    /// `Location`.
    pub location: Option<String>,
    /// The body, if the status is 200.
    pub body: Vec<u8>,
}

/// Asks one question.
pub trait Transport: Send + Sync {
    /// One exchange. Any status is a reply; an error is that there was none.
    fn ask(&self, question: &Question<'_>) -> Result<Reply, FetchError>;
}

/// HTTPS.
pub struct Https {
    agent: Agent,
}

impl Https {
    /// A client with these settings.
    pub fn new(config: &NetworkConfig) -> Result<Self, FetchError> {
        let milliseconds = |ms| Some(Duration::from_millis(ms));
        let timeouts = config.timeouts;
        let agent = Agent::config_builder()
            .tls_config(tls(&config.tls_roots))
            .proxy(proxy(&config.proxy)?)
            .https_only(!config.dangerous_plain_http)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_response_header_size(HEAD_BYTES_MAX)
            .timeout_connect(milliseconds(timeouts.connect_ms))
            .timeout_per_read(milliseconds(timeouts.read_ms))
            .timeout_global(milliseconds(timeouts.total_ms))
            .user_agent(concat!("synod/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self {
            agent: agent.into(),
        })
    }
}

impl Transport for Https {
    fn ask(&self, question: &Question<'_>) -> Result<Reply, FetchError> {
        let response = self.agent.get(question.url).call().map_err(failed)?;
        let headers = response.headers();
        let reply = Reply {
            status: response.status().as_u16(),
            header: question.header.and_then(|name| text(headers, name)),
            retry_after_s: retry_after_s(headers),
            location: text(headers, "location"),
            body: Vec::new(),
        };
        if reply.status != 200 {
            return Ok(reply);
        }
        let body = read(response, question.bytes_max)?;
        Ok(Reply { body, ..reply })
    }
}

fn tls(roots: &TlsRoots) -> TlsConfig {
    let roots = match roots {
        TlsRoots::Web => RootCerts::WebPki,
        TlsRoots::Only(ders) => {
            let certificates = ders.iter().map(|der| Certificate::from_der(der).to_owned());
            certificates.collect::<Vec<_>>().into()
        }
    };
    TlsConfig::builder()
        .root_certs(roots)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .build()
}

fn proxy(choice: &ProxyChoice) -> Result<Option<Proxy>, FetchError> {
    match choice {
        ProxyChoice::Environment => Ok(Proxy::try_from_env()),
        ProxyChoice::Direct => Ok(None),
        ProxyChoice::Through(url) => Proxy::new(url)
            .map(Some)
            // The address may hold a password, so it is not repeated.
            .map_err(|_| FetchError::Proxy("its address is not valid".to_owned())),
    }
}

fn read(response: Response<Body>, bytes_max: usize) -> Result<Vec<u8>, FetchError> {
    let too_long = FetchError::TooLong { bytes_max };
    let bound = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    let mut body = response.into_body();
    if body.content_length().is_some_and(|length| length > bound) {
        return Err(too_long);
    }
    let mut bytes = Vec::new();
    body.as_reader()
        .take(bound + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| failed_reading(ureq::Error::from(error)))?;
    if bytes.len() > bytes_max {
        return Err(too_long);
    }
    Ok(bytes)
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// Seconds, or a date (RFC 9110 §10.2.3), which is held against the service's
/// own `Date`.
fn retry_after_s(headers: &HeaderMap) -> Option<u64> {
    let value = text(headers, "retry-after")?;
    if let Ok(seconds) = value.trim().parse() {
        return Some(seconds);
    }
    let now_s = text(headers, "date").and_then(|date| date_s(&date))?;
    Some(date_s(&value)?.saturating_sub(now_s))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7) in Unix seconds.
fn date_s(text: &str) -> Option<u64> {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let mut words = text.trim().split_once(", ")?.1.split(' ');
    let day = words.next()?.parse().ok()?;
    let month = MONTHS.find(words.next()?)? / 3 + 1;
    let year = words.next()?.parse().ok()?;
    let mut clock = words.next()?.split(':').map(str::parse::<u8>);
    let mut next = || clock.next()?.ok();
    let (hour, minute, second) = (next()?, next()?, next()?);
    let date = DateTime::new(year, u8::try_from(month).ok()?, day, hour, minute, second).ok()?;
    Some(date.unix_duration().as_secs())
}

fn failed(error: ureq::Error) -> FetchError {
    use ureq::Error as E;
    match error {
        E::Timeout(_) => FetchError::Timeout,
        E::Tls(_) | E::Rustls(_) | E::TlsRequired | E::Pem(_) => FetchError::Tls(error.to_string()),
        E::ConnectProxyFailed(why) => FetchError::Proxy(why),
        E::InvalidProxyUrl => FetchError::Proxy("its address is not valid".to_owned()),
        E::BadUri(_) | E::RequireHttpsOnly(_) | E::Http(_) => {
            FetchError::Address(error.to_string())
        }
        E::LargeResponseHeader(..) => FetchError::TooLong {
            bytes_max: HEAD_BYTES_MAX,
        },
        E::Io(io) => failed_io(&io),
        other => FetchError::Connection(other.to_string()),
    }
}

/// rustls reports what it dislikes inside of an I/O error.
fn failed_io(error: &std::io::Error) -> FetchError {
    let tls = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match (tls, error.kind()) {
        (Some(tls), _) => FetchError::Tls(tls.to_string()),
        (None, std::io::ErrorKind::TimedOut) => FetchError::Timeout,
        (None, _) => FetchError::Connection(error.to_string()),
    }
}

/// Once the head was there, a lost connection is an answer cut short.
fn failed_reading(error: ureq::Error) -> FetchError {
    match failed(error) {
        FetchError::Connection(_) => FetchError::Truncated,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let parsed = pairs.iter().map(|(name, value)| {
            let value = value.parse().expect("the value is plain");
            (ureq::http::HeaderName::from_static(name), value)
        });
        parsed.collect()
    }

    #[test]
    fn a_wait_may_be_asked_for_in_seconds_or_until_a_date() {
        let date = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
        let until = ("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT");
        assert_eq!(retry_after_s(&headers(&[("retry-after", "12")])), Some(12));
        assert_eq!(retry_after_s(&headers(&[date, until])), Some(30));
    }

    #[test]
    fn a_wait_that_makes_no_sense_is_none() {
        for value in ["", "-1", "soon", "Sun, 99 Nov 1994 08:49:37 GMT"] {
            let headers = headers(&[
                ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
                ("retry-after", value),
            ]);
            assert_eq!(retry_after_s(&headers), None, "{value}");
        }
    }
}
