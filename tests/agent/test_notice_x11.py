import threading

import pytest
from Xlib import XK, X
from Xlib.protocol import event as events

from tocsin import orders
from tocsin.agent import notice_x11
from tocsin.agent.config import AgentError, Config
from tocsin.agent.notice import words
from tocsin.agent.notice_x11 import X11Notice, check_display

BAR = "Tocsin: This computer is monitored under order EX-2026-0042"


@pytest.fixture
def the_words(signed_order):
    config = Config("https://hub.example:8420", "d", "k", "u", 15.0, "", (), "00", "laptop")
    return words(orders.verify(signed_order()), config)


@pytest.fixture
def shown(screen, the_words):
    """Start a notice on the screen; returns (notice, what it said)."""
    stop = threading.Event()
    threads = []

    def start(accepted=False):
        said = []
        notice = X11Notice(the_words, said.append, accepted=accepted, name=screen.name)
        thread = threading.Thread(target=notice.run, args=(stop,))
        thread.start()
        threads.append(thread)
        return notice, said

    yield start
    stop.set()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


def middle(box):
    return box.x + box.w // 2, box.y + box.h // 2


def bar_of(screen, notice):
    return next(
        w for w in screen.root.query_tree().children if w.id in notice.windows and w.get_geometry().height == 40
    )


def test_a_click_on_accept_accepts_and_the_bar_stays(screen, shown, until):
    notice, said = shown()
    until(lambda: "shown" in said and notice.accept_box)
    assert len(notice.windows) == 2
    screen.click(*middle(notice.accept_box))
    until(lambda: "accepted" in said)
    until(lambda: len(notice.windows) == 1)
    bar = bar_of(screen, notice)
    assert bar.get_attributes().map_state == X.IsViewable
    assert bar.get_wm_class() == ("tocsin", "Tocsin")
    assert bar.get_wm_name() == BAR
    assert said == ["shown", "accepted"]


def test_it_can_be_declined(screen, shown, until):
    notice, said = shown()
    until(lambda: "shown" in said and notice.accept_box)
    box = notice.accept_box
    screen.click(box.x - 80, box.y + 20)
    until(lambda: said == ["shown", "declined"])


def test_the_keyboard_is_enough_and_nothing_is_focused_at_first(screen, shown, until):
    notice, said = shown()
    until(lambda: "shown" in said and notice.accept_box)
    screen.type(XK.XK_Return, XK.XK_space, XK.XK_Page_Down, XK.XK_a)
    screen.type(XK.XK_Tab)
    until(lambda: notice._buttons and notice._buttons.look.focus == "accept")
    assert said == ["shown"]
    screen.type(XK.XK_Return)
    until(lambda: said == ["shown", "accepted"])


def test_events_that_a_program_sends_accept_nothing(screen, shown, until):
    notice, said = shown()
    until(lambda: "shown" in said and notice.accept_box)
    [window] = [w for w in screen.root.query_tree().children if w.id in notice.windows and w.get_geometry().height > 40]
    place, box = window.get_geometry(), notice.accept_box
    for kind in (events.ButtonPress, events.ButtonRelease):
        window.send_event(
            kind(
                time=X.CurrentTime,
                root=screen.root,
                window=window,
                same_screen=1,
                child=X.NONE,
                root_x=box.x + 9,
                root_y=box.y + 9,
                event_x=box.x + 9 - place.x,
                event_y=box.y + 9 - place.y,
                state=0,
                detail=1,
            ),
            propagate=False,
        )
    screen.connection.sync()
    screen.type(XK.XK_Tab)
    until(lambda: notice._buttons.look.focus == "accept")
    assert said == ["shown"]


def test_an_accepted_notice_shows_only_its_bar(screen, shown, until):
    notice, said = shown(accepted=True)
    until(lambda: said == ["shown"])
    assert len(notice.windows) == 1
    assert notice.accept_box is None


def test_covered_it_raises_itself_and_says_so(screen, shown, until):
    notice, said = shown(accepted=True)
    until(lambda: said == ["shown"])
    cover = screen.cover()
    until(lambda: "raised" in said)
    until(lambda: [w.id for w in screen.root.query_tree().children][-1] in notice.windows)
    assert said == ["shown", "covered", "raised"]
    cover.destroy()


def test_taken_off_the_screen_it_comes_back(screen, shown, until):
    notice, said = shown(accepted=True)
    until(lambda: said == ["shown"])
    bar = bar_of(screen, notice)
    bar.unmap()
    screen.connection.sync()
    until(lambda: bar.get_attributes().map_state == X.IsViewable)
    until(lambda: said == ["shown", "restored"])
    bar.configure(x=3000, y=40)
    screen.connection.sync()
    until(lambda: screen.root.translate_coords(bar, 0, 0).y == 0)


def test_killed_it_opens_again(screen, shown, until):
    notice, said = shown(accepted=True)
    until(lambda: said == ["shown"])
    old = bar_of(screen, notice)
    mark = screen.connection.get_atom("_MARKED_BY_TEST")
    old.change_property(mark, 6, 32, [1])
    old.kill_client()
    screen.connection.sync()

    def again():
        bar = screen.windows().get(BAR)
        return bar is not None and bar.get_full_property(mark, X.AnyPropertyType) is None

    until(again)


def test_kept_off_the_screen_for_five_seconds_is_said(screen, shown, until, monkeypatch):
    notice, said = shown(accepted=True)
    until(lambda: said == ["shown"])
    monkeypatch.setattr(X11Notice, "_open", lambda self: (_ for _ in ()).throw(OSError("no screen")))
    screen.connection.create_resource_object("window", next(iter(notice.windows))).kill_client()
    screen.connection.sync()
    until(lambda: "unmapped" in said, 12)


def test_a_transparent_or_shaped_bar_is_put_right(screen, shown, until):
    notice, said = shown(accepted=True)
    until(lambda: said == ["shown"])
    bar = bar_of(screen, notice)
    atom = screen.connection.get_atom("_NET_WM_WINDOW_OPACITY")
    bar.change_property(atom, 6, 32, [0])
    screen.connection.sync()
    until(lambda: bar.get_full_property(atom, X.AnyPropertyType) is None)


def test_closing_the_question_is_told(screen, shown, until):
    notice, said = shown()
    until(lambda: "shown" in said and notice.accept_box)
    [window] = [w for w in screen.root.query_tree().children if w.id in notice.windows and w.get_geometry().height > 40]
    window.destroy()
    screen.connection.sync()
    until(lambda: said == ["shown", "closed"])


def test_a_changed_order_asks_again(screen, shown, until, the_words):
    notice, said = shown(accepted=True)
    until(lambda: said == ["shown"])
    notice.ask_again(the_words)
    until(lambda: notice.accept_box)
    screen.click(*middle(notice.accept_box))
    until(lambda: said == ["shown", "accepted"])


def test_without_a_screen_the_agent_refuses(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(AgentError, match="never watches without its notice"):
        check_display()
    with pytest.raises(AgentError, match="cannot be shown"):
        check_display(":32123")


def test_with_a_screen_it_may_run(screen):
    check_display(screen.name)
    assert notice_x11.NAME == "Tocsin"
