//! What an API server on a host is told of etcd.

use runbook_model::facts::{EtcdServers, EtcdServersUntold};

use super::ProbeAnswers;
use crate::frame::Frame;
use crate::program::api_server;
use crate::program::probe::unit_of;

impl ProbeAnswers<'_> {
    pub(super) fn api_server(&mut self, frame: &Frame) {
        let Some(manifest) = &self.request.api_server else {
            return;
        };
        let (source, endpoints) = match frame.tag() {
            "api-manifest" => (manifest.clone(), api_server::of_manifest(&frame.payload)),
            "api-unreadable" => (manifest.clone(), Err(EtcdServersUntold::Unreadable)),
            _ => match api_server::of_unit(&frame.text()) {
                Err(EtcdServersUntold::Absent) => {
                    (manifest.clone(), Err(EtcdServersUntold::Absent))
                }
                told => {
                    let unit = unit_of(manifest).unwrap_or_default();
                    (format!("{unit}.service"), told)
                }
            },
        };
        self.facts.api_server = Some(EtcdServers { source, endpoints });
    }
}
