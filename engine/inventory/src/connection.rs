//! How to reach a host: Ansible's connection variables, read and checked.

use runbook_model::host::{Become, Connection, HostName, Transport};
use secrecy::SecretString;

use crate::fact::Fact;
use crate::inventory::{Inventory, is_own};
use crate::problem::{Errors, Place, Problem, Source};
use crate::typed::{Typed, unfit};
use crate::value::is_login_secret;

/// What the command line says; it wins over the inventory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `-u`.
    pub user: Option<String>,
    /// `--private-key`.
    pub private_key_file: Option<String>,
    /// `-T`, seconds.
    pub connect_timeout_s: Option<u32>,
    /// `-b`.
    pub r#become: bool,
    /// `--become-user`.
    pub become_user: Option<String>,
}

/// Plain names that mean the same as Ansible's. The first two count only where the host itself has them: in a group they
/// are too often a service's.
pub const PLAIN_NAMES: [(&str, &str); 9] = [
    ("host", "ansible_host"),
    ("port", "ansible_port"),
    ("user", "ansible_user"),
    ("connection", "ansible_connection"),
    ("private_key_file", "ansible_private_key_file"),
    ("ssh_common_args", "ansible_ssh_common_args"),
    ("become", "ansible_become"),
    ("become_user", "ansible_become_user"),
    ("become_method", "ansible_become_method"),
];

const OWN_ONLY: [&str; 3] = ["host", "port", "user"];

/// What a host's address may consist of: names, IPv4, IPv6 with a zone.
fn in_address(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%' | '+')
}

/// What a user's name may consist of; domain accounts have `@` and `\`.
fn in_user(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '@' | '+' | '$' | '\\')
}

impl Inventory {
    /// How to reach a host. Errors: every variable that is not fit for it.
    pub fn connection(&self, host: &HostName, overrides: &Overrides) -> Result<Connection, Errors> {
        let Some(place) = self.place_of(host).cloned() else {
            let fact = Fact::HostName {
                name: crate::paths::show(host.as_str()),
                why: "the inventory does not have it",
            };
            return Err(Problem::new(fact, Place::whole(&Source::new("the inventory", ""))).into());
        };
        let mut read = Reader {
            typed: Typed::new(self, host),
        };
        let transport = read.transport();
        let given = read.word(
            "host",
            &["ansible_ssh_host", "ansible_host"],
            "an address",
            in_address,
        );
        let address = given.unwrap_or_else(|| host.to_string());
        let bad_before = !read.typed.problems.is_empty();
        if let (Some(why), Transport::Ssh, false) =
            (unfit(&address, in_address), transport, bad_before)
        {
            let fact = Fact::Unsafe {
                name: crate::paths::show(&address),
                purpose: "an address",
                why,
            };
            read.typed.report(fact, &place);
        }
        let port = read.port();
        let mut user = read.word(
            "user",
            &["ansible_ssh_user", "ansible_user"],
            "a user's name",
            in_user,
        );
        let mut private_key_file = read.text(
            "private_key_file",
            &["ansible_ssh_private_key_file", "ansible_private_key_file"],
        );
        let names = read.names("ssh_common_args", &["ansible_ssh_common_args"]);
        let mut ssh_args = read.typed.words(&names);
        ssh_args.extend(read.typed.words(&["ansible_ssh_extra_args"]));
        let timeout = read
            .typed
            .number(&["ansible_ssh_timeout", "ansible_timeout"], 1, 86_400);
        let r#become = read.r#become(overrides);
        user = overrides.user.clone().or(user);
        private_key_file = overrides.private_key_file.clone().or(private_key_file);
        let connect_timeout_s = overrides
            .connect_timeout_s
            .or(timeout.and_then(|t| u32::try_from(t).ok()));
        let connection = Connection {
            transport,
            address,
            port,
            user,
            private_key_file,
            ssh_args,
            connect_timeout_s,
            r#become,
        };
        Errors::unless_empty(read.typed.problems, connection)
    }

    /// The password that sudo is to be given, where the inventory has one (which earns a warning).
    pub fn become_password(&self, host: &HostName) -> Option<SecretString> {
        let names = [
            "ansible_become_password",
            "ansible_become_pass",
            "ansible_sudo_pass",
        ];
        let text = names
            .iter()
            .find_map(|n| self.var(host, n).filter(|v| !v.value.is_null()))?;
        let text = text
            .value
            .as_str()
            .map_or_else(|| text.value.to_string(), str::to_owned);
        (!text.is_empty() && !crate::typed::is_template(&text)).then(|| SecretString::from(text))
    }

    /// Warnings about how this host is reached: passwords in plain text, passwords that are not used.
    pub fn connection_warnings(&self, host: &HostName) -> Vec<Problem> {
        let mut found = Vec::new();
        for (name, var) in self.vars(host) {
            let template = var
                .value
                .as_str()
                .is_none_or(|s| s.is_empty() || crate::typed::is_template(s));
            if !is_login_secret(name) || template {
                continue;
            }
            let fact = if name.contains("become") || name.contains("sudo") {
                Fact::PlainPassword {
                    name: name.to_owned(),
                }
            } else {
                Fact::UnusedPassword {
                    name: name.to_owned(),
                }
            };
            found.push(Problem::new(fact, var.origin.place.clone()));
        }
        found
    }
}

struct Reader<'a> {
    typed: Typed<'a>,
}

impl<'a> Reader<'a> {
    /// Ansible's names, then the plain one where it may count.
    fn names(&self, plain: &'static str, names: &[&'static str]) -> Vec<&'static str> {
        let mut names = names.to_vec();
        let counts = !OWN_ONLY.contains(&plain)
            || self
                .typed
                .inventory
                .var(self.typed.host, plain)
                .is_some_and(is_own);
        if counts {
            names.push(plain);
        }
        names
    }

    fn word(
        &mut self,
        plain: &'static str,
        names: &[&'static str],
        purpose: &'static str,
        ok: fn(char) -> bool,
    ) -> Option<String> {
        let names = self.names(plain, names);
        self.typed.word(&names, purpose, ok)
    }

    fn text(&mut self, plain: &'static str, names: &[&'static str]) -> Option<String> {
        let names = self.names(plain, names);
        self.typed.text(&names).map(|(text, ..)| text)
    }

    fn port(&mut self) -> Option<u16> {
        let names = self.names("port", &["ansible_ssh_port", "ansible_port"]);
        self.typed.port(&names)
    }

    fn transport(&mut self) -> Transport {
        let names = self.names("connection", &["ansible_connection"]);
        let words = [
            ("ssh", Transport::Ssh),
            ("local", Transport::Local),
            ("smart", Transport::Ssh),
            ("ansible.builtin.ssh", Transport::Ssh),
            ("ansible.builtin.local", Transport::Local),
            ("paramiko", Transport::Ssh),
            ("paramiko_ssh", Transport::Ssh),
        ];
        self.typed.choice(&names, &words).unwrap_or_default()
    }

    fn r#become(&mut self, overrides: &Overrides) -> Option<Become> {
        let names = self.names("become", &["ansible_become"]);
        let wanted = self.typed.truth(&names).unwrap_or(false);
        let names = self.names("become_method", &["ansible_become_method"]);
        self.typed
            .choice(&names, &[("sudo", ()), ("ansible.builtin.sudo", ())]);
        let user = self.word(
            "become_user",
            &["ansible_become_user"],
            "a user's name",
            in_user,
        );
        let flags = self.typed.words(&["ansible_become_flags"]);
        let user = overrides
            .become_user
            .clone()
            .or(user)
            .unwrap_or_else(|| "root".into());
        (wanted || overrides.r#become).then_some(Become { user, flags })
    }
}
