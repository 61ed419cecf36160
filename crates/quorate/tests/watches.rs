//! The real binary as an agent with watches in its configuration.

mod running;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use nix::sys::signal::Signal;
use running::{Agent, Scratch, until};

/// How often a file is looked at before the test gives up.
const LOOKS_MAX: usize = 1_500;

/// A directory with a configuration file and what handlers write.
struct Place(Scratch);

impl Place {
    fn new(name: &str) -> Self {
        Self(Scratch::new(&format!("watches-{name}")))
    }

    fn path(&self, name: &str) -> String {
        self.0.path(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Waits until a file has that many lines at least, and gives all it has.
    fn lines(&self, name: &str, count: usize) -> Vec<String> {
        self.wait_for(&format!("{count} lines in {name}"), || self.read(name).lines().count() >= count);
        self.read(name).lines().map(str::to_owned).collect()
    }

    fn wait_for(&self, what: &str, is_so: impl Fn() -> bool) {
        for _ in 0..LOOKS_MAX {
            if is_so() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("never: {what}");
    }

    /// Makes these the watches of the configuration: the words of each that say what is watched, and its script.
    fn configure(&self, watches: &[(&str, String)]) {
        let watches = watches.iter().map(|(what, script)| {
            let script = serde_json::to_string(script).unwrap();
            format!("  {{ {what} args = [\"sh\", \"-c\", {script}] }},\n")
        });
        let text = format!("watches = [\n{}]\n", watches.collect::<String>());
        std::fs::write(self.path("agent.hcl"), text).unwrap();
    }

    fn start(&self) -> Agent {
        Agent::start(&["-dev", &format!("-config-file={}", self.path("agent.hcl"))])
    }

    /// A script that appends its input to a file.
    fn appends_to(&self, name: &str) -> String {
        format!("cat >>{}", self.path(name))
    }
}

/// The line with a key that has this value, in base64.
fn has_value(line: &str, value: &str) -> bool {
    line.contains(&format!("\"Value\":\"{value}\""))
}

fn reload(agent: &Agent) {
    let answer = agent.ask("PUT", "/v1/agent/reload", "");
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
}

/// Whether a process runs; one that has ended and waits for its parent does not.
fn runs(id: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", id.trim())).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with('Z'))
}

#[test]
fn a_script_runs_for_the_first_answer_and_then_for_other_content_alone() {
    let place = Place::new("script");
    let script = format!("echo \"index $CONSUL_INDEX\" >>{0}; cat >>{0}", place.path("out"));
    place.configure(&[("type = \"key\" key = \"k\"", script)]);
    let agent = place.start();
    let first = place.lines("out", 2);
    assert_eq!(first[1], "null");
    let index = |line: &str| line.strip_prefix("index ").unwrap().parse::<u64>().unwrap();
    agent.ask("PUT", "/v1/kv/other", "x");
    agent.ask("PUT", "/v1/kv/k", "one");
    let lines = place.lines("out", 4);
    assert!(index(&lines[2]) > index(&lines[0]), "{lines:?}");
    assert!(lines[3].starts_with("{\"Key\":\"k\",\"CreateIndex\":") && has_value(&lines[3], "b25l"), "{lines:?}");
    agent.ask("DELETE", "/v1/kv/k", "");
    let lines = place.lines("out", 6);
    assert_eq!((lines.len(), lines[5].as_str()), (6, "null"));
}

#[test]
fn each_type_has_its_first_answer() {
    let place = Place::new("types");
    let types = [
        ("key", "key = \"k\"", "null"),
        ("keyprefix", "prefix = \"p/\"", "null"),
        ("services", "stale = true", "{"),
        ("nodes", "", "["),
        ("service", "service = \"web\" tag = [\"a\", \"b\"] passingonly = true", "[]"),
        ("checks", "state = \"critical\"", "[]"),
        ("event", "name = \"deploy\"", "[]"),
    ];
    let words = types.map(|(kind, words, _)| format!("type = \"{kind}\" {words}"));
    let watches: Vec<_> =
        words.iter().zip(types).map(|(words, (kind, ..))| (words.as_str(), place.appends_to(kind))).collect();
    place.configure(&watches);
    // The old way to name a script: one line for a shell.
    let more =
        format!("{} {{ type = \"checks\" handler = \"tr -d ' ' >>'{}'\" }}]\n", "watches = [", place.path("old"));
    std::fs::write(place.path("more.hcl"), more).unwrap();
    let flags = ["agent.hcl", "more.hcl"].map(|name| format!("-config-file={}", place.path(name)));
    let agent = Agent::start(&["-dev", &flags[0], &flags[1]]);
    for (kind, _, answer) in types {
        let line = place.lines(kind, 1).remove(0);
        assert!(line.starts_with(answer), "{kind}: {line}");
    }
    assert!(place.lines("old", 1)[0].starts_with('['));
    agent.ask("PUT", "/v1/event/fire/other", "x");
    agent.ask("PUT", "/v1/event/fire/deploy", "v1");
    let events = place.lines("event", 2);
    assert!(events[1].contains("\"Name\":\"deploy\"") && events[1].contains("\"Payload\":\"djE=\""), "{events:?}");
    let web = r#"{"Name":"web","Tags":["a","b"],"Port":80}"#;
    agent.ask("PUT", "/v1/agent/service/register", web);
    let instances = place.lines("service", 2);
    assert!(instances[1].contains("\"Tags\":[\"a\",\"b\"]"), "{instances:?}");
}

#[test]
fn a_service_of_this_agent_is_watched_by_its_hash() {
    let place = Place::new("agent-service");
    let script = format!("echo \"index $CONSUL_INDEX\" >>{0}; cat >>{0}", place.path("out"));
    // The service is known before the watch asks for the first time: it would ask again after 5 s otherwise.
    let text = format!(
        "service {{ name = \"web\" port = 80 check {{ id = \"w\" ttl = \"1h\" }} }}\n\
         watches = [{{ type = \"agent_service\" service_id = \"web\" args = [\"sh\", \"-c\", {}] }}]\n",
        serde_json::to_string(&script).unwrap()
    );
    std::fs::write(place.path("agent.hcl"), &text).unwrap();
    let agent = place.start();
    let first = place.lines("out", 2);
    let begin = "{\"ID\":\"web\",\"Service\":\"web\",\"Tags\":[],\"Meta\":{},\"Port\":80,";
    assert!(first[0] == "index 0" && first[1].starts_with(begin), "{first:?}");
    assert!(first[1].contains("\"ContentHash\":\"") && first[1].ends_with("\"Datacenter\":\"dc1\"}"), "{first:?}");
    // Neither another service nor a check of this one is a change of it.
    agent.ask("PUT", "/v1/agent/check/pass/w", "");
    agent.ask("PUT", "/v1/agent/service/register", r#"{"Name":"other"}"#);
    agent.ask("PUT", "/v1/agent/service/register", r#"{"Name":"web","Port":81}"#);
    let lines = place.lines("out", 4);
    assert!(lines.len() == 4 && lines[3].contains("\"Port\":81,"), "{lines:?}");
    // It goes, and is asked for again after a while; as the same as before it is no news.
    let mut log = agent.send("GET", "/v1/agent/monitor?loglevel=warn", "");
    until(&mut log, "200 OK");
    agent.ask("PUT", "/v1/agent/service/deregister/web", "");
    let line = until(&mut log, "a watch was not answered");
    assert!(line.contains("unknown service ID: web") && line.contains("wait=5s"), "{line}");
    agent.ask("PUT", "/v1/agent/service/register", r#"{"Name":"web","Port":82}"#);
    let lines = place.lines("out", 6);
    assert!(lines.len() == 6 && lines[5].contains("\"Port\":82,"), "{lines:?}");
}

#[test]
fn a_url_is_sent_the_content_with_its_index() {
    let place = Place::new("http");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let text = format!(
        "watches = [{{ type = \"key\" key = \"k\" handler_type = \"http\" http_handler_config {{ \
         path = \"http://{address}/hook?x=1\" method = \"PUT\" timeout = \"20s\" \
         header = {{ X-A = [\"1\", \"2\"] }} }} }},\n\
         {{ type = \"key\" key = \"never\" handler_type = \"http\" http_handler_config {{ \
         path = \"http://{address}/second\" tls_skip_verify = true }} }}]\n",
    );
    std::fs::write(place.path("agent.hcl"), text).unwrap();
    let agent = place.start();
    let requests = || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(reader.read_line(&mut head).unwrap(), 0, "{head}");
        }
        let head = head.to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
        (head, String::from_utf8(body).unwrap())
    };
    let (mut first, mut default) = (requests(), requests());
    if default.0.starts_with("put") {
        std::mem::swap(&mut first, &mut default);
    }
    let (head, body) = first;
    assert!(head.starts_with("put /hook?x=1 http/1.1\r\n"), "{head}");
    for header in ["x-a: 1\r\n", "x-a: 2\r\n", "content-type: application/json\r\n", "\r\nx-consul-index: "] {
        assert!(head.contains(header), "{header}: {head}");
    }
    assert_eq!(body, "null\n");
    assert!(default.0.starts_with("post /second http/1.1\r\n"), "{}", default.0);
    agent.ask("PUT", "/v1/kv/k", "one");
    let (_, body) = requests();
    assert!(has_value(&body, "b25l") && body.ends_with('\n'), "{body}");
}

#[test]
fn an_agent_that_serves_a_socket_alone_is_asked_there() {
    let place = Place::new("socket");
    place.configure(&[("type = \"key\" key = \"k\"", place.appends_to("out"))]);
    let socket = format!("-hcl=addresses {{ http = \"unix://{}\" }}", place.path("http.sock"));
    let _agent = Agent::start(&["-dev", &format!("-config-file={}", place.path("agent.hcl")), &socket]);
    assert_eq!(place.lines("out", 1), ["null"]);
}

#[test]
fn a_change_during_a_run_is_one_more_run() {
    let place = Place::new("overlap");
    let (out, go) = (place.path("out"), place.path("go"));
    let script = format!(
        "echo begin >>{out}; cat >>{out}; while [ -e {out} -a ! -e {go} ]; do sleep 0.05; done; echo end >>{out}"
    );
    place.configure(&[("type = \"key\" key = \"k\"", script)]);
    let agent = place.start();
    place.lines("out", 2);
    for value in ["1", "2", "3"] {
        agent.ask("PUT", "/v1/kv/k", value);
    }
    std::fs::write(&go, "").unwrap();
    place.lines("out", 6);
    agent.ask("PUT", "/v1/kv/k", "4");
    let lines = place.lines("out", 9);
    let words: Vec<_> = lines.iter().map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(words, ["begin", "null", "end", "begin", "{\"Key\"", "end", "begin", "{\"Key\"", "end"]);
    assert!(has_value(&lines[4], "Mw==") && has_value(&lines[7], "NA=="), "{lines:?}");
}

#[test]
fn a_reload_leaves_alone_what_it_does_not_change() {
    let place = Place::new("reload");
    let (a, b) = ("type = \"key\" key = \"a\"", "type = \"key\" key = \"b\"");
    place.configure(&[(a, place.appends_to("a")), (b, place.appends_to("b"))]);
    let agent = place.start();
    place.lines("a", 1);
    place.lines("b", 1);
    // The second is another one now, a third is new; the first moves in the file.
    place.configure(&[
        ("type = \"nodes\"", place.appends_to("nodes")),
        (b, place.appends_to("b2")),
        (a, place.appends_to("a")),
    ]);
    reload(&agent);
    assert_eq!(place.lines("b2", 1), ["null"]);
    place.lines("nodes", 1);
    agent.ask("PUT", "/v1/kv/b", "one");
    assert!(has_value(&place.lines("b2", 2)[1], "b25l"));
    agent.ask("PUT", "/v1/kv/a", "one");
    let lines = place.lines("a", 2);
    assert!(lines.len() == 2 && has_value(&lines[1], "b25l"), "{lines:?}");
    assert_eq!(place.read("b"), "null\n");
    // A configuration with a mistake changes nothing.
    std::fs::write(place.path("agent.hcl"), "watches = [{ type = \"key\" args = [\"true\"] }]").unwrap();
    let answer = agent.ask("PUT", "/v1/agent/reload", "");
    assert!(answer.contains("agent.hcl:1: \"watches[0].type\": Must specify a single key to watch"), "{answer}");
    agent.ask("PUT", "/v1/kv/a", "two");
    assert!(has_value(&place.lines("a", 3)[2], "dHdv"));
}

#[test]
fn what_a_handler_started_ends_with_its_watch_and_with_the_agent() {
    let place = Place::new("end");
    let script = |name: &str| format!("sleep 1000 & echo $! >{0}.new; mv {0}.new {0}; wait", place.path(name));
    let (removed, kept) = (("type = \"key\" key = \"a\"", script("a")), ("type = \"key\" key = \"b\"", script("b")));
    place.configure(&[removed, kept.clone()]);
    let agent = place.start();
    let (a, b) = (place.lines("a", 1).remove(0), place.lines("b", 1).remove(0));
    assert!(runs(&a) && runs(&b));
    place.configure(&[kept]);
    agent.signal(Signal::SIGHUP);
    place.wait_for("the end of what the removed watch started", || !runs(&a));
    assert!(runs(&b));
    assert!(agent.stop().success());
    assert!(!runs(&b));
}

#[test]
fn what_handlers_say_is_logged_up_to_a_bound_and_a_failure_is_not_the_end() {
    let place = Place::new("log");
    let script = "cat >/dev/null; head -c 10000 /dev/zero | tr '\\0' x; echo last >&2; exit 3".to_owned();
    place.configure(&[("type = \"key\" key = \"k\"", script)]);
    let agent = place.start();
    let mut log = agent.send("GET", "/v1/agent/monitor?loglevel=debug&logjson", "");
    until(&mut log, "200 OK");
    for value in ["1", "2"] {
        agent.ask("PUT", "/v1/kv/k", value);
        let line = until(&mut log, "a watch's handler failed");
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        let output = line["output"].as_str().unwrap();
        assert_eq!(line["error"], "exit status 3");
        assert!(
            output.starts_with("Captured 4096 of 10005 bytes\n...\nxxx") && output.ends_with("xlast\n"),
            "{output}"
        );
    }
}
