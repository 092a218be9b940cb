//! Clearing, as a component.

use serde_json::{Value, json};

use crate::apps::host::Host;

fn account(host: &mut Host, bank: &str) -> String {
    let (status, account) = host.send(
        bank,
        "POST",
        "/accounts",
        &json!({"currency": "EUR", "publish": true}),
    );
    assert_eq!(status, 201);
    account["account"].as_str().expect("a name").to_owned()
}

#[test]
fn transfer_is_settled_and_its_claim_bound() {
    let mut host = Host::of("clearing");
    let (anna, bert) = (
        account(&mut host, "bank:anna"),
        account(&mut host, "bank:bert"),
    );
    let issue = json!({"reference": "i", "account": anna, "currency": "EUR", "amount": 100});
    assert_eq!(host.send("operator:otto", "POST", "/issues", &issue).0, 201);
    let order = |amount: i64| json!({"reference": amount.to_string(), "from": anna, "to": bert, "currency": "EUR", "amount": amount});
    let (status, refused) = host.send("bank:anna", "POST", "/transfers", &order(101));
    assert_eq!(
        (status, &refused["code"]),
        (409, &json!("insufficient_funds"))
    );
    assert!(host.claims.is_empty());
    let (status, settled) = host.send("bank:anna", "POST", "/transfers", &order(60));
    assert_eq!(status, 201);
    let text = settled["claim_text"].as_str().expect("text");
    assert_eq!(host.claims, [synod_crypto::sha256(&[text.as_bytes()])]);
    let show = format!("/transfers/{}", settled["id"].as_str().expect("a name"));
    assert_eq!(
        host.send("bank:bert", "GET", &show, &Value::Null),
        (200, settled.clone())
    );
    assert_eq!(host.send("bank:carl", "GET", &show, &Value::Null).0, 404);
    let (_, totals) = host.send("regulator:rita", "GET", "/totals", &Value::Null);
    let euro = &totals["currencies"][0];
    assert_eq!(
        (
            &euro["balance"],
            &euro["balanced"],
            &euro["banks"][1]["balance"]
        ),
        (&json!(100), &json!(true), &json!(60))
    );
}

#[test]
fn each_role_has_its_own_routes() {
    let mut host = Host::of("clearing");
    for (who, method, target) in [
        ("operator:otto", "GET", "/accounts"),
        ("regulator:rita", "GET", "/accounts/x/entries"),
        ("bank:anna", "GET", "/totals"),
        ("bank:anna", "POST", "/issues"),
        ("bank:anna", "PUT", "/accounts/x/overdraft"),
        ("regulator:rita", "GET", "/supply/EUR"),
        ("owner:anna", "POST", "/transfers"),
    ] {
        assert_eq!(
            host.send(who, method, target, &json!({})).0,
            403,
            "{who} {method} {target}"
        );
    }
}
