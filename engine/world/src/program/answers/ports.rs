//! Who listens on which port.

use runbook_model::facts::Listener;

use super::ProbeAnswers;

impl ProbeAnswers<'_> {
    pub(super) fn ports(&mut self, listeners: Vec<(u16, Listener)>) {
        for (port, listener) in listeners {
            if self.request.ports.contains(&port) {
                self.facts.ports.insert(port, Some(listener));
            }
        }
    }
}

/// `LISTEN 0 128 127.0.0.1:2379 0.0.0.0:* users:(("etcd",pid=7,fd=3))`.
pub(super) fn ss_listeners(text: &str) -> Vec<(u16, Listener)> {
    let line = |l: &str| {
        let port = l
            .split_whitespace()
            .nth(3)?
            .rsplit_once(':')?
            .1
            .parse()
            .ok()?;
        let user = l.split_once("users:((\"").map(|(_, rest)| rest);
        let command = user
            .and_then(|u| u.split_once('"'))
            .map(|(c, _)| c.to_owned())
            .unwrap_or_default();
        let pid = user
            .and_then(|u| u.split_once("pid="))
            .and_then(|(_, p)| p.split([',', ')']).next()?.parse().ok());
        Some((
            port,
            Listener {
                command,
                pid: pid.unwrap_or(0),
            },
        ))
    };
    text.lines().filter_map(line).collect()
}

/// `0: 0100007F:094B 00000000:0000 0A ...`.
pub(super) fn proc_listeners(text: &str) -> Vec<(u16, Listener)> {
    let line = |l: &str| {
        let port = l.split_whitespace().nth(1)?.rsplit_once(':')?.1;
        Some((u16::from_str_radix(port, 16).ok()?, Listener::default()))
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::{Listener, proc_listeners, ss_listeners};

    #[test]
    fn listeners_are_read_from_either_source() {
        let ss = "LISTEN 0 4096 127.0.0.1:2379 0.0.0.0:* users:((\"etcd\",pid=71,fd=8))\nLISTEN 0 128 [::]:22 [::]:*\n";
        let found = ss_listeners(ss);
        assert_eq!(
            found[0],
            (
                2379,
                Listener {
                    command: "etcd".into(),
                    pid: 71
                }
            )
        );
        assert_eq!(found[1], (22, Listener::default()));
        let proc = "   0: 0100007F:094B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0\n";
        assert_eq!(proc_listeners(proc), [(2379, Listener::default())]);
    }
}
