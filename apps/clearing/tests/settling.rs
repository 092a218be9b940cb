//! What a clearing house promises, through its requests. Who may send which is the host's to check, by `app.toml`.

use serde_json::{Value, json};
use synod_app::testing::{Synod, request, user};
use synod_app::{Map, Raw};
use synod_clearing::Clearing;

/// A clearing house in memory.
struct House(Synod);

impl House {
    fn new() -> Self {
        House(Synod::new())
    }

    /// Sends a request whose pattern's names have these values.
    fn send(
        &mut self,
        who: &str,
        method: &str,
        route: &str,
        params: &[(&str, &str)],
        body: &Value,
    ) -> (u16, Value) {
        let (route, query) = route.split_once('?').unwrap_or((route, ""));
        let request = request(method, route, params)
            .with_json(body)
            .with_query(query);
        let answer = self.0.call::<Clearing>(user(who, &[]), request);
        (
            answer.status,
            serde_json::from_slice(&answer.body).expect("every answer is JSON"),
        )
    }

    fn account_of(&mut self, bank: &str, asked: &Value) -> String {
        let (status, account) = self.send(bank, "POST", "/accounts", &[], asked);
        assert_eq!(status, 201, "{account}");
        account["account"].as_str().unwrap().to_owned()
    }

    /// An account in euro with some money.
    fn funded(&mut self, bank: &str, amount: i64) -> String {
        let account = self.account_of(bank, &json!({"currency": "EUR"}));
        if amount > 0 {
            let issue = json!({"reference": account, "account": account, "currency": "EUR", "amount": amount});
            assert_eq!(self.send("operator", "POST", "/issues", &[], &issue).0, 201);
        }
        account
    }

    fn account(&mut self, bank: &str, account: &str) -> Value {
        self.send(
            bank,
            "GET",
            "/accounts/{account}",
            &[("account", account)],
            &Value::Null,
        )
        .1
    }

    fn balance(&mut self, bank: &str, account: &str) -> i64 {
        self.account(bank, account)["balance"].as_i64().unwrap()
    }

    fn transfer(
        &mut self,
        bank: &str,
        reference: &str,
        from: &str,
        to: &str,
        amount: i64,
    ) -> (u16, Value) {
        let order = json!({"reference": reference, "from": from, "to": to, "currency": "EUR", "amount": amount});
        self.send(bank, "POST", "/transfers", &[], &order)
    }

    fn totals(&mut self) -> Value {
        let (status, totals) = self.send("regulator", "GET", "/totals", &[], &Value::Null);
        assert_eq!(status, 200);
        totals["currencies"].clone()
    }
}

fn code((status, answer): (u16, Value)) -> String {
    assert!(status >= 400, "{answer}");
    assert_eq!(answer["status"], status);
    answer["code"].as_str().unwrap().to_owned()
}

#[test]
fn transfer_moves_its_amount_and_binds_its_claim() {
    let mut house = House::new();
    house.0.set_time(1_790_000_000_000);
    let (a, b) = (house.funded("anna", 500), house.funded("bert", 0));
    let order = json!({"reference": "r-1", "from": a, "to": b, "currency": "EUR", "amount": 120, "memo": "rent"});
    let (status, transfer) = house.send("anna", "POST", "/transfers", &[], &order);
    assert_eq!(status, 201);
    let text = transfer["claim_text"].as_str().unwrap();
    let id = transfer["id"].as_str().unwrap();
    let said = format!(
        "synod clearing transfer 1\nid: {id}\nreference: r-1\nfrom: {a}\nfrom-bank: anna\nto: {b}\nto-bank: bert\n\
         currency: EUR\namount: 120\nmemo: rent\ntime: 1790000000000\n"
    );
    assert_eq!(text, said);
    assert_eq!(house.0.claims(), [synod_app::sha256(text.as_bytes())]);
    assert_eq!(
        (house.balance("anna", &a), house.balance("bert", &b)),
        (380, 120)
    );
}

#[test]
fn other_banks_accounts_and_transfers_do_not_exist() {
    let mut house = House::new();
    let (a, b, _) = (
        house.funded("anna", 500),
        house.funded("bert", 0),
        house.funded("carl", 0),
    );
    let transfer = house.transfer("anna", "r", &a, &b, 1).1["id"]
        .as_str()
        .unwrap()
        .to_owned();
    for (method, route) in [
        ("GET", "/accounts/{account}"),
        ("GET", "/accounts/{account}/entries"),
        ("PATCH", "/accounts/{account}"),
        ("DELETE", "/accounts/{account}"),
    ] {
        let others = house.send("bert", method, route, &[("account", &a)], &json!({}));
        let nobodys = house.send("bert", method, route, &[("account", "x")], &json!({}));
        assert_eq!(others.0, 404, "{method} {route}");
        assert_eq!(others, nobodys);
    }
    for (method, route) in [
        ("GET", "/transfers/{transfer}"),
        ("POST", "/transfers/{transfer}/confirmations"),
    ] {
        let others = house.send(
            "carl",
            method,
            route,
            &[("transfer", &transfer)],
            &Value::Null,
        );
        let nobodys = house.send("carl", method, route, &[("transfer", "x")], &Value::Null);
        assert_eq!(others.0, 404);
        assert_eq!(others, nobodys);
        assert!(
            house
                .send(
                    "bert",
                    method,
                    route,
                    &[("transfer", &transfer)],
                    &Value::Null
                )
                .0
                < 300
        );
    }
    let (_, listed) = house.send("bert", "GET", "/accounts", &[], &Value::Null);
    assert_eq!(listed["accounts"].as_array().unwrap().len(), 1);
    assert_eq!(listed["accounts"][0]["account"], b.as_str());
    let stolen = house.transfer("bert", "r", &a, &b, 1);
    let absent = house.transfer("bert", "s", "x", &b, 1);
    assert_eq!(stolen, absent);
}

#[test]
fn refused_transfer_leaves_nothing() {
    let mut house = House::new();
    let (a, b) = (house.funded("anna", 100), house.funded("bert", 0));
    let dollars = house.account_of("bert", &json!({"currency": "USD"}));
    let limit = json!({"limit": 60});
    house.send(
        "anna",
        "PATCH",
        "/accounts/{account}",
        &[("account", &a)],
        &limit,
    );
    let closed = house.funded("bert", 0);
    house.send(
        "bert",
        "DELETE",
        "/accounts/{account}",
        &[("account", &closed)],
        &Value::Null,
    );
    let order = |from: &str, to: &str, currency: &str, amount: Value| json!({"reference": "r", "from": from, "to": to, "currency": currency, "amount": amount});
    for (order, refusal) in [
        (order(&a, &b, "EUR", json!(0)), "bad_amount"),
        (order(&a, &b, "EUR", json!(-5)), "bad_amount"),
        (order(&a, &b, "EUR", json!(i64::MAX)), "bad_amount"),
        (order(&a, &b, "EUR", json!(u64::MAX)), "bad_request"),
        (order(&a, &b, "EUR", json!(1.5)), "bad_request"),
        (order(&a, &b, "EUR", json!("5")), "bad_request"),
        (order(&a, &b, "EUR", json!(61)), "limit_exceeded"),
        (order(&a, &b, "euro", json!(5)), "bad_currency"),
        (order(&a, &b, "USD", json!(5)), "wrong_currency"),
        (order(&a, &dollars, "EUR", json!(5)), "wrong_currency"),
        (order(&a, &a, "EUR", json!(5)), "same_account"),
        (order(&a, "x", "EUR", json!(5)), "unknown_account"),
        (order("x", &b, "EUR", json!(5)), "not_found"),
        (order(&a, &closed, "EUR", json!(5)), "account_closed"),
        (json!({"reference": "r"}), "bad_request"),
        (
            json!({"reference": "r", "from": a, "to": b, "currency": "EUR", "amount": 1, "fee": 1}),
            "bad_request",
        ),
        (
            json!({"reference": "", "from": a, "to": b, "currency": "EUR", "amount": 1}),
            "bad_reference",
        ),
        (
            json!({"reference": "r", "from": a, "to": b, "currency": "EUR", "amount": 1, "memo": "a\nb"}),
            "bad_memo",
        ),
    ] {
        assert_eq!(
            code(house.send("anna", "POST", "/transfers", &[], &order)),
            refusal,
            "{order}"
        );
        assert!(house.0.claims().is_empty());
    }
    let limit = json!({"limit": 0});
    house.send(
        "anna",
        "PATCH",
        "/accounts/{account}",
        &[("account", &a)],
        &limit,
    );
    assert_eq!(
        code(house.transfer("anna", "r", &a, &b, 101)),
        "insufficient_funds"
    );
    assert_eq!(
        (house.balance("anna", &a), house.balance("bert", &b)),
        (100, 0)
    );
    assert_eq!(house.account("anna", &a)["entries"], 1);
    assert_eq!(
        house.transfer("anna", "r", &a, &b, 100).0,
        201,
        "the reference is still free"
    );
}

#[test]
fn batch_settles_all_or_nothing() {
    let mut house = House::new();
    let (a, b, c) = (
        house.funded("anna", 100),
        house.funded("bert", 0),
        house.funded("carl", 0),
    );
    let leg =
        |to: &str, amount: i64| json!({"from": a, "to": to, "currency": "EUR", "amount": amount});
    let batch = |legs: Vec<Value>| json!({"reference": "b", "transfers": legs});
    let too_much = batch(vec![leg(&b, 60), leg(&c, 41)]);
    assert_eq!(
        code(house.send("anna", "POST", "/batches", &[], &too_much)),
        "insufficient_funds"
    );
    assert_eq!(
        [("anna", &a), ("bert", &b), ("carl", &c)].map(|(bank, name)| house.balance(bank, name)),
        [100, 0, 0]
    );
    assert_eq!(house.account("bert", &b)["entries"], 0);
    let enough = batch(vec![leg(&b, 60), leg(&c, 40)]);
    let (status, settled) = house.send("anna", "POST", "/batches", &[], &enough);
    assert_eq!(
        (status, settled["transfers"].as_array().unwrap().len()),
        (201, 2)
    );
    assert_eq!(house.0.claims().len(), 2);
    assert_eq!(
        [("anna", &a), ("bert", &b), ("carl", &c)].map(|(bank, name)| house.balance(bank, name)),
        [0, 60, 40]
    );
    for legs in [vec![], vec![leg(&b, 1); 17]] {
        assert_eq!(
            code(house.send("anna", "POST", "/batches", &[], &batch(legs))),
            "bad_batch"
        );
    }
}

#[test]
fn what_is_sent_again_is_done_once() {
    let mut house = House::new();
    let (a, b) = (house.funded("anna", 100), house.funded("bert", 0));
    let first = house.transfer("anna", "r", &a, &b, 10);
    let again = house.transfer("anna", "r", &a, &b, 10);
    assert_eq!((first.0, again.0), (201, 200));
    assert_eq!(first.1, again.1);
    assert_eq!(house.balance("anna", &a), 90);
    assert_eq!(
        code(house.transfer("anna", "r", &a, &b, 11)),
        "reference_reused"
    );
    assert_eq!(
        house.transfer("bert", "r", &b, &a, 10).0,
        201,
        "references are each bank's own"
    );
    let issue = json!({"reference": "i", "account": a, "currency": "EUR", "amount": 5});
    assert_eq!(
        house.send("operator", "POST", "/issues", &[], &issue).0,
        201
    );
    assert_eq!(
        house.send("operator", "POST", "/issues", &[], &issue).0,
        200
    );
    assert_eq!(house.balance("anna", &a), 105);
    let batch = json!({"reference": "b", "transfers": [{"from": a, "to": b, "currency": "EUR", "amount": 1}]});
    let first = house.send("anna", "POST", "/batches", &[], &batch);
    assert_eq!(
        house.send("anna", "POST", "/batches", &[], &batch).1,
        first.1
    );
    assert_eq!(house.balance("anna", &a), 104);
}

#[test]
fn overdraft_is_the_operators_and_bounds_what_is_paid() {
    let mut house = House::new();
    let (a, b) = (house.funded("anna", 0), house.funded("bert", 0));
    let set = |house: &mut House, overdraft: i64| {
        let body = json!({"overdraft": overdraft});
        house
            .send(
                "operator",
                "PUT",
                "/accounts/{account}/overdraft",
                &[("account", &a)],
                &body,
            )
            .0
    };
    assert_eq!(
        [-1, 1_000_000_000_000_001].map(|overdraft| set(&mut house, overdraft)),
        [400, 400]
    );
    assert_eq!(set(&mut house, 50), 200);
    assert_eq!(
        code(house.transfer("anna", "r", &a, &b, 51)),
        "insufficient_funds"
    );
    assert_eq!(house.transfer("anna", "r", &a, &b, 50).0, 201);
    assert_eq!(set(&mut house, 10), 200);
    assert_eq!(
        code(house.transfer("anna", "s", &a, &b, 1)),
        "insufficient_funds"
    );
    let totals = house.totals();
    assert_eq!(totals[0]["overdrawn"], 50);
    assert_eq!(totals[0]["balance"], 0);
    assert_eq!(totals[0]["balanced"], true);
}

#[test]
fn history_has_no_gap_and_pages_backwards() {
    let mut house = House::new();
    let (a, b) = (house.funded("anna", 1000), house.funded("bert", 0));
    for turn in 0..249 {
        assert_eq!(house.transfer("anna", &turn.to_string(), &a, &b, 1).0, 201);
    }
    let (mut before, mut seen, mut expected) = (String::new(), Vec::new(), 751);
    loop {
        let route = format!("/accounts/{{account}}/entries?limit=90{before}");
        let (status, page) = house.send("anna", "GET", &route, &[("account", &a)], &Value::Null);
        assert_eq!(status, 200);
        for entry in page["entries"].as_array().unwrap() {
            assert_eq!(entry["balance"], expected);
            expected -= entry["amount"].as_i64().unwrap();
            seen.push(entry["number"].as_u64().unwrap());
        }
        before = format!("&before={}", seen.last().unwrap());
        if page["more"] == false {
            break;
        }
    }
    assert_eq!(expected, 0);
    assert!(seen.into_iter().eq((1..=250).rev()));
    let beyond = house.send(
        "anna",
        "GET",
        "/accounts/{account}/entries?before=0",
        &[("account", &a)],
        &Value::Null,
    );
    assert_eq!(beyond.1, json!({"entries": [], "more": false}));
}

#[test]
fn only_what_both_banks_want_public_is_public() {
    let mut house = House::new();
    let open = json!({"currency": "EUR", "publish": true});
    let (a, b, c) = (
        house.account_of("anna", &open),
        house.account_of("bert", &open),
        house.funded("carl", 0),
    );
    let issue = json!({"reference": "i", "account": a, "currency": "EUR", "amount": 5});
    house.send("operator", "POST", "/issues", &[], &issue);
    assert_eq!(house.transfer("anna", "1", &a, &c, 1).0, 201);
    let shown = house.transfer("anna", "2", &a, &b, 1).1;
    let public: Map<String, u64, Raw> = Map::new("public:settlements");
    let rows: Vec<(String, u64)> = house.0.run(|| public.all().collect());
    assert_eq!(rows, [(shown["claim"].as_str().unwrap().to_owned(), 0)]);
}

#[test]
fn bank_that_was_paid_gets_the_claim_in_a_transaction_of_its_own() {
    let mut house = House::new();
    let (a, b) = (house.funded("anna", 5), house.funded("bert", 0));
    let paid = house.transfer("anna", "r", &a, &b, 5).1;
    let id = paid["id"].as_str().unwrap();
    let confirm = |house: &mut House| {
        house.send(
            "bert",
            "POST",
            "/transfers/{transfer}/confirmations",
            &[("transfer", id)],
            &Value::Null,
        )
    };
    let confirmed = confirm(&mut house);
    assert_eq!(confirmed, (201, paid.clone()));
    assert_eq!(
        house.0.claims(),
        [synod_app::sha256(
            paid["claim_text"].as_str().unwrap().as_bytes()
        )]
    );
    assert_eq!(code(confirm(&mut house)), "confirmed");
}

#[test]
fn supply_has_bounds_and_a_journal() {
    let mut house = House::new();
    let most = 1_000_000_000_000_000_i64;
    let (a, b) = (house.funded("anna", most), house.funded("anna", most));
    for turn in 0..7 {
        let issue =
            json!({"reference": turn.to_string(), "account": a, "currency": "EUR", "amount": most});
        assert_eq!(
            house.send("operator", "POST", "/issues", &[], &issue).0,
            201
        );
    }
    let issue = json!({"reference": "x", "account": b, "currency": "EUR", "amount": most});
    assert_eq!(
        code(house.send("operator", "POST", "/issues", &[], &issue)),
        "supply_too_large"
    );
    assert_eq!(house.balance("anna", &b), most);
    let redeem = json!({"reference": "y", "account": b, "currency": "EUR", "amount": 7});
    assert_eq!(
        code(house.send("bert", "POST", "/redemptions", &[], &redeem)),
        "not_found"
    );
    assert_eq!(
        house.send("anna", "POST", "/redemptions", &[], &redeem).0,
        201
    );
    let (_, journal) = house.send(
        "operator",
        "GET",
        "/supply/{currency}?after=8",
        &[("currency", "EUR")],
        &Value::Null,
    );
    let changes = journal["changes"].as_array().unwrap();
    assert_eq!(
        changes
            .iter()
            .map(|change| change["amount"].as_i64().unwrap())
            .collect::<Vec<_>>(),
        [most, -7]
    );
}

/// `SplitMix64`.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    fn of<'a, T>(&mut self, things: &'a [T]) -> &'a T {
        &things[usize::try_from(self.below(things.len() as u64)).unwrap()]
    }
}

#[test]
fn money_is_neither_made_nor_lost_whatever_is_asked() {
    for seed in 0..4 {
        let mut house = House::new();
        let mut seeded = Seeded(seed);
        let banks = ["anna", "bert", "carl"];
        let mut accounts = Vec::new();
        for bank in banks {
            for currency in ["EUR", "EUR", "USD"] {
                accounts.push((
                    bank,
                    currency,
                    house.account_of(bank, &json!({"currency": currency})),
                ));
            }
        }
        let (mut issued, mut redeemed, mut settled) = ([0, 0], [0, 0], 0);
        for turn in 0..300 {
            let (bank, currency, from) = seeded.of(&accounts).clone();
            let (_, other, to) = seeded.of(&accounts).clone();
            let asked = if seeded.below(8) == 0 {
                other
            } else {
                currency
            };
            let amount = seeded.below(400).cast_signed() - 20;
            let reference = (turn - i64::from(seeded.below(10) == 0)).to_string();
            let order = |account: &str| json!({"reference": reference, "account": account, "currency": asked, "amount": amount});
            let leg = json!({"from": from, "to": to, "currency": asked, "amount": amount});
            let place = usize::from(asked == "USD");
            match seeded.below(10) {
                0 | 1 => {
                    let status = house
                        .send("operator", "POST", "/issues", &[], &order(&to))
                        .0;
                    issued[place] += if status == 201 { amount } else { 0 };
                }
                2 => {
                    let status = house
                        .send(bank, "POST", "/redemptions", &[], &order(&from))
                        .0;
                    redeemed[place] += if status == 201 { amount } else { 0 };
                }
                3 => {
                    let overdraft = json!({"overdraft": seeded.below(300)});
                    house.send(
                        "operator",
                        "PUT",
                        "/accounts/{account}/overdraft",
                        &[("account", &from)],
                        &overdraft,
                    );
                }
                4 | 5 => {
                    let batch = json!({"reference": reference, "transfers": [leg, leg, leg]});
                    house.send(bank, "POST", "/batches", &[], &batch);
                }
                _ => {
                    let mut order = leg;
                    order["reference"] = json!(reference);
                    settled +=
                        u16::from(house.send(bank, "POST", "/transfers", &[], &order).0 == 201);
                }
            }
            for currency in house.totals().as_array().unwrap() {
                let place = usize::from(currency["currency"] == "USD");
                assert_eq!(
                    currency["balanced"], true,
                    "seed {seed}, turn {turn}: {currency}"
                );
                assert_eq!(
                    (&currency["issued"], &currency["redeemed"]),
                    (&json!(issued[place]), &json!(redeemed[place]))
                );
            }
        }
        assert!(
            settled > 20,
            "seed {seed}: only {settled} transfers settled"
        );
    }
}
