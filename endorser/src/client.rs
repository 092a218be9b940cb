//! Retries a request until there is an answer, or until none can be expected.
//!
//! Invariants:
//! - redirects stay on the host that was asked, and end;
//! - what is final is not asked for again (see `retry`).

use std::sync::Arc;

use ureq::http::Uri;

use crate::{
    clock::Clock,
    fetch_error::FetchError,
    progress::{Progress, Watcher},
    retry::Retry,
    transport::{Question, Reply, Transport},
};

/// How often one question may be sent on.
pub(crate) const REDIRECTS_MAX: u32 = 3;

/// Asks services.
pub(crate) struct Client {
    pub(crate) transport: Box<dyn Transport>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) retry: Retry,
    pub(crate) watcher: Watcher,
}

impl Client {
    /// The answer to a question, asked as often as the settings allow.
    pub(crate) fn ask(&self, question: &Question<'_>) -> Result<Reply, FetchError> {
        let start_ms = self.clock.monotonic_ms();
        let mut attempts = 0;
        loop {
            attempts += 1;
            self.watcher.tell(Progress::Asking {
                url: question.url,
                attempt: attempts,
            });
            let error = match self.follow(question) {
                Ok(reply) => return Ok(reply),
                Err(error) => error,
            };
            let elapsed_ms = self.clock.monotonic_ms().saturating_sub(start_ms);
            let chance = self.clock.chance();
            let wait = self.retry.wait_ms(&error, attempts, elapsed_ms, chance);
            let Some(wait_ms) = wait else {
                return Err(error);
            };
            self.watcher.tell(Progress::Waiting {
                url: question.url,
                wait_ms,
                because: &error,
            });
            self.clock.sleep_ms(wait_ms);
        }
    }

    /// Asks once, and where the service sends on to.
    fn follow(&self, question: &Question<'_>) -> Result<Reply, FetchError> {
        let mut url = question.url.to_owned();
        for _ in 0..=REDIRECTS_MAX {
            let at = Question {
                url: &url,
                ..*question
            };
            let reply = self.transport.ask(&at)?;
            match (reply.status, &reply.location) {
                (301 | 302 | 303 | 307 | 308, Some(to)) => url = same_host(&url, to)?,
                _ => return judged(reply),
            }
        }
        Err(FetchError::TooManyRedirects(REDIRECTS_MAX))
    }
}

fn judged(reply: Reply) -> Result<Reply, FetchError> {
    match reply.status {
        200 => Ok(reply),
        404 | 410 => Err(FetchError::NotFound),
        429 => Err(FetchError::RateLimited {
            retry_after_s: reply.retry_after_s,
        }),
        status @ 500..=599 => Err(FetchError::Unavailable { status }),
        status => Err(FetchError::Refused { status }),
    }
}

/// The address to go on with, if it is on the same host and port, under the
/// same scheme.
fn same_host(from: &str, to: &str) -> Result<String, FetchError> {
    let elsewhere = || FetchError::RedirectElsewhere { to: to.to_owned() };
    let from: Uri = from.parse().map_err(|_| elsewhere())?;
    let scheme = from.scheme_str().ok_or_else(elsewhere)?;
    let authority = from.authority().ok_or_else(elsewhere)?;
    if to.starts_with('/') && !to.starts_with("//") {
        return Ok(format!("{scheme}://{authority}{to}"));
    }
    let target: Uri = to.parse().map_err(|_| elsewhere())?;
    let same = target.scheme_str() == Some(scheme)
        && target.host() == from.host()
        && target.port_u16() == from.port_u16();
    if same {
        Ok(to.to_owned())
    } else {
        Err(elsewhere())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_stays_on_its_host_port_and_scheme() {
        let from = "https://kds.test:8443/a/b?c=d";
        for to in ["/x?y=z", "https://kds.test:8443/x"] {
            assert!(same_host(from, to).is_ok(), "{to}");
        }
        for to in [
            "http://kds.test:8443/x",
            "https://kds.test/x",
            "https://kds.test.evil:8443/x",
            "//evil.test/x",
            "x",
            "",
            "https://kds.test:8443@evil.test/x",
        ] {
            let refused = same_host(from, to);
            let expected = FetchError::RedirectElsewhere { to: to.to_owned() };
            assert_eq!(refused, Err(expected), "{to}");
        }
    }
}
