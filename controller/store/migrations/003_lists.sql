-- Whom the station knows by itself, and for whom it keeps a connector.
CREATE TABLE local_list (id_tag TEXT PRIMARY KEY, entry TEXT NOT NULL, crc INTEGER) WITHOUT ROWID;
CREATE TABLE reservation (reservation_id INTEGER PRIMARY KEY, content TEXT NOT NULL, crc INTEGER);
CREATE TABLE tag (id_tag TEXT PRIMARY KEY, content TEXT NOT NULL, crc INTEGER) WITHOUT ROWID;
