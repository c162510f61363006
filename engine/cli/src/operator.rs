//! The person at the terminal.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use runbook_model::plan::PlanStep;
use runbook_report::run::step_question;
use runbook_run::{AskStep, Confirm};
use secrecy::SecretString;

use crate::environment::Environment;
use crate::exit;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::terminal::read_hidden;

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

/// Asks before each step; none where that is not wanted.
pub fn step_by_step(wanted: bool, progress: Progress) -> Option<AskStep> {
    let all = AtomicBool::new(false);
    let ask = move |step: &PlanStep| {
        if all.load(Ordering::Relaxed) {
            return true;
        }
        let answer = progress.before_step(step.number, |seen| {
            eprint!(
                "\n{}\n(N)o: stop here, `resume` goes on; (y)es; (c)ontinue without asking: ",
                step_question(seen, step.number)
            );
            let _ = std::io::stderr().flush();
            let mut answer = String::new();
            let read = std::io::stdin().read_line(&mut answer).is_ok();
            if read {
                answer.trim().to_lowercase()
            } else {
                String::new()
            }
        });
        match answer.as_str() {
            "y" | "yes" => true,
            "c" | "continue" => {
                all.store(true, Ordering::Relaxed);
                true
            }
            _ => false,
        }
    };
    wanted.then(|| Arc::new(ask) as AskStep)
}

/// Refuses `--step` where nobody can be asked.
pub fn can_ask_steps(wanted: bool, environment: &Environment) -> Result<(), Failure> {
    if !wanted || environment.can_ask {
        return Ok(());
    }
    Err(Failure::say(
        exit::USAGE,
        "--step asks before each step, and there is no terminal to ask on",
        "leave --step away; --dry-run shows every step beforehand".to_owned(),
    ))
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
    Ok(SecretString::from(read_hidden(prompt)?))
}
