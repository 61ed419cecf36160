//! The README's tour, run as one block as somebody pastes it, with the built binary and on ports of its own.

mod running;

use std::path::Path;
use std::process::{Command, Stdio};

use running::{QUORATE, Scratch, free_port};

const README: &str = include_str!("../../../README.md");

/// The shell blocks of the tour.
fn tour() -> String {
    let (_, behind) = README.split_once("## Five minutes\n").unwrap();
    let (tour, _) = behind.split_once("\n## ").unwrap();
    tour.split("```sh\n").skip(1).map(|block| block.split_once("```").unwrap().0).collect()
}

fn is_there(program: &str) -> bool {
    Command::new(program).arg("-v").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

/// Replaces a part of the tour, which must be there.
fn replaced(tour: &str, part: &str, by: &str) -> String {
    assert!(tour.contains(part), "{part:?} is in the tour:\n{tour}");
    tour.replace(part, by)
}

#[test]
fn the_tour_runs_as_one_block() {
    if !is_there("curl") {
        eprintln!("curl is not there to take the tour with: nothing was tested");
        return;
    }
    let scratch = Scratch::new("readme");
    let binaries = Path::new(QUORATE).parent().unwrap().display().to_string();
    let directory = scratch.0.display().to_string();
    let (http, dns) = (free_port(), free_port());
    let mut script = tour();
    for (part, by) in [
        ("cargo build --release && export PATH=$PWD/target/release:$PATH", &format!("export PATH={binaries}:$PATH")),
        ("quorate agent ", &format!("quorate agent -http-port={http} -dns-port={dns} ")),
        ("localhost:8500", &format!("localhost:{http}")),
        ("8600", &dns.to_string()),
        ("/tmp/quorate", &format!("{directory}/quorate")),
    ] {
        script = replaced(&script, part, by);
    }
    if !is_there("dig") {
        eprintln!("dig is not there: DNS was not asked");
        let line = script.lines().find(|line| line.contains("dig ")).unwrap().to_owned();
        script = replaced(&script, &line, "");
    }
    // Whatever fails ends it, and the agent ends with it.
    let script = format!("set -eu -o pipefail\ntrap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\n{script}");
    let output = Command::new("timeout")
        .args(["60", "bash", "-c", &script])
        .env("CONSUL_HTTP_ADDR", format!("127.0.0.1:{http}"))
        .current_dir(&scratch.0)
        .output()
        .unwrap();
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{:?}\n{script}\n{said}\n{complained}", output.status);
    // The parked query answers when it likes; what the other steps print stands in their order: the first value, both
    // questions about the service, the lock, the archive.
    assert!(said.contains("{\"colour\": \"green\"}"), "{said}");
    let mut rest = &*said;
    for words in ["\"blue\"}", "    \"Node\": \"shelf\"", "[{\"Node\":{", "\"Service\":\"web\"", "true", "Restored"] {
        let (_, behind) =
            rest.split_once(words).unwrap_or_else(|| panic!("{words} in order in:\n{said}\n{complained}"));
        rest = behind;
    }
}
