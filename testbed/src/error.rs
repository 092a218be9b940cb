//! Why a synod in memory does not do what it is asked.

use synod_ledger::TxId;

/// It cannot go on; nothing of it says anything about the app.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TestbedError {
    /// It could not be founded.
    #[error("the synod could not be founded: {0}")]
    Founding(String),
    /// The engine that runs components does not start.
    #[error("{0}")]
    Engine(String),
    /// The app's manifest is malformed, or a version did not come into force.
    #[error("the app was not taken: {0}")]
    App(String),
    /// There is no member of this name.
    #[error("there is no member `{0}`; the members are alice, bob and carol")]
    NoMember(String),
    /// A receipt does not prove what it must.
    #[error("the receipt of transaction {tx} does not prove the answer: {why}")]
    Receipt {
        /// The transaction.
        tx: TxId,
        /// What is wrong.
        why: String,
    },
    /// The members' act was refused.
    #[error("the act was refused: {0}")]
    Refused(String),
    /// A call was not answered.
    #[error("a call was not answered within {0} steps")]
    Silent(u32),
}
