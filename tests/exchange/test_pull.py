"""The rules of one lane's session, without a hub."""

from hypothesis import given
from hypothesis import strategies as st

from ringwall.exchange.pull import PullSession, read_ack_subject


def reply(
    delivery: int | str, sequence: int | str, node: str = "bbb-1", stream: str = "REL_FLASH"
) -> str:
    return f"$JS.ACK.{stream}.{node}.1.{sequence}.{delivery}.1700000000000000000.0"


def session(after: int = 0) -> PullSession:
    opened = PullSession("FLASH", "bbb-1", "_I.bbb-1.pull.secret.1")
    opened.open(created="c", after=after, delivered=0)
    return opened


def deliver(to: PullSession, delivery: int, sequence: int) -> str | None:
    return to.receive("hub1.rel.aaa-1.FLASH.0.1.e", reply(delivery, sequence), {}, b"x")


def status(to: PullSession, code: str, description: str, **headers: str) -> None:
    to.receive(to.inbox, "", {"Status": code, "Description": description, **headers}, b"")


@given(st.lists(st.integers(1, 50), unique=True, min_size=1).map(sorted))
def test_what_comes_in_order_is_taken_once(sequences: list[int]) -> None:
    opened = session()
    for delivery, sequence in enumerate(sequences, 1):
        deliver(opened, delivery, sequence)
    assert [taken.stream_sequence for taken in opened.take()] == sequences
    assert opened.take() == ()
    assert opened.doubt == ""


@given(st.lists(st.integers(1, 6), min_size=1, max_size=8))
def test_any_gap_in_deliveries_is_a_doubt_and_yields_nothing(numbers: list[int]) -> None:
    opened = session()
    for number in numbers:
        deliver(opened, number, number)
    whole = numbers == list(range(1, len(numbers) + 1))
    assert (opened.doubt == "") == whole
    assert bool(opened.take()) == whole


def test_a_heartbeat_that_counts_more_than_came_is_a_doubt() -> None:
    opened = session()
    deliver(opened, 1, 1)
    status(opened, "100", "Idle Heartbeat", **{"Nats-Last-Consumer": "1"})
    assert opened.doubt == ""
    status(opened, "100", "Idle Heartbeat", **{"Nats-Last-Consumer": "2"})
    assert opened.doubt


def test_deliveries_of_others_are_not_acknowledged() -> None:
    opened = session()
    for foreign in (reply(1, 9, node="ccc-1"), reply(1, 9, stream="REL_BULK"), "$JS.ACK.x", "_I.y"):
        assert opened.receive("hub1.rel.ccc-1.FLASH.1.e", foreign, {}, b"x") is None
    assert opened.foreign == 4
    assert opened.take() == ()
    assert opened.acknowledge(9) is None


def test_a_publisher_cannot_forge_a_status() -> None:
    opened = session()
    headers = {"Status": "409", "Description": "Consumer Deleted"}
    opened.receive("hub1.rel.aaa-1.FLASH.0.1.e", reply(1, 1), headers, b"")
    assert opened.doubt == ""
    assert len(opened.take()) == 1


def test_the_last_committed_is_acknowledged_and_a_lost_one_again() -> None:
    opened = session()
    for number in (1, 2, 3):
        deliver(opened, number, number * 10)
    assert opened.acknowledge(20) == reply(2, 20)
    assert opened.acknowledge(20) is None
    assert deliver(opened, 4, 10) == reply(4, 10)  # the hub lost it: say it again
    assert deliver(opened, 5, 30) is None  # not committed yet
    assert opened.doubt == ""


def test_statuses_end_pulls_or_sessions() -> None:
    opened = session()
    opened.pulled(5)
    status(opened, "408", "Request Timeout")
    assert (opened.outstanding, opened.doubt) == (0, "")
    opened.pulled(5)
    status(opened, "409", "Message Size Exceeds MaxBytes")
    assert (opened.outstanding, opened.whole, opened.doubt) == (0, True, "")
    status(opened, "409", "Consumer Deleted")
    assert opened.doubt == "409 Consumer Deleted"
    silent = session()
    status(silent, "503", "")
    assert silent.doubt == "503"


def test_what_came_before_the_reset_is_dropped() -> None:
    early = PullSession("FLASH", "bbb-1", "_I.bbb-1.pull.secret.2")
    for delivery, sequence in ((1, 5), (2, 6), (1, 3), (2, 4)):
        deliver(early, delivery, sequence)
    early.open(created="c", after=2, delivered=0)
    assert [taken.stream_sequence for taken in early.take()] == [3, 4]


@given(st.text(max_size=60))
def test_any_text_may_be_an_acknowledgement_subject(text: str) -> None:
    read_ack_subject(text)
    read_ack_subject(f"$JS.ACK.{text}")


@given(st.integers(2**63, 2**80).map(str) | st.just("9" * 5000))
def test_a_number_that_no_database_holds_is_not_ours(number: str) -> None:
    opened = session()
    for forged in (reply(1, number), reply(number, 1)):
        assert opened.receive("hub1.rel.aaa-1.FLASH.0.1.e", forged, {}, b"x") is None
    assert (opened.foreign, opened.take()) == (2, ())
    assert read_ack_subject(reply(2**63 - 1, 2**63 - 1)) is not None


@given(st.text(max_size=30) | st.just("\u00b2") | st.just("9" * 5000))
def test_a_heartbeat_may_count_in_any_text(counted: str) -> None:
    status(session(), "100", "Idle Heartbeat", **{"Nats-Last-Consumer": counted})
