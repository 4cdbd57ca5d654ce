-- What was decided, and what people said of it. docs/store.md says what is kept and why.

-- One row for each decision, and one for each comment that was corrected without having been decided here.
CREATE TABLE comments (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    site TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    at BIGINT NOT NULL,                  -- seconds since 1970, when it was decided, or first corrected
    content TEXT NOT NULL,
    author TEXT,
    author_url TEXT,
    email_domain TEXT,
    post_title TEXT,
    post_url TEXT,
    lang TEXT,
    comment_type TEXT,
    test INTEGER NOT NULL,               -- 1: a trial of an operator, never learned from
    decision_id BLOB UNIQUE,             -- this column and the next four: null where nothing was decided
    decision TEXT,                       -- approve, hold
    queue TEXT,                          -- review, spam; null for an approval
    spam_probability DOUBLE PRECISION,
    model TEXT,
    label TEXT                           -- ham, spam: what a person said last; null: nobody said anything
);

CREATE INDEX comments_by_fingerprint ON comments (fingerprint);
CREATE INDEX comments_unlabelled_by_age ON comments (at) WHERE label IS NULL;
CREATE INDEX comments_labelled ON comments (site) WHERE label IS NOT NULL;

-- Every change of a label, in order. Repetitions of what was known change nothing and are not here.
CREATE TABLE corrections (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    comment BIGINT NOT NULL REFERENCES comments (seq) ON DELETE CASCADE,
    at BIGINT NOT NULL,
    label TEXT NOT NULL,
    previous TEXT,
    origin TEXT NOT NULL                 -- submit-spam, submit-ham, api, cli
);

CREATE INDEX corrections_by_comment ON corrections (comment);

-- Who may ask. Of a key only its SHA-256 is kept.
CREATE TABLE keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    hash BLOB NOT NULL UNIQUE,
    site TEXT NOT NULL,
    created BIGINT NOT NULL,
    revoked BIGINT
);

-- Figures by site and day of the decision, which stay when comments go. Trials are not in them.
CREATE TABLE usage (
    site TEXT NOT NULL,
    day BIGINT NOT NULL,                 -- days since 1970, UTC
    approved BIGINT NOT NULL DEFAULT 0,
    held BIGINT NOT NULL DEFAULT 0,
    missed_spam BIGINT NOT NULL DEFAULT 0,
    false_positives BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (site, day)
);

-- One row that a failing writer writes again and again, to learn whether it can.
CREATE TABLE probe (
    id INTEGER PRIMARY KEY,
    tries BIGINT NOT NULL
);
INSERT INTO probe (id, tries) VALUES (1, 0);
