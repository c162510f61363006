//! Certificates, predicted: which files of this machine a run replaces, and what members serve then.

use runbook_model::action::{Action, Rotation};
use runbook_model::cluster::MemberProbe;
use runbook_model::host::HostName;
use runbook_pki::layout::Layout;

use super::Prediction;

impl Prediction {
    /// Whether the action is done with here: work on files of this machine alone.
    pub(super) fn certificates(&mut self, host: &HostName, action: &Action) -> bool {
        match action {
            Action::IssueCertificates { makes, .. } => self.view.made.extend(makes.iter().cloned()),
            Action::RotateAuthority { dir, to, .. } => {
                let ca = Layout::new(dir).ca();
                let mut made = vec![ca.cert];
                if *to == Rotation::Switch {
                    made.push(ca.key);
                }
                let made = made.into_iter().map(|p| p.display().to_string());
                self.view.made.extend(made);
            }
            Action::Upload { dest, sha256, .. } => {
                self.served(host, dest, sha256.is_none());
                return false;
            }
            _ => return false,
        }
        true
    }

    /// etcd serves a new certificate with the next connection; when one that the run is yet to issue ends is not known here.
    fn served(&mut self, host: &HostName, dest: &str, fresh: bool) {
        let spec = self.view.specs.get(host);
        let own = spec.is_some_and(|s| dest == format!("{}/server.crt", s.pki_dir));
        if !own {
            return;
        }
        if let Some(MemberProbe::Serving(status)) = self.view.cluster.members.get_mut(host) {
            status
                .certificate_serial
                .clone_from(&status.certificate_issued);
            if fresh {
                status.certificate_not_after = None;
            }
        }
    }
}
