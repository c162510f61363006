//! One run on a stage: a world as somebody describes it, what goes wrong at which step, and an operator who does what is written.
//!
//! Knows plans and models; who writes the play, and what is expected of it, is the caller's.

mod differences;
mod play;
mod setting;

pub use differences::differences;
pub use play::{Act, Cue, Ending, Played, Side, play};
pub use setting::Setting;

use runbook_model::host::HostName;

use crate::model::Model;

/// What becomes of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plight {
    /// Its etcd stops.
    Down,
    /// It loses power.
    Dead,
    /// Nobody reaches it any more.
    Unreachable,
    /// It is powered, reached, and what starts at boot runs.
    Back,
}

impl Model {
    /// Lets something become of a host.
    pub fn befall(&mut self, name: &HostName, plight: Plight) {
        match plight {
            Plight::Down => {
                for unit in self.units_of(name, |s| s.running && s.etcd.is_some()) {
                    self.stop(name, &unit);
                }
            }
            Plight::Dead => self.power_off(name),
            Plight::Unreachable => self.cut_off(name, true),
            Plight::Back => {
                self.power_on(name);
                self.join_up(name);
                self.retry_units(name);
                for unit in self.units_of(name, |s| s.enabled && !s.running) {
                    // What cannot start says so where it is looked at.
                    let _ = self.start(name, &unit);
                }
            }
        }
    }

    fn units_of(&self, name: &HostName, which: fn(&crate::model::Service) -> bool) -> Vec<String> {
        let services = self.hosts.get(name).into_iter().flat_map(|h| &h.services);
        services
            .filter(|(_, service)| which(service))
            .map(|(unit, _)| unit.clone())
            .collect()
    }
}
