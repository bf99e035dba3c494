-- Durable state of one charge point. Rows that money depends on carry a CRC-32 of their content.
CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE note (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE availability (connector_id INTEGER PRIMARY KEY, operative INTEGER NOT NULL, scheduled INTEGER);
CREATE TABLE latch (connector_id INTEGER NOT NULL, kind TEXT NOT NULL, PRIMARY KEY (connector_id, kind)) WITHOUT ROWID;
CREATE TABLE cache (id_tag TEXT PRIMARY KEY, entry TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE charging_transaction (
    local_id TEXT PRIMARY KEY,
    connector_id INTEGER NOT NULL,
    ended INTEGER NOT NULL,
    content TEXT NOT NULL,
    crc INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX charging_transaction_open ON charging_transaction (ended) WHERE ended = 0;
CREATE TABLE transaction_data (
    seq INTEGER PRIMARY KEY,
    local_id TEXT NOT NULL,
    meter_value TEXT NOT NULL
);
CREATE INDEX transaction_data_of ON transaction_data (local_id);
CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id TEXT NOT NULL UNIQUE,
    local_id TEXT NOT NULL,
    content TEXT NOT NULL,
    crc INTEGER NOT NULL
);
CREATE TABLE dead_letter (
    seq INTEGER PRIMARY KEY,
    content TEXT NOT NULL,
    why TEXT NOT NULL
);
