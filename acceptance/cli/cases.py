"""The command lines that are compared, in the order in which they run.

In a line {p} is a prefix of keys that only this program and this server see, {session} the id of a session made for
them, {dir} a directory of theirs, and {index:KEY} the ModifyIndex of a key. Words are split as a shell does.
"""

import dataclasses

# What is compared of standard error. All of it; its first line, where Consul prints all flags behind it; or only that
# something is said, where ours names the culprit in its own way.
ALL, FIRST_LINE, SAID = "all", "first line", "said"


@dataclasses.dataclass(frozen=True)
class Case:
    """One command line."""

    line: str
    stdin: bytes = b""
    environment: dict = dataclasses.field(default_factory=dict)
    errors: str = ALL
    # Each program against its own server only: what it writes or reads is not meant for the other.
    own_server: bool = False
    # What of standard output is compared: its first line; or a table without the width of its columns.
    first_line: bool = False
    table: bool = False
    # What Quorate's program does instead, on purpose: exit code, output and errors. The comment above it says why.
    ours: tuple | None = None


def case(line: str, **others) -> Case:
    return Case(line, **others)


WRITES = [
    case("kv put {p}a 1"),
    case("kv put {p}a/b 2"),
    case("kv put {p}a/c/d 3"),
    case("kv put {p}e"),
    case("kv put {p}e ''"),
    case("kv put {p}stdin -", stdin=b"from\nstdin\x00\xff\n"),
    case("kv put {p}file @{dir}/data"),
    case("kv put {p}missing @{dir}/nothing", errors=SAID),
    case("kv put {p}dash -x"),
    case("kv put -base64 {p}base64 aGVsbG8="),
    case("kv put -base64 {p}base64 -", stdin=b"aGVsbG8=\n"),
    case("kv put -flags=42 {p}flags v"),
    case("kv put -flags 42 {p}flags v"),
    case("kv put -flags=18446744073709551615 {p}flags v"),
    case("kv put '{p}a key with spaces & <signs>? #%é' v"),
    case("kv put /{p}slash v"),
    case("kv put -- {p}terminated -v"),
    case("kv put {p}a -cas"),
    case("kv put {p}a 1 2"),
    case("kv put"),
]

CONDITIONS = [
    case("kv put -cas -modify-index=0 {p}cas 1"),
    case("kv put -cas -modify-index=0 {p}cas 2"),
    case("kv put -cas {p}cas 2"),
    case("kv put -cas -modify-index=1 {p}cas 2"),
    case("kv put -cas -modify-index={index:cas} {p}cas 2"),
    case("kv put -cas=false -modify-index=1 {p}cas 3"),
    case("kv put -acquire -session={session} {p}lock held"),
    case("kv get -detailed {p}lock"),
    case("kv put -acquire -session={session} {p}lock again"),
    case("kv put -release -session={session} {p}lock free"),
    case("kv put -release -session={session} {p}lock free"),
    case("kv put -acquire {p}lock x"),
    case("kv put -release {p}lock x"),
    case("kv put -acquire -session=11111111-1111-1111-1111-111111111111 {p}lock x", errors=SAID),
    case("kv delete -cas -modify-index=1 {p}cas"),
    case("kv delete -cas {p}cas"),
    case("kv delete -modify-index=1 {p}cas"),
    case("kv delete -recurse -cas -modify-index=1 {p}cas"),
    case("kv delete -cas -modify-index={index:cas} {p}cas"),
]

READS = [
    case("kv get {p}a"),
    case("kv get /{p}a"),
    case("kv get {p}e"),
    case("kv get {p}stdin"),
    case("kv get {p}file"),
    case("kv get {p}none"),
    case("kv get -base64 {p}stdin"),
    case("kv get -detailed {p}flags"),
    case("kv get -detailed -base64 {p}flags"),
    case("kv get -detailed {p}none"),
    case("kv get -recurse {p}a"),
    case("kv get -recurse -base64 {p}a"),
    case("kv get -recurse -detailed {p}a"),
    case("kv get -recurse {p}none"),
    case("kv get -recurse=false {p}a"),
    case("kv get -keys {p}"),
    case("kv get -keys {p}a"),
    case("kv get -keys {p}a/"),
    case("kv get -keys -separator= {p}"),
    case("kv get -keys -separator=c {p}"),
    case("kv get -keys {p}none"),
    case("kv get -stale {p}a"),
    case("kv get -stale=false {p}a"),
    case("kv get -datacenter=dc1 {p}a"),
    case("kv get -datacenter=elsewhere {p}a"),
    case("kv get -token=11111111-1111-1111-1111-111111111111 {p}a"),
    case("kv get -token-file={dir}/data {p}a", errors=SAID),
    case("kv get -namespace=x {p}a"),
    case("kv get -partition=x {p}a"),
    case("kv get {p}a", environment={"CONSUL_NAMESPACE": "x"}),
    case("kv get {p}a", environment={"CONSUL_HTTP_TOKEN_FILE": "/nowhere/token"}, errors=SAID),
    case("kv get {p}a", environment={"CONSUL_HTTP_AUTH": "user:password"}),
    case("kv get {p}a b"),
    case("kv get"),
    case("kv get ''"),
    case("kv get {p}a -recurse"),
]

MISTAKES = [
    case("kv get -nope {p}a", errors=FIRST_LINE),
    case("kv get -modify-index=3 {p}a", errors=FIRST_LINE),
    case("kv put -cas=maybe {p}a 1", errors=FIRST_LINE),
    case("kv put -flags=x {p}a 1", errors=SAID),
    case("kv put -flags=-1 {p}a 1", errors=SAID),
    case("kv put -session", errors=FIRST_LINE),
    case("kv get ---keys {p}a", errors=FIRST_LINE),
    case("kv get -http-addr=127.0.0.1:1 {p}a", errors=SAID),
    case("kv get -http-addr=ftp://127.0.0.1 {p}a", errors=SAID),
    case("kv get {p}a", environment={"CONSUL_HTTP_ADDR": "127.0.0.1:1"}, errors=SAID),
    # Consul says so and then writes what it decoded up to there, here nothing, as if it had been asked to.
    case(
        "kv put -base64 {p}bad !!!",
        ours=(1, "", "Error! Cannot base 64 decode data: illegal base64 data at input byte 0\n"),
    ),
    case("kv delete {p}bad"),
    case("kv nope", errors=SAID),
    case("kv", errors=SAID),
    case("nope", errors=SAID),
    case("", errors=SAID),
    case("operator", errors=SAID),
    case("operator raft", errors=SAID),
    case("operator raft list-peers -nope", errors=SAID),
    case("snapshot", errors=SAID),
    case("snapshot save"),
    case("snapshot save a b"),
    case("snapshot restore"),
    case("snapshot restore {dir}/nothing", errors=SAID),
    case("snapshot restore {dir}/data", errors=SAID),
    case("snapshot inspect"),
    case("snapshot inspect {dir}/nothing", errors=SAID),
    case("snapshot inspect {dir}/data", errors=SAID),
    case("agent", errors=SAID),
    case("agent extra", errors=SAID),
    case("agent -nope", errors=FIRST_LINE),
    case("agent -dev -http-port=x", errors=SAID),
    case("agent -dev -log-level=loud", errors=SAID),
    case("agent -dev -config-file={dir}/nothing.json", errors=SAID),
    case("agent -dev -config-file={dir}/unknown.json", errors=SAID),
    case("agent -dev -config-file={dir}/broken.json", errors=SAID),
    case("agent -dev -datacenter=a.b", errors=SAID),
    case("agent -server -bootstrap-expect=1", errors=SAID),
]

TRANSFER = [
    case("kv export {p}a"),
    case("kv export {p}flags"),
    case("kv export '{p}a key'"),
    case("kv export {p}none"),
    case("kv export {p}a b"),
    case("kv import @{dir}/export.json"),
    case("kv import -", stdin=b'[{"key":"{p}imported/one","flags":7,"value":"AP8="}]'),
    case('kv import \'[{"key":"{p}imported/two/","flags":0,"value":""}]\''),
    case("kv import -prefix={p}imported @{dir}/relative.json"),
    case("kv get -recurse -base64 {p}imported"),
    case("kv get -detailed {p}imported/one"),
    case("kv import"),
    case("kv import ''"),
    case("kv import a b"),
    case("kv import nonsense", errors=SAID),
    case("kv import @{dir}/nothing", errors=SAID),
    case('kv import \'[{"key":"{p}bad","flags":0,"value":"!"}]\''),
]

DELETES = [
    case("kv delete {p}a"),
    case("kv delete {p}a"),
    case("kv delete /{p}e"),
    case("kv delete -recurse {p}a"),
    case("kv delete -recurse {p}none"),
    case("kv delete"),
    case("kv delete {p}a b"),
    case("kv get -keys {p}"),
    case("kv delete -recurse {p}"),
    case("kv get -keys {p}"),
]

OTHERS = [
    case("version", first_line=True),
    case("--version", first_line=True),
    case("-v", first_line=True),
    case("version x", first_line=True),
    case("version -format=x"),
    case("operator raft list-peers", own_server=True, table=True),
    case("operator raft list-peers -stale", own_server=True, table=True),
    case("operator raft list-peers -datacenter=elsewhere", errors=SAID),
    case("operator raft list-peers x", own_server=True, table=True),
    case("operator raft list-peers -http-addr=127.0.0.1:1", errors=SAID),
    case("snapshot save {dir}/saved", own_server=True),
    case("snapshot save -stale {dir}/saved", own_server=True),
    case("snapshot save {dir}/nowhere/saved", own_server=True, errors=SAID),
    case("snapshot inspect -format=x {dir}/saved", own_server=True),
    case("snapshot inspect {dir}/saved", own_server=True, first_line=True),
    case("snapshot inspect {dir}/saved x", own_server=True),
    case("snapshot restore {dir}/saved", own_server=True),
]

CATALOG = [
    case("catalog datacenters"),
    case("catalog datacenters x", errors=SAID),
    case("catalog nodes", own_server=True, table=True),
    case("catalog nodes -service=consul", own_server=True, table=True),
    case("catalog nodes -service=nope"),
    case("catalog nodes -node-meta=a=b"),
    case("catalog nodes -filter='Node == \"nope\"'"),
    case("catalog nodes -filter=nonsense", errors=SAID),
    case("catalog nodes -detailed", own_server=True, table=True),
    case("catalog nodes -near=_agent", own_server=True, table=True),
    case("catalog nodes -near=nope", own_server=True, table=True),
    case("catalog nodes -node-meta=rack=7", own_server=True, table=True),
    case("catalog nodes -node-meta=rack=7 -node-meta=a=b"),
    case("catalog nodes -node-meta=rack", errors=SAID),
    case("catalog nodes -format=json", errors=FIRST_LINE),
    case("catalog nodes x", errors=SAID),
    case("catalog services"),
    case("catalog services -tags"),
    case("catalog services -node=nope"),
    case("catalog services -node=cli"),
    case("catalog services -node=cli -tags"),
    case("catalog services -node-meta=a=b"),
    case("catalog services -node-meta=rack=7 -tags"),
    case("catalog services x", errors=SAID),
    case("catalog", errors=SAID),
    case("catalog nope", errors=SAID),
    case("members", own_server=True, table=True),
    case("members -status=alive x", own_server=True, table=True),
    case("members -status=left"),
    case("members -status='('", errors=SAID),
    case("members -detailed -status=left"),
    case("members -segment=nope", errors=SAID),
    case("members -wan -status=left"),
    case("info x", own_server=True, first_line=True),
    case("info -http-addr=127.0.0.1:1", errors=SAID),
    case("event -name={id} payload"),
    case("event -name={id}"),
    case("event -name={id} -service=web -tag=v1"),
    case("event -name={id} -tag=v1", errors=FIRST_LINE),
    case("event -name={id} -node='('", errors=SAID),
    case("event -name={id} a b", errors=FIRST_LINE),
    case("event -name={id} -service='('", errors=SAID),
    case("event -name={id} -http-addr=127.0.0.1:1", errors=SAID),
    case("event", errors=FIRST_LINE),
]

WATCHES = [
    case("kv put {p}watched 1"),
    case("watch -type=key -key={p}watched"),
    case("watch -type=key -key={p}none"),
    case("watch -type=keyprefix -prefix={p}watched"),
    case("watch -type=keyprefix -prefix={p}none"),
    case("watch -type=service -service=nope"),
    case("watch -type=service -service=nope -tag=a -tag=b -passingonly=true"),
    case("watch -type=services"),
    case("watch -type=checks -state=critical"),
    case("watch -type=checks -service=nope"),
    case("watch -type=event -name=nope"),
    case("watch -type=key -key={p}watched 'exit 3'"),
    case("watch -type=key -key={p}watched -shell=false false"),
    case("watch -type=key -key={p}watched 'cat; exit 1'"),
    case("watch -type=key -key={p}none 'cat; exit 1'"),
    case("watch -type=nope", errors=SAID),
    # No flag tells the id of the service.
    case("watch -type=agent_service -service=nope", errors=SAID),
    case("watch -type=connect_roots"),
    case("watch -type=connect_leaf -service=nope"),
    case("watch -type=service"),
    case("watch -type=service -service=nope -key=x", errors=SAID),
    case("watch -type=key -key={p}watched -passingonly=x", errors=SAID),
    case("watch -type=key"),
    case("watch -type=keyprefix"),
    case("watch -type=service"),
    case("watch -type=nope"),
    case("watch -type=nodes -key=x"),
    case("watch -type=connect_roots", errors=SAID),
    case("watch", errors=FIRST_LINE),
    case("watch -type=nodes -http-addr=127.0.0.1:1", errors=SAID),
]

LOCKS = [
    case("lock {p}lock echo held"),
    case("lock {p}lock 'echo $CONSUL_LOCK_HELD; exit 3'"),
    case("lock -child-exit-code {p}lock 'exit 3'"),
    case("lock -child-exit-code {p}lock true"),
    case("lock -shell=false {p}lock echo '$HOME' two"),
    case("lock -shell=false {p}lock /nowhere/program", errors=SAID),
    case("lock -n=2 {p}semaphore echo held"),
    case("lock -try=10s {p}lock echo held"),
    case("lock -verbose {p}lock echo held"),
    case("lock -verbose -n=3 {p}semaphore echo held"),
    case("lock -pass-stdin {p}lock cat", stdin=b"through\n"),
    case("kv get -keys {p}"),
    case("lock -n=0 {p}lock true"),
    case("lock -n=-1 {p}lock true"),
    case("lock -try=x {p}lock true", errors=SAID),
    case("lock -try=-1s {p}lock true", errors=SAID),
    case("lock {p}lock"),
    case("lock"),
]

AGENT = [
    case("services register {dir}/service.hcl"),
    case("services deregister {dir}/service.hcl"),
    case("services register {dir}/services.json"),
    case("services deregister -id={id}"),
    case("services register -name={id} -port=5 -tag=a -meta=a=b -address=10.0.0.1"),
    case("services deregister -id={id}"),
    case("services deregister -id={id}"),
    case("services register {dir}/nothing", errors=SAID),
    case("services register", errors=FIRST_LINE),
    case("services deregister", errors=FIRST_LINE),
    case("services", errors=SAID),
    case("maint"),
    case("maint -enable -reason=disk"),
    case("maint"),
    case("maint -disable"),
    case("maint -enable -service=nope", errors=SAID),
    case("maint -enable -disable"),
    case("maint -service=nope"),
    case("maint -reason=x"),
    case("reload"),
    case("monitor -log-level=nope"),
    case("join", errors=FIRST_LINE),
    case("join 127.0.0.1:9", errors=SAID),
    case("force-leave", errors=FIRST_LINE),
    case("force-leave nope", errors=SAID),
    # Consul prints the whole usage.
    case("leave x", ours=(1, "", "Too many arguments (expected 0, got 1)\n")),
    # Consul warns of every bootstrap.
    case("validate {dir}/valid.hcl", ours=(0, "Configuration is valid!\n", "")),
    case("validate {dir}/valid.json", ours=(0, "Configuration is valid!\n", "")),
    case("validate -config-format=hcl {dir}/valid.json", ours=(0, "Configuration is valid!\n", "")),
    case("validate -quiet {dir}/valid.hcl"),
    case("validate {dir}/twice.hcl", errors=SAID),
    case("validate {dir}/kind.json", errors=SAID),
    case("validate {dir}/unknown.json", errors=SAID),
    case("validate {dir}/broken.json", errors=SAID),
    case("validate {dir}/nothing", errors=SAID),
    case("validate"),
]

# Exit with 0 and print something, each in its own words.
HELP = ["-h", "--help", "agent -h", "kv -h", "kv get -h", "kv put --help", "kv delete -help", "kv export -h"]
HELP += ["kv import -h", "snapshot -h", "snapshot save -h", "snapshot restore -h", "snapshot inspect -h"]
HELP += ["operator -h", "operator raft -h", "operator raft list-peers -h", "version -h"]
HELP += ["catalog -h", "catalog nodes -h", "services -h", "services register -h", "event -h", "lock -h", "watch -h"]
HELP += ["maint -h", "monitor -h", "reload -h", "leave -h", "join -h", "force-leave -h", "validate -h", "members -h"]
HELP += ["info -h"]

AREAS = {
    "writes": WRITES,
    "conditions": CONDITIONS,
    "reads": READS,
    "mistakes": MISTAKES,
    "transfer": TRANSFER,
    "deletes": DELETES,
    "others": OTHERS,
    "catalog": CATALOG,
    "watches": WATCHES,
    "locks": LOCKS,
    "agent": AGENT,
}
