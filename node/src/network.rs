//! The door's calls about the replica and its network: proof of what it is, its health, its
//! metrics.

use synod_api::{Base64, CertifiedBlock, HealthReply};
use synod_gateway::network::{Call, Reply};
use synod_gateway::{Answer, Caller};
use synod_replica::Caller as Who;

use crate::proof::{Asked, attestation, session};
use crate::running::Running;
use crate::{metrics, views};

impl Running {
    /// Answers a call about the replica and its network.
    pub(crate) async fn network(&self, caller: Caller, call: Call) -> Answer<Reply> {
        match call {
            Call::Describe => {
                let view = self
                    .core
                    .look(|replica| (replica.network_view(), replica.gauges()))
                    .await?;
                Ok(Reply::Description(Box::new(views::network(
                    &view.0,
                    &view.1,
                    &self.attesting.now(),
                    self.disk_trouble.now().as_deref(),
                    &self.authority_pem,
                ))))
            }
            Call::Attest { nonce } => self.attest(caller, nonce).await,
            Call::Session { nonce } => {
                let asked = self.asked(caller, nonce);
                Ok(Reply::Session(session(&self.identity, &asked)))
            }
            Call::Live => self.health(|gauges, _| (!gauges.halted, "running")).await,
            Call::Ready => self.health(views::readiness).await,
            Call::Metrics => {
                let (gauges, view) = self
                    .core
                    .look(|replica| (replica.gauges(), replica.network_view()))
                    .await?;
                Ok(Reply::Metrics(metrics::text(
                    &gauges,
                    &view,
                    &self.attesting.now(),
                    self.catalog.bytes(),
                    &self.apps.metrics(),
                )))
            }
        }
    }

    fn asked(&self, caller: Caller, nonce: [u8; 32]) -> Asked {
        Asked {
            context: self.network,
            caller,
            nonce,
        }
    }

    async fn attest(&self, caller: Caller, nonce: [u8; 32]) -> Answer<Reply> {
        let asked = self.asked(caller, nonce);
        let evident = self.evidence.borrow().clone();
        let mut reply = attestation(
            &evident.attested,
            &self.identity,
            &asked,
            evident.collected_ms,
        );
        let (id, certified) = self
            .core
            .look(|replica| (replica.network_view(), replica.certified_block()))
            .await?;
        reply.certified = certified.map(|(header, certificate)| CertifiedBlock {
            header: Base64(header),
            certificate: Base64(certificate),
        });
        reply.configuration = id
            .configuration
            .voter(id.id)
            .map(|_| id.configuration.number());
        if let Some(tx) = evident.recorded_by {
            reply.membership = self.receipt_file(Who::default(), tx).await.map(Base64);
        }
        Ok(Reply::Attestation(Box::new(reply)))
    }

    async fn health(
        &self,
        judge: impl FnOnce(&synod_replica::Gauges, &synod_replica::NetworkView) -> (bool, &'static str),
    ) -> Answer<Reply> {
        let (gauges, view) = self
            .core
            .look(|replica| (replica.gauges(), replica.network_view()))
            .await?;
        let (ok, state) = judge(&gauges, &view);
        Ok(Reply::Health(HealthReply {
            ok,
            state: state.to_owned(),
        }))
    }
}
