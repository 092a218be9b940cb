//! Why a service did not answer.

use crate::answer::AnswerError;

/// Why a service did not answer, or not usefully.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The service knows nothing of this platform (404), or no longer (410).
    #[error("service has no data on this platform")]
    NotFound,
    /// The service does not like the question.
    #[error("service refused with status {status}")]
    Refused {
        /// HTTP status, 4xx or one without meaning here.
        status: u16,
    },
    /// The service is asked too often (429).
    #[error("service refused: too many requests")]
    RateLimited {
        /// How long it wants to be left alone, in seconds.
        retry_after_s: Option<u64>,
    },
    /// The service is broken for now (5xx).
    #[error("service is unavailable, status {status}")]
    Unavailable {
        /// HTTP status.
        status: u16,
    },
    /// No answer came in time.
    #[error("service did not answer in time")]
    Timeout,
    /// The service cannot be reached.
    #[error("cannot connect: {0}")]
    Connection(String),
    /// The service's TLS certificate is not accepted.
    #[error("TLS: {0}")]
    Tls(String),
    /// The proxy does not let through.
    #[error("proxy: {0}")]
    Proxy(String),
    /// The answer ended before its end.
    #[error("answer is incomplete: the connection was closed early")]
    Truncated,
    /// The answer is longer than any that is expected.
    #[error("answer is longer than {bytes_max} bytes")]
    TooLong {
        /// The bound.
        bytes_max: usize,
    },
    /// The service sends elsewhere, to another host.
    #[error("service redirected to another host: `{to}`")]
    RedirectElsewhere {
        /// Where to.
        to: String,
    },
    /// The service sends on and on.
    #[error("service redirected more than {0} times")]
    TooManyRedirects(u32),
    /// The answer cannot be read.
    #[error("answer {0}")]
    Answer(#[from] AnswerError),
    /// The answer says itself that it is not valid now.
    #[error("answer is valid from {from_ms} to {until_ms} (Unix milliseconds), not now")]
    NotValidNow {
        /// From when on.
        from_ms: u64,
        /// Until when.
        until_ms: u64,
    },
    /// The service failed a short while ago, and is not asked again yet.
    #[error("service failed a short while ago and is not asked again yet")]
    AskedLately,
    /// The address of the service is not valid.
    #[error("`{0}` is not an allowed address")]
    Address(String),
}

impl FetchError {
    /// Whether asking again may help.
    pub fn passes(&self) -> bool {
        matches!(
            self,
            Self::RateLimited { .. }
                | Self::Unavailable { .. }
                | Self::Timeout
                | Self::Connection(_)
                | Self::Truncated
        )
    }

    /// How long the service wants to be left alone, in milliseconds.
    pub fn asked_wait_ms(&self) -> Option<u64> {
        match self {
            Self::RateLimited { retry_after_s } => {
                retry_after_s.map(|seconds| seconds.saturating_mul(1000))
            }
            _ => None,
        }
    }

    /// Whether the service was never reached: the network's fault, not its.
    pub fn before_service(&self) -> bool {
        matches!(
            self,
            Self::Timeout | Self::Connection(_) | Self::Tls(_) | Self::Proxy(_)
        )
    }
}
