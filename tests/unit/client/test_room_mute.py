"""When a client in a room plays nothing."""

from vdx.client.room_mute import TAIL_S, Mute


def test_nothing_is_played_from_a_pause_until_the_reply_goes_on() -> None:
    mute = Mute()
    mute.take("vdx.reply.started", 1.0)
    assert not mute.holds(1.5)
    mute.take("vdx.playout.paused", 2.0)
    assert mute.holds(2.0)
    assert mute.holds(9.0)
    mute.take("vdx.vad", 9.1)
    assert mute.holds(9.2)
    mute.take("vdx.playout.resumed", 9.3)
    assert not mute.holds(9.3)


def test_what_was_on_its_way_of_a_reply_that_was_cut_short_is_not_played() -> None:
    mute = Mute()
    mute.take("vdx.playout.paused", 2.0)
    mute.take("vdx.reply.ended", 2.4)
    assert mute.holds(2.4 + TAIL_S / 2)
    assert not mute.holds(2.4 + TAIL_S)
    mute.take("vdx.playout.paused", 3.0)
    mute.take("vdx.reply.ended", 3.1)
    mute.take("vdx.reply.started", 3.15)
    assert not mute.holds(3.15)


def test_a_reply_that_is_heard_to_its_end_silences_nothing() -> None:
    mute = Mute()
    mute.take("vdx.reply.started", 1.0)
    mute.take("vdx.reply.ended", 2.0)
    assert not mute.holds(2.0)
