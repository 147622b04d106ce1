"""Start the app: flags, store, engine process, page. ``python app.py`` is all, here and on a Hugging Face Space."""

import argparse
import ipaddress
import os
import signal
import socket
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

from steering.data import Limits, limits_of
from steering.errors import InputError, SpecError, SteeringError
from steering.ui.imports import without_stubs

TRIES = 100


def parser() -> argparse.ArgumentParser:
    """The flags."""
    made = argparse.ArgumentParser(prog="app.py", description="Prompt Steering Studio: the web app.")
    made.add_argument("--host", default="", help="default 127.0.0.1; on a Hugging Face Space 0.0.0.0")
    made.add_argument("--port", type=int, default=0, help="default 7860; the next free one if it is in use")
    made.add_argument("--home", type=Path, help="where runs and saved prompts are kept")
    made.add_argument("--auth-file", type=Path, help="a file with one name:password a line; needed for any host but this machine")
    made.add_argument("--root-path", default="", help="path that a proxy puts before the app's own, such as /studio")
    made.add_argument("--max-mb", type=float, help="largest uploaded file in MB (default 50)")
    made.add_argument("--max-rows", type=int, help="most rows of an uploaded file (default 200,000)")
    made.add_argument("--demo", action="store_true", help="start the first sample at once")
    return made


def logins(path: Path | None) -> list[tuple[str, str]] | None:
    """Names and passwords of an auth file.

    Raises:
        SpecError: it cannot be read, or a line is not name:password.
    """
    if path is None:
        return None
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"the auth file {path} cannot be read: {error}.", "Write one name:password a line.") from None
    pairs = [(name, word) for name, _, word in (line.partition(":") for line in lines) if name and word]
    if not pairs or len(pairs) != len(lines):
        raise SpecError(f"the auth file {path} does not hold one name:password a line.", "Write for example ann:a-long-password.")
    return pairs


def is_local(host: str) -> bool:
    """Whether only this machine can reach that address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def require_safe(host: str, guarded: bool, space: bool) -> None:
    """Refuse to be reachable by others without a login.

    Raises:
        SpecError: no login on a host that others reach.
    """
    if not (guarded or space or is_local(host)):
        raise SpecError(f"host {host!r} can be reached by others, and there is no login.", "Add --auth-file FILE with one name:password a line.")


def free_port(host: str, wanted: int) -> int:
    """``wanted``, or the next port that is free.

    Raises:
        SpecError: none of a hundred is.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in range(wanted, min(wanted + TRIES, 65536)):
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except PermissionError:
                raise SpecError(f"port {port} may not be opened by this user.", "Choose one above 1023 with --port.") from None
            except OSError:
                continue
            return port
    raise SpecError(f"ports {wanted} to {wanted + TRIES - 1} on {host} are in use or the host is not this machine's.", "Choose another with --port.")


def main(argv: list[str] | None = None) -> None:
    """Run the app until it is interrupted. Exit code 2: a flag or a file is at fault; 1: another error."""
    args = parser().parse_args(argv)
    try:
        serve(args)
    except SteeringError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(2 if isinstance(error, InputError) else 1) from None


def serve(args: argparse.Namespace) -> None:
    """Store, engine, page; ends on SIGINT or SIGTERM and closes the engine."""
    space = bool(os.environ.get("SPACE_ID"))
    host = args.host or ("0.0.0.0" if space else "127.0.0.1")
    auth = logins(args.auth_file)
    require_safe(host, auth is not None, space)
    limits = limits_of(args.max_mb, args.max_rows)
    port = free_port(host, args.port or 7860)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ.pop("GRADIO_VIBE_MODE", None)
    with without_stubs():
        import gradio  # noqa: F401
    from steering.engine.child import ChildEngine
    from steering.studio import Studio
    from steering.ui.build import build

    studio = Studio.open(args.home, limits)
    demo = build(studio)
    signal.signal(signal.SIGTERM, _interrupt)
    studio.store.set_engine(state="starting", fingerprint="", note="")
    engine = ChildEngine(studio.store.home, studio.folders).start()
    try:
        launch(demo, host, port, auth, args.root_path, limits)
        if args.port and port != args.port:
            sys.stdout.write(f"Port {args.port} is in use.\n")
        sys.stdout.write(f"Prompt Steering Studio: http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}{args.root_path}\n")
        sys.stdout.flush()
        if args.demo and studio.data.samples():
            studio.start_sample(studio.data.samples()[0].name)
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        sys.stdout.write("Closing; runs continue at the next start.\n")
    finally:
        demo.close()
        engine.close()


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def launch(demo: Any, host: str, port: int, auth: list[tuple[str, str]] | None = None, root_path: str = "", limits: Limits | None = None) -> None:
    """Serve the page; returns when it is up."""
    from steering.ui import theme

    demo.launch(
        server_name=host,
        server_port=port,
        root_path=root_path or None,
        auth=auth,
        theme=theme.theme(),
        css=theme.css(),
        favicon_path=theme.FAVICON,
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        show_error=False,
        state_session_capacity=200,
        max_file_size=(limits or Limits()).bytes + 1_000_000,  # a little more, so that the refusal is ours, in words
        ssr_mode=False,
        pwa=False,
        share=False,
        quiet=True,
        prevent_thread_lock=True,
    )
