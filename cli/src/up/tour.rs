//! The tour itself: nine parts, one after the other, each with what it showed.

use serde_json::json;
use synod_api::ReplicaInfo;
use synod_client::{ReplicaUrl, RetryPolicy, Service, Trust, Verifier};
use synod_crypto::Digest;
use synod_governance::Act;
use tokio::time::Instant;

use crate::opening;
use crate::outcome::{Failure, Outcome};
use crate::output::Output;
use crate::up::acts::act;
use crate::up::apps::TourApp;
use crate::up::args::UpArgs;
use crate::up::child::Child;
use crate::up::dataset::DataSet;
use crate::up::failover::{Writers, failover_ms, lost_writes};
use crate::up::found::{found, start_founder, tee_of};
use crate::up::import::{Imported, import};
use crate::up::join::{start_joiner, wait_for_vote};
use crate::up::layout::{Layout, Lock};
use crate::up::open::{verify, write_trust};
use crate::up::ports::Ports;
use crate::up::prepare::{Prepared, prepare};
use crate::up::progress;
use crate::up::prove::{self, AuditSummary};
use crate::up::receipts::verify_all;

/// With fewer replicas, one that dies stops the service.
const REPLICAS_FOR_FAILOVER: u8 = 3;
/// So often replicas are started again after the tour.
const REVIVALS_MAX: u32 = 100;
/// The parts that every tour has before it says how to go on.
const PARTS: u8 = 8;

/// A tour, with everything that it has started.
pub(crate) struct Tour {
    pub(crate) layout: Layout,
    began: Instant,
    replicas: u8,
    ports: Ports,
    data: DataSet,
    source: Option<std::path::PathBuf>,
    prepared: Prepared,
    children: Vec<Child>,
    apps: Vec<TourApp>,
    watch: bool,
    /// How often replicas were started again after the tour.
    revivals: u32,
    result: TourResult,
    _lock: Lock,
}

/// What the tour showed.
#[derive(Default)]
struct TourResult {
    network: Option<Digest>,
    replicas: Vec<ReplicaInfo>,
    records: usize,
    receipts_verified: usize,
    failover_ms: Option<u64>,
    lost_writes: Option<usize>,
    plaintext_hits: usize,
    audit: AuditSummary,
}

impl Tour {
    /// Part 1. What the user got wrong is found here, before anything runs.
    pub(crate) fn begin(args: &UpArgs) -> Outcome<Self> {
        let data = DataSet::read(args.import.as_deref())?;
        let apps = args.app.iter().map(|dir| TourApp::open(dir));
        let apps = apps.collect::<Outcome<Vec<_>>>()?;
        let ports = Ports::new(args.port_base);
        let layout = Layout::new(&args.dir);
        progress::part(1, "keys and manifest");
        let lock = progress::check("lock the folder", Lock::take(&layout))?;
        progress::check("find free ports", ports.check_free(args.replicas + 1))?;
        let prepared = progress::check("make keys and manifest", prepare(&layout, args.replicas))?;
        let members: Vec<_> = prepared
            .members
            .iter()
            .map(crate::member_key::MemberKey::name)
            .collect();
        progress::done(format!("locked {}", layout.dir().display()));
        progress::done(format!(
            "keys for the members {} and one user (private files, mode 0600)",
            members.join(", ")
        ));
        progress::done(format!("genesis manifest {}", prepared.manifest.digest()));
        Ok(Self {
            layout,
            began: Instant::now(),
            replicas: args.replicas,
            ports,
            data,
            source: args.import.clone(),
            prepared,
            children: Vec::new(),
            apps,
            watch: args.watch,
            revivals: 0,
            result: TourResult::default(),
            _lock: lock,
        })
    }

    /// Parts 2 to 8.
    pub(crate) async fn go(&mut self) -> Outcome {
        for app in &mut self.apps {
            progress::check("build the app", app.build().await)?;
            progress::done(format!("built the app `{}`", app.name()));
        }
        let network = self.found().await?;
        let service = self.service(network)?;
        self.join_all(&service, network).await?;
        self.open(&service, network).await?;
        let imported = self.import(&service).await?;
        Box::pin(self.receipts(&service, network, &imported)).await?;
        if self.replicas >= REPLICAS_FOR_FAILOVER {
            self.failover(&service, network).await?;
        }
        self.prove(&service, network, &imported).await?;
        Box::pin(self.set_apps(&service, network)).await?;
        self.result.replicas = service.network().await?.replicas;
        progress::note(format!(
            "\n    verified, after {} s",
            self.began.elapsed().as_secs()
        ));
        Ok(())
    }

    async fn found(&mut self) -> Outcome<Digest> {
        progress::part(2, "the first replica");
        let child = progress::check("start replica 1", start_founder(&self.layout, self.ports))?;
        progress::done(format!(
            "replica 1 is a process with simulated {} evidence",
            child.tee()
        ));
        self.children.push(child);
        let founder = self.children.last_mut().expect("it was just put there");
        let founded = found(founder, &self.prepared).await;
        let network = progress::check("found the network", founded)?;
        progress::done(format!(
            "block 0 is written; its hash is the network id {network}"
        ));
        self.result.network = Some(network);
        Ok(network)
    }

    /// A client that pins the network id and verifies every replica before it sends anything.
    fn service(&self, network: Digest) -> Outcome<Service> {
        let trust = Trust::Verified(Box::new(Verifier::new(network, None)));
        let user = Some(self.prepared.user.clone());
        Ok(Service::new(
            [self.ports.url(1)],
            trust,
            user,
            RetryPolicy::default(),
        )?)
    }

    async fn join_all(&mut self, service: &Service, network: Digest) -> Outcome {
        if self.replicas > 1 {
            progress::part(3, "more replicas, from other vendors");
        }
        for number in 2..=self.replicas {
            let tee = tee_of(number);
            self.join(service, network, number, tee).await?;
        }
        Ok(())
    }

    async fn join(
        &mut self,
        service: &Service,
        network: Digest,
        number: u8,
        tee: synod_attestation::Tee,
    ) -> Outcome<u64> {
        let what = format!("let replica {number} join");
        let urls = self.service_urls();
        let started = start_joiner(&self.layout, self.ports, number, tee, network, &urls);
        self.children.push(progress::check(&what, started)?);
        let child = self.children.last_mut().expect("it was just put there");
        let info = progress::check(&what, wait_for_vote(child, service).await)?;
        service.add_replica(child.url());
        progress::done(format!(
            "{} evidence ({}, simulated): attested both ways, recorded, fetched and verified the ledger, votes as replica {}",
            info.tee, info.vendor, info.id
        ));
        Ok(info.id)
    }

    async fn open(&mut self, service: &Service, network: Digest) -> Outcome {
        progress::part(4, "opening, and a client that verifies");
        let verified = service.verify_voters().await.map_err(opening::refused);
        let verified = progress::check("verify the voters", verified)?;
        let opened = act(
            service,
            network,
            self.prepared.quorum(),
            opening::of(&verified),
        )
        .await;
        let reply = progress::check("open the service", opened)?;
        progress::done(format!(
            "{} members verified {} voters and signed act {}: the service is open from configuration {} on",
            self.prepared.quorum().len(),
            verified.voters().len(),
            reply.sequence,
            verified.configuration().number
        ));
        progress::check(
            "verify the service",
            verify(network, &self.ports.url(1)).await,
        )?;
        self.write_trust(service, network).await
    }

    async fn write_trust(&self, service: &Service, network: Digest) -> Outcome {
        let service_ca = service.network().await?.service_ca;
        write_trust(&self.layout, network, self.service_urls(), service_ca)
    }

    async fn import(&mut self, service: &Service) -> Outcome<Vec<Imported>> {
        progress::part(5, "private records");
        self.data.commonplace =
            prove::commonplaces(&self.layout, &self.data, self.source.as_deref())?;
        let began = Instant::now();
        let imported = progress::check("import the records", import(service, &self.data).await)?;
        progress::done(format!(
            "{}: {} records written over HTTPS, committed on a quorum's disks, in {} ms",
            self.data.name,
            imported.len(),
            began.elapsed().as_millis()
        ));
        self.result.records = imported.len();
        Ok(imported)
    }

    async fn receipts(
        &mut self,
        service: &Service,
        network: Digest,
        imported: &[Imported],
    ) -> Outcome {
        progress::part(6, "receipts");
        let vendors = usize::from(self.replicas.min(2));
        let verified = verify_all(service, &self.layout, network, imported, vendors);
        let verified = Box::pin(verified).await;
        self.result.receipts_verified = progress::check("verify the receipts", verified)?;
        progress::done(format!(
            "{} receipts verified offline: signers of {vendors} vendors, this request, this answer",
            self.result.receipts_verified
        ));
        Ok(())
    }

    async fn failover(&mut self, service: &Service, network: Digest) -> Outcome {
        progress::part(7, "the leader dies");
        let state = service.network().await?;
        let dead = state
            .leader
            .and_then(|leader| state.replicas.iter().find(|replica| replica.id == leader))
            .ok_or_else(|| Failure::broken("the service does not name a leader"))?;
        let position = self
            .children
            .iter()
            .position(|child| child.url().to_string() == dead.url)
            .ok_or_else(|| Failure::broken("the leader is not one of these replicas"))?;
        let writers = Writers::start(service).await;
        let death = Instant::now();
        let mut child = self.children.remove(position);
        child.kill().await?;
        progress::done(format!(
            "replica {} led, and was killed with SIGKILL while writes went on",
            dead.id
        ));
        service.remove_replica(child.url());
        progress::check(
            "go on without the leader",
            writers.wait_past(state.view).await,
        )?;
        let acknowledged = progress::check("go on writing", writers.finish().await)?;
        self.count_losses(service, &acknowledged, state.view, death)
            .await?;
        self.replace(service, network, dead.id, child.tee()).await
    }

    async fn count_losses(
        &mut self,
        service: &Service,
        acknowledged: &[crate::up::failover::Acknowledged],
        view: u64,
        death: Instant,
    ) -> Outcome {
        let failover_ms = failover_ms(acknowledged, view, death);
        let lost = progress::check(
            "read the writes back",
            lost_writes(service, acknowledged).await,
        )?;
        self.result.failover_ms = Some(failover_ms);
        self.result.lost_writes = Some(lost);
        if lost > 0 {
            let failure = Failure::not_verified(format!("{lost} acknowledged writes are lost"));
            return progress::check("keep every write", Err(failure));
        }
        progress::done(format!(
            "the next write was acknowledged {failover_ms} ms after the death"
        ));
        progress::done(format!(
            "none of {} acknowledged writes is lost",
            acknowledged.len()
        ));
        Ok(())
    }

    async fn replace(
        &mut self,
        service: &Service,
        network: Digest,
        dead: u64,
        tee: synod_attestation::Tee,
    ) -> Outcome {
        let cause = "its process was killed".to_owned();
        let removed = act(
            service,
            network,
            self.prepared.quorum(),
            Act::RemoveReplica { id: dead, cause },
        )
        .await;
        let reply = progress::check("remove the dead replica", removed)?;
        progress::done(format!(
            "replica {dead} was removed by the members' signed act {}",
            reply.sequence
        ));
        self.join(service, network, self.replicas + 1, tee).await?;
        self.write_trust(service, network).await
    }

    async fn prove(
        &mut self,
        service: &Service,
        network: Digest,
        imported: &[Imported],
    ) -> Outcome {
        progress::part(8, "what the hosts could see");
        let control = prove::positive_control(service, &self.layout).await;
        let control = progress::check("find what is public", control)?;
        progress::done(format!(
            "positive control: a text in a `public:` map is found {control} times"
        ));
        let found = prove::search_for_records(&self.layout, &self.data, self.source.as_deref());
        let found = progress::check("find no imported value", found)?;
        self.result.plaintext_hits = found.hits.len();
        match self.data.texts().len() {
            0 => progress::note(
                "NOT SHOWN that no imported value is on disk: every value is shorter than six bytes or also found in other files",
            ),
            texts => progress::done(format!(
                "none of {texts} imported lines and values in {} bytes of {} files",
                found.bytes, found.files
            )),
        }
        if !self.data.commonplace.is_empty() {
            let count = self.data.commonplace.len();
            progress::note(format!(
                "{count} values were left out: they stood in files before the import"
            ));
        }
        let reports = progress::check("audit the ledgers", prove::audit(&self.layout, network))?;
        let longest = reports.iter().max_by_key(|report| report.blocks);
        if let Some(longest) = longest {
            progress::done(format!(
                "{} ledgers audited offline, governance recomputed: {} blocks, {} transactions",
                reports.len(),
                longest.blocks,
                longest.transactions
            ));
        }
        let folder = self
            .children
            .last()
            .map(Child::folder)
            .expect("a replica runs");
        let rebuilt = prove::rebuild(folder, network, self.prepared.quorum(), imported);
        let rebuilt = progress::check("rebuild the records", rebuilt)?;
        progress::done(format!(
            "{rebuilt} records rebuilt from {} and two members' shares: the same",
            folder.display()
        ));
        self.result.audit = AuditSummary {
            ledgers: reports.len(),
            blocks: longest.map_or(0, |report| report.blocks),
            transactions: longest.map_or(0, |report| report.transactions),
            configuration: longest.map_or(0, |report| report.configuration),
            rebuilt_records: rebuilt,
        };
        Ok(())
    }

    async fn set_apps(&mut self, service: &Service, network: Digest) -> Outcome {
        if self.apps.is_empty() {
            return Ok(());
        }
        progress::part(PARTS + 1, "apps");
        for app in &mut self.apps {
            let deployed = app.deploy(service, network, self.prepared.quorum()).await;
            progress::check("set the app", deployed)?;
            progress::check("call the app", app.call(service).await)?;
        }
        Ok(())
    }

    /// With `--watch`: builds and sets anew the apps whose sources changed.
    pub(crate) async fn watch_apps(&mut self) -> Outcome {
        let Some(network) = self.result.network.filter(|_| self.watch) else {
            return Ok(());
        };
        let service = self.service(network)?;
        for url in self.service_urls() {
            service.add_replica(&url);
        }
        for app in &mut self.apps {
            if app.has_changed() {
                app.deploy_again(&service, network, self.prepared.quorum())
                    .await;
            }
        }
        Ok(())
    }

    /// How to go on with the apps.
    pub(crate) fn app_commands(&self, option: &str) -> Vec<String> {
        self.apps
            .iter()
            .flat_map(|app| app.commands(option))
            .collect()
    }

    /// The number of the part that comes next.
    pub(crate) fn next_part(&self) -> u8 {
        PARTS + 1 + u8::from(!self.apps.is_empty())
    }

    /// The addresses of the replicas that run.
    pub(crate) fn service_urls(&self) -> Vec<ReplicaUrl> {
        self.children
            .iter()
            .map(|child| child.url().clone())
            .collect()
    }

    /// The result, on standard output.
    pub(crate) fn tell_result(&self, output: Output) -> Outcome {
        let result = &self.result;
        let replicas: Vec<_> = result
            .replicas
            .iter()
            .map(|replica| json!({ "id": replica.id, "vendor": replica.vendor, "simulated": replica.simulated }))
            .collect();
        let data = json!({
            "simulated": true,
            "network_id": result.network.map(|network| network.to_string()),
            "replicas": replicas,
            "records": result.records,
            "receipts_verified": result.receipts_verified,
            "failover_ms": result.failover_ms,
            "lost_writes": result.lost_writes,
            "plaintext_hits": result.plaintext_hits,
            "texts_searched": self.data.texts().len(),
            "audit": result.audit,
            "apps": self.apps.iter().map(TourApp::name).collect::<Vec<_>>(),
        });
        output.result(&data, || {
            format!(
                "verified: network {}, {} replicas (SIMULATED), {} records, {} receipts",
                result.network.unwrap_or_default(),
                result.replicas.len(),
                result.records,
                result.receipts_verified
            )
        })
    }

    /// Says which replicas have ended, and starts them again in their own place, if the others can
    /// go on without.
    pub(crate) fn revive_the_dead(&mut self) {
        let mut dead = Vec::new();
        self.children.retain_mut(|child| match child.check_alive() {
            Ok(()) => true,
            Err(failure) => {
                progress::note(failure);
                dead.push((child.number(), child.tee()));
                false
            }
        });
        for (number, tee) in dead {
            if let Err(failure) = self.revive(number, tee) {
                progress::note(failure);
            }
        }
    }

    fn revive(&mut self, number: u8, tee: synod_attestation::Tee) -> Outcome {
        let network = self
            .result
            .network
            .filter(|_| self.replicas >= REPLICAS_FOR_FAILOVER);
        let Some(network) = network.filter(|_| self.revivals < REVIVALS_MAX) else {
            progress::note(format!("replica {number} is not started again"));
            return Ok(());
        };
        self.revivals += 1;
        let urls = self.service_urls();
        let child = start_joiner(&self.layout, self.ports, number, tee, network, &urls)?;
        self.children.push(child);
        progress::note(format!(
            "replica {number} is started again: it joins as a new one, in the place of its former self"
        ));
        Ok(())
    }

    /// Stops every replica.
    pub(crate) async fn stop_all(&mut self) {
        for child in &mut self.children {
            child.stop().await;
        }
        self.children.clear();
    }
}
