//! Go's grammar of flags, and what is said of lines that break it. The messages and codes are those of Consul 1.13.9.

use std::ffi::OsString;

use super::*;

fn line(text: &str) -> Result<Command, Misuse> {
    parse(text.split_whitespace().map(OsString::from))
}

fn put(text: &str) -> KvPutFlags {
    match line(&format!("kv put {text}")) {
        Ok(Command::Kv(KvCommand::Put(flags))) => flags,
        other => panic!("{text}: {other:?}"),
    }
}

fn mistake(text: &str) -> String {
    match line(text) {
        Err(Misuse::Mistake(message)) => message,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn all_ways_to_write_a_flag_mean_the_same() {
    for text in ["-flags=7 k", "-flags 7 k", "--flags=7 k", "--flags 7 k", "-flags=1 -flags=7 k", "-flags=7 -- k"] {
        let flags = put(text);
        assert_eq!((flags.flags, flags.arguments), (7, vec!["k".into()]), "{text}");
    }
    for (text, cas) in [
        ("k", None),
        ("-cas k", Some(true)),
        ("--cas k", Some(true)),
        ("-cas=false k", Some(false)),
        ("-cas=F k", Some(false)),
        ("-cas=1 k", Some(true)),
        ("-cas=false -cas k", Some(true)),
    ] {
        assert_eq!(put(text).cas, cas, "{text}");
    }
    assert_eq!((put("-flags=010 k").flags, put("-modify-index 0x_ff k").modify_index), (8, 255));
    assert_eq!(put("-session= k").session, "");
    assert_eq!(put("-session=a=b k").session, "a=b");
}

#[test]
fn the_first_argument_ends_the_flags() {
    let arguments = |text| put(text).arguments.into_iter().map(|word| word.into_string().unwrap()).collect::<Vec<_>>();
    assert_eq!(arguments("k -cas"), ["k", "-cas"]);
    assert_eq!(arguments("k -"), ["k", "-"]);
    assert_eq!(arguments("k --"), ["k", "--"]);
    assert_eq!(arguments("-- -k v"), ["-k", "v"]);
    assert_eq!(arguments("-"), ["-"]);
    assert_eq!(put("k -cas").cas, None);
    // A command that takes none does not look at them, as in Consul.
    assert!(line("operator raft list-peers extra -nope").is_ok());
}

#[test]
fn mistakes_are_one_line() {
    for (text, message) in [
        ("kv put -nope k", "flag provided but not defined: -nope"),
        ("kv put -sesion=x k", "flag provided but not defined: -sesion; did you mean -session?"),
        ("kv put -cas=maybe k", "invalid boolean value \"maybe\" for -cas: parse error"),
        ("kv put -flags=x k", "invalid value \"x\" for flag -flags: parse error"),
        ("lock -try=x p true", "invalid value \"x\" for flag -try: parse error"),
        (
            "services register -meta=novalue",
            "invalid value \"novalue\" for flag -meta: Missing \"=\" value in argument: novalue",
        ),
        ("kv put -session", "flag needs an argument: -session"),
        ("kv put ---cas k", "bad flag syntax: ---cas"),
        ("kv put -=x k", "bad flag syntax: -=x"),
        ("kv get -modify-index=3 k", "flag provided but not defined: -modify-index"),
        ("agent -http-port=x", "invalid value \"x\" for flag -http-port: invalid digit found in string"),
        ("agent -http-prot=1", "flag provided but not defined: -http-prot; did you mean -http-port?"),
        ("acl", "the command \"acl\" is not served yet"),
        ("operator raft remove-peer", "the command \"operator raft remove-peer\" is not served yet"),
    ] {
        assert_eq!(mistake(text), message, "{text}");
    }
}

#[test]
fn help_shows_the_flags_and_an_example() {
    for text in
        ["-h", "agent -h", "kv --help", "kv get -help", "kv put -cas -h", "operator raft list-peers -h", "version -h"]
    {
        let Err(Misuse::Help(help)) = line(text) else { panic!("{text}") };
        assert!(help.contains("Example"), "{text}: {help}");
        assert!(!help.contains("--"), "{text}: {help}");
    }
    let Err(Misuse::Help(help)) = line("kv get -h") else { panic!() };
    assert!(help.contains("\n  -recurse     ") && help.contains("\n  -http-addr=<ADDRESS>"), "{help}");
    for (text, expected) in [("", 127), ("nope", 127), ("nope -h", 127), ("kv", 1), ("kv nope", 1), ("kv -v get", 1)] {
        let Err(Misuse::NoCommand { code, .. }) = line(text) else { panic!("{text}") };
        assert_eq!(code, expected, "{text}");
    }
    for text in ["version", "-v", "--version", "-version", "version x"] {
        assert!(matches!(line(text), Ok(Command::Version(_))), "{text}");
    }
}

#[test]
fn help_is_asked_for_anywhere_before_two_dashes() {
    let help = |text: &str| match line(text) {
        Err(Misuse::Help(help)) => help,
        other => panic!("{text}: {other:?}"),
    };
    let of_get = help("kv get -h");
    for text in ["kv get a -h", "kv get a --help", "-h kv get", "kv -help get a", "kv get -separator -h"] {
        assert_eq!(help(text), of_get, "{text}");
    }
    assert_eq!(help("-h kv"), help("kv -h"));
    assert_eq!(help("kv nope -h"), help("kv -h"));
    assert_eq!(mistake("-h acl"), "the command \"acl\" is not served yet");
    assert_eq!(put("k -- -h").arguments.len(), 3);
    assert!(help("agent -h").contains(" -retry-join "), "{}", help("agent -h"));
}

#[test]
fn an_agents_flags_stand_for_keys_in_the_order_given() {
    let typed = "agent -dev -config-dir=b -config-file a.json -node n -node-meta k:v -retry-join=x -retry-join=y -ui";
    let Ok(Command::Agent(flags)) = line(typed) else { panic!() };
    assert!(flags.is_dev);
    assert_eq!(flags.config_paths, [std::path::PathBuf::from("b"), "a.json".into()]);
    let entries: Vec<_> =
        flags.entries.iter().map(|entry| (entry.culprit(), entry.key.path, entry.value.to_string())).collect();
    let expected = [
        ("-node", "node_name", r#""n""#),
        ("-node-meta", "node_meta", r#"{"k":"v"}"#),
        ("-retry-join", "retry_join", r#"["x"]"#),
        ("-retry-join", "retry_join", r#"["y"]"#),
        ("-ui", "ui_config.enabled", "true"),
    ];
    assert_eq!(entries, expected.map(|(culprit, path, value)| (culprit.to_owned(), path, value.to_owned())));
}
