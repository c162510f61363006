//! What a host tells of an order, without carrying anything out.

use std::path::Path;
use std::sync::Arc;

use runbook_run::world::Receipt;

use super::*;

fn shell(script: String) -> Action {
    Action::Shell {
        script,
        env: vec![],
        creates: None,
        read_only: false,
    }
}

/// Ends once the file is there.
fn waiting(lab: &Lab, then: &str) -> Action {
    let go = lab.path("go");
    shell(format!(
        "while [ ! -e '{go}' ]; do sleep 0.02; done; echo '{then}' >>'{}'",
        lab.path("log")
    ))
}

fn begin(lab: &Arc<Lab>, order: &Order) -> tokio::task::JoinHandle<Vec<Outcome>> {
    let (lab, order) = (lab.clone(), order.clone());
    tokio::spawn(async move { lab.apply(order).await.unwrap() })
}

async fn told(lab: &Lab, order: &Order) -> Receipt {
    lab.world.receipt(&lab.host, order).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_tells_what_never_began_what_runs_and_what_ended() {
    let lab = Arc::new(Lab::local().locked("r1").await);
    let order = order("r1", vec![waiting(&lab, "done"), shell("exit 7".into())]);
    assert_eq!(told(&lab, &order).await, Receipt::Never);
    assert!(!Path::new(&lab.path("log")).exists());
    let running = begin(&lab, &order);
    while told(&lab, &order).await == Receipt::Never {}
    assert_eq!(told(&lab, &order).await, Receipt::Running);
    std::fs::write(lab.path("go"), "").unwrap();
    let outcomes = running.await.unwrap();
    assert!(
        matches!(outcomes[1], Outcome::Failed { .. }),
        "{outcomes:?}"
    );
    assert_eq!(told(&lab, &order).await, Receipt::Ended(outcomes));
    assert_eq!(std::fs::read_to_string(lab.path("log")).unwrap(), "done\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn f05_what_was_ended_from_outside_is_unknown() {
    let lab = Arc::new(Lab::local().locked("r1").await);
    let order = order("r1", vec![waiting(&lab, "never")]);
    let running = begin(&lab, &order);
    while told(&lab, &order).await != Receipt::Running {}
    let started = std::fs::read_to_string(lab.path("state/c/h1/runs/r1/1-1/started")).unwrap();
    let pid = started.split(' ').next().unwrap();
    let killed = std::process::Command::new("kill")
        .args(["-KILL", pid])
        .status();
    assert!(killed.unwrap().success());
    let outcomes = running.await.unwrap();
    assert!(
        matches!(outcomes[..], [Outcome::Unknown { .. }]),
        "{outcomes:?}"
    );
    assert_eq!(told(&lab, &order).await, Receipt::Ended(outcomes));
    std::fs::write(lab.path("go"), "").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_waits_for_the_end_of_what_it_undoes() {
    let lab = Arc::new(Lab::local().locked("r1").await);
    let forward = order("r1", vec![waiting(&lab, "forward")]);
    let undo = Order {
        undo: true,
        ..order(
            "r1",
            vec![shell(format!("echo undo >>'{}'", lab.path("log")))],
        )
    };
    let running = begin(&lab, &forward);
    while told(&lab, &forward).await != Receipt::Running {}
    let undoing = begin(&lab, &undo);
    // It is on its way, and has not begun for as many looks as it takes to be sure.
    for _ in 0..5 {
        assert_eq!(told(&lab, &undo).await, Receipt::Never);
    }
    std::fs::write(lab.path("go"), "").unwrap();
    running.await.unwrap();
    assert_eq!(undoing.await.unwrap(), [done(true)]);
    assert_eq!(
        std::fs::read_to_string(lab.path("log")).unwrap(),
        "forward\nundo\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_does_not_begin_while_what_it_undoes_goes_on_for_ever() {
    let lab = Arc::new(Lab::local().locked("r1").await);
    let forward = order("r1", vec![waiting(&lab, "forward")]);
    let undo = Order {
        undo: true,
        timeout_ms: 300,
        ..order(
            "r1",
            vec![shell(format!("echo undo >>'{}'", lab.path("log")))],
        )
    };
    let running = begin(&lab, &forward);
    while told(&lab, &forward).await != Receipt::Running {}
    let outcomes = lab.apply(undo.clone()).await.unwrap();
    assert!(
        failed(&outcomes[0]).1.contains("still runs"),
        "{outcomes:?}"
    );
    assert_eq!(told(&lab, &undo).await, Receipt::Never);
    std::fs::write(lab.path("go"), "").unwrap();
    running.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_broke_off_goes_on_and_tells_what_it_changed() {
    let lab = Lab::local().locked("r1").await;
    std::fs::write(lab.path("small"), "small").unwrap();
    std::fs::File::create(lab.path("large"))
        .unwrap()
        .set_len(200 << 20)
        .unwrap();
    let upload = |name: &str| Action::Upload {
        source: lab.path(name),
        dest: lab.path(&format!("up/{name}")),
        sha256: None,
        size: None,
        access: Access::default(),
        secret: false,
    };
    let order = order("r1", vec![upload("small"), upload("large")]);
    let (tx, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let other = lab.another();
    let sending = tokio::spawn({
        let (host, order) = (lab.host.clone(), order.clone());
        async move { other.apply(&host, order, tx).await }
    });
    while !matches!(seen.recv().await.unwrap(), Progress::Transfer(..)) {}
    sending.abort();
    assert!(sending.await.unwrap_err().is_cancelled());
    let half = Receipt::Ended(vec![done(true), Outcome::NotStarted]);
    assert_eq!(told(&lab, &order).await, half);
    assert_eq!(
        lab.apply(order.clone()).await.unwrap(),
        [done(true), done(true)]
    );
    let whole = Receipt::Ended(vec![done(true), done(true)]);
    assert_eq!(told(&lab, &order).await, whole);
}

/// A change leaves no receipt on the host: where nothing came after it, it may have been made, and its undo must not be left out.
#[tokio::test]
async fn a_change_of_the_cluster_that_was_cut_off_counts_as_tried() {
    let lab = Lab::local().locked("r1").await;
    let write = |name: &str| Action::WriteFile {
        path: lab.path(name),
        content: "x".into(),
        access: Access::default(),
    };
    let change = || Action::ChangeCluster {
        change: runbook_model::change::ClusterChange::Compact { keep: 1 },
        cluster_id: None,
        through: vec![],
    };
    let tried = |outcome: &Outcome| {
        let (_, reason, _) = failed(outcome);
        assert_eq!(reason, "it was cut off: the cluster may have been changed");
    };
    let first = order("r1", vec![change(), write("a")]);
    let Receipt::Ended(outcomes) = told(&lab, &first).await else {
        panic!("a change may have been made");
    };
    tried(&outcomes[0]);
    assert_eq!(outcomes[1..], [Outcome::NotStarted]);

    // The same file alone is the first part of an order that goes on with a change.
    lab.apply(order("r1", vec![write("a")])).await.unwrap();
    let middle = order("r1", vec![write("a"), change(), write("b")]);
    let Receipt::Ended(outcomes) = told(&lab, &middle).await else {
        panic!("its first part has a receipt");
    };
    assert_eq!(outcomes[0], done(true));
    tried(&outcomes[1]);
    assert_eq!(outcomes[2], Outcome::NotStarted);
}
