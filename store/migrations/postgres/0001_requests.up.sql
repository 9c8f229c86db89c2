CREATE TABLE definitions (
    hash       text PRIMARY KEY,
    body       text NOT NULL, -- canonical JSON
    created_at timestamptz NOT NULL
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
    priority              smallint NOT NULL, -- 0 routine, 1 urgent, 2 asap, 3 stat
    due_at                timestamptz,
    submitted_by          json NOT NULL,
    assignee              text NOT NULL DEFAULT '',
    state                 text NOT NULL,
    visit                 bigint NOT NULL,
    version               bigint NOT NULL,
    definition            text NOT NULL,
    returns               json,
    requirements_version  integer NOT NULL,
    proposed              json,
    gate_id               text,
    step_id               text,
    suspended             json,
    parked                text NOT NULL DEFAULT '',
    outcome               text NOT NULL DEFAULT '', -- '' while it lives
    submitted_at          timestamptz NOT NULL,
    entered_at            timestamptz NOT NULL,
    updated_at            timestamptz NOT NULL,
    closed_at             timestamptz,
    audit_seq             bigint NOT NULL,
    audit_hash            text NOT NULL,
    idempotency_key       text UNIQUE,
    digest                text NOT NULL
) WITH (fillfactor = 60);
-- No column that a transition changes is indexed: PostgreSQL then updates the row in place (HOT).
CREATE INDEX requests_live ON requests (priority DESC, submitted_at, id) WHERE outcome = '';
CREATE INDEX requests_order ON requests (priority DESC, submitted_at, id);
CREATE INDEX requests_researcher ON requests (researcher_id, priority DESC, submitted_at, id);
CREATE INDEX requests_assignee ON requests (assignee, priority DESC, submitted_at, id) WHERE assignee <> '';
CREATE INDEX requests_parked ON requests (priority DESC, submitted_at, id) WHERE parked <> '';
CREATE INDEX requests_due ON requests (due_at) WHERE outcome = '' AND due_at IS NOT NULL;
CREATE INDEX requests_words ON requests USING gin (array_to_tsvector(string_to_array(title_words, ' ')));

CREATE TABLE state_history (
    request_id text NOT NULL REFERENCES requests (id),
    seq        bigint NOT NULL,
    from_state text NOT NULL, -- '' in the first row
    to_state   text NOT NULL,
    event      text NOT NULL,
    by_actor   json,
    reason     text NOT NULL DEFAULT '',
    at         timestamptz NOT NULL,
    commit_id  text NOT NULL,
    PRIMARY KEY (request_id, seq)
);
CREATE INDEX state_history_at ON state_history (at);

CREATE TABLE requirements (
    request_id text NOT NULL REFERENCES requests (id),
    version    integer NOT NULL,
    body       json NOT NULL,
    by_actor   json,
    reason     text NOT NULL DEFAULT '',
    at         timestamptz NOT NULL,
    PRIMARY KEY (request_id, version)
);

CREATE TABLE feasibility_reports (
    id                   text PRIMARY KEY,
    request_id           text NOT NULL REFERENCES requests (id),
    requirements_version integer NOT NULL,
    feasible             boolean NOT NULL,
    cohort               bigint NOT NULL,
    minimum_cohort       bigint NOT NULL,
    elements             json,
    reasons              json,
    at                   timestamptz NOT NULL
);
CREATE INDEX feasibility_reports_request ON feasibility_reports (request_id, id);

CREATE TABLE step_executions (
    id             text PRIMARY KEY,
    request_id     text NOT NULL REFERENCES requests (id),
    state          text NOT NULL,
    step           text NOT NULL,
    visit          bigint NOT NULL,
    attempt        integer NOT NULL,
    failed         integer NOT NULL, -- attempts of this visit that failed before
    lost           integer NOT NULL, -- attempts of this visit whose host was lost before
    status         text NOT NULL, -- ready, running, succeeded, failed, lost, cancelled, paused
    priority       smallint NOT NULL,
    run_at         timestamptz NOT NULL,
    owner          text NOT NULL DEFAULT '',
    token          bigint NOT NULL,
    lease_until    timestamptz,
    started_at     timestamptz,
    finished_at    timestamptz,
    event          text NOT NULL DEFAULT '',
    error_class    text NOT NULL DEFAULT '',
    error_text     text NOT NULL DEFAULT '',
    progress_done  bigint NOT NULL DEFAULT 0,
    progress_total bigint NOT NULL DEFAULT 0,
    progress_note  text NOT NULL DEFAULT '',
    output         json,
    UNIQUE (request_id, visit, attempt)
);
CREATE INDEX step_executions_ready ON step_executions (step, priority DESC, run_at) WHERE status = 'ready';
CREATE INDEX step_executions_running ON step_executions (lease_until) WHERE status = 'running';

CREATE TABLE gates (
    id                   text PRIMARY KEY,
    request_id           text NOT NULL REFERENCES requests (id),
    state                text NOT NULL,
    visit                bigint NOT NULL,
    roles                json NOT NULL,
    escalate_to          json,
    waiting_for          text NOT NULL, -- who may decide now: '|role|role|'
    quorum               json NOT NULL,
    status               text NOT NULL, -- open, approved, rejected, modified, closed
    opened_at            timestamptz NOT NULL,
    due_at               timestamptz,
    escalations          integer NOT NULL DEFAULT 0,
    closed_at            timestamptz,
    requirements_version integer NOT NULL
);
CREATE INDEX gates_request ON gates (request_id, visit);
CREATE INDEX gates_open ON gates (due_at) WHERE status = 'open';

CREATE TABLE approvals (
    id           text PRIMARY KEY,
    request_id   text NOT NULL REFERENCES requests (id),
    gate_id      text NOT NULL REFERENCES gates (id),
    reviewer_id  text NOT NULL,
    by_actor     json NOT NULL,
    on_behalf_of json,
    role         text NOT NULL,
    verdict      text NOT NULL, -- approve, reject, modify
    reason       text NOT NULL DEFAULT '',
    at           timestamptz NOT NULL,
    from_version integer NOT NULL,
    to_version   integer NOT NULL,
    patch        json,
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
    from_actor json NOT NULL,
    to_actor   json NOT NULL,
    reason     text NOT NULL DEFAULT '',
    at         timestamptz NOT NULL,
    PRIMARY KEY (gate_id, from_id, to_id)
);

CREATE TABLE escalations (
    id         text PRIMARY KEY,
    request_id text NOT NULL REFERENCES requests (id),
    gate_id    text NOT NULL REFERENCES gates (id),
    level      integer NOT NULL,
    roles      json,
    at         timestamptz NOT NULL,
    UNIQUE (gate_id, level)
);
CREATE INDEX escalations_request ON escalations (request_id);

CREATE TABLE interventions (
    id         text PRIMARY KEY,
    request_id text NOT NULL REFERENCES requests (id),
    kind       text NOT NULL, -- suspend, resume, retry, reassign, priority, due
    person_id  text NOT NULL,
    by_actor   json NOT NULL,
    reason     text NOT NULL,
    value      text NOT NULL DEFAULT '', -- what it was changed to
    at         timestamptz NOT NULL
);
CREATE INDEX interventions_request ON interventions (request_id);

CREATE TABLE deliveries (
    id              text PRIMARY KEY,
    request_id      text NOT NULL REFERENCES requests (id),
    location        text NOT NULL,
    format          text NOT NULL,
    files           json,
    manifest_sha256 text NOT NULL,
    at              timestamptz NOT NULL
);
CREATE INDEX deliveries_request ON deliveries (request_id, id);

CREATE TABLE timers (
    id         text PRIMARY KEY,
    request_id text NOT NULL,
    kind       text NOT NULL, -- remind, escalate, overdue
    gate_id    text NOT NULL DEFAULT '',
    fire_at    timestamptz NOT NULL
);
CREATE INDEX timers_due ON timers (fire_at);
CREATE INDEX timers_request ON timers (request_id);

CREATE TABLE outbox (
    id          text PRIMARY KEY,
    kind        text NOT NULL, -- notification, audit
    request_id  text NOT NULL,
    seq         bigint NOT NULL,
    payload     json NOT NULL,
    created_at  timestamptz NOT NULL,
    attempts    integer NOT NULL DEFAULT 0,
    error_class text NOT NULL DEFAULT '',
    owner       text NOT NULL DEFAULT '',
    lease_until timestamptz,
    run_at      timestamptz NOT NULL
);
CREATE INDEX outbox_due ON outbox (run_at);
CREATE INDEX outbox_order ON outbox (request_id, kind, seq);

CREATE TABLE audit (
    chain    text NOT NULL, -- the request's id, or 'system'
    seq      bigint NOT NULL,
    id       text NOT NULL UNIQUE,
    type     text NOT NULL,
    recorded timestamptz NOT NULL,
    prev     text NOT NULL,
    hash     text NOT NULL,
    body     text NOT NULL, -- canonical JSON
    PRIMARY KEY (chain, seq)
);

-- Ends of the chains that belong to no request.
CREATE TABLE audit_heads (
    chain text PRIMARY KEY,
    seq   bigint NOT NULL,
    hash  text NOT NULL
);

CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail is append-only';
END
$$;
CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON audit
    FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
