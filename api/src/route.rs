//! What a route is: its method and path, what it takes, and what it answers.

use crate::headers;
use crate::limits::NUMBER_MAX;
use crate::problem::ErrorCode as Code;

/// One route: a method on a path.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// The method, in capitals.
    pub method: &'static str,
    /// The path, with `{names}` where parameters stand.
    pub path: &'static str,
    /// A unique name, for generated clients.
    pub id: &'static str,
    /// What it does, in a sentence.
    pub summary: &'static str,
    /// Whom the gateway lets through. Who may do what, the replica decides.
    pub access: Access,
    /// Path, query and header parameters.
    pub parameters: &'static [Parameter],
    /// What it takes.
    pub body: Body,
    /// What it answers when all is well.
    pub answers: &'static [Answer],
    /// The problems of its own, beside those that every route has.
    pub problems: &'static [Code],
}

/// Whom the gateway lets through to a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Anybody,
    /// Only connections with a client certificate.
    Certificate,
}

/// A parameter of a route.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Where it stands.
    pub place: Place,
    /// What it means, with its form and its default.
    pub description: &'static str,
    /// Its form.
    pub form: Form,
}

/// The form of a parameter, as its schema says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A text of so many characters, the fewest and the most.
    Text(usize, usize),
    /// A text that fits this regular expression.
    Pattern(&'static str),
    /// A whole number in decimal digits, the least and the greatest.
    Integer(u64, u64),
}

/// Any sequence number, index or size: what a signed 64-bit integer holds, so that every language
/// has a type for it.
pub(crate) const NUMBER: Form = Form::Integer(0, NUMBER_MAX);
/// Likewise, from 1 on.
pub(crate) const POSITIVE: Form = Form::Integer(1, NUMBER_MAX);

/// Where a parameter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the path; always required.
    Path,
    /// In the query; optional.
    Query,
    /// In the query; required.
    RequiredQuery,
    /// In a header; optional.
    Header,
}

/// The body of a request or of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// None.
    None,
    /// JSON of the type with this name.
    Json(&'static str),
    /// Bytes of this media type.
    Bytes(&'static str),
}

/// An answer of a route when all is well.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// When it is given.
    pub description: &'static str,
    /// What it brings.
    pub body: Body,
    /// The headers with a meaning.
    pub headers: &'static [&'static str],
}

pub(crate) const fn path(name: &'static str, form: Form, description: &'static str) -> Parameter {
    Parameter {
        name,
        place: Place::Path,
        description,
        form,
    }
}

pub(crate) const fn query(name: &'static str, form: Form, description: &'static str) -> Parameter {
    Parameter {
        name,
        place: Place::Query,
        description,
        form,
    }
}

pub(crate) const fn header(name: &'static str, form: Form, description: &'static str) -> Parameter {
    Parameter {
        name,
        place: Place::Header,
        description,
        form,
    }
}

pub(crate) const fn ok(description: &'static str, body: Body) -> Answer {
    Answer {
        status: 200,
        description,
        body,
        headers: &[],
    }
}

pub(crate) const IDEMPOTENCY: Parameter = header(
    headers::IDEMPOTENCY_KEY,
    Form::Pattern("^[!-~]{1,64}$"),
    "1 to 64 visible ASCII characters, fresh for each request. A repetition with the same key is answered with \
     what the first one gave, as long as the service remembers the key.",
);

pub(crate) const INLINE: Parameter = query(
    "receipt",
    Form::Pattern("^(none|inline)$"),
    "`inline`: the answer holds the receipt, in base64. Not with `wait=none`. `none` (default): without it.",
);
