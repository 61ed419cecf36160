//! Whole servers over a network in memory and disks in memory, on a paused clock: election, loss of a leader, a follower
//! left behind, restart, transfer, membership.

#![allow(clippy::disallowed_methods, reason = "tests start their own tasks")]

mod support;

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use quorate_base::{Disk, OpenMode};
use quorate_consensus::*;
use support::*;

fn command(number: usize) -> Bytes {
    Bytes::from(format!("command {number} {}", "x".repeat(200)))
}

#[tokio::test(start_paused = true)]
async fn one_server_elects_itself_answers_and_comes_back() {
    let mut cluster = Cluster::formed(1, |_| {}).await;
    let server = cluster.server(0).clone();
    for number in 1..=100 {
        let applied = server.propose(command(number)).await.unwrap();
        assert_eq!(applied.response, number);
    }
    assert_eq!(server.check_lease(), Ok(()));
    server.read_index().await.unwrap();
    server.bootstrap(cluster.members()).await.expect("the same again is fine");
    let before = cluster.ledger(0);
    cluster.stop(0).await;
    let stopped = server.propose(command(0)).await.unwrap_err();
    assert!(matches!(stopped, ProposeError::Stopped { outcome: Outcome::Unchanged, .. }), "{stopped}");
    drop(server);
    cluster.restart(0).await;
    assert_eq!(cluster.ledger(0), before, "applied before anyone can ask");
    cluster.leader().await;
    cluster.write("after").await;
    assert_eq!(cluster.ledger(0).len(), 101);
}

#[tokio::test(start_paused = true)]
async fn a_second_process_is_refused() {
    let cluster = Cluster::formed(1, |_| {}).await;
    let refused = cluster.try_start(0).await.err().expect("locked");
    assert!(matches!(refused, StartError::Locked { .. }), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn three_servers_survive_the_loss_of_their_leader() {
    let mut cluster = Cluster::formed(3, |_| {}).await;
    for number in 0..50 {
        cluster.write(&format!("before {number}")).await;
    }
    let first = cluster.leader().await;
    let term = cluster.server(first).status().borrow().term;
    cluster.stop(first).await;
    let second = cluster.leader().await;
    assert_ne!(first, second);
    let index = cluster.write("after").await;
    assert!(cluster.server(second).status().borrow().term > term);
    cluster.restart(first).await;
    for position in 0..3 {
        cluster.applied(position, index).await;
        assert_eq!(cluster.ledger(position).len(), 51);
        assert_eq!(cluster.ledger(position), cluster.ledger(second));
    }
    let follower = cluster.server(first);
    assert!(follower.since_contact().is_some());
    let refused = follower.propose(command(0)).await.unwrap_err();
    let leader = (cluster.ids[second], member(cluster.ids[second]));
    assert_eq!(refused, ProposeError::NotLeader { leader: Some(leader.clone()) });
    assert_eq!(follower.check_lease(), Err(ReadError::NotLeader { leader: Some(leader) }));
}

#[tokio::test(start_paused = true)]
async fn a_cut_off_leader_stops_answering_before_another_can_lead() {
    let cluster = Cluster::formed(3, |_| {}).await;
    let old = cluster.leader().await;
    let old_server = cluster.server(old).clone();
    cluster.net.isolate(cluster.ids[old], &cluster.ids);
    let pending = {
        let server = old_server.clone();
        tokio::spawn(async move { server.propose(command(1)).await })
    };
    let others: Vec<usize> = (0..3).filter(|position| *position != old).collect();
    // Step by step, never both at once.
    let new = loop {
        let leads = others.iter().copied().find(|position| cluster.server(*position).check_lease().is_ok());
        assert!(leads.is_none() || old_server.check_lease().is_err(), "two servers would answer");
        if let Some(leader) = leads {
            break leader;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    };
    assert_eq!(old_server.read_index().await, Err(ReadError::Unconfirmed));
    let outcome = pending.await.unwrap().unwrap_err();
    assert_eq!(outcome.outcome(), Outcome::Unknown, "{outcome}");
    let index = cluster.server(new).propose(command(2)).await.unwrap().index;
    cluster.net.heal();
    cluster.applied(old, index).await;
    assert_eq!(cluster.ledger(old), cluster.ledger(new));
    assert!(cluster.ledger(new).values().all(|kept| *kept != command(1)), "the old leader's entry is gone");
}

#[tokio::test(start_paused = true)]
async fn a_follower_left_behind_is_sent_a_snapshot() {
    let cluster = Cluster::formed(3, |_| {}).await;
    cluster.net.duplicate();
    let leader = cluster.leader().await;
    let behind = (0..3).find(|position| *position != leader).unwrap();
    cluster.net.isolate(cluster.ids[behind], &cluster.ids);
    for number in 0..200 {
        cluster.write(&format!("{number} {}", "y".repeat(300))).await;
    }
    let leader = cluster.leader().await;
    let covered = cluster.server(leader).snapshot_now().await.unwrap();
    let index = cluster.write("last").await;
    // The log is kept until the attempt to send it to the one behind has failed.
    let shortened =
        cluster.until(|| cluster.server(leader).progress().purged.filter(|id| id.index + 11 >= covered.index));
    let purged = shortened.await;
    assert!(cluster.server(behind).progress().applied.is_none_or(|applied| applied.index < purged.index));
    cluster.net.heal();
    cluster.applied(behind, index).await;
    assert!(cluster.net.snapshot_pieces() > 10, "it came in pieces");
    assert_eq!(cluster.ledger(behind), cluster.ledger(leader));
    // And the log goes on after it.
    let index = cluster.write("more").await;
    cluster.applied(behind, index).await;
    assert_eq!(cluster.ledger(behind), cluster.ledger(leader));
}

#[tokio::test(start_paused = true)]
async fn a_server_restarts_from_its_snapshot_and_log() {
    let mut cluster = Cluster::formed(3, |config| config.snapshot_after_log_bytes = 64 << 10).await;
    for number in 0..1000 {
        cluster.write(&format!("{number} {}", "z".repeat(500))).await;
    }
    let leader = cluster.leader().await;
    let progress = cluster.server(leader).progress();
    assert!(progress.snapshot.is_some() && progress.purged.is_some(), "taken by log size: {progress:?}");
    assert!(cluster.disks[leader].used_bytes() < 3 << 20, "old log files are gone");
    let expected = cluster.ledger(leader);
    for position in 0..3 {
        cluster.stop(position).await;
    }
    for position in 0..3 {
        cluster.restart(position).await;
    }
    let index = cluster.write("after").await;
    for position in 0..3 {
        cluster.applied(position, index).await;
        let mut ledger = cluster.ledger(position);
        ledger.remove(&index);
        assert_eq!(ledger, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn leadership_moves_on_request_and_the_lease_goes_first() {
    let cluster = Cluster::formed(3, |_| {}).await;
    let old = cluster.leader().await;
    let new = (old + 1) % 3;
    let refused = cluster.server(new).transfer_leader(cluster.ids[old]).await.unwrap_err();
    assert!(matches!(refused, ChangeError::NotLeader { .. }));
    let old_server = cluster.server(old).clone();
    let handing_over = tokio::spawn({
        let (server, to) = (old_server.clone(), cluster.ids[new]);
        async move { server.transfer_leader(to).await }
    });
    while cluster.server(new).check_lease().is_err() {
        tokio::task::yield_now().await;
        tokio::time::advance(Duration::from_millis(1)).await;
        let both = cluster.server(new).check_lease().is_ok() && old_server.check_lease().is_ok();
        assert!(!both, "two servers would answer");
    }
    assert!(old_server.check_lease().is_err());
    handing_over.await.unwrap().unwrap();
    cluster.write("after").await;
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_hands_over_and_hears_nothing_more_does_not_answer() {
    let cluster = Cluster::formed(3, |_| {}).await;
    let old = cluster.leader().await;
    let new = (old + 1) % 3;
    cluster.write("before").await;
    cluster.net.deafen(cluster.ids[old], &cluster.ids);
    let old_server = cluster.server(old).clone();
    tokio::spawn({
        let (server, to) = (old_server.clone(), cluster.ids[new]);
        async move { server.transfer_leader(to).await }
    });
    while cluster.server(new).check_lease().is_err() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(old_server.check_lease().is_err(), "two servers would answer");
}

#[tokio::test(start_paused = true)]
async fn servers_join_and_leave() {
    let cluster = Cluster::start(3, |_| {}).await;
    let first = [(cluster.ids[0], member(cluster.ids[0]))].into();
    cluster.server(0).bootstrap(first).await.unwrap();
    cluster.write("alone").await;
    for position in 1..3 {
        cluster.server(0).add_learner(cluster.ids[position], member(cluster.ids[position])).await.unwrap();
    }
    cluster.server(0).change_membership(cluster.voters()).await.unwrap();
    let index = cluster.write("together").await;
    for position in 0..3 {
        cluster.applied(position, index).await;
    }
    let others: std::collections::BTreeSet<NodeId> = cluster.ids[1..].iter().copied().collect();
    let leader = cluster.leader().await;
    cluster.server(leader).change_membership(others.clone()).await.unwrap();
    while cluster.leader().await == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    cluster.write("without the first").await;
    let leader = cluster.leader().await;
    assert_eq!(cluster.server(leader).status().borrow().members.voters, [others]);
    let refused = cluster.server(1).bootstrap(cluster.members()).await.unwrap_err();
    assert_eq!(refused, BootstrapError::AlreadyMember);
}

#[tokio::test(start_paused = true)]
async fn too_large_and_too_many_proposals_are_refused() {
    let cluster = Cluster::formed(3, |config| config.proposals_max = 5).await;
    let server = cluster.server(cluster.leader().await).clone();
    let refused = server.propose(vec![0; 20 << 10]).await.unwrap_err();
    assert_eq!(refused, ProposeError::TooLarge { bytes: 20 << 10, limit: 16 << 10 });
    let proposals = (0..50).map(|number| server.propose(command(number)));
    let results = futures_util::future::join_all(proposals).await;
    let refused = results.iter().filter(|result| matches!(result, Err(ProposeError::Overloaded { limit: 5, .. })));
    assert_eq!((results.iter().filter(|result| result.is_ok()).count(), refused.count()), (5, 45));
    cluster.write("afterwards").await;
}

#[tokio::test(start_paused = true)]
async fn a_failed_sync_ends_the_server_for_good() {
    let mut cluster = Cluster::formed(1, |_| {}).await;
    let server = cluster.server(0).clone();
    server.propose(command(1)).await.unwrap();
    let kept = cluster.ledger(0);
    fail_syncs(&cluster.disks[0]);
    let error = server.propose(command(2)).await.unwrap_err();
    assert!(matches!(error, ProposeError::Stopped { outcome: Outcome::Unknown, .. }), "{error}");
    let mut status = server.status();
    let fatal = status.wait_for(|status| status.fatal.is_some()).await.unwrap().fatal.clone().unwrap();
    assert!(fatal.contains("writing the log /data/0000000000000000.log failed"), "{fatal}");
    // The disk seems well again; the server does not try.
    cluster.disks[0].mend();
    let error = server.propose(command(3)).await.unwrap_err();
    assert!(
        matches!(&error, ProposeError::Stopped { reason, outcome: Outcome::Unchanged } if *reason == fatal),
        "{error}"
    );
    assert!(matches!(server.check_lease(), Err(ReadError::Stopped { .. })));
    cluster.stop(0).await;
    drop(server);
    cluster.restart(0).await;
    cluster.leader().await;
    // What was acknowledged is there; the other may be.
    assert!(kept.iter().all(|(index, command)| cluster.ledger(0).get(index) == Some(command)));
}

/// The log takes nothing any more then. A server that found out only at the next write would lead or vote until then.
#[tokio::test(start_paused = true)]
async fn a_failure_beside_the_writes_ends_the_server_without_waiting_for_one() {
    let cluster = Cluster::formed(1, |_| {}).await;
    let server = cluster.server(0).clone();
    let failed = fail_unnamed_syncs(&cluster.disks[0]);
    let mut number = 0;
    while failed.load(Ordering::SeqCst) == 0 {
        let proposed = server.propose(command(number)).await;
        // The file is prepared on a different thread: it may fail just now.
        assert!(proposed.is_ok() || failed.load(Ordering::SeqCst) > 0, "{proposed:?}");
        number += 1;
    }
    let fatal = cluster.until(|| server.status().borrow().fatal.clone()).await;
    assert!(fatal.contains("preparing a log file in /data failed"), "{fatal}");
    let error = server.propose(command(number)).await.unwrap_err();
    assert!(
        matches!(&error, ProposeError::Stopped { reason, outcome: Outcome::Unchanged } if *reason == fatal),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_lost_log_a_lost_snapshot_and_a_damaged_one_refuse_to_start() {
    let mut cluster = Cluster::formed(1, |config| config.log_kept_entries = 0).await;
    for number in 0..100 {
        cluster.write(&format!("{number} {}", "v".repeat(5000))).await;
    }
    cluster.server(0).snapshot_now().await.unwrap();
    cluster.write("after").await;
    cluster.until(|| cluster.server(0).progress().purged).await;
    cluster.stop(0).await;
    let disk = cluster.disks[0].clone();
    let directory = std::path::Path::new("/data");
    let named = |ending: &str| {
        let names = disk.list(directory).unwrap();
        names.into_iter().filter(|name| name.ends_with(ending)).map(|name| directory.join(name)).collect::<Vec<_>>()
    };
    let snapshot = named(".snapshot").remove(0);

    let file = disk.open(&snapshot, OpenMode::Edit).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, 300).unwrap();
    file.write_at(&[byte[0] ^ 1], 300).unwrap();
    let refused = cluster.try_start(0).await.err().unwrap().to_string();
    assert!(refused.contains(&*snapshot.to_string_lossy()) && refused.contains("restore"), "{refused}");
    file.write_at(&byte, 300).unwrap();

    let aside = directory.join("aside");
    disk.rename(&snapshot, &aside).unwrap();
    let refused = cluster.try_start(0).await.err().unwrap().to_string();
    assert!(refused.contains("there is no snapshot"), "{refused}");
    disk.rename(&aside, &snapshot).unwrap();
    cluster.restart(0).await;
    cluster.leader().await;
    cluster.stop(0).await;

    named(".log").iter().for_each(|path| disk.remove(path).unwrap());
    let refused = cluster.try_start(0).await.err().unwrap().to_string();
    assert!(refused.contains("and no log"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn a_restarted_follower_keeps_the_promise_that_it_forgot() {
    let mut cluster = Cluster::formed(3, |_| {}).await;
    let leader = cluster.leader().await;
    let (follower, other) = ((leader + 1) % 3, (leader + 2) % 3);
    let index = cluster.write("before").await;
    cluster.applied(follower, index).await;
    cluster.stop(follower).await;
    // Nothing that the leader says after the start renews the promise.
    cluster.net.isolate(cluster.ids[follower], &cluster.ids);
    cluster.restart(follower).await;
    // Another server asks for its vote right away, as if it had been cut off from the leader for long.
    let vote = Vote { term: 99, node: cluster.ids[other], committed: false };
    let last_log = cluster.server(other).progress().last_log;
    let request = VoteRequest { vote, last_log, leadership_transfer: false };
    for rpc in [Rpc::PreVote(request.clone()), Rpc::Vote(request)] {
        let reply = cluster.server(follower).handle(cluster.ids[other], rpc).await.unwrap();
        let (RpcReply::Vote(reply) | RpcReply::PreVote(reply)) = reply else { panic!("{reply:?}") };
        assert!(!reply.granted);
    }
    assert_eq!(cluster.server(leader).check_lease(), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn requests_that_make_no_sense_are_refused() {
    let cluster = Cluster::formed(3, |_| {}).await;
    let server = cluster.server(0);
    let vote = Vote { term: 9, node: cluster.ids[1], committed: true };
    let request = AppendEntries { vote, previous: None, entries: Vec::new(), committed: None };
    let refused = server.handle(cluster.ids[2], Rpc::AppendEntries(request)).await.unwrap_err();
    assert!(matches!(refused, RpcError::Malformed(_)));
    let snapshot = SnapshotIdentity { last: LogId { term: 10, index: 5 }, length: 5, checksum: 0 };
    let chunk = |snapshot, bytes: &'static [u8]| {
        Rpc::InstallSnapshot(SnapshotChunk { vote, snapshot, offset: 0, bytes: Bytes::from_static(bytes) })
    };
    let refused = server.handle(cluster.ids[1], chunk(snapshot, b"12345")).await.unwrap_err();
    assert!(matches!(refused, RpcError::Malformed(_)), "{refused}");
    let snapshot = SnapshotIdentity { last: LogId { term: 9, index: 5 }, ..snapshot };
    let refused = server.handle(cluster.ids[1], chunk(snapshot, b"123456")).await.unwrap_err();
    assert!(matches!(refused, RpcError::Malformed(_)), "{refused}");
    let refused = server.handle(cluster.ids[1], chunk(snapshot, b"12345")).await.unwrap_err();
    assert!(matches!(refused, RpcError::Storage { .. }), "{refused}");
    cluster.until(|| parts(&cluster, 0).is_empty().then_some(())).await;
    cluster.write("after").await;
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_refuses_writes_answers_reads_and_recovers() {
    let cluster = Cluster::formed(1, |_| {}).await;
    let server = cluster.server(0).clone();
    let disk = &cluster.disks[0];
    disk.set_capacity(disk.used_bytes());
    let refused = loop {
        if let Err(refused) = server.propose(command(1)).await {
            break refused;
        }
    };
    assert_eq!(refused.to_string(), format!("the disk is full: the next log file needs {} bytes", 64 << 10));
    assert_eq!((refused.outcome(), server.check_lease()), (Outcome::Unchanged, Ok(())));
    let mut status = server.status();
    status.wait_for(|status| status.disk_full).await.unwrap();
    let applied = cluster.ledger(0).len();
    disk.set_capacity(u64::MAX);
    status.wait_for(|status| !status.disk_full).await.unwrap();
    assert_eq!(server.propose(command(2)).await.unwrap().response, applied + 1);
    assert_eq!(status.borrow().fatal, None);
}

#[tokio::test(start_paused = true)]
async fn a_follower_with_a_full_disk_lets_the_others_go_on_and_catches_up() {
    let cluster = Cluster::formed(3, |_| {}).await;
    let leader = cluster.leader().await;
    let full = (leader + 1) % 3;
    cluster.disks[full].set_capacity(cluster.disks[full].used_bytes());
    let mut index = 0;
    for number in 0..200 {
        index = cluster.write(&format!("{number} {}", "w".repeat(5000))).await;
    }
    let mut status = cluster.server(full).status();
    status.wait_for(|status| status.disk_full).await.unwrap();
    assert_eq!(status.borrow().fatal, None);
    assert!(cluster.server(full).progress().applied.unwrap().index < index);
    cluster.disks[full].set_capacity(u64::MAX);
    cluster.applied(full, index).await;
    assert_eq!(cluster.ledger(full), cluster.ledger(leader));
}

#[tokio::test(start_paused = true)]
async fn a_follower_takes_part_of_a_request_that_is_too_much_for_it() {
    let cluster = Cluster::formed(3, |config| {
        // The first server has the smaller files.
        if config.id.as_u128() > 1 {
            config.segment_bytes = 4 << 20;
            config.replication_bytes_max = 1 << 20;
        }
    });
    let cluster = cluster.await;
    if cluster.leader().await == 0 {
        cluster.server(0).transfer_leader(cluster.ids[1]).await.unwrap();
    }
    cluster.net.isolate(cluster.ids[0], &cluster.ids);
    let mut index = 0;
    for number in 0..100 {
        index = cluster.write(&format!("{number} {}", "u".repeat(8000))).await;
    }
    cluster.net.heal();
    cluster.applied(0, index).await;
    assert_eq!(cluster.ledger(0), cluster.ledger(1));
}

/// The runtime has one thread, which the long command must not be applied on.
#[tokio::test]
async fn a_long_command_holds_up_neither_the_cluster_nor_the_thread() {
    let cluster = Cluster::formed(3, |_| {}).await;
    let leader = cluster.leader().await;
    let server = cluster.server(leader).clone();
    let before = server.status().borrow().clone();
    let gates: Vec<_> = cluster.servers.iter().map(|server| server.as_ref().expect("running").1.1.clone()).collect();
    let (held, all_held) = tokio::sync::oneshot::channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let holder = std::thread::spawn(move || {
        let _held: Vec<_> = gates.iter().map(|gate| gate.lock().unwrap()).collect();
        held.send(()).unwrap();
        released.recv().unwrap();
    });
    all_held.await.unwrap();
    let proposing = server.clone();
    let long = tokio::spawn(async move { proposing.propose(Bytes::from(LONG)).await });
    let committed = |id: LogId| Some(id) > before.progress.committed && id.term == before.term;
    let long_index = cluster.until(|| server.progress().committed.filter(|id| committed(*id))).await.index;
    let proposing = server.clone();
    let next = tokio::spawn(async move { proposing.propose(command(1)).await });
    cluster.until(|| server.progress().committed.filter(|id| id.index > long_index)).await;
    // For longer than any election takes, the leader leads on.
    let until = tokio::time::Instant::now() + Duration::from_millis(2 * config(cluster.ids[0]).election_ms_max);
    while tokio::time::Instant::now() < until {
        assert_eq!(server.check_lease(), Ok(()));
        assert_eq!(server.status().borrow().term, before.term);
        assert!(server.progress().applied.is_none_or(|applied| applied.index < long_index));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    release.send(()).unwrap();
    holder.join().unwrap();
    assert_eq!(long.await.unwrap().unwrap().response, 1);
    assert_eq!(next.await.unwrap().unwrap().response, 2);
}

/// A server that meets what it cannot read stops before it, stays up, and says why when it is asked; so it does after a
/// restart.
#[tokio::test(start_paused = true)]
async fn a_server_stops_before_a_command_that_it_cannot_read() {
    let mut cluster = Cluster::formed(1, |_| {}).await;
    cluster.write("first").await;
    let server = cluster.server(0).clone();
    let unreadable = server.propose(Bytes::from(UNREADABLE)).await.unwrap_err();
    assert_eq!(unreadable.outcome(), Outcome::Unknown);
    let fatal = "holds a command of version 2, and this program reads up to 1";
    for start in 0..3 {
        if start > 0 {
            cluster.stop(0).await;
            cluster.restart(0).await;
        }
        let server = cluster.server(0).clone();
        let status = cluster.until(|| Some(server.status().borrow().clone()).filter(|now| now.fatal.is_some())).await;
        assert!(status.fatal.as_ref().is_some_and(|reason| reason.contains(fatal)), "{status:?}");
        assert_eq!((status.role, status.unreadable), (Role::Stopped, true));
        // Longer than an election takes.
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(server.status().borrow().role, Role::Stopped);
        let refused = server.propose(command(1)).await.unwrap_err();
        assert!(refused.to_string().contains(fatal), "{refused}");
        let refused = server.read_index().await.unwrap_err();
        assert!(refused.to_string().contains(fatal), "{refused}");
        let refused = server.check_lease().unwrap_err();
        assert!(refused.to_string().contains(fatal), "{refused}");
        assert_eq!(cluster.ledger(0).len(), 1, "what came before is applied");
    }
}

/// The two differ here alone, so that it shows which of them was applied where.
#[tokio::test(start_paused = true)]
async fn the_server_that_encoded_a_command_does_not_decode_it_and_the_others_do() {
    let mut cluster = Cluster::formed(3, |_| {}).await;
    let leader = cluster.leader().await;
    let (encoded, read) = (Bytes::from("what is in the log"), Bytes::from("what it was made from"));
    let command = Command::with_bytes(read.clone(), encoded.clone());
    let index = cluster.server(leader).propose(command).await.unwrap().index;
    for place in 0..3 {
        cluster.applied(place, index).await;
        let expected = if place == leader { &read } else { &encoded };
        assert_eq!(cluster.ledger(place).get(&index), Some(expected));
    }
    cluster.stop(leader).await;
    cluster.restart(leader).await;
    cluster.applied(leader, index).await;
    assert_eq!(cluster.ledger(leader).get(&index), Some(&encoded));
}

/// The unfinished snapshots on a disk.
fn parts(cluster: &Cluster, position: usize) -> Vec<String> {
    let names = cluster.disks[position].list(std::path::Path::new("/data")).unwrap();
    names.into_iter().filter(|name| name.ends_with(".part")).collect()
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_that_stops_coming_leaves_nothing_behind() {
    let mut cluster = Cluster::formed(3, |_| {}).await;
    let leader = cluster.leader().await;
    let follower = (leader + 1) % 3;
    let term = cluster.server(leader).status().borrow().term;
    let vote = Vote { term, node: cluster.ids[leader], committed: true };
    let chunk = |checksum, offset, bytes: &'static [u8]| {
        let snapshot = SnapshotIdentity { last: LogId { term, index: 500 }, length: 9, checksum };
        Rpc::InstallSnapshot(SnapshotChunk { vote, snapshot, offset, bytes: Bytes::from_static(bytes) })
    };
    let send = |rpc| cluster.server(follower).handle(cluster.ids[leader], rpc);
    let goes_on_at = |offset| Ok(RpcReply::InstallSnapshot(SnapshotReply::Continue { offset }));
    assert_eq!(send(chunk(1, 0, b"123")).await, goes_on_at(3));
    let first = parts(&cluster, follower);
    assert_eq!(first.len(), 1);
    // A different one takes its place.
    assert_eq!(send(chunk(2, 0, b"123")).await, goes_on_at(3));
    cluster.until(|| (parts(&cluster, follower).len() == 1).then_some(())).await;
    assert_ne!(parts(&cluster, follower), first);
    // One whose pieces come late is waited for ...
    for offset in 3..6 {
        tokio::time::sleep(Duration::from_millis(3 * config(cluster.ids[0]).rpc_timeout_ms)).await;
        assert_eq!(send(chunk(2, offset, b"4")).await, goes_on_at(offset + 1));
    }
    // ... and not for ever.
    tokio::time::sleep(Duration::from_millis(4 * config(cluster.ids[0]).rpc_timeout_ms)).await;
    cluster.until(|| parts(&cluster, follower).is_empty().then_some(())).await;
    assert_eq!(send(chunk(2, 6, b"4")).await, goes_on_at(0));
    // One that was under way when the server ended goes at the next start.
    assert_eq!(send(chunk(3, 0, b"123")).await, goes_on_at(3));
    cluster.stop(follower).await;
    assert_eq!(parts(&cluster, follower).len(), 1);
    cluster.restart(follower).await;
    assert_eq!(parts(&cluster, follower).len(), 0);
}

/// Heartbeats, votes and clients wait for what is done there.
#[tokio::test]
async fn no_file_is_touched_on_the_thread_of_the_runtime() {
    let cluster = Cluster::formed(3, |config| {
        config.log_writer = LogWriter::Thread;
        config.tail_bytes_max = 4 << 10;
    })
    .await;
    let thread = std::thread::current().id();
    let trespasses: Vec<Trespasses> = cluster.disks.iter().map(|disk| forbid(disk, thread)).collect();
    let leader = cluster.leader().await;
    let behind = (leader + 1) % 3;
    let fill = async |from: usize| {
        cluster.net.isolate(cluster.ids[behind], &cluster.ids);
        for number in from..from + 200 {
            cluster.write(&format!("{number} {}", "y".repeat(3000))).await;
        }
    };
    // Old log is read for it,
    fill(0).await;
    cluster.net.heal();
    let index = cluster.write("first").await;
    cluster.applied(behind, index).await;
    assert_eq!(cluster.net.snapshot_pieces(), 0);
    // then a snapshot is sent to it, and received.
    fill(200).await;
    let leader = cluster.leader().await;
    let covered = cluster.server(leader).snapshot_now().await.unwrap();
    cluster.until(|| cluster.server(leader).progress().purged.filter(|id| id.index + 11 >= covered.index)).await;
    cluster.net.heal();
    let index = cluster.write("last").await;
    cluster.applied(behind, index).await;
    assert!(cluster.net.snapshot_pieces() > 10);
    for trespasses in trespasses {
        assert_eq!(*trespasses.lock().unwrap(), std::collections::BTreeSet::new());
    }
}
