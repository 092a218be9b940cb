//! Anything that is sent to the gateway is answered or refused, never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synod_api::{ErrorCode, Limits};
use synod_gateway::{Answer, Backend, Caller, Gateway, app, governance, kv, ledger, network};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

struct Refusing;

impl Backend for Refusing {
    async fn kv(&self, _caller: Caller, _call: kv::Call) -> Answer<kv::Reply> {
        Err(ErrorCode::NotReady.into())
    }

    async fn app(&self, _caller: Caller, _call: app::Call) -> Answer<app::Reply> {
        Err(ErrorCode::NotReady.into())
    }

    async fn ledger(&self, _caller: Caller, _call: ledger::Call) -> Answer<ledger::Reply> {
        Err(ErrorCode::NotReady.into())
    }

    async fn governance(&self, _caller: Caller, _call: governance::Call) -> Answer<governance::Reply> {
        Err(ErrorCode::NotReady.into())
    }

    async fn network(&self, _caller: Caller, _call: network::Call) -> Answer<network::Reply> {
        Err(ErrorCode::NotReady.into())
    }
}

fuzz_target!(|bytes: &[u8]| {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be built");
    runtime.block_on(async {
        let gateway = Gateway::new(Refusing, Limits::default());
        let (mut ours, theirs) = tokio::io::duplex(64 * 1024);
        let (_stop, stopping) = tokio::sync::watch::channel(false);
        let caller = Caller {
            fingerprint: Some([7; 32]),
            session: None,
            source: None,
        };
        let served = tokio::spawn(async move { gateway.serve(theirs, caller, stopping).await });
        let _ = ours.write_all(bytes).await;
        let _ = ours.shutdown().await;
        let _ = ours.read_to_end(&mut Vec::new()).await;
        served.await.expect("the gateway does not panic");
    });
});
