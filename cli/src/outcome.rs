//! How a command ends: its exit code, and what it says when it fails.

use std::net::IpAddr;
use std::process::ExitCode;
use std::{fmt, io};

use synod_api::{ErrorCode, Problem};
use synod_client::{
    ClientError, Failure as NotProven, MemoryError, ReceiptMemoryError, ReplicaUrl, StateFileError,
    TrustFileError, Unverified, UrlError,
};
use synod_endorser::Fault as EndorserFault;
use synod_node::NodeFault;

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

    /// A file or folder that could not be worked with.
    pub(crate) fn io(what: impl fmt::Display, error: &io::Error) -> Self {
        Self::new(Exit::of_io(error), format!("{what}: {error}"))
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

    pub(crate) fn new(exit: Exit, message: impl fmt::Display) -> Self {
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

/// The one place that says which exit code an error has: whose fault it is.
impl Exit {
    /// A file or folder. What was named wrongly is the user's mistake; a disk that fails or is full
    /// is not.
    pub(crate) fn of_io(error: &io::Error) -> Self {
        use io::ErrorKind as Kind;
        match error.kind() {
            Kind::NotFound
            | Kind::PermissionDenied
            | Kind::AlreadyExists
            | Kind::IsADirectory
            | Kind::NotADirectory
            | Kind::InvalidFilename
            | Kind::InvalidInput => Self::Mistake,
            _ => Self::Broken,
        }
    }

    /// A call of a service.
    pub(crate) fn of_client(error: &ClientError) -> Self {
        match error {
            ClientError::NotVerified { .. }
            | ClientError::Forked { .. }
            | ClientError::ForeignRedirect { .. } => Self::NotVerified,
            // Not verified if that was the reason each time.
            ClientError::NoneLeft { failures, .. } => {
                let mut exits = failures.iter().map(|(_, error)| Self::of_client(error));
                if exits.all(|exit| exit == Self::NotVerified) {
                    Self::NotVerified
                } else {
                    Self::Broken
                }
            }
            ClientError::Problem(problem) => Self::of_problem(problem),
            ClientError::BadRequest(_) | ClientError::NoReplica => Self::Mistake,
            ClientError::Unreachable { .. }
            | ClientError::Lost { .. }
            | ClientError::Timeout { .. }
            | ClientError::BadAnswer { .. }
            | ClientError::State(_)
            | ClientError::Environment(_) => Self::Broken,
        }
    }

    /// What a service answered.
    fn of_problem(problem: &Problem) -> Self {
        match problem.code {
            ErrorCode::EvidenceRefused => Self::NotVerified,
            _ if problem.status < 500 => Self::Mistake,
            _ => Self::Broken,
        }
    }

    /// A node that does not run.
    pub(crate) fn of_node(fault: NodeFault) -> Self {
        match fault {
            NodeFault::Caller => Self::Mistake,
            NodeFault::Environment => Self::Broken,
            NodeFault::NotProven => Self::NotVerified,
        }
    }

    /// Endorsements that are not there.
    pub(crate) fn of_endorser(fault: EndorserFault) -> Self {
        match fault {
            EndorserFault::Caller => Self::Mistake,
            EndorserFault::Attester => Self::NotVerified,
            EndorserFault::Service | EndorserFault::Environment => Self::Broken,
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let exit = Exit::of_client(&error);
        match error {
            ClientError::NotVerified { url, why } => of_unverified(&why).during(url),
            ClientError::Problem(problem) => of_problem(exit, &problem),
            ClientError::Forked { url, why } => Self::from(*why).during(url),
            ClientError::State(error) => error.into(),
            ClientError::ForeignRedirect { .. } => Self::new(exit, error)
                .with_hint("ask another replica; `synod status` lists their addresses"),
            ClientError::NoneLeft { failures, sent } => of_none_left(exit, failures, sent),
            ClientError::Unreachable { ref url, .. } => {
                Self::new(exit, &error).with_hint(unreachable_hint(url))
            }
            ClientError::Lost { .. } | ClientError::Timeout { .. } => Self::new(exit, error)
                .with_hint("the request may have taken effect; read again before you repeat it"),
            error => Self::new(exit, error),
        }
    }
}

/// Every replica failed.
fn of_none_left(exit: Exit, failures: Vec<(ReplicaUrl, ClientError)>, sent: bool) -> Failure {
    let first = failures.first().map(|(url, _)| unreachable_hint(url));
    let failure = Failure::new(exit, ClientError::NoneLeft { failures, sent });
    match (exit, sent, first) {
        (Exit::NotVerified, ..) => failure
            .with_hint("name a voting replica with `--url URL`; the members know the addresses"),
        (_, true, _) => {
            failure.with_hint("the request may have taken effect; read again before you repeat it")
        }
        (_, false, Some(hint)) => failure.with_hint(hint),
        (_, false, None) => failure,
    }
}

/// Only a service on this machine can be started from here.
fn unreachable_hint(url: &ReplicaUrl) -> &'static str {
    let host = url.host();
    let here = host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    if here {
        "is the service running? `synod up` starts one on this machine"
    } else {
        "check that the service is running there and that no firewall blocks it; `--url URL` names another replica"
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

fn of_problem(exit: Exit, problem: &Problem) -> Failure {
    let mut message = format!("{} ({} {})", problem.title, problem.status, problem.code);
    if let Some(detail) = &problem.detail {
        message = format!("{message}: {detail}");
    }
    if let Some(id) = problem.transaction_id {
        message = format!("{message}, transaction {id}");
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> ReplicaUrl {
        text.parse().unwrap()
    }

    #[test]
    fn every_kind_of_file_error_has_its_exit_code() {
        use io::ErrorKind as Kind;
        for (kind, expected) in [
            (Kind::NotFound, Exit::Mistake),
            (Kind::PermissionDenied, Exit::Mistake),
            (Kind::AlreadyExists, Exit::Mistake),
            (Kind::IsADirectory, Exit::Mistake),
            (Kind::StorageFull, Exit::Broken),
            (Kind::Other, Exit::Broken),
        ] {
            assert_eq!(Exit::of_io(&kind.into()), expected, "{kind}");
        }
    }

    #[test]
    fn every_kind_of_answer_has_its_exit_code() {
        for (code, expected) in [
            (ErrorCode::EvidenceRefused, Exit::NotVerified),
            (ErrorCode::ApprovalsRefused, Exit::Mistake),
            (ErrorCode::InvalidMapName, Exit::Mistake),
            (ErrorCode::Forbidden, Exit::Mistake),
            (ErrorCode::NoLeader, Exit::Broken),
            (ErrorCode::AppTrapped, Exit::Broken),
        ] {
            let error = ClientError::Problem(Box::new(code.into()));
            assert_eq!(Failure::from(error).exit, expected, "{code}");
        }
    }

    #[test]
    fn every_kind_of_lost_call_has_its_exit_code() {
        let (url, why) = (|| url("https://127.0.0.1:9"), String::new);
        let gone = ClientError::Unreachable {
            url: url(),
            why: why(),
        };
        let lost = ClientError::Lost {
            url: url(),
            why: why(),
        };
        let nonsense = ClientError::BadAnswer {
            url: url(),
            what: why(),
        };
        for error in [gone, lost, nonsense] {
            assert_eq!(Exit::of_client(&error), Exit::Broken, "{error}");
        }
        assert_eq!(Exit::of_client(&ClientError::NoReplica), Exit::Mistake);
        assert_eq!(Failure::from(NotProven::Nonce).exit, Exit::NotVerified);
    }

    #[test]
    fn every_fault_of_nodes_and_endorsers_has_its_exit_code() {
        for (fault, expected) in [
            (NodeFault::Caller, Exit::Mistake),
            (NodeFault::Environment, Exit::Broken),
            (NodeFault::NotProven, Exit::NotVerified),
        ] {
            assert_eq!(Exit::of_node(fault), expected, "{fault:?}");
        }
        for (fault, expected) in [
            (EndorserFault::Caller, Exit::Mistake),
            (EndorserFault::Attester, Exit::NotVerified),
            (EndorserFault::Service, Exit::Broken),
            (EndorserFault::Environment, Exit::Broken),
        ] {
            assert_eq!(Exit::of_endorser(fault), expected, "{fault:?}");
        }
    }

    #[test]
    fn up_is_offered_for_this_machine_alone() {
        for here in [
            "https://127.0.0.1:9",
            "https://localhost:9",
            "https://[::1]:9",
        ] {
            assert!(unreachable_hint(&url(here)).contains("synod up"), "{here}");
        }
        for there in ["https://10.0.0.7:9", "https://synod.example.org:9"] {
            assert!(
                !unreachable_hint(&url(there)).contains("synod up"),
                "{there}"
            );
        }
    }
}
