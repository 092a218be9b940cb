//! The way to endorsements: folders, cache, services, in this order.
//!
//! Invariants:
//! - endorsements leave only after `attestation` has verified them up to the
//!   configured roots, at the caller's time, wherever they came from;
//! - an answer is kept only after that;
//! - a cache entry that fails is forgotten and asked for once more.

use std::path::{Path, PathBuf};

use synod_attestation::{
    Anchors, Endorsements, Tee,
    snp::{key::KeyKind, product::Product},
};

use crate::{
    bundle::Bundle,
    certificate::Validity,
    content::{self, Content},
    error::EndorserError,
    fetch_error::FetchError,
    fetched::{Fetched, Note, Source},
    folder, judge, matching,
    part::Part,
    part_source::{Held, PartSource},
    platform::{AmdPlatform, AmdSigner, IntelPlatform, Platform},
    single_flight::SingleFlight,
};

/// Where endorsements are searched, and the roots that they must have.
pub(crate) struct Searcher {
    pub(crate) anchors: Anchors,
    pub(crate) folders: Vec<PathBuf>,
    pub(crate) parts: PartSource,
    pub(crate) single_flight: SingleFlight,
}

impl Searcher {
    /// Endorsements for `platform`, genuine and valid at `now_ms`. `handed`
    /// came with the evidence.
    pub(crate) fn search(
        &self,
        platform: &Platform,
        handed: &Bundle,
        now_ms: u64,
    ) -> Result<Fetched, EndorserError> {
        let search = Search {
            searcher: self,
            platform,
            now_ms,
        };
        let mut notes = Vec::new();
        let mut fetched = match platform {
            Platform::Nitro => of_evidence(),
            _ => search.run(handed, &mut notes)?,
        };
        fetched.notes = notes;
        Ok(fetched)
    }
}

fn of_evidence() -> Fetched {
    Fetched {
        endorsements: Endorsements::Nitro,
        source: Source::Evidence,
        fetched_ms: None,
        next_update_ms: None,
        notes: Vec::new(),
    }
}

/// One call.
struct Search<'a> {
    searcher: &'a Searcher,
    platform: &'a Platform,
    now_ms: u64,
}

/// The pieces of one set, and the set.
struct Joined {
    held: Vec<Held>,
    endorsements: Endorsements,
}

impl Search<'_> {
    fn run(&self, handed: &Bundle, notes: &mut Vec<Note>) -> Result<Fetched, EndorserError> {
        let mut failed = None;
        let mut bundles = vec![(Source::HostAndOthers, handed.clone())];
        for path in &self.searcher.folders {
            match self.in_folder(path, &mut bundles) {
                Ok(fetched) => return Ok(fetched),
                Err(error) => {
                    notes.push(Note::FolderNotUsed {
                        folder: path.clone(),
                        because: Box::new(error.clone()),
                    });
                    failed.get_or_insert(error);
                }
            }
        }
        let parts = &self.searcher.parts;
        match failed {
            // Nothing else could be asked: what the folder lacks is the reason.
            Some(error) if parts.cache.is_none() && parts.client.is_none() => Err(error),
            _ => self.in_services(&bundles, notes),
        }
    }

    fn in_folder(
        &self,
        path: &Path,
        bundles: &mut Vec<(Source, Bundle)>,
    ) -> Result<Fetched, EndorserError> {
        let bundle = folder::read(path)?;
        let candidates = bundle.candidates(self.platform);
        bundles.push((Source::FolderAndOthers(path.to_owned()), bundle));
        let lacks = |lacks| EndorserError::FolderLacks {
            folder: path.to_owned(),
            lacks,
        };
        let mut failed = None;
        for endorsements in candidates.map_err(lacks)? {
            match self.check(&endorsements) {
                Err(error) => {
                    failed.get_or_insert(error);
                }
                Ok(()) => {
                    return Ok(Fetched {
                        next_update_ms: until_ms(&endorsements),
                        endorsements,
                        source: Source::Folder(path.to_owned()),
                        fetched_ms: None,
                        notes: Vec::new(),
                    });
                }
            }
        }
        Err(failed.unwrap_or_else(|| lacks("endorsements for this platform")))
    }

    fn in_services(
        &self,
        bundles: &[(Source, Bundle)],
        notes: &mut Vec<Note>,
    ) -> Result<Fetched, EndorserError> {
        let name = format!("{:?}", self.platform);
        let _flight = self.searcher.single_flight.begin(name);
        match self.platform {
            Platform::Nitro => Ok(of_evidence()),
            Platform::Intel(intel) => self.intel(intel, Vec::new(), notes),
            Platform::IntelUnnamed { tee, query } => {
                self.unnamed(*tee, &Part::Pck(query.clone()), notes)
            }
            Platform::Amd(amd) => match &amd.signer {
                // Who has the certificate need not name the chip to AMD.
                AmdSigner::Vcek {
                    chip_id: Some(_), ..
                } => self
                    .of_bags(amd, bundles, notes, EndorserError::ChipHidden)
                    .or_else(|_| self.of_kds(amd, notes)),
                AmdSigner::Vcek { chip_id: None, .. } => {
                    self.of_bags(amd, bundles, notes, EndorserError::ChipHidden)
                }
                AmdSigner::Vlek { .. } => self.of_bags(amd, bundles, notes, EndorserError::NoVlek),
            },
        }
    }

    /// The PCK chain of the platform is asked for first. If the one in the
    /// cache leads nowhere, it is forgotten and asked for once more.
    fn unnamed(
        &self,
        tee: Tee,
        part: &Part,
        notes: &mut Vec<Note>,
    ) -> Result<Fetched, EndorserError> {
        let held = self.get(part, notes)?;
        let cached = held.cached.then(|| held.clone());
        let named = |held: Held, notes: &mut Vec<Note>| {
            let chain = held.content.certificates().to_vec();
            let platform = IntelPlatform::of_chain(tee, chain)?;
            self.intel(&platform, vec![held], notes)
        };
        match (named(held, notes), cached) {
            (Err(_), Some(cached)) => {
                self.searcher.parts.drop_cached(&[cached], notes);
                named(self.get(part, notes)?, notes)
            }
            (result, _) => result,
        }
    }

    /// `pck` is there if the quote holds no PCK chain.
    fn intel(
        &self,
        platform: &IntelPlatform,
        pck: Vec<Held>,
        notes: &mut Vec<Note>,
    ) -> Result<Fetched, EndorserError> {
        let pck_part = pck.first().map(|held| held.part.clone());
        self.settle(pck, notes, |kept, notes| {
            let pck = pck_part
                .as_ref()
                .map(|part| self.get_unless(kept, part, notes))
                .transpose()?;
            let mut held = Vec::new();
            for part in platform.parts() {
                held.push(self.get_unless(kept, &part, notes)?);
            }
            let contents: Vec<&Content> = held.iter().map(|held| &held.content).collect();
            let pck_chain = pck.as_ref().map(|held| held.content.certificates());
            let endorsements = content::intel(&contents, pck_chain);
            held.extend(pck);
            Ok(joined(held, endorsements))
        })
    }

    /// AMD's service has the certificate of the chip. Reports of version 2 do
    /// not say the product: then each is tried, those in the cache first.
    fn of_kds(
        &self,
        platform: &AmdPlatform,
        notes: &mut Vec<Note>,
    ) -> Result<Fetched, EndorserError> {
        let parts = &self.searcher.parts;
        let mut asked: Vec<(Product, Part)> = platform
            .products
            .iter()
            .filter_map(|product| Some((*product, platform.vcek(*product)?)))
            .collect();
        asked.sort_by_key(|(_, part)| !parts.knows(part));
        let mut unknown = EndorserError::ChipHidden;
        for (product, part) in asked {
            match self.get(&part, notes) {
                Ok(held) => return self.amd(platform, product, Signer::Held(held), notes),
                Err(error) if is_not_found(&error) => unknown = error,
                Err(error) => return Err(error),
            }
        }
        Err(unknown)
    }

    /// The host or a folder has the certificate of the signer, and not the rest.
    fn of_bags(
        &self,
        platform: &AmdPlatform,
        bundles: &[(Source, Bundle)],
        notes: &mut Vec<Note>,
        without: EndorserError,
    ) -> Result<Fetched, EndorserError> {
        let mut failed = without;
        for (source, bundle) in bundles {
            for (product, der) in bundle.amd_signers(platform) {
                let signer = Signer::AtHand(source.clone(), der);
                match self.amd(platform, product, signer, notes) {
                    Ok(fetched) => return Ok(fetched),
                    Err(error) => failed = error,
                }
            }
        }
        Err(failed)
    }

    fn amd(
        &self,
        platform: &AmdPlatform,
        product: Product,
        signer: Signer,
        notes: &mut Vec<Note>,
    ) -> Result<Fetched, EndorserError> {
        let held = || match &signer {
            Signer::Held(held) => vec![held.clone()],
            Signer::AtHand(..) => Vec::new(),
        };
        let key = platform.key();
        let whole = |kept: &mut Vec<Held>, notes: &mut Vec<Note>| {
            let part = Part::AmdCrl { product, key };
            let list = match take(kept, &part) {
                Some(held) => Ok(held),
                None => self.searcher.parts.get_if_known(&part, self.now_ms, notes),
            };
            let list = list.map_err(|error| notes.push(Note::NoRevocationList(Box::new(error))));
            self.join_amd(product, key, &signer, list.ok(), kept, notes)
        };
        let settled = match self.settle(held(), notes, whole) {
            Err(error) if judge::is_list(&error) => {
                notes.push(Note::NoRevocationList(Box::new(error)));
                self.settle(held(), notes, |kept, notes| {
                    self.join_amd(product, key, &signer, None, kept, notes)
                })
            }
            settled => settled,
        };
        let mut fetched = settled?;
        if let Signer::AtHand(source, _) = signer {
            fetched.source = source;
        }
        Ok(fetched)
    }

    fn join_amd(
        &self,
        product: Product,
        key: KeyKind,
        signer: &Signer,
        list: Option<Held>,
        kept: &mut Vec<Held>,
        notes: &mut Vec<Note>,
    ) -> Result<Joined, EndorserError> {
        let chain = self.get_unless(kept, &Part::AmdChain { product, key }, notes)?;
        let (der, signer) = match signer {
            Signer::AtHand(_, der) => (Some(der.clone()), None),
            Signer::Held(held) => {
                let held = self.get_unless(kept, &held.part, notes)?;
                (held.content.certificates().first().cloned(), Some(held))
            }
        };
        let contents = list.as_ref().map(|held| &held.content);
        let endorsements = content::amd(&der.unwrap_or_default(), &chain.content, contents);
        let held = [Some(chain), list, signer].into_iter().flatten().collect();
        Ok(joined(held, endorsements))
    }

    /// Gathers a set and verifies it; if parts of the cache are in it and it
    /// fails, forgets them and gathers them once more.
    fn settle(
        &self,
        mut kept: Vec<Held>,
        notes: &mut Vec<Note>,
        gather: impl Fn(&mut Vec<Held>, &mut Vec<Note>) -> Result<Joined, EndorserError>,
    ) -> Result<Fetched, EndorserError> {
        let parts = &self.searcher.parts;
        let joined = gather(&mut kept, notes)?;
        let joined = match self.check(&joined.endorsements) {
            Ok(()) => joined,
            Err(error) if joined.held.iter().all(|held| !held.cached) => return Err(error),
            Err(_) => {
                parts.drop_cached(&joined.held, notes);
                kept = joined.held;
                kept.retain(|held| !held.cached);
                let again = gather(&mut kept, notes)?;
                self.check(&again.endorsements)?;
                again
            }
        };
        parts.keep(&joined.held, notes);
        Ok(Fetched {
            source: source(&joined.held),
            fetched_ms: joined.held.iter().map(|held| held.record.fetched_ms).min(),
            next_update_ms: until_ms(&joined.endorsements),
            endorsements: joined.endorsements,
            notes: Vec::new(),
        })
    }

    fn get(&self, part: &Part, notes: &mut Vec<Note>) -> Result<Held, EndorserError> {
        self.searcher.parts.get(part, self.now_ms, notes)
    }

    /// Takes a part out of `kept` if it is there, and else gets it.
    fn get_unless(
        &self,
        kept: &mut Vec<Held>,
        part: &Part,
        notes: &mut Vec<Note>,
    ) -> Result<Held, EndorserError> {
        take(kept, part).map_or_else(|| self.get(part, notes), Ok)
    }

    fn check(&self, endorsements: &Endorsements) -> Result<(), EndorserError> {
        matching::check(self.platform, endorsements)?;
        judge::check(
            self.platform.tee(),
            endorsements,
            &self.searcher.anchors,
            self.now_ms,
        )
    }
}

/// Where the certificate of AMD's signer is.
#[derive(Clone)]
enum Signer {
    Held(Held),
    AtHand(Source, Vec<u8>),
}

fn take(kept: &mut Vec<Held>, part: &Part) -> Option<Held> {
    let at = kept.iter().position(|held| held.part == *part)?;
    Some(kept.swap_remove(at))
}

fn joined(held: Vec<Held>, endorsements: Option<Endorsements>) -> Joined {
    Joined {
        endorsements: endorsements.expect("each part was read as what it is"),
        held,
    }
}

fn source(held: &[Held]) -> Source {
    let cached = held.iter().filter(|held| held.cached).count();
    match cached {
        0 => Source::Network,
        all if all == held.len() => Source::Cache,
        _ => Source::CacheAndNetwork,
    }
}

fn until_ms(endorsements: &Endorsements) -> Option<u64> {
    matching::validity(endorsements).map(|Validity { until_ms, .. }| until_ms)
}

fn is_not_found(error: &EndorserError) -> bool {
    matches!(
        error,
        EndorserError::Fetch {
            problem: FetchError::NotFound,
            ..
        }
    )
}
