//! Gets one part: from the cache while that is fresh, else from its service,
//! else from the cache as long as that is valid.
//!
//! Nothing here is verified. What is fetched goes to the cache only once the
//! endorsements that it belongs to have been verified: see `endorser`.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use crate::{
    address,
    cache::{Cache, Found},
    certificate::Validity,
    client::Client,
    config::{Refresh, Services},
    content::Content,
    error::EndorserError,
    fetch_error::FetchError,
    fetched::Note,
    part::Part,
    record::Record,
    transport::Question,
};

/// The most services whose last failure is remembered.
const PAUSES_MAX: usize = 1024;

/// A part that is available.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) part: Part,
    pub(crate) record: Record,
    pub(crate) content: Content,
    /// Whether it came from the cache.
    pub(crate) cached: bool,
}

/// The cache and the services.
pub(crate) struct PartSource {
    pub(crate) services: Services,
    pub(crate) refresh: Refresh,
    pub(crate) cache: Option<Cache>,
    pub(crate) client: Option<Client>,
    /// Until when (Unix milliseconds) an address is not asked for renewals,
    /// because it failed.
    pauses: Mutex<BTreeMap<String, u64>>,
}

impl PartSource {
    pub(crate) fn new(
        services: Services,
        refresh: Refresh,
        cache: Option<Cache>,
        client: Option<Client>,
    ) -> Self {
        Self {
            services,
            refresh,
            cache,
            client,
            pauses: Mutex::default(),
        }
    }

    /// Whether the cache has something under the address of `part`.
    pub(crate) fn knows(&self, part: &Part) -> bool {
        let url = address::of(part, &self.services);
        let found = url.and_then(|url| Some(self.cache.as_ref()?.load(&url)));
        matches!(found, Some(Found::Record(_)))
    }

    /// Gets a part.
    pub(crate) fn get(
        &self,
        part: &Part,
        now_ms: u64,
        notes: &mut Vec<Note>,
    ) -> Result<Held, EndorserError> {
        let url = address::of(part, &self.services)
            .ok_or_else(|| EndorserError::NoService(part.clone()))?;
        let Some(held) = self.cached(part, &url, now_ms, notes) else {
            return self.fetch(part, &url, now_ms);
        };
        if !self.is_due(&held, now_ms) {
            return Ok(held);
        }
        let renewed = match &self.client {
            Some(_) if !self.is_paused(&url, now_ms) => Some(self.fetch(part, &url, now_ms)),
            _ => None,
        };
        match renewed {
            Some(Ok(renewed)) => Ok(renewed),
            failed => {
                if failed.is_some() {
                    self.pause(&url, now_ms);
                }
                notes.push(Note::NotRenewed {
                    url,
                    fetched_ms: held.record.fetched_ms,
                    until_ms: held.content.validity().until_ms,
                    because: failed.and_then(Result::err).map(Box::new),
                });
                Ok(held)
            }
        }
    }

    /// Gets an optional part. If no service had it recently, no service
    /// is asked again for a while.
    pub(crate) fn get_if_known(
        &self,
        part: &Part,
        now_ms: u64,
        notes: &mut Vec<Note>,
    ) -> Result<Held, EndorserError> {
        let url = address::of(part, &self.services).unwrap_or_default();
        if self.is_paused(&url, now_ms) && !self.knows(part) {
            return Err(EndorserError::Fetch {
                part: part.clone(),
                url,
                problem: FetchError::AskedLately,
            });
        }
        self.get(part, now_ms, notes)
            .inspect_err(|_| self.pause(&url, now_ms))
    }

    /// Keeps what was fetched. A cache that fails costs time, nothing else.
    pub(crate) fn keep(&self, held: &[Held], notes: &mut Vec<Note>) {
        let Some(cache) = &self.cache else { return };
        for fetched in held.iter().filter(|held| !held.cached) {
            if let Err(error) = cache.store(&fetched.record) {
                notes.push(Note::NotKept(error.to_string()));
            }
        }
    }

    /// Forgets what came from the cache and was no good.
    pub(crate) fn drop_cached(&self, held: &[Held], notes: &mut Vec<Note>) {
        let Some(cache) = &self.cache else { return };
        for bad in held.iter().filter(|held| held.cached) {
            cache.remove(&bad.record.url);
            notes.push(Note::Dropped {
                url: bad.record.url.clone(),
            });
        }
    }

    /// What the cache has, if it can be read and has not expired.
    fn cached(&self, part: &Part, url: &str, now_ms: u64, notes: &mut Vec<Note>) -> Option<Held> {
        let cache = self.cache.as_ref()?;
        let read = match cache.load(url) {
            Found::Nothing => return None,
            Found::Bad => None,
            Found::Record(record) => Content::read(part, &record)
                .ok()
                .map(|content| (record, content)),
        };
        let Some((record, content)) = read else {
            cache.remove(url);
            notes.push(Note::Dropped {
                url: url.to_owned(),
            });
            return None;
        };
        content.validity().contains(now_ms).then(|| Held {
            part: part.clone(),
            record,
            content,
            cached: true,
        })
    }

    /// Whether it is time for a newer answer. A time of arrival that lies
    /// ahead is a lie, or the clock was set back.
    fn is_due(&self, held: &Held, now_ms: u64) -> bool {
        let Refresh {
            fresh_for_ms,
            ahead_ms,
            pause_ms,
        } = self.refresh;
        let age_ms = now_ms.checked_sub(held.record.fetched_ms);
        let left_ms = held.content.validity().until_ms.saturating_sub(now_ms);
        held.part.changes()
            && age_ms.is_none_or(|age_ms| {
                age_ms >= fresh_for_ms || (left_ms < ahead_ms && age_ms >= pause_ms)
            })
    }

    fn fetch(&self, part: &Part, url: &str, now_ms: u64) -> Result<Held, EndorserError> {
        let client = self
            .client
            .as_ref()
            .ok_or_else(|| EndorserError::Offline(part.clone()))?;
        let failed = |problem| EndorserError::Fetch {
            part: part.clone(),
            url: url.to_owned(),
            problem,
        };
        let question = Question {
            url,
            bytes_max: part.bytes_max(),
            header: part.chain_header(),
        };
        let reply = client.ask(&question).map_err(failed)?;
        let record = Record {
            url: url.to_owned(),
            fetched_ms: now_ms,
            header: reply.header,
            body: reply.body,
        };
        let content = Content::read(part, &record).map_err(|problem| failed(problem.into()))?;
        let validity = content.validity();
        if !validity.contains(now_ms) {
            let Validity { from_ms, until_ms } = validity;
            return Err(failed(FetchError::NotValidNow { from_ms, until_ms }));
        }
        Ok(Held {
            part: part.clone(),
            record,
            content,
            cached: false,
        })
    }

    fn is_paused(&self, url: &str, now_ms: u64) -> bool {
        let pauses = self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
        pauses.get(url).is_some_and(|until_ms| {
            let left_ms = until_ms.saturating_sub(now_ms);
            (1..=self.refresh.pause_ms).contains(&left_ms)
        })
    }

    fn pause(&self, url: &str, now_ms: u64) {
        let mut pauses = self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
        pauses.retain(|_, until_ms| *until_ms > now_ms);
        if pauses.len() < PAUSES_MAX {
            pauses.insert(url.to_owned(), now_ms.saturating_add(self.refresh.pause_ms));
        }
    }
}
