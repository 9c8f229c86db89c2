-- Times are text, 'YYYY-MM-DD HH:MM:SS.ffffff+00:00' in UTC: they compare as text, and SQLite's date functions read them.
CREATE TABLE definitions (
    hash       text PRIMARY KEY,
    body       text NOT NULL, -- canonical JSON
    created_at text NOT NULL
);

CREATE TABLE requests (
    id                    text PRIMARY KEY,
    title                 text NOT NULL,
    title_words           text NOT NULL, -- lower-case words between single spaces
    description           text NOT NULL,
    researcher_id         text NOT NULL,
    researcher_name       text NOT NULL,
    researcher_email      text NOT NULL,
    researcher_department text NOT NULL,
    protocol              text NOT NULL,
    purpose               text NOT NULL,
    priority              integer NOT NULL, -- 0 routine, 1 urgent, 2 asap, 3 stat
    due_at                text,
    submitted_by          text NOT NULL,
    assignee              text NOT NULL DEFAULT '',
    state                 text NOT NULL,
    visit                 integer NOT NULL,
    version               integer NOT NULL,
    definition            text NOT NULL,
    returns               text,
    requirements_version  integer NOT NULL,
    proposed              text,
    gate_id               text,
    step_id               text,
    suspended             text,
    parked                text NOT NULL DEFAULT '',
    outcome               text NOT NULL DEFAULT '', -- '' while it lives
    submitted_at          text NOT NULL,
    entered_at            text NOT NULL,
    updated_at            text NOT NULL,
    closed_at             text,
    audit_seq             integer NOT NULL,
    audit_hash            text NOT NULL,
    idempotency_key       text UNIQUE,
    digest                text NOT NULL
);
CREATE INDEX requests_live ON requests (priority DESC, submitted_at, id) WHERE outcome = '';
CREATE INDEX requests_order ON requests (priority DESC, submitted_at, id);
CREATE INDEX requests_researcher ON requests (researcher_id, priority DESC, submitted_at, id);
CREATE INDEX requests_assignee ON requests (assignee, priority DESC, submitted_at, id) WHERE assignee <> '';
CREATE INDEX requests_parked ON requests (priority DESC, submitted_at, id) WHERE parked <> '';
CREATE INDEX requests_due ON requests (due_at) WHERE outcome = '' AND due_at IS NOT NULL;

CREATE TABLE state_history (
    request_id text NOT NULL REFERENCES requests (id),
    seq        integer NOT NULL,
    from_state text NOT NULL, -- '' in the first row
    to_state   text NOT NULL,
    event      text NOT NULL,
    by_actor   text,
    reason     text NOT NULL DEFAULT '',
    at         text NOT NULL,
    commit_id  text NOT NULL,
    PRIMARY KEY (request_id, seq)
);
CREATE INDEX state_history_at ON state_history (at);

CREATE TABLE requirements (
    request_id text NOT NULL REFERENCES requests (id),
    version    integer NOT NULL,
    body       text NOT NULL,
    by_actor   text,
    reason     text NOT NULL DEFAULT '',
    at         text NOT NULL,
    PRIMARY KEY (request_id, version)
);

CREATE TABLE feasibility_reports (
    id                   text PRIMARY KEY,
    request_id           text NOT NULL REFERENCES requests (id),
    requirements_version integer NOT NULL,
    feasible             integer NOT NULL,
    cohort               integer NOT NULL,
    minimum_cohort       integer NOT NULL,
    elements             text,
    reasons              text,
    at                   text NOT NULL
);
CREATE INDEX feasibility_reports_request ON feasibility_reports (request_id, id);

CREATE TABLE step_executions (
    id             text PRIMARY KEY,
    request_id     text NOT NULL REFERENCES requests (id),
    state          text NOT NULL,
    step           text NOT NULL,
    visit          integer NOT NULL,
    attempt        integer NOT NULL,
    failed         integer NOT NULL, -- attempts of this visit that failed before
    lost           integer NOT NULL, -- attempts of this visit whose host was lost before
    status         text NOT NULL, -- ready, running, succeeded, failed, lost, cancelled, paused
    priority       integer NOT NULL,
    run_at         text NOT NULL,
    owner          text NOT NULL DEFAULT '',
    token          integer NOT NULL,
    lease_until    text,
    started_at     text,
    finished_at    text,
    event          text NOT NULL DEFAULT '',
    error_class    text NOT NULL DEFAULT '',
    error_text     text NOT NULL DEFAULT '',
    progress_done  integer NOT NULL DEFAULT 0,
    progress_total integer NOT NULL DEFAULT 0,
    progress_note  text NOT NULL DEFAULT '',
    output         text,
    UNIQUE (request_id, visit, attempt)
);
CREATE INDEX step_executions_ready ON step_executions (step, priority DESC, run_at) WHERE status = 'ready';
CREATE INDEX step_executions_running ON step_executions (lease_until) WHERE status = 'running';

CREATE TABLE gates (
    id                   text PRIMARY KEY,
    request_id           text NOT NULL REFERENCES requests (id),
    state                text NOT NULL,
    visit                integer NOT NULL,
    roles                text NOT NULL,
    escalate_to          text,
    waiting_for          text NOT NULL, -- who may decide now: '|role|role|'
    quorum               text NOT NULL,
    status               text NOT NULL, -- open, approved, rejected, modified, closed
    opened_at            text NOT NULL,
    due_at               text,
    escalations          integer NOT NULL DEFAULT 0,
    closed_at            text,
    requirements_version integer NOT NULL
);
CREATE INDEX gates_request ON gates (request_id, visit);
CREATE INDEX gates_open ON gates (due_at) WHERE status = 'open';

CREATE TABLE approvals (
    id           text PRIMARY KEY,
    request_id   text NOT NULL REFERENCES requests (id),
    gate_id      text NOT NULL REFERENCES gates (id),
    reviewer_id  text NOT NULL,
    by_actor     text NOT NULL,
    on_behalf_of text,
    role         text NOT NULL,
    verdict      text NOT NULL, -- approve, reject, modify
    reason       text NOT NULL DEFAULT '',
    at           text NOT NULL,
    from_version integer NOT NULL,
    to_version   integer NOT NULL,
    patch        text,
    meaning      text NOT NULL,
    shown        text NOT NULL,
    digest       text NOT NULL,
    UNIQUE (gate_id, reviewer_id)
);
CREATE INDEX approvals_request ON approvals (request_id);

CREATE TABLE delegations (
    gate_id    text NOT NULL REFERENCES gates (id),
    request_id text NOT NULL REFERENCES requests (id),
    from_id    text NOT NULL,
    to_id      text NOT NULL,
    from_actor text NOT NULL,
    to_actor   text NOT NULL,
    reason     text NOT NULL DEFAULT '',
    at         text NOT NULL,
    PRIMARY KEY (gate_id, from_id, to_id)
);

CREATE TABLE escalations (
    id         text PRIMARY KEY,
    request_id text NOT NULL REFERENCES requests (id),
    gate_id    text NOT NULL REFERENCES gates (id),
    level      integer NOT NULL,
    roles      text,
    at         text NOT NULL,
    UNIQUE (gate_id, level)
);
CREATE INDEX escalations_request ON escalations (request_id);

CREATE TABLE interventions (
    id         text PRIMARY KEY,
    request_id text NOT NULL REFERENCES requests (id),
    kind       text NOT NULL, -- suspend, resume, retry, reassign, priority, due
    person_id  text NOT NULL,
    by_actor   text NOT NULL,
    reason     text NOT NULL,
    value      text NOT NULL DEFAULT '', -- what it was changed to
    at         text NOT NULL
);
CREATE INDEX interventions_request ON interventions (request_id);

CREATE TABLE deliveries (
    id              text PRIMARY KEY,
    request_id      text NOT NULL REFERENCES requests (id),
    location        text NOT NULL,
    format          text NOT NULL,
    files           text,
    manifest_sha256 text NOT NULL,
    at              text NOT NULL
);
CREATE INDEX deliveries_request ON deliveries (request_id, id);

CREATE TABLE timers (
    id         text PRIMARY KEY,
    request_id text NOT NULL,
    kind       text NOT NULL, -- remind, escalate, overdue
    gate_id    text NOT NULL DEFAULT '',
    fire_at    text NOT NULL
);
CREATE INDEX timers_due ON timers (fire_at);
CREATE INDEX timers_request ON timers (request_id);

CREATE TABLE outbox (
    id          text PRIMARY KEY,
    kind        text NOT NULL, -- notification, audit
    request_id  text NOT NULL,
    seq         integer NOT NULL,
    payload     text NOT NULL,
    created_at  text NOT NULL,
    attempts    integer NOT NULL DEFAULT 0,
    error_class text NOT NULL DEFAULT '',
    owner       text NOT NULL DEFAULT '',
    lease_until text,
    run_at      text NOT NULL
);
CREATE INDEX outbox_due ON outbox (run_at);
CREATE INDEX outbox_order ON outbox (request_id, kind, seq);

CREATE TABLE audit (
    chain    text NOT NULL, -- the request's id, or 'system'
    seq      integer NOT NULL,
    id       text NOT NULL UNIQUE,
    type     text NOT NULL,
    recorded text NOT NULL,
    prev     text NOT NULL,
    hash     text NOT NULL,
    body     text NOT NULL, -- canonical JSON
    PRIMARY KEY (chain, seq)
);

-- Ends of the chains that belong to no request.
CREATE TABLE audit_heads (
    chain text PRIMARY KEY,
    seq   integer NOT NULL,
    hash  text NOT NULL
);

CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;

CREATE VIRTUAL TABLE requests_words USING fts5 (title_words, content='requests', tokenize='unicode61 remove_diacritics 0');
CREATE TRIGGER requests_words_insert AFTER INSERT ON requests
BEGIN
    INSERT INTO requests_words (rowid, title_words) VALUES (new.rowid, new.title_words);
END;
