//! Whatever moment a process is killed at: all that it acknowledged is there, and nothing by half.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use weft_store::Lease;
use weft_store_sqlite::SqliteStore;

use crate::turns::{check_whole, create, key, leases, step};

const DATA: &str = "CRASH_TEST_DATA";
const ROUNDS: u64 = 20;
const WRITERS: usize = 4;

/// The process that is killed: this test binary once more, told where by the environment.
#[test]
fn child_that_commits_until_it_is_killed() {
    let Ok(data) = std::env::var(DATA) else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = Arc::new(SqliteStore::open(data).unwrap());
        let leases = leases(&store).await;
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| tokio::spawn(write_forever(store.clone(), leases.clone(), writer)))
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
    });
}

async fn write_forever(store: Arc<SqliteStore>, leases: Vec<Lease>, writer: usize) {
    let key = key(&format!("w{writer}"));
    let mut number = check_whole(&store, &key).await;
    if number == 0 {
        // It may exist from a round that was killed before its first turn.
        let _ = create(&store, &key).await;
    }
    loop {
        step(&store, &leases, &key, number).await.unwrap();
        number += 1;
        let mut out = std::io::stdout().lock();
        writeln!(out, "acknowledged {writer} {number}.").unwrap();
        out.flush().unwrap();
    }
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_half_written() {
    let dir = tempfile::TempDir::new().unwrap();
    let data = dir.path().join("data");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut acknowledged = BTreeMap::new();
    let mut seed: u64 = 0x9e37_79b9_7f4a_7c15;
    for round in 0..ROUNDS {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        run_and_kill(&data, Duration::from_micros(seed >> 48), &mut acknowledged);
        // The killed process has left the directory free.
        let store = SqliteStore::open(&data).unwrap();
        for writer in 0..WRITERS {
            let key = key(&format!("w{writer}"));
            let turns = runtime.block_on(check_whole(&store, &key));
            let promised = acknowledged.get(&writer).copied().unwrap_or(0);
            assert!(turns >= promised, "round {round}: {turns} < {promised}");
        }
    }
    assert!(
        acknowledged.values().sum::<u64>() > ROUNDS,
        "{acknowledged:?}"
    );
}

/// Runs the child, kills it some time after its first acknowledgement, notes all of them.
fn run_and_kill(data: &Path, after: Duration, acknowledged: &mut BTreeMap<usize, u64>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::child_that_commits_until_it_is_killed"])
        .arg("--nocapture")
        .env(DATA, data)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let (sender, lines) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        // The last line may be cut off.
        let whole = out.lines().map_while(Result::ok);
        whole
            .filter_map(|line| acknowledgement(&line))
            .for_each(|line| sender.send(line).unwrap());
    });
    let first = lines.recv_timeout(Duration::from_secs(60));
    // The moment is what varies, not something to wait for.
    std::thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap();
    let first = first.expect("the child acknowledged something in time");
    for (writer, number) in std::iter::once(first).chain(lines) {
        let most = acknowledged.entry(writer).or_default();
        *most = number.max(*most);
    }
}

/// The writer and its number of turns.
fn acknowledgement(line: &str) -> Option<(usize, u64)> {
    // The first line stands behind what the test harness has printed.
    let (_, numbers) = line.split_once("acknowledged ")?;
    let (writer, number) = numbers.strip_suffix('.')?.split_once(' ')?;
    Some((writer.parse().ok()?, number.parse().ok()?))
}
