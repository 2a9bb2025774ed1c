"""The verifier against honest, edited and hostile bundles."""

import copy
import random
import resource
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from bittensor_core import Keypair
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.validation.sessions import (
    MACHINE,
    STRANGER,
    VALIDATOR,
    KnownChain,
    Session,
    TimedCard,
    block,
    failures,
    sealed,
)
from validation.proof.bundle import ss58
from validation.proof.bundle.codec import from_json, to_json
from validation.proof.bundle.encoding import MOST_BYTES, MOST_VALUES, decode, encode
from validation.proof.bundle.errors import Malformed
from validation.proof.bundle.records import (
    Body,
    Bundle,
    Commitment,
    Residency,
    Reveal,
    Transcript,
)
from validation.proof.bundle.signing import read, seal
from validation.proof.openings import Opening
from validation.proof.parameters import Parameters
from validation.proof.seeds import nonces_from
from validation.verifier.chain import ChainError
from validation.verifier.command import FAILS, HOLDS, NOT_A_BUNDLE, main
from validation.verifier.judging import judge
from validation.verifier.verifying import verify

TINY = Parameters(n=64, products=2, sweeps=2, openings=4)


@pytest.fixture(scope="module")
def honest() -> bytes:
    return sealed(Session(cards=[TimedCard("GPU-0")], sizes=TINY).run())


def test_an_honest_bundle_holds(honest):
    report = verify(honest, signer=VALIDATOR.address)
    assert report.holds
    assert report.bundle.body.verdict == "pass"
    assert [check.id for check in report.checks if check.status == "not checked"] == ["beacon"]


def test_reading_and_writing_are_inverse(honest):
    assert encode(to_json(read(honest))) == honest


def test_a_wallets_signature_is_accepted(honest):
    keypair = Keypair.create_from_uri("//Alice")
    data = seal(read(honest).body, signer=keypair.ss58_address, sign=keypair.sign)
    assert verify(data, signer=keypair.ss58_address).holds


@pytest.mark.parametrize("key", [bytes(32), b"\xff" * 32, bytes(range(32))])
def test_addresses_are_those_of_the_network(key):
    assert ss58.public_key_of(ss58.address_of(key)) == key
    assert ss58.address_of(key) == Keypair(public_key=key).ss58_address


@pytest.mark.parametrize("address", ["", "5", "0" * 48, "5" * 48, "z" * 48, "é" * 48])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(ValueError, match="not an SS58 address"):
        ss58.public_key_of(address)


def test_a_thousand_flipped_bytes_are_never_accepted(honest):
    dice = random.Random(4)
    for _ in range(1_000):
        edited = bytearray(honest)
        edited[dice.randrange(len(edited))] ^= dice.randrange(1, 256)
        assert not accepts(bytes(edited))


def fields_of(value, path=()):
    """Yield the path of every single value in a body."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from fields_of(item, (*path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from fields_of(item, (*path, index))
    else:
        yield path


def changed(value):
    """Give another value of the same kind, as close as possible."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if value is None:
        return "something"
    if set(value) <= set("0123456789abcdef") and len(value) >= 64:
        return ("1" if value[0] == "0" else "0") + value[1:]
    return {"pass": "fail", "sweep": "renter"}.get(value, value + "x")


# What cannot be changed to any other value: the file is no bundle then.
FIXED = {"version", "openings", "sweeps", "products", "n"}


def test_every_field_changed_and_signed_again_is_refused_by_name(two_cards):
    """A fresh key signs, and no signer is demanded: the arithmetic alone has to refuse."""
    body = decode(two_cards)["body"]
    malformed = set()
    for path in fields_of(body):
        edited = copy.deepcopy(body)
        holder = edited
        for step in path[:-1]:
            holder = holder[step]
        holder[path[-1]] = changed(holder[path[-1]])
        try:
            made = from_json(Body, edited)
        except Malformed:
            malformed.add(path[-1])
            continue
        report = verify(seal(made, signer=STRANGER.address, sign=STRANGER.sign))
        assert failures(report.checks), path
    assert malformed <= FIXED


@pytest.fixture(scope="module")
def two_cards() -> bytes:
    cards = [TimedCard("GPU-0"), TimedCard("GPU-1")]
    facts = {"nvrtc": "12.9", "0.driver": "570.1"}
    return sealed(Session(cards=cards, sizes=TINY, facts=facts).run())


def test_what_was_judged_of_another_transcript_counts_for_nothing(honest):
    transcript = read(honest).body.transcript
    found = judge(transcript)
    assert verify(honest, judged=(transcript, found[:-1])).checks[-2] == found[-2]
    other = replace(transcript, statement=replace(transcript.statement, round_trip_us=1))
    assert not verify(sealed(other), judged=(transcript, found)).holds


def test_a_fresh_key_is_refused_where_a_signer_is_named(honest):
    data = seal(read(honest).body, signer=STRANGER.address, sign=STRANGER.sign)
    assert failures(verify(data, signer=VALIDATOR.address).checks) == ["signer"]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "not JSON"),
        (b"null", "must be an object"),
        (b"{}", "is missing"),
        (b'{"body":1.5}', "whole numbers only"),
        (b'{"body":NaN}', "whole numbers only"),
        (b'{"a":1,"a":1}', "not canonical"),
        (b'{"a": 1}', "not canonical"),
        (b'{"b":1,"a":1}', "not canonical"),
        ('{"a":"é"}'.encode(), "not canonical"),
        (b'{"a":-0}', "not canonical"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"9" * 5_000, "not JSON"),
        (b"[" * 200_000, "nested too deeply"),
        (b"[" * (MOST_VALUES + 1), "values"),
        (b"[" + b"{}," * MOST_VALUES, "values"),
        (b" " * (MOST_BYTES + 1), "bytes"),
    ],
)
def test_hostile_bytes_are_a_clear_error(data, why):
    with pytest.raises(Malformed, match=why):
        verify(data)


def test_declared_sizes_are_refused_before_anything_is_allocated(honest):
    value = decode(honest)
    parameters = value["body"]["transcript"]["statement"]["cards"][0]["parameters"]
    for name, size in (("n", 2**40), ("products", 2**62), ("sweeps", 2**31), ("openings", 10**6)):
        edited = copy.deepcopy(value)
        edited["body"]["transcript"]["statement"]["cards"][0]["parameters"] = parameters | {
            name: size
        }
        with pytest.raises(Malformed, match=f"{name} is {size}"):
            verify(encode(edited))


@pytest.mark.parametrize("text", ["\ud800", "GPU\0", "\x1b[2J", "é", "x" * 257])
def test_texts_that_cannot_be_hashed_stored_or_shown_are_refused(honest, text):
    card_uuid, facts = decode(honest), decode(honest)
    card_uuid["body"]["transcript"]["statement"]["cards"][0]["uuid"] = text
    facts["body"]["transcript"]["statement"]["facts"] = {text: "a name"}
    for value in (card_uuid, facts):
        with pytest.raises(Malformed, match="printable ASCII"):
            verify(encode(value))


def test_facts_are_texts_and_nothing_nested(honest):
    nested = b"[" * 900 + b"]" * 900
    data = honest.replace(b'"facts":{}', b'"facts":{"a":' + nested + b"}")
    assert data != honest
    with pytest.raises(Malformed, match=r"facts\.a must be a short text"):
        verify(data)


@pytest.mark.parametrize(
    ("cards", "sizes", "megabytes", "values"),
    [
        (16, Parameters(n=32_768, products=1_024, sweeps=64, openings=256), 15.5, 242_000),
        (8, Parameters(n=16_384, products=154), 1.7, 26_400),
    ],
    ids=["largest that is allowed", "8 cards of 80 GiB"],
)
def test_the_largest_honest_bundle_is_within_the_limits(cards, sizes, megabytes, values):
    """Of the right lengths, with zeros for hashes: sizes are what is looked at."""
    zero = bytes(32)
    session = Session(cards=[TimedCard(f"GPU-{i:036d}") for i in range(cards)], sizes=sizes)
    session.nonces = nonces_from(b"")
    path = (zero,) * sizes.path_length
    opened = (Opening(path, path),) * sizes.openings
    transcript = Transcript(
        statement=session.state(),
        commitment=Commitment(received_at=1, roots=(zero,) * cards),
        residency=Residency(
            nonce=zero, sent_at=1, answered_at=1, tops=((zero,) * sizes.sweeps,) * cards
        ),
        reveal=Reveal(nonce=zero, beacon=block(1), drawn_at=1, openings=(opened,) * cards),
    )
    data = encode(to_json(transcript))
    found = sum(map(data.count, (b",", b"[", b"{")))
    assert (len(data) / 1e6, found) == pytest.approx((megabytes, values), rel=0.03)
    assert len(data) < MOST_BYTES
    assert found < MOST_VALUES


@pytest.mark.parametrize("size", [0, 1, 100, 2_000])
def test_truncated_bundles_are_a_clear_error(honest, size):
    with pytest.raises(Malformed):
        verify(honest[:size])


def test_ten_thousand_mutated_bundles_do_no_harm(honest):
    """No crash, under two seconds each, and no memory to speak of."""
    dice, body = random.Random(5), decode(honest)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(10_000):
        data = mutated(honest, body, dice)
        started = time.process_time()
        assert data == honest or not accepts(data)
        assert time.process_time() - started < 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 << 10


def mutated(honest: bytes, value, dice: random.Random) -> bytes:
    """Spoil the bytes, or a value of which the bytes stay canonical."""
    if dice.random() < 0.5:
        at, to = sorted(dice.randrange(len(honest)) for _ in range(2))
        piece = honest[at : min(to, at + 40)]
        return honest[:at] + dice.choice([b"", piece * 3, bytes(piece[::-1])]) + honest[to:]
    edited = copy.deepcopy(value)
    if dice.random() < 0.3:
        return encode(with_strange_text(edited, dice))
    holder = edited
    while True:
        key = dice.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        if not isinstance(holder[key], dict | list) or not holder[key] or dice.random() < 0.1:
            holder[key] = dice.choice(STRANGE)
            return encode(edited)
        holder = holder[key]


def with_strange_text(value, dice: random.Random):
    """Spoil one field of the statement, where a prover's own texts stand."""
    *path, name = dice.choice(list(fields_of(value["body"]["transcript"]["statement"])))
    holder = value["body"]["transcript"]["statement"]
    for step in path:
        holder = holder[step]
    holder[name] = dice.choice(STRANGE)
    return value


STRANGE = [None, True, -1, 0, 2**63, 10**300, "", "x" * 300, "0" * 64, "\ud800", [], {}, [[]]]


@settings(max_examples=100)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
        ),
        max_leaves=10,
    )
)
def test_any_json_is_a_bundle_or_a_clear_error(value):
    data = encode(value)
    assert decode(data) == value
    with pytest.raises(Malformed):
        verify(data)


@pytest.mark.parametrize(
    "data",
    [
        # The widest letters that Python has, and the most objects.
        b'["' + b"a" * (MOST_BYTES - 20) + b'\\ud83d\\ude00"]',
        b"[" + b'{"a":1},' * (MOST_VALUES // 2 - 2) + b"1]",
    ],
    ids=["wide", "many"],
)
def test_a_file_as_large_as_allowed_takes_little_memory(data, tmp_path):
    file = tmp_path / "hostile"
    file.write_bytes(data)
    program = (
        "import re; from pathlib import Path; from validation.verifier.command import main;"
        f"assert main([{str(file)!r}]) == 2;"
        # Its own peak in KiB: getrusage would give that of whoever started it.
        "print(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text()).group(1))"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "must be an object" in done.stderr
    assert int(done.stdout) < 300 << 10


def accepts(data: bytes) -> bool:
    try:
        return verify(data, signer=VALIDATOR.address).holds
    except Malformed:
        return False


@pytest.mark.parametrize(
    ("first_us", "second_us", "status"),
    [
        (-5_000_000, 1, "pass"),
        (-200_000_000, 1, "fail"),
        (1, 1, "fail"),
        (-5_000_000, -1, "fail"),
    ],
)
def test_beacons_are_looked_up_with_their_times(honest, first_us, second_us, status):
    chain = KnownChain(verify(honest), first_us=first_us, second_us=second_us)
    assert {check.id: check.status for check in verify(honest, chain=chain).checks}[
        "beacon"
    ] == status


def test_a_beacon_that_the_chain_does_not_know_fails(honest):
    chain = KnownChain(verify(honest), first_us=-1, second_us=1)
    chain.blocks = {number: replace(b, hash=bytes(32)) for number, b in chain.blocks.items()}
    assert failures(verify(honest, chain=chain).checks) == ["beacon"]


class SilentChain:
    def block(self, number):
        raise ChainError("no answer")


def test_a_silent_chain_is_unknown(honest):
    found = {check.id: check.status for check in verify(honest, chain=SilentChain()).checks}
    assert found["beacon"] == "unknown"


def test_the_command_says_what_it_found(honest, tmp_path, capsys):
    file = tmp_path / "a.bundle.json"
    file.write_bytes(honest)
    assert main([str(file)]) == HOLDS
    printed = capsys.readouterr().out
    assert printed.startswith("SIMULATED cards: 1 x Simulated")
    assert "not checked beacon" in printed
    assert printed.endswith("verdict: pass\n")
    assert main([str(file), "--signer", STRANGER.address]) == FAILS
    file.write_bytes(honest[:-1])
    assert main([str(file)]) == NOT_A_BUNDLE
    assert main([str(tmp_path / "missing")]) == NOT_A_BUNDLE
    assert "Traceback" not in capsys.readouterr().err


def test_whole_products_are_audited_where_asked_for(honest, tmp_path, capsys):
    file = tmp_path / "a.bundle.json"
    file.write_bytes(honest)
    assert main([str(file), "--audit", "2"]) == HOLDS
    printed = capsys.readouterr().out
    assert printed.count("pass        audit       card 0, product ") == 2
    assert "1 tiles recomputed" in printed
    assert main([str(file), "--audit", "1", "--signer", STRANGER.address]) == FAILS
    assert "audit" not in capsys.readouterr().out


def test_several_bundles_are_also_looked_at_together(honest, tmp_path, capsys):
    machine = replace(MACHINE, node_id="node-2", host_key="SHA256:another")
    other = sealed(Session(cards=[TimedCard("GPU-0")], sizes=TINY, machine=machine).run())
    files = [tmp_path / "a", tmp_path / "b"]
    for file, data in zip(files, (honest, other), strict=True):
        file.write_bytes(data)
    assert main([str(files[0]), str(files[0])]) == HOLDS
    assert main([str(file) for file in files]) == FAILS
    assert "GPU-0 is shown by 2 machines at one block: node-1, node-2" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["\x1b[2J", "\nverdict: pass"])
def test_a_strangers_texts_do_not_steer_a_terminal(honest, tmp_path, capsys, text):
    value = decode(honest)
    value["body"]["transcript"]["statement"][text] = "\x1b"
    file = tmp_path / "b"
    file.write_bytes(encode(value))
    assert main([str(file)]) == NOT_A_BUNDLE
    told = capsys.readouterr()
    assert told.out == ""
    assert "is not known" in told.err
    assert text not in told.err


def test_no_check_is_missing_from_the_signed_ones(honest):
    bundle: Bundle = read(honest)
    del bundle.body.checks["times"]
    data = seal(bundle.body, signer=VALIDATOR.address, sign=VALIDATOR.sign)
    assert failures(verify(data).checks) == ["verdict"]
