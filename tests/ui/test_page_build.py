"""The page as a whole: it builds without torch, its events are private, its controls have names and ids."""

import subprocess
import sys
from pathlib import Path

import pytest

from steering.errors import SpecError
from steering.studio import Studio
from steering.ui import app, build, handlers, live


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    return build.build(Studio.open(tmp_path_factory.mktemp("home"))).get_config_file()


def test_building_the_page_leaves_torch_out(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib\nfrom steering.studio import Studio\nfrom steering.ui.build import build\n"
        f"build(Studio.open(pathlib.Path({str(tmp_path / 'h')!r})))\n"
        "sys.exit(any(name in sys.modules for name in ('torch', 'transformers', 'plotly')))"
    )
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


def test_all_events_are_private(config) -> None:
    assert {event["api_visibility"] for event in config["dependencies"]} == {"private"}


def test_there_is_no_session_state(config) -> None:
    """State would open a stream per tab: the sixth tab of a browser would hang."""
    assert "state" not in {component["type"] for component in config["components"]}


def test_every_control_has_a_label_and_an_id(config) -> None:
    controls = {"textbox", "number", "dropdown", "radio", "checkbox", "file", "dataframe", "code", "downloadbutton", "button"}
    for component in config["components"]:
        if component["type"] in controls:
            props = component["props"]
            assert props.get("label") or props.get("value"), component
            assert props.get("elem_id"), component


def test_ids_are_unique(config) -> None:
    ids = [c["props"]["elem_id"] for c in config["components"] if c["props"].get("elem_id")]
    assert len(ids) == len(set(ids))


def test_every_sample_has_a_tile(written, config) -> None:
    ids = {c["props"].get("elem_id") for c in config["components"]}
    assert {f"tile-{sample.name}" for sample in written.studio.data.samples()} <= ids


def test_a_failing_handler_shows_a_notice_and_no_traceback() -> None:
    def bad() -> None:
        raise ValueError("secret /path")

    out = handlers.guarded(bad, 3, 1)()
    assert "ValueError" in out[1] and "secret" not in out[1]
    assert len(out) == 3


def test_an_address_with_odd_values_opens_the_first_station(written) -> None:
    run, station, _ = live.arrive(written.studio, {"run": "<x>", "station": "../etc"}, {"not": "text"})
    assert (run, station) == ("", "data")


def test_an_address_opens_its_run_and_station(written) -> None:
    run = written.run()
    assert live.arrive(written.studio, {"run": run, "station": "verdict"}, None)[:2] == [run, "verdict"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_this_machine_needs_no_login(host: str) -> None:
    app.require_safe(host, False, False)


def test_other_hosts_need_a_login() -> None:
    with pytest.raises(SpecError, match="no login"):
        app.require_safe("0.0.0.0", False, False)
    app.require_safe("0.0.0.0", True, False)
    app.require_safe("0.0.0.0", False, True)


def test_a_used_port_gives_the_next(tmp_path: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert app.free_port("127.0.0.1", port) > port


def test_the_auth_file_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "auth"
    path.write_text("ann:one:two\n\nbob:three\n")
    assert app.logins(path) == [("ann", "one:two"), ("bob", "three")]
    path.write_text("ann\n")
    with pytest.raises(SpecError, match="name:password"):
        app.logins(path)
