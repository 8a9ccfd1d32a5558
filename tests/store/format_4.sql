-- A state as version 0.1.0 wrote it: the tables of format 4, and what a few runs left in them.
CREATE TABLE cursors (name TEXT PRIMARY KEY, value TEXT NOT NULL, stored REAL NOT NULL) WITHOUT ROWID;
INSERT INTO "cursors" VALUES('route assets','{"read_until":"2026-01-01T00:00:00.000Z","run":{"began":"2026-02-01T00:00:00.000Z","id":77}}',1.79533470430739951128e+09);
INSERT INTO "cursors" VALUES('route tickets','{"read_until":"2026-10-31T23:59:59.999Z","remembered":[1,2,3]}',1.79533470430711221692e+09);
CREATE TABLE intents (number INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL, run INTEGER NOT NULL, identity TEXT NOT NULL, request TEXT NOT NULL, payload TEXT, at REAL NOT NULL, done INTEGER NOT NULL DEFAULT 0, id TEXT, reason TEXT NOT NULL DEFAULT '');
INSERT INTO "intents" VALUES(1,'route laptops',1,'x','POST /Asset',NULL,1.79533470430913615232e+09,1,'7','');
INSERT INTO "intents" VALUES(2,'route laptops',1,'y','POST /Asset','[{"inventory_number":"y"}]',1.79533470430913615232e+09,0,NULL,'no answer came');
INSERT INTO "intents" VALUES(3,'route laptops',1,'z','POST /Asset',NULL,1.79533470430913615232e+09,0,NULL,'');
INSERT INTO "intents" VALUES(4,'import',1,'x','POST /Asset',NULL,1.79533470431689572339e+09,1,'7','');
INSERT INTO "intents" VALUES(5,'import',1,'y','POST /Asset','[{"inventory_number":"y"}]',1.79533470431689572339e+09,0,NULL,'no answer came');
INSERT INTO "intents" VALUES(6,'import',1,'z','POST /Asset',NULL,1.79533470431689572339e+09,0,NULL,'');
CREATE TABLE storages (storage TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, ends REAL, PRIMARY KEY (storage, key)) WITHOUT ROWID;
INSERT INTO "storages" VALUES('seen','a','{"name":"na\u00efve '' \ud83d\ude00","n":12345678901234567890}',NULL);
INSERT INTO "storages" VALUES('seen','b','[1,2.5,null]',NULL);
INSERT INTO "storages" VALUES('short','gone','1',1.00179533470430798334e+12);
CREATE INDEX intents_of_a_job ON intents (job, identity);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('intents',6);
