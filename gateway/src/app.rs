//! Apps: requests to them and about them, answers, and how they stand in HTTP.

use bytes::Bytes;
use http::request::Parts;
use hyper::body::Body;
use synod_api::limits::{APP_NAME_CHARS_MAX, COMPONENT_CHUNK_BYTES, COMPONENT_CHUNKS_MAX};
use synod_api::{AppInfo, AppLogReply, AppsReply, ChunkReply, ErrorCode, TxId};

use crate::body::{Bounds, read_body};
use crate::parameters::{decimal, parameters};
use crate::refusal::{Refused, quoted, refuse};
use crate::stream::Records;

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// A request to an app. Answer: [`Reply::Answered`].
    Request(Box<AppRequest>),
    /// The list of apps. Answer: [`Reply::List`].
    List,
    /// The description of an app. Answer: [`Reply::Description`].
    Describe {
        /// Its name, well-formed here and below.
        name: String,
    },
    /// The component of an app that is in force. Answer: [`Reply::Component`].
    Component {
        /// The app.
        name: String,
    },
    /// A piece of a component. Answer: [`Reply::ChunkTaken`].
    Chunk {
        /// The app.
        name: String,
        /// The number of the version that waits for it.
        number: u64,
        /// Which piece, from 0.
        index: u32,
        /// The piece; not longer than any may be.
        bytes: Bytes,
    },
    /// The app's description of its own interface. Answer: [`Reply::OpenApi`].
    OpenApi {
        /// The app.
        name: String,
    },
    /// Lines of an app's log. Answer: [`Reply::Logs`].
    Logs {
        /// The app.
        name: String,
        /// Only lines after this number.
        after: u64,
        /// At most so many, from 1.
        limit: u32,
    },
}

/// The answer to a [`Call`].
#[derive(Debug)]
pub enum Reply {
    /// An app's answer.
    Answered(Box<AppAnswer>),
    /// The app's route exists, for these methods alone.
    Methods(Vec<&'static str>),
    /// The list of apps.
    List(AppsReply),
    /// The description of an app.
    Description(Box<AppInfo>),
    /// A component, in pieces.
    Component(Records),
    /// A piece of a component is committed.
    ChunkTaken(ChunkReply),
    /// An app's description of its own interface, in JSON.
    OpenApi(Bytes),
    /// Lines of an app's log.
    Logs(AppLogReply),
}

/// A request to an app.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AppRequest {
    /// The app's name, well-formed.
    pub app: String,
    /// The method, in capitals.
    pub method: String,
    /// The path below the app as it was sent, from `/` on; not looked at by the gateway.
    pub path: String,
    /// The query as it was sent, but for `consistency`.
    pub query: Option<String>,
    /// The header fields that are the app's: names in lower case, none of the connection's and none
    /// of ours.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
    /// Whether a route that only reads may answer from this replica's own certified state.
    pub local: bool,
    /// Whether the answer bears the receipt.
    pub receipt: bool,
    /// The caller's name for this request: repeated, it takes effect once.
    pub idempotency: Option<String>,
}

/// What an app answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppAnswer {
    /// The status, 200 to 599.
    pub status: u16,
    /// The header fields; those that an app may not set are taken off by the gateway.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
    /// The call's transaction, or the newest one that it has seen.
    pub transaction: TxId,
    /// The receipt file, if it was asked for and something was written.
    pub receipt: Option<Bytes>,
}

impl Reply {
    /// About how many bytes the answer holds until it is sent. Of a stream none: it is bounded
    /// where it is made.
    pub(crate) fn held_bytes(&self) -> usize {
        match self {
            Self::Answered(answer) => answer.body.len(),
            Self::OpenApi(text) => text.len(),
            _ => 0,
        }
    }
}

/// A path of this domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place<'a> {
    /// Below an app: `path` is all that follows the name, empty or from `/` on.
    Below {
        name: &'a str,
        path: &'a str,
    },
    List,
    Describe {
        name: &'a str,
    },
    Component {
        name: &'a str,
    },
    Chunk {
        name: &'a str,
        number: &'a str,
        index: &'a str,
    },
    OpenApi {
        name: &'a str,
    },
    Logs {
        name: &'a str,
    },
}

impl<'a> Place<'a> {
    /// The place of a path, if it is of this domain.
    pub(crate) fn find(path: &'a str) -> Option<Self> {
        if let Some(rest) = path.strip_prefix("/app/") {
            return Self::below(rest);
        }
        if let Some(rest) = path.strip_prefix("/v1/apps/") {
            return Self::about(rest);
        }
        (path == "/v1/apps").then_some(Self::List)
    }

    /// What follows the app's name is the app's, whatever it is: nothing of it is decoded or mended
    /// here.
    fn below(rest: &'a str) -> Option<Self> {
        let (name, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        (!name.is_empty()).then_some(Self::Below { name, path })
    }

    fn about(rest: &'a str) -> Option<Self> {
        let mut parts = rest.split('/');
        let name = parts.next().filter(|name| !name.is_empty())?;
        let place = match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (None, ..) => Self::Describe { name },
            (Some("component"), None, ..) => Self::Component { name },
            (Some("component"), Some(number), Some(index), None) => Self::Chunk {
                name,
                number,
                index,
            },
            (Some("openapi.json"), None, ..) => Self::OpenApi { name },
            (Some("logs"), None, ..) => Self::Logs { name },
            _ => return None,
        };
        Some(place)
    }

    /// The methods of this place, as the header `Allow` lists them.
    pub(crate) fn allow(self) -> &'static str {
        match self {
            Self::Below { .. } => "GET, HEAD, POST, PUT, PATCH, DELETE",
            Self::Chunk { .. } => "PUT",
            _ => "GET, HEAD",
        }
    }

    /// Whether only connections with a client certificate are let through.
    pub(crate) fn needs_certificate(self) -> bool {
        matches!(self, Self::Chunk { .. } | Self::Logs { .. })
    }

    /// Reads a request about apps that has no body.
    pub(crate) fn read(self, parts: &Parts) -> Result<Call, Refused> {
        if let Self::Logs { name } = self {
            return read_logs(name, parts);
        }
        parameters(parts, &[])?;
        Ok(match self {
            Self::List => Call::List,
            Self::Describe { name } => Call::Describe {
                name: app_name(name)?,
            },
            Self::Component { name } => Call::Component {
                name: app_name(name)?,
            },
            Self::OpenApi { name } => Call::OpenApi {
                name: app_name(name)?,
            },
            other => unreachable!("{other:?} is read in another way"),
        })
    }

    /// Reads a piece of a component, the one request about apps that has a body.
    pub(crate) async fn read_with_body<B>(
        self,
        parts: &Parts,
        body: B,
        bounds: Bounds<'_>,
    ) -> Result<Call, Refused>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        match self {
            Self::Chunk {
                name,
                number,
                index,
            } => read_chunk((name, number, index), parts, body, bounds).await,
            other => unreachable!("{other:?} takes no body"),
        }
    }
}

fn read_logs(name: &str, parts: &Parts) -> Result<Call, Refused> {
    let (after, limit) = parameters(parts, &["after", "limit"])?.lines()?;
    let name = app_name(name)?;
    Ok(Call::Logs { name, after, limit })
}

/// The name of an app; what cannot be one names no app.
pub(crate) fn app_name(text: &str) -> Result<String, Refused> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let starts = text.starts_with(|first: char| first.is_ascii_lowercase());
    if !starts || text.len() > APP_NAME_CHARS_MAX || !text.bytes().all(fits) {
        let detail = format!("{} is not a valid name of an app", quoted(text));
        return Err(refuse(ErrorCode::AppNotFound, detail));
    }
    Ok(text.to_owned())
}

/// Where a piece of a component belongs.
struct ChunkPlace {
    name: String,
    number: u64,
    index: u32,
}

/// Reads the place of a piece out of its path.
fn chunk_place(name: &str, number: &str, index: &str) -> Result<ChunkPlace, Refused> {
    let parse = |what: &str, text: &str| {
        decimal(text).ok_or_else(|| {
            let detail = format!("the {what} {} is not a number", quoted(text));
            refuse(ErrorCode::InvalidParameter, detail)
        })
    };
    let at = parse("index", index)?;
    let index = u32::try_from(at)
        .ok()
        .filter(|at| *at < COMPONENT_CHUNKS_MAX);
    Ok(ChunkPlace {
        name: app_name(name)?,
        number: parse("number", number)?,
        index: index.ok_or_else(|| {
            let detail = format!("a component has at most {COMPONENT_CHUNKS_MAX} pieces");
            refuse(ErrorCode::InvalidParameter, detail)
        })?,
    })
}

async fn read_chunk<B>(
    (name, number, index): (&str, &str, &str),
    parts: &Parts,
    body: B,
    bounds: Bounds<'_>,
) -> Result<Call, Refused>
where
    B: Body<Data = Bytes> + Unpin,
{
    parameters(parts, &[])?;
    let place = chunk_place(name, number, index)?;
    let max = COMPONENT_CHUNK_BYTES.min(bounds.limits.body_bytes_max);
    let (limits, budget) = (bounds.limits, bounds.budget);
    let bytes = read_body(body, max, ErrorCode::BodyTooLarge, limits, budget).await?;
    if bytes.is_empty() {
        let detail = "a piece of a component has at least one byte";
        return Err(refuse(ErrorCode::InvalidBody, detail));
    }
    Ok(Call::Chunk {
        name: place.name,
        number: place.number,
        index: place.index,
        bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_no_app_can_have_name_no_app() {
        for name in ["a", "a-1", &"a".repeat(32)] {
            assert_eq!(app_name(name).unwrap(), *name);
        }
        for name in [
            "",
            "A",
            "1a",
            "-a",
            "a_b",
            "a.b",
            "%61",
            "ä",
            &"a".repeat(33),
        ] {
            assert_eq!(
                app_name(name).unwrap_err().0.code,
                ErrorCode::AppNotFound,
                "{name}"
            );
        }
    }
}
