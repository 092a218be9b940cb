//! The OpenAPI 3.1 document, built from the table of routes and the schemas of the types.

use std::collections::BTreeMap;

use utoipa::openapi::path::{
    HttpMethod, Operation, OperationBuilder, ParameterBuilder, ParameterIn,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{
    AdditionalProperties, KnownFormat, ObjectBuilder, SchemaFormat, Type,
};
use utoipa::openapi::security::{SecurityRequirement, SecurityScheme};
use utoipa::openapi::server::Server;
use utoipa::openapi::{
    Content, Header, Info, License, OpenApi, PathItem, Paths, Ref, RefOr, Required, Response,
    ResponseBuilder, Schema,
};

use crate::problem::{ErrorCode, PROBLEM_CONTENT_TYPE, Problem};
use crate::route::{Access, Answer, Body, Form, Parameter, Place, Route};
use crate::routes::{COMMON_PROBLEMS, routes};
use crate::{app, governance, headers, kv, ledger, network};

/// The schema of what every route may answer with.
#[derive(utoipa::OpenApi)]
#[openapi(components(schemas(Problem)))]
struct Schemas;

/// The name of the only way to authenticate.
const CERTIFICATE: &str = "certificate";

/// The OpenAPI document of the interface.
pub fn openapi() -> OpenApi {
    let mut document = <Schemas as utoipa::OpenApi>::openapi();
    document.merge(<kv::Schemas as utoipa::OpenApi>::openapi());
    document.merge(<app::Schemas as utoipa::OpenApi>::openapi());
    document.merge(<ledger::Schemas as utoipa::OpenApi>::openapi());
    document.merge(<governance::Schemas as utoipa::OpenApi>::openapi());
    document.merge(<network::Schemas as utoipa::OpenApi>::openapi());
    document.info = info();
    let mut server = Server::new("/");
    server.description = Some(
        "The replica that serves this document. What another replica must do, the leader, it says by a redirect."
            .to_owned(),
    );
    document.servers = Some(vec![server]);
    let components = document.components.get_or_insert_default();
    for schema in components.schemas.values_mut() {
        close_variants(schema);
    }
    components.add_security_scheme(
        CERTIFICATE,
        SecurityScheme::MutualTls {
            description: Some("The TLS client certificate of a user or of a member.".to_owned()),
            deprecated: None,
            extensions: None,
        },
    );
    document.paths = paths();
    document
}

/// The document as the JSON text that `/v1/openapi.json` serves and `spec/openapi.json` holds.
pub fn openapi_json() -> String {
    let mut value = serde_json::to_value(openapi()).expect("the document has string keys only");
    // Whether maps keep their order depends on what else is built; the text must not.
    value.sort_all_objects();
    let mut text = serde_json::to_string_pretty(&value).expect("a JSON value can be written");
    text.push('\n');
    text
}

/// An object that names its variant by its only property has no other.
fn close_variants(schema: &mut RefOr<Schema>) {
    let RefOr::T(Schema::OneOf(variants)) = schema else {
        return;
    };
    for variant in &mut variants.items {
        if let RefOr::T(Schema::Object(object)) = variant
            && object.properties.len() == 1
        {
            object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
        }
    }
}

fn info() -> Info {
    let mut info = Info::new("Synod", "1");
    info.description = Some(
        "A confidential, replicated, provable service. Every answer follows the commit, unless the \
         request says otherwise; what a client believes it verifies: the attestation, the chain of \
         configurations and the receipts."
            .to_owned(),
    );
    info.license = Some(License::new("Apache-2.0"));
    info
}

fn paths() -> Paths {
    let mut paths = Paths::new();
    for route in routes() {
        let item = PathItem::new(method(route.method), operation(route));
        match paths.paths.get_mut(route.path) {
            Some(known) => known.merge_operations(item),
            None => {
                paths.paths.insert(route.path.to_owned(), item);
            }
        }
    }
    paths
}

fn method(name: &str) -> HttpMethod {
    match name {
        "GET" => HttpMethod::Get,
        "PUT" => HttpMethod::Put,
        "POST" => HttpMethod::Post,
        "DELETE" => HttpMethod::Delete,
        "HEAD" => HttpMethod::Head,
        "PATCH" => HttpMethod::Patch,
        other => unreachable!("the table of routes has the method {other}"),
    }
}

fn operation(route: &Route) -> Operation {
    let mut operation = OperationBuilder::new()
        .operation_id(Some(route.id))
        .summary(Some(route.summary))
        .description(access(route.access));
    if route.access == Access::Certificate {
        operation = operation.security(SecurityRequirement::new(CERTIFICATE, [""; 0]));
    }
    for known in route.parameters {
        operation = operation.parameter(parameter(known));
    }
    if route.body != Body::None {
        let body = RequestBodyBuilder::new().required(Some(Required::True));
        let (media, content) = content(route.body);
        operation = operation.request_body(Some(body.content(media, content).build()));
    }
    for known in route.answers {
        operation = operation.response(known.status.to_string(), answer(known));
    }
    for (status, response) in problems(route) {
        operation = operation.response(status.to_string(), response);
    }
    operation.build()
}

fn access(access: Access) -> Option<&'static str> {
    match access {
        Access::Anybody => None,
        Access::Certificate => Some("Needs a client certificate."),
    }
}

fn parameter(known: &Parameter) -> utoipa::openapi::path::Parameter {
    let (place, required) = match known.place {
        Place::Path => (ParameterIn::Path, Required::True),
        Place::Query => (ParameterIn::Query, Required::False),
        Place::RequiredQuery => (ParameterIn::Query, Required::True),
        Place::Header => (ParameterIn::Header, Required::False),
    };
    ParameterBuilder::new()
        .name(known.name)
        .parameter_in(place)
        .required(required)
        .description(Some(known.description))
        .schema(Some(form(known.form)))
        .build()
}

fn form(form: Form) -> ObjectBuilder {
    let text = ObjectBuilder::new().schema_type(Type::String);
    match form {
        Form::Text(least, most) => text.min_length(Some(least)).max_length(Some(most)),
        Form::Pattern(pattern) => text.pattern(Some(pattern)),
        Form::Integer(least, most) => ObjectBuilder::new()
            .schema_type(Type::Integer)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
            .minimum(Some(least))
            .maximum(Some(most)),
    }
}

fn answer(known: &Answer) -> Response {
    let mut response = ResponseBuilder::new().description(known.description);
    if known.body != Body::None {
        let (media, content) = content(known.body);
        response = response.content(media, content);
    }
    for name in known.headers {
        response = response.header(*name, response_header(name));
    }
    response.build()
}

fn response_header(name: &str) -> Header {
    let mut header = Header::new(ObjectBuilder::new().schema_type(Type::String));
    header.description = Some(
        match name {
            headers::APP_RECEIPT => "The receipt file, in base64.",
            headers::TRANSACTION_ID => "The transaction, as `view.seqno`.",
            "etag" => "The version of the key, in quotes.",
            "location" => "The same route at the leader.",
            "retry-after" => "Seconds to wait.",
            other => unreachable!("the table of routes has the header {other}"),
        }
        .to_owned(),
    );
    header
}

/// The problems of a route, by status: one response lists all codes that share it.
fn problems(route: &Route) -> BTreeMap<u16, Response> {
    let mut codes: Vec<ErrorCode> = [route.problems, COMMON_PROBLEMS].concat();
    if route.access == Access::Certificate {
        codes.push(ErrorCode::CertificateRequired);
    }
    codes.sort_unstable();
    codes.dedup();
    let mut by_status: BTreeMap<u16, Vec<ErrorCode>> = BTreeMap::new();
    for code in codes {
        by_status.entry(code.status()).or_default().push(code);
    }
    by_status
        .into_iter()
        .map(|(status, codes)| (status, problem(status, &codes)))
        .collect()
}

fn problem(status: u16, codes: &[ErrorCode]) -> Response {
    let lines: Vec<String> = codes
        .iter()
        .map(|code| format!("`{code}`: {}", code.title()))
        .collect();
    let reference = RefOr::Ref(Ref::from_schema_name("Problem"));
    let mut response = ResponseBuilder::new()
        .description(lines.join("; "))
        .content(PROBLEM_CONTENT_TYPE, Content::new(Some(reference)));
    match status {
        307 => response = response.header("location", response_header("location")),
        503 => response = response.header("retry-after", response_header("retry-after")),
        _ => {}
    }
    response.build()
}

fn content(body: Body) -> (&'static str, Content) {
    match body {
        Body::None => unreachable!("asked only for bodies"),
        Body::Json(name) => (
            headers::JSON,
            Content::new(Some(Ref::from_schema_name(name))),
        ),
        Body::Bytes(media) => {
            // OpenAPI 3.1 needs no schema for bytes; generators of clients do.
            let bytes = ObjectBuilder::new()
                .schema_type(Type::String)
                .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)));
            let document = ObjectBuilder::new().schema_type(Type::Object);
            let schema = if media == headers::JSON {
                document
            } else {
                bytes
            };
            (media, Content::new(Some(Schema::Object(schema.build()))))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_reference_of_the_document_is_defined() {
        let value = serde_json::to_value(openapi()).unwrap();
        let mut references = BTreeSet::new();
        collect_references(&value, &mut references);
        assert!(references.contains("#/components/schemas/Problem"));
        for reference in references {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(
                value.pointer(pointer).is_some(),
                "{reference} is not defined"
            );
        }
    }

    fn collect_references(value: &serde_json::Value, into: &mut BTreeSet<String>) {
        match value {
            serde_json::Value::Object(fields) => {
                if let Some(serde_json::Value::String(reference)) = fields.get("$ref") {
                    into.insert(reference.clone());
                }
                fields
                    .values()
                    .for_each(|field| collect_references(field, into));
            }
            serde_json::Value::Array(items) => {
                for item in items {
                    collect_references(item, into);
                }
            }
            _ => {}
        }
    }

    #[test]
    fn every_route_has_its_own_id_and_all_its_path_parameters() {
        let mut ids = BTreeSet::new();
        for route in routes() {
            assert!(ids.insert(route.id), "{} is used twice", route.id);
            let in_path = route
                .parameters
                .iter()
                .filter(|p| p.place == Place::Path)
                .count();
            assert_eq!(in_path, route.path.matches('{').count(), "{}", route.path);
        }
    }
}
