//! The real binary ends by a signal: in good order, or at once where it must.

mod running;

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use nix::sys::signal::Signal;
use running::Agent;

#[test]
fn a_signal_ends_it_in_good_order() {
    assert!(Agent::start_in_memory(&[]).stop().success());
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut agent = Agent::start_in_memory(&[]);
    // A client in the midst of a request, for which a drain waits.
    let mut client = TcpStream::connect(agent.address()).unwrap();
    client.write_all(b"PUT /v1/kv/slow HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab").unwrap();
    std::thread::sleep(Duration::from_millis(300));
    agent.signal(Signal::SIGTERM);
    std::thread::sleep(Duration::from_millis(300));
    assert!(agent.process.try_wait().unwrap().is_none(), "it did not wait for the client");
    agent.signal(Signal::SIGINT);
    // The drain would take 5 s.
    let mut polls = 0;
    let ended = loop {
        match agent.process.try_wait().unwrap() {
            Some(ended) => break ended,
            None => polls += 1,
        }
        assert!(polls < 30, "the second signal did not end it");
        std::thread::sleep(Duration::from_millis(100));
    };
    assert_eq!(ended.code(), Some(1));
}

#[test]
fn signals_that_mean_nothing_here_do_no_harm() {
    let agent = Agent::start(&["-dev"]);
    agent.signal(Signal::SIGUSR1);
    agent.signal(Signal::SIGUSR2);
    assert!(agent.ask("GET", "/v1/status/leader", "").contains("200 OK"));
    assert!(agent.stop().success());
}

#[test]
fn sigquit_ends_it_at_once_without_a_core_file() {
    let mut agent = Agent::start(&["-dev"]);
    agent.signal(Signal::SIGQUIT);
    assert_eq!(agent.process.wait().unwrap().code(), Some(2));
}
