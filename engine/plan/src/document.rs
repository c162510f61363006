//! The plan file: one JSON document that says what it is, and carries the digest of its content.
//!
//! The digest is SHA-256 over the content as compact JSON with sorted keys: it survives reformatting, and nothing else.

use runbook_model::saved::{SAVED_KIND, SAVED_VERSION, SavedPlan};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::files::sha256;

/// The document around the content.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    what: String,
    version: u32,
    /// Of `content`.
    sha256: String,
    content: Json,
}

/// A plan file, believed.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanFile {
    /// What it holds.
    pub saved: SavedPlan,
    /// SHA-256 of the content, lower-case hex: the plan's name among all plans.
    pub digest: String,
}

/// Why a plan file cannot be believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanFileError {
    /// Not the JSON of a plan file: cut short, or something else.
    #[error("it is no plan file: {detail}")]
    Form {
        /// The parser's own words.
        detail: String,
    },
    /// Of a format that this version does not read.
    #[error("it is a plan file of format {found}, and this version reads {SAVED_VERSION}")]
    Version {
        /// The file's.
        found: u32,
    },
    /// The content is not the one that the digest was made of.
    #[error(
        "it was edited or damaged after it was saved: its content hashes to {found}, not to {said}"
    )]
    Edited {
        /// What the file says.
        said: String,
        /// What its content hashes to.
        found: String,
    },
}

/// Whether a text claims to be a plan file: no runbook begins like JSON.
pub fn is_plan_file(text: &[u8]) -> bool {
    text.trim_ascii_start().starts_with(b"{")
}

/// The text of a plan file and its digest. The same content gives the same bytes.
///
/// # Errors
/// A value that JSON cannot hold.
pub fn write_plan_file(saved: &SavedPlan) -> Result<(String, String), serde_json::Error> {
    let content = serde_json::to_value(saved)?;
    let digest = digest(&content);
    let document = Document {
        what: SAVED_KIND.to_owned(),
        version: SAVED_VERSION,
        sha256: digest.clone(),
        content,
    };
    Ok((serde_json::to_string_pretty(&document)? + "\n", digest))
}

/// Reads a plan file back.
///
/// # Errors
/// It is not one, or not as it was saved.
pub fn read_plan_file(text: &str) -> Result<PlanFile, PlanFileError> {
    let form = |e: serde_json::Error| PlanFileError::Form {
        detail: e.to_string(),
    };
    let json: Json = serde_json::from_str(text).map_err(form)?;
    if json.get("what").and_then(Json::as_str) != Some(SAVED_KIND) {
        return Err(PlanFileError::Form {
            detail: format!("it does not say that it is a {SAVED_KIND}"),
        });
    }
    // Before its form: another version may have another one.
    let version = json.get("version").and_then(Json::as_u64).unwrap_or(0);
    let version = u32::try_from(version).unwrap_or(u32::MAX);
    if version != SAVED_VERSION {
        return Err(PlanFileError::Version { found: version });
    }
    let document: Document = serde_json::from_value(json).map_err(form)?;
    let found = digest(&document.content);
    if found != document.sha256 {
        return Err(PlanFileError::Edited {
            said: document.sha256,
            found,
        });
    }
    Ok(PlanFile {
        saved: serde_json::from_value(document.content).map_err(form)?,
        digest: found,
    })
}

/// Over every field, also those that nobody reads.
fn digest(content: &Json) -> String {
    let mut sorted = content.clone();
    sorted.sort_all_objects();
    sha256(sorted.to_string().as_bytes())
}
