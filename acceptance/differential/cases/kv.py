"""/v1/kv: reading, writing, listing, compare-and-set, locks, odd keys and values, limits."""

from story import case

# Consul's limit of one value; kv_max_value_size changes it.
VALUE_BYTES_MAX = 512 * 1024


@case
def write_read_delete(both):
    both.get("/v1/kv/basic")
    both.put("/v1/kv/basic", "hello")
    both.get("/v1/kv/basic")
    both.get("/v1/kv/basic?raw")
    both.put("/v1/kv/basic", "other")
    both.get("/v1/kv/basic")
    both.delete("/v1/kv/basic")
    both.get("/v1/kv/basic")
    both.get("/v1/kv/basic?raw")
    both.delete("/v1/kv/basic")
    both.put("/v1/kv/basic", "again")
    both.get("/v1/kv/basic")


@case
def empty_values(both):
    both.put("/v1/kv/empty")
    both.get("/v1/kv/empty")
    both.get("/v1/kv/empty?raw")
    both.get("/v1/kv/empty?recurse")
    both.put("/v1/kv/empty", "x")
    both.put("/v1/kv/empty", "")
    both.get("/v1/kv/empty")


@case
def a_value_may_hold_any_bytes(both):
    both.put("/v1/kv/bytes", bytes(range(256)))
    both.get("/v1/kv/bytes")
    both.get("/v1/kv/bytes?raw")
    both.put("/v1/kv/bytes", "ünïcödé €😀")
    both.get("/v1/kv/bytes")
    both.get("/v1/kv/bytes?raw")
    both.put("/v1/kv/html", "<html><script>")
    both.get("/v1/kv/html?raw")
    both.put("/v1/kv/json", '{"a": 1}', headers=[("Content-Type", "application/json")])
    both.get("/v1/kv/json?raw")


@case
def the_same_value_again_changes_nothing(both):
    both.put("/v1/kv/same?flags=3", "x")
    before = both.get("/v1/kv/same").take("0.ModifyIndex")
    both.put("/v1/kv/same?flags=3", "x")
    both.get("/v1/kv/same")
    both.put(f"/v1/kv/same?flags=3&cas={before}", "x")
    both.get("/v1/kv/same")
    both.put("/v1/kv/same?flags=4", "x")
    both.get("/v1/kv/same")
    both.put("/v1/kv/same", "x")
    both.get("/v1/kv/same")


@case
def flags(both):
    for value in ["0", "42", "18446744073709551615", "007"]:
        both.put(f"/v1/kv/flags?flags={value}", "x")
        both.get("/v1/kv/flags")
    for value in ["18446744073709551616", "x", "", "-1", "1.5", "0x10", "+1", "%2B1", "1_000", "%201"]:
        both.put(f"/v1/kv/flags?flags={value}", "y")
    both.put("/v1/kv/flags?flags", "y")
    both.put("/v1/kv/flags?flags=5&flags=6", "z")
    both.get("/v1/kv/flags")
    both.put("/v1/kv/flags", "without")
    both.get("/v1/kv/flags")


@case
def empty_keys(both):
    both.get("/v1/kv/")
    both.get("/v1/kv/?raw")
    both.put("/v1/kv/", "x")
    both.delete("/v1/kv/")
    both.delete("/v1/kv/?cas=0")
    both.put("/v1/kv/?cas=x&flags=x", "x")
    both.get("/v1/kv/?keys")
    both.get("/v1/kv/?recurse")
    both.get("/v1/kv/?keys&separator=/")
    both.delete("/v1/kv/?recurse")


@case
def listing(both):
    for key in ["list/a", "list/b/c", "list/b/d", "list/b", "list/e/", "list2", "lis", "list/b/f/g"]:
        both.put(f"/v1/kv/{key}", key)
    for prefix in ["list", "list/", "list/b", "list/b/", "lis", "", "list/e/", "list/z", "List/"]:
        both.get(f"/v1/kv/{prefix}?keys")
        both.get(f"/v1/kv/{prefix}?recurse")
        both.get(f"/v1/kv/{prefix}?keys&separator=/")
    both.get("/v1/kv/list/?recurse&keys")
    both.get("/v1/kv/list/?recurse&raw")
    both.get("/v1/kv/list/?keys&raw")
    both.get("/v1/kv/list/?keys=false")
    both.get("/v1/kv/list/?recurse=false")
    both.get("/v1/kv/list/a?recurse")


@case
def separators(both):
    for key in ["sep/a-b-c", "sep/a-b-d", "sep/a-c", "sep/b", "sep/c-", "sep/--", "sep/a--b"]:
        both.put(f"/v1/kv/{key}", "x")
    for separator in ["-", "--", "b", "", "/", "a-", "zz", "%2D", "%E2%82%AC"]:
        both.get(f"/v1/kv/sep/?keys&separator={separator}")
        both.get(f"/v1/kv/sep?keys&separator={separator}")
    both.get("/v1/kv/sep/?keys&seperator=-")
    both.get("/v1/kv/sep/?keys&seperator=-&separator=b")
    both.get("/v1/kv/sep/?keys&separator")
    both.get("/v1/kv/sep/?separator=-")
    both.get("/v1/kv/sep/a?keys&separator=-")


@case
def compare_and_set(both):
    both.put("/v1/kv/cas?cas=1", "x")
    both.get("/v1/kv/cas")
    both.put("/v1/kv/cas?cas=0", "x")
    index = both.get("/v1/kv/cas").take("0.ModifyIndex")
    both.put("/v1/kv/cas?cas=0", "y")
    both.put("/v1/kv/cas?cas=1", "y")
    both.put(f"/v1/kv/cas?cas={index}&flags=9", "y")
    both.put(f"/v1/kv/cas?cas={index}", "z")
    both.get("/v1/kv/cas")
    for value in ["x", "", "-1", "18446744073709551616", "1.0"]:
        both.put(f"/v1/kv/cas?cas={value}", "z")
    both.put("/v1/kv/cas?cas", "z")
    both.put("/v1/kv/cas?cas=18446744073709551615", "z")
    both.put("/v1/kv/cas?flags=x&cas=y", "z")
    both.get("/v1/kv/cas")


@case
def compare_and_delete(both):
    both.delete("/v1/kv/casd?cas=0")
    both.delete("/v1/kv/casd?cas=5")
    both.put("/v1/kv/casd", "x")
    index = both.get("/v1/kv/casd").take("0.ModifyIndex")
    both.delete("/v1/kv/casd?cas=0")
    both.delete("/v1/kv/casd?cas=1")
    both.delete("/v1/kv/casd?cas=x")
    both.delete("/v1/kv/casd?cas=")
    both.delete("/v1/kv/casd?cas")
    both.get("/v1/kv/casd")
    both.delete(f"/v1/kv/casd?cas={index}")
    both.get("/v1/kv/casd")


@case
def deleting_a_tree(both):
    for key in ["tree/a", "tree/b/c", "tree", "tree2", "other"]:
        both.put(f"/v1/kv/{key}", "x")
    both.delete("/v1/kv/tree/b")
    both.delete("/v1/kv/nothing?recurse")
    both.delete("/v1/kv/tree/?recurse")
    both.get("/v1/kv/?keys")
    both.delete("/v1/kv/tree?recurse=false")
    both.get("/v1/kv/?keys")
    both.delete("/v1/kv/?recurse")
    both.get("/v1/kv/?keys")
    both.get("/v1/kv/other")


@case
def options_that_exclude_each_other(both):
    both.put("/v1/kv/conflict?cas=1&acquire=x", "x")
    both.put("/v1/kv/conflict?acquire=a&release=b&z=1%202&token=q", "x")
    both.put("/v1/kv/conflict?cas&release", "x")
    both.put("/v1/kv/conflict?release=b&cas=%26&acquire=a", "x")
    both.delete("/v1/kv/conflict?recurse&cas=1")
    both.delete("/v1/kv/?recurse&cas=1")
    both.delete("/v1/kv/conflict?cas=1&cas=2&recurse=%E2%82%AC")
    both.put("/v1/kv/conflict?cas=0&recurse", "x")
    both.get("/v1/kv/conflict")


@case
def acquire_and_release(both):
    one = both.put("/v1/session/create", {"LockDelay": "0s"}).take("ID")
    two = both.put("/v1/session/create", {"LockDelay": "0s"}).take("ID")
    both.put(f"/v1/kv/lock?acquire={one}", "first")
    both.get("/v1/kv/lock")
    both.put(f"/v1/kv/lock?acquire={one}", "again")
    both.get("/v1/kv/lock")
    both.put(f"/v1/kv/lock?acquire={two}", "taken")
    both.put(f"/v1/kv/lock?release={two}", "not mine")
    both.get("/v1/kv/lock?raw")
    both.put(f"/v1/kv/lock?release={one}&flags=8", "released")
    both.get("/v1/kv/lock")
    both.put(f"/v1/kv/lock?release={one}", "twice")
    both.put(f"/v1/kv/lock?acquire={two}&flags=7", "second")
    both.get("/v1/kv/lock")
    both.get("/v1/kv/lock?recurse")
    both.delete("/v1/kv/lock")
    both.get("/v1/kv/lock")
    both.put(f"/v1/kv/lock?acquire={one}", "anew")
    both.get("/v1/kv/lock")


@case
def acquire_of_an_existing_key(both):
    session = both.put("/v1/session/create", {"LockDelay": "0s"}).take("ID")
    both.put("/v1/kv/held", "plain")
    both.put(f"/v1/kv/held?acquire={session}", "held")
    both.get("/v1/kv/held")
    both.put(f"/v1/kv/held?release={session}", "free")
    both.get("/v1/kv/held")


@case
def acquire_and_release_with_unknown_sessions(both):
    both.put("/v1/kv/unknown?acquire=nosuch", "x")
    both.put("/v1/kv/unknown?acquire=", "x")
    both.put("/v1/kv/unknown?acquire", "x")
    both.put("/v1/kv/unknown?acquire=00000000-0000-0000-0000-000000000000", "x")
    both.put("/v1/kv/unknown?release=nosuch", "x")
    both.put("/v1/kv/unknown?release=", "x")
    both.put("/v1/kv/unknown?release=00000000-0000-0000-0000-000000000000", "x")
    both.get("/v1/kv/unknown")
    both.put("/v1/kv/unknown", "x")
    both.put("/v1/kv/unknown?acquire=nosuch", "x")
    both.put("/v1/kv/unknown?release=nosuch", "x")
    both.get("/v1/kv/unknown")
    session = both.put("/v1/session/create").take("ID")
    both.put(f"/v1/session/destroy/{session}")
    both.put(f"/v1/kv/unknown?acquire={session}", "x")
    both.put(f"/v1/kv/unknown?release={session}", "x")


@case
def the_same_acquire_again_changes_nothing(both):
    session = both.put("/v1/session/create").take("ID")
    both.put(f"/v1/kv/idem?acquire={session}", "x")
    both.get("/v1/kv/idem")
    both.put(f"/v1/kv/idem?acquire={session}", "x")
    both.get("/v1/kv/idem")


@case
def a_plain_write_under_a_lock(both):
    session = both.put("/v1/session/create").take("ID")
    both.put(f"/v1/kv/fence?acquire={session}", "x")
    both.put("/v1/kv/fence", "plain")
    index = both.get("/v1/kv/fence").take("0.ModifyIndex")
    both.put(f"/v1/kv/fence?cas={index}", "cas")
    both.get("/v1/kv/fence")
    both.put(f"/v1/kv/fence?release={session}", "x")
    both.get("/v1/kv/fence")
    both.put(f"/v1/kv/fence?acquire={session}", "x")
    both.get("/v1/kv/fence")


@case
def deleting_a_held_lock(both):
    session = both.put("/v1/session/create").take("ID")
    both.put(f"/v1/kv/gone?acquire={session}", "x")
    both.delete("/v1/kv/gone")
    both.put(f"/v1/kv/gone?release={session}", "x")
    both.put(f"/v1/kv/gone?acquire={session}", "x")
    both.get("/v1/kv/gone")
    both.put(f"/v1/session/destroy/{session}")
    both.get("/v1/kv/gone")


@case
def keys_in_every_spelling(both):
    keys = ["sp%20ace", "pl+us", "sl%2Fash", "dbl%252F", "dots..", ".hidden", "...", "%C3%BC", "%F0%9F%98%80", "trail/"]
    keys += ["a%2F%2Fb", "a%2F..%2Fb", "q%3Fx%23y", "am%26p", "per%25cent", "quo%22te", "back%5Cslash", "co:lon", "a=b"]
    keys += ["semi;colon", "com,ma", "star*", "~tilde", "(paren)", "at@", "$dollar", "caf%e9", "UPPER", "upper"]
    for key in keys:
        both.put(f"/v1/kv/odd/{key}", "x")
        both.get(f"/v1/kv/odd/{key}")
    both.get("/v1/kv/odd/?keys")
    both.get("/v1/kv/odd/?recurse")
    both.get("/v1/kv/odd/sp+ace")
    both.get("/v1/kv/odd/trail")
    for key in keys[:12]:
        both.delete(f"/v1/kv/odd/{key}")
    both.get("/v1/kv/odd/?keys")


@case
def keys_that_begin_with_a_slash(both):
    both.put("/v1/kv/%2Flead", "x")
    both.get("/v1/kv/%2Flead")
    both.get("/v1/kv/%2F?keys")
    both.get("/v1/kv/?keys&separator=/")
    both.delete("/v1/kv/%2F?recurse")
    both.get("/v1/kv/?keys")


@case
def a_key_in_raw_bytes(both):
    both.request("PUT", b"/v1/kv/raw/\xc3\xa9", "x")
    both.request("GET", b"/v1/kv/raw/\xc3\xa9")
    both.get("/v1/kv/raw/%C3%A9")
    both.put("/v1/kv/raw/%3Chtml%3E&'", "x")
    both.get("/v1/kv/raw/%3Chtml%3E&'")
    both.get("/v1/kv/raw/?keys")


@case
def bytes_that_no_request_line_may_have(both):
    both.put("/v1/kv/raw/<html>", "x")
    both.request("PUT", b"/v1/kv/raw/\"`{|}^\\#\xff", "x")
    both.get("/v1/kv/raw/?keys")
    both.get('/v1/kv/raw/<html>?x="y"&raw')
    both.get('/v1/health/service/consul?filter="blue"+in+Service.Tags')


@case
def long_keys(both):
    for length in [255, 1000, 4000]:
        both.put(f"/v1/kv/{'k' * length}", "x")
        both.get(f"/v1/kv/{'k' * length}")
    both.get("/v1/kv/?keys")


@case
def the_limit_of_a_value(both):
    both.put("/v1/kv/large", b"x" * VALUE_BYTES_MAX)
    both.get("/v1/kv/large?raw")
    both.put("/v1/kv/large", b"x" * (VALUE_BYTES_MAX + 1))
    both.put("/v1/kv/large?cas=x", b"x" * (VALUE_BYTES_MAX + 1))
    both.put("/v1/kv/large?cas=1&acquire=x", b"x" * (VALUE_BYTES_MAX + 1))
    both.put("/v1/kv/", b"x" * (VALUE_BYTES_MAX + 1))
    both.put("/v1/kv/large?acquire=nosuch", b"x" * (VALUE_BYTES_MAX + 1))


@case
def values_in_chunks(both):
    both.put("/v1/kv/chunked", "in chunks", chunked=True)
    both.get("/v1/kv/chunked")
    both.put("/v1/kv/chunked", "", chunked=True)
    both.get("/v1/kv/chunked")


@case
def a_value_in_chunks_past_the_limit(both):
    both.put("/v1/kv/chunked", b"x" * (VALUE_BYTES_MAX + 1), chunked=True)
    both.get("/v1/kv/chunked", select=lambda entries: len(entries[0]["Value"]))


@case
def expect_continue(both):
    both.put("/v1/kv/continue", "waited", headers=[("Expect", "100-continue")])
    both.get("/v1/kv/continue?raw")


@case
def the_index_of_a_read(both):
    both.put("/v1/kv/index/a", "x")
    index = both.get("/v1/kv/index/a").take_header("X-Consul-Index")
    both.get(f"/v1/kv/index/a?index={index}&wait=1ms")
    both.put("/v1/kv/index/b", "x")
    both.get(f"/v1/kv/index/a?index={index}&wait=1ms")
    both.delete("/v1/kv/index/a")
    both.get(f"/v1/kv/index/a?index={index}&wait=10s").took(0, 5)
    both.get("/v1/kv/index/?recurse")
    both.get("/v1/kv/index/?keys")
    both.delete("/v1/kv/index/?recurse")
    both.get("/v1/kv/index/?recurse")
    both.get("/v1/kv/index/?keys")
    both.get("/v1/kv/index/never")


@case
def options_that_kv_ignores(both):
    both.put("/v1/kv/plain", "x")
    both.get("/v1/kv/plain?filter=Key==x")
    both.get("/v1/kv/plain?cached")
    both.get("/v1/kv/plain?near=_agent")
    both.get("/v1/kv/plain?cas=x&flags=x&acquire=x")
    both.put("/v1/kv/plain?raw&keys&recurse", "y")
    both.get("/v1/kv/plain")
