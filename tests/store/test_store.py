"""The store: one truth for many readers, whatever happens to its disk."""

import errno
import sqlite3
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors import SafetensorError
from safetensors.numpy import save_file

from steering.errors import EngineError, NotFoundError, StorageError, from_dict
from steering.spec import Example, Recipe, RunSpec, TaskSpec
from steering.store import Store, database, replace_file, requests
from steering.store.migrations import MIGRATIONS

SPEC = RunSpec(
    name="films «é» 😀",
    dataset="d",
    task=TaskSpec(kind="classification", label_words={"1": "good", "0": "bad"}),
    method="prompt_tuning",
    recipe=Recipe(steps=7, learning_rate=0.5),
    options={"virtual_tokens": 5},
)


@pytest.fixture
def store(tmp_path: Path):
    made = Store(tmp_path / "home")
    yield made
    made.close()


def example(text: str, side: str = "train", row: int = 2) -> Example:
    return Example(row=row, values={"text": text}, target="1", key=text, side=side)


def states(store: Store, run: str) -> tuple[str, bool]:
    found = store.run(run)
    return found.state, found.stop


# The file itself.


def test_opening_again_changes_nothing(store: Store) -> None:
    run = store.add_run(SPEC)
    schema = store._rows("SELECT sql FROM sqlite_master ORDER BY name")
    again = Store(store.home)
    assert [tuple(row) for row in again._rows("SELECT sql FROM sqlite_master ORDER BY name")] == [tuple(row) for row in schema]
    assert [row[0] for row in again._rows("SELECT number FROM migrations")] == list(range(len(MIGRATIONS)))
    assert again.run(run).spec == SPEC
    again.close()


def test_a_new_migration_is_applied_once_and_keeps_what_is_there(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run = store.add_run(SPEC)
    monkeypatch.setattr(database, "MIGRATIONS", (*MIGRATIONS, "CREATE TABLE later (a TEXT); INSERT INTO later VALUES ('once');"))
    for _ in range(2):
        newer = Store(store.home)
        assert [row["a"] for row in newer._rows("SELECT a FROM later")] == ["once"]
        assert newer.run(run).name == SPEC.name
        newer.close()


def test_a_broken_migration_leaves_the_old_shape(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "MIGRATIONS", (*MIGRATIONS, "CREATE TABLE half (a TEXT); NONSENSE"))
    with pytest.raises(StorageError, match=r'cannot be written: near "NONSENSE": syntax error'):
        Store(store.home)
    assert store._rows("SELECT name FROM sqlite_master WHERE name = 'half'") == []
    monkeypatch.undo()
    Store(store.home).close()


def test_a_run_of_another_version_does_not_hide_the_others(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    old, run = store.add_run(SPEC), store.add_run(SPEC)
    with store._write() as db:
        db.execute("UPDATE runs SET spec = ? WHERE id = ?", ('{"method": "of tomorrow"}', old))
    assert [found.id for found in store.runs()] == [run]
    assert f"run {old} cannot be read by this version" in caplog.text


def test_two_stores_and_many_threads_share_one_file(store: Store) -> None:
    other = Store(store.home)
    run = store.add_run(SPEC)
    faults: list[BaseException] = []

    def write(where: Store, first: int) -> None:
        try:
            for step in range(first, 40, 4):
                where.put_event(run, step, "step", {"by": first}, step=step)
                assert any(event.step == step for event in where.events(run))
        except BaseException as fault:
            faults.append(fault)
        finally:
            where.close()

    threads = [threading.Thread(target=write, args=(where, first)) for first, where in enumerate((store, other, store, other))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert faults == []
    assert [event.step for event in other.events(run)] == list(range(40))
    assert other.run(run).version == 40
    other.close()


def test_only_one_of_many_claims_a_run(store: Store) -> None:
    run = store.add_run(SPEC)
    won: list[bool] = []
    barrier = threading.Barrier(4)

    def claim() -> None:
        barrier.wait(30)
        won.append(store.claim(run))
        store.close()

    threads = [threading.Thread(target=claim) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(won) == [False, False, False, True]


# Runs.


def test_a_run_comes_back_as_it_was_queued(store: Store) -> None:
    before = time.time()
    run = store.add_run(SPEC)
    found = store.run(run)
    assert (found.spec, found.name, found.state, found.steps, found.step, found.stop) == (SPEC, SPEC.name, "queued", 7, 0, False)
    assert (found.error, found.started, found.finished, found.deaths, found.death_step) == (None, None, None, 0, -1)
    assert before <= found.created <= time.time()
    assert len(run) == 32 and run != store.add_run(SPEC)


@pytest.mark.parametrize("call", ["run", "request_stop", "requeue"])
@pytest.mark.parametrize("name", ["nowhere", "", "'; DROP TABLE runs; --", "\x00"])
def test_an_unknown_run_is_said_to_be_unknown(store: Store, call: str, name: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        getattr(store, call)(name)
    assert str(caught.value) == f"there is no run {name!r} here. `runs` lists the runs; a deleted run cannot be opened."


def test_the_life_of_a_run(store: Store) -> None:
    run = store.add_run(SPEC)
    assert store.claim(run) and not store.claim(run)
    first = store.run(run).started
    store.requeue(run)
    assert states(store, run) == ("running", False), "a running run cannot be queued again"
    store.request_stop(run)
    assert states(store, run) == ("running", True), "it stops at its own step boundary"
    store.update_run(run, state="stopped", finished=time.time())
    assert not store.claim(run)
    store.request_stop(run)
    assert states(store, run) == ("stopped", True)
    store.requeue(run)
    assert states(store, run) == ("queued", False) and store.run(run).finished is None
    assert store.claim(run) and store.run(run).started == first
    store.update_run(run, state="failed", error=EngineError("died.", "Again.").as_dict(), deaths=2, death_step=5)
    assert str(from_dict(store.run(run).error or {})) == "died. Again."
    store.requeue(run)
    found = store.run(run)
    assert (found.state, found.error, found.deaths, found.death_step) == ("queued", None, 0, -1)
    assert store.claim(run)
    store.update_run(run, state="done")
    store.requeue(run)
    store.request_stop(run)
    assert states(store, run) == ("done", False), "what is done stays done"


def test_a_queued_run_stops_at_once_and_is_not_claimed(store: Store) -> None:
    run = store.add_run(SPEC)
    store.request_stop(run)
    found = store.run(run)
    assert found.state == "stopped" and found.finished is not None and not found.stop
    assert not store.claim(run)


def test_runs_are_listed_by_state_oldest_first(store: Store) -> None:
    runs = [store.add_run(SPEC) for _ in range(3)]
    store.claim(runs[1])
    assert [run.id for run in store.runs()] == runs
    assert [run.id for run in store.runs(("queued",))] == [runs[0], runs[2]]
    assert store.runs(("failed",)) == []


def test_every_change_is_seen_in_the_version(store: Store) -> None:
    run = store.add_run(SPEC)
    seen = [store.run(run).version]
    for change in (
        lambda: store.claim(run),
        lambda: store.update_run(run, phase="training"),
        lambda: store.put_event(run, 1, "step", {}),
        lambda: store.request_stop(run),
        lambda: store.update_run(run, state="stopped"),
        lambda: store.requeue(run),
        lambda: store.request_stop(run),
    ):
        change()
        seen.append(store.run(run).version)
    assert seen == sorted(set(seen))


def test_unknown_columns_are_a_bug_of_ours(store: Store) -> None:
    with pytest.raises(AssertionError, match="unknown columns"):
        store.update_run(store.add_run(SPEC), id="x")


# Events.


def test_a_replay_overwrites_instead_of_doubling(store: Store) -> None:
    run = store.add_run(SPEC)
    for loss in (3.0, 2.0):
        for step in (2, 1):
            store.put_event(run, step, "step", {"loss": loss}, step=step)
        store.put_event(run, 2, "validation", {"nll": loss, "text": "é\n😀"})
    assert [(e.step, e.kind, e.data) for e in store.events(run)] == [
        (1, "step", {"loss": 2.0}),
        (2, "step", {"loss": 2.0}),
        (2, "validation", {"nll": 2.0, "text": "é\n😀"}),
    ]
    assert [e.kind for e in store.events(run, ("validation", "finished"))] == ["validation"]
    assert store.events(store.add_run(SPEC)) == [] and store.run(run).step == 1


def test_an_event_of_no_run_is_refused_whole(store: Store) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        store.put_event("nowhere", 1, "step", {})
    assert store.events("nowhere") == []
    store.add_run(SPEC)


# Datasets.


def test_a_dataset_comes_back_and_its_rows_stay_where_they_were_placed(store: Store) -> None:
    first = (example("a"), example("b", "test"))
    store.add_dataset("films.csv", "1", {"rows": 2, "é": None}, first)
    found = store.dataset("1")
    assert (found.name, found.examples, found.report) == ("films.csv", first, {"rows": 2, "é": None})
    store.add_dataset("films.csv", "2", {}, (example("b", "train"), example("c", "validation")))
    assert store.placements("films.csv") == {"a": "train", "b": "test", "c": "validation"}
    assert store.dataset("1").examples == first and store.placements("other.csv") == {}
    store.add_dataset("films.csv", "1", {"rows": 2}, first)
    assert store.dataset("1").report == {"rows": 2}


def test_an_uploads_bytes_go_with_the_last_dataset_that_was_read_from_them(store: Store) -> None:
    content = store.keep_content(b"a,b\n")
    assert store.keep_content(b"a,b\n") == content and store.content(content) == b"a,b\n"
    for digest in ("1", "2"):
        store.add_dataset("films.csv", digest, {"rows_usable": 1}, (example("a"),), content, {"kind": "generation"})
    assert store.dataset("1").reading == {"kind": "generation"}
    store.delete_dataset("1")
    assert store.content(content) and store.placements("films.csv")
    store.delete_dataset("2")
    assert not store.placements("films.csv") and not list((store.home / "data").iterdir())
    with pytest.raises(NotFoundError, match=r"no longer here\. Choose it again\."):
        store.content(content)
    with pytest.raises(NotFoundError, match=r"was not kept\. Choose it again\."):
        store.content("../studio.db")


def test_datasets_are_listed_with_their_runs_and_renamed_with_their_placements(store: Store) -> None:
    store.add_dataset("films.csv", "d", {"rows_usable": 1}, (example("a", "test"),))
    run = store.add_run(SPEC)
    (listed,) = store.datasets()
    assert (listed.name, listed.rows, listed.runs) == ("films.csv", 1, 1)
    store.rename_dataset("d", "movies.csv")
    assert store.dataset("d").name == "movies.csv" and store.placements("movies.csv") == {"a": "test"}
    store.run_folder(run)
    store.put_event(run, 1, "step", {})
    store.delete_run(run)
    assert store.datasets()[0].runs == 0 and store.events(run) == [] and not (store.home / "runs" / run).exists()


def test_an_unknown_dataset_is_said_to_be_unknown(store: Store) -> None:
    with pytest.raises(NotFoundError) as caught:
        store.dataset("nowhere")
    assert str(caught.value) == "there is no dataset 'nowhere' here. Upload the file again."


# Requests, views, the engine's own words.


def test_the_life_of_a_request(store: Store) -> None:
    assert store.waiting_request() is None
    first, second = store.add_request("generate", {"text": "é"}), store.add_request("inspect", {})
    waiting = store.waiting_request()
    assert waiting is not None and (waiting.id, waiting.kind, waiting.payload, waiting.state) == (first, "generate", {"text": "é"}, "waiting")
    store.update_request(first, state="running", result={"n": 1})
    assert store.waiting_request() is not None and store.waiting_request().id == second  # type: ignore[union-attr]
    store.reset_requests()
    assert store.waiting_request().id == first  # type: ignore[union-attr]
    store.update_request(first, state="running", result={"n": 2})
    store.update_request(first, state="done")
    done = store.request(first)
    assert (done.state, done.result, done.error) == ("done", {"n": 2}, None)
    store.update_request(second, state="failed", error={"type": "SpecError", "message": "m", "hint": ""})
    store.reset_requests()
    assert store.request(second).state == "failed" and store.request(second).error == {"type": "SpecError", "message": "m", "hint": ""}
    assert store.waiting_request() is None


def test_finished_requests_are_forgotten_after_an_hour(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    old, unfinished = store.add_request("generate", {}), store.add_request("generate", {})
    store.update_request(old, state="done", result={})
    later = time.time() + 3700
    monkeypatch.setattr(requests.time, "time", lambda: later)
    store.add_request("generate", {})
    with pytest.raises(NotFoundError, match=r"^this answer is no longer kept\. Ask again\.$"):
        store.request(old)
    assert store.request(unfinished).state == "waiting"


def test_views_and_the_engines_words_are_kept(store: Store) -> None:
    assert store.view("d", "map") is None and store.engine() == {}
    store.put_view("d", "map", {"n": 1})
    store.put_view("d", "map", {"n": 2})
    store.set_engine(model="m", state="loading")
    store.set_engine(state="ready", beat=1.5)
    assert store.view("d", "map") == {"n": 2} and store.view("d", "neighbours") is None
    assert store.engine() == {"model": "m", "state": "ready", "beat": 1.5}


# Disks that do not do their part.


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("mine")
    with pytest.raises(StorageError) as caught:
        Store(tmp_path / "home")
    assert str(caught.value).startswith(f"{tmp_path / 'home'} cannot be written: File exists. Choose a writable folder with --home DIR")
    with pytest.raises(StorageError, match="Not a directory"):
        Store(tmp_path / "home" / "deeper")
    assert (tmp_path / "home").read_text() == "mine"


def test_a_folder_where_the_database_should_be(tmp_path: Path) -> None:
    (tmp_path / "studio.db").mkdir()
    with pytest.raises(StorageError, match="cannot be written: unable to open database file"):
        Store(tmp_path)


def test_a_file_where_a_runs_folder_should_be(store: Store) -> None:
    assert store.run_folder("a").is_dir()
    (store.home / "runs" / "b").write_text("")
    with pytest.raises(StorageError, match=r"runs/b cannot be written: File exists\."):
        store.run_folder("b")


def test_a_read_only_database(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store._db().execute("PRAGMA query_only=ON")
    with pytest.raises(StorageError, match=r"cannot be written: attempt to write a readonly database\. Choose a writable folder with --home DIR"):
        store.add_run(SPEC)
    assert store.runs() == []
    store.close()


def test_a_full_disk_leaves_nothing_half_written(store: Store) -> None:
    """SQLite's own limit: it rolls back by itself, exactly as on a full disk."""
    run = store.add_run(SPEC)
    pages = store._rows("PRAGMA page_count")[0][0]
    store._db().execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(StorageError) as caught:
        store.put_event(run, 1, "step", {"text": "x" * 200_000}, step=1)
    assert str(caught.value) == f"the disk that holds {store.home} is full. Free some space and try again; nothing was half-written."
    assert store.events(run) == [] and store.run(run).step == 0
    store._db().execute("PRAGMA max_page_count=1000000")
    store.put_event(run, 1, "step", {"text": "x" * 200_000}, step=1)
    assert store.run(run).step == 1


class FullAtCommit(sqlite3.Connection):
    """A disk that fills up at the last moment."""

    def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
        if sql == "COMMIT":
            raise sqlite3.OperationalError("database or disk is full")
        return super().execute(sql, *values)


def test_a_disk_that_fills_up_at_the_commit(store: Store) -> None:
    whole = store._db()
    store._local.db = sqlite3.connect(store.home / "studio.db", isolation_level=None, factory=FullAtCommit)
    store._local.db.row_factory = sqlite3.Row
    for _ in range(2):
        with pytest.raises(StorageError, match=r"^the disk that holds .* is full\. Free some space"):
            store.add_run(SPEC)
        assert store.runs() == [], "the transaction was taken back, and the next one can begin"
    store.close()
    store._local.db = whole
    store.add_run(SPEC)


def test_a_locked_database_is_named(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store._db().execute("PRAGMA busy_timeout=1")
    other = sqlite3.connect(store.home / "studio.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageError, match="cannot be written: database is locked"):
        store.add_run(SPEC)
    assert store.runs() == [], "reading goes on"
    other.execute("ROLLBACK")
    other.close()
    store.add_run(SPEC)


@pytest.mark.parametrize("content", [b"x" * 5000, b"SQLite format 3\x00" + b"\xff" * 4080])
def test_a_damaged_database_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "studio.db").write_bytes(content)
    with pytest.raises(StorageError) as caught:
        Store(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / 'studio.db'} is damaged: file is not a database. Move it away and start again")
    assert (tmp_path / "studio.db").read_bytes() == content


def test_a_database_damaged_in_the_middle_is_named(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for _ in range(30):
        store.add_run(SPEC)
    store.close()
    content = bytearray((tmp_path / "studio.db").read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    (tmp_path / "studio.db").write_bytes(content)
    with pytest.raises(StorageError, match=r"studio.db is damaged: database disk image is malformed\. Move it away"):
        Store(tmp_path).runs()


# Files.


def temporary(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.endswith(".tmp")]


def fail(error: Exception):
    def write(path: Path) -> None:
        path.write_bytes(b"half")
        raise error

    return write


@pytest.mark.parametrize(
    ("error", "raised", "text"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), StorageError, "a.bin cannot be written: No space left on device. Free some space, mend"),
        (OSError("odd"), StorageError, "a.bin cannot be written: odd. Free some space"),
        (SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"), StorageError, "No space left on device"),
        (KeyboardInterrupt(), KeyboardInterrupt, ""),
        (ValueError("a bug"), ValueError, "a bug"),
    ],
)
def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, error: Exception, raised: type[BaseException], text: str) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with pytest.raises(raised) as caught:
        replace_file(path, fail(error))
    assert text in str(caught.value)
    assert path.read_bytes() == b"old" and temporary(tmp_path) == []
    with pytest.raises(raised):
        replace_file(tmp_path / "new" / "b.bin", fail(error))
    assert list((tmp_path / "new").iterdir()) == []


def test_a_real_disk_that_takes_no_more(tmp_path: Path) -> None:
    """A limit on the size of files makes both ways of writing fail in the middle."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        for write in (lambda path: path.write_bytes(bytes(5000)), lambda path: save_file({"a": np.zeros(5000, np.float32)}, path)):
            with pytest.raises(StorageError, match=r"a\.bin cannot be written: .*File too large"):
                replace_file(tmp_path / "a.bin", write)
            assert list(tmp_path.iterdir()) == []
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_rename_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.bin").write_bytes(b"old")

    def refuse(self: Path, target: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(StorageError, match=r"a\.bin cannot be written: Permission denied\."):
        replace_file(tmp_path / "a.bin", lambda path: path.write_bytes(b"new"))
    assert (tmp_path / "a.bin").read_bytes() == b"old" and temporary(tmp_path) == []


def test_a_written_file_is_whole_and_readable_by_others(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "a.bin"
    for content in (b"one", b"two"):
        replace_file(path, lambda temporary, content=content: temporary.write_bytes(content))
        assert path.read_bytes() == content
    assert path.stat().st_mode & 0o777 == 0o644 and temporary(path.parent) == []


@pytest.mark.parametrize("place", ["file/a.bin", "a"])
def test_no_place_to_write(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "a").mkdir()
    with pytest.raises(StorageError, match=r"cannot be written: (Not a directory|File exists|Is a directory)\."):
        replace_file(tmp_path / place, lambda path: path.write_bytes(b"x"))
    assert temporary(tmp_path) == []
