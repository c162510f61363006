//! Which cipher ssh is asked to prefer, where nobody else said anything about that.

use std::fs;
use std::path::Path;

/// What nothing is lost by: as strong as ssh's own first choice, and with the processor's help several times faster. A leading `^` puts it
/// before ssh's defaults (since OpenSSH 8.0), which all stay.
const PREFERRED: &str = "^aes128-gcm@openssh.com";

/// The value of `Ciphers` to pass to ssh; none where a configuration of the user's or the machine's speaks of ciphers, or includes
/// others that may, or where this processor does not help.
pub fn preferred_cipher(home: &Path) -> Option<&'static str> {
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let helps = |line: &str| {
        (line.starts_with("flags") || line.starts_with("Features"))
            && line.split_whitespace().any(|word| word == "aes")
    };
    if !processor.lines().any(helps) {
        return None;
    }
    let mut texts = vec![
        fs::read_to_string(home.join(".ssh/config")).unwrap_or_default(),
        fs::read_to_string("/etc/ssh/ssh_config").unwrap_or_default(),
    ];
    for entry in fs::read_dir("/etc/ssh/ssh_config.d").into_iter().flatten() {
        let path = entry.ok()?.path();
        texts.push(fs::read_to_string(path).unwrap_or_default());
    }
    texts
        .iter()
        .all(|text| is_silent(text))
        .then_some(PREFERRED)
}

/// Whether a configuration says nothing of ciphers, nor includes anything but the files that are looked at anyway.
fn is_silent(text: &str) -> bool {
    text.lines().all(|line| {
        let mut words = line.split(|c: char| c.is_whitespace() || c == '=');
        let mut words = words.by_ref().filter(|word| !word.is_empty());
        match words.next().map(str::to_ascii_lowercase).as_deref() {
            Some("ciphers") => false,
            Some("include") => words.all(|file| file == "/etc/ssh/ssh_config.d/*.conf"),
            _ => true,
        }
    })
}

/// Whether arguments for ssh choose a cipher, or a configuration that may.
pub fn chooses_cipher(arguments: &[String]) -> bool {
    arguments.iter().any(|argument| {
        let lower = argument.to_ascii_lowercase();
        argument.starts_with("-c") || argument.starts_with("-F") || lower.contains("ciphers")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_anybody_said_of_ciphers_stands() {
        for silent in [
            "",
            "Host *\n  User ops\n",
            "# Ciphers aes256-ctr\nInclude /etc/ssh/ssh_config.d/*.conf\n",
        ] {
            assert!(is_silent(silent), "{silent}");
        }
        for told in [
            "Ciphers aes256-ctr\n",
            "Host x\n\tciphers=aes256-ctr\n",
            "  CIPHERS = +3des-cbc\n",
            "Include config.d/*\n",
            "Include /etc/crypto-policies/back-ends/openssh.config\n",
        ] {
            assert!(!is_silent(told), "{told}");
        }
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert!(!chooses_cipher(&words(
            "-o StrictHostKeyChecking=yes -J bastion"
        )));
        for chosen in [
            "-c aes256-ctr",
            "-caes256-ctr",
            "-F my_config",
            "-o Ciphers=aes256-ctr",
            "-oCiphers aes256-ctr",
        ] {
            assert!(chooses_cipher(&words(chosen)), "{chosen}");
        }
    }
}
