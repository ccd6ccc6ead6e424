from tocsin.agent.notice_art import icon
from tocsin.agent.x11_windows import Stack, dress
from tocsin.model import Rect


def window(screen, x=0, y=0, w=100, h=40):
    made = screen.root.create_window(x, y, w, h, 0, 24, override_redirect=True)
    made.map()
    screen.connection.sync()
    return made


def test_what_stands_over_a_window_is_found(screen):
    stack = Stack(screen.connection)
    assert not stack.managed
    mine = window(screen)
    assert stack.place(mine).box == Rect(0, 0, 100, 40)
    assert stack.place(mine).viewable
    assert not stack.covered(mine, frozenset({mine.id}))
    window(screen, x=100)
    window(screen, y=40)
    assert not stack.covered(mine, frozenset({mine.id}))
    over = window(screen, x=99, y=39)
    assert stack.covered(mine, frozenset({mine.id}))
    assert not stack.covered(mine, frozenset({mine.id, over.id}))
    mine.destroy()
    screen.connection.sync()
    assert stack.place(mine) is None


def test_a_window_bears_its_real_name(screen):
    mine = window(screen)
    dress(screen.connection, mine, "Tocsin", "Tocsin: watched – ok", "DOCK", icon(16))
    assert mine.get_wm_class() == ("tocsin", "Tocsin")
    atom = screen.connection.get_atom
    name = mine.get_full_property(atom("_NET_WM_NAME"), atom("UTF8_STRING")).value
    assert bytes(name).decode() == "Tocsin: watched – ok" if not isinstance(name, str) else name
