//! What holds for any procedures.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::cell::Cell;
use std::fmt::Write as _;

use proptest::prelude::*;
use runbook_dsl::checked::{CheckedRunbook, Item, SourceText};
use runbook_dsl::codes::Code;
use runbook_dsl::expr::Expr;
use runbook_dsl::{Diagnostic, LoadError, Loader, check, format};

/// No file is there.
struct Nothing;

impl Loader for Nothing {
    fn template(&self, _: &str) -> Result<SourceText, LoadError> {
        Err(LoadError::NotFound {
            looked_in: Vec::new(),
        })
    }

    fn import(&self, path: &str, _: &str) -> Result<SourceText, LoadError> {
        self.template(path)
    }
}

/// Every file that is asked for is there, imports one more, and has never been seen.
struct Endless(Cell<usize>);

impl Loader for Endless {
    fn template(&self, name: &str) -> Result<SourceText, LoadError> {
        Nothing.template(name)
    }

    fn import(&self, path: &str, _: &str) -> Result<SourceText, LoadError> {
        self.0.set(self.0.get() + 1);
        Ok(SourceText {
            name: format!("{path} {}", self.0.get()),
            text: "edition 1\nimport \"next.etcdrb\"\nprocedure prove(members: target) {\n  ensure writable(members)\n}\n"
                .to_owned(),
        })
    }
}

fn checked(
    text: &str,
    loader: &dyn Loader,
) -> Result<(CheckedRunbook, Vec<Diagnostic>), Vec<Diagnostic>> {
    let source = SourceText {
        name: "own.etcdrb".to_owned(),
        text: text.to_owned(),
    };
    check(source, loader)
}

/// A runbook around these lines.
fn around(lines: &str) -> String {
    format!(
        "runbook own {{\n  about   \"Own.\"\n  edition 1\n\n  target members = group(etcd)\n  target apis    = group(apis)\n\n{lines}}}\n"
    )
}

fn opened(items: &[Item]) -> usize {
    items
        .iter()
        .map(|item| match item {
            Item::Called { items, .. } | Item::Outage { items, .. } => 1 + opened(items),
            _ => 1,
        })
        .sum()
}

#[test]
fn files_that_import_ever_more_files_come_to_an_end() {
    let loader = Endless(Cell::new(0));
    let text = format!(
        "import \"first.etcdrb\"\n\n{}",
        around("  prove(members)\n  prove(apis)\n")
    );
    let problems = checked(&text, &loader).unwrap_err();
    let found = problems.iter().any(|d| d.code() == Code::TooManyItems);
    assert!(found, "{problems:#?}");
    assert!(loader.0.get() <= 64);
}

/// Every file has 1 MiB.
struct Large;

impl Loader for Large {
    fn template(&self, name: &str) -> Result<SourceText, LoadError> {
        Nothing.template(name)
    }

    fn import(&self, path: &str, _: &str) -> Result<SourceText, LoadError> {
        Ok(SourceText {
            name: path.to_owned(),
            text: format!(
                "edition 1\n#{}\nprocedure {}(members: target) {{\n  ensure writable(members)\n}}\n",
                "x".repeat(1 << 20),
                path.trim_end_matches(".etcdrb")
            ),
        })
    }
}

#[test]
fn files_that_are_too_large_together_are_refused() {
    let text = |files: usize| {
        let imports: String = (0..files)
            .map(|n| format!("import \"f{n}.etcdrb\"\n"))
            .collect();
        let calls: String = (0..files).map(|n| format!("  f{n}(members)\n")).collect();
        format!("{imports}\n{}", around(&format!("{calls}  f0(apis)\n")))
    };
    assert!(checked(&text(3), &Large).is_ok());
    let problems = checked(&text(4), &Large).unwrap_err();
    let codes: Vec<Code> = problems.iter().map(Diagnostic::code).collect();
    assert_eq!(codes, [Code::TooLarge]);
}

#[test]
fn very_many_procedures_are_read_in_time() {
    let mut text = around("  p0(members)\n  p0(apis)\n");
    for n in 0..5_000 {
        let _ = write!(
            text,
            "procedure p{n}(a: target) {{\n  p{}(a)\n  nobody(a)\n}}\n",
            n + 1
        );
    }
    let problems = checked(&text, &Nothing).unwrap_err();
    // As many as are shown of one text, and that there are more.
    assert_eq!(problems.len(), 101);
}

#[test]
fn words_of_the_catalogue_are_never_taken_for_parameters() {
    // The parameter is called as a service, a group and a state are.
    let text = format!(
        "{}\nprocedure restart(etcd: target, running: target) {{\n  step \"Restart\" on etcd rolling 1 {{\n    require quorum-safe(etcd)\n    service etcd restarted\n    service kubelet running\n  }}\n  step \"Look\" on first(group(etcd) union running) parallel {{\n    user etcd\n  }}\n}}\n",
        around("  restart(apis, members)\n")
    );
    let (runbook, _) = checked(&text, &Nothing).unwrap();
    let [Item::Called { items, .. }] = runbook.body() else {
        panic!("one call")
    };
    let [Item::Step(restart), Item::Step(look)] = items.as_slice() else {
        panic!("two steps")
    };
    let name = |text: &str| Expr::Name(text.to_owned());
    assert_eq!(restart.on.value, name("apis"));
    assert_eq!(restart.calls[0].arguments["name"].value, name("etcd"));
    assert_eq!(restart.calls[1].arguments["state"].value, name("running"));
    let Expr::Call(_, chosen) = &look.on.value else {
        panic!("a function")
    };
    let Expr::Binary(_, group, union) = &chosen[0].value else {
        panic!("a union")
    };
    assert!(matches!(&group.value, Expr::Call(_, of) if of[0].value == name("etcd")));
    assert_eq!(union.value, name("members"));
}

#[test]
fn arguments_cross_names_without_being_caught() {
    // Each hands the other's name on: replaced one after the other both would become one.
    let text = format!(
        "{}\nprocedure one(members: target, apis: target) {{\n  two(apis, members)\n}}\n\nprocedure two(members: target, apis: target) {{\n  ensure writable(members)\n  ensure reachable(apis)\n}}\n",
        around("  one(members, apis)\n")
    );
    let (runbook, _) = checked(&text, &Nothing).unwrap();
    let [Item::Called { items, .. }] = runbook.body() else {
        panic!("one call")
    };
    let [Item::Called { items, .. }] = items.as_slice() else {
        panic!("a call in it")
    };
    let [Item::Ensure(writable), Item::Ensure(reachable)] = items.as_slice() else {
        panic!("two lines")
    };
    let name = |text: &str| Expr::Name(text.to_owned());
    assert_eq!(writable.arguments["members"].value, name("apis"));
    assert_eq!(reachable.arguments["hosts"].value, name("members"));
}

const ARGUMENTS: [&str; 5] = ["a", "b", "a union b", "first(b)", "a except a union b"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn any_calls_come_to_an_end_and_stay_within_the_limits(
        calls in prop::collection::vec(
            prop::collection::vec((any::<usize>(), 0usize..5, 0usize..5), 0..4),
            1..14,
        ),
        upwards in any::<bool>(),
    ) {
        // Half of them cannot call themselves, and grow as they may.
        let shaped: Vec<Vec<(usize, usize, usize)>> = calls
            .iter()
            .enumerate()
            .map(|(at, list)| {
                let later = calls.len() - at - 1;
                list.iter()
                    .filter(|_| !upwards || later > 0)
                    .map(|(to, a, b)| {
                        let to = if upwards { at + 1 + to % later } else { to % calls.len() };
                        (to, *a, *b)
                    })
                    .collect()
            })
            .collect();
        let mut text = around("  p0(members, apis)\n");
        for (at, list) in shaped.iter().enumerate() {
            let _ = write!(text, "\nprocedure p{at}(a: target?, b: target?) {{\n");
            for (to, a, b) in list {
                let _ = writeln!(text, "  p{to}({}, {})", ARGUMENTS[*a], ARGUMENTS[*b]);
            }
            text.push_str("  ensure reachable(a)\n  ensure reachable(b)\n}\n");
        }
        let ring = |d: &Diagnostic| d.code() == Code::RecursiveProcedure;
        match checked(&text, &Nothing) {
            Ok((runbook, _)) => prop_assert!(opened(runbook.body()) <= 2_001),
            Err(problems) => {
                prop_assert!(!upwards || !problems.iter().any(ring), "{problems:#?}");
                let known = |d: &Diagnostic| matches!(
                    d.code(),
                    Code::RecursiveProcedure | Code::TooManyItems | Code::UnusedProcedure
                );
                prop_assert!(problems.iter().all(known), "{problems:#?}");
            }
        }
        prop_assert_eq!(format(&text).unwrap(), text);
    }
}
