//! Terms for tests.

use synod_app::Problem;

use crate::query::{Compute, Query};
use crate::terms::{CellKind, ColumnDeclaration, Declaration, Noise, Owner, Terms};

/// Two owners, one analyst, three columns, noise on.
pub(crate) fn declaration() -> Declaration {
    let owner = |id: &str| Owner {
        id: id.into(),
        milli_epsilon: 1000,
    };
    Declaration {
        title: "sample".into(),
        owners: vec![owner("a"), owner("b")],
        analysts: vec!["x".into()],
        columns: vec![
            number("age", None, "0", "120"),
            number("weight", Some(1), "0", "250"),
            category("sex", &["f", "m"]),
        ],
        group_min: 3,
        noise: Noise::On,
    }
}

pub(crate) fn terms() -> Terms {
    Terms::of(declaration()).expect("the sample makes sense")
}

pub(crate) fn number(name: &str, scale: Option<u8>, min: &str, max: &str) -> ColumnDeclaration {
    ColumnDeclaration {
        name: name.into(),
        kind: if scale.is_some() {
            CellKind::Decimal
        } else {
            CellKind::Integer
        },
        scale,
        min: Some(min.into()),
        max: Some(max.into()),
        values: Vec::new(),
    }
}

pub(crate) fn category(name: &str, values: &[&str]) -> ColumnDeclaration {
    ColumnDeclaration {
        name: name.into(),
        kind: CellKind::Category,
        scale: None,
        min: None,
        max: None,
        values: values.iter().map(|value| (*value).to_owned()).collect(),
    }
}

/// A query that costs an epsilon of 0.1.
pub(crate) fn query(compute: Compute, column: Option<&str>) -> Query {
    Query {
        purpose: "sample".into(),
        compute,
        column: column.map(str::to_owned),
        conditions: Vec::new(),
        by: None,
        clamp: None,
        cuts: Vec::new(),
        per_mille: None,
        milli_epsilon: Some(100),
    }
}

/// The sentence of a problem.
pub(crate) fn title(problem: &Problem) -> String {
    let json = serde_json::to_value(problem).expect("a problem is JSON");
    json["title"].as_str().unwrap_or_default().to_owned()
}
