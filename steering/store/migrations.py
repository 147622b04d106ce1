"""The database's shape, as a list of steps that are applied once each, in order."""

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE datasets (
        digest TEXT PRIMARY KEY, name TEXT NOT NULL, created REAL NOT NULL, report TEXT NOT NULL, examples TEXT NOT NULL);
    CREATE TABLE placements (dataset TEXT NOT NULL, key TEXT NOT NULL, side TEXT NOT NULL, PRIMARY KEY (dataset, key));
    CREATE TABLE runs (
        id TEXT PRIMARY KEY, name TEXT NOT NULL, spec TEXT NOT NULL, state TEXT NOT NULL, phase TEXT NOT NULL DEFAULT '',
        step INTEGER NOT NULL DEFAULT 0, steps INTEGER NOT NULL, stop INTEGER NOT NULL DEFAULT 0, error TEXT,
        created REAL NOT NULL, started REAL, finished REAL, version INTEGER NOT NULL DEFAULT 0,
        deaths INTEGER NOT NULL DEFAULT 0, death_step INTEGER NOT NULL DEFAULT -1);
    CREATE TABLE events (
        run TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE, step INTEGER NOT NULL, kind TEXT NOT NULL, data TEXT NOT NULL,
        PRIMARY KEY (run, step, kind));
    CREATE TABLE requests (
        id TEXT PRIMARY KEY, kind TEXT NOT NULL, payload TEXT NOT NULL, state TEXT NOT NULL, result TEXT, error TEXT, created REAL NOT NULL);
    CREATE TABLE views (artifact TEXT NOT NULL, view TEXT NOT NULL, result TEXT NOT NULL, PRIMARY KEY (artifact, view));
    CREATE TABLE engine (key TEXT PRIMARY KEY, value TEXT NOT NULL);
    CREATE INDEX runs_by_state ON runs(state, created);
    CREATE INDEX requests_by_state ON requests(state, created);
    """,
    """
    ALTER TABLE datasets ADD COLUMN content TEXT NOT NULL DEFAULT '';
    ALTER TABLE datasets ADD COLUMN reading TEXT NOT NULL DEFAULT '{}';
    """,
    "CREATE TABLE labels (content TEXT NOT NULL, line INTEGER NOT NULL, label TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (content, line));",
    """
    CREATE TABLE scores (
        scope TEXT NOT NULL, input TEXT NOT NULL, value TEXT NOT NULL, seconds REAL NOT NULL, at REAL NOT NULL, PRIMARY KEY (scope, input))
        WITHOUT ROWID;
    CREATE INDEX scores_by_age ON scores(at);
    CREATE TABLE reveals (rows TEXT NOT NULL, question TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (rows, question));
    CREATE TABLE pins (dataset TEXT NOT NULL, key TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (dataset, key));
    """,
    "ALTER TABLE events ADD COLUMN at REAL NOT NULL DEFAULT 0;",
    """
    CREATE TABLE findings (
        id TEXT PRIMARY KEY, kind TEXT NOT NULL, dataset TEXT NOT NULL, at INTEGER NOT NULL, payload TEXT NOT NULL, result TEXT NOT NULL);
    """,
    """
    CREATE TABLE judgements (
        id TEXT PRIMARY KEY, run TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE, at INTEGER NOT NULL, about TEXT NOT NULL, result TEXT NOT NULL);
    CREATE INDEX judgements_by_run ON judgements(run, at);
    CREATE TABLE votes (
        run TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE, ballot TEXT NOT NULL, rater TEXT NOT NULL, row INTEGER NOT NULL,
        choice TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (ballot, rater, row));
    """,
)
