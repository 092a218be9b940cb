//! The members open a network over the wire, and are told by a code why they may not.

use synod_api::{ErrorCode, Problem};
use synod_attestation::Tee;
use synod_client::ClientError;
use synod_governance::{Act, Action};

use crate::processes::synod::{Synod, member};

/// How an act that two members signed is refused: code and reason.
async fn refused(synod: &Synod, act: Act, sequence: u64) -> (ErrorCode, String) {
    let action = Action {
        network: synod.network,
        sequence,
        act,
    };
    let signatures = (0..2)
        .map(|number| action.sign(&member(number)).into())
        .collect();
    match synod.service().act(signatures).await {
        Err(ClientError::Problem(problem)) => {
            let Problem { code, reason, .. } = *problem;
            (code, reason.expect("governance says why"))
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_reason_not_to_open_has_a_code() {
    let mut synod = Synod::found().await;
    let verified = synod.service().verify_voters().await.expect("one voter");
    let of = verified.configuration();
    let open = |configuration, digest| Act::Open {
        configuration,
        digest,
    };
    let expect = |code, reason: &str| (code, reason.to_owned());
    assert_eq!(
        refused(&synod, open(of.number, of.digest), 1).await,
        expect(ErrorCode::ActionRefused, "too-few-vendors")
    );
    assert_eq!(
        refused(&synod, open(of.number + 1, of.digest), 1).await,
        expect(ErrorCode::ActionRefused, "another-configuration")
    );
    assert_eq!(
        refused(&synod, open(of.number, of.digest), 7).await,
        expect(ErrorCode::SequenceMismatch, "wrong-sequence")
    );
    synod.join(Tee::Tdx).await;
    assert_eq!(
        refused(&synod, open(of.number, of.digest), 1).await,
        expect(ErrorCode::ActionRefused, "another-configuration")
    );
    synod.open().await;
    let verified = synod.service().verify_voters().await.expect("two voters");
    let of = verified.configuration();
    assert_eq!(
        refused(&synod, open(of.number, of.digest), 2).await,
        expect(ErrorCode::AlreadyDone, "already-open")
    );
    synod.put("a", "1").await;
}
