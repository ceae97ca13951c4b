import io

from audit_cli.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    at = 0.0

    def __call__(self) -> float:
        return self.at


def test_short_work_shows_no_bar() -> None:
    terminal, clock = Terminal(), Clock()
    bar = Progress("reading", terminal, clock)

    clock.at = 0.9
    bar.reach(9, 10)
    bar.clear()

    assert terminal.getvalue() == ""


def test_long_work_shows_how_far_it_is_and_erases_it() -> None:
    terminal, clock = Terminal(), Clock()
    bar = Progress("reading", terminal, clock)
    bar.total = 40

    clock.at = 1.5
    bar.advance(10)
    bar.advance(10)  # too soon to draw again
    bar.clear()

    assert terminal.getvalue() == "\r\x1b[Kreading [#######.......................]  25%\r\x1b[K"


def test_the_time_that_is_left_is_judged_by_what_this_run_has_done() -> None:
    terminal, clock = Terminal(), Clock()
    bar = Progress("rebuilding", terminal, clock)

    bar.reach(600, 1000)  # by a run before this one
    clock.at = 10.0
    bar.reach(700, 1000)
    clock.at = 20.0
    bar.reach(1000, 1000)

    assert " 70%, 30s left" in terminal.getvalue()
    assert terminal.getvalue().endswith("100%")


def test_a_line_is_said_above_the_bar() -> None:
    terminal, clock = Terminal(), Clock()
    bar = Progress("reading", terminal, clock)

    clock.at = 1.5
    bar.reach(5, 0)
    bar.say("line 3: garbage")

    assert terminal.getvalue().endswith("0%\r\x1b[Kline 3: garbage\n")


def test_what_is_no_terminal_gets_no_bar() -> None:
    stream, clock = io.StringIO(), Clock()
    bar = Progress("reading", stream, clock)

    clock.at = 5.0
    bar.reach(1, 2)

    assert stream.getvalue() == ""
