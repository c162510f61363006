//! Faults by script: what goes wrong, where and when.

use runbook_model::host::HostName;

use crate::model::Model;

/// An order to a host. A fault meets one such order and is then used up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct When {
    /// Host.
    pub host: HostName,
    /// Step's number.
    pub step: usize,
    /// Its undo.
    pub undo: bool,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No connection: nothing is begun, and that is known.
    NotReached,
    /// The connection breaks before the host has the order: nothing is begun, and that is not known.
    LostBefore,
    /// The connection breaks while it runs: it goes on to its end, and that is not known.
    LostDuring,
    /// The connection breaks before the answer: it is carried out, and that is not known.
    LostAfter,
    /// An action fails, without effect.
    Fails {
        /// Index in the order.
        action: usize,
    },
    /// The host loses power just before an action; what came before it is done.
    PowerOff {
        /// Index in the order.
        action: usize,
    },
    /// The order takes this much longer.
    Slow {
        /// Milliseconds.
        ms: u64,
    },
}

/// A moment at which a script may reach into the model.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// A host has an order, and is about to begin.
    Begins(When),
    /// A host has carried an order out; its answer is on the way.
    Ends(When),
    /// This many questions to members were answered, ever.
    Asked(u64),
}

/// What a script does at a moment.
pub(crate) type Script = Box<dyn FnOnce(&mut Model) + Send>;
