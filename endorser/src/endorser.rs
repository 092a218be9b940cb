//! The face of the crate: settings in, endorsements out.

use std::sync::Arc;

use synod_attestation::{Anchors, Evidence};

use crate::{
    bundle::Bundle,
    cache::Cache,
    client::Client,
    clock::{Clock, SystemClock},
    config::Config,
    error::EndorserError,
    fetched::Fetched,
    part_source::PartSource,
    platform::Platform,
    progress::Watcher,
    record::Record,
    search::Searcher,
    single_flight::SingleFlight,
    transport::{Https, Transport},
};

/// A cache entry, as it says of itself; nothing of it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where the answer was asked for.
    pub url: String,
    /// When it came (Unix milliseconds).
    pub fetched_ms: u64,
    /// How many bytes it takes on disk.
    pub bytes: u64,
}

/// Fetches and keeps endorsements. Calls block; threads may share it.
pub struct Endorser {
    searcher: Searcher,
}

impl Endorser {
    /// An endorser with these settings, on this machine's network and clock.
    pub fn new(config: Config) -> Result<Self, EndorserError> {
        Self::watched(config, Watcher::default())
    }

    /// Like [`Endorser::new`]; reports every slow step to `watcher`.
    pub fn watched(config: Config, watcher: Watcher) -> Result<Self, EndorserError> {
        let transport: Option<Box<dyn Transport>> = match &config.network {
            None => None,
            Some(network) => Some(Box::new(
                Https::new(network).map_err(EndorserError::Settings)?,
            )),
        };
        Self::with(config, transport, Arc::new(SystemClock::new()), watcher)
    }

    /// An endorser on another network and clock.
    pub fn with(
        config: Config,
        transport: Option<Box<dyn Transport>>,
        clock: Arc<dyn Clock>,
        watcher: Watcher,
    ) -> Result<Self, EndorserError> {
        let retry = config.network.unwrap_or_default().retry;
        let client = transport.map(|transport| Client {
            transport,
            clock,
            retry,
            watcher,
        });
        let cache = config.cache.map(Cache::open).transpose()?;
        Ok(Self {
            searcher: Searcher {
                anchors: config.anchors,
                folders: config.folders,
                parts: PartSource::new(config.services, config.refresh, cache, client),
                single_flight: SingleFlight::default(),
            },
        })
    }

    /// The roots that endorsements must lead to.
    pub fn anchors(&self) -> &Anchors {
        &self.searcher.anchors
    }

    /// Endorsements for the platform that made `evidence`, and for its parts,
    /// genuine and valid at `now_ms` (Unix milliseconds). Blocks as long as
    /// services take.
    pub fn endorsements_for(
        &self,
        evidence: &Evidence,
        now_ms: u64,
    ) -> Result<Fetched, EndorserError> {
        self.endorsements_with(evidence, &Bundle::default(), now_ms)
    }

    /// As [`Endorser::endorsements_for`]; `handed` came with the evidence, such
    /// as the certificates of AMD's signer in a host's table. It is trusted as
    /// little as all else, and what is in it is not asked for.
    pub fn endorsements_with(
        &self,
        evidence: &Evidence,
        handed: &Bundle,
        now_ms: u64,
    ) -> Result<Fetched, EndorserError> {
        let one = |evidence: &Evidence| {
            let platform = Platform::of(evidence)?;
            self.searcher.search(&platform, handed, now_ms)
        };
        let lead = one(evidence)?;
        if evidence.parts().is_empty() {
            return Ok(lead);
        }
        let parts = evidence.parts().iter();
        let parts = parts.map(|part| one(part.evidence()));
        lead.joined(parts.collect::<Result<_, _>>()?)
    }

    /// Endorsements for a platform that is known without evidence, genuine and
    /// valid at `now_ms` (Unix milliseconds): to have them before they are
    /// needed. Blocks as long as services take.
    pub fn fetch_for(&self, platform: &Platform, now_ms: u64) -> Result<Fetched, EndorserError> {
        self.searcher.search(platform, &Bundle::default(), now_ms)
    }

    /// What the cache holds, oldest first.
    pub fn list(&self) -> Result<Vec<Entry>, EndorserError> {
        let Some(cache) = &self.searcher.parts.cache else {
            return Ok(Vec::new());
        };
        let entry = |(record, bytes): (Record, u64)| Entry {
            url: record.url,
            fetched_ms: record.fetched_ms,
            bytes,
        };
        Ok(cache.list()?.into_iter().map(entry).collect())
    }
}
