from pathlib import Path
import sys
from tests.store.pg_server import PgServer
from ringwall.store.postgresql import PostgresStore
from tests.server import world as W
def test_x(tmp_path, monkeypatch):
    pg=PgServer()
    try:
        url=pg.fresh_schema()
        monkeypatch.setattr(W,"SqliteStore",lambda path, clock, reserve_bytes: PostgresStore(url, tmp_path, clock=clock))
        w=W.World(tmp_path)
        try:
            for reader in w.tokens:
                if reader=="stranger": continue
                with w.http(reader) as h:
                    for m,p in [("GET","/api/v1/people/%00"),("DELETE","/api/v1/people/analyst/tokens/%00"),("DELETE","/api/v1/people/analyst/passkeys/%00"),("DELETE","/api/v1/people/analyst/sessions/%00"),("DELETE","/api/v1/tokens/%00"),("DELETE","/api/v1/passkeys/%00"),("DELETE","/api/v1/searches/%00"),("DELETE","/api/v1/login-links/%00"),("POST","/api/v1/login-links/%00/confirmation"),("GET","/taxii2/ringwall/status/%00"),("GET","/taxii2/ringwall/collections/%00"),("GET","/taxii2/ringwall/collections/all/objects/%00"),("DELETE","/taxii2/ringwall/collections/source-arden/objects/%00"),("GET","/api/v1/requests/%00"),("DELETE","/api/v1/held-releases/%00"),("GET","/api/v1/agreements/%00"),("POST","/api/v1/references/%00"),("GET","/api/v1/objects/%00"),("GET","/api/v1/statements/%00"),("GET","/static/%00"),("GET","/taxii2/ringwall/collections/all/objects?match[type]=%00"),("GET","/api/v1/catalogue?owner=%00"),("POST","/api/v1/people/%00/login-link")]:
                        r=h.request(m,p)
                        if r.status_code>=500: print(reader,m,p,r.status_code,r.text[:150])
                    r=h.post("/api/v1/searches",json={"name":"x","text":"a\x00b"}); 
                    r2=h.get("/taxii2/ringwall/collections/"+r.json().get("id","x")+"/objects") if r.status_code==201 else r
                    if max(r.status_code,r2.status_code)>=500: print("search nul", r.status_code, r2.status_code, r2.text[:200])
                    r=h.post("/api/v1/tokens",json={"note":"a\x00b"}); 
                    if r.status_code>=500: print("token note", r.status_code, r.text[:100])
                    r=h.get("/api/v1/statements",params={"text":"a\u0000"}); 
                    if r.status_code>=500: print("text", r.status_code)
                    r=h.post("/api/v1/submissions?label=warning",content=W.bundle(W.indicator("a\x00b")),headers={"idempotency-key":"k"})
                    if r.status_code>=500: print("submit nul", r.status_code, r.text[:200])
            with w.http() as h:
                r=h.post("/api/v1/login",json={"code":"a\x00"}); print("login",r.status_code)
                r=h.get("/api/v1/me",headers={"authorization":"Bearer a\xff"}); print(r.status_code)
                r=h.get("/api/v1/me",headers={"cookie":"ringwall=a\\000b"}); print("cookie",r.status_code)
        finally: w.close()
    finally: pg.stop() if hasattr(pg,"stop") else None
