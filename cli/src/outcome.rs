//! How a command ends: its exit code, and what it says when it fails.

use std::fmt;
use std::process::ExitCode;

use synod_client::{
    ClientError, Failure as NotProven, MemoryError, ReceiptMemoryError, ReplicaUrl, StateFileError,
    TrustFileError, Unverified, UrlError,
};

/// The exit codes, the same for every command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, and verified where there was something to verify.
    Done = 0,
    /// The user's mistake.
    Mistake = 1,
    /// Our failure, or that of the machine or the network.
    Broken = 2,
    /// Something did not prove what it had to prove.
    NotVerified = 3,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command failed, told to a person: one sentence, and perhaps what to do.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

/// What commands return.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    pub(crate) fn mistake(message: impl fmt::Display) -> Self {
        Self::new(Exit::Mistake, message)
    }

    pub(crate) fn broken(message: impl fmt::Display) -> Self {
        Self::new(Exit::Broken, message)
    }

    pub(crate) fn not_verified(message: impl fmt::Display) -> Self {
        Self::new(Exit::NotVerified, message)
    }

    pub(crate) fn with_hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }

    /// Says what was being done when it failed.
    pub(crate) fn during(mut self, what: impl fmt::Display) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    fn new(exit: Exit, message: impl fmt::Display) -> Self {
        Self {
            exit,
            message: message.to_string(),
            hint: None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::NotVerified { url, why } => of_unverified(&why).during(url),
            ClientError::Problem(problem) => of_problem(&problem),
            ClientError::Forked { url, why } => Self::from(*why).during(url),
            ClientError::State(error) => error.into(),
            ClientError::ForeignRedirect { .. } => Self::not_verified(error).with_hint(
                "ask another replica; `synod status` lists the addresses that the network names",
            ),
            ClientError::NoneLeft { failures, sent } => of_none_left(failures, sent),
            ClientError::BadRequest(_) | ClientError::NoReplica => Self::mistake(error),
            ClientError::Unreachable { .. } => Self::broken(error)
                .with_hint("is the service running? `synod up` starts one on this machine"),
            ClientError::Lost { .. } | ClientError::Timeout { .. } => Self::broken(error)
                .with_hint("the request may have taken effect; read again before you repeat it"),
            ClientError::BadAnswer { .. } | ClientError::Environment(_) => Self::broken(error),
        }
    }
}

/// Every replica failed: not verified if that was the reason each time.
fn of_none_left(failures: Vec<(ReplicaUrl, ClientError)>, sent: bool) -> Failure {
    let not_verified = failures.iter().all(|(_, error)| {
        matches!(
            error,
            ClientError::NotVerified { .. } | ClientError::ForeignRedirect { .. }
        )
    });
    let error = ClientError::NoneLeft { failures, sent };
    match (not_verified, sent) {
        (true, _) => Failure::not_verified(error)
            .with_hint("name a replica that votes with `--url URL`; the members know them"),
        (false, true) => Failure::broken(error)
            .with_hint("the request may have taken effect; read again before you repeat it"),
        (false, false) => {
            Failure::broken(error).with_hint("is the service running? `--url URL` names a replica")
        }
    }
}

/// Someone who is not who they must be.
pub(crate) fn of_unverified(why: &Unverified) -> Failure {
    of_not_proven(&why.failure)
}

fn of_not_proven(failure: &NotProven) -> Failure {
    let told = Failure::not_verified(failure);
    match failure.hint() {
        Some(hint) => told.with_hint(hint),
        None => told,
    }
}

fn of_problem(problem: &synod_api::Problem) -> Failure {
    let mut message = format!("{} ({} {})", problem.title, problem.status, problem.code);
    if let Some(detail) = &problem.detail {
        message = format!("{message}: {detail}");
    }
    if let Some(id) = problem.transaction_id {
        message = format!("{message}, transaction {id}");
    }
    let exit = if problem.status < 500 {
        Exit::Mistake
    } else {
        Exit::Broken
    };
    Failure {
        exit,
        message,
        hint: problem.hint.clone(),
    }
}

impl From<NotProven> for Failure {
    fn from(failure: NotProven) -> Self {
        of_not_proven(&failure)
    }
}

impl From<TrustFileError> for Failure {
    fn from(error: TrustFileError) -> Self {
        Self::mistake(error)
    }
}

impl From<StateFileError> for Failure {
    fn from(error: StateFileError) -> Self {
        let hint = error.hint();
        let failure = match error {
            StateFileError::Io { .. } | StateFileError::Locked { .. } => Self::broken(error),
            _ => Self::mistake(error),
        };
        failure.with_hint(hint)
    }
}

impl From<ReceiptMemoryError> for Failure {
    fn from(error: ReceiptMemoryError) -> Self {
        match error {
            ReceiptMemoryError::Memory(error) => error.into(),
            other => Self::not_verified(other),
        }
    }
}

impl From<MemoryError> for Failure {
    fn from(error: MemoryError) -> Self {
        match error {
            MemoryError::File(error) => error.into(),
            MemoryError::StepBack(step_back) => of_not_proven(&NotProven::StepBack(step_back)),
            MemoryError::Fork { .. } => Self::not_verified(error).with_hint(
                "do not use this service; show the proof and the chain of configurations to its members",
            ),
        }
    }
}

impl From<UrlError> for Failure {
    fn from(error: UrlError) -> Self {
        Self::mistake(error)
    }
}
