//! A clean room in memory, for tests.

use serde_json::{Value, json};
use synod_app::testing::{Synod, request, user};
use synod_cleanroom::Cleanroom;

/// A clean room in memory.
pub(crate) struct Room {
    pub(crate) synod: Synod,
    /// The study in use, and its terms' digest.
    pub(crate) study: String,
    pub(crate) terms: String,
}

impl Room {
    /// A room with one study, declared by its first analyst.
    pub(crate) fn of(terms: &Value) -> Self {
        let mut room = Room {
            synod: Synod::new(),
            study: String::new(),
            terms: String::new(),
        };
        let analyst = terms["analysts"][0].as_str().unwrap();
        let (status, named) = room.send(analyst, "POST", "/studies", &[], terms);
        assert_eq!(status, 201, "{named}");
        let text = |name: &str| named[name].as_str().unwrap().to_owned();
        (room.study, room.terms) = (text("study"), text("terms"));
        room
    }

    fn send(
        &mut self,
        who: &str,
        method: &str,
        route: &str,
        params: &[(&str, &str)],
        body: &Value,
    ) -> (u16, Value) {
        self.send_bytes(
            who,
            method,
            route,
            params,
            serde_json::to_vec(body).unwrap(),
        )
    }

    fn send_bytes(
        &mut self,
        who: &str,
        method: &str,
        route: &str,
        params: &[(&str, &str)],
        body: Vec<u8>,
    ) -> (u16, Value) {
        let (route, query) = route.split_once('?').unwrap_or((route, ""));
        let request = request(method, route, params)
            .with_body(body)
            .with_query(query);
        let answer = self.synod.call::<Cleanroom>(user(who, &[]), request);
        (
            answer.status,
            serde_json::from_slice(&answer.body).expect("every answer is JSON"),
        )
    }

    /// A request below the study.
    pub(crate) fn ask(
        &mut self,
        who: &str,
        method: &str,
        below: &str,
        body: &Value,
    ) -> (u16, Value) {
        let study = self.study.clone();
        self.send(
            who,
            method,
            &format!("/studies/{{study}}{below}"),
            &[("study", &study)],
            body,
        )
    }

    pub(crate) fn upload(&mut self, owner: &str, csv: &str) -> (u16, Value) {
        let (study, terms) = (self.study.clone(), self.terms.clone());
        let route = format!("/studies/{{study}}/rows?terms={terms}");
        self.send_bytes(
            owner,
            "POST",
            &route,
            &[("study", &study)],
            csv.as_bytes().to_vec(),
        )
    }

    pub(crate) fn seal(&mut self, owner: &str) -> (u16, Value) {
        let body = json!({"terms": self.terms});
        self.ask(owner, "POST", "/seal", &body)
    }

    /// A request about a query.
    pub(crate) fn of_query(
        &mut self,
        who: &str,
        method: &str,
        query: &str,
        below: &str,
    ) -> (u16, Value) {
        let study = self.study.clone();
        let route = format!("/studies/{{study}}/queries/{{query}}{below}");
        self.send(
            who,
            method,
            &route,
            &[("study", &study), ("query", query)],
            &Value::Null,
        )
    }

    pub(crate) fn propose(&mut self, analyst: &str, query: &Value) -> String {
        let (status, shown) = self.ask(analyst, "POST", "/queries", query);
        assert!(status < 300, "{shown}");
        shown["digest"].as_str().unwrap().to_owned()
    }

    /// Proposes a query, has everybody approve, and runs it.
    pub(crate) fn answer(&mut self, analyst: &str, owners: &[&str], query: &Value) -> (u16, Value) {
        let name = self.propose(analyst, query);
        for owner in owners {
            assert_eq!(self.of_query(owner, "PUT", &name, "/approval").0, 200);
        }
        self.of_query(analyst, "POST", &name, "/run")
    }
}

pub(crate) fn code(answer: &(u16, Value)) -> &str {
    assert!(answer.0 >= 400, "{}", answer.1);
    assert_eq!(answer.1["status"], answer.0);
    answer.1["code"].as_str().unwrap()
}
