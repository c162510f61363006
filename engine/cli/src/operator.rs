//! The person at the terminal.

use std::io::Write;
use std::sync::Arc;

use runbook_run::Confirm;
use secrecy::SecretString;

use crate::environment::Environment;
use crate::exit;
use crate::failure::Failure;
use crate::progress::Progress;

/// A fresh run id: time, runbook, and enough chance that two at the same second differ.
pub fn run_id(runbook: &str) -> String {
    let now = jiff::Timestamp::now();
    let chance =
        std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), now.as_nanosecond());
    format!(
        "{}-{runbook}-{:06x}",
        now.strftime("%Y%m%dT%H%M%SZ"),
        chance & 0xff_ffff
    )
}

/// Asks for the cluster's name before what cannot be undone; with `--yes` agrees.
pub fn confirmation(yes: bool, cluster: &str, progress: Progress) -> Confirm {
    let cluster = cluster.to_owned();
    Arc::new(move |prompt: &str| {
        yes || progress.confirm(prompt, || {
            eprint!(
                "\n{}\nType the cluster's name ({cluster}) to go on, anything else to stop: ",
                runbook_report::text::wrap(&runbook_report::text::escape(prompt), 80, "")
            );
            let _ = std::io::stderr().flush();
            let mut answer = String::new();
            std::io::stdin().read_line(&mut answer).is_ok() && answer.trim() == cluster
        })
    })
}

/// Asks for a secret without showing it.
pub fn ask_secret(prompt: &str, environment: &Environment) -> Result<SecretString, Failure> {
    if !environment.can_ask {
        return Err(Failure::say(
            exit::USAGE,
            "there is no terminal to ask for the password on",
            "leave -K away and allow sudo without a password for this user".to_owned(),
        ));
    }
    eprint!("{prompt}");
    let answer = console::Term::stderr().read_secure_line()?;
    Ok(SecretString::from(answer))
}
