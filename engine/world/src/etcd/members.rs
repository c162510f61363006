//! The members of the inventory's clusters, as the world's traits ask for them.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use runbook_model::change::ClusterChange;
use runbook_model::cluster::{MemberProbe, MemberQuery, SilentCause};
use runbook_model::host::MemberSpec;

use super::access::{Access, AccessError, AccessFiles};
use super::cluster::{ChangeError, Cluster, carry_out};
use super::error::Silence;
use super::probe::member_probe;
use super::route::{Forward, Routes};
use super::save::{Bytes, Destination, SaveError, Saved, save_snapshot};
use super::write_probe::{WriteProbeError, write_probe};

/// Ways to members and what to call them with. Certificates are read anew for each question: a run may issue them on its way.
#[derive(Debug, Default)]
pub struct Members<F> {
    routes: Routes<F>,
    files: AccessFiles,
}

impl<F: Forward> Members<F> {
    /// No connection is opened yet.
    pub fn new(forward: F, files: AccessFiles) -> Self {
        Self {
            routes: Routes::new(forward),
            files,
        }
    }

    /// The ways that were found.
    pub fn routes(&self) -> &Routes<F> {
        &self.routes
    }

    /// What calls this member.
    ///
    /// # Errors
    /// A file is missing or does not serve.
    pub fn access(&self, spec: &MemberSpec) -> Result<Arc<Access>, AccessError> {
        Access::load(spec, &self.files).map(Arc::new)
    }

    /// What one member says of itself; see [`member_probe`].
    pub async fn probe(&self, spec: &MemberSpec, query: MemberQuery) -> MemberProbe {
        match self.access(spec) {
            Ok(access) => member_probe(&self.routes, spec, &access, query).await,
            Err(error) => {
                Silence::new(SilentCause::NotAsked, format!("{error} ({})", error.help())).into()
            }
        }
    }

    /// Proves that the cluster takes writes; see [`write_probe`].
    ///
    /// # Errors
    /// The member that did not do its part, and why.
    pub async fn write_probe(
        &self,
        specs: &[MemberSpec],
        limit: Duration,
    ) -> Result<String, WriteProbeError> {
        let members: Vec<_> = specs
            .iter()
            .map(|spec| Ok((spec.clone(), self.access(spec)?)))
            .collect::<Result<_, AccessError>>()?;
        write_probe(&self.routes, &members, &mark(), limit).await
    }

    /// Saves one member's snapshot; see [`save_snapshot`].
    ///
    /// # Errors
    /// Why there is none; nothing of it is left behind.
    pub async fn save_snapshot(
        &self,
        spec: &MemberSpec,
        destination: Destination<'_>,
        progress: Bytes<'_>,
    ) -> Result<Saved, SaveError> {
        let access = self.access(spec)?;
        save_snapshot(&self.routes, spec, &access, destination, progress).await
    }
}

impl<F: Forward> Members<F> {
    /// Carries out a change of the cluster; false: it was so already.
    ///
    /// # Errors
    /// Why it was not made, or is not known to be.
    pub async fn change(
        &self,
        cluster: Cluster<'_>,
        change: &ClusterChange,
    ) -> Result<bool, ChangeError> {
        // Boxed: a change is a deep future, and so is whatever awaits it.
        Box::pin(carry_out(self, cluster, change)).await
    }
}

/// A name for a key that no other probe has at this moment.
fn mark() -> String {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    format!("{}-{}", since.as_nanos(), std::process::id())
}
