//! What all replicas of a service say of it, taken together.
//!
//! One replica knows what it heard; a follower does not know who is dead, and nobody knows of a
//! leader that died a moment ago. So each replica in the table is asked for itself, and what none
//! of them can know is *unknown*.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use synod_api::{NetworkReply, Role, Standing};
use synod_client::{ClientError, ReplicaUrl, Service};
use tokio::task::JoinSet;

/// What one address answered.
#[derive(Debug)]
struct Answer {
    url: ReplicaUrl,
    reply: Result<NetworkReply, ClientError>,
}

/// Who leads, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", content = "replica", rename_all = "kebab-case")]
pub(crate) enum Leadership {
    /// This replica answered that it leads, and none is in a later view.
    Known(u64),
    /// Others follow this replica, which gave no answer itself: it may be dead.
    Unanswered(u64),
    /// Nobody that answered leads or follows.
    None,
}

/// A replica, as it answered for itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Asked {
    /// Its id; none, if it is not known who stands at this address.
    pub(crate) replica: Option<u64>,
    /// Where it was asked.
    pub(crate) url: String,
    /// Its role, if it answered.
    pub(crate) role: Option<Role>,
    /// The newest certified block that it knows, if it answered.
    pub(crate) certified_index: Option<u64>,
    /// Why there is no answer.
    pub(crate) failure: Option<String>,
}

/// What an operator should look at, and who says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Alarm {
    pub(crate) text: String,
    /// The replicas that say so.
    pub(crate) of: Vec<u64>,
}

/// The service, as all its replicas together have it.
#[derive(Debug)]
pub(crate) struct NetworkStatus {
    /// The newest that a replica knows; of a leader, if one answered.
    pub(crate) newest: NetworkReply,
    pub(crate) leadership: Leadership,
    /// The replicas whose loss, each alone, would stop the service; unknown without a leader, which
    /// alone hears who lives.
    pub(crate) critical: Option<Vec<u64>>,
    pub(crate) asked: Vec<Asked>,
    pub(crate) alarms: Vec<Alarm>,
}

impl NetworkStatus {
    /// Asks every replica that is known, and every one that those name.
    ///
    /// # Errors
    /// None of them answered: the error of the first one.
    pub(crate) async fn ask(service: &Service) -> Result<Self, ClientError> {
        let mut answers: Vec<Answer> = Vec::new();
        let mut wanted: BTreeSet<ReplicaUrl> = service.replicas().into_iter().collect();
        while !wanted.is_empty() {
            answers.extend(ask_each(service, &wanted).await);
            wanted = named(&answers);
        }
        Self::of(answers)
    }

    fn of(answers: Vec<Answer>) -> Result<Self, ClientError> {
        let replies: Vec<&NetworkReply> = answers
            .iter()
            .filter_map(|answer| answer.reply.as_ref().ok())
            .collect();
        let newest = replies.iter().max_by_key(|reply| {
            let leads = reply.role == Role::Leader;
            (
                reply.configuration,
                reply.view,
                leads,
                reply.certified_index,
            )
        });
        let Some(newest) = newest.map(|reply| (**reply).clone()) else {
            let failure = answers.into_iter().find_map(|answer| answer.reply.err());
            return Err(failure.unwrap_or(ClientError::NoReplica));
        };
        let leadership = leadership(&replies);
        let critical = match leadership {
            Leadership::Known(id) => replies
                .iter()
                .find(|reply| reply.replica == id)
                .map(|leader| leader.critical.clone()),
            Leadership::Unanswered(_) | Leadership::None => None,
        };
        Ok(Self {
            alarms: alarms(&replies),
            asked: answers
                .iter()
                .map(|answer| asked(answer, &newest))
                .collect(),
            newest,
            leadership,
            critical,
        })
    }

    /// What the replica answered for itself.
    pub(crate) fn answer_of(&self, replica: u64) -> Option<&Asked> {
        let mut of = self
            .asked
            .iter()
            .filter(|asked| asked.replica == Some(replica));
        // An answer counts more than a silent address of the same replica.
        let first = of.next()?;
        if first.role.is_some() {
            return Some(first);
        }
        of.find(|asked| asked.role.is_some()).or(Some(first))
    }
}

async fn ask_each(service: &Service, urls: &BTreeSet<ReplicaUrl>) -> Vec<Answer> {
    let mut asking = JoinSet::new();
    for url in urls.iter().cloned() {
        let service = service.clone();
        asking.spawn(async move {
            let reply = service.network_of(&url).await;
            Answer { url, reply }
        });
    }
    asking.join_all().await
}

/// The addresses in the newest table that were not asked yet.
fn named(answers: &[Answer]) -> BTreeSet<ReplicaUrl> {
    let replies = answers
        .iter()
        .filter_map(|answer| answer.reply.as_ref().ok());
    let known: BTreeSet<&ReplicaUrl> = answers.iter().map(|answer| &answer.url).collect();
    let newest = replies.max_by_key(|reply| (reply.configuration, reply.certified_index));
    newest
        .into_iter()
        .flat_map(|reply| &reply.replicas)
        .filter(|replica| replica.standing != Standing::Removed)
        .filter_map(|replica| replica.url.parse().ok())
        .filter(|url| !known.contains(url))
        .collect()
}

fn leadership(replies: &[&NetworkReply]) -> Leadership {
    let view = replies.iter().map(|reply| reply.view).max().unwrap_or(0);
    let in_view = || replies.iter().filter(|reply| reply.view == view);
    let leads = in_view().find(|reply| reply.role == Role::Leader);
    if let Some(leader) = leads {
        return Leadership::Known(leader.replica);
    }
    match in_view().find_map(|reply| reply.leader) {
        Some(id) => Leadership::Unanswered(id),
        None => Leadership::None,
    }
}

fn asked(answer: &Answer, newest: &NetworkReply) -> Asked {
    let url = answer.url.to_string();
    let in_table = newest.replicas.iter().find(|replica| replica.url == url);
    match &answer.reply {
        Ok(reply) => Asked {
            replica: Some(reply.replica),
            url,
            role: Some(reply.role),
            certified_index: Some(reply.certified_index),
            failure: None,
        },
        Err(error) => Asked {
            replica: in_table.map(|replica| replica.id),
            url,
            role: None,
            certified_index: None,
            failure: Some(error.to_string()),
        },
    }
}

/// Each alarm once, with all that give it.
fn alarms(replies: &[&NetworkReply]) -> Vec<Alarm> {
    let mut by_text: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
    for reply in replies {
        for text in &reply.alarms {
            by_text.entry(text).or_default().insert(reply.replica);
        }
    }
    by_text
        .into_iter()
        .map(|(text, of)| Alarm {
            text: text.to_owned(),
            of: of.into_iter().collect(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(id: u64) -> ReplicaUrl {
        format!("https://127.0.0.1:{}", 8000 + id).parse().unwrap()
    }

    /// What replica `id` answers in `view`; the table has the replicas 1 to 3.
    fn reply(id: u64, view: u64, role: Role, leader: Option<u64>) -> NetworkReply {
        let replica = |id: u64| {
            serde_json::json!({
                "id": id, "url": url(id).to_string(), "tee": "tdx", "vendor": "intel", "simulated": true,
                "standing": "voter", "identity": "", "attested_ms": 0, "verdict_expires_ms": 0,
                "next_attestation_ms": 0, "demoted": null, "reachable": null,
            })
        };
        let mut reply: NetworkReply = serde_json::from_value(serde_json::json!({
            "network_id": null, "name": "n", "open": true, "software": "", "replica": id, "role": "follower",
            "view": view, "leader": leader, "certified": "1.1", "certified_index": 7, "certified_hash": "",
            "ledger_time_ms": 0, "configuration": 2, "required_vendors": 2,
            "replicas": [replica(1), replica(2), replica(3)], "critical": [], "alarms": [],
        }))
        .unwrap();
        reply.role = role;
        reply
    }

    fn heard(reply: NetworkReply) -> Answer {
        Answer {
            url: url(reply.replica),
            reply: Ok(reply),
        }
    }

    fn silent(id: u64) -> Answer {
        let reply = Err(ClientError::Unreachable {
            url: url(id),
            why: "refused".to_owned(),
        });
        Answer {
            url: url(id),
            reply,
        }
    }

    #[test]
    fn critical_replicas_are_those_that_the_leader_names_whoever_is_asked_first() {
        let mut leader = reply(2, 5, Role::Leader, Some(2));
        leader.critical = vec![1, 2];
        let follower = reply(1, 5, Role::Follower, Some(2));
        let status = NetworkStatus::of(vec![heard(follower), heard(leader), silent(3)]).unwrap();
        assert_eq!(status.leadership, Leadership::Known(2));
        assert_eq!(status.critical, Some(vec![1, 2]));
        let dead = status.answer_of(3).unwrap();
        assert!(dead.role.is_none() && dead.failure.is_some(), "{dead:?}");
    }

    #[test]
    fn critical_replicas_are_unknown_without_the_leaders_own_answer() {
        let follower = || heard(reply(1, 5, Role::Follower, Some(2)));
        let status = NetworkStatus::of(vec![follower(), silent(2), silent(3)]).unwrap();
        assert_eq!(status.leadership, Leadership::Unanswered(2));
        assert_eq!(status.critical, None);
    }

    #[test]
    fn leader_of_an_older_view_leads_nobody() {
        let deposed = heard(reply(1, 4, Role::Leader, Some(1)));
        let candidate = heard(reply(3, 6, Role::Candidate, None));
        let status = NetworkStatus::of(vec![deposed, candidate, silent(2)]).unwrap();
        assert_eq!(status.leadership, Leadership::None);
        assert_eq!(status.critical, None);
    }

    #[test]
    fn alarms_of_all_replicas_are_told_once_with_those_that_give_them() {
        let with = |id: u64, alarms: &[&str]| {
            let mut reply = reply(id, 5, Role::Follower, Some(2));
            reply.alarms = alarms.iter().map(|text| (*text).to_owned()).collect();
            heard(reply)
        };
        let status =
            NetworkStatus::of(vec![with(1, &["both", "one"]), with(3, &["both"])]).unwrap();
        let told: Vec<_> = status
            .alarms
            .iter()
            .map(|alarm| (alarm.text.as_str(), &alarm.of[..]))
            .collect();
        assert_eq!(told, [("both", &[1, 3][..]), ("one", &[1])]);
    }

    #[test]
    fn every_address_of_the_table_that_was_not_asked_is_asked_next() {
        let answers = [heard(reply(1, 5, Role::Follower, Some(2)))];
        assert_eq!(named(&answers), [url(2), url(3)].into());
    }

    #[test]
    fn silence_of_all_is_the_error_of_the_first() {
        let failure = NetworkStatus::of(vec![silent(1), silent(2)]).unwrap_err();
        assert!(failure.to_string().contains("8001"), "{failure}");
    }
}
