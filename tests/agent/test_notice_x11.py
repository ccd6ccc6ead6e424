import os
import shutil
import subprocess
import threading

import pytest
from Xlib import XK, X
from Xlib.protocol import event as events

from tocsin import orders
from tocsin.agent import notice_x11
from tocsin.agent.notice import words
from tocsin.agent.notice_x11 import X11Notice, check_display
from tocsin.agent.x11_windows import Stack
from tocsin.model import Rect
from tocsin.placement.config import Config, PlacementError

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
        thread.join(60)
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
    bar.configure(height=1)
    screen.connection.sync()
    until(lambda: bar.get_geometry().height == 40)


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
    until(lambda: "unmapped" in said)


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
    with pytest.raises(PlacementError, match="never watches without its notice"):
        check_display()
    with pytest.raises(PlacementError, match="cannot be shown"):
        check_display(":32123")


def test_with_a_screen_it_may_run(screen):
    check_display(screen.name)
    assert notice_x11.NAME == "Tocsin"


@pytest.fixture
def managed(screen, until, tmp_path):
    """A real window manager (openbox) on the screen; yields what a person or program would ask of it."""
    if shutil.which("openbox") is None:
        pytest.skip("openbox, a window manager, is not installed (apt-get install openbox)")
    env = os.environ | {"DISPLAY": screen.name, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    with (tmp_path / "openbox.log").open("wb") as log:
        manager = subprocess.Popen(["openbox"], env=env, stdout=log, stderr=log)
    atom = screen.connection.get_atom
    until(lambda: screen.root.get_full_property(atom("_NET_SUPPORTING_WM_CHECK"), X.AnyPropertyType))

    def ask(window, message, *data):
        """Send a window manager the request that a task bar or a key would send."""
        told = events.ClientMessage(window=window, client_type=atom(message), data=(32, [*data, 0, 0, 0, 0, 0][:5]))
        screen.root.send_event(told, event_mask=X.SubstructureRedirectMask | X.SubstructureNotifyMask)
        screen.connection.sync()

    yield ask
    manager.terminate()
    manager.wait(60)


def ours(screen, notice, *, tall):
    """The bar, or the question, wherever the window manager put it."""
    windows = [screen.connection.create_resource_object("window", number) for number in notice.windows]
    return next((w for w in windows if (w.get_geometry().height > 40) is tall), None)


def where(screen, window):
    at, size = screen.root.translate_coords(window, 0, 0), window.get_geometry()
    return at.x, at.y, size.width, size.height


def any_bar_on_top(screen, notice):
    """Say whether a whole bar of ours can be seen, with nothing over it."""
    stack, own = Stack(screen.connection), notice.windows
    bars = [screen.connection.create_resource_object("window", number) for number in own]
    places = [(bar, stack.place(bar)) for bar in bars]
    whole = [bar for bar, at in places if at is not None and at.viewable and at.box == Rect(0, 0, 1280, 40)]
    return any(not stack.covered(bar, own) for bar in whole)


def test_under_a_window_manager_the_bar_is_a_dock_and_a_click_accepts(screen, managed, shown, until):
    notice, said = shown()
    until(lambda: "shown" in said and notice.accept_box)
    bar = ours(screen, notice, tall=False)
    assert not bar.get_attributes().override_redirect
    assert where(screen, bar) == (0, 0, 1280, 40)
    until(lambda: ours(screen, notice, tall=True).get_attributes().map_state == X.IsViewable)
    assert where(screen, ours(screen, notice, tall=True))[1] >= 40
    area = screen.connection.get_atom("_NET_WORKAREA")
    assert list(screen.root.get_full_property(area, X.AnyPropertyType).value[:4]) == [0, 40, 1280, 760]
    screen.click(*middle(notice.accept_box))
    until(lambda: said == ["shown", "accepted"])
    assert where(screen, bar) == (0, 0, 1280, 40)


def test_a_window_manager_can_close_the_question_and_never_the_bar(screen, managed, shown, until):
    notice, said = shown()
    until(lambda: "shown" in said and notice.accept_box)
    bar = ours(screen, notice, tall=False)
    managed(bar, "_NET_CLOSE_WINDOW")
    managed(ours(screen, notice, tall=True), "_NET_CLOSE_WINDOW")
    until(lambda: said == ["shown", "closed"])
    assert bar.get_attributes().map_state == X.IsViewable


@pytest.mark.parametrize(
    ("message", "data"),
    [
        ("WM_CHANGE_STATE", (3,)),
        ("_NET_WM_DESKTOP", (1, 2)),
        ("_NET_MOVERESIZE_WINDOW", (0xF00, 900, 700, 100, 20)),
        ("_NET_SHOWING_DESKTOP", (1,)),
    ],
)
def test_a_window_manager_that_hides_the_bar_does_not_keep_it_hidden(screen, managed, shown, until, message, data):
    notice, said = shown(accepted=True)
    until(lambda: said == ["shown"])
    bar = ours(screen, notice, tall=False)
    managed(screen.root if message == "_NET_SHOWING_DESKTOP" else bar, message, *data)
    managed(bar, "_NET_REQUEST_FRAME_EXTENTS")
    extents = screen.connection.get_atom("_NET_FRAME_EXTENTS")
    until(lambda: bar.get_full_property(extents, X.AnyPropertyType), what="the window manager's next answer")
    until(lambda: any_bar_on_top(screen, notice), what=f"the bar's return after {message}")
    assert "unmapped" not in said


def test_a_full_screen_window_does_not_keep_the_bar_covered(screen, managed, shown, until):
    notice, said = shown(accepted=True)
    until(lambda: said == ["shown"])
    film = screen.root.create_window(0, 0, 1280, 800, 0, screen.connection.screen().root_depth, background_pixel=0)
    film.set_wm_name("film")
    film.map()
    screen.connection.sync()
    atom = screen.connection.get_atom
    managed(film, "_NET_WM_STATE", 1, atom("_NET_WM_STATE_FULLSCREEN"))
    until(lambda: where(screen, film)[1] == 0)
    until(lambda: "covered" in said and "raised" in said)
    until(lambda: any_bar_on_top(screen, notice), what="a bar above the film")
    assert len(notice.windows) == 2
    film.destroy()
    screen.connection.sync()
    until(lambda: len(notice.windows) == 1 and any_bar_on_top(screen, notice))
    assert "unmapped" not in said


def test_when_the_window_manager_ends_the_bar_stays(screen, managed, shown, until):
    notice, said = shown(accepted=True)
    until(lambda: said == ["shown"])
    check = screen.connection.get_atom("_NET_SUPPORTING_WM_CHECK")
    number = screen.root.get_full_property(check, X.AnyPropertyType).value[0]
    screen.connection.create_resource_object("window", number).kill_client()
    screen.connection.sync()
    bar = ours(screen, notice, tall=False)
    until(lambda: bar.get_attributes().map_state == X.IsViewable and where(screen, bar) == (0, 0, 1280, 40))
    assert "unmapped" not in said
