"""Checks the audit chain of one client: python3 check_chain.py FILE

FILE is the answer to GET /v2/clients/{client_id}/audit-log?format=ndjson"""
import hashlib, json, sys

NAMES = ("id tenant_id chain_id sequence created_at entity_type entity_id action actor_kind actor_id "
         "surface request_id operation_id previous_hash").split()

def digest(value):
    sealed = bytes.fromhex(value.get("salt", "")) + value.get("text", "").encode()
    return value["digest"] if "digest" in value else hashlib.sha256(sealed).hexdigest()

def told(value):
    return json.loads(value["text"]) if "text" in value else {"erased": True}

entries = sorted(map(json.loads, open(sys.argv[1], encoding="utf-8")), key=lambda entry: entry["sequence"])
previous = "0" * 64
for number, entry in enumerate(entries, 1):
    sealed = entry["sealed"]
    form = {name: str(entry[name]) for name in NAMES} | {"format": "1"}
    form |= {name: digest(sealed[name]) for name in ("actor_name", "source_address")}
    form["changes"] = [[field, digest(before), digest(after)] for field, before, after in sealed["changes"]]
    text = json.dumps(form, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    shown = [(entry[side].get(field, told(value)), told(value)) for field, *values in sealed["changes"]
             for side, value in zip(("previous_value", "new_value"), values)]
    shown += [(entry[name], told(sealed[name])) for name in ("actor_name", "source_address") if name in entry]
    if (entry["sequence"], entry["previous_hash"]) != (number, previous):
        sys.exit(f"entry {number} is not there, or does not follow the one before it")
    if entry["entry_hash"] != hashlib.sha256(text.encode()).hexdigest() or any(a != b for a, b in shown):
        sys.exit(f"entry {number} was edited")
    previous = entry["entry_hash"]
# The newest entries may have been cut off: compare this hash with the one of a checkpoint.
print(f"{len(entries)} entries, the newest with the hash {previous}")
