use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use runbook_model::cluster::{MemberProbe, MemberQuery};
use runbook_model::facts::{HostError, HostFacts, ProbeRequest};
use runbook_model::host::{HostName, MemberSpec};
use runbook_model::view::SnapshotFacts;
use runbook_run::world::Observe;
use tokio::time::timeout;

use super::receipt::{broken, next_frame};
use super::snapshot::snapshot_facts;
use super::world::RealWorld;
use crate::frame::{self, Frames};
use crate::program::{self, Context, ProbeAnswers};
use crate::transport::{Link, LinkError};

/// Most bytes of one record's payload.
pub(super) const PAYLOAD_LIMIT: usize = 8 * 1024 * 1024;

impl Observe for RealWorld {
    async fn probe(&self, host: &HostName, request: &ProbeRequest) -> Result<HostFacts, HostError> {
        let link = self.shared.link(host)?;
        let limit_s = self.shared.settings.probe_timeout_s;
        // Asking twice does no harm, so a lost connection is tried once more.
        let twice = async {
            match self.probe_once(&link, request).await {
                Err(HostError::Garbled { .. }) => self.probe_once(&link, request).await,
                answer => answer,
            }
        };
        match timeout(Duration::from_secs(limit_s), twice).await {
            Ok(result) => result,
            Err(_) => Err(HostError::Timeout {
                host: host.clone(),
                limit_s,
            }),
        }
    }

    async fn member(&self, spec: &MemberSpec, query: MemberQuery) -> MemberProbe {
        self.members.probe(spec, query).await
    }

    async fn snapshot(&self, path: &str, sha256: Option<&str>) -> SnapshotFacts {
        let (file, expected) = (PathBuf::from(path), sha256.map(str::to_owned));
        // Hashing a whole file is no work for the threads that talk to hosts.
        let read = move || snapshot_facts(&file, expected.as_deref());
        tokio::task::spawn_blocking(read)
            .await
            .unwrap_or_else(|error| SnapshotFacts {
                refused: vec![format!("reading it failed: {error}")],
                ..SnapshotFacts::default()
            })
    }

    fn now_ms(&self) -> i64 {
        now_ms()
    }

    async fn sleep(&self, ms: u64) {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}

impl RealWorld {
    async fn probe_once(
        &self,
        link: &Link,
        request: &ProbeRequest,
    ) -> Result<HostFacts, HostError> {
        let host = link.host();
        let garbled = |detail: String| HostError::Garbled {
            host: host.clone(),
            detail,
        };
        let known = self
            .shared
            .known
            .lock()
            .await
            .get(host)
            .cloned()
            .unwrap_or_default();
        let nonce = frame::nonce().map_err(|e| garbled(e.to_string()))?;
        let context = Context {
            nonce: &nonce,
            state_root: self.shared.settings.host_state_root.as_deref(),
            cluster: request.cluster.as_deref().unwrap_or(""),
            host: host.as_str(),
            run: "",
        };
        let program =
            program::probe(&context, request, &known).map_err(|e| garbled(e.to_string()))?;
        // The connection is made before the clock is compared.
        link.connect().await?;
        let began_ms = now_ms();
        let mut channel = match link.run(&program).await {
            Ok(channel) => channel,
            Err(LinkError::NotSent(error)) => return Err(error),
            Err(LinkError::Lost(detail)) => return Err(garbled(detail)),
        };
        let mut answers = ProbeAnswers::new(request);
        let mut clock_ms = began_ms;
        let mut frames = Frames::new(&mut channel.output, &nonce);
        let mut state = super::receipt::Assembly::default();
        while let Some(frame) = next_frame(&mut frames, &mut state, PAYLOAD_LIMIT).await {
            if frame.tag() == "clock" {
                clock_ms = now_ms();
            }
            answers.read(&frame, &known);
            if answers.ended() {
                let (facts, tools) = answers.finish(began_ms, clock_ms);
                if request.tools {
                    self.shared.known.lock().await.insert(host.clone(), tools);
                }
                drop(frames);
                link.give_back(channel);
                return Ok(facts);
            }
        }
        let noise = state.noise();
        drop(frames);
        Err(broken(host, &mut channel, &noise).await)
    }
}

/// Milliseconds since the epoch.
pub(super) fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
