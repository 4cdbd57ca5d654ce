-- Learning: every change of a label has a number, a correction can be taken back, and models of sites are handed on.

-- One row that counts. It is raised in the transaction that it counts, so that a higher number is never seen before a
-- lower one, whoever writes.
CREATE TABLE sequence (
    id INTEGER PRIMARY KEY,
    changes BIGINT NOT NULL,             -- the number of the last change of a label
    models BIGINT NOT NULL               -- raised whenever another model is put in service
);
INSERT INTO sequence (id, changes, models) SELECT 1, COALESCE(MAX(seq), 0), 0 FROM corrections;

-- A correction that is taken back leaves a row, too, whose label may be none. A column cannot lose its NOT NULL everywhere.
CREATE TABLE label_changes (
    seq INTEGER PRIMARY KEY,             -- out of `sequence`
    comment BIGINT NOT NULL REFERENCES comments (seq) ON DELETE CASCADE,
    at BIGINT NOT NULL,
    label TEXT,                          -- ham, spam; null: the comment has no label any more
    previous TEXT,
    origin TEXT NOT NULL,                -- submit-spam, submit-ham, api, cli, import, undo
    undoes BIGINT UNIQUE                 -- for an undo, which change it takes back
);
INSERT INTO label_changes (seq, comment, at, label, previous, origin)
    SELECT seq, comment, at, label, previous, origin FROM corrections;
DROP TABLE corrections;
ALTER TABLE label_changes RENAME TO corrections;
CREATE INDEX corrections_by_comment ON corrections (comment, seq);

-- What is learned from, in order, and how much there is of it.
DROP INDEX comments_labelled;
CREATE INDEX comments_to_learn_from ON comments (site, seq, label) WHERE label IS NOT NULL AND test = 0;

-- The newest comment of a fingerprint is asked for. Without the order in the index, PostgreSQL may go through all comments,
-- newest first, until it meets one.
DROP INDEX comments_by_fingerprint;
CREATE INDEX comments_by_fingerprint ON comments (fingerprint, seq);

-- Models trained for one site.
CREATE TABLE models (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    site TEXT NOT NULL,
    model TEXT NOT NULL,
    at BIGINT NOT NULL,
    through BIGINT NOT NULL,             -- it has learned every change up to this number
    bytes BLOB NOT NULL
);
CREATE INDEX models_by_site ON models (site, seq);

-- Which model a site is judged by. A site that is not here is judged by the shipped one, and all its labels are learned on top.
CREATE TABLE in_service (
    site TEXT PRIMARY KEY,
    model BIGINT REFERENCES models (seq),-- null: the shipped one
    since BIGINT NOT NULL                -- changes of a higher number are learned on top of it
);
