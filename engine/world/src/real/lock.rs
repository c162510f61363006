use runbook_model::facts::{HostError, LockFacts};
use runbook_model::host::HostName;
use std::time::Duration;
use tokio::time::timeout;

use super::observe::PAYLOAD_LIMIT;
use super::receipt::{Assembly, broken, next_frame};
use super::world::RealWorld;
use crate::frame::{self, Frame, Frames};
use crate::program::{self, Context};
use crate::quote::NulByte;
use crate::transport::LinkError;

impl RealWorld {
    pub(super) async fn take_lock(
        &self,
        host: &HostName,
        cluster: &str,
        lock: &LockFacts,
    ) -> Result<Result<(), LockFacts>, HostError> {
        let json = serde_json::to_string(lock).unwrap_or_default();
        let frame = self
            .ask(host, cluster, &lock.run, |context| {
                program::take_lock(context, &json)
            })
            .await?;
        match frame.tag() {
            "locked" => Ok(Ok(())),
            "fenced" => match program::held_lock(&frame.text()) {
                Some(held) => Ok(Err(held)),
                None => Err(HostError::Garbled {
                    host: host.clone(),
                    detail: "its lock cannot be read".to_owned(),
                }),
            },
            _ => Err(HostError::Garbled {
                host: host.clone(),
                detail: crate::text::line(&frame.payload),
            }),
        }
    }

    pub(super) async fn release_lock(
        &self,
        host: &HostName,
        cluster: &str,
        run: &str,
    ) -> Result<(), HostError> {
        self.ask(host, cluster, run, program::release_lock)
            .await
            .map(|_| ())
    }

    /// Runs a program whose answer is one record. Asking twice does no harm, so a lost connection is tried once more.
    async fn ask(
        &self,
        host: &HostName,
        cluster: &str,
        run: &str,
        compile: impl Fn(&Context<'_>) -> Result<String, NulByte>,
    ) -> Result<Frame, HostError> {
        let link = self.shared.link(host)?;
        let limit_s = self.shared.settings.probe_timeout_s;
        let garbled = |detail: String| HostError::Garbled {
            host: host.clone(),
            detail,
        };
        let once = async || {
            let nonce = frame::nonce().map_err(|e| garbled(e.to_string()))?;
            let context = Context {
                nonce: &nonce,
                state_root: self.shared.settings.host_state_root.as_deref(),
                cluster,
                host: host.as_str(),
                run,
            };
            let program = compile(&context).map_err(|e| garbled(e.to_string()))?;
            let mut channel = match link.run(&program).await {
                Ok(channel) => channel,
                Err(LinkError::NotSent(error)) => return Err(error),
                Err(LinkError::Lost(detail)) => return Err(garbled(detail)),
            };
            let mut frames = Frames::new(&mut channel.output, &nonce);
            let mut state = Assembly::default();
            let answer = next_frame(&mut frames, &mut state, PAYLOAD_LIMIT).await;
            drop(frames);
            match answer {
                Some(answer) => {
                    link.give_back(channel);
                    Ok(answer)
                }
                None => Err(broken(host, &mut channel, &state.noise()).await),
            }
        };
        let twice = async {
            match once().await {
                Err(HostError::Garbled { .. }) => once().await,
                answer => answer,
            }
        };
        match timeout(Duration::from_secs(limit_s), twice).await {
            Ok(answer) => answer,
            Err(_) => Err(HostError::Timeout {
                host: host.clone(),
                limit_s,
            }),
        }
    }
}
