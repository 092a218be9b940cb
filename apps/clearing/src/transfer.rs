//! Transfers: from an account of the caller's to any account whose name the caller was told.

use serde::{Deserialize, Serialize};
use synod_app::{Problem, Request, Response, bind_claim, caller, ledger_time, random};

use crate::account::own_named;
use crate::claim::{self, hex};
use crate::history::book;
use crate::once::Asked;
use crate::records::{ACCOUNTS, CONFIRMATIONS, EntryKind, SETTLEMENTS, TRANSFERS, Transfer};
use crate::rules::{check_amount, check_currency, check_memo, refused};

/// The most transfers of a batch: as many claims as one transaction binds.
const BATCH_MAX: usize = 16;

/// A transfer that is asked for.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    reference: String,
    from: String,
    to: String,
    currency: String,
    amount: i64,
    #[serde(default)]
    memo: String,
}

/// Transfers that are asked for together.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch {
    reference: String,
    transfers: Vec<Leg>,
}

/// One transfer of a batch.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Leg {
    from: String,
    to: String,
    currency: String,
    amount: i64,
    #[serde(default)]
    memo: String,
}

/// A transfer as its two banks see it.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    transfer: Transfer,
    claim: String,
    claim_text: String,
}

impl Shown {
    fn of(transfer: Transfer) -> Self {
        let claim_text = claim::text(&transfer);
        Shown {
            claim: hex(&claim::digest(&transfer)),
            claim_text,
            transfer,
        }
    }

    fn named(id: &str) -> Self {
        Shown::of(
            TRANSFERS
                .get(id)
                .expect("a reference names transfers that were made"),
        )
    }
}

/// `POST /transfers`
pub(crate) fn one(request: &Request) -> Result<Response, Problem> {
    let order: Order = request.json()?;
    let bank = caller().id;
    match Asked::by(&bank, &order.reference, &order)? {
        Asked::Before(made) => Ok(Response::json(&Shown::named(&made[0]))),
        Asked::New(reference) => {
            let Order {
                reference: name,
                from,
                to,
                currency,
                amount,
                memo,
            } = order;
            let transfer = settle(
                &bank,
                &name,
                Leg {
                    from,
                    to,
                    currency,
                    amount,
                    memo,
                },
            )?;
            reference.keep(vec![transfer.id.clone()]);
            Ok(Response::json(&Shown::of(transfer)).with_status(201))
        }
    }
}

/// `POST /batches`: one after the other, and all of them or none.
pub(crate) fn batch(request: &Request) -> Result<Response, Problem> {
    #[derive(Serialize)]
    struct Settled {
        transfers: Vec<Shown>,
    }
    let batch: Batch = request.json()?;
    let bank = caller().id;
    if batch.transfers.is_empty() || batch.transfers.len() > BATCH_MAX {
        return Err(Problem::new(
            400,
            "bad_batch",
            "a batch is 1 to 16 transfers",
        ));
    }
    match Asked::by(&bank, &batch.reference, &batch)? {
        Asked::Before(made) => {
            let transfers = made.iter().map(|id| Shown::named(id)).collect();
            Ok(Response::json(&Settled { transfers }))
        }
        Asked::New(reference) => {
            let name = batch.reference.as_str();
            let settled = batch
                .transfers
                .into_iter()
                .map(|leg| settle(&bank, name, leg));
            let settled: Vec<Transfer> = settled.collect::<Result<_, _>>()?;
            reference.keep(settled.iter().map(|transfer| transfer.id.clone()).collect());
            let transfers = settled.into_iter().map(Shown::of).collect();
            Ok(Response::json(&Settled { transfers }).with_status(201))
        }
    }
}

/// Moves the money. An error ends the call, and with it all that was written before it.
fn settle(bank: &str, reference: &str, leg: Leg) -> Result<Transfer, Problem> {
    check_amount(leg.amount)?;
    check_currency(&leg.currency)?;
    check_memo(&leg.memo)?;
    if leg.from == leg.to {
        return Err(Problem::new(
            400,
            "same_account",
            "an account does not pay to itself",
        ));
    }
    let mut from = own_named(&leg.from, bank)?;
    let unknown = || Problem::new(404, "unknown_account", "there is no such account to pay to");
    let mut to = ACCOUNTS.get(&leg.to).ok_or_else(unknown)?;
    from.pay(&leg.currency, leg.amount)?;
    to.receive(&leg.currency, leg.amount)?;
    let id = random::name();
    book(&leg.from, &mut from, EntryKind::Transfer, -leg.amount, &id);
    book(&leg.to, &mut to, EntryKind::Transfer, leg.amount, &id);
    let transfer = Transfer {
        id,
        reference: reference.to_owned(),
        from: leg.from,
        from_bank: from.bank,
        to: leg.to,
        to_bank: to.bank,
        currency: leg.currency,
        amount: leg.amount,
        memo: leg.memo,
        time_ms: ledger_time(),
    };
    TRANSFERS.put(&transfer.id, &transfer);
    let claim = claim::digest(&transfer);
    bind_claim(&claim);
    if from.publish && to.publish {
        SETTLEMENTS.put(hex(&claim), &transfer.time_ms);
    }
    Ok(transfer)
}

/// A transfer that the path names, for one of its two banks.
fn party(request: &Request) -> Result<(Transfer, String), Problem> {
    let bank = caller().id;
    let transfer = TRANSFERS.get(request.param("transfer"));
    let transfer =
        transfer.filter(|transfer| transfer.from_bank == bank || transfer.to_bank == bank);
    let missing = || Problem::not_found("you have no such transfer");
    transfer
        .map(|transfer| (transfer, bank))
        .ok_or_else(missing)
}

/// `GET /transfers/{transfer}`
pub(crate) fn show(request: &Request) -> Result<Response, Problem> {
    let (transfer, _) = party(request)?;
    Ok(Response::json(&Shown::of(transfer)))
}

/// `POST /transfers/{transfer}/confirmations`: the same claim in a transaction of the caller's own, so that the bank
/// that was paid can have a receipt without asking the one that paid.
pub(crate) fn confirm(request: &Request) -> Result<Response, Problem> {
    let (transfer, bank) = party(request)?;
    if CONFIRMATIONS.has((&transfer.id, &bank)) {
        return Err(refused(
            "confirmed",
            "your bank has confirmed this transfer already",
        ));
    }
    CONFIRMATIONS.put((&transfer.id, &bank), &ledger_time());
    bind_claim(&claim::digest(&transfer));
    Ok(Response::json(&Shown::of(transfer)).with_status(201))
}
