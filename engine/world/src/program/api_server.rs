//! What an API server is told of etcd, from its manifest or its unit. Data, never run; only the one flag is kept, whatever else stands there.

use runbook_model::facts::EtcdServersUntold;
use serde_json::Value;

/// The flag, and the container that has it.
const FLAG: &str = "--etcd-servers";
const CONTAINER: &str = "kube-apiserver";

/// Bytes of a manifest that are read: kubeadm's has about 5000.
pub(super) const MANIFEST_LIMIT: usize = 64 * 1024;

type Endpoints = Result<Vec<String>, EtcdServersUntold>;

/// From a static pod's manifest, as long as it came: one byte over the limit is too long.
pub(super) fn of_manifest(bytes: &[u8]) -> Endpoints {
    if bytes.len() > MANIFEST_LIMIT {
        let limit = MANIFEST_LIMIT;
        return Err(EtcdServersUntold::TooLong { limit });
    }
    let not_yaml = |detail: &str| EtcdServersUntold::NotYaml {
        detail: crate::text::line(detail.as_bytes()),
    };
    let text = std::str::from_utf8(bytes).map_err(|_| not_yaml("it is not UTF-8"))?;
    let manifest = runbook_inventory::yaml(text).map_err(|e| not_yaml(&e.why))?;
    let containers = manifest.pointer("/spec/containers");
    let mut containers = containers.and_then(Value::as_array).into_iter().flatten();
    let command = containers.find_map(command_of);
    endpoints(&command.ok_or(EtcdServersUntold::NoContainer)?)
}

/// The words of the API server's container: by its name, else by its program's.
fn command_of(container: &Value) -> Option<Vec<String>> {
    let words = ["command", "args"].map(|key| container.get(key).and_then(Value::as_array));
    let words = words
        .into_iter()
        .flatten()
        .flatten()
        .map(|word| match word {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        });
    let words: Vec<String> = words.collect();
    let first = words.first()?;
    let named = container.get("name").and_then(Value::as_str) == Some(CONTAINER);
    (named || program(first) == CONTAINER).then_some(words)
}

fn program(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// From `systemctl show -p LoadState -p ExecStart`.
pub(super) fn of_unit(shown: &str) -> Endpoints {
    if values(shown, "LoadState")
        .next()
        .is_none_or(|s| s == "not-found")
    {
        return Err(EtcdServersUntold::Absent);
    }
    // `{ path=/usr/bin/x ; argv[]=/usr/bin/x --a=b ; ignore_errors=no ; ... }`
    let starts = values(shown, "ExecStart").filter_map(|line| line.split_once("argv[]="));
    let words = starts.flat_map(|(_, rest)| {
        let argv = rest.split(" ; ").next().unwrap_or(rest);
        argv.split_whitespace()
            .map(|w| w.trim_matches(['"', '\'']).to_owned())
    });
    endpoints(&words.collect::<Vec<_>>())
}

fn values<'a>(shown: &'a str, key: &'a str) -> impl Iterator<Item = &'a str> {
    shown
        .lines()
        .filter_map(move |line| line.strip_prefix(key)?.strip_prefix('='))
}

/// The flag's values in order: given twice, both count.
fn endpoints(words: &[String]) -> Endpoints {
    let mut found = Vec::new();
    let mut rest = words.iter();
    let mut seen = false;
    while let Some(word) = rest.next() {
        let value = match word.strip_prefix(FLAG) {
            Some("") => rest.next().map(String::as_str),
            Some(joined) => joined.strip_prefix('='),
            None => None,
        };
        let Some(value) = value else { continue };
        seen = true;
        // `$(NAME)` in a manifest, `$NAME` and `${NAME}` in a unit.
        if value.contains('$') {
            return Err(EtcdServersUntold::Variables);
        }
        let ends = value.split(',').map(str::trim).filter(|e| !e.is_empty());
        found.extend(ends.map(|e| crate::text::line(e.as_bytes())));
    }
    if seen {
        return Ok(found);
    }
    let shell = |w: &String| matches!(program(w), "sh" | "bash" | "dash" | "ash");
    let inside = |w: &String| !w.starts_with("--") && w.contains(FLAG);
    if words.first().is_some_and(shell) || words.iter().any(inside) {
        Err(EtcdServersUntold::Shell)
    } else if words.iter().any(|w| w.starts_with('$')) {
        Err(EtcdServersUntold::Variables)
    } else {
        Err(EtcdServersUntold::NoFlag)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use proptest::prelude::*;

    const THREE: [&str; 3] = [
        "https://10.0.0.1:2379",
        "https://10.0.0.2:2379",
        "https://10.0.0.3:2379",
    ];

    /// As `kubeadm init` writes it, shortened.
    const KUBEADM: &str = "\
apiVersion: v1
kind: Pod
metadata:
  annotations:
    kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint: 10.0.0.9:6443
  name: kube-apiserver
  namespace: kube-system
spec:
  containers:
  - command:
    - kube-apiserver
    - --advertise-address=10.0.0.9
    - --etcd-cafile=/etc/kubernetes/pki/etcd/ca.crt
    - --etcd-servers=https://10.0.0.1:2379,https://10.0.0.2:2379,https://10.0.0.3:2379
    - --secure-port=6443
    image: registry.k8s.io/kube-apiserver:v1.33.1
    livenessProbe: {httpGet: {path: /livez, port: 6443, scheme: HTTPS}}
    name: kube-apiserver
  hostNetwork: true
status: {}
";

    fn manifest(text: &str) -> Endpoints {
        of_manifest(text.as_bytes())
    }

    #[test]
    fn a_manifest_tells_its_endpoints_in_block_and_in_flow() {
        assert_eq!(manifest(KUBEADM).unwrap(), THREE);
        let flow = format!(
            "# x\nspec: {{containers: [{{name: other, command: [sh]}}, {{command: [/usr/local/bin/kube-apiserver, --etcd-servers, \"{},\"], \
             args: [\"--etcd-servers={}\"]}}]}}",
            THREE[..2].join(", "),
            THREE[2]
        );
        assert_eq!(manifest(&flow).unwrap(), THREE);
        let json = r#"{"spec": {"containers": [{"name": "kube-apiserver", "args": ["--etcd-servers=https://[fd00::1]:2379"]}]}}"#;
        assert_eq!(manifest(json).unwrap(), ["https://[fd00::1]:2379"]);
        let local = KUBEADM.replace(&THREE.join(","), "https://127.0.0.1:2379");
        assert_eq!(manifest(&local).unwrap(), ["https://127.0.0.1:2379"]);
    }

    #[test]
    fn what_a_manifest_does_not_tell_is_said_why() {
        use EtcdServersUntold::{NoContainer, NoFlag, NotYaml, Shell, TooLong, Variables};
        let container = |command: &str| {
            manifest(&format!(
                "spec: {{containers: [{{name: kube-apiserver, command: {command}}}]}}"
            ))
        };
        assert_eq!(
            container("[kube-apiserver, --etcd-servers-overrides=x]"),
            Err(NoFlag)
        );
        assert_eq!(
            container("[kube-apiserver, --etcd-servers=$(ETCD)]"),
            Err(Variables)
        );
        assert_eq!(
            container("[sh, -c, 'exec kube-apiserver --etcd-servers=https://10.0.0.1:2379']"),
            Err(Shell)
        );
        assert_eq!(container("[]"), Err(NoContainer));
        for other in [
            "",
            "spec: 3",
            "spec: {containers: {}}",
            "spec: {containers: [1, {name: kube-apiserver}]}",
        ] {
            assert_eq!(manifest(other), Err(NoContainer), "{other}");
        }
        let mut long = KUBEADM.to_owned();
        long.push_str(&"#".repeat(MANIFEST_LIMIT));
        assert!(matches!(manifest(&long), Err(TooLong { .. })));
        assert!(matches!(of_manifest(b"\xff"), Err(NotYaml { .. })));
        assert!(matches!(manifest("spec: ["), Err(NotYaml { .. })));
        assert!(matches!(manifest("a: 1\n---\nb: 2\n"), Err(NotYaml { .. })));
        // Nested and unfolding documents are bounded by the reader.
        assert!(matches!(manifest(&"[".repeat(60_000)), Err(NotYaml { .. })));
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..12 {
            let below = format!("*a{}", n - 1);
            bomb.push_str(&format!("a{n}: &a{n} [{}]\n", vec![below; 10].join(", ")));
        }
        assert!(matches!(manifest(&bomb), Err(NotYaml { .. })));
    }

    #[test]
    fn a_unit_tells_its_endpoints_or_why_not() {
        let unit = |argv: &str| {
            of_unit(&format!(
                "ExecStart={{ path=/usr/bin/kube-apiserver ; argv[]=/usr/bin/kube-apiserver {argv} ; ignore_errors=no ; start_time=[n/a] ; pid=0 }}\n\
                 LoadState=loaded\n"
            ))
        };
        let all = format!("--v=2 --etcd-servers={} --x=\"a b\"", THREE.join(","));
        assert_eq!(unit(&all).unwrap(), THREE);
        assert_eq!(unit("$KUBE_API_ARGS"), Err(EtcdServersUntold::Variables));
        assert_eq!(
            unit("--etcd-servers=${ETCD_SERVERS}"),
            Err(EtcdServersUntold::Variables)
        );
        assert_eq!(unit("--v=2"), Err(EtcdServersUntold::NoFlag));
        assert_eq!(
            of_unit("LoadState=not-found\n"),
            Err(EtcdServersUntold::Absent)
        );
        assert_eq!(of_unit(""), Err(EtcdServersUntold::Absent));
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in "\\PC{0,200}", flag in "[-a-z=,:/.$\n\u{1b}\" ]{0,60}") {
            let _ = of_manifest(text.as_bytes());
            let _ = of_unit(&text);
            let inside = format!("spec:\n  containers:\n  - command: [kube-apiserver, {}]\n", serde_json::to_string(&format!("--etcd-servers={flag}")).unwrap());
            if let Ok(ends) = of_manifest(inside.as_bytes()) {
                // One line each, whatever the host put there.
                prop_assert!(ends.iter().all(|e| !e.chars().any(char::is_control)), "{ends:?}");
            }
        }
    }
}
