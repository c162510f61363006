//! The small syntaxes of inventories, each text in, data out.

pub mod address;
pub mod ini;
pub mod lines;
pub mod literal;
pub mod words;
pub mod yaml;
mod yaml_scalar;
