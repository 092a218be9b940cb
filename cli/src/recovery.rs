//! The private state, from one replica's folder and enough members' keys.
//!
//! A private replay: it shows that nothing is lost, or what is. Bringing a service back to life
//! under a new identity takes a majority of folders and the members' vote on the root, which is not
//! this.

use std::collections::BTreeMap;

use synod_crypto::Digest;
use synod_crypto::shares::Share;
use synod_governance::{View, WrappedSecret};
use synod_kv::Store;
use synod_ledger::LedgerSecret;

use crate::ledger_folder::{LedgerFolder, TakenIn};
use crate::member_key::MemberKey;
use crate::outcome::{Failure, Outcome};

/// Values by map and key.
pub(crate) type State = BTreeMap<(String, Vec<u8>), Vec<u8>>;

/// Takes the ledger in with the secret that the members' shares give.
pub(crate) fn rebuild(folder: &LedgerFolder, pin: Digest, keys: &[MemberKey]) -> Outcome<TakenIn> {
    let public = folder.take_in(pin, None)?;
    let secret = unwrap_secret(&public.machine.store(), keys)?;
    folder.take_in(pin, Some(vec![secret]))
}

/// Every key of the state, the service's own maps included.
pub(crate) fn state(store: &Store) -> Outcome<State> {
    let items = store.state(store.head()).map_err(Failure::broken)?;
    Ok(items
        .map(|item| {
            (
                (item.map.as_str().to_owned(), item.key.to_vec()),
                item.value.to_vec(),
            )
        })
        .collect())
}

fn unwrap_secret(store: &Store, keys: &[MemberKey]) -> Outcome<LedgerSecret> {
    let snapshot = store.snapshot(store.head()).map_err(Failure::broken)?;
    let view = View::new(&snapshot);
    let corrupt =
        |error| Failure::not_verified(format!("the ledger's governance cannot be read: {error}"));
    let missing = |what: &str| Failure::not_verified(format!("the ledger does not contain {what}"));
    let manifest = view
        .service()
        .map_err(corrupt)?
        .ok_or_else(|| missing("service"))?
        .manifest;
    let wrapped = view
        .wrapped_secret()
        .map_err(corrupt)?
        .ok_or_else(|| missing("wrapped secret"))?;
    let shares = keys
        .iter()
        .map(|key| open_share(&wrapped, key, &manifest))
        .collect::<Outcome<Vec<_>>>()?;
    let secret = WrappedSecret::unwrap(&wrapped, &shares, &manifest).map_err(|error| {
        Failure::mistake(error)
            .with_hint("name the key files of more members, each with `--share FILE`")
    })?;
    Ok(LedgerSecret {
        generation: wrapped.generation,
        secret,
    })
}

fn open_share(wrapped: &WrappedSecret, key: &MemberKey, manifest: &Digest) -> Outcome<Share> {
    wrapped
        .open_share(&key.signing_key().public(), &key.share_key(), manifest)
        .map_err(|error| Failure::mistake(format!("the share of `{}`: {error}", key.name())))
}
