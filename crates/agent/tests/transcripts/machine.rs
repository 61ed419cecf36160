//! The machine on its stage: commands, a clock, and a catalog in memory.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use quorate_agent::machine::{Effect, Extent, Machine, NodeView, RunResult, Step, StoreKey, Told, TtlState};
use quorate_agent::{AgentError, CheckDefinition, ServiceDefinition, Settings, Source};
use quorate_api::{definition, go_json};
use quorate_state::{Check, CheckStatus, Node, Service};

/// The machine with what is around it.
pub(crate) struct Stage {
    machine: Machine,
    now: u64,
    shown_deadline: Option<u64>,
    services: BTreeMap<String, Service>,
    checks: BTreeMap<String, Check>,
    /// Steps that were sent and not answered yet.
    sent: Vec<Step>,
    /// The id that the catalog wants nothing of.
    unwanted: String,
}

impl Default for Stage {
    fn default() -> Self {
        Self::with(settings())
    }
}

fn settings() -> Settings {
    Settings {
        node: Node { name: "here".into(), address: "10.0.0.1".into(), ..Node::default() },
        protected: vec!["consul".into(), "serfHealth".into()],
        enable_local_script_checks: true,
        commands_max: 2,
        connections_max: 2,
        entries_max: 100,
        ..Settings::default()
    }
}

type Answer = Result<String, AgentError>;

impl Stage {
    fn with(settings: Settings) -> Self {
        let mut stage = Self {
            machine: Machine::new(Arc::new(settings), 7),
            now: 0,
            shown_deadline: None,
            services: BTreeMap::new(),
            checks: BTreeMap::new(),
            sent: Vec::new(),
            unwanted: String::new(),
        };
        // The first comparison finds an empty catalog and has nothing to say.
        stage.machine.handle_timeout(0);
        stage.run("sync", "");
        stage
    }

    /// Runs a command and gives all that came of it.
    pub(crate) fn run(&mut self, line: &str, more: &str) -> String {
        let mut out = String::new();
        let words: Vec<&str> = line.split(' ').collect();
        match self.command(&words, more, &mut out) {
            Ok(text) if text.is_empty() => {}
            Ok(text) => out.push_str(&format!("{text}\n")),
            Err(error) => out.push_str(&format!("error: {error}\n")),
        }
        self.machine.start_runs();
        while let Some(effect) = self.machine.take_effect() {
            let _infallible = writeln!(out, "{}", shown(&effect));
        }
        let deadline = self.machine.next_deadline();
        if deadline != self.shown_deadline {
            self.shown_deadline = deadline;
            let _infallible = writeln!(out, "next deadline: {}", deadline.map_or("none".into(), |at| at.to_string()));
        }
        if out.is_empty() { "nothing\n".to_owned() } else { out }
    }

    fn command(&mut self, words: &[&str], more: &str, out: &mut String) -> Answer {
        let now = self.now;
        let machine = &mut self.machine;
        match words {
            ["settings", ..] => self.settings(&words[1..]),
            ["at", ms] => self.go_to(number(ms)),
            ["service", options @ ..] => {
                let source = if options.contains(&"file") { Source::File } else { Source::Api };
                let body: quorate_api::ServiceDefinition = go_json::from_slice(more.as_bytes()).expect("a definition");
                let definition = ServiceDefinition::try_from(body)?;
                machine.register_service(now, definition, source, options.contains(&"replace"))?;
                ok()
            }
            ["check", options @ ..] => {
                let source = if options.contains(&"file") { Source::File } else { Source::Api };
                let body: quorate_api::AgentCheckDefinition =
                    go_json::from_slice(more.as_bytes()).expect("a definition");
                machine.register_check(now, CheckDefinition::try_from(body)?, source)?;
                ok()
            }
            ["deregister", "service", id] => machine.deregister_service(now, id).map(|()| String::new()),
            ["deregister", "check", id] => machine.deregister_check(now, id).map(|()| String::new()),
            ["ttl", id, status, output @ ..] => {
                let output = match output {
                    ["bytes", count] => "x".repeat(number(count) as usize),
                    output => output.join(" "),
                };
                machine.update_ttl(now, id, status_of(status), output)?;
                ok()
            }
            ["restore", "check", of @ ..] => {
                let body: quorate_api::AgentCheckDefinition =
                    go_json::from_slice(more.as_bytes()).expect("a definition");
                machine.restore_check(now, CheckDefinition::try_from(body)?, of.contains(&"of-service"))?;
                ok()
            }
            ["restore", id, status, left_ms, output @ ..] => {
                let state = TtlState { status: status_of(status), output: output.join(" "), left_ms: number(left_ms) };
                machine.restore_ttl(now, id, state);
                ok()
            }
            ["followed", run, id, status, output @ ..] => {
                let result = RunResult { status: status_of(status), output: output.join(" ") };
                machine.followed(now, number(run), id, result);
                ok()
            }
            ["ended", run, id, "cancelled"] => {
                machine.run_ended(now, number(run), id, None);
                ok()
            }
            ["ended", run, id, status, output @ ..] => {
                let result = RunResult { status: status_of(status), output: output.join(" ") };
                machine.run_ended(now, number(run), id, Some(result));
                ok()
            }
            ["maintenance", "node", reason @ ..] => {
                Ok(format!("{:?}", machine.node_maintenance(now, reason_of(reason).as_deref()))
                    .split('(')
                    .next()
                    .unwrap_or_default()
                    .to_owned())
            }
            ["maintenance", id, reason @ ..] => {
                let changed = machine.service_maintenance(now, id, reason_of(reason).as_deref())?;
                Ok(format!("{changed:?}").split('(').next().unwrap_or_default().to_owned())
            }
            ["files"] => self.files(more, out),
            ["show"] => Ok(self.show()),
            ["sync", how @ ..] => self.sync(how, out),
            ["send"] => {
                self.sent = machine.take_steps(1);
                for step in &self.sent {
                    let _infallible = writeln!(out, "{}", shown_step(step));
                }
                ok()
            }
            ["answer", how] => {
                for step in std::mem::take(&mut self.sent) {
                    let told = match *how {
                        "failed" => Told::Failed("no leader".into()),
                        _ => self.take(&step),
                    };
                    self.machine.step_ended(now, step, told);
                }
                ok()
            }
            ["touched"] => {
                machine.compare_soon(Extent::Repair);
                ok()
            }
            ["catalog", what @ ..] => self.tamper(what),
            other => panic!("no such command: {other:?}"),
        }
    }

    /// Starts anew with other settings: `update_interval=0 discard scripts`.
    fn settings(&mut self, words: &[&str]) -> Answer {
        let mut changed = settings();
        for word in words {
            match word.split_once('=').unwrap_or((word, "")) {
                ("update_interval", ms) => changed.check_update_interval = Duration::from_millis(number(ms)),
                ("discard", _) => changed.discard_check_output = true,
                ("scripts", _) => changed.enable_script_checks = true,
                ("no_scripts", _) => changed.enable_local_script_checks = false,
                ("entries_max", count) => changed.entries_max = number(count) as usize,
                other => panic!("no such setting: {other:?}"),
            }
        }
        *self = Self::with(changed);
        ok()
    }

    /// Lets time pass, deadline by deadline.
    fn go_to(&mut self, ms: u64) -> Answer {
        while let Some(next) = self.machine.next_deadline().filter(|next| *next <= ms) {
            self.now = self.now.max(next);
            self.machine.handle_timeout(self.now);
        }
        self.now = ms;
        ok()
    }

    fn files(&mut self, more: &str, out: &mut String) -> Answer {
        let body: serde_json::Value = serde_json::from_str(more).expect("JSON");
        let list = |name: &str| body[name].as_array().cloned().unwrap_or_default();
        let services = list("services").into_iter().map(|service| {
            ServiceDefinition::try_from(definition::service_from_file(&service).expect("a service"))
                .expect("a valid one")
        });
        let checks = list("checks").into_iter().map(|check| {
            CheckDefinition::try_from(definition::check_from_file(&check).expect("a check")).expect("a valid one")
        });
        for (name, error) in self.machine.replace_files(self.now, services.collect(), checks.collect()) {
            let _infallible = writeln!(out, "refused {name}: {error}");
        }
        ok()
    }

    fn show(&self) -> String {
        let mut lines = Vec::new();
        for (id, entry) in self.machine.services() {
            lines.push(format!("service {id}: {} {:?} {:?}", entry.service.name, entry.service.tags, entry.source));
        }
        for (id, entry) in self.machine.checks() {
            let definition = &entry.definition;
            let of = if definition.service_id.is_empty() { "node" } else { &definition.service_id };
            lines.push(format!(
                "check {id} of {of}: {} {} {:?} {:?}",
                definition.check.kind(),
                entry.status.as_str(),
                entry.output,
                entry.source
            ));
        }
        if lines.is_empty() { "empty".to_owned() } else { lines.join("\n") }
    }

    /// Lets the machine tell the catalog all it has to, until it has no more or one step fails.
    fn sync(&mut self, how: &[&str], out: &mut String) -> Answer {
        let fails = how.contains(&"failing");
        if let Some(extent) = self.machine.take_comparison() {
            let _infallible = writeln!(out, "compare {extent:?}");
            if fails {
                self.machine.comparison_failed(self.now, extent, "no leader");
                return ok();
            }
            let view = NodeView {
                services: self.services.values().cloned().map(Arc::new).collect(),
                checks: self.checks.values().cloned().map(Arc::new).collect(),
            };
            self.machine.compare(&view, extent);
        }
        loop {
            let steps = self.machine.take_steps(1);
            let Some(step) = steps.into_iter().next() else { return ok() };
            let _infallible = writeln!(out, "{}", shown_step(&step));
            let told = match (fails, how.contains(&"refusing")) {
                (true, _) => Told::Failed("no leader".into()),
                (_, true) => Told::Refused("not wanted".into()),
                _ => self.take(&step),
            };
            self.machine.step_ended(self.now, step, told);
        }
    }

    fn take(&mut self, step: &Step) -> Told {
        match step {
            Step::Register(registration) => {
                assert!(registration.skip_node_update && registration.node.name == "here");
                let names_it = |id: &str| id == self.unwanted;
                let service = registration.service.as_ref();
                if service.is_some_and(|service| names_it(&service.id))
                    || registration.checks.iter().any(|check| names_it(&check.id))
                {
                    return Told::Refused("not wanted".into());
                }
                let service = registration.service.clone();
                self.services.extend(service.map(|service| (service.id.clone(), service)));
                self.checks.extend(registration.checks.iter().map(|check| (check.id.clone(), check.clone())));
            }
            Step::Deregister(what) if what.service_id.is_empty() => drop(self.checks.remove(&what.check_id)),
            Step::Deregister(what) => {
                self.services.remove(&what.service_id);
                self.checks.retain(|_, check| check.service_id != what.service_id);
            }
        }
        Told::Taken
    }

    /// What others do to the own node in the catalog.
    fn tamper(&mut self, what: &[&str]) -> Answer {
        match what {
            ["wipe"] => {
                self.services.clear();
                self.checks.clear();
            }
            ["add", "service", id] => {
                let service =
                    Service { node: "here".into(), id: (*id).into(), name: (*id).into(), ..Service::default() };
                self.services.insert(service.id.clone(), service);
            }
            ["add", "check", id, of @ ..] => {
                let service_id = of.first().copied().unwrap_or_default().to_owned();
                let check = Check { node: "here".into(), id: (*id).into(), service_id, ..Check::default() };
                self.checks.insert(check.id.clone(), check);
            }
            ["tags", id, tags @ ..] => {
                let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
                self.services.get_mut(*id).expect("a service").tags = tags;
            }
            ["unwanted", id] => self.unwanted = (*id).to_owned(),
            ["wanted"] => self.unwanted.clear(),
            ["output", id, output] => self.checks.get_mut(*id).expect("a check").output = (*output).to_owned(),
            ["show"] => {
                let services =
                    self.services.values().map(|service| format!("service {} {:?}", service.id, service.tags));
                let checks = self
                    .checks
                    .values()
                    .map(|check| format!("check {} {} {:?}", check.id, check.status.as_str(), check.output));
                return Ok(services.chain(checks).collect::<Vec<_>>().join("\n"));
            }
            other => panic!("no such tampering: {other:?}"),
        }
        ok()
    }
}

fn ok() -> Answer {
    Ok(String::new())
}

fn number(text: &str) -> u64 {
    text.parse().expect("a number")
}

fn status_of(word: &str) -> CheckStatus {
    CheckStatus::from_word(word).expect("a status")
}

/// `off`, or `on` with a reason.
fn reason_of(words: &[&str]) -> Option<String> {
    words.strip_prefix(&["on"]).map(|reason| reason.join(" "))
}

/// An output, or what can be shown of a long one.
fn brief(output: &str) -> String {
    match output.len() {
        0..=200 => output.to_owned(),
        bytes => format!("{bytes} bytes, the last {}", &output[bytes - 50..]),
    }
}

fn shown(effect: &Effect) -> String {
    match effect {
        Effect::Run { run, check } => format!("run {run}: {} {}", check.id, check.check.kind()),
        Effect::Follow { run, check, interval_ms } => format!("follow {run}: {} each {interval_ms} ms", check.id),
        Effect::Cancel { run } => format!("cancel run {run}"),
        Effect::KeepState(id, state) => {
            let output = brief(&state.output);
            format!("keep the state of {id}: {} {output:?} for {} ms", state.status.as_str(), state.left_ms)
        }
        Effect::Forget(StoreKey::Service(id)) => format!("forget service {id}"),
        Effect::Forget(StoreKey::Check(id)) => format!("forget check {id}"),
        Effect::Forget(StoreKey::State(id)) => format!("forget the state of {id}"),
        Effect::Sync => "there is something for the catalog".to_owned(),
        Effect::ServicesChanged => "services changed".to_owned(),
    }
}

fn shown_step(step: &Step) -> String {
    match step {
        Step::Register(registration) => {
            let mut line = "tell".to_owned();
            if let Some(service) = &registration.service {
                line.push_str(&format!(" service {} {:?}", service.id, service.tags));
            }
            for check in &registration.checks {
                line.push_str(&format!(" check {} {} {:?}", check.id, check.status.as_str(), brief(&check.output)));
            }
            line
        }
        Step::Deregister(what) if what.service_id.is_empty() => format!("remove check {}", what.check_id),
        Step::Deregister(what) => format!("remove service {}", what.service_id),
    }
}
