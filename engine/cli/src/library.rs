//! Shipped runbooks and templates, embedded; and where a runbook's name is looked up.

use std::path::{Path, PathBuf};

/// An embedded text.
pub struct Shipped {
    /// As `restore.etcdrb`.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
}

/// A file of playbooks/.
macro_rules! shipped {
    ($($name:literal),* $(,)?) => {
        &[$(Shipped {
            name: $name,
            text: include_str!(concat!("../../../playbooks/", $name)),
        }),*]
    };
}

/// Runbooks, by name.
pub const RUNBOOKS: &[Shipped] = shipped![
    "backup.etcdrb",
    "deploy.etcdrb",
    "maintain.etcdrb",
    "member-update.etcdrb",
    "preflight.etcdrb",
    "recover-majority.etcdrb",
    "recover-nospace.etcdrb",
    "replace.etcdrb",
    "restore.etcdrb",
    "rolling-restart.etcdrb",
    "rotate-authority.etcdrb",
    "rotate-certs.etcdrb",
    "scale-down.etcdrb",
    "scale-up.etcdrb",
    "set-quota.etcdrb",
    "upgrade.etcdrb",
];

/// Files of procedures that runbooks import, by path.
pub const LIBRARY: &[Shipped] = shipped!["lib/members.etcdrb", "lib/membership.etcdrb"];

/// Templates that shipped runbooks and verbs use, by name.
pub const TEMPLATES: &[Shipped] = &[
    Shipped {
        name: "etcd.conf.j2",
        text: include_str!("../../../playbooks/templates/etcd.conf.j2"),
    },
    Shipped {
        name: "etcd.service.j2",
        text: include_str!("../../../playbooks/templates/etcd.service.j2"),
    },
];

/// A runbook's text with its origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Path, or `embedded:restore.etcdrb`.
    pub name: String,
    /// Its text.
    pub text: String,
    /// Where templates are looked for first; none for embedded ones.
    pub dir: Option<PathBuf>,
}

/// Why a runbook was not found or not read.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// No file and no shipped runbook of this name.
    #[error("there is no runbook `{name}`")]
    NotFound {
        /// As given.
        name: String,
        /// Names of shipped ones.
        shipped: Vec<&'static str>,
    },
    /// It cannot be read.
    #[error("cannot read `{path}`: {source}")]
    Unreadable {
        /// Path.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

/// What the names of shipped texts begin with.
pub const EMBEDDED: &str = "embedded:";

/// Finds a runbook: a path, or `embedded:NAME`; then RUNBOOK_PATH's directories, `./playbooks`, the embedded ones (with or without `.etcdrb`).
/// The shipped library's files are found by their paths.
pub fn find(name: &str, search: &[PathBuf]) -> Result<Found, LookupError> {
    let direct = Path::new(name);
    if direct.exists() {
        return read(direct);
    }
    if let Some(shipped) = name.strip_prefix(EMBEDDED)
        && let Some(found) = embedded(shipped)
    {
        return Ok(found);
    }
    if !name.contains('/') {
        let file = if name.ends_with(".etcdrb") {
            name.to_owned()
        } else {
            format!("{name}.etcdrb")
        };
        for dir in search
            .iter()
            .map(PathBuf::as_path)
            .chain([Path::new("playbooks")])
        {
            let path = dir.join(&file);
            if path.is_file() {
                return read(&path);
            }
        }
        if let Some(found) = embedded(&file) {
            return Ok(found);
        }
    } else if let Some(found) = embedded(name) {
        return Ok(found);
    }
    Err(LookupError::NotFound {
        name: name.to_owned(),
        shipped: RUNBOOKS.iter().map(|s| s.name).collect(),
    })
}

fn embedded(file: &str) -> Option<Found> {
    let mut all = RUNBOOKS.iter().chain(LIBRARY);
    let shipped = all.find(|s| s.name == file)?;
    Some(Found {
        name: format!("{EMBEDDED}{}", shipped.name),
        text: shipped.text.to_owned(),
        dir: None,
    })
}

fn read(path: &Path) -> Result<Found, LookupError> {
    let text = std::fs::read_to_string(path).map_err(|source| LookupError::Unreadable {
        path: path.display().to_string(),
        source,
    })?;
    Ok(Found {
        name: path.display().to_string(),
        text,
        dir: path.parent().map(Path::to_path_buf),
    })
}

/// The file at a path that the file called `from` imports: below that one's directory, else of the shipped library. None: in
/// neither.
///
/// # Errors
/// It is there and cannot be read.
pub fn import(path: &str, from: &str) -> Result<Option<Found>, LookupError> {
    if !stays_below(path) {
        return Ok(None);
    }
    if let Some(shipped) = from.strip_prefix(EMBEDDED) {
        let beside = Path::new(shipped).with_file_name(path);
        let beside = beside.to_str().and_then(embedded);
        return Ok(beside.or_else(|| embedded(path)));
    }
    let beside = Path::new(from).with_file_name(path);
    // What is no file, as a pipe, might never end.
    if beside.is_file() {
        return read(&beside).map(Some);
    }
    Ok(embedded(path))
}

/// Whether a path stays below the directory that it is looked for in.
fn stays_below(path: &str) -> bool {
    let normal = |c| matches!(c, std::path::Component::Normal(_));
    Path::new(path).components().all(normal)
}

/// A template's text: beside the runbook (`templates/` or the directory itself), else an embedded one.
pub fn template(name: &str, dir: Option<&Path>) -> Option<Found> {
    if !stays_below(name) {
        return None;
    }
    dir.into_iter()
        .flat_map(|dir| [dir.join("templates").join(name), dir.join(name)])
        .find_map(|path| read(&path).ok())
        .or_else(|| {
            TEMPLATES.iter().find(|s| s.name == name).map(|s| Found {
                name: format!("{EMBEDDED}{}", s.name),
                text: s.text.to_owned(),
                dir: None,
            })
        })
}

#[cfg(test)]
mod tests {
    use super::{find, import, template};

    /// What was imported: its name, or that there is nothing.
    fn imported(path: &str, from: &str) -> Option<String> {
        import(path, from).unwrap().map(|found| found.name)
    }

    #[test]
    fn imports_are_found_beside_the_file_then_in_the_shipped_library() {
        let playbooks = concat!(env!("CARGO_MANIFEST_DIR"), "/../../playbooks");
        let beside = imported("lib/members.etcdrb", &format!("{playbooks}/own.etcdrb"));
        assert_eq!(beside, Some(format!("{playbooks}/lib/members.etcdrb")));
        let shipped = Some("embedded:lib/members.etcdrb".to_owned());
        assert_eq!(imported("lib/members.etcdrb", "/tmp/own.etcdrb"), shipped);
        assert_eq!(
            imported("lib/members.etcdrb", "embedded:rolling-restart.etcdrb"),
            shipped
        );
        // Within the library a path is relative to the file as well.
        assert_eq!(
            imported("members.etcdrb", "embedded:lib/members.etcdrb"),
            shipped
        );
        assert_eq!(imported("members.etcdrb", "/tmp/own.etcdrb"), None);
    }

    #[test]
    fn imports_stay_below_the_directory() {
        let own = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../playbooks/lib/own.etcdrb"
        );
        let absolute = concat!(env!("CARGO_MANIFEST_DIR"), "/../../playbooks/backup.etcdrb");
        assert_eq!(imported("../backup.etcdrb", own), None);
        assert_eq!(imported("x/../../backup.etcdrb", own), None);
        assert_eq!(imported(absolute, own), None);
        // A directory is no file.
        assert_eq!(imported("lib", absolute), None);
    }

    #[test]
    fn a_name_finds_the_shipped_runbook_anywhere() {
        assert_eq!(
            find("restore", &[]).unwrap().name,
            "embedded:restore.etcdrb"
        );
        assert!(find("nothing.etcdrb", &[]).is_err());
    }

    #[test]
    fn templates_stay_inside_their_directory() {
        assert!(template("etcd.conf.j2", None).is_some());
        assert!(
            template(
                "../playbooks/templates/etcd.conf.j2",
                Some(std::path::Path::new("/"))
            )
            .is_none()
        );
        assert!(template("/etc/passwd", Some(std::path::Path::new("/"))).is_none());
    }
}
