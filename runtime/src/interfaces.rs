//! The interfaces of `synod:app` that the host offers, function by function.
//!
//! Each checks lengths while the bytes still lie in the guest's memory, and copies them only then.

use bytes::Bytes;
use std::ops::Bound;

use synod_component::{HTTP, full_name};
use synod_governance::app::CallerKind;
use synod_kv::{KeyRange, LimitExceeded, MapName};
use synod_replica::app::AppFault;
use wasmtime::component::{Linker, WasmList, WasmStr};
use wasmtime::{Engine, StoreContextMut};

use crate::host::{Halt, Host, PAGE_BYTES_MAX, PAGE_ROWS_MAX, key, value};
use crate::wire::{Entry, Identity, Kind, Level, Page, TransactionId};

type Context<'a> = StoreContextMut<'a, Host>;
type Outcome<T> = wasmtime::Result<T>;

/// All that the host offers.
pub(crate) fn linker(engine: &Engine) -> Outcome<Linker<Host>> {
    let mut linker = Linker::new(engine);
    linker.instance(&full_name(HTTP))?;
    maps(&mut linker)?;
    map_writes(&mut linker)?;
    caller(&mut linker)?;
    transaction(&mut linker)?;
    ledger_time(&mut linker)?;
    claims(&mut linker)?;
    random(&mut linker)?;
    log(&mut linker)?;
    Ok(linker)
}

fn maps(linker: &mut Linker<Host>) -> Outcome<()> {
    let mut maps = linker.instance(&full_name("maps"))?;
    maps.func_wrap(
        "get",
        |mut cx: Context<'_>, (map, key): (WasmStr, Octets)| {
            Ok((get(&mut cx, &map, &key)?.map(|value| value.to_vec()),))
        },
    )?;
    maps.func_wrap(
        "has",
        |mut cx: Context<'_>, (map, key): (WasmStr, Octets)| {
            Ok((get(&mut cx, &map, &key)?.is_some(),))
        },
    )?;
    maps.func_wrap("range", |mut cx: Context<'_>, asked: RangeAsked| {
        let (map, start, end, limit) = asked;
        let range = KeyRange::new(
            Bound::Included(copied_key(&cx, &start)?),
            match end {
                Some(end) => Bound::Excluded(copied_key(&cx, &end)?),
                None => Bound::Unbounded,
            },
        );
        Ok((page(&mut cx, &map, &range, limit)?,))
    })?;
    maps.func_wrap("prefix", |mut cx: Context<'_>, asked: PrefixAsked| {
        let (map, prefix, after, limit) = asked;
        let mut range = KeyRange::prefix(&copied_key(&cx, &prefix)?);
        if let Some(after) = after {
            range = range.after(copied_key(&cx, &after)?);
        }
        Ok((page(&mut cx, &map, &range, limit)?,))
    })
}

type Octets = WasmList<u8>;
type RangeAsked = (WasmStr, Octets, Option<Octets>, u32);
type PrefixAsked = (WasmStr, Octets, Option<Octets>, u32);

fn map_writes(linker: &mut Linker<Host>) -> Outcome<()> {
    let mut writes = linker.instance(&full_name("map-writes"))?;
    writes.func_wrap(
        "put",
        |mut cx: Context<'_>, (map, key, bytes): (WasmStr, Octets, Octets)| {
            cx.data_mut().call()?.may_write()?;
            let map = map_named(&cx, &map)?;
            let key = copied_key(&cx, &key)?;
            let bytes = Bytes::copy_from_slice(value(bytes.as_le_slice(&cx))?);
            let call = cx.data_mut().call()?;
            call.used_map(1)?;
            written(call.transaction.put(&map, key, bytes))
        },
    )?;
    writes.func_wrap(
        "delete",
        |mut cx: Context<'_>, (map, key): (WasmStr, Octets)| {
            cx.data_mut().call()?.may_write()?;
            let map = map_named(&cx, &map)?;
            let key = copied_key(&cx, &key)?;
            let call = cx.data_mut().call()?;
            call.used_map(1)?;
            written(call.transaction.delete(&map, key))
        },
    )?;
    writes.func_wrap("keep", |mut cx: Context<'_>, (): ()| {
        let call = cx.data_mut().call()?;
        call.may_write()?;
        call.keep = true;
        Ok(())
    })
}

fn caller(linker: &mut Linker<Host>) -> Outcome<()> {
    let mut caller = linker.instance(&full_name("caller"))?;
    caller.func_wrap("identify", |mut cx: Context<'_>, (): ()| {
        let caller = &cx.data_mut().call()?.execution.caller;
        let kind = match caller.kind {
            CallerKind::Anonymous => Kind::Anonymous,
            CallerKind::User => Kind::User,
            CallerKind::Member => Kind::Member,
            CallerKind::Service => Kind::Service,
        };
        Ok((Identity {
            kind,
            id: caller.id.clone(),
            roles: caller.roles.clone(),
            claims: caller.claims.clone(),
        },))
    })
}

fn transaction(linker: &mut Linker<Host>) -> Outcome<()> {
    let mut transaction = linker.instance(&full_name("transaction"))?;
    transaction.func_wrap("id", |mut cx: Context<'_>, (): ()| {
        let call = cx.data_mut().call()?;
        call.asked_id = true;
        let id = call.execution.tx;
        Ok((TransactionId {
            view: id.view,
            seqno: id.seqno,
        },))
    })
}

fn ledger_time(linker: &mut Linker<Host>) -> Outcome<()> {
    let mut time = linker.instance(&full_name("ledger-time"))?;
    time.func_wrap("now", |mut cx: Context<'_>, (): ()| {
        Ok((cx.data_mut().call()?.execution.time_ms,))
    })
}

fn claims(linker: &mut Linker<Host>) -> Outcome<()> {
    let mut claims = linker.instance(&full_name("claims"))?;
    claims.func_wrap("bind", |mut cx: Context<'_>, (digest,): (Octets,)| {
        let claim = digest.as_le_slice(&cx);
        let claim = <[u8; 32]>::try_from(claim).map_err(|_| Halt(AppFault::BadClaim))?;
        Ok(cx.data_mut().call()?.bind(claim)?)
    })
}

fn random(linker: &mut Linker<Host>) -> Outcome<()> {
    let mut random = linker.instance(&full_name("random"))?;
    random.func_wrap("bytes", |mut cx: Context<'_>, (length,): (u32,)| {
        Ok((cx.data_mut().call()?.random(length)?,))
    })?;
    random.func_wrap("u64", |mut cx: Context<'_>, (): ()| {
        Ok((cx.data_mut().call()?.random_u64()?,))
    })
}

fn log(linker: &mut Linker<Host>) -> Outcome<()> {
    let mut log = linker.instance(&full_name("log"))?;
    log.func_wrap(
        "write",
        |mut cx: Context<'_>, (level, text): (Level, WasmStr)| {
            let line = crate::logs::cut(&text.to_str(&cx)?);
            cx.data_mut().call()?.line(level.into(), line);
            Ok(())
        },
    )
}

/// The map that the guest names, if its manifest declares it.
fn map_named(cx: &Context<'_>, name: &WasmStr) -> Outcome<MapName> {
    let name = name.to_str(cx)?;
    Ok(cx.data().map(&name)?)
}

fn copied_key(cx: &Context<'_>, bytes: &Octets) -> Result<Bytes, Halt> {
    key(bytes.as_le_slice(cx)).map(Bytes::copy_from_slice)
}

/// The value of a key.
fn get(cx: &mut Context<'_>, map: &WasmStr, key: &Octets) -> Outcome<Option<Bytes>> {
    let map = map_named(cx, map)?;
    let key = copied_key(cx, key)?;
    let call = cx.data_mut().call()?;
    call.used_map(1)?;
    let found = call.transaction.get(&map, &key).map_err(Halt::from)?;
    call.read_bytes(found.as_ref().map_or(0, Bytes::len))?;
    Ok(found)
}

/// A page of a map. One row more is read than is given, to say whether more follow. A page ends
/// early before it grows over [`PAGE_BYTES_MAX`], but never without a row.
fn page(cx: &mut Context<'_>, map: &WasmStr, range: &KeyRange, limit: u32) -> Outcome<Page> {
    let map = map_named(cx, map)?;
    let call = cx.data_mut().call()?;
    call.used_map(1)?;
    let limit = (limit as usize).min(PAGE_ROWS_MAX);
    let mut rows = call
        .transaction
        .range(&map, range, limit + 1)
        .map_err(Halt::from)?;
    let found = rows.len();
    rows.truncate(limit);
    let bytes = cut_to_size(&mut rows);
    let more = rows.len() < found;
    call.used_map(rows.len() as u64)?;
    call.read_bytes(bytes)?;
    let entries = rows.into_iter().map(|(key, value)| Entry {
        key: key.to_vec(),
        value: value.to_vec(),
    });
    Ok(Page {
        entries: entries.collect(),
        more,
    })
}

/// Drops the rows that are too much for one page, and says how many bytes the others have.
fn cut_to_size(rows: &mut Vec<(Bytes, Bytes)>) -> usize {
    let mut bytes = 0;
    let fits = rows.iter().take_while(|(key, value)| {
        let first = bytes == 0;
        bytes += key.len() + value.len();
        first || bytes <= PAGE_BYTES_MAX
    });
    let fitting = fits.count();
    if fitting < rows.len() {
        let (key, value) = &rows[fitting];
        bytes -= key.len() + value.len();
        rows.truncate(fitting);
    }
    bytes
}

fn written(outcome: Result<(), LimitExceeded>) -> Outcome<()> {
    outcome.map_err(|limit| Halt(AppFault::KeyOrValueTooLarge(limit.to_string())).into())
}
