//! Shorthands for the tables' rows.

use super::{Argument, ArgumentType, SimpleType};

pub(super) const PATH: ArgumentType = ArgumentType::Value(&[SimpleType::Path, SimpleType::Text]);
pub(super) const INT: ArgumentType = ArgumentType::Value(&[SimpleType::Int]);
pub(super) const BYTES: ArgumentType = ArgumentType::Value(&[SimpleType::Bytes]);
pub(super) const DURATION: ArgumentType = ArgumentType::Value(&[SimpleType::Duration]);
pub(super) const TEXT: ArgumentType = ArgumentType::Value(&[SimpleType::Text]);
pub(super) const BOOL: ArgumentType = ArgumentType::Value(&[SimpleType::Bool]);
pub(super) const VERSION: ArgumentType = ArgumentType::Value(&[SimpleType::Version]);
pub(super) const SHA256: ArgumentType = ArgumentType::Value(&[SimpleType::Sha256]);

/// A required argument by position.
pub(super) const fn at(name: &'static str, ty: ArgumentType, doc: &'static str) -> Argument {
    Argument {
        name,
        label: None,
        ty,
        optional: false,
        doc,
    }
}

/// A required argument after a word.
pub(super) const fn after(
    label: &'static str,
    name: &'static str,
    ty: ArgumentType,
    doc: &'static str,
) -> Argument {
    Argument {
        name,
        label: Some(label),
        ty,
        optional: false,
        doc,
    }
}

/// The same argument, which may be left out.
pub(super) const fn maybe(argument: Argument) -> Argument {
    Argument {
        optional: true,
        ..argument
    }
}
