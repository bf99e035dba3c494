-- Every row carries a CRC-32 of its values (NULL: written before this); `migration` is the second witness of the version.
ALTER TABLE setting ADD COLUMN crc INTEGER;
ALTER TABLE note ADD COLUMN crc INTEGER;
ALTER TABLE availability ADD COLUMN crc INTEGER;
ALTER TABLE latch ADD COLUMN crc INTEGER;
ALTER TABLE cache ADD COLUMN crc INTEGER;
ALTER TABLE transaction_data ADD COLUMN crc INTEGER;
ALTER TABLE dead_letter ADD COLUMN crc INTEGER;
CREATE TABLE migration (number INTEGER PRIMARY KEY);
