//! The attempts of one call: what each failure means for the next attempt, how attempts are paced,
//! and what is told when there is nothing left to try.
//!
//! After a failure of one replica the client tries the others. A replica that failed verification
//! is not asked again in the same call; a replica that may only be behind is tried again for a few
//! seconds.

use std::time::Duration;

use synod_api::ErrorCode;
use tokio::time::Instant;

use crate::checks::Failure;
use crate::error::ClientError;
use crate::request::Repeat;
use crate::url::ReplicaUrl;

/// How long and how often a client tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Timeout of a connection with TLS. Default 3 s.
    pub connect: Duration,
    /// Timeout of one answer of one replica, and of verifying a replica. Default 10 s.
    pub attempt: Duration,
    /// Timeout of all attempts of one call together. Default 30 s.
    pub call: Duration,
    /// The first pause between two attempts; it doubles each time up to [`Self::pause_max`].
    /// Default 20 ms.
    pub pause: Duration,
    /// The longest pause between two attempts. Default 200 ms.
    pub pause_max: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            attempt: Duration::from_secs(10),
            call: Duration::from_secs(30),
            pause: Duration::from_millis(20),
            pause_max: Duration::from_millis(200),
        }
    }
}

/// Redirects that are followed at once; further ones wait like failures, since two replicas that
/// point at each other are in the midst of an election.
const REDIRECTS_MAX: u32 = 3;
/// How long a replica that is behind may take to catch up while no other can be used.
const CATCH_UP: Duration = Duration::from_secs(3);

/// What a failure means for the next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The failure is final: another replica would say the same, or the request may not be
    /// repeated.
    Final,
    /// The failure is temporary: the same request may succeed later or at another replica.
    Passing,
    /// The replica shows something older than this client has seen, and may catch up.
    Behind,
    /// The replica is at fault, and is not asked again in this call.
    Refused,
}

impl Fate {
    /// What `error` means for a request that may be repeated like this.
    pub(crate) fn of(error: &ClientError, repeat: Repeat) -> Self {
        let freely = |fate| {
            if repeat == Repeat::Freely {
                fate
            } else {
                Self::Final
            }
        };
        match error {
            ClientError::Unreachable { .. } => Self::Passing,
            ClientError::NotVerified { why, .. } => match &why.failure {
                Failure::StepBack(step_back) if step_back.may_pass() => Self::Behind,
                Failure::NotOpen => Self::Behind,
                _ => Self::Refused,
            },
            ClientError::ForeignRedirect { .. } => Self::Behind,
            ClientError::Lost { .. } | ClientError::Timeout { .. } => freely(Self::Passing),
            ClientError::BadAnswer { .. } => freely(Self::Refused),
            ClientError::Problem(problem) if is_passing(problem.code, repeat) => Self::Passing,
            _ => Self::Final,
        }
    }
}

/// Whether a problem is temporary, so that the same request may succeed soon or at another replica.
fn is_passing(code: ErrorCode, repeat: Repeat) -> bool {
    match code {
        ErrorCode::Overloaded
        | ErrorCode::NoLeader
        | ErrorCode::NotReady
        | ErrorCode::AppNotReady
        | ErrorCode::ShuttingDown => true,
        ErrorCode::LeadershipLost | ErrorCode::AnswerTimeout | ErrorCode::Halted => {
            repeat == Repeat::Freely
        }
        _ => false,
    }
}

/// The newest failure of each address.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    newest: Vec<(ReplicaUrl, Fate, ClientError)>,
    /// Whether, after one of these failures or a replaced one, the request may have taken effect.
    sent: bool,
}

impl Failures {
    pub(crate) fn note(&mut self, url: &ReplicaUrl, fate: Fate, error: ClientError) {
        self.sent |= !error.nothing_was_sent();
        self.newest.retain(|(known, ..)| known != url);
        self.newest.push((url.clone(), fate, error));
    }

    pub(crate) fn is_refused(&self, url: &ReplicaUrl) -> bool {
        self.fate(url) == Some(Fate::Refused)
    }

    fn fate(&self, url: &ReplicaUrl) -> Option<Fate> {
        let found = self.newest.iter().find(|(known, ..)| known == url);
        found.map(|(_, fate, _)| *fate)
    }

    /// Whether no further attempt at any of these addresses can succeed, `elapsed` after the first
    /// attempt.
    fn are_final(&self, addresses: &[ReplicaUrl], elapsed: Duration) -> bool {
        addresses.iter().all(|url| match self.fate(url) {
            Some(Fate::Refused) => true,
            Some(Fate::Behind) => elapsed > CATCH_UP,
            _ => false,
        })
    }

    /// The one failure, the last one if the service itself refused every time, or else all of them.
    pub(crate) fn into_error(mut self) -> ClientError {
        let problems = self.newest.iter();
        let all_problems = problems
            .clone()
            .all(|(.., error)| matches!(error, ClientError::Problem(_)));
        if all_problems || self.newest.len() == 1 {
            let last = self.newest.pop();
            return last.map_or(ClientError::NoReplica, |(.., error)| error);
        }
        let failures = self.newest.into_iter();
        ClientError::NoneLeft {
            failures: failures.map(|(url, _, error)| (url, error)).collect(),
            sent: self.sent,
        }
    }
}

/// Counts the attempts of one call and paces them.
pub(crate) struct Attempts {
    retry_policy: RetryPolicy,
    begun: Instant,
    pause: Duration,
    redirects: u32,
    failures: Failures,
}

impl Attempts {
    pub(crate) fn new(retry_policy: RetryPolicy) -> Self {
        Self {
            retry_policy,
            begun: Instant::now(),
            pause: retry_policy.pause,
            redirects: 0,
            failures: Failures::default(),
        }
    }

    pub(crate) fn remaining(&self) -> Duration {
        self.retry_policy.call.saturating_sub(self.begun.elapsed())
    }

    /// Whether a redirect was followed.
    pub(crate) fn was_redirected(&self) -> bool {
        self.redirects > 0
    }

    pub(crate) fn is_refused(&self, url: &ReplicaUrl) -> bool {
        self.failures.is_refused(url)
    }

    /// Notes a failure, and waits before the next attempt at one of the addresses.
    ///
    /// # Errors
    /// The result of the call: the failure is final, nothing is left to try, or the time is up.
    pub(crate) async fn failed(
        &mut self,
        url: &ReplicaUrl,
        repeat: Repeat,
        error: ClientError,
        addresses: &[ReplicaUrl],
    ) -> Result<(), ClientError> {
        let fate = Fate::of(&error, repeat);
        if fate == Fate::Final {
            return Err(error);
        }
        self.failures.note(url, fate, error);
        let over = self.failures.are_final(addresses, self.begun.elapsed());
        if over || !self.wait().await {
            return Err(std::mem::take(&mut self.failures).into_error());
        }
        Ok(())
    }

    /// Counts a redirect, and waits if there were many.
    ///
    /// # Errors
    /// The result of the call: the time is up.
    pub(crate) async fn redirected(&mut self) -> Result<(), ClientError> {
        self.redirects += 1;
        if self.redirects <= REDIRECTS_MAX || self.wait().await {
            return Ok(());
        }
        Err(ClientError::Problem(Box::new(ErrorCode::NoLeader.into())))
    }

    /// Whether there is time for another attempt, after a pause.
    async fn wait(&mut self) -> bool {
        if self.remaining() <= self.pause {
            return false;
        }
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(self.retry_policy.pause_max);
        true
    }
}
